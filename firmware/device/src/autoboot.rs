//! `autoboot.txt`: one sector that says which slot starts. It is loaded as a value, changed, and written in one piece, so
//! that a power cut leaves the old sector or the new one.
//!
//! The boot loader reads `boot_partition` and the `[tryboot]` section (Raspberry Pi, config_txt: autoboot.txt). The line
//! `# hung=` is ours: slots whose kernel never came up, as the rescue system found out.

use std::path::Path;

use thiserror::Error;

use crate::fat::{self, FatError};
use crate::sector::{self, SECTOR};
use crate::slot::Slot;

const NAME: &[u8; 11] = b"AUTOBOOTTXT";
const HUNG: &str = "# hung=";

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
}

impl Autoboot {
    pub(crate) fn of(default: Slot) -> Self {
        Self { default, a_hung: false, b_hung: false }
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
        let note = if hung.is_empty() { String::new() } else { format!("{HUNG}{}\n", hung.join(",")) };
        let text = format!(
            "[all]\ntryboot_a_b=1\nboot_partition={}\n[tryboot]\nboot_partition={}\n{note}",
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
