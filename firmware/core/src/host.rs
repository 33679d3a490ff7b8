use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A DNS host name in the one form the whole house compares: lower case, no trailing dot, A-labels only.
///
/// Built by [`HostName::parse`], which refuses everything that TLS, HTTP and DNS could read in two ways: IP literals,
/// empty labels, NUL, white space, non-ASCII (RFC 6066 section 3 wants A-labels in SNI).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(Arc<str>);

/// Why some bytes are not a host name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HostError {
    #[error("the name is empty")]
    Empty,
    #[error("the name is longer than 253 bytes")]
    TooLong,
    #[error("a label is empty or longer than 63 bytes")]
    Label,
    #[error("the name holds a byte that no host name has")]
    Byte,
    #[error("an IP address is not a host name")]
    IpLiteral,
}

impl HostName {
    /// Reads a name as it came from the network. One trailing dot and upper case are folded away.
    pub fn parse(raw: &[u8]) -> Result<Self, HostError> {
        let raw = raw.strip_suffix(b".").unwrap_or(raw);
        if raw.is_empty() {
            return Err(HostError::Empty);
        }
        // RFC 1035 section 2.3.4: 255 octets on the wire, which is 253 in text.
        if raw.len() > 253 {
            return Err(HostError::TooLong);
        }
        let mut name = String::with_capacity(raw.len());
        for label in raw.split(|b| *b == b'.') {
            if label.is_empty() || label.len() > 63 {
                return Err(HostError::Label);
            }
            if !name.is_empty() {
                name.push('.');
            }
            for byte in label {
                match byte {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(*byte)),
                    b'A'..=b'Z' => name.push(char::from(byte.to_ascii_lowercase())),
                    _ => return Err(HostError::Byte),
                }
            }
        }
        // "1.2.3.4" and the shorthand "127.1" both end in a numeric label, which no public name does (RFC 3696).
        let last = name.rsplit('.').next().unwrap_or_default();
        if name.parse::<IpAddr>().is_ok() || last.bytes().all(|b| b.is_ascii_digit()) {
            return Err(HostError::IpLiteral);
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this name is `parent` or lies below it.
    pub fn is_within(&self, parent: &str) -> bool {
        self.0.strip_suffix(parent).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HostName {
    type Error = HostError;

    fn try_from(value: String) -> Result<Self, HostError> {
        Self::parse(value.as_bytes())
    }
}

impl From<HostName> for String {
    fn from(value: HostName) -> Self {
        value.0.as_ref().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{HostError, HostName};

    #[test]
    fn folds_case_and_one_trailing_dot() {
        for raw in ["api.openai.com", "API.OpenAI.com", "api.openai.com."] {
            assert_eq!(HostName::parse(raw.as_bytes()).unwrap().as_str(), "api.openai.com");
        }
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        let long_label = format!("{}.com", "a".repeat(64));
        let long_name = ["abcdefghi"; 26].join(".");
        let rows: &[(&[u8], HostError)] = &[
            (b"", HostError::Empty),
            (b".", HostError::Empty),
            (b"api..com", HostError::Label),
            (b"api.openai.com..", HostError::Label),
            (long_label.as_bytes(), HostError::Label),
            (long_name.as_bytes(), HostError::TooLong),
            (b"api.openai.com\0.evil.example", HostError::Byte),
            (b"api openai.com", HostError::Byte),
            ("äpi.example".as_bytes(), HostError::Byte),
            (b"192.0.2.1", HostError::IpLiteral),
            (b"127.1", HostError::IpLiteral),
            (b"[2001:db8::1]", HostError::Byte),
        ];
        for (raw, why) in rows {
            assert_eq!(HostName::parse(raw), Err(*why), "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn is_within_respects_label_borders() {
        let name = HostName::parse(b"api.openai.com").unwrap();
        assert!(name.is_within("openai.com") && name.is_within("api.openai.com"));
        assert!(!name.is_within("ai.com") && !name.is_within("x.api.openai.com"));
    }
}
