//! How `dns` tells `steer` the addresses of AI providers and hears that they are redirected.
//!
//! ```text
//!   dns ── snapshot: names and addresses, numbered ──► file ──► steer ──► kernel
//!    │ ◄─────────────── number that is in force ────── link ──────┘
//!    └──► the clients' answers
//! ```
//!
//! The file survives both: while one of them starts again, clients go on using the addresses that they know, and those stay
//! redirected. The link is a pair of sockets that the supervisor holds; it carries numbers only.

mod link;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gate_dns::{Destinations, LEARN_NAMES_CAP};
use gate_steer::DESTINATIONS_CAP;
use thiserror::Error;

pub(super) use self::link::{DnsEnd, SteerEnd};
use super::reload::stamp;
use crate::run_state;

/// Each address is at most 39 characters in quotes with a colon, brackets and a comma; each name 253 with a comma in quotes
/// that is escaped nowhere; the rest is two numbers and their keys.
const FILE_CAP: u64 = 45 * DESTINATIONS_CAP as u64 + 256 * LEARN_NAMES_CAP as u64 + 128;

// What is learnt must be redirected.
const _: () = assert!(gate_dns::LEARN_ADDRESSES_CAP == DESTINATIONS_CAP);

/// Why there is nothing to learn from the file. It never means that there are no addresses.
#[derive(Debug, Error)]
pub(super) enum DestinationsError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is longer than {FILE_CAP} bytes")]
    TooLong,
    #[error("it is no set of addresses: {0}")]
    Json(#[from] serde_json::Error),
    #[error("it has {0} addresses, more than {DESTINATIONS_CAP}")]
    TooMany(usize),
}

impl DestinationsError {
    /// Nothing was learnt yet.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// What the file says. For `steer` it comes from a less trusted process: size and content are checked.
pub(super) fn read(file: &Path) -> Result<Destinations, DestinationsError> {
    let mut bytes = Vec::new();
    File::open(file)?.take(FILE_CAP + 1).read_to_end(&mut bytes)?;
    parse(&bytes)
}

/// The same of the file's bytes.
pub(super) fn parse(bytes: &[u8]) -> Result<Destinations, DestinationsError> {
    if bytes.len() as u64 > FILE_CAP {
        return Err(DestinationsError::TooLong);
    }
    let found: Destinations = serde_json::from_slice(bytes)?;
    if found.addresses.len() > DESTINATIONS_CAP {
        return Err(DestinationsError::TooMany(found.addresses.len()));
    }
    Ok(found)
}

/// Replaces the whole file, which the disk need not have yet: nobody's answer waits for flash memory.
pub(super) fn write(file: &Path, set: &Destinations) -> io::Result<File> {
    run_state::replace_soon(file, &serde_json::to_vec(set)?, 0o644)
}

/// The last good content of the file, for its reader.
pub(super) struct Follower {
    file: PathBuf,
    seen: Option<(SystemTime, u64, u64)>,
    addresses: BTreeSet<IpAddr>,
    /// The life and the number of the set; none for what the kernel held.
    number: Option<(u64, u64)>,
}

impl Follower {
    /// Starts with the file, or with what `before` says where the file cannot be read.
    pub(super) fn start(file: PathBuf, before: impl FnOnce() -> BTreeSet<IpAddr>) -> Self {
        let seen = stamp(&file);
        let found = read(&file).map(|found| (Some((found.life, found.sequence)), addresses(found)));
        let (number, addresses) = found.unwrap_or_else(|error| {
            let addresses = before();
            if !(error.is_missing() && addresses.is_empty()) {
                tracing::warn!(
                    %error, file = %file.display(), addresses = addresses.len(),
                    "the learnt addresses cannot be read; keeping those that the kernel redirects"
                );
            }
            (None, addresses)
        });
        Self { file, seen, addresses, number }
    }

    /// The number of the set whose addresses these are.
    pub(super) fn number(&self) -> Option<(u64, u64)> {
        self.number
    }

    pub(super) fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }

    /// Whether the file was replaced by one with other addresses. One that is gone or cannot be read changes nothing.
    pub(super) fn look(&mut self) -> bool {
        let now = stamp(&self.file);
        if now == self.seen {
            return false;
        }
        self.seen = now;
        match read(&self.file) {
            Ok(found) => {
                self.number = Some((found.life, found.sequence));
                let found = addresses(found);
                let changed = found != self.addresses;
                self.addresses = found;
                changed
            }
            Err(error) => {
                tracing::warn!(
                    %error, file = %self.file.display(), addresses = self.addresses.len(),
                    "the learnt addresses cannot be read; keeping the last ones"
                );
                false
            }
        }
    }
}

fn addresses(set: Destinations) -> BTreeSet<IpAddr> {
    set.addresses.into_keys().collect()
}

#[cfg(test)]
mod tests;
