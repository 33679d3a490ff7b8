//! The card: its partitions have names (GPT), and by those they are found, whatever the kernel calls the drive.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The drive's controller needs a moment after its module is loaded.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// The device of a partition; waits for a card that is still being recognised.
pub(crate) fn await_partition(name: &str) -> Option<PathBuf> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = find(Path::new("/sys/class/block"), name);
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        std::thread::sleep(POLL);
    }
}

/// The drive that a partition is a part of: sysfs has the partition's folder in the drive's.
pub(crate) fn drive_of(partition: &Path) -> Option<PathBuf> {
    drive(Path::new("/sys/class/block"), partition)
}

fn drive(list: &Path, partition: &Path) -> Option<PathBuf> {
    let place = fs::canonicalize(list.join(partition.file_name()?)).ok()?;
    if !place.join("partition").exists() {
        return None;
    }
    Some(Path::new("/dev").join(place.parent()?.file_name()?))
}

/// Looks through the kernel's list (Documentation/ABI/stable/sysfs-block; PARTNAME is the GPT's name).
fn find(list: &Path, name: &str) -> Option<PathBuf> {
    let mut devices: Vec<_> = fs::read_dir(list).ok()?.filter_map(Result::ok).collect();
    devices.sort_by_key(fs::DirEntry::file_name);
    devices.iter().find_map(|device| {
        let facts = fs::read_to_string(device.path().join("uevent")).ok()?;
        let value = |key: &str| facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        (value("PARTNAME") == Some(name)).then(|| Path::new("/dev").join(value("DEVNAME").unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::{PathBuf, find};

    fn sysfs(devices: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for (name, uevent) in devices {
            std::fs::create_dir(folder.path().join(name)).expect("fresh");
            std::fs::write(folder.path().join(name).join("uevent"), uevent).expect("fresh");
        }
        folder
    }

    #[test]
    fn finds_a_partition_by_its_name_on_whichever_drive() {
        let list = sysfs(&[
            ("vda", "MAJOR=254\nDEVNAME=vda\nDEVTYPE=disk\n"),
            ("vda1", "DEVNAME=vda1\nDEVTYPE=partition\nPARTN=1\nPARTNAME=boot\n"),
            ("vda5", "DEVNAME=vda5\nDEVTYPE=partition\nPARTN=5\nPARTNAME=data\n"),
        ]);
        assert_eq!(find(list.path(), "data"), Some(PathBuf::from("/dev/vda5")));
        assert_eq!(find(list.path(), "boot"), Some(PathBuf::from("/dev/vda1")));
    }

    #[test]
    fn a_partition_leads_to_its_drive_and_a_drive_to_none() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let list = folder.path().join("class");
        std::fs::create_dir_all(folder.path().join("mmcblk0/mmcblk0p5")).expect("fresh");
        std::fs::create_dir(&list).expect("fresh");
        std::fs::write(folder.path().join("mmcblk0/mmcblk0p5/partition"), "5\n").expect("fresh");
        for (name, place) in [("mmcblk0", "mmcblk0"), ("mmcblk0p5", "mmcblk0/mmcblk0p5")] {
            std::os::unix::fs::symlink(folder.path().join(place), list.join(name)).expect("fresh");
        }
        assert_eq!(super::drive(&list, "/dev/mmcblk0p5".as_ref()), Some(PathBuf::from("/dev/mmcblk0")));
        assert_eq!(super::drive(&list, "/dev/mmcblk0".as_ref()), None);
    }

    #[test]
    fn a_name_that_only_begins_the_same_is_another() {
        let list = sysfs(&[("mmcblk0p5", "DEVNAME=mmcblk0p5\nPARTNAME=database\n")]);
        assert_eq!(find(list.path(), "data"), None);
    }
}
