//! Values that are public: what vendors print in their manuals and what test systems accept.

use std::collections::HashSet;

use serde::Deserialize;
use toml::Spanned;

/// Longest value. A longer one is a document, not a sample.
const MAX_LEN: usize = 1024;

/// Shortest value: shorter ones would occur by chance.
const MIN_LEN: usize = 8;

/// Most values of one list.
const MAX_VALUES: usize = 4096;

/// The file as its authors write it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawList {
    #[serde(default, rename = "sample")]
    samples: Vec<RawSample>,
}

/// Values of one kind out of one document.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSample {
    /// What they are, for people.
    name: Spanned<String>,
    /// Where they are printed, so that everybody can check that they are public.
    source: Spanned<String>,
    values: Vec<Spanned<String>>,
}

/// A mistake in the file and the byte at which it stands.
pub(super) type Mistake = (usize, String);

/// Public values in their normal form: without white space and hyphens, which people put into numbers as they like.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowList {
    values: HashSet<Vec<u8>>,
    longest: usize,
}

impl AllowList {
    /// Adds the samples of one file.
    pub(super) fn add(&mut self, text: &str) -> Result<(), Mistake> {
        let list: RawList = toml::from_str(text)
            .map_err(|error| (error.span().unwrap_or_default().start, error.message().to_owned()))?;
        for sample in list.samples {
            for (key, word) in [("name", &sample.name), ("source", &sample.source)] {
                if word.get_ref().trim().is_empty() {
                    return Err((word.span().start, format!("`{key}` is empty")));
                }
            }
            for value in sample.values {
                self.insert(value.get_ref()).map_err(|why| (value.span().start, why))?;
            }
        }
        Ok(())
    }

    fn insert(&mut self, value: &str) -> Result<(), String> {
        let normal: Vec<u8> = normal(value.as_bytes()).collect();
        if !(MIN_LEN..=MAX_LEN).contains(&normal.len()) {
            return Err(format!("a value has {MIN_LEN} to {MAX_LEN} bytes besides spaces and hyphens"));
        }
        if self.values.len() == MAX_VALUES {
            return Err(format!("the list has more than {MAX_VALUES} values"));
        }
        self.longest = self.longest.max(normal.len());
        if self.values.insert(normal) { Ok(()) } else { Err("the value is on the list already".to_owned()) }
    }

    /// Whether the whole of `value` is on the list.
    pub(crate) fn has(&self, value: &[u8]) -> bool {
        // Nobody groups a number into more pieces than it has digits.
        if value.len() < MIN_LEN || value.len() > self.longest * 2 {
            return false;
        }
        self.values.contains(&normal(value).collect::<Vec<u8>>())
    }

    /// How many values are on it.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

fn normal(value: &[u8]) -> impl Iterator<Item = u8> {
    value.iter().copied().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-')
}

#[cfg(test)]
mod tests {
    use super::AllowList;

    fn list(values: &str) -> Result<AllowList, super::Mistake> {
        let mut list = AllowList::default();
        let text = format!("[[sample]]\nname = \"n\"\nsource = \"s\"\nvalues = [\n{values}\n]\n");
        list.add(&text).map(|()| list)
    }

    #[test]
    fn grouping_does_not_matter_and_case_does() {
        let list = list("'4242 4242 4242 4242', 'ACME-Sample-Key'").unwrap();
        for value in ["4242424242424242", "4242-4242-4242-4242", "4242 4242 42424242", "ACMESampleKey"] {
            assert!(list.has(value.as_bytes()), "{value}");
        }
        for value in ["424242424242424", "4242 4242 4242 4242 1", "acme-sample-key", "", "x4242424242424242"] {
            assert!(!list.has(value.as_bytes()), "{value}");
        }
        assert_eq!(list.len(), 2);
    }

    #[test]
    fn an_empty_list_has_nothing() {
        assert!(!AllowList::default().has(b"4242424242424242"));
    }

    #[test]
    fn mistakes_say_what_is_wrong_and_where() {
        for (values, says) in [
            ("'short'", "8 to 1024 bytes"),
            ("'1-2-3-4-5-6-7'", "8 to 1024 bytes"),
            ("'12345678', '1234-5678'", "on the list already"),
            ("12345678", "invalid type"),
        ] {
            let (at, why) = list(values).unwrap_err();
            assert!(why.contains(says) && at > 40, "{values}: {at}: {why}");
        }
        let (_, why) = AllowList::default().add("[[sample]]\nname = \"n\"\nvalues = []\n").unwrap_err();
        assert!(why.contains("missing field `source`"), "{why}");
        let (_, why) = AllowList::default().add("[[sample]]\nname = \"n\"\nsource = \"\"\nvalues = []\n").unwrap_err();
        assert!(why.contains("`source` is empty"), "{why}");
    }
}
