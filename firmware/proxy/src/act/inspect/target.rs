//! Path and query of a request, which may carry secrets too.

use std::ops::Range;

use gate_core::Finding;
use gate_scrub::{BodyKind, Limits, ScanError, Scanner};

/// Query parameters in which providers themselves want their credential.
const CREDENTIALS: [&str; 9] =
    ["key", "api_key", "api-key", "apikey", "access_token", "auth_token", "token", "sig", "signature"];

/// Kinds of findings that a credential is allowed to be.
pub(super) const CREDENTIAL_KINDS: [&str; 3] = ["api_key", "token", "password"];

/// Findings in a target, with offsets into it.
pub(super) struct Found {
    pub(super) findings: Vec<Finding>,
    /// One of them lies in the path, which must then not stand in a record.
    pub(super) in_path: bool,
}

/// The path without query and fragment.
pub(super) fn path(target: &str) -> &str {
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Scans the path as text and the query as a form.
pub(super) fn scan(scanner: &Scanner, target: &str, limits: &Limits) -> Result<Found, ScanError> {
    let path = path(target);
    let mut findings = scanner.body(BodyKind::Text, path.as_bytes(), limits)?;
    let in_path = !findings.is_empty();
    if let Some(query) = target.get(path.len() + 1..).filter(|query| !query.is_empty()) {
        let offset = path.len() + 1;
        for mut finding in scanner.body(BodyKind::Form, query.as_bytes(), limits)? {
            if !is_credential(query, finding.start..finding.end, &finding.kind) {
                finding.start += offset;
                finding.end += offset;
                findings.push(finding);
            }
        }
    }
    Ok(Found { findings, in_path })
}

/// Whether a finding is the provider's own credential in the parameter that is made for it.
fn is_credential(query: &str, span: Range<usize>, kind: &str) -> bool {
    let Some(before) = query.get(..span.start) else { return false };
    let start = before.rfind('&').map_or(0, |at| at + 1);
    let pair = query[start..].split('&').next().unwrap_or_default();
    let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let known = CREDENTIALS.contains(&name.as_str()) || name.starts_with("x-amz-") || name.starts_with("x-goog-");
    known && span.end <= start + pair.len() && CREDENTIAL_KINDS.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::{is_credential, path};

    #[test]
    fn only_a_credential_in_its_own_parameter_is_expected() {
        let query = "alt=sse&key=AIza123&note=AIza456";
        assert!(is_credential(query, 12..19, "api_key"));
        assert!(!is_credential(query, 12..19, "private_key"), "not what the parameter is for");
        assert!(!is_credential(query, 25..32, "api_key"), "another parameter");
        assert!(!is_credential(query, 12..32, "api_key"), "reaches past the parameter");
        assert!(is_credential("X-Amz-Security-Token=abc", 21..24, "token"));
    }

    #[test]
    fn the_path_ends_before_query_and_fragment() {
        for target in ["/v1/chat", "/v1/chat?x=1", "/v1/chat#x?y"] {
            assert_eq!(path(target), "/v1/chat");
        }
    }
}
