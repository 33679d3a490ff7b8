//! The client's words that may stand in a record: names of an API, never prose.

use http::Method;

/// Longest path or model, in bytes.
const CAP: usize = 256;

/// Longest segment of a path: a model with its version and what is asked of it has some 70 bytes.
const SEGMENT_CAP: usize = 80;

/// Longest word between the signs of a segment, such as `streamGenerateContent`.
const WORD_CAP: usize = 24;

/// Longest word of letters mixed with digits; what is longer is drawn at random.
const MIXED_CAP: usize = 12;

/// What stands for a word that is not kept.
const OTHER: &str = "*";

/// The method, if it is one that HTTP defines: any other is a word of the client's own.
pub(super) fn method_word(method: &Method) -> &str {
    const KNOWN: [Method; 9] = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
        Method::CONNECT,
    ];
    if KNOWN.contains(method) { method.as_str() } else { OTHER }
}

/// The path with a `*` for every segment that is no word of an API.
pub(super) fn route(path: &str) -> String {
    let mut route = String::new();
    for (index, segment) in path.split('/').enumerate() {
        let kept = if is_route_word(segment) { segment } else { OTHER };
        if route.len() + 1 + kept.len() > CAP - 2 {
            route.push_str("/*");
            break;
        }
        if index > 0 {
            route.push('/');
        }
        route.push_str(kept);
    }
    route
}

fn is_route_word(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let plain = |word: &str| {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        let mixed = digits > 0 && digits < word.len();
        word.len() <= if mixed { MIXED_CAP } else { WORD_CAP }
    };
    segment.len() <= SEGMENT_CAP && segment.bytes().all(allowed) && segment.split(['-', '_', '.', ':']).all(plain)
}

/// Whether a model's name looks like one. A prompt pasted into that field is not kept.
pub(super) fn is_word(model: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:/@-+".contains(&byte);
    model.len() <= CAP / 2 && model.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::{CAP, is_word, method_word, route};

    #[test]
    fn a_client_cannot_write_prose_into_the_record() {
        assert!(is_word("anthropic/claude-sonnet-4.5:beta@2025") && is_word("ft:gpt-4o:acme::x1"));
        assert!(!is_word("please translate this") && !is_word(&"a".repeat(CAP)));
        let own = Method::from_bytes(b"OUR-MERGER-WITH-ACME").unwrap();
        assert_eq!((method_word(&Method::POST), method_word(&own)), ("POST", "*"));
    }

    #[test]
    fn only_words_of_an_api_stay_in_a_path() {
        let kept = [
            "/",
            "*",
            "/v1/chat/completions",
            "/openai/deployments/gpt-4o/chat/completions",
            "/v1beta/models/gemini-2.5-flash-native-audio-preview-12-2025:streamGenerateContent",
            "/model/us.anthropic.claude-3-7-sonnet-20250219-v1:0/invoke",
            "/v1/files/550e8400-e29b-41d4-a716-446655440000",
        ];
        for path in kept {
            assert_eq!(route(path), path);
        }
        let long = format!("/v1/{}", "word-".repeat(20));
        let rows = [
            ("/v1/our%20merger%20with%20acme/x", "/v1/*/x"),
            ("/v1/anna,meyer", "/v1/*"),
            ("/v1/gr\u{FC}n", "/v1/*"),
            ("/v1/threads/thread_kQ9wLm2Xc7Rb5Ty8Nu1Hs4Jd/messages", "/v1/threads/*/messages"),
            ("/v1/ourmergerwithacmeisonthethirdofmay", "/v1/*"),
            (&long, "/v1/*"),
        ];
        for (path, want) in rows {
            assert_eq!(route(path), want);
        }
        let many = route(&"/word".repeat(500));
        assert!(many.len() <= CAP && many.ends_with("/*"), "{many}");
    }
}
