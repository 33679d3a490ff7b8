//! Bedrock's Converse, whole and as a stream of Amazon's frames.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Vendor, tokens, words};
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor =
    Vendor { serves: |host| host.starts_with("bedrock-runtime.") && host.ends_with(".amazonaws.com"), answer, error };

fn answer(request: &Arrived) -> Answer {
    let path = request.path.strip_prefix("/model/").and_then(|rest| rest.split_once('/'));
    let asked = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    let Some(((_, verb), messages)) = path.zip(asked["messages"].as_array()) else {
        return problem(400, "The provided request is not valid");
    };
    let words = words(request);
    let input = tokens(json!(messages).to_string().len());
    // A third of the prompt was in the cache, and counts apart.
    let cached = input / 3;
    let usage = json!({
        "inputTokens": input - cached, "outputTokens": words.len(), "totalTokens": input + words.len(),
        "cacheReadInputTokens": cached, "cacheWriteInputTokens": 0,
    });
    match verb {
        "converse" => {
            let message = json!({ "role": "assistant", "content": [{ "text": words.concat() }] });
            let output = json!({ "message": message });
            let metrics = json!({ "latencyMs": 612 });
            Answer::json(
                200,
                &json!({ "output": output, "stopReason": "end_turn", "usage": usage, "metrics": metrics }),
            )
        }
        "converse-stream" => {
            let mut frames = vec![frame("messageStart", &json!({ "role": "assistant" }))];
            frames.extend(
                words.iter().map(|word| {
                    frame("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": word } }))
                }),
            );
            frames.push(frame("messageStop", &json!({ "stopReason": "end_turn" })));
            frames.push(frame("metadata", &json!({ "usage": usage, "metrics": { "latencyMs": 612 } })));
            Answer::stream("application/vnd.amazon.eventstream", frames)
        }
        _ => problem(404, "Not found"),
    }
}

/// One frame: lengths, their checksum, headers, payload, the checksum of all.
fn frame(event: &str, payload: &Value) -> Bytes {
    let mut headers = Vec::new();
    for (name, value) in [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")] {
        headers.push(u8::try_from(name.len()).expect("a short name"));
        headers.extend(name.as_bytes());
        // 7: a string.
        headers.push(7);
        headers.extend(u16::try_from(value.len()).expect("a short value").to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let payload = payload.to_string();
    let number = |length: usize| u32::try_from(length).expect("a short frame").to_be_bytes();
    let mut frame = [number(16 + headers.len() + payload.len()), number(headers.len())].concat();
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(headers);
    frame.extend(payload.as_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}

fn error(status: u16) -> Answer {
    problem(status, "The system encountered an unexpected error")
}

fn problem(status: u16, message: &str) -> Answer {
    Answer::json(status, &json!({ "message": message }))
}
