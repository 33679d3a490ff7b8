//! SARIF 2.1.0 (OASIS), as code hosts read it.

use std::collections::BTreeMap;

use gate_core::Action;
use serde_json::{Value, json};

use super::scan::Scanned;

/// The whole document, without any value that was found.
pub(super) fn document(files: &[Scanned]) -> Value {
    let mut rules = BTreeMap::new();
    let mut results = Vec::new();
    for file in files {
        for located in &file.found {
            let finding = &located.finding;
            let words = finding.kind.replace('_', " ");
            rules.entry(finding.rule.clone()).or_insert_with(|| {
                json!({"id": finding.rule, "shortDescription": {"text": words}, "properties": {"tags": ["security", finding.kb]}})
            });
            results.push(json!({
                "ruleId": finding.rule,
                "level": if finding.action == Action::Deny { "error" } else { "warning" },
                "message": {"text": format!("{words} found; it should not leave the office")},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": uri(&file.name)},
                    "region": {
                        "startLine": located.line,
                        "startColumn": located.column,
                        "byteOffset": finding.start,
                        "byteLength": finding.end - finding.start,
                    },
                }}],
            }));
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "nanogate",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as a relative URI reference (RFC 3986): everything but unreserved characters and `/` is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
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
        assert_eq!(uri("./a b/ä.txt"), "a%20b/%C3%A4.txt");
    }
}
