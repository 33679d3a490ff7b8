//! SARIF 2.1.0 (OASIS), as code hosts read it, in three parts: what stands before the results, each result, and the rest.

use gate_core::Action;
use gate_scrub::Severity;
use serde_json::{Value, json};

use super::file::Located;
use super::report::RuleText;

/// What stands before the results.
pub(super) const HEAD: &str = r#"{"$schema":"https://json.schemastore.org/sarif-2.1.0.json","version":"2.1.0","runs":[{
"columnKind":"unicodeCodePoints","results":["#;

/// One result, without the value that was found.
pub(super) fn result(file: &str, located: &Located, name: &str) -> Value {
    let finding = &located.finding;
    json!({
        "ruleId": finding.rule,
        "level": if finding.action == Action::Deny { "error" } else { "warning" },
        "message": {"text": format!("{name}: this should not leave the office")},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(file)},
            "region": {
                "startLine": located.start.line,
                "startColumn": located.start.column,
                "endLine": located.end_line,
                "endColumn": located.end_column,
                "byteOffset": finding.start,
                "byteLength": finding.end - finding.start,
            },
        }}],
        "rank": f64::from(finding.confidence),
        "properties": {"kind": finding.kind, "kb": finding.kb, "action": finding.action, "why": finding.why},
    })
}

/// What a rule is.
pub(super) fn rule(id: &str, text: &RuleText) -> Value {
    json!({
        "id": id,
        "shortDescription": {"text": text.name},
        "properties": {
            "tags": ["security", text.kb, text.kind],
            // What code hosts sort by: a number out of 10, as text.
            "security-severity": match text.severity {
                Severity::Low => "3.0",
                Severity::Medium => "5.5",
                Severity::High => "8.0",
                Severity::Critical => "9.5",
            },
        },
    })
}

/// What stands behind the results: the rules that had some, and what was not scanned.
pub(super) fn tail(rules: impl Iterator<Item = Value>, failed: &[String]) -> String {
    let notifications: Vec<Value> = failed
        .iter()
        .map(|what| json!({"level": "error", "message": {"text": format!("not scanned: {what}")}}))
        .collect();
    let invocation = json!({"executionSuccessful": failed.is_empty(), "toolExecutionNotifications": notifications});
    let driver = json!({
        "name": "nanogate",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": rules.collect::<Vec<_>>(),
    });
    format!("\n],\"invocations\":[{invocation}],\"tool\":{{\"driver\":{driver}}}}}]}}")
}

/// A path as a URI reference (RFC 3986): everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.trim_start_matches("./").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uri_references() {
        for (path, reference) in [
            ("./a b/ä.txt", "a%20b/%C3%A4.txt"),
            ("/tmp/x", "file:///tmp/x"),
            ("a:b", "a%3Ab"),
            ("<stdin>", "%3Cstdin%3E"),
        ] {
            assert_eq!(uri(path), reference);
        }
    }
}
