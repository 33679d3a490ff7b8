//! Standard output for people and pipes. `nanogate … | head` closes its end early; that is no failure.

use std::fmt;
use std::io::{self, Write};

use crate::CommandError;

/// Prints one line.
pub(crate) fn line(text: impl fmt::Display) -> Result<(), CommandError> {
    checked(writeln!(io::stdout().lock(), "{text}"))
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), CommandError> {
    checked(io::stdout().lock().write_all(bytes))
}

/// What came of writing: a closed pipe ends the command quietly.
pub(crate) fn checked<T>(result: io::Result<T>) -> Result<T, CommandError> {
    result.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CommandError::ClosedPipe,
        _ => CommandError::internal(error),
    })
}
