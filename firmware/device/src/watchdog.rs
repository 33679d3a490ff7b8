//! The hardware's watchdog, held from the start on: the boot loader armed it before the kernel ran, and whoever opens it
//! keeps it armed until the end.

use std::fs::File;
use std::io::Write;

use crate::log::say;

/// An open watchdog, or none where the board has none.
#[derive(Debug)]
pub(crate) struct Watchdog(Option<File>);

impl Watchdog {
    pub(crate) fn hold() -> Self {
        match File::options().write(true).open("/dev/watchdog") {
            Ok(file) => {
                say!("the watchdog is held");
                Self(Some(file))
            }
            Err(error) => {
                say!("there is no watchdog: {error}");
                Self(None)
            }
        }
    }

    /// Wins its timeout once more. Never the letter that would disarm it.
    pub(crate) fn feed(&mut self) {
        if let Some(file) = &mut self.0 {
            let _ = file.write_all(b".");
        }
    }
}
