//! The kernel's log is the device's: it needs no disk, is bounded, and shows on the serial console. What other programs print
//! goes to the console alone.
//!
//! **Invariant:** nobody here ever waits for the console. Whoever holds its cable may have stopped it with a key, or never
//! read: then lines are lost, and counted.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::OFlags;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

const CONSOLE: &str = "/dev/console";

/// Lines that the console took no part of since the last one that it took.
static LOST: AtomicU32 = AtomicU32::new(0);

/// Opens the console so that writing to it never waits, for this process and for whoever inherits it from here.
pub(crate) fn hold_console() {
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let held = OpenOptions::new().read(true).write(true).custom_flags(flags).open(CONSOLE).and_then(|console| {
        dup2_stdin(&console)?;
        dup2_stdout(&console)?;
        Ok(dup2_stderr(&console)?)
    });
    if let Err(error) = held {
        line(&format!("{CONSOLE}: {error}"));
    }
}

/// Shows one line on the console, as far as it takes it at once.
pub(crate) fn show(text: &str) {
    put(std::io::stdout(), &LOST, text);
}

/// Writes past any buffer: what does not go now is gone.
fn put(console: impl AsFd, lost: &AtomicU32, text: &str) {
    let missed = lost.load(Ordering::Relaxed);
    let gap = if missed > 0 { format!("[{missed} lines are lost]\n") } else { String::new() };
    let whole = format!("{gap}{text}\n");
    let mut left = whole.as_bytes();
    while !left.is_empty() {
        match rustix::io::write(&console, left) {
            Ok(written) if written > 0 => left = &left[written..],
            Err(rustix::io::Errno::INTR) => {}
            _ => break,
        }
    }
    if left.len() == whole.len() {
        lost.fetch_add(1, Ordering::Relaxed);
    } else {
        lost.fetch_sub(missed, Ordering::Relaxed);
    }
}

/// Writes one line to the kernel's log, or to standard error where that cannot be opened.
pub(crate) fn line(text: &str) {
    // The kernel takes one record a write (Documentation/ABI/testing/dev-kmsg); <5> is "notice", which consoles show.
    let record = format!("<5>puck: {}\n", text.replace('\n', " "));
    let written = OpenOptions::new().write(true).open("/dev/kmsg").and_then(|mut log| log.write_all(record.as_bytes()));
    if written.is_err() {
        let _ = std::io::stderr().write_all(&record.as_bytes()[3..]);
    }
}

/// `say!("…")`: one line of the device's log.
macro_rules! say {
    ($($words:tt)*) => { $crate::log::line(&format!($($words)*)) };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::pipe::{PipeFlags, pipe_with};

    use super::put;

    #[test]
    fn a_console_that_nobody_reads_keeps_nobody_waiting_and_what_is_lost_is_counted() {
        let lost = AtomicU32::new(0);
        let (reader, writer) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).expect("a pipe");
        // Far more than it holds: a write that waited would never return.
        for number in 0..100_000 {
            put(&writer, &lost, &format!("line {number}"));
        }
        let missed = lost.load(Ordering::Relaxed);
        assert!(missed > 50_000, "{missed}");
        let mut seen = vec![0; 1 << 20];
        while rustix::io::read(&reader, &mut seen[..]).is_ok() {}
        put(&writer, &lost, "again");
        let length = rustix::io::read(&reader, &mut seen[..]).expect("something");
        assert_eq!(String::from_utf8_lossy(&seen[..length]), format!("[{missed} lines are lost]\nagain\n"));
        assert_eq!(lost.load(Ordering::Relaxed), 0);
        drop(reader);
        put(&writer, &lost, "to nobody at all");
    }
}
