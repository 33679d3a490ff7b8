use gate_core::HostName;

use super::{FORMATS, PathFacts, by_vendor, choose, decoded, of};
use crate::Dialect;

fn chosen(vendor: &str, host: &str, path: &str) -> (Dialect, Option<String>, bool) {
    let format = choose(vendor, &HostName::parse(host.as_bytes()).unwrap(), path);
    let PathFacts { model, stream } = (format.from_path)(path);
    (format.dialect, model, stream)
}

#[test]
fn the_path_speaks_first_then_the_host_then_the_vendor() {
    use Dialect::{Anthropic, Gemini, Generic, OpenAi};
    let rows = [
        ("openai", "api.openai.com", "/v1/chat/completions", OpenAi, None, false),
        ("openai", "api.openai.com", "/v1/responses/", OpenAi, None, false),
        ("openai", "api.openai.com", "/v1/files", OpenAi, None, false),
        ("groq", "api.groq.com", "/openai/v1/chat/completions", OpenAi, None, false),
        ("nobody", "llm.example", "/v1/embeddings", OpenAi, None, false),
        (
            "azure-ai",
            "x.openai.azure.com",
            "/openai/deployments/my-gpt/chat/completions",
            OpenAi,
            Some("my-gpt"),
            false,
        ),
        ("anthropic", "api.anthropic.com", "/v1/messages", Anthropic, None, false),
        ("anthropic", "api.anthropic.com", "/v1/messages/count_tokens", Anthropic, None, false),
        // Anthropic's own OpenAI compatibility, and other vendors' Anthropic compatibility.
        ("anthropic", "api.anthropic.com", "/v1/chat/completions", OpenAi, None, false),
        ("deepseek", "api.deepseek.com", "/anthropic/v1/messages", Anthropic, None, false),
        ("anthropic", "claude.ai", "/api/organizations", Anthropic, None, false),
        (
            "google",
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini-2.5-pro:generateContent",
            Gemini,
            Some("gemini-2.5-pro"),
            false,
        ),
        (
            "google",
            "generativelanguage.googleapis.com",
            "/v1beta/models/gemini%2D2.5-pro%3AstreamGenerateContent",
            Gemini,
            Some("gemini-2.5-pro"),
            true,
        ),
        ("google", "generativelanguage.googleapis.com", "/v1beta/openai/chat/completions", OpenAi, None, false),
        ("google", "generativelanguage.googleapis.com", "/v1beta/:", Gemini, None, false),
        (
            "google",
            "us-east5-aiplatform.googleapis.com",
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict",
            Anthropic,
            Some("claude-sonnet-4@20250514"),
            true,
        ),
        (
            "aws-bedrock",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/eu.anthropic.claude-sonnet-4-v1%3A0/invoke-with-response-stream",
            Anthropic,
            Some("eu.anthropic.claude-sonnet-4-v1:0"),
            true,
        ),
        (
            "aws-bedrock",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/amazon.nova-pro-v1:0/converse-stream",
            Generic,
            Some("amazon.nova-pro-v1:0"),
            true,
        ),
        ("nobody", "llm.example", "/chat", Generic, None, false),
        ("nobody", "llm.example", "", Generic, None, false),
        ("nobody", "llm.example", "/xresponses", Generic, None, false),
        ("nobody", "notopenai.com", "/", Generic, None, false),
    ];
    for (vendor, host, path, dialect, model, stream) in rows {
        assert_eq!(chosen(vendor, host, path), (dialect, model.map(str::to_owned), stream), "{host}{path}");
    }
}

#[test]
fn every_dialect_has_its_format() {
    for format in FORMATS {
        assert_eq!(of(format.dialect).dialect, format.dialect);
    }
    assert_eq!(by_vendor("xai").dialect, Dialect::OpenAi);
    assert_eq!(by_vendor("").dialect, Dialect::Generic);
}

#[test]
fn the_rules_fit_their_bits() {
    assert!(FORMATS.iter().map(|format| format.frozen.len()).sum::<usize>() <= 32);
}

#[test]
fn percent_encoding_is_undone_once() {
    for (segment, expected) in
        [("a%20b", "a b"), ("%2541", "%41"), ("100%", "100%"), ("%4", "%4"), ("%zz", "%zz"), ("%+1", "%+1")]
    {
        assert_eq!(decoded(segment), expected);
    }
}
