//! Drives that were plugged in: each is mounted read-only once, looked at, and let go.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::log::say;

const TARGET: &str = "/run/puck/stick";
/// What sticks are sold with.
const KINDS: [&str; 2] = ["vfat", "exfat"];
const FLAGS: MountFlags =
    MountFlags::RDONLY.union(MountFlags::NOSUID).union(MountFlags::NODEV).union(MountFlags::NOEXEC);
/// Drives remembered; whoever plugs more in may start the puck again.
const MOST: usize = 256;

/// One drive or a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Drive {
    name: String,
    /// The kernel's number for this plugging-in (sysfs, `diskseq`): the same stick a second time is another one.
    plugged: String,
}

/// What was looked at.
#[derive(Debug)]
pub(super) struct Sticks {
    /// The card's drive, which is never a stick.
    card: Option<String>,
    seen: BTreeSet<Drive>,
}

impl Sticks {
    /// Everything beside the drive that this partition is on.
    pub(super) fn beside(partition: &Path) -> Self {
        let name = partition.file_name().unwrap_or_default();
        let card = disk_of(&Path::new(BLOCK).join(name));
        Self { card, seen: BTreeSet::new() }
    }

    /// Mounts the next one that has a file system; the folder.
    pub(super) fn next(&mut self) -> Option<PathBuf> {
        for drive in drives(Path::new(BLOCK), self.card.as_deref()) {
            if self.seen.len() < MOST && self.seen.insert(drive.clone()) && attach(&drive.name) {
                return Some(TARGET.into());
            }
        }
        None
    }

    /// Lets go of the one that was mounted last.
    pub(super) fn let_go(&self) {
        if let Err(error) = unmount(TARGET, UnmountFlags::DETACH) {
            say!("rescue: the stick is still mounted: {error}");
        }
    }
}

const BLOCK: &str = "/sys/class/block";

fn attach(name: &str) -> bool {
    let device = Path::new("/dev").join(name);
    if fs::create_dir_all(TARGET).is_err() {
        return false;
    }
    for kind in KINDS {
        match mount(&device, TARGET, kind, FLAGS, c"") {
            Ok(()) => {
                say!("rescue: looking at {name} ({kind})");
                return true;
            }
            // No file system of that kind: most drives have one inside a partition.
            Err(Errno::INVAL | Errno::NODEV) => {}
            Err(error) => say!("rescue: {name} cannot be read: {error}"),
        }
    }
    false
}

/// Every drive and partition that is not the card's, and that something is plugged into.
fn drives(list: &Path, card: Option<&str>) -> Vec<Drive> {
    let entries = fs::read_dir(list).into_iter().flatten().filter_map(Result::ok);
    let mut drives: Vec<_> = entries
        .filter_map(|entry| {
            let facts = fs::read_to_string(entry.path().join("uevent")).ok()?;
            let value = |key: &str| facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            let size: u64 = fs::read_to_string(entry.path().join("size")).ok()?.trim().parse().ok()?;
            let (name, plugged) = (value("DEVNAME")?.to_owned(), value("DISKSEQ")?.to_owned());
            // A drive's own folder is behind each partition's; drives without anything behind them (loop, ram) have none.
            let device = disk_of(&entry.path())?;
            let plain = entry.path().join("device").exists() || value("DEVTYPE") == Some("partition");
            (size > 0 && plain && Some(device.as_str()) != card).then_some(Drive { name, plugged })
        })
        .collect();
    drives.sort();
    drives
}

/// The name of the drive that a drive or partition belongs to.
fn disk_of(entry: &Path) -> Option<String> {
    let whole = fs::canonicalize(entry).ok()?;
    let folder = if whole.join("partition").exists() { whole.parent()? } else { &whole };
    Some(folder.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::{disk_of, drives};
    use std::fs;
    use std::path::Path;

    /// As sysfs has them: folders of devices, and a list of links to them.
    fn sysfs(folder: &Path) -> std::path::PathBuf {
        let list = folder.join("class");
        fs::create_dir(&list).expect("fresh");
        for (path, kind, sequence, part) in [
            ("mmcblk0", "disk", "1", false),
            ("mmcblk0/mmcblk0p1", "partition", "1", true),
            ("sda", "disk", "9", false),
            ("sda/sda1", "partition", "9", true),
            ("loop0", "disk", "3", false),
        ] {
            let device = folder.join("devices").join(path);
            let name = path.rsplit('/').next().unwrap_or(path);
            fs::create_dir_all(&device).expect("fresh");
            fs::write(device.join("uevent"), format!("DEVNAME={name}\nDEVTYPE={kind}\nDISKSEQ={sequence}\n"))
                .expect("fresh");
            fs::write(device.join("size"), if name == "loop0" { "0\n" } else { "2048\n" }).expect("fresh");
            if part {
                fs::write(device.join("partition"), "1\n").expect("fresh");
            } else {
                fs::create_dir(device.join("device")).expect("fresh");
            }
            std::os::unix::fs::symlink(&device, list.join(name)).expect("fresh");
        }
        list
    }

    #[test]
    fn the_card_and_empty_drives_are_no_sticks() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let list = sysfs(folder.path());
        let card = disk_of(&list.join("mmcblk0p1"));
        assert_eq!(card.as_deref(), Some("mmcblk0"));
        let found = drives(&list, card.as_deref());
        let names: Vec<_> = found.iter().map(|drive| (drive.name.as_str(), drive.plugged.as_str())).collect();
        assert_eq!(names, [("sda", "9"), ("sda1", "9")]);
    }
}
