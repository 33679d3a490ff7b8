//! What a person should mend, as the parts of the `dns` worker find it: one file for all of them, for the status.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::run_state;

/// How often the words of a warning that lasts are brought up to date: the file lies on flash memory.
const REWORDED: Duration = Duration::from_secs(30);

/// The file, and what each part has to say.
pub(super) struct Warnings {
    file: PathBuf,
    told: Mutex<BTreeMap<&'static str, Told>>,
}

/// What one part says, and since when in these words.
struct Told {
    warnings: Vec<Warning>,
    at: Instant,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Warning {
    /// What is wrong; a warning that says the same of another client is no news.
    about: String,
    text: String,
}

impl Warning {
    /// One whose text names things that change from one look to the next: that is no news.
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
        self.tell_at(part, warnings.into_iter().map(Into::into).collect(), Instant::now());
    }

    fn tell_at(&self, part: &'static str, warnings: Vec<Warning>, now: Instant) {
        let all = {
            let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = told.get(part).map_or(&[][..], |told| told.warnings.as_slice());
            let reworded = || before.iter().zip(&warnings).any(|(before, now)| before.text != now.text);
            let fresh = told.get(part).is_none_or(|told| now.duration_since(told.at) < REWORDED);
            if before == warnings && (fresh || !reworded()) {
                return;
            }
            for warning in warnings.iter().filter(|warning| !before.contains(warning)) {
                tracing::warn!("{}", warning.text);
            }
            told.insert(part, Told { warnings, at: now });
            told.values().flat_map(|told| &told.warnings).map(|warning| warning.text.clone()).collect::<Vec<_>>()
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
    use std::time::Instant;

    use super::{REWORDED, Warning, Warnings};

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
        let (warnings, start) = (Warnings::new(file.clone()), Instant::now());
        let tell = |client: &str, now| {
            let crowd = Warning::about("crowd", format!("{client} asks too much"));
            warnings.tell_at("crowd", vec![crowd], now);
        };
        let read = || std::fs::read_to_string(&file).unwrap_or_default();
        tell("192.0.2.1", start);
        std::fs::remove_file(&file).unwrap();
        tell("192.0.2.2", start + REWORDED / 2);
        assert_eq!(read(), "", "flash memory lasts");
        tell("192.0.2.2", start + REWORDED);
        assert!(read().contains("192.0.2.2 asks"), "nobody is blamed who has stopped");
        std::fs::remove_file(&file).unwrap();
        tell("192.0.2.2", start + 3 * REWORDED);
        assert_eq!(read(), "");
    }
}
