//! What the owner brought along before the first start: the hash of a password, in a file that is taken in once and then
//! gone. On a device PID 1 lays it there, from the file that a PC left on the boot partition.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use gate_admin::{Accounts, HashedPassword};

use crate::provision;

/// Longer than any hash.
const LONGEST: u64 = 1024;

fn file(data: &Path) -> PathBuf {
    data.join("config/password-hash")
}

/// Sets the password that lies in the data folder, if one does, and scrubs the file whatever becomes of it: it may be the
/// password itself. Whether that went well; none if there is nothing.
pub(crate) fn take_password(data: &Path) -> Option<Result<(), String>> {
    let file = file(data);
    // Not following a link: what it names is not ours to overwrite.
    if !fs::symlink_metadata(&file).is_ok_and(|there| there.is_file()) {
        return None;
    }
    let taken = set(data, &file);
    let scrubbed = scrub(&file).map_err(|error| format!("{}: {error}", file.display()));
    Some(taken.and(scrubbed))
}

fn set(data: &Path, file: &Path) -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    if fs::metadata(file).map_err(|error| words(&error))?.len() > LONGEST {
        return Err("it is too long".to_owned());
    }
    let text = fs::read_to_string(file).map_err(|error| words(&error))?;
    let password = HashedPassword::parse(text.trim()).map_err(|error| words(&error))?;
    let accounts = Accounts::open(&provision::admin_state_dir(data)).map_err(|error| words(&error))?;
    accounts.set_password(password).map_err(|error| words(&error))
}

/// Overwrites a file, so that its blocks hold nothing, and removes it.
fn scrub(file: &Path) -> io::Result<()> {
    let length = usize::try_from(fs::metadata(file)?.len().min(LONGEST)).unwrap_or(0);
    let mut out = fs::OpenOptions::new().write(true).open(file)?;
    out.write_all(&vec![0; length])?;
    out.sync_all()?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::{Accounts, HashedPassword, file, fs, provision, take_password};

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a scratch folder");
        fs::create_dir_all(folder.path().join("config")).expect("fresh");
        fs::create_dir_all(provision::admin_state_dir(folder.path())).expect("fresh");
        folder
    }

    fn claimed(folder: &tempfile::TempDir) -> bool {
        let accounts = Accounts::open(&provision::admin_state_dir(folder.path())).expect("readable");
        accounts.claimed().expect("readable")
    }

    #[test]
    fn a_hash_that_was_brought_along_is_taken_once_and_scrubbed() {
        let folder = folder();
        assert_eq!(take_password(folder.path()), None);
        let hash = HashedPassword::of("correct horse battery").expect("hashed");
        fs::write(file(folder.path()), format!("{hash}\n")).expect("written");
        assert_eq!(take_password(folder.path()), Some(Ok(())));
        assert!(claimed(&folder) && !file(folder.path()).exists());
        assert_eq!(take_password(folder.path()), None);
    }

    #[test]
    fn what_is_no_hash_claims_nothing_and_is_scrubbed_too() {
        let folder = folder();
        for text in [
            "correct horse battery",
            "$argon2id$v=19$m=4194304,t=9,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo",
            &"x".repeat(2000),
        ] {
            fs::write(file(folder.path()), text).expect("written");
            let error = take_password(folder.path()).expect("there").expect_err("no hash of ours");
            assert!(!error.contains(text), "the text may be a password: {error}");
            assert!(!claimed(&folder) && !file(folder.path()).exists());
        }
    }
}
