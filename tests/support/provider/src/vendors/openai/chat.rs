//! Chat completions.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{TOOL_MARKER, arguments, event, pieces, tokens, words};
use super::CREATED;
use crate::respond::Arrived;

const ID: &str = "chatcmpl-Br4tKz0nQyF3sVgYp1WdLh7e";

/// The parts of a request that shape its answer.
pub(super) struct Chat {
    model: String,
    pub(super) stream: bool,
    include_usage: bool,
    /// Name and JSON schema of the tool to call.
    tool: Option<(String, Value)>,
    prompt_tokens: usize,
}

impl Chat {
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        let value: Value =
            serde_json::from_slice(body).map_err(|_| "We could not parse the JSON body of your request.")?;
        let model = value["model"].as_str().ok_or("you must provide a model parameter")?;
        let messages = value["messages"].as_array().ok_or("Missing required parameter: 'messages'.")?;
        if messages.is_empty() || messages.iter().any(|message| message["role"].as_str().is_none()) {
            return Err("Invalid 'messages': each needs a role, and there must be one.");
        }
        let marked = messages.last().is_some_and(|last| last["content"].to_string().contains(TOOL_MARKER));
        let function = &value["tools"][0]["function"];
        let tool = function["name"].as_str().filter(|_| marked);
        Ok(Self {
            model: model.to_owned(),
            stream: value["stream"] == true,
            include_usage: value["stream_options"]["include_usage"] == true,
            tool: tool.map(|name| (name.to_owned(), function["parameters"].clone())),
            prompt_tokens: tokens(value["messages"].to_string().len()),
        })
    }

    fn usage(&self, completion_tokens: usize) -> Value {
        json!({
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": self.prompt_tokens + completion_tokens,
            "prompt_tokens_details": { "cached_tokens": 0, "audio_tokens": 0 },
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    }

    fn call(&self, request: &Arrived) -> Option<Value> {
        self.tool.as_ref().map(|(name, schema)| {
            let function = json!({ "name": name, "arguments": arguments(request, schema).to_string() });
            json!({ "id": "call_9pWc2LmXe0RbTq7Uy5ZsKd3F", "type": "function", "function": function })
        })
    }

    pub(super) fn completion(&self, request: &Arrived) -> Value {
        let words = words(request);
        let (message, reason) = match self.call(request) {
            Some(call) => {
                (json!({ "role": "assistant", "content": null, "tool_calls": [call], "refusal": null }), "tool_calls")
            }
            None => {
                (json!({ "role": "assistant", "content": words.concat(), "refusal": null, "annotations": [] }), "stop")
            }
        };
        json!({
            "id": ID, "object": "chat.completion", "created": CREATED, "model": self.model,
            "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": reason }],
            "usage": self.usage(words.len()),
            "service_tier": "default", "system_fingerprint": "fp_44709d6fcb",
        })
    }

    pub(super) fn events(&self, request: &Arrived) -> Vec<Bytes> {
        let words = words(request);
        let mut events = Vec::with_capacity(words.len() + 4);
        match self.call(request) {
            Some(mut call) => {
                call["index"] = json!(0);
                let mut pieces = pieces(request, call["function"]["arguments"].as_str().unwrap_or_default());
                call["function"]["arguments"] = pieces.remove(0).into();
                events.push(self.chunk(json!({ "role": "assistant", "content": null, "tool_calls": [call] }), None));
                events.extend(pieces.iter().map(|piece| {
                    let call = json!({ "index": 0, "function": { "arguments": piece } });
                    self.chunk(json!({ "tool_calls": [call] }), None)
                }));
                events.push(self.chunk(json!({}), Some("tool_calls")));
            }
            None => {
                events.push(self.chunk(json!({ "role": "assistant", "content": "", "refusal": null }), None));
                events.extend(words.iter().map(|word| self.chunk(json!({ "content": word }), None)));
                events.push(self.chunk(json!({}), Some("stop")));
            }
        }
        if self.include_usage {
            let mut last = self.envelope(json!([]));
            last["usage"] = self.usage(words.len());
            events.push(event(None, &last));
        }
        events.push(Bytes::from_static(b"data: [DONE]\n\n"));
        events
    }

    fn chunk(&self, delta: Value, reason: Option<&str>) -> Bytes {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason });
        event(None, &self.envelope(json!([choice])))
    }

    fn envelope(&self, choices: Value) -> Value {
        let mut envelope = json!({
            "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": self.model,
            "service_tier": "default", "system_fingerprint": "fp_44709d6fcb", "choices": choices,
        });
        if self.include_usage {
            envelope["usage"] = Value::Null;
        }
        envelope
    }
}

#[cfg(test)]
mod tests {
    use super::Chat;

    #[test]
    fn refuses_what_the_real_one_refuses() {
        for body in [
            &b"{"[..],
            b"[]",
            br#"{"messages":[{"role":"user","content":"hi"}]}"#,
            br#"{"model":"gpt-5","messages":[]}"#,
            br#"{"model":"gpt-5","messages":[{"content":"hi"}]}"#,
        ] {
            assert!(Chat::read(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(Chat::read(br#"{"model":"gpt-5","messages":[{"role":"user","content":"hi"}]}"#).is_ok());
    }
}
