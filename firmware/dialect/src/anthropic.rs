//! Anthropic: the messages API, also as Bedrock and Vertex carry it.

use serde_json::{Value, json};

use crate::Dialect;
use crate::denial::CODE;
use crate::format::{Extent, Format, FrozenRule, PathFacts, UsageFields, decoded, ends_in, segment_after};

pub(crate) static FORMAT: Format = Format {
    dialect: Dialect::Anthropic,
    hosts: &["anthropic.com"],
    vendors: &["anthropic"],
    claims,
    from_path,
    conversation: &["messages"],
    frozen: &[
        // The signature covers the block's text: an edited block is refused by the API.
        FrozenRule { tag: Some("thinking"), key: "signature", extent: Extent::Object },
        FrozenRule { tag: Some("redacted_thinking"), key: "data", extent: Extent::Object },
        // Results and citations of server-side tools; `encrypted_content` is frozen everywhere (see `openai`).
        FrozenRule { tag: None, key: "encrypted_index", extent: Extent::Member },
        FrozenRule { tag: None, key: "encrypted_stdout", extent: Extent::Member },
    ],
    error,
    usage: UsageFields {
        // The second is what Bedrock adds to the last chunk of a stream.
        containers: &["usage", "amazon-bedrock-invocationMetrics"],
        loose: &[],
        // `input_tokens` leaves out what was read from or written to the cache.
        input: &[
            &["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"],
            &["inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"],
        ],
        output: &[&["output_tokens"], &["outputTokenCount"]],
        cached: &["cache_read_input_tokens", "cacheReadInputTokenCount"],
        written: &["cache_creation_input_tokens", "cacheWriteInputTokenCount"],
        // Counted among the output and nowhere else.
        reasoning: &[],
        total: &[],
    },
};

fn claims(path: &str) -> bool {
    let native = ["v1/messages", "messages/count_tokens", "messages/batches"];
    native.iter().any(|end| ends_in(path, end)) || carried(path).is_some()
}

fn from_path(path: &str) -> PathFacts {
    let Some((model, method)) = carried(path) else { return PathFacts::default() };
    let stream = matches!(method, "streamRawPredict" | "invoke-with-response-stream");
    PathFacts { model: Some(decoded(model)), stream }
}

/// Model and method where another cloud carries the messages: Vertex (`/publishers/anthropic/models/NAME:rawPredict`) or
/// Bedrock (`/model/anthropic.NAME/invoke`, with a region in front of cross-region names).
fn carried(path: &str) -> Option<(&str, &str)> {
    if path.contains("/publishers/anthropic/models/") {
        return segment_after(path, "models")?.rsplit_once(':');
    }
    let model = segment_after(path, "model").filter(|model| model.contains("anthropic."))?;
    Some((model, segment_after(path, model)?)).filter(|(_, method)| method.starts_with("invoke"))
}

fn error(status: u16, reason: &str) -> Value {
    let kind = match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    };
    // No request of this answer exists at Anthropic, so it has no number there.
    json!({ "type": "error", "error": { "type": kind, "message": reason, "code": CODE }, "request_id": null })
}
