//! What no other format claims: read for its model and usage by every name in use, answered in the shape most readers know.

use crate::format::{Format, PathFacts, UsageFields, decoded, segment_after};
use crate::{Dialect, openai};

pub(crate) static FORMAT: Format = Format {
    dialect: Dialect::Generic,
    hosts: &[],
    vendors: &[],
    claims: |_| false,
    from_path,
    conversation: &["messages", "contents"],
    frozen: &[],
    error: openai::error,
    usage: UsageFields {
        // Cohere's first version says it in `meta`; Bedrock adds its own to the last chunk of a stream.
        containers: &["usage", "usageMetadata", "meta", "amazon-bedrock-invocationMetrics"],
        // Ollama, in its only or last line.
        loose: &["prompt_eval_count", "eval_count"],
        input: &[
            &["prompt_tokens"],
            &["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"],
            &["promptTokenCount", "toolUsePromptTokenCount"],
            // Bedrock's Converse.
            &["inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"],
            &["inputTokenCount", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"],
            &["prompt_eval_count"],
            // Cohere.
            &["tokens.input_tokens"],
        ],
        output: &[
            &["completion_tokens"],
            &["output_tokens"],
            &["candidatesTokenCount", "thoughtsTokenCount"],
            &["responseTokenCount", "thoughtsTokenCount"],
            &["outputTokens"],
            &["outputTokenCount"],
            &["eval_count"],
            &["tokens.output_tokens"],
        ],
        cached: &[
            "prompt_tokens_details.cached_tokens",
            "input_tokens_details.cached_tokens",
            "input_token_details.cached_tokens",
            "prompt_cache_hit_tokens",
            "cache_read_input_tokens",
            "cachedContentTokenCount",
            "cacheReadInputTokens",
            "cacheReadInputTokenCount",
            "cached_tokens",
        ],
        written: &[
            "cache_creation_input_tokens",
            "prompt_tokens_details.cache_write_tokens",
            "cacheWriteInputTokens",
            "cacheWriteInputTokenCount",
        ],
        reasoning: &[
            "completion_tokens_details.reasoning_tokens",
            "output_tokens_details.reasoning_tokens",
            "thoughtsTokenCount",
        ],
        total: &["total_tokens"],
    },
};

/// Bedrock: `/model/NAME/converse-stream`.
fn from_path(path: &str) -> PathFacts {
    PathFacts { model: segment_after(path, "model").map(decoded), stream: path.ends_with("-stream") }
}
