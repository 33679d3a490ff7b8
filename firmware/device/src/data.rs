//! `/data`, the one place that is written to: checked, repaired, and as the last resort made anew.

use std::path::Path;
use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, mount};

use crate::card;
use crate::log::say;

const TARGET: &str = "/data";
/// Written at most every 30 s unless somebody asks for more (`fsync`), and never because something was only read.
const OPTIONS: &std::ffi::CStr = c"commit=30,errors=remount-ro";
const FLAGS: MountFlags =
    MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC).union(MountFlags::NOATIME);

/// What /data is after the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// As it was left.
    Whole,
    /// e2fsck changed something.
    Repaired,
    /// Nothing could be saved: it is empty.
    Recreated,
    /// There is no card, or it takes no writes: a folder in memory stands in until the next start.
    Memory,
}

/// Brings /data up, by whatever means it takes.
pub(crate) fn mount_data() -> Data {
    let Some(device) = card::await_partition("data") else {
        say!("there is no partition for /data; keeping everything in memory");
        return in_memory();
    };
    let repaired = match check(&device) {
        Check::Clean => Data::Whole,
        Check::Repaired => Data::Repaired,
        Check::Hopeless => return recreate(&device),
    };
    match mount_from(&device) {
        Ok(()) => repaired,
        Err(error) => {
            say!("/data cannot be mounted although it was checked: {error}");
            recreate(&device)
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

fn check(device: &Path) -> Check {
    // -p replays the journal and mends what needs no opinion; what is left gets the answer "yes" to everything.
    match judge(run("/usr/sbin/e2fsck", &["-p"], device)) {
        Check::Hopeless => {
            say!("/data is damaged; repairing what can be");
            match judge(run("/usr/sbin/e2fsck", &["-f", "-y"], device)) {
                Check::Hopeless => Check::Hopeless,
                _ => Check::Repaired,
            }
        }
        checked => checked,
    }
}

fn recreate(device: &Path) -> Data {
    say!("/data is lost: making it anew, empty. The journal, keys and settings on it are gone");
    let made = run("/usr/sbin/mke2fs", &["-q", "-F", "-t", "ext4", "-L", "data", "-E", "lazy_itable_init=1"], device);
    match made.map(|code| (code, mount_from(device))) {
        Some((0, Ok(()))) => Data::Recreated,
        _ => {
            say!("the card takes no new /data either; keeping everything in memory");
            in_memory()
        }
    }
}

fn in_memory() -> Data {
    if let Err(error) = mount("tmpfs", TARGET, "tmpfs", FLAGS, c"mode=0755,size=32m") {
        say!("/data cannot even be kept in memory: {error}");
    }
    Data::Memory
}

fn mount_from(device: &Path) -> Result<(), rustix::io::Errno> {
    mount(device, TARGET, "ext4", FLAGS, OPTIONS)
}

fn run(program: &str, arguments: &[&str], device: &Path) -> Option<i32> {
    let ran = Command::new(program).args(arguments).arg(device).stdin(Stdio::null()).output();
    match ran {
        Ok(output) => {
            if output.status.code() != Some(0) {
                say!("{program}: {}", String::from_utf8_lossy(&output.stdout).trim());
            }
            output.status.code()
        }
        Err(error) => {
            say!("{program} cannot be run: {error}");
            None
        }
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
