//! Where in the file a value stands. The YAML reader knows a line only while it reads, so the file is read once more,
//! along a path, and stopped at its end: the line of that error is the line asked for.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step into a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(&'static str),
    Index(usize),
}

/// The line of what stands at the end of a path, or of the last thing before it that is there.
pub(super) fn line_of(text: &str, path: &[Step]) -> usize {
    let stopped = Probe(path).deserialize(serde_yaml_ng::Deserializer::from_str(text)).err();
    stopped.and_then(|error| error.location()).map_or(1, |location| location.line())
}

/// A path as people write it: `rules[2].group`.
pub(super) fn key(path: &[Step]) -> String {
    path.iter().fold(String::new(), |key, step| match step {
        Step::Key(name) if key.is_empty() => (*name).to_owned(),
        Step::Key(name) => format!("{key}.{name}"),
        Step::Index(index) => format!("{key}[{index}]"),
    })
}

/// Goes along a path; its only result is the error that stops it.
#[derive(Clone, Copy)]
struct Probe<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Probe<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Probe<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end of the path")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let [Step::Key(wanted), rest @ ..] = self.0 {
            while let Some(key) = map.next_key::<String>()? {
                if key == *wanted {
                    return map.next_value_seed(Probe(rest));
                }
                map.next_value::<IgnoredAny>()?;
            }
        }
        Err(A::Error::custom("here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let [Step::Index(wanted), rest @ ..] = self.0 {
            for _ in 0..*wanted {
                list.next_element::<IgnoredAny>()?;
            }
            list.next_element_seed(Probe(rest))?;
        }
        Err(A::Error::custom("here"))
    }
}
