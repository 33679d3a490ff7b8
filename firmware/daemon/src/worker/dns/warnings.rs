//! What a person should mend, as the parts of the `dns` worker find it: one file for all of them, for the status.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::run_state;

/// The file, and what each part has to say.
pub(super) struct Warnings {
    file: PathBuf,
    told: Mutex<BTreeMap<&'static str, Vec<String>>>,
}

impl Warnings {
    /// What an earlier process had to say does not count any more.
    pub(super) fn new(file: PathBuf) -> Self {
        let warnings = Self { file, told: Mutex::default() };
        warnings.write(&[]);
        warnings
    }

    /// Everything that one part has to say by now, in place of what it said before.
    pub(super) fn tell(&self, part: &'static str, warnings: Vec<String>) {
        let all = {
            let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let before = told.get(part).map_or(&[][..], Vec::as_slice);
            if before == warnings {
                return;
            }
            warnings.iter().filter(|warning| !before.contains(warning)).for_each(|warning| tracing::warn!("{warning}"));
            told.insert(part, warnings);
            told.values().flatten().cloned().collect::<Vec<_>>()
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
    use super::Warnings;

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
        warnings.tell("router", Vec::new());
        assert_eq!(read(), ["b", "c"]);
    }
}
