//! Google: `generateContent` and its siblings, on the Gemini API and on Vertex.

use serde_json::{Value, json};

use crate::Dialect;
use crate::denial::CODE;
use crate::format::{Extent, Format, FrozenRule, PathFacts, UsageFields, decoded};

pub(crate) static FORMAT: Format = Format {
    dialect: Dialect::Gemini,
    hosts: &["googleapis.com"],
    vendors: &["google"],
    claims: |path| method(path).is_some_and(|(_, name)| METHODS.contains(&&*name)),
    from_path,
    conversation: &["contents"],
    frozen: &[
        // The signature belongs to the part it stands in: text, function call or image. Both spellings are accepted.
        FrozenRule { tag: None, key: "thoughtSignature", extent: Extent::Object },
        FrozenRule { tag: None, key: "thought_signature", extent: Extent::Object },
    ],
    error,
    usage: UsageFields {
        containers: &["usageMetadata"],
        loose: &[],
        input: &[&["promptTokenCount", "toolUsePromptTokenCount"]],
        // Reasoning is paid for as output but counted apart.
        // The second is what a live session says.
        output: &[&["candidatesTokenCount", "thoughtsTokenCount"], &["responseTokenCount", "thoughtsTokenCount"]],
        // Part of `promptTokenCount`.
        cached: &["cachedContentTokenCount"],
        written: &[],
        reasoning: &["thoughtsTokenCount"],
        total: &[],
    },
};

const METHODS: [&str; 7] = [
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
    "batchGenerateContent",
    "predict",
];

/// `/v1beta/models/NAME:METHOD` as name and method.
fn method(path: &str) -> Option<(String, String)> {
    let last = decoded(path.rsplit('/').next()?);
    last.rsplit_once(':').map(|(name, method)| (name.to_owned(), method.to_owned()))
}

fn from_path(path: &str) -> PathFacts {
    match method(path) {
        Some((model, method)) if !model.is_empty() => {
            PathFacts { model: Some(model), stream: method == "streamGenerateContent" }
        }
        _ => PathFacts::default(),
    }
}

fn error(status: u16, reason: &str) -> Value {
    let name = match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "FAILED_PRECONDITION",
    };
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": CODE,
        "domain": "nanogate",
    });
    json!({ "error": { "code": status, "message": reason, "status": name, "details": [info] } })
}
