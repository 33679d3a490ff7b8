//! The keys that DNSSEC starts from, which a pack carries for the resolver.

use gate_core::ZoneKey;
use serde::Deserialize;

use super::PackError;
use super::draft::toml_error;

/// Most keys: the root's of now and of next year, and some of zones of the owner's.
const MAX_KEYS: usize = 32;

/// The file as its authors write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKeys {
    #[serde(default, rename = "key")]
    keys: Vec<RawKey>,
}

/// One key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey {
    /// What its owner calls it, for people.
    #[serde(rename = "name")]
    _name: String,
    /// Where it is published, so that everybody can check it.
    #[serde(rename = "source")]
    _source: String,
    zone: String,
    tag: u16,
    algorithm: u8,
    digest: String,
    key: String,
}

/// Reads one file of keys.
pub(super) fn read(path: &str, text: &str) -> Result<Vec<ZoneKey>, PackError> {
    let RawKeys { keys } = toml::from_str(text).map_err(|error| toml_error(path, text, &error))?;
    let file = path.to_owned();
    if keys.len() > MAX_KEYS {
        return Err(PackError::Toml { file, line: 1, why: format!("has more than {MAX_KEYS} keys") });
    }
    let key = |RawKey { zone, tag, algorithm, digest, key, .. }| ZoneKey { zone, tag, algorithm, digest, key };
    Ok(keys.into_iter().map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::{MAX_KEYS, read};

    const KEY: &str = r#"
[[key]]
name = "one"
source = "https://keys.example/"
zone = "lab.example."
tag = 1
algorithm = 13
digest = "00"
key = "AAAA"
"#;

    #[test]
    fn mistakes_are_named_by_file_and_line() {
        assert_eq!(read("dnssec.toml", &KEY.repeat(2)).unwrap().len(), 2);
        let many = KEY.repeat(MAX_KEYS + 1);
        for (text, expected) in [
            (KEY.replace("tag = 1", "tag = 70000").as_str(), "dnssec.toml:6: "),
            (KEY.replace("digest", "diggest").as_str(), "dnssec.toml:8: "),
            (many.as_str(), "dnssec.toml:1: has more than 32 keys"),
        ] {
            let error = read("dnssec.toml", text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
