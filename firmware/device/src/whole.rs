//! Was the root unpacked whole? Where its archive is damaged the kernel says so in its log alone, and starts whatever came of it:
//! a program with a wrong byte runs for months, and passes for good.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::init;
use crate::log::say;
use crate::slot::Booted;

/// What the kernel says of a damaged archive (init/initramfs.c, lib/decompress_unzstd.c). What it may say of bytes behind a whole
/// one, which a boot loader might leave there, is no reason to stop.
const DAMAGED: &str = "Initramfs unpacking failed: ZSTD-compressed data";
/// Longer than any record of the log (Documentation/ABI/testing/dev-kmsg).
const RECORD: usize = 8192;

/// Three times what config.txt has the boot loader's watchdog wait.
const PATIENCE: Duration = Duration::from_secs(180);

/// Stays here with a damaged slot: the boot loader's watchdog, which nobody takes over, leads to the rescue system, and from
/// there to the other slot, as with a kernel that hangs. To be called before a driver is there that would feed it. Where there is
/// no such watchdog, a damaged system that answers is better than none, as it is for the rescue system, and where nobody can
/// tell what was started. A trial ends with any restart. Whether what runs is damaged.
pub(crate) fn insist(booted: Booted) -> bool {
    let log = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open("/dev/kmsg");
    if !log.is_ok_and(says_damaged) {
        return false;
    }
    say!("what this was started from is damaged");
    match booted {
        Booted::Slot { trial: true, .. } => init::restart(),
        Booted::Slot { .. } => {
            std::thread::sleep(PATIENCE);
            say!("no watchdog bit; going on with what there is");
        }
        Booted::Rescue | Booted::Unknown => {}
    }
    true
}

/// Reads the log up to its present end, one record a time.
fn says_damaged(mut log: impl Read) -> bool {
    let mut record = vec![0; RECORD];
    loop {
        match log.read(&mut record) {
            Ok(0) => return false,
            Ok(length) if String::from_utf8_lossy(&record[..length]).contains(DAMAGED) => return true,
            // A record that was overwritten meanwhile (EPIPE) is followed by others.
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => {}
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind, Read};

    use super::says_damaged;

    /// A log as the kernel's: a record each time, then nothing yet.
    struct Log(Vec<Result<&'static str, ErrorKind>>);

    impl Read for Log {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let record = if self.0.is_empty() { Err(ErrorKind::WouldBlock) } else { self.0.remove(0) }?;
            into[..record.len()].copy_from_slice(record.as_bytes());
            Ok(record.len())
        }
    }

    #[test]
    fn a_root_that_was_not_unpacked_whole_is_noticed() {
        let usual = Ok("6,400,3100000,-;Freeing initrd memory: 26000K\n");
        assert!(!says_damaged(Log(vec![usual, usual])));
        assert!(!says_damaged(Log(Vec::new())));
        let behind = Ok("3,399,3000000,-;Initramfs unpacking failed: invalid magic at start of compressed archive\n");
        assert!(!says_damaged(Log(vec![behind, usual])), "every slot would stop here, for ever");
        let damaged = Ok("3,399,3000000,-;Initramfs unpacking failed: ZSTD-compressed data is corrupt\n");
        assert!(says_damaged(Log(vec![usual, Err(ErrorKind::BrokenPipe), damaged, usual])));
    }
}
