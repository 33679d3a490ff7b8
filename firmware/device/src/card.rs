//! The card: the drive that this machine was started from, and its partitions by their names (GPT). It is chosen once: no
//! other drive that has partitions of such names, a second card in a reader say, is ever taken for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::log::say;

const BLOCK: &str = "/sys/class/block";
/// What the boot loader says it was started from (Raspberry Pi, config_txt: boot-mode), one big-endian word.
const MODE: &str = "/proc/device-tree/chosen/bootloader/boot-mode";
/// The drive's controller needs a moment after its module is loaded.
const PATIENCE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
/// What a card of ours has, whatever became of the rest.
const OURS: [&str; 4] = ["boot", "slot-a", "slot-b", "rescue"];

/// The drive's name, and which plugging-in of a drive of that name it was.
static CARD: OnceLock<(String, Option<String>)> = OnceLock::new();
/// Something was waited for in vain: nobody waits as long again, the office least of all.
static IN_VAIN: AtomicBool = AtomicBool::new(false);

/// What a drive is plugged into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bus {
    Card,
    Usb,
    Nvme,
    Other,
}

/// The device of a partition; waits for a card that is still being recognised.
pub(crate) fn await_partition(name: &str) -> Option<PathBuf> {
    let patience = if IN_VAIN.load(Ordering::Relaxed) { Duration::ZERO } else { PATIENCE };
    let deadline = Instant::now() + patience;
    let list = Path::new(BLOCK);
    loop {
        // What comes back under its name is another drive, or one that nobody has mounted since.
        if is_gone() {
            return None;
        }
        let late = Instant::now() >= deadline;
        if CARD.get().is_none()
            && let Some(drive) = choose(list, mode(Path::new(MODE)), late)
        {
            say!("the card is {drive}");
            let plugged = plugged(list, &drive);
            let _ = CARD.set((drive, plugged));
        }
        let found = CARD.get().and_then(|(card, _)| find(list, card, name));
        if found.is_some() || late {
            IN_VAIN.fetch_or(found.is_none(), Ordering::Relaxed);
            return found;
        }
        std::thread::sleep(POLL);
    }
}

/// Whether the card was there and is not any more: one that was pulled out and put back is, until the next start.
pub(crate) fn is_gone() -> bool {
    let list = Path::new(BLOCK);
    CARD.get().is_some_and(|(card, known)| !list.join(card).exists() || plugged(list, card) != *known)
}

/// The kernel's number for this plugging-in of a drive (sysfs, `diskseq`).
fn plugged(list: &Path, drive: &str) -> Option<String> {
    fs::read_to_string(list.join(drive).join("diskseq")).ok()
}

/// The bus of the drive that the boot loader started from, where it says so.
fn mode(file: &Path) -> Option<Bus> {
    match u32::from_be_bytes(fs::read(file).ok()?.try_into().ok()?) {
        1 => Some(Bus::Card),
        4 | 5 => Some(Bus::Usb),
        6 => Some(Bus::Nvme),
        _ => None,
    }
}

/// The drive that has all that a card of ours has and stands where the boot loader read it. Where that is not known, or nothing
/// stands there for long, sticks come last, or not at all.
fn choose(list: &Path, mode: Option<Bus>, late: bool) -> Option<String> {
    let mut drives: BTreeMap<String, (Bus, Vec<String>)> = BTreeMap::new();
    for (place, facts) in partitions(list) {
        let drive = place.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        let entry = drives.entry(drive).or_insert_with(|| (bus(&place), Vec::new()));
        entry.1.extend(value(&facts, "PARTNAME").map(str::to_owned));
    }
    drives.retain(|_, (_, names)| OURS.iter().all(|name| names.iter().any(|own| own == name)));
    let first =
        |wanted: &dyn Fn(Bus) -> bool| drives.iter().find(|(_, (bus, _))| wanted(*bus)).map(|(drive, _)| drive.clone());
    match mode {
        Some(mode) => first(&|bus| bus == mode).or_else(|| late.then(|| first(&|bus| bus != Bus::Usb))?),
        None => first(&|bus| bus != Bus::Usb).or_else(|| late.then(|| first(&|_| true))?),
    }
}

fn bus(place: &Path) -> Bus {
    let on = |name: &str| {
        place.components().any(|part| {
            let rest = part.as_os_str().to_str().and_then(|part| part.strip_prefix(name));
            rest.is_some_and(|rest| rest.starts_with(|sign: char| sign.is_ascii_digit()))
        })
    };
    match (on("usb"), on("mmc"), on("nvme")) {
        (true, ..) => Bus::Usb,
        (_, true, _) => Bus::Card,
        (_, _, true) => Bus::Nvme,
        _ => Bus::Other,
    }
}

/// The drive that a partition is a part of: sysfs has the partition's folder in the drive's.
pub(crate) fn drive_of(partition: &Path) -> Option<PathBuf> {
    drive(Path::new(BLOCK), partition)
}

fn drive(list: &Path, partition: &Path) -> Option<PathBuf> {
    let place = fs::canonicalize(list.join(partition.file_name()?)).ok()?;
    if !place.join("partition").exists() {
        return None;
    }
    Some(Path::new("/dev").join(place.parent()?.file_name()?))
}

/// Looks for a drive's partition in the kernel's list (Documentation/ABI/stable/sysfs-block; PARTNAME is the GPT's name).
fn find(list: &Path, drive: &str, name: &str) -> Option<PathBuf> {
    partitions(list).into_iter().find_map(|(place, facts)| {
        let own = place.parent()?.file_name()? == drive && value(&facts, "PARTNAME") == Some(name);
        own.then(|| Some(Path::new("/dev").join(value(&facts, "DEVNAME")?)))?
    })
}

/// Every partition there is: its folder in the tree of devices, and what the kernel says of it.
fn partitions(list: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(list).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries
        .filter_map(|entry| fs::canonicalize(entry.path()).ok())
        .filter(|place| place.join("partition").exists())
        .filter_map(|place| Some((place.clone(), fs::read_to_string(place.join("uevent")).ok()?)))
        .collect();
    found.sort();
    found
}

fn value<'a>(facts: &'a str, key: &str) -> Option<&'a str> {
    facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::{Bus, OURS, choose, drive, find, mode};

    const CARD: &str = "platform/mmc_host/mmc0/mmc0:1234/block/mmcblk0";
    const STICK: &str = "platform/usb1/1-1/host0/block/sda";
    const NVME: &str = "pci0000:00/nvme/nvme0/nvme0n1";
    const VIRTIO: &str = "pci0000:00/virtio2/block/vda";

    /// As sysfs has them: folders of devices, and a list of links to them.
    fn sysfs(drives: &[(&str, &[&str])]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let list = folder.path().join("class");
        fs::create_dir(&list).expect("fresh");
        for (path, names) in drives {
            let whole = folder.path().join("devices").join(path);
            let drive = whole.file_name().expect("a name").to_string_lossy().into_owned();
            fs::create_dir_all(&whole).expect("fresh");
            fs::write(whole.join("uevent"), format!("DEVNAME={drive}\nDEVTYPE=disk\n")).expect("fresh");
            std::os::unix::fs::symlink(&whole, list.join(&drive)).expect("fresh");
            for (number, name) in names.iter().enumerate() {
                let part = format!("{drive}p{}", number + 1);
                fs::create_dir(whole.join(&part)).expect("fresh");
                fs::write(whole.join(&part).join("partition"), "1\n").expect("fresh");
                let facts = format!("DEVNAME={part}\nDEVTYPE=partition\nPARTNAME={name}\n");
                fs::write(whole.join(&part).join("uevent"), facts).expect("fresh");
                std::os::unix::fs::symlink(whole.join(&part), list.join(&part)).expect("fresh");
            }
        }
        (folder, list)
    }

    #[test]
    fn the_card_is_the_drive_that_was_started_from() {
        let all: &[(&str, &[&str])] = &[(CARD, &OURS), (STICK, &OURS), (NVME, &OURS)];
        for (drives, mode, late, wanted) in [
            (all, Some(Bus::Card), false, Some("mmcblk0")),
            (all, Some(Bus::Usb), false, Some("sda")),
            (all, Some(Bus::Nvme), false, Some("nvme0n1")),
            (all, None, false, Some("mmcblk0")),
            (&[(STICK, &OURS)], Some(Bus::Card), true, None),
            (&[(STICK, &OURS)], None, false, None),
            (&[(STICK, &OURS)], None, true, Some("sda")),
            (&[(STICK, &OURS), (VIRTIO, &OURS)], None, false, Some("vda")),
            (&[(VIRTIO, &OURS)], Some(Bus::Card), false, None),
            (&[(VIRTIO, &OURS)], Some(Bus::Card), true, Some("vda")),
            (&[(CARD, &["boot", "data"])], Some(Bus::Card), true, None),
            (&[], None, true, None),
        ] {
            let (_folder, list) = sysfs(drives);
            assert_eq!(choose(&list, mode, late).as_deref(), wanted, "{drives:?} {mode:?} {late}");
        }
    }

    #[test]
    fn a_partition_of_another_drive_is_none_of_ours() {
        let (_folder, list) = sysfs(&[(CARD, &["boot", "database"]), (STICK, &["boot", "data"])]);
        assert_eq!(find(&list, "mmcblk0", "boot"), Some(PathBuf::from("/dev/mmcblk0p1")));
        assert_eq!(find(&list, "mmcblk0", "data"), None, "neither the stick's nor one that begins the same");
        assert_eq!(find(&list, "mmcblk1", "boot"), None);
    }

    #[test]
    fn what_the_boot_loader_says_is_believed_where_it_can_be_read() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("boot-mode");
        for (bytes, wanted) in [
            (&[0, 0, 0, 1][..], Some(Bus::Card)),
            (&[0, 0, 0, 4], Some(Bus::Usb)),
            (&[0, 0, 0, 6], Some(Bus::Nvme)),
            (&[0, 0, 0, 2], None),
            (&[1], None),
        ] {
            fs::write(&file, bytes).expect("written");
            assert_eq!(mode(&file), wanted, "{bytes:?}");
        }
        assert_eq!(mode(Path::new("/nowhere")), None);
    }

    #[test]
    fn a_partition_leads_to_its_drive_and_a_drive_to_none() {
        let (_folder, list) = sysfs(&[(CARD, &OURS)]);
        assert_eq!(drive(&list, "/dev/mmcblk0p4".as_ref()), Some(PathBuf::from("/dev/mmcblk0")));
        assert_eq!(drive(&list, "/dev/mmcblk0".as_ref()), None);
    }
}
