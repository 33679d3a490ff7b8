//! Ollama: lines of JSON, streamed unless the request says otherwise, with the counts in the last one.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Vendor, tokens, words};
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor = Vendor { serves: |host| host == "ollama.com", answer, error };

fn answer(request: &Arrived) -> Answer {
    if request.path != "/api/chat" || request.method != http::Method::POST {
        return problem(404, "not found");
    }
    let Ok(asked) = serde_json::from_slice::<Value>(&request.body) else { return problem(400, "invalid request") };
    let (Some(model), Some(messages)) = (asked["model"].as_str(), asked["messages"].as_array()) else {
        return problem(400, "model is required");
    };
    let words = words(request);
    let line = |content: &str, done: bool| {
        let message = json!({ "role": "assistant", "content": content });
        json!({ "model": model, "created_at": "2026-11-02T08:52:19.385406455Z", "message": message, "done": done })
    };
    let last = |content: &str| {
        let mut last = line(content, true);
        last["done_reason"] = "stop".into();
        last["total_duration"] = 4_883_583_458_u64.into();
        last["prompt_eval_count"] = tokens(json!(messages).to_string().len()).into();
        last["eval_count"] = words.len().into();
        last
    };
    if asked["stream"] == false {
        return Answer::json(200, &last(&words.concat()));
    }
    let lines = words.iter().map(|word| line(word, false)).chain([last("")]);
    Answer::stream("application/x-ndjson", lines.map(|line| Bytes::from(format!("{line}\n"))).collect())
}

fn error(status: u16) -> Answer {
    problem(status, "unexpected error")
}

fn problem(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": message }))
}
