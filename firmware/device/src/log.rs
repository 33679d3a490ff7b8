//! The kernel's log is the device's: it needs no disk, is bounded, and shows on the serial console.

use std::fs::OpenOptions;
use std::io::Write;

/// Writes one line to the kernel's log, or to standard error where that cannot be opened.
pub(crate) fn line(text: &str) {
    // The kernel takes one record a write (Documentation/ABI/testing/dev-kmsg); <5> is "notice", which consoles show.
    let record = format!("<5>puck: {}\n", text.replace('\n', " "));
    let written = OpenOptions::new().write(true).open("/dev/kmsg").and_then(|mut log| log.write_all(record.as_bytes()));
    if written.is_err() {
        eprint!("{}", &record[3..]);
    }
}

/// `say!("…")`: one line of the device's log.
macro_rules! say {
    ($($words:tt)*) => { $crate::log::line(&format!($($words)*)) };
}
pub(crate) use say;
