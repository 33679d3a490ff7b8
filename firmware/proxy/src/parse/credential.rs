use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What a client shows in `Proxy-Authorization`. **Invariant:** it is printed without its secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credential {
    name: Option<String>,
    secret: Vec<u8>,
}

impl Credential {
    /// Reads `Basic` (RFC 7617) and `Bearer` (RFC 6750). What is neither has an empty secret, which opens nothing.
    pub(crate) fn parse(value: &[u8]) -> Self {
        let nothing = Self { name: None, secret: Vec::new() };
        let Some(space) = value.iter().position(|byte| *byte == b' ') else { return nothing };
        let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return Self { name: None, secret: rest.to_vec() };
        }
        let pair = scheme.eq_ignore_ascii_case(b"basic").then(|| STANDARD.decode(rest).ok()).flatten();
        let Some(pair) = pair.and_then(|pair| String::from_utf8(pair).ok()) else { return nothing };
        pair.split_once(':')
            .map_or(nothing, |(name, secret)| Self { name: Some(name.to_owned()), secret: secret.into() })
    }

    /// Who the client says that it is, if it says so.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn secret(&self) -> &[u8] {
        &self.secret
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Credential;

    #[test]
    fn the_secret_is_never_printed() {
        for value in ["Bearer ngt_secret", "Basic Y2k6bmd0X3NlY3JldA=="] {
            let credential = Credential::parse(value.as_bytes());
            assert_eq!(credential.secret(), b"ngt_secret");
            assert!(!format!("{credential:?}").contains("secret"), "{credential:?}");
        }
    }
}
