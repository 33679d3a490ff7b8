//! Who answers: one file per vendor, one line in the table.

mod anthropic;
mod bedrock;
mod chat;
mod gemini;
mod ollama;
mod openai;
mod web;

use bytes::Bytes;
use serde_json::Value;

use crate::answer::Answer;
use crate::respond::Arrived;

/// One vendor's API.
pub(crate) struct Vendor {
    /// Whether a host is this vendor's.
    pub(crate) serves: fn(&str) -> bool,
    pub(crate) answer: fn(&Arrived) -> Answer,
    /// An error in the vendor's own shape.
    pub(crate) error: fn(u16) -> Answer,
}

/// The first one that serves a host answers; `web` serves the rest of the internet.
const VENDORS: &[Vendor] =
    &[openai::VENDOR, anthropic::VENDOR, gemini::VENDOR, ollama::VENDOR, bedrock::VENDOR, chat::VENDOR, web::VENDOR];

/// What the real ones send, and what would lead a client around the puck.
pub(crate) const ALT_SVC: &str = "h3=\":443\"; ma=86400";

/// A word in a prompt that makes a model call the first of its tools.
const TOOL_MARKER: &str = "CALL_TOOL";

/// Plausible text that repeats nothing of the prompt.
const TEXT: &str = "Certainly. Here is a short summary of the points that matter most for the quarterly review: \
    revenue grew in three of four regions, support times fell by a fifth, and two suppliers asked for longer terms. \
    I would start with the regions, add one chart, and leave the suppliers for the appendix. ";

pub(crate) fn answer(request: &Arrived) -> Answer {
    let vendor = VENDORS.iter().find(|vendor| (vendor.serves)(&request.host)).unwrap_or(&web::VENDOR);
    let mut answer = match request.fault.status {
        Some(status) => (vendor.error)(status),
        None => (vendor.answer)(request),
    };
    answer.headers.push(("alt-svc", ALT_SVC.to_owned()));
    answer
}

/// The answer's words, each with the space after it.
fn words(request: &Arrived) -> Vec<String> {
    if request.fault.echo.is_some() {
        return pieces(request, &told(request));
    }
    let count = request.fault.words.unwrap_or(24);
    TEXT.split_inclusive(' ').cycle().take(count).map(str::to_owned).collect()
}

/// What the request said last.
fn told(request: &Arrived) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let turns = ["messages", "input", "contents"].iter().find_map(|name| body[name].as_array());
    let last = turns.and_then(|turns| turns.last()).unwrap_or(&body["input"]);
    let content = last.get("content").or(last.get("parts")).unwrap_or(last);
    content.as_str().or_else(|| content[0]["text"].as_str()).unwrap_or_default().to_owned()
}

/// A text in the pieces that were asked for.
fn pieces(request: &Arrived, text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(request.fault.echo.unwrap_or(usize::MAX)).map(|piece| piece.iter().collect()).collect()
}

/// About what a tokenizer would count.
fn tokens(bytes: usize) -> usize {
    bytes.div_ceil(4)
}

/// Arguments for a call of a tool with this JSON schema: every required property gets a plausible word, or what was told.
fn arguments(request: &Arrived, schema: &Value) -> Value {
    let word = if request.fault.echo.is_some() { told(request) } else { "Lisbon".to_owned() };
    filled(schema, &word)
}

fn filled(schema: &Value, word: &str) -> Value {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    required.map(|name| (name.to_owned(), Value::from(word))).collect::<serde_json::Map<_, _>>().into()
}

/// One server-sent event.
fn event(name: Option<&str>, data: &Value) -> Bytes {
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{VENDORS, filled};
    use serde_json::json;

    #[test]
    fn every_host_has_one_vendor_and_the_rest_is_the_web() {
        for (host, index) in [
            ("api.openai.com", 0),
            ("office.openai.azure.com", 0),
            ("api.anthropic.com", 1),
            ("generativelanguage.googleapis.com", 2),
            ("ollama.com", 3),
            ("bedrock-runtime.eu-central-1.amazonaws.com", 4),
            ("chatgpt.com", 5),
            ("www.example.com", 6),
            ("notapi.anthropic.com.example", 6),
        ] {
            assert_eq!(VENDORS.iter().position(|vendor| (vendor.serves)(host)), Some(index), "{host}");
        }
    }

    #[test]
    fn tool_arguments_fill_what_is_required() {
        let schema = json!({ "properties": { "city": {}, "unit": {} }, "required": ["city"] });
        assert_eq!(filled(&schema, "Lisbon"), json!({ "city": "Lisbon" }));
        assert_eq!(filled(&json!(null), "Lisbon"), json!({}));
    }
}
