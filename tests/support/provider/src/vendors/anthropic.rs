//! Anthropic messages.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{TOOL_MARKER, Vendor, arguments, event, pieces, tokens, words};
use crate::answer::Answer;
use crate::respond::Arrived;

pub(super) const VENDOR: Vendor = Vendor { serves: |host| host == "api.anthropic.com", answer, error };

const REQUEST_ID: &str = "req_011CSHoEeqs5C35K2UUqR7Fy";

fn answer(request: &Arrived) -> Answer {
    let counts = request.path == "/v1/messages/count_tokens";
    if (!counts && request.path != "/v1/messages") || request.method != http::Method::POST {
        return problem(404, "not_found_error", "Not found");
    }
    let key = request.header("x-api-key").or(request.header("authorization"));
    if key.is_none_or(str::is_empty) {
        return problem(401, "authentication_error", "x-api-key header is required");
    }
    if request.header("anthropic-version").is_none() {
        return problem(400, "invalid_request_error", "anthropic-version: header is required");
    }
    // Instructions between the turns came with a beta.
    let roles: &[&str] = match request.header("anthropic-beta") {
        Some(_) => &["user", "assistant", "system"],
        None => &["user", "assistant"],
    };
    match Messages::read(&request.body, roles, counts) {
        Ok(messages) if counts => {
            Answer::json(200, &json!({ "input_tokens": messages.input_tokens })).with_request_id()
        }
        Ok(messages) if messages.stream => Answer::events(messages.events(request)).with_request_id(),
        Ok(messages) => Answer::json(200, &messages.message(request)).with_request_id(),
        Err(why) => problem(400, "invalid_request_error", why),
    }
}

fn error(status: u16) -> Answer {
    let (kind, message) = match status {
        429 => ("rate_limit_error", "This request would exceed your rate limit."),
        529 => ("overloaded_error", "Overloaded"),
        _ => ("api_error", "Internal server error"),
    };
    problem(status, kind, message)
}

fn problem(status: u16, kind: &str, message: &str) -> Answer {
    let error = json!({ "type": kind, "message": message });
    Answer::json(status, &json!({ "type": "error", "error": error, "request_id": REQUEST_ID })).with_request_id()
}

impl Answer {
    fn with_request_id(mut self) -> Self {
        self.headers.push(("request-id", REQUEST_ID.to_owned()));
        self
    }
}

/// The parts of a request that shape its answer.
struct Messages {
    model: String,
    stream: bool,
    /// Name and JSON schema of the tool to call.
    tool: Option<(String, Value)>,
    input_tokens: usize,
}

impl Messages {
    /// `counts`: nothing is to be answered, only counted.
    fn read(body: &[u8], roles: &[&str], counts: bool) -> Result<Self, &'static str> {
        let value: Value = serde_json::from_slice(body).map_err(|_| "The request body is not valid JSON")?;
        let model = value["model"].as_str().ok_or("model: Field required")?;
        if !counts {
            value["max_tokens"].as_u64().ok_or("max_tokens: Field required")?;
        }
        let messages = value["messages"].as_array().ok_or("messages: Field required")?;
        if messages.is_empty() {
            return Err("messages: at least one message is required");
        }
        if messages.iter().any(|message| message["role"].as_str().is_none_or(|role| !roles.contains(&role))) {
            return Err("messages: Unexpected role. The Messages API accepts a top-level `system` parameter.");
        }
        let last = messages.iter().rfind(|message| message["role"] == "user");
        let marked = last.is_some_and(|last| last["content"].to_string().contains(TOOL_MARKER));
        let tool = value["tools"][0]["name"].as_str().filter(|_| marked);
        Ok(Self {
            model: model.to_owned(),
            stream: value["stream"] == true,
            tool: tool.map(|name| (name.to_owned(), value["tools"][0]["input_schema"].clone())),
            input_tokens: tokens(value["messages"].to_string().len() + value["system"].to_string().len()),
        })
    }

    fn usage(&self, output: usize) -> Value {
        json!({
            "input_tokens": self.input_tokens, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": output, "service_tier": "standard",
        })
    }

    fn call(&self, input: Value) -> Option<Value> {
        let (name, _) = self.tool.as_ref()?;
        Some(json!({ "type": "tool_use", "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "name": name, "input": input }))
    }

    fn input(&self, request: &Arrived) -> Value {
        self.tool.as_ref().map_or(Value::Null, |(_, schema)| arguments(request, schema))
    }

    fn stop_reason(&self) -> &'static str {
        if self.tool.is_some() { "tool_use" } else { "end_turn" }
    }

    fn message(&self, request: &Arrived) -> Value {
        let words = words(request);
        let text = || json!({ "type": "text", "text": words.concat() });
        let mut message = self.envelope(&self.usage(words.len()));
        message["content"] = json!([self.call(self.input(request)).unwrap_or_else(text)]);
        message["stop_reason"] = self.stop_reason().into();
        message
    }

    fn envelope(&self, usage: &Value) -> Value {
        json!({
            "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF", "type": "message", "role": "assistant", "model": self.model,
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage,
        })
    }

    fn events(&self, request: &Arrived) -> Vec<Bytes> {
        let words = words(request);
        let start = json!({ "type": "message_start", "message": self.envelope(&self.usage(1)) });
        let block = self.call(json!({})).unwrap_or_else(|| json!({ "type": "text", "text": "" }));
        let mut events = vec![
            event(Some("message_start"), &start),
            event(
                Some("content_block_start"),
                &json!({ "type": "content_block_start", "index": 0, "content_block": block }),
            ),
            event(Some("ping"), &json!({ "type": "ping" })),
        ];
        let delta = |delta: Value| {
            event(Some("content_block_delta"), &json!({ "type": "content_block_delta", "index": 0, "delta": delta }))
        };
        if self.tool.is_some() {
            let input = pieces(request, &self.input(request).to_string());
            events
                .extend(input.iter().map(|piece| delta(json!({ "type": "input_json_delta", "partial_json": piece }))));
        } else {
            events.extend(words.iter().map(|word| delta(json!({ "type": "text_delta", "text": word }))));
        }
        let stop = json!({ "stop_reason": self.stop_reason(), "stop_sequence": null });
        let usage = json!({ "output_tokens": words.len() });
        events.extend([
            event(Some("content_block_stop"), &json!({ "type": "content_block_stop", "index": 0 })),
            event(Some("message_delta"), &json!({ "type": "message_delta", "delta": stop, "usage": usage })),
            event(Some("message_stop"), &json!({ "type": "message_stop" })),
        ]);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::Messages;

    const ROLES: &[&str] = &["user", "assistant"];

    #[test]
    fn refuses_what_the_real_one_refuses() {
        for body in [
            &b"not json"[..],
            br#"{"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
            br#"{"model":"claude","messages":[{"role":"user","content":"hi"}]}"#,
            br#"{"model":"claude","max_tokens":9,"messages":[]}"#,
            br#"{"model":"claude","max_tokens":9,"messages":[{"role":"system","content":"hi"}]}"#,
        ] {
            assert!(Messages::read(body, ROLES, false).is_err(), "{}", String::from_utf8_lossy(body));
        }
        let good = br#"{"model":"claude","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        assert!(Messages::read(good, ROLES, false).is_ok());
        assert!(
            Messages::read(br#"{"model":"claude","messages":[{"role":"user","content":"hi"}]}"#, ROLES, true).is_ok()
        );
    }
}
