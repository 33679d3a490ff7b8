//! Responses: items instead of messages, and a stream that names every step.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{TOOL_MARKER, arguments, event, pieces, tokens, words};
use super::CREATED;
use crate::respond::Arrived;

const ID: &str = "resp_68a1f0c2d4b88190a7c35e9f01d2b6e4";
const MESSAGE: &str = "msg_68a1f0c2e5b08190b1d04f7a92c3d5e6";
const CALL: &str = "fc_68a1f0c2f6c88190c2e15a8b03d4e6f7";

/// The parts of a request that shape its answer.
pub(super) struct Responses {
    model: String,
    pub(super) stream: bool,
    /// Name and JSON schema of the tool to call.
    tool: Option<(String, Value)>,
    input_tokens: usize,
}

impl Responses {
    pub(super) fn read(body: &[u8]) -> Result<Self, &'static str> {
        let value: Value =
            serde_json::from_slice(body).map_err(|_| "We could not parse the JSON body of your request.")?;
        let model = value["model"].as_str().ok_or("Missing required parameter: 'model'.")?;
        let input = &value["input"];
        let marked = match input {
            Value::String(text) => text.contains(TOOL_MARKER),
            Value::Array(items) if items.is_empty() => return Err("Invalid 'input': it is empty."),
            // Agents put items of their own behind what was typed. Once the call has its output, there is text.
            Value::Array(items) => {
                let marked = items.iter().rposition(|item| item.to_string().contains(TOOL_MARKER));
                let called = items.iter().rposition(|item| item["type"] == "function_call_output");
                marked > called
            }
            _ => return Err("Missing required parameter: 'input'."),
        };
        let mut tools = value["tools"].as_array().into_iter().flatten();
        let tool = tools.find(|tool| tool["type"] == "function").filter(|_| marked);
        Ok(Self {
            model: model.to_owned(),
            stream: value["stream"] == true,
            tool: tool.map(|tool| (tool["name"].as_str().unwrap_or_default().to_owned(), tool["parameters"].clone())),
            input_tokens: tokens(input.to_string().len() + value["instructions"].to_string().len()),
        })
    }

    pub(super) fn response(&self, request: &Arrived) -> Value {
        let words = words(request);
        let item = self.call(request).unwrap_or_else(|| message("completed", &words.concat()));
        self.envelope("completed", json!([item]), self.usage(words.len()))
    }

    pub(super) fn events(&self, request: &Arrived) -> Vec<Bytes> {
        let words = words(request);
        let mut stream = Stream::default();
        let begun = self.envelope("in_progress", json!([]), Value::Null);
        stream.say("response.created", json!({ "response": begun }));
        stream.say("response.in_progress", json!({ "response": begun }));
        let item = match self.call(request) {
            Some(call) => stream.call(request, call),
            None => stream.text(&words),
        };
        let done = self.envelope("completed", json!([item]), self.usage(words.len()));
        stream.say("response.completed", json!({ "response": done }));
        stream.events
    }

    fn call(&self, request: &Arrived) -> Option<Value> {
        let (name, schema) = self.tool.as_ref()?;
        let arguments = arguments(request, schema).to_string();
        let call_id = "call_9pWc2LmXe0RbTq7Uy5ZsKd3F";
        Some(json!({ "id": CALL, "type": "function_call", "status": "completed", "call_id": call_id, "name": name,
            "arguments": arguments }))
    }

    fn usage(&self, output: usize) -> Value {
        json!({
            "input_tokens": self.input_tokens, "input_tokens_details": { "cached_tokens": 0 },
            "output_tokens": output, "output_tokens_details": { "reasoning_tokens": 0 },
            "total_tokens": self.input_tokens + output,
        })
    }

    fn envelope(&self, status: &str, output: Value, usage: Value) -> Value {
        json!({
            "id": ID, "object": "response", "created_at": CREATED, "status": status, "background": false, "error": null,
            "incomplete_details": null, "instructions": null, "max_output_tokens": null, "model": self.model,
            "output": output, "parallel_tool_calls": true, "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null }, "service_tier": "default", "store": false,
            "temperature": 1.0, "text": { "format": { "type": "text" } }, "tool_choice": "auto", "tools": [],
            "top_p": 1.0, "truncation": "disabled", "usage": usage, "user": null, "metadata": {},
        })
    }
}

fn message(status: &str, text: &str) -> Value {
    let content = if status == "completed" { json!([part(text)]) } else { json!([]) };
    json!({ "id": MESSAGE, "type": "message", "status": status, "role": "assistant", "content": content })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

/// Numbered events.
#[derive(Default)]
struct Stream {
    events: Vec<Bytes>,
}

impl Stream {
    fn say(&mut self, kind: &str, mut data: Value) {
        data["type"] = kind.into();
        data["sequence_number"] = self.events.len().into();
        self.events.push(event(Some(kind), &data));
    }

    /// A message, word by word; the whole item.
    fn text(&mut self, words: &[String]) -> Value {
        let text = words.concat();
        let at = |mut data: Value| {
            data["item_id"] = MESSAGE.into();
            data["output_index"] = 0.into();
            data["content_index"] = 0.into();
            data
        };
        let added = json!({ "output_index": 0, "item": message("in_progress", "") });
        self.say("response.output_item.added", added);
        self.say("response.content_part.added", at(json!({ "part": part("") })));
        for word in words {
            self.say("response.output_text.delta", at(json!({ "delta": word, "logprobs": [] })));
        }
        self.say("response.output_text.done", at(json!({ "text": text, "logprobs": [] })));
        self.say("response.content_part.done", at(json!({ "part": part(&text) })));
        let item = message("completed", &text);
        self.say("response.output_item.done", json!({ "output_index": 0, "item": item }));
        item
    }

    /// A call of a function, its arguments in pieces; the whole item.
    fn call(&mut self, request: &Arrived, item: Value) -> Value {
        let arguments = item["arguments"].as_str().unwrap_or_default().to_owned();
        let mut begun = item.clone();
        begun["arguments"] = "".into();
        begun["status"] = "in_progress".into();
        self.say("response.output_item.added", json!({ "output_index": 0, "item": begun }));
        for piece in pieces(request, &arguments) {
            let delta = json!({ "item_id": CALL, "output_index": 0, "delta": piece });
            self.say("response.function_call_arguments.delta", delta);
        }
        let done = json!({ "item_id": CALL, "output_index": 0, "arguments": arguments });
        self.say("response.function_call_arguments.done", done);
        self.say("response.output_item.done", json!({ "output_index": 0, "item": item }));
        item
    }
}

#[cfg(test)]
mod tests {
    use super::Responses;

    #[test]
    fn refuses_what_the_real_one_refuses() {
        for body in
            [&b"{"[..], b"[]", br#"{"input":"hi"}"#, br#"{"model":"gpt-5"}"#, br#"{"model":"gpt-5","input":[]}"#]
        {
            assert!(Responses::read(body).is_err(), "{}", String::from_utf8_lossy(body));
        }
        assert!(Responses::read(br#"{"model":"gpt-5","input":"hi"}"#).is_ok());
    }
}
