//! AI that no list knows: told by what a request says, and by what a name looks like.
//!
//! Neither is proof. A request counts that names a model beside a conversation, as every API for chats does; a name that says
//! of itself that it is an API, and of AI.

use gate_core::HostName;

use crate::json::{Token, Tokens, word};

/// Words of a name that say what is served there.
const SERVICES: [&str; 9] = ["api", "apis", "chat", "completion", "completions", "gateway", "inference", "infer", "v1"];

/// Words of a name that say that it is AI.
const KINDS: [&str; 14] = [
    "ai",
    "chatbot",
    "chatgpt",
    "claude",
    "copilot",
    "deepseek",
    "gemini",
    "genai",
    "gpt",
    "inference",
    "llama",
    "llm",
    "mistral",
    "openai",
];

/// Members that hold what is said to a model.
const CONVERSATIONS: [&str; 4] = ["messages", "prompt", "input", "contents"];

/// Endings of paths that only such APIs have.
const PATHS: [&str; 7] = [
    "/chat/completions",
    "/v1/completions",
    "/v1/messages",
    "/v1/responses",
    "/v1/embeddings",
    ":generatecontent",
    ":streamgeneratecontent",
];

/// Whether a name looks like an API of AI: a label that names the service, and a word for AI in another one. The country of
/// Anguilla counts as such a word behind `api.` and its like only, since it sells names to everybody.
pub fn name_looks_like_ai(host: &HostName) -> bool {
    let labels: Vec<&str> = host.as_str().split('.').collect();
    let Some((_, named)) = labels.split_last().filter(|(_, named)| named.len() >= 2) else { return false };
    let words = |label: &str| label.split('-').map(str::to_owned).collect::<Vec<_>>();
    let serves = |label: &&str| words(label).iter().any(|word| SERVICES.contains(&word.as_str()));
    let is_ai = |label: &&str| words(label).iter().any(|word| KINDS.contains(&word.as_str()));
    let Some(service) = named.iter().position(serves) else { return false };
    labels.iter().enumerate().any(|(at, label)| at != service && is_ai(label))
}

/// Whether a request, of which the beginning of the body is here, looks like one to a model.
pub fn request_looks_like_ai(path: &str, body: &[u8]) -> bool {
    let path = path.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_ascii_lowercase();
    PATHS.iter().any(|ending| path.ends_with(ending)) || body_looks_like_ai(body)
}

/// Whether a JSON object has a model and a conversation beside each other, on its first level.
fn body_looks_like_ai(body: &[u8]) -> bool {
    let (mut depth, mut model, mut conversation) = (0_usize, false, false);
    for token in Tokens::new(body) {
        match token {
            Token::Open { object, .. } if depth > 0 || object => depth += 1,
            Token::Open { .. } => return false,
            Token::Close { .. } => depth = depth.saturating_sub(1),
            Token::Key(span) if depth == 1 => {
                let key = word(&body[span]);
                model |= key.as_deref() == Some("model");
                conversation |= key.is_some_and(|key| CONVERSATIONS.contains(&&*key));
            }
            _ if depth == 0 => return false,
            _ => {}
        }
    }
    model && conversation
}

#[cfg(test)]
mod tests {
    use gate_core::HostName;

    use super::{name_looks_like_ai, request_looks_like_ai};

    #[test]
    fn names_of_apis_of_ai_are_told_from_others() {
        for (name, looks) in [
            ("api.unknown-ai.example", true),
            ("api.startup.ai", true),
            ("inference-eu.my-llm.example", true),
            ("chat.corp-gpt.example", true),
            ("gateway.v2.genai.example.com", true),
            ("www.startup.ai", false),
            ("startup.ai", false),
            ("api.ai", false),
            ("api.example.com", false),
            ("api.air-france.example", false),
            ("apiary.ai.example", false),
            ("llm.example", false),
            ("inference.example.com", false),
        ] {
            assert_eq!(name_looks_like_ai(&HostName::parse(name.as_bytes()).unwrap()), looks, "{name}");
        }
    }

    #[test]
    fn requests_to_models_are_told_from_others() {
        for (path, body, looks) in [
            ("/v1/chat/completions", "", true),
            ("/openai/V1/Chat/Completions/?x=1", "", true),
            ("/v1beta/models/x:generateContent", "", true),
            ("/ask", r#"{"model":"m","messages":[{"role":"user"}]}"#, true),
            ("/ask", r#"{"messages":[{"model":1}],"stream":true,"model":"m""#, true),
            ("/ask", r#"{"contents":[],"model":"m"#, true),
            ("/ask", r#"{"messages":[{"model":"m"}]}"#, false),
            ("/ask", r#"[{"model":"m","messages":[]}]"#, false),
            ("/cars", r#"{"model":"T","year":1908}"#, false),
            ("/v1/chat", "model=m&messages=x", false),
            ("/", "", false),
        ] {
            assert_eq!(request_looks_like_ai(path, body.as_bytes()), looks, "{path} {body}");
        }
    }
}
