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
        containers: &["usage", "usageMetadata"],
        input: &[
            &["prompt_tokens"],
            &["input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"],
            &["promptTokenCount", "toolUsePromptTokenCount"],
            &["inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"],
        ],
        output: &[
            &["completion_tokens"],
            &["output_tokens"],
            &["candidatesTokenCount", "thoughtsTokenCount"],
            &["outputTokens"],
        ],
    },
};

/// Bedrock: `/model/NAME/converse-stream`.
fn from_path(path: &str) -> PathFacts {
    PathFacts { model: segment_after(path, "model").map(decoded), stream: path.ends_with("-stream") }
}
