use serde_json::{Value, json};

use super::{REASON_CAP, denial, refusal};
use crate::Dialect;

fn body(dialect: Dialect, vendor: &str) -> Value {
    let denial = denial(dialect, vendor, "API key pattern detected");
    assert_eq!((denial.status, denial.content_type), (403, "application/json"));
    serde_json::from_slice(&denial.body).unwrap()
}

#[test]
fn every_provider_gets_its_own_error_shape() {
    let openai = json!({ "error": {
        "message": "Nano-Gate: API key pattern detected", "type": "request_forbidden", "param": null, "code": "nanogate_blocked",
    } });
    let anthropic = json!({ "type": "error", "request_id": null, "error": {
        "type": "permission_error", "message": "Nano-Gate: API key pattern detected", "code": "nanogate_blocked",
    } });
    let gemini = json!({ "error": {
        "code": 403, "message": "Nano-Gate: API key pattern detected", "status": "PERMISSION_DENIED", "details": [{
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "nanogate_blocked", "domain": "nanogate",
        }],
    } });
    let rows = [
        (Dialect::OpenAi, "openai", &openai),
        (Dialect::OpenAi, "mistral", &openai),
        (Dialect::Anthropic, "anthropic", &anthropic),
        (Dialect::Gemini, "google", &gemini),
        // No format claimed the request: the vendor's own, else the shape that most readers know.
        (Dialect::Generic, "anthropic", &anthropic),
        (Dialect::Generic, "google", &gemini),
        (Dialect::Generic, "openai", &openai),
    ];
    for (dialect, vendor, expected) in rows {
        assert_eq!(body(dialect, vendor), *expected, "{dialect:?} {vendor}");
    }
    assert_eq!(body(Dialect::Generic, "nobody")["error"]["code"], "nanogate_blocked");
}

#[test]
fn other_statuses_carry_their_own_words() {
    let rows = [
        (Dialect::OpenAi, 413, "/error/type", "invalid_request_error"),
        (Dialect::OpenAi, 503, "/error/type", "server_error"),
        (Dialect::Anthropic, 413, "/error/type", "request_too_large"),
        (Dialect::Anthropic, 503, "/error/type", "api_error"),
        (Dialect::Gemini, 503, "/error/status", "UNAVAILABLE"),
        (Dialect::Gemini, 421, "/error/status", "FAILED_PRECONDITION"),
        (Dialect::Generic, 503, "/error/type", "server_error"),
    ];
    for (dialect, status, pointer, word) in rows {
        let refusal = refusal(dialect, "", status, "why");
        assert_eq!(refusal.status, status);
        let body: Value = serde_json::from_slice(&refusal.body).unwrap();
        assert_eq!(body.pointer(pointer).and_then(Value::as_str), Some(word), "{dialect:?} {status}");
    }
}

#[test]
fn a_long_reason_is_cut_between_characters() {
    let body = denial(Dialect::OpenAi, "openai", &"é\"".repeat(1000)).body;
    let body: Value = serde_json::from_slice(&body).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.len() <= REASON_CAP && message.starts_with("Nano-Gate: é\"é"), "{}", message.len());
}
