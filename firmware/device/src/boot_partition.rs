//! The boot partition is the one that a PC shows: the claim code is left there for the owner, and what the owner left
//! there for the puck is taken in, once. It is mounted only for that moment; `autoboot.txt` is never touched this way.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
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
const OWNER: &str = "/data/config/nanogate.toml";
const NETWORK: &str = "/data/config/network.toml";

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
        let taken = take(&file, Path::new(OWNER), Path::new(NETWORK));
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

/// Splits the owner's file into the daemon's settings and the network's, and keeps both; nothing if it cannot be read.
fn take(file: &Path, owner: &Path, network: &Path) -> io::Result<()> {
    if fs::metadata(file)?.len() > LONGEST {
        return Err(io::Error::other("it is too long"));
    }
    let text = fs::read_to_string(file)?;
    let mut table: Table =
        text.parse().map_err(|error: toml::de::Error| io::Error::other(error.message().to_owned()))?;
    let part = table.remove("network");
    if let Some(Value::Table(part)) = part {
        keep(network, &part)?;
    }
    keep(owner, &table)
}

fn keep(file: &Path, table: &Table) -> io::Result<()> {
    let text = toml::to_string(table).map_err(io::Error::other)?;
    let new: PathBuf = file.with_extension("new");
    fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
    let mut out = fs::File::create(&new)?;
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
    use super::{scrub, take};

    #[test]
    fn the_owners_file_is_split_into_daemon_and_network() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, owner, network) =
            (folder.path().join("CONFIG"), folder.path().join("config/nanogate.toml"), folder.path().join("n.toml"));
        std::fs::write(&file, "mode = \"dns\"\n[network]\naddress = \"192.0.2.7/24\"\n").expect("fresh");
        take(&file, &owner, &network).expect("taken");
        assert_eq!(std::fs::read_to_string(owner).expect("there"), "mode = \"dns\"\n");
        assert_eq!(std::fs::read_to_string(network).expect("there"), "address = \"192.0.2.7/24\"\n");
    }

    #[test]
    fn a_file_that_cannot_be_read_changes_nothing() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, owner) = (folder.path().join("CONFIG"), folder.path().join("nanogate.toml"));
        for text in ["mode = ", "\u{0}\u{0}", &"a = 1\n".repeat(20_000)] {
            std::fs::write(&file, text).expect("written");
            assert!(take(&file, &owner, &folder.path().join("n.toml")).is_err());
            assert!(!owner.exists());
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
