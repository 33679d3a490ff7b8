use gate_core::HostName;

use super::read_request;
use crate::Dialect;

#[test]
fn reads_model_and_stream() {
    let host = HostName::parse(b"api.openai.com").unwrap();
    let facts = read_request("openai", &host, "/v1/chat/completions", br#"{"model":"gpt-4o","stream":true}"#);
    assert_eq!((facts.dialect, facts.model.as_deref(), facts.stream), (Dialect::OpenAi, Some("gpt-4o"), true));
}
