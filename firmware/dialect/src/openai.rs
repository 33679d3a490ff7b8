//! OpenAI: chat completions, responses, completions, embeddings. Azure, Mistral, Groq, DeepSeek, xAI, OpenRouter and many
//! more speak it on the same paths.

use serde_json::{Value, json};

use crate::Dialect;
use crate::denial::CODE;
use crate::format::{Extent, Format, FrozenRule, PathFacts, UsageFields, decoded, ends_in, segment_after};

pub(crate) static FORMAT: Format = Format {
    dialect: Dialect::OpenAi,
    hosts: &["openai.com", "openai.azure.com"],
    vendors: &["openai", "deepseek", "groq", "mistral", "openrouter", "xai"],
    claims,
    from_path,
    conversation: &["messages", "input", "prompt"],
    frozen: &[
        // The responses API hands reasoning (and compacted history) back as ciphertext when it stores nothing itself.
        FrozenRule { tag: None, key: "encrypted_content", extent: Extent::Member },
        // OpenRouter's `reasoning_details` carry other vendors' signed reasoning through chat completions.
        FrozenRule { tag: Some("reasoning.text"), key: "signature", extent: Extent::Object },
        FrozenRule { tag: Some("reasoning.encrypted"), key: "data", extent: Extent::Object },
    ],
    error,
    usage: UsageFields {
        containers: &["usage"],
        loose: &[],
        input: &[&["prompt_tokens"], &["input_tokens"]],
        output: &[&["completion_tokens"], &["output_tokens"]],
        // Chat, responses and realtime each have a name of their own, and so have DeepSeek and Moonshot.
        cached: &[
            "prompt_tokens_details.cached_tokens",
            "input_tokens_details.cached_tokens",
            "input_token_details.cached_tokens",
            "prompt_cache_hit_tokens",
            "cached_tokens",
        ],
        written: &["prompt_tokens_details.cache_write_tokens"],
        reasoning: &["completion_tokens_details.reasoning_tokens", "output_tokens_details.reasoning_tokens"],
        // xAI leaves what the model thought out of `completion_tokens`.
        total: &["total_tokens"],
    },
};

fn claims(path: &str) -> bool {
    ["chat/completions", "responses", "completions", "embeddings"].iter().any(|end| ends_in(path, end))
}

/// Azure puts the model's deployment into the path: `/openai/deployments/NAME/chat/completions`.
fn from_path(path: &str) -> PathFacts {
    PathFacts { model: segment_after(path, "deployments").map(decoded), stream: false }
}

pub(crate) fn error(status: u16, reason: &str) -> Value {
    let kind = match status {
        403 => "request_forbidden",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    };
    json!({ "error": { "message": reason, "type": kind, "param": null, "code": CODE } })
}
