//! What a pack is called, and which of two is newer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest name of a pack.
const MAX_NAME: usize = 64;

/// Three numbers, compared from the left: `2026.11.1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PackVersion([u32; 3]);

/// Name and version: `pack.toml` in the folder of the sources.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackInfo {
    /// Lower case letters, digits and hyphens. Packs of one name replace each other.
    pub name: String,
    pub version: PackVersion,
}

impl Default for PackInfo {
    /// What rules are called that were compiled without a `pack.toml`.
    fn default() -> Self {
        Self { name: "unnamed".to_owned(), version: PackVersion::default() }
    }
}

impl PackInfo {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let fits = (1..=MAX_NAME).contains(&self.name.len()) && self.name.bytes().all(allowed);
        // It becomes a file's name.
        if fits && !self.name.starts_with('-') {
            Ok(())
        } else {
            Err("`name` has 1 to 64 lower case letters, digits and hyphens, the first of them no hyphen")
        }
    }
}

impl fmt::Display for PackVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// The text is no version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is three numbers such as `2026.11.1`")]
pub struct VersionError;

impl FromStr for PackVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let mut numbers = [0; 3];
        let mut parts = text.split('.');
        for number in &mut numbers {
            // `+1` and `01` are other spellings of a number, and one version has one.
            let part =
                parts.next().filter(|part| part.bytes().all(|byte| byte.is_ascii_digit())).ok_or(VersionError)?;
            *number = part.parse().map_err(|_| VersionError)?;
            if part.len() > 1 && part.starts_with('0') {
                return Err(VersionError);
            }
        }
        if parts.next().is_some() { Err(VersionError) } else { Ok(Self(numbers)) }
    }
}

impl TryFrom<String> for PackVersion {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Self, VersionError> {
        text.parse()
    }
}

impl From<PackVersion> for String {
    fn from(version: PackVersion) -> Self {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{PackInfo, PackVersion};

    #[test]
    fn versions_compare_by_number() {
        let version = |text: &str| text.parse::<PackVersion>().unwrap();
        assert!(version("2026.11.9") < version("2026.11.10"));
        assert!(version("2026.12.0") > version("2026.11.99"));
        assert_eq!(version("0.1.4294967295").to_string(), "0.1.4294967295");
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "1", "1.2", "1.2.3.4", "1..3", "+1.2.3", "01.2.3", "1.2.x", "1.2.4294967296", " 1.2.3"] {
            assert!(text.parse::<PackVersion>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_one_of_a_file() {
        let check = |name: &str| PackInfo { name: name.to_owned(), version: PackVersion::default() }.check();
        assert!(check("nanogate").is_ok() && check("a-1").is_ok());
        for name in ["", "-a", "A", "a/b", "..", "a b", &"a".repeat(65)] {
            assert!(check(name).is_err(), "{name}");
        }
    }
}
