//! A file in a folder, which a stick that somebody brought is mounted on.

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::{Source, SourceError};

/// How an update's name ends.
const ENDING: &str = "update";
/// How many names of a folder are read at most.
const MOST_NAMES: usize = 4096;

/// One file.
#[derive(Clone, Debug)]
pub struct Stick(PathBuf);

impl Stick {
    /// The updates in a folder, by name; not in the folders below it.
    pub fn list(folder: &Path) -> std::io::Result<Vec<Self>> {
        let names = fs::read_dir(folder)?.take(MOST_NAMES).filter_map(Result::ok).map(|entry| entry.path());
        let is_update = |file: &PathBuf| {
            file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(ENDING))
                // Systems leave files of their own beside each (`._name`), which are no updates.
                && !file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
        };
        let mut files: Vec<_> = names.filter(is_update).collect();
        files.sort();
        Ok(files.into_iter().map(Self).collect())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Source for Stick {
    type Reader = File;

    fn open(&self) -> Result<(File, u64), SourceError> {
        // Neither a link out of the stick nor a pipe that never answers.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(&self.0)?;
        let facts = file.metadata()?;
        if !facts.is_file() {
            return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput).into());
        }
        Ok((file, facts.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_NAMES, Source, Stick};

    #[test]
    fn lists_updates_by_name_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for name in ["b.update", "a.UPDATE", "._a.update", "notes.txt", "update"] {
            std::fs::write(folder.path().join(name), "x").expect("fresh");
        }
        let found = Stick::list(folder.path()).expect("readable");
        let names: Vec<_> = found.iter().map(|file| file.path().file_name().unwrap_or_default().to_owned()).collect();
        assert_eq!(names, ["a.UPDATE", "b.update"]);
        for number in 0..MOST_NAMES {
            std::fs::write(folder.path().join(format!("{number}.update")), "x").expect("fresh");
        }
        let found = Stick::list(folder.path()).expect("readable").len();
        assert!((MOST_NAMES - 5..=MOST_NAMES).contains(&found), "{found}");
    }

    #[test]
    fn a_link_and_a_folder_are_not_opened() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(folder.path().join("secret"), "x").expect("fresh");
        std::os::unix::fs::symlink("secret", folder.path().join("a.update")).expect("fresh");
        std::fs::create_dir(folder.path().join("b.update")).expect("fresh");
        for file in Stick::list(folder.path()).expect("readable") {
            assert!(file.open().is_err(), "{}", file.path().display());
        }
    }
}
