//! `nanogate password`: the hash of a password, for a file that may lie about.

use std::io::{self, BufRead, IsTerminal, Read};

use gate_admin::HashedPassword;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};

use crate::{CommandError, Outcome, print};

/// Longer than any password in bytes.
const LONGEST: u64 = 2048;

/// Asks at a terminal without showing what is typed, twice; takes one line from anywhere else.
pub(crate) fn password() -> Result<Outcome, CommandError> {
    let password = if io::stdin().is_terminal() { ask()? } else { line()? };
    let hashed = HashedPassword::of(&password).map_err(CommandError::input)?;
    print::line(hashed)?;
    Ok(Outcome::Done)
}

fn line() -> Result<String, CommandError> {
    let mut line = String::new();
    io::stdin().lock().take(LONGEST).read_line(&mut line).map_err(CommandError::input)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask() -> Result<String, CommandError> {
    let _quiet = Quiet::begin().map_err(CommandError::internal)?;
    eprint!("password: ");
    let first = line()?;
    eprint!("\nonce more: ");
    let second = line()?;
    eprintln!();
    if first == second { Ok(first) } else { Err(CommandError::input("the two are not the same")) }
}

/// A terminal that shows nothing of what is typed, for as long as this lives.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> nix::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &self.0);
    }
}
