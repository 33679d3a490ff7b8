//! `/data`, the one place that is written to: checked, repaired, enlarged where the card has more to give, and as the last
//! resort made anew. What takes longer than the office should wait for its DNS goes on beside it, with a folder in memory in
//! its place (`mend` does the work).

mod room;

use std::fs::File;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::log::say;
use crate::mend::{Job, MEND, Outcome};
use crate::watchdog::Watchdog;
use crate::{card, lease};

const TARGET: &str = "/data";
/// Written at most every 30 s unless somebody asks for more (`fsync`), and never because something was only read.
const OPTIONS: &std::ffi::CStr = c"commit=30,errors=remount-ro";
const FLAGS: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::NOATIME);

/// How long the office waits for its DNS because of a check, and because of a factory reset.
const CHECK: Duration = Duration::from_secs(30);
const WIPE: Duration = Duration::from_secs(10);
const FEED: Duration = Duration::from_secs(2);
const POLL: Duration = Duration::from_millis(10);
/// How much of a partition must be zeros for it to count as new: super block, descriptors and the first inodes lie there.
const BLANK: usize = 4 << 20;

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
    /// There is no card, or it takes no writes, or work on it goes on, or the daemon dies of what lies on it: a folder in
    /// memory stands in until the next start.
    Memory,
}

/// Work on the card that goes on beside the office.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    pub(crate) job: Job,
    pub(crate) pid: u32,
}

/// What a start that ends itself has to tell: where its daemon does not run, nobody takes a note of it.
const LAST_WORD: &str = "/data/state/puck/last-word";
const LONGEST_WORD: u64 = 4096;

/// Keeps a word for the next start to note.
pub(crate) fn leave_word(word: &str) {
    say!("{word}");
    let file = Path::new(LAST_WORD);
    let kept = std::fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))
        .and_then(|()| lease::replace(file, word.as_bytes()))
        .and_then(|()| File::open(file)?.sync_all());
    if let Err(error) = kept {
        say!("nobody will note that: {error}");
    }
}

/// The word that the last start left, once.
pub(crate) fn last_word() -> Option<String> {
    let word = lease::plain(Path::new(LAST_WORD), LONGEST_WORD)?;
    std::fs::remove_file(LAST_WORD).ok()?;
    Some(word)
}

/// How far it came while the office waited.
enum Ended {
    Done(Outcome),
    Late(Late),
}

/// Brings /data up, by whatever means it takes; and what goes on beside it, if it took too long.
pub(crate) fn mount_data(watchdog: &mut Watchdog) -> (Data, Option<Late>) {
    let Some(mut device) = card::await_partition("data") else {
        say!("there is no partition for /data; keeping everything in memory");
        return (in_memory(), None);
    };
    if room::take_all(&device) {
        // The kernel reads the table anew; its partitions are away for a moment.
        let Some(again) = card::await_partition("data") else { return (in_memory(), None) };
        device = again;
    }
    let job = if is_blank(&device) { Job::Make } else { Job::Check };
    let data = match mend(job, &device, CHECK, watchdog) {
        Ended::Late(late) => {
            say!("/data is still being looked at; until that has ended everything is kept in memory");
            return (in_memory(), Some(late));
        }
        Ended::Done(outcome) => match (job, outcome) {
            (_, Outcome::Unusable) => {
                say!("the card takes no new /data; keeping everything in memory");
                return (in_memory(), None);
            }
            (Job::Make, _) => Data::Fresh,
            (_, Outcome::Whole) => Data::Whole,
            (_, Outcome::Repaired) => Data::Repaired,
            (_, Outcome::Recreated) => Data::Recreated,
        },
    };
    if let Err(error) = mount(&device, TARGET, "ext4", FLAGS, OPTIONS) {
        say!("/data cannot be mounted although it was checked, and is left as it is: {error}");
        return (in_memory(), None);
    }
    if room::is_left(&device) {
        // Nobody waits for this one; the loop buries it.
        let _ = start(Job::Fill, &device);
    }
    (data, None)
}

/// Wipes the partition, keys and all, so that the next look finds a new card; the work that goes on if it takes longer than
/// the office should wait. False where there is nothing that could be wiped.
pub(crate) fn wipe(watchdog: &mut Watchdog) -> (bool, Option<Late>) {
    let Some(device) = card::await_partition("data") else { return (false, None) };
    match mend(Job::Wipe, &device, WIPE, watchdog) {
        Ended::Done(outcome) => (outcome != Outcome::Unusable, None),
        Ended::Late(late) => (true, Some(late)),
    }
}

fn start(job: Job, device: &Path) -> std::io::Result<Child> {
    Command::new("/proc/self/exe").arg0(MEND).arg(job.word()).arg(device).stdin(Stdio::null()).spawn()
}

/// Has something done to the device, and waits for it this long. The watchdog is fed meanwhile.
fn mend(job: Job, device: &Path, patience: Duration, watchdog: &mut Watchdog) -> Ended {
    let mut child = match start(job, device) {
        Ok(child) => child,
        Err(error) => {
            say!("{MEND} cannot be run: {error}");
            return Ended::Done(Outcome::Unusable);
        }
    };
    let (begun, mut fed) = (Instant::now(), Instant::now());
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ended::Done(Outcome::of(status.code())),
            Ok(None) if begun.elapsed() <= patience => {}
            _ => return Ended::Late(Late { job, pid: child.id() }),
        }
        if fed.elapsed() > FEED {
            fed = Instant::now();
            watchdog.feed();
        }
        std::thread::sleep(POLL);
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
