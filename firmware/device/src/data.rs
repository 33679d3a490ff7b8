//! `/data`, the one place that is written to: checked, repaired, enlarged where the card has more to give, and as the last
//! resort made anew.

mod room;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::card;
use crate::log::say;
use crate::watchdog::Watchdog;

const TARGET: &str = "/data";
/// Written at most every 30 s unless somebody asks for more (`fsync`), and never because something was only read.
const OPTIONS: &std::ffi::CStr = c"commit=30,errors=remount-ro";
const FLAGS: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::NOATIME);

/// A repair that takes longer than this is given up: the office waits for its DNS meanwhile.
const LONGEST: Duration = Duration::from_secs(90);
const FEED: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);
/// How much of a partition must be zeros for it to count as new: super block, descriptors and the first inodes lie there.
const BLANK: usize = 4 << 20;
/// What is written over between two times the watchdog is fed.
const WIPE: usize = 8 << 20;

/// What /data is after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// As it was left.
    Whole,
    /// The card is new: nothing was ever on it.
    Fresh,
    /// e2fsck changed something.
    Repaired,
    /// Nothing could be saved: it is empty.
    Recreated,
    /// There is no card, or it takes no writes, or the daemon dies of what lies on it: a folder in memory stands in until the
    /// next start.
    Memory,
}

/// Brings /data up, by whatever means it takes.
pub(crate) fn mount_data(watchdog: &mut Watchdog) -> Data {
    let Some(mut device) = card::await_partition("data") else {
        say!("there is no partition for /data; keeping everything in memory");
        return in_memory();
    };
    if room::take_all(&device) {
        // The kernel reads the table anew; its partitions are away for a moment.
        let Some(again) = card::await_partition("data") else { return in_memory() };
        device = again;
    }
    if is_blank(&device) {
        return make(&device, Data::Fresh, watchdog);
    }
    let repaired = match check(&device, watchdog) {
        Check::Clean => Data::Whole,
        Check::Repaired => Data::Repaired,
        Check::Hopeless => return recreate(&device, watchdog),
    };
    if room::is_left(&device) {
        enlarge(&device, watchdog);
    }
    match mount_from(&device) {
        Ok(()) => repaired,
        Err(error) => {
            say!("/data cannot be mounted although it was checked: {error}");
            recreate(&device, watchdog)
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Clean,
    Repaired,
    Hopeless,
}

/// e2fsck(8): exit codes 1 and 2 say that errors were corrected, 4 that some are left.
fn judge(code: Option<i32>) -> Check {
    match code {
        Some(0) => Check::Clean,
        Some(1..=3) => Check::Repaired,
        _ => Check::Hopeless,
    }
}

fn check(device: &Path, watchdog: &mut Watchdog) -> Check {
    // -p replays the journal and mends what needs no opinion; what is left gets the answer "yes" to everything.
    match judge(run("/usr/sbin/e2fsck", &["-p"], device, watchdog)) {
        Check::Hopeless => {
            say!("/data is damaged; repairing what can be");
            match judge(run("/usr/sbin/e2fsck", &["-f", "-y"], device, watchdog)) {
                Check::Hopeless => Check::Hopeless,
                _ => Check::Repaired,
            }
        }
        checked => checked,
    }
}

/// Lets the file system fill a partition that became larger; one that cannot is as good as before. resize2fs takes only what
/// was looked through from end to end.
fn enlarge(device: &Path, watchdog: &mut Watchdog) {
    let looked = judge(run("/usr/sbin/e2fsck", &["-f", "-p"], device, watchdog)) != Check::Hopeless;
    if looked && run("/usr/sbin/resize2fs", &[], device, watchdog) == Some(0) {
        say!("/data fills the card now");
    } else {
        say!("/data stays smaller than the card");
    }
}

fn recreate(device: &Path, watchdog: &mut Watchdog) -> Data {
    say!("/data is lost: making it anew, empty. The journal, keys and settings on it are gone");
    make(device, Data::Recreated, watchdog)
}

/// Wipes the partition, keys and all, so that the next look finds a new card. Where the card can forget by itself it does so
/// at once; otherwise every byte is written over.
pub(crate) fn wipe(watchdog: &mut Watchdog) -> io::Result<()> {
    let device = card::await_partition("data").ok_or(io::ErrorKind::NotFound)?;
    let mut file = File::options().read(true).write(true).open(device)?;
    let size = file.seek(SeekFrom::End(0))?;
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if fallocate(&file, hole, 0, size).is_err() {
        let zeros = vec![0; WIPE];
        let mut at = 0;
        while at < size {
            let part = usize::try_from(size - at).unwrap_or(WIPE).min(WIPE);
            file.write_all_at(&zeros[..part], at)?;
            file.sync_data()?;
            watchdog.feed();
            at += part as u64;
        }
    }
    file.sync_all()
}

/// Makes a file system on the device and mounts it.
fn make(device: &Path, outcome: Data, watchdog: &mut Watchdog) -> Data {
    let made = run(
        "/usr/sbin/mke2fs",
        &["-q", "-F", "-t", "ext4", "-L", "data", "-E", "lazy_itable_init=1"],
        device,
        watchdog,
    );
    match made.map(|code| (code, mount_from(device))) {
        Some((0, Ok(()))) => outcome,
        _ => {
            say!("the card takes no new /data; keeping everything in memory");
            in_memory()
        }
    }
}

/// The image leaves the partition all zeros. A file system that was damaged has something left in its first part.
fn is_blank(device: &Path) -> bool {
    let mut head = vec![0xff; BLANK];
    let read = File::open(device).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head.iter().all(|byte| *byte == 0)
}

/// Leaves what lies on the card as it is, for the next start, and goes on without.
pub(crate) fn set_aside() -> Data {
    // Who still has a file open there keeps it.
    if let Err(error) = unmount(TARGET, UnmountFlags::DETACH) {
        say!("/data cannot be let go of: {error}");
    }
    in_memory()
}

/// A folder in memory stands in until the next start.
pub(crate) fn in_memory() -> Data {
    if let Err(error) = mount("tmpfs", TARGET, "tmpfs", FLAGS, c"mode=0755,size=32m") {
        say!("/data cannot even be kept in memory: {error}");
    }
    Data::Memory
}

fn mount_from(device: &Path) -> Result<(), rustix::io::Errno> {
    mount(device, TARGET, "ext4", FLAGS, OPTIONS)
}

/// Runs a program on the device; its exit code, none if it could not be run or took too long. The watchdog is fed
/// meanwhile: a repair takes as long as it takes, but not longer than `LONGEST`.
fn run(program: &str, arguments: &[&str], device: &Path, watchdog: &mut Watchdog) -> Option<i32> {
    let mut command = Command::new(program);
    command.args(arguments).arg(device).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            say!("{program} cannot be run: {error}");
            return None;
        }
    };
    let (begun, mut fed) = (Instant::now(), Instant::now());
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            if status.code() != Some(0) {
                say!("{program} {}: {status}", arguments.join(" "));
            }
            return status.code();
        }
        if begun.elapsed() > LONGEST {
            say!("{program} takes too long");
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        if fed.elapsed() > FEED {
            fed = Instant::now();
            watchdog.feed();
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::{Check, judge};

    #[test]
    fn reads_the_exit_codes_of_e2fsck() {
        for (code, verdict) in [
            (Some(0), Check::Clean),
            (Some(1), Check::Repaired),
            (Some(2), Check::Repaired),
            (Some(3), Check::Repaired),
            (Some(4), Check::Hopeless),
            (Some(8), Check::Hopeless),
            (Some(12), Check::Hopeless),
            (None, Check::Hopeless),
        ] {
            assert_eq!(judge(code), verdict, "{code:?}");
        }
    }
}
