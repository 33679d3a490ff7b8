//! Header fields, which may carry secrets of others past a body that is clean.

use gate_core::Finding;
use gate_scrub::{Limits, ScanError, Scanner};
use http::{HeaderMap, HeaderName};

use super::target::CREDENTIAL_KINDS;

/// Fields whose content is the client's credential at this provider, describes the message, or comes from the client's
/// software and not from a person.
const KNOWN: [&str; 30] = [
    "accept",
    "age",
    "authorization",
    "baggage",
    "cache-control",
    "connection",
    "cookie",
    "date",
    "dnt",
    "etag",
    "expect",
    "forwarded",
    "host",
    "idempotency-key",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
];

/// Beginnings of such fields: of HTTP, of browsers, of the providers' SDKs, of clouds' signatures, of tracing.
const KNOWN_PREFIXES: [&str; 16] = [
    "accept-",
    "access-control-",
    "anthropic-",
    "content-",
    "if-",
    "openai-",
    "sec-",
    "x-amz-",
    "x-b3-",
    "x-client-",
    "x-datadog-",
    "x-forwarded-",
    "x-goog-",
    "x-ms-",
    "x-request-",
    "x-stainless-",
];

/// Parts of the names of fields that hold a credential.
const CREDENTIAL_WORDS: [&str; 6] = ["auth", "cred", "key", "secret", "signature", "token"];

/// Most bytes of one field's value in a scan. Longer ones are cut by no server: they are refused by all.
const MAX_VALUE: usize = 64 << 10;

/// The fields that are worth a look, each as a line of `name: value`.
pub(super) fn unknown(headers: &HeaderMap) -> Vec<String> {
    let fields = headers.iter().filter(|(name, _)| !is_known(name));
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_VALUE)]).into_owned();
    fields.map(|(name, value)| format!("{name}: {}", text(value.as_bytes()))).collect()
}

fn is_known(name: &HeaderName) -> bool {
    let name = name.as_str();
    KNOWN.binary_search(&name).is_ok() || KNOWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// What is found in a line, apart from a credential in a field that is made for one.
pub(super) fn scan(scanner: &Scanner, line: &str, limits: &Limits) -> Result<Vec<Finding>, ScanError> {
    let mut findings = scanner.text(line.as_bytes(), limits)?;
    let name = line.split(':').next().unwrap_or_default();
    if CREDENTIAL_WORDS.iter().any(|word| name.contains(word)) {
        findings.retain(|finding| !CREDENTIAL_KINDS.contains(&finding.kind.as_str()));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::super::tests::support::scanner;
    use super::{KNOWN, scan, unknown};
    use gate_scrub::Limits;

    const KEY: &str = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXY";

    #[test]
    fn what_every_client_sends_is_not_looked_at() {
        let usual = [
            ("authorization", KEY),
            ("cookie", "session=abc"),
            ("user-agent", "OpenAI/Python 1.99.0"),
            ("openai-organization", "org-1"),
            ("anthropic-version", "2023-06-01"),
            ("x-stainless-runtime-version", "3.13.1"),
            ("content-type", "application/json"),
            ("x-amz-security-token", "abc"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in usual {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(unknown(&headers), Vec::<String>::new());
        headers.append("x-note", HeaderValue::from_bytes(b"gr\xFCn").unwrap());
        assert_eq!(unknown(&headers), ["x-note: gr\u{FFFD}n"]);
        assert!(KNOWN.is_sorted());
    }

    #[test]
    fn a_credential_is_expected_where_it_belongs_and_nowhere_else() {
        let kinds = |line: &str| -> Vec<String> {
            let found = scan(&scanner(), line, &Limits::default()).unwrap();
            found.into_iter().map(|finding| finding.kind).collect()
        };
        assert_eq!(kinds(&format!("x-api-key: {KEY}")), Vec::<String>::new());
        assert_eq!(kinds(&format!("xi-api-key: {KEY}")), Vec::<String>::new());
        assert_eq!(kinds(&format!("x-note: {KEY}")), ["api_key"]);
        assert_eq!(kinds("x-auth-user: anna.meyer@acme-office.de"), ["email"]);
    }
}
