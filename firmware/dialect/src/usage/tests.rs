use gate_core::Usage;

use super::UsageReader;
use crate::Dialect;

#[test]
fn reads_a_plain_answer() {
    let mut reader = UsageReader::new(Dialect::OpenAi, Some("application/json; charset=utf-8"));
    reader.push(br#"{"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7}}"#);
    assert_eq!(reader.finish(), Some(Usage { input: 11, output: 7 }));
}
