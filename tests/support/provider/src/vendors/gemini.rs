//! Gemini: whole answers, streams of server-sent events, and streams that are one JSON array.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{TOOL_MARKER, Vendor, arguments, event, tokens, words};
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor = Vendor { serves: |host| host == "generativelanguage.googleapis.com", answer, error };

fn answer(request: &Arrived) -> Answer {
    let Some((model, verb)) = request.path.rsplit_once("/models/").and_then(|(_, call)| call.split_once(':')) else {
        return problem(404, "NOT_FOUND", "Requested entity was not found.");
    };
    if request.method != http::Method::POST {
        return problem(404, "NOT_FOUND", "Requested entity was not found.");
    }
    let key = request.header("x-goog-api-key").or(request.header("authorization")).or(request.query("key"));
    if key.is_none_or(str::is_empty) {
        return problem(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.");
    }
    let asked = match Asked::read(model, &request.body) {
        Ok(asked) => asked,
        Err(why) => return problem(400, "INVALID_ARGUMENT", why),
    };
    match verb {
        "generateContent" => Answer::json(200, &asked.whole(request)),
        "streamGenerateContent" if request.query("alt") == Some("sse") => Answer::events(asked.events(request)),
        "streamGenerateContent" => Answer::array(asked.chunks(request)),
        "countTokens" => Answer::json(200, &json!({ "totalTokens": asked.prompt_tokens })),
        _ => problem(404, "NOT_FOUND", "Requested entity was not found."),
    }
}

fn error(status: u16) -> Answer {
    let (kind, message) = match status {
        429 => ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        _ => ("INTERNAL", "An internal error has occurred."),
    };
    problem(status, kind, message)
}

fn problem(status: u16, kind: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": status, "message": message, "status": kind } }))
}

/// The parts of a request that shape its answer.
struct Asked {
    model: String,
    /// Name and JSON schema of the tool to call.
    tool: Option<(String, Value)>,
    prompt_tokens: usize,
}

impl Asked {
    fn read(model: &str, body: &[u8]) -> Result<Self, &'static str> {
        let value: Value = serde_json::from_slice(body).map_err(|_| "Invalid JSON payload received.")?;
        // A count may be asked for a whole request, which lies one level deeper.
        let value = value.get("generateContentRequest").unwrap_or(&value);
        let contents =
            value["contents"].as_array().ok_or("* GenerateContentRequest.contents: contents is not specified")?;
        let last = contents.last().ok_or("* GenerateContentRequest.contents: contents is not specified")?;
        let function = &value["tools"][0]["functionDeclarations"][0];
        let tool = function["name"].as_str().filter(|_| last.to_string().contains(TOOL_MARKER));
        let schema = function.get("parametersJsonSchema").unwrap_or(&function["parameters"]);
        Ok(Self {
            model: model.to_owned(),
            tool: tool.map(|name| (name.to_owned(), schema.clone())),
            prompt_tokens: tokens(value["contents"].to_string().len() + value["systemInstruction"].to_string().len()),
        })
    }

    fn call(&self, request: &Arrived) -> Option<Value> {
        let (name, schema) = self.tool.as_ref()?;
        Some(json!({ "functionCall": { "name": name, "args": arguments(request, schema) } }))
    }

    fn whole(&self, request: &Arrived) -> Value {
        let words = words(request);
        let part = self.call(request).unwrap_or_else(|| json!({ "text": words.concat() }));
        self.chunk(&part, words.len(), true)
    }

    /// The counters of each chunk hold for all that was said until then.
    fn chunks(&self, request: &Arrived) -> Vec<Value> {
        let words = words(request);
        if let Some(call) = self.call(request) {
            return vec![self.chunk(&call, words.len(), true)];
        }
        let one =
            |(said, word): (usize, &String)| self.chunk(&json!({ "text": word }), said + 1, said + 1 == words.len());
        words.iter().enumerate().map(one).collect()
    }

    fn events(&self, request: &Arrived) -> Vec<Bytes> {
        self.chunks(request).iter().map(|chunk| event(None, chunk)).collect()
    }

    fn chunk(&self, part: &Value, said: usize, last: bool) -> Value {
        let mut candidate = json!({ "content": { "parts": [part], "role": "model" }, "index": 0 });
        if last {
            candidate["finishReason"] = "STOP".into();
        }
        let usage = json!({
            "promptTokenCount": self.prompt_tokens, "candidatesTokenCount": said,
            "totalTokenCount": self.prompt_tokens + said,
            "promptTokensDetails": [{ "modality": "TEXT", "tokenCount": self.prompt_tokens }],
        });
        json!({
            "candidates": [candidate], "usageMetadata": usage, "modelVersion": self.model,
            "responseId": "kP2aaMvzG5rUz7IPx6-x2Qw",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Asked;

    #[test]
    fn refuses_what_the_real_one_refuses() {
        for body in [&b"{"[..], b"{}", br#"{"contents":"hi"}"#, br#"{"contents":[]}"#] {
            assert!(Asked::read("gemini-3-pro", body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(Asked::read("gemini-3-pro", br#"{"contents":[{"parts":[{"text":"hi"}]}]}"#).is_ok());
    }
}
