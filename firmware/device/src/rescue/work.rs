//! One run of the `rescue` program. It reads what anybody may have written, so it runs as nobody else does; the one thing it
//! holds is the slot, as its standard input.

use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::autoboot::Tried;
use crate::card;
use crate::log::say;
use crate::slot::Slot;

const PROGRAM: &str = "/usr/sbin/rescue";
const KEYS: &str = "/etc/nanogate/update-keys";
/// Beside the numbers of the other programs (`office`).
const USER: u32 = 0x7f4e_4711;
/// It says a line for each file.
const LONGEST: u64 = 64 << 10;

/// What it needs to know of this puck.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) board: String,
    pub(super) floor: u64,
    pub(super) tried: Tried,
}

#[derive(Debug)]
pub(super) struct Work {
    child: Child,
    stick: bool,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// It looked at a stick, which is still mounted.
    pub(super) stick: bool,
    /// The number of the image that is on the slot now.
    pub(super) taken: Option<u64>,
}

impl Work {
    /// Starts it on a stick's folder, or with `resolvers` on a web server; none if there is no slot to write on.
    pub(super) fn begin(
        from: impl AsRef<Path>,
        slot: Slot,
        place: &Place,
        resolvers: Option<&[Ipv4Addr]>,
    ) -> Option<Self> {
        let device = card::await_partition(slot.name())?;
        let started = File::options().read(true).write(true).open(&device).and_then(|slot| {
            Command::new(PROGRAM)
                .args([&place.board, &place.floor.to_string(), &place.tried.to_string(), KEYS])
                .arg(from.as_ref())
                .args(resolvers.unwrap_or_default().iter().map(Ipv4Addr::to_string))
                .env_clear()
                .stdin(slot)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .uid(USER)
                .gid(USER)
                .spawn()
        });
        match started {
            Ok(child) => Some(Self { child, stick: resolvers.is_none() }),
            Err(error) => {
                say!("rescue: {PROGRAM} on {}: {error}", device.display());
                None
            }
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it said, once it has ended; what it `said_before` is not said again, because a web server is asked for ever.
    pub(super) fn end(self, status: ExitStatus, said_before: &mut String) -> Outcome {
        let mut said = Vec::new();
        if let Some(output) = self.child.stdout {
            let _ = output.take(LONGEST).read_to_end(&mut said);
        }
        let said = String::from_utf8_lossy(&said).into_owned();
        if self.stick || said != *said_before {
            for line in said.lines() {
                say!("rescue: {line}");
            }
        }
        if let Some(signal) = status.signal() {
            say!("rescue: {PROGRAM} died of signal {signal}");
        }
        let taken = taken(&said).filter(|_| status.success());
        if !self.stick {
            *said_before = said;
        }
        Outcome { stick: self.stick, taken }
    }
}

impl Work {
    /// Ends one that does not end by itself; a process that waits for a drive does so when that lets it.
    pub(super) fn give_up(mut self) -> Outcome {
        let _ = self.child.kill();
        Outcome { stick: self.stick, taken: None }
    }
}

/// The number in `taken NUMBER VERSION from NAME`.
fn taken(said: &str) -> Option<u64> {
    said.lines().find_map(|line| line.strip_prefix("taken ")?.split(' ').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::taken;

    #[test]
    fn a_refusal_is_not_mistaken_for_an_image() {
        assert_eq!(
            taken("a.update is refused: it is older\ntaken 1800000000 0.2.0 from b.update\n"),
            Some(1_800_000_000)
        );
        assert_eq!(taken("a taken 7 x is refused\n"), None);
        assert_eq!(taken(""), None);
    }
}
