//! `autoboot.txt`: one sector that says which slot starts. It is loaded as a value, changed, and written in one piece, so
//! that a power cut leaves the old sector or the new one.
//!
//! The boot loader reads `boot_partition` and the `[tryboot]` section (Raspberry Pi, config_txt: autoboot.txt). The other lines
//! are ours: `# suspect=` and `# hung=`, slots whose kernel never came up once and twice, as the rescue system found out;
//! `# rests=`, how often that one has waited and begun anew; `# floor=`, the build of the newest image that ever was good here;
//! `# tried=`, those of the images that the rescue system took since, the last one first; `# network=`, the owner's fixed address, for when /data
//! cannot say it; and `# reset`, which has /data wiped at the next start, or `# forgot`, which says that this was done and that no
//! journal knows of it yet.
//!
//! A file that is gone or empty is made anew: the boot loader goes on to the first slot without it.

use std::fmt::{self, Display};
use std::path::Path;

use thiserror::Error;

use crate::fat::{self, FatError};
use crate::log::say;
use crate::network::Address;
use crate::sector::{self, SECTOR};
use crate::slot::Slot;

const NAME: &[u8; 11] = b"AUTOBOOTTXT";
const SUSPECT: &str = "# suspect=";
const HUNG: &str = "# hung=";
const RESTS: &str = "# rests=";
const NETWORK: &str = "# network=";
const FLOOR: &str = "# floor=";
const TRIED: &str = "# tried=";
const RESET: &str = "# reset";
const FORGOT: &str = "# forgot";

/// So many fit the sector, whatever else is in it.
const TRIED_KEPT: usize = 8;

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

/// What is known of a slot's kernel. Once may be an accident, or a trial of the other slot, which leaves no trace: whoever
/// hung once is given another chance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    Suspect,
    Hung,
}

/// Images that were taken and none of which is known to be good, the last one first; 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tried([u64; TRIED_KEPT]);

impl Tried {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }

    /// The same with one more. The oldest one is forgotten where there are too many.
    fn and(self, sequence: u64) -> Self {
        let others = self.0.into_iter().filter(|one| *one != sequence);
        Self::of([sequence].into_iter().chain(others))
    }

    fn of(numbers: impl Iterator<Item = u64>) -> Self {
        let mut tried = Self::default();
        for (place, number) in tried.0.iter_mut().zip(numbers.filter(|number| *number != 0)) {
            *place = number;
        }
        tried
    }
}

/// Numbers with commas between them, and nothing where there is none.
impl Display for Tried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.0.iter().filter(|number| **number != 0).map(u64::to_string);
        out.write_str(&numbers.collect::<Vec<_>>().join(","))
    }
}

/// Whether the puck is to forget all that its owner left on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reset {
    #[default]
    None,
    /// /data is to be wiped before anything looks at it.
    Wanted,
    /// It was; the next start has it noted.
    Done,
}

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Autoboot {
    /// The slot that starts; the other one is what `tryboot` tries.
    pub(crate) default: Slot,
    pub(crate) a: Fault,
    pub(crate) b: Fault,
    /// How often the rescue system has waited since a slot was good last.
    pub(crate) rests: u32,
    /// The owner's fixed address.
    pub(crate) fixed: Option<Address>,
    /// No image older than this is taken: the time it was built at, in seconds after 1970.
    pub(crate) floor: u64,
    /// What the rescue system took, by the same number, until a slot is good.
    pub(crate) tried: Tried,
    pub(crate) reset: Reset,
}

impl Autoboot {
    pub(crate) fn of(default: Slot) -> Self {
        let (a, b) = (Fault::None, Fault::None);
        Self { default, a, b, rests: 0, fixed: None, floor: 0, tried: Tried::default(), reset: Reset::None }
    }

    pub(crate) fn fault(self, slot: Slot) -> Fault {
        match slot {
            Slot::A => self.a,
            Slot::B => self.b,
        }
    }

    pub(crate) fn hung(self, slot: Slot) -> bool {
        self.fault(slot) == Fault::Hung
    }

    fn with(mut self, slot: Slot, fault: Fault) -> Self {
        match slot {
            Slot::A => self.a = fault,
            Slot::B => self.b = fault,
        }
        self
    }

    /// The same with one more slot known to hang.
    pub(crate) fn with_hung(self, slot: Slot) -> Self {
        self.with(slot, Fault::Hung)
    }

    /// The same after a slot hung, once more.
    pub(crate) fn blamed(self, slot: Slot) -> Self {
        let next = if self.fault(slot) == Fault::None { Fault::Suspect } else { Fault::Hung };
        self.with(slot, next)
    }

    /// What is to be written once a slot is good, with what was `built` then. A slot that hung stays known as long as the
    /// same one runs: it is not to be tried again before it was written anew. Suspicions end.
    pub(crate) fn good(self, slot: Slot, built: u64) -> Self {
        let stays = self.default == slot && !self.hung(slot) && self.hung(slot.other());
        let known = if stays { Self::of(slot).with_hung(slot.other()) } else { Self::of(slot) };
        Self { floor: self.floor.max(built), fixed: self.fixed, reset: self.reset, ..known }
    }

    /// What is to be written once the rescue system put another image onto a slot: if this one hangs too, both do.
    pub(crate) fn taken(self, slot: Slot, sequence: u64) -> Self {
        let hung = Self::of(slot).with_hung(slot.other());
        Self { floor: self.floor, tried: self.tried.and(sequence), fixed: self.fixed, reset: self.reset, ..hung }
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
            } else if let Some((fault, list)) = faults(line) {
                for slot in list.split(',').filter_map(|word| word.parse().ok()).filter_map(Slot::of_partition) {
                    read = read.with(slot, fault);
                }
            } else if let Some(number) = line.strip_prefix(RESTS) {
                read.rests = number.parse().unwrap_or(0);
            } else if let Some(address) = line.strip_prefix(NETWORK) {
                read.fixed = address.parse().ok();
            } else if let Some(number) = line.strip_prefix(FLOOR) {
                read.floor = number.parse().unwrap_or(0);
            } else if let Some(list) = line.strip_prefix(TRIED) {
                read.tried = Tried::of(list.split(',').filter_map(|number| number.parse().ok()));
            } else if line == RESET {
                read.reset = Reset::Wanted;
            } else if line == FORGOT {
                read.reset = Reset::Done;
            }
        }
        read
    }

    /// The whole sector; line feeds fill it up.
    fn render(self) -> [u8; SECTOR] {
        let slots = |fault: Fault| {
            let named = [Slot::A, Slot::B].into_iter().filter(|slot| self.fault(*slot) == fault);
            named.map(|slot| slot.partition().to_string()).collect::<Vec<_>>().join(",")
        };
        let number = |number: u64| if number == 0 { String::new() } else { number.to_string() };
        let notes = [
            (SUSPECT, slots(Fault::Suspect)),
            (HUNG, slots(Fault::Hung)),
            (RESTS, number(self.rests.into())),
            (FLOOR, number(self.floor)),
            (TRIED, self.tried.to_string()),
            (NETWORK, self.fixed.map(|fixed| fixed.to_string()).unwrap_or_default()),
        ];
        let said = notes.iter().filter(|(_, value)| !value.is_empty());
        let mut notes: String = said.map(|(name, value)| format!("{name}{value}\n")).collect();
        match self.reset {
            Reset::None => {}
            Reset::Wanted => notes.extend([RESET, "\n"]),
            Reset::Done => notes.extend([FORGOT, "\n"]),
        }
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

/// What a line of ours says of slots.
fn faults(line: &str) -> Option<(Fault, &str)> {
    let of = |name, fault| line.strip_prefix(name).map(|list| (fault, list));
    of(SUSPECT, Fault::Suspect).or_else(|| of(HUNG, Fault::Hung))
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
    let whole = wanted.render();
    let place = match fat::locate(device, NAME) {
        Err(error @ (FatError::NotFat | FatError::Missing | FatError::Empty)) => {
            if matches!(error, FatError::NotFat) {
                say!("the boot partition is no file system any more; it is made anew");
                fat::make(device)?;
            }
            fat::create(device, NAME, &whole)?;
            let made = fat::locate(device, NAME)?;
            return if sector::read(device, made.offset)? == whole { Ok(true) } else { Err(CommitError::ReadBack) };
        }
        found => found?,
    };
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
