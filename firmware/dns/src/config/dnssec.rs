use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::rr::Name;
use serde::Deserialize;

use super::ConfigError;

/// What is done about signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dnssec {
    /// Bogus answers are withheld. When every upstream strips signatures, answers are passed on unchecked, which status
    /// shows: the office must not lose its internet over its provider's resolver.
    #[default]
    Validate,
    /// The same, but what cannot be checked is withheld too.
    Strict,
    Off,
}

/// Keys that are trusted to begin with.
pub(crate) struct Anchors {
    /// The zones they belong to.
    pub(crate) names: Vec<Name>,
    pub(crate) keys: TrustAnchors,
}

impl Anchors {
    /// Reads DNSKEY records in the form of zone files; the root's keys as IANA publishes them when there are none.
    pub(crate) fn read(texts: &[String]) -> Result<Self, ConfigError> {
        if texts.is_empty() {
            return Ok(Self { names: vec![Name::root()], keys: TrustAnchors::default() });
        }
        let wrong = |text: &str, why: String| ConfigError::Anchor { text: text.to_owned(), why };
        let mut names = Vec::new();
        for text in texts {
            text.parse::<TrustAnchors>().map_err(|error| wrong(text, error.to_string()))?;
            let name = text.split_whitespace().next().unwrap_or_default();
            let mut name = Name::from_ascii(name).map_err(|error| wrong(text, error.to_string()))?.to_lowercase();
            name.set_fqdn(true);
            names.push(name);
        }
        let keys = texts.join("\n").parse().map_err(|error| wrong(&texts.join("; "), format!("{error}")))?;
        Ok(Self { names, keys })
    }
}

#[cfg(test)]
mod tests {
    use super::Anchors;

    #[test]
    fn keys_are_the_roots_or_those_given() {
        let root = Anchors::read(&[]).unwrap();
        assert_eq!((root.names.len(), root.keys.len()), (1, 2), "the keys of 2017 and 2024");
        let key = "Lab.Test. 3600 IN DNSKEY 257 3 13 \
            GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";
        let own = Anchors::read(&[key.to_owned()]).unwrap();
        assert_eq!(own.names[0].to_ascii(), "lab.test.");
        let error = Anchors::read(&["lab.test. IN A 192.0.2.1".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("`lab.test. IN A 192.0.2.1` is not a DNSKEY record"), "{error}");
    }
}
