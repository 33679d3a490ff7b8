//! The boot partition is the one that a PC shows: the claim code is left there for the owner, and what the owner left
//! there for the puck is taken in, once. It is mounted only for that moment; `autoboot.txt` is never touched this way.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use serde::Deserialize;
use toml::{Table, Value};

use crate::card;
use crate::desk::Desk;
use crate::log::say;

const TARGET: &str = "/run/puck/boot";
const CLAIM: &str = "CLAIM-CODE.txt";
/// One line: `http://192.0.2.1/nanogate.update`.
const RESCUE: &str = "RESCUE-URL.txt";
/// Either name: some editors add endings, some people leave them out.
const SETTINGS: [&str; 2] = ["nanogate.toml", "CONFIG"];
/// No settings are longer.
const LONGEST: u64 = 64 * 1024;
const FLAGS: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::NOATIME);

/// Where what was taken in lives from then on.
const TAKEN: Taken<&str> = Taken {
    owner: "/data/config/nanogate.toml",
    network: "/data/config/network.toml",
    password: "/data/config/password-hash",
};
/// How a hash begins; what it is worth the daemon says, which takes it in and scrubs it at its next start.
const HASH: &str = "$argon2id$";

/// Where each part of the owner's file lives from then on.
struct Taken<P> {
    owner: P,
    network: P,
    password: P,
}

/// The part that says who the owner is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setup {
    /// As `nanogate password` prints it.
    password_hash: Option<String>,
}

/// Mounts the partition for as long as `work` takes.
fn mounted<T>(work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let device = card::await_partition("boot").ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(TARGET)?;
    mount(&device, TARGET, "vfat", FLAGS, c"umask=077,errors=remount-ro")?;
    let result = work(Path::new(TARGET));
    unmount(TARGET, UnmountFlags::DETACH)?;
    rustix::fs::sync();
    result
}

/// Takes in what the owner left, and scrubs it from the card: it may hold what nobody else should read.
pub(crate) fn import(desk: &Desk) {
    let imported = mounted(|folder| {
        let Some(file) = SETTINGS.map(|name| folder.join(name)).into_iter().find(|file| file.is_file()) else {
            return Ok(None);
        };
        let taken = take(&file, &TAKEN);
        scrub(&file)?;
        Ok(Some((file, taken)))
    });
    match imported {
        Ok(None) => {}
        Ok(Some((file, Ok(())))) => desk.note("settings_taken", true, &format!("{} was taken in", file.display())),
        Ok(Some((file, Err(error)))) => {
            desk.note("settings_taken", false, &format!("{} was not taken in: {error}", file.display()));
        }
        Err(error) => say!("the boot partition cannot be read: {error}"),
    }
}

/// Leaves the claim code for the owner, or takes it away once somebody has claimed the puck.
pub(crate) fn show_claim_code(code: Option<&str>) {
    let shown = mounted(|folder| {
        let file = folder.join(CLAIM);
        match code {
            Some(code) => {
                let text = format!("Open https://nanogate.local/ and enter this code once: {code}\r\n");
                if fs::read_to_string(&file).is_ok_and(|present| present == text) {
                    Ok(())
                } else {
                    fs::write(&file, text)
                }
            }
            None if file.exists() => scrub(&file),
            None => Ok(()),
        }
    });
    if let Err(error) = shown {
        say!("the claim code cannot be left on the boot partition: {error}");
    }
}

/// Where the rescue system may get an image from, if the owner left an address for it.
pub(crate) fn rescue_url() -> Option<String> {
    let read = mounted(|folder| {
        let file = folder.join(RESCUE);
        if !file.is_file() || fs::metadata(&file)?.len() > LONGEST {
            return Ok(None);
        }
        Ok(fs::read_to_string(file)?.lines().next().map(|line| line.trim().to_owned()))
    });
    read.ok().flatten().filter(|line| line.starts_with("http:"))
}

/// Splits the owner's file into the daemon's settings, the network's and the password's hash, and keeps them; nothing if it
/// cannot be read.
fn take<P: AsRef<Path>>(file: &Path, into: &Taken<P>) -> io::Result<()> {
    if fs::metadata(file)?.len() > LONGEST {
        return Err(io::Error::other("it is too long"));
    }
    let text = fs::read_to_string(file)?;
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| io::Error::other(error.message().to_owned()))?;
    let network = table.remove("network");
    let setup = table.remove("setup").map(Value::try_into::<Setup>).transpose();
    let setup = setup.map_err(|error| io::Error::other(format!("[setup] {}", error.message())))?;
    let hash = setup.and_then(|setup| setup.password_hash);
    if hash.as_ref().is_some_and(|hash| !hash.starts_with(HASH)) {
        return Err(io::Error::other("setup.password_hash is no hash as `nanogate password` prints it"));
    }
    if let Some(hash) = hash {
        keep(into.password.as_ref(), &hash)?;
    }
    let text = |table: &Table| toml::to_string(table).map_err(io::Error::other);
    if let Some(Value::Table(part)) = network {
        keep(into.network.as_ref(), &text(&part)?)?;
    }
    // A file that is only about the password leaves the settings as they are.
    if table.is_empty() { Ok(()) } else { keep(into.owner.as_ref(), &text(&table)?) }
}

fn keep(file: &Path, text: &str) -> io::Result<()> {
    let new: PathBuf = file.with_extension("new");
    fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
    let mut out = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(new, file)
}

/// Overwrites a file, so that its blocks hold nothing, and removes it.
fn scrub(file: &Path) -> io::Result<()> {
    let length = usize::try_from(fs::metadata(file)?.len()).unwrap_or(0);
    let mut out = fs::OpenOptions::new().write(true).open(file)?;
    let zeros = [0; 4096];
    let mut left = length;
    while left > 0 {
        let part = left.min(zeros.len());
        out.write_all(&zeros[..part])?;
        left -= part;
    }
    out.sync_all()?;
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::{Path, PathBuf, Taken, scrub, take};
    use std::os::unix::fs::PermissionsExt;

    const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA";

    fn places(folder: &Path) -> (PathBuf, Taken<PathBuf>) {
        let [owner, network, password] = ["config/nanogate.toml", "n.toml", "hash"].map(|name| folder.join(name));
        (folder.join("CONFIG"), Taken { owner, network, password })
    }

    #[test]
    fn the_owners_file_is_split_into_daemon_network_and_password() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, into) = places(folder.path());
        let text =
            format!("mode = \"dns\"\n[setup]\npassword_hash = \"{HASH}\"\n[network]\naddress = \"192.0.2.7/24\"\n");
        std::fs::write(&file, text).expect("fresh");
        take(&file, &into).expect("taken");
        let read = |file: &PathBuf| std::fs::read_to_string(file).expect("there");
        assert_eq!(read(&into.owner), "mode = \"dns\"\n");
        assert_eq!(read(&into.network), "address = \"192.0.2.7/24\"\n");
        assert_eq!(read(&into.password), HASH);
        let mode = std::fs::metadata(&into.password).expect("there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "nobody else reads it");
    }

    #[test]
    fn a_file_about_the_password_alone_leaves_the_settings() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, into) = places(folder.path());
        std::fs::write(&file, format!("[setup]\npassword_hash = \"{HASH}\"\n")).expect("fresh");
        take(&file, &into).expect("taken");
        assert!(into.password.exists() && !into.owner.exists() && !into.network.exists());
    }

    #[test]
    fn a_file_that_cannot_be_read_changes_nothing() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, into) = places(folder.path());
        let plain = "mode = \"dns\"\n[setup]\npassword_hash = \"correct horse\"\n";
        let unknown = "[setup]\npassword = \"correct horse\"\n";
        for text in ["mode = ", "\u{0}\u{0}", &"a = 1\n".repeat(20_000), plain, unknown] {
            std::fs::write(&file, text).expect("written");
            let error = take(&file, &into).expect_err(text).to_string();
            assert!(!error.contains("correct horse"), "{error}");
            assert!(!into.owner.exists() && !into.password.exists());
        }
    }

    #[test]
    fn scrubbing_leaves_no_file() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("CONFIG");
        std::fs::write(&file, "secret".repeat(2000)).expect("fresh");
        scrub(&file).expect("scrubbed");
        assert!(!file.exists());
    }
}
