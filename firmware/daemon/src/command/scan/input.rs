//! What is scanned: files, folders without what git ignores, standard input.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, Walk, WalkBuilder};

use crate::CommandError;
use crate::cli::ScanArgs;

/// Names files beside `.gitignore` that a scan leaves out, in the same form.
const OWN_IGNORE_FILE: &str = ".nanogateignore";

/// One thing to scan.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Item {
    Stdin,
    /// A file that the arguments name; one that is not scanned must not pass for clean.
    Named(PathBuf),
    /// A file that was found in a folder.
    Found(PathBuf),
    /// What could not be looked into, and why.
    Failed(String),
}

/// The arguments' files and folders; each folder is walked while it is asked for.
pub(super) struct Items {
    roots: std::vec::IntoIter<PathBuf>,
    walk: Option<Walk>,
    no_ignore: bool,
}

impl Items {
    /// Everything that the arguments name, which must be there.
    pub(super) fn of(args: &ScanArgs) -> Result<Self, CommandError> {
        for path in &args.paths {
            fs::metadata(path).map_err(|error| CommandError::Input(format!("{}: {error}", path.display())))?;
        }
        Ok(Self { roots: args.paths.clone().into_iter(), walk: None, no_ignore: args.no_ignore })
    }

    /// What a walk yields that is to be scanned.
    fn item(entry: Result<DirEntry, ignore::Error>) -> Option<Item> {
        match entry {
            Ok(entry) => entry.file_type().is_some_and(|kind| kind.is_file()).then(|| Item::Found(entry.into_path())),
            Err(error) => Some(Item::Failed(error.to_string())),
        }
    }
}

impl Iterator for Items {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(walk) = &mut self.walk {
                if let Some(item) = walk.find_map(Self::item) {
                    return Some(item);
                }
                self.walk = None;
            }
            let root = self.roots.next()?;
            if !root.is_dir() {
                return Some(Item::Named(root));
            }
            self.walk = Some(walk(&root, self.no_ignore));
        }
    }
}

/// In the order of names, so that two runs print the same.
fn walk(root: &Path, no_ignore: bool) -> Walk {
    // Dot files hold the most secrets (.env, .netrc, .npmrc); what git ignores stays ignored, also outside of a clone.
    let mut builder = WalkBuilder::new(root);
    builder
        .hidden(false)
        .require_git(false)
        .sort_by_file_name(Ord::cmp)
        .add_custom_ignore_filename(OWN_IGNORE_FILE)
        .filter_entry(|entry| entry.depth() == 0 || entry.file_name() != OsStr::new(".git"));
    if no_ignore {
        builder.ignore(false).git_ignore(false).git_global(false).git_exclude(false).parents(false);
    }
    builder.build()
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Item, Items};

    fn found(root: &Path, no_ignore: bool) -> Vec<String> {
        let items = Items { roots: vec![root.to_owned()].into_iter(), walk: None, no_ignore };
        let name = |item| match item {
            Item::Found(path) => path.strip_prefix(root).unwrap().display().to_string(),
            other => panic!("{other:?}"),
        };
        items.map(name).collect()
    }

    #[test]
    fn folders_are_walked_in_order_without_what_git_ignores() {
        let dir = tempfile::tempdir().unwrap();
        for file in ["b.txt", "a/z.txt", "a/b.log", ".env", ".git/config", "c/.gitignore", "c/x.tmp", "d/skip.me"] {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        std::fs::write(dir.path().join(".gitignore"), "*.log\n").unwrap();
        std::fs::write(dir.path().join("c/.gitignore"), "*.tmp\n").unwrap();
        std::fs::write(dir.path().join(".nanogateignore"), "skip.me\n").unwrap();
        let kept = [".env", ".gitignore", ".nanogateignore", "a/z.txt", "b.txt", "c/.gitignore"];
        assert_eq!(found(dir.path(), false), kept);
        let all = found(dir.path(), true);
        assert!(all.contains(&"a/b.log".to_owned()) && all.contains(&"c/x.tmp".to_owned()), "{all:?}");
        assert!(!all.iter().any(|name| name.starts_with(".git/")), "{all:?}");
    }

    #[test]
    fn a_file_that_is_named_is_one_even_where_git_ignores_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.log");
        std::fs::write(&file, "x").unwrap();
        std::fs::write(dir.path().join(".gitignore"), "*.log\n").unwrap();
        let items = Items { roots: vec![file.clone()].into_iter(), walk: None, no_ignore: false };
        assert_eq!(items.collect::<Vec<_>>(), [Item::Named(PathBuf::from(&file))]);
    }
}
