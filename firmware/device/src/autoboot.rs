//! `autoboot.txt`: one sector that says which slot starts. It is loaded as a value, changed, and written in one piece, so
//! that a power cut leaves the old sector or the new one.
//!
//! The boot loader reads `boot_partition` and the `[tryboot]` section (Raspberry Pi, config_txt: autoboot.txt). The line
//! `# hung=` is ours: slots whose kernel never came up, as the rescue system found out. So are `# floor=`, the build of the newest
//! image that ever was good here, `# tried=`, that of the image which the rescue system took last, and `# reset`, which has
//! /data wiped at the next start.

use std::path::Path;

use thiserror::Error;

use crate::fat::{self, FatError};
use crate::sector::{self, SECTOR};
use crate::slot::Slot;

const NAME: &[u8; 11] = b"AUTOBOOTTXT";
const HUNG: &str = "# hung=";
const FLOOR: &str = "# floor=";
const TRIED: &str = "# tried=";
const RESET: &str = "# reset";

/// Why the choice of slot could not be read or written.
#[derive(Debug, Error)]
pub(crate) enum CommitError {
    #[error("the boot partition: {0}")]
    Fat(#[from] FatError),
    #[error("the boot partition: {0}")]
    Device(#[from] std::io::Error),
    #[error("autoboot.txt reads back otherwise than it was written")]
    ReadBack,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Autoboot {
    /// The slot that starts; the other one is what `tryboot` tries.
    pub(crate) default: Slot,
    pub(crate) a_hung: bool,
    pub(crate) b_hung: bool,
    /// No image older than this is taken: the time it was built at, in seconds after 1970.
    pub(crate) floor: u64,
    /// What the rescue system took last, by the same number, until it is good; 0: nothing.
    pub(crate) tried: u64,
    /// /data is to be wiped before anything looks at it.
    pub(crate) reset: bool,
}

impl Autoboot {
    pub(crate) fn of(default: Slot) -> Self {
        Self { default, a_hung: false, b_hung: false, floor: 0, tried: 0, reset: false }
    }

    pub(crate) fn hung(self, slot: Slot) -> bool {
        match slot {
            Slot::A => self.a_hung,
            Slot::B => self.b_hung,
        }
    }

    /// The same with one more slot known to hang.
    pub(crate) fn with_hung(mut self, slot: Slot) -> Self {
        match slot {
            Slot::A => self.a_hung = true,
            Slot::B => self.b_hung = true,
        }
        self
    }

    /// What is to be written once a slot is good, with what was `built` then. A slot that hung stays known as long as the
    /// same one runs: it is not to be tried again before it was written anew.
    pub(crate) fn good(self, slot: Slot, built: u64) -> Self {
        let known = if self.default == slot && !self.hung(slot) { self } else { Self::of(slot) };
        Self { floor: self.floor.max(built), tried: 0, ..known }
    }

    /// What is to be written once the rescue system put another image onto a slot: if this one hangs too, both do.
    pub(crate) fn taken(self, slot: Slot, sequence: u64) -> Self {
        Self { floor: self.floor, tried: sequence, ..Self::of(slot).with_hung(slot.other()) }
    }

    /// Reads the text as the boot loader does; slot A where it names none of ours.
    fn parse(text: &str) -> Self {
        let mut read = Self::of(Slot::A);
        let mut section = "all";
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
            } else if let Some(value) = line.strip_prefix("boot_partition=")
                && section == "all"
                && let Some(slot) = value.parse().ok().and_then(Slot::of_partition)
            {
                read.default = slot;
            } else if let Some(list) = line.strip_prefix(HUNG) {
                for slot in list.split(',').filter_map(|word| word.parse().ok()).filter_map(Slot::of_partition) {
                    read = read.with_hung(slot);
                }
            } else if let Some(number) = line.strip_prefix(FLOOR) {
                read.floor = number.parse().unwrap_or(0);
            } else if let Some(number) = line.strip_prefix(TRIED) {
                read.tried = number.parse().unwrap_or(0);
            } else if line == RESET {
                read.reset = true;
            }
        }
        read
    }

    /// The whole sector; line feeds fill it up.
    fn render(self) -> [u8; SECTOR] {
        let hung: Vec<_> = [Slot::A, Slot::B]
            .into_iter()
            .filter(|slot| self.hung(*slot))
            .map(|slot| slot.partition().to_string())
            .collect();
        let note = |name: &str, value: String| if value.is_empty() { value } else { format!("{name}{value}\n") };
        let number = |number: u64| if number == 0 { String::new() } else { number.to_string() };
        let notes = [(HUNG, hung.join(",")), (FLOOR, number(self.floor)), (TRIED, number(self.tried))];
        let reset = if self.reset { format!("{RESET}\n") } else { String::new() };
        let notes: String = notes.into_iter().map(|(name, value)| note(name, value)).chain([reset]).collect();
        let text = format!(
            "[all]\ntryboot_a_b=1\nboot_partition={}\n[tryboot]\nboot_partition={}\n{notes}",
            self.default.partition(),
            self.default.other().partition()
        );
        let mut sector = [b'\n'; SECTOR];
        sector[..text.len()].copy_from_slice(text.as_bytes());
        sector
    }
}

/// Reads the file from the boot partition's device.
pub(crate) fn load(device: &Path) -> Result<Autoboot, CommitError> {
    let place = fat::locate(device, NAME)?;
    let sector = sector::read(device, place.offset)?;
    let length = usize::try_from(place.size).unwrap_or(SECTOR).min(SECTOR);
    Ok(Autoboot::parse(&String::from_utf8_lossy(&sector[..length])))
}

/// Writes it if it says something else; true if it did.
pub(crate) fn commit(device: &Path, wanted: Autoboot) -> Result<bool, CommitError> {
    let place = fat::locate(device, NAME)?;
    let whole = wanted.render();
    let present = sector::read(device, place.offset)?;
    let complete = u64::from(place.size) == SECTOR as u64;
    if complete && present == whole {
        return Ok(false);
    }
    if !complete {
        // Somebody edited the file on a PC. Its sector is padded first and its size set then, each in one write.
        let length = usize::try_from(place.size).unwrap_or(SECTOR).min(SECTOR);
        let mut padded = [b'\n'; SECTOR];
        padded[..length].copy_from_slice(&present[..length]);
        sector::write(device, place.offset, &padded)?;
        fat::set_size(device, &place, SECTOR)?;
    }
    sector::write(device, place.offset, &whole)?;
    if sector::read(device, place.offset)? != whole {
        return Err(CommitError::ReadBack);
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
