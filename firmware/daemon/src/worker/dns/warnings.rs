//! What a person should mend, as the parts of the `dns` worker find it: one file for all of them, for the status.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::run_state;

/// The file, and what each part has to say.
pub(super) struct Warnings {
    file: PathBuf,
    told: Mutex<BTreeMap<&'static str, Vec<Warning>>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Warning {
    /// What is wrong; a warning that says the same of another client is no news.
    about: String,
    text: String,
}

impl Warning {
    /// One whose text names things that change from one look to the next: as long as it is told, the first text stays.
    pub(super) fn about(about: &str, text: String) -> Self {
        Self { about: about.to_owned(), text }
    }
}

impl From<String> for Warning {
    /// One that is another one with every other text.
    fn from(text: String) -> Self {
        Self { about: text.clone(), text }
    }
}

impl PartialEq for Warning {
    fn eq(&self, other: &Self) -> bool {
        self.about == other.about
    }
}

impl Warnings {
    /// What an earlier process had to say does not count any more.
    pub(super) fn new(file: PathBuf) -> Self {
        let warnings = Self { file, told: Mutex::default() };
        warnings.write(&[]);
        warnings
    }

    /// Everything that one part has to say by now, in place of what it said before.
    pub(super) fn tell(&self, part: &'static str, warnings: impl IntoIterator<Item = impl Into<Warning>>) {
        let mut warnings: Vec<Warning> = warnings.into_iter().map(Into::into).collect();
        let all = {
            let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = told.get(part).map_or(&[][..], Vec::as_slice);
            if before == warnings {
                return;
            }
            for warning in &mut warnings {
                match before.iter().find(|known| *known == warning) {
                    Some(known) => warning.text.clone_from(&known.text),
                    None => tracing::warn!("{}", warning.text),
                }
            }
            told.insert(part, warnings);
            told.values().flatten().map(|warning| warning.text.clone()).collect::<Vec<_>>()
        };
        self.write(&all);
    }

    fn write(&self, all: &[String]) {
        let written = serde_json::to_vec(all).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|bytes| run_state::replace(&self.file, &bytes, 0o644)) {
            tracing::warn!(%error, file = %self.file.display(), "the warnings for the status could not be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Warning, Warnings};

    #[test]
    fn no_part_takes_back_what_another_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("warnings.json");
        let warnings = Warnings::new(file.clone());
        let read = || serde_json::from_slice::<Vec<String>>(&std::fs::read(&file).unwrap()).unwrap();
        assert!(read().is_empty());
        warnings.tell("router", vec!["a".to_owned()]);
        warnings.tell("upstreams", vec!["b".to_owned(), "c".to_owned()]);
        assert_eq!(read(), ["a", "b", "c"]);
        warnings.tell("router", Vec::<String>::new());
        assert_eq!(read(), ["b", "c"]);
    }

    #[test]
    fn the_same_of_another_client_is_no_news() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("warnings.json");
        let warnings = Warnings::new(file.clone());
        let crowd = |client: &str| Warning::about("crowd", format!("{client} asks too much"));
        warnings.tell("crowd", [crowd("192.0.2.1")]);
        let told = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        warnings.tell("crowd", [crowd("192.0.2.2")]);
        assert!(!file.exists(), "nothing is written and nothing is logged");
        warnings.tell("crowd", [crowd("192.0.2.2"), "the router forwards".to_owned().into()]);
        assert!(std::fs::read_to_string(&file).unwrap().contains("192.0.2.1 asks"), "the first text stays");
        warnings.tell("crowd", Vec::<Warning>::new());
        warnings.tell("crowd", [crowd("192.0.2.1")]);
        assert_eq!(std::fs::read(&file).unwrap(), told, "once it was over it is news again");
    }
}
