//! A factory reset: what was on `/data` is written over, keys and all. Whatever cuts it short, the next time goes on where it
//! was: what is zeros already is only read. A place that takes no writes is left out and told of.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, OFlags, fallocate};

use super::Outcome;
use crate::log::say;

/// What is read and written at once.
const CHUNK: usize = 1 << 20;
/// What is left out where a card takes no writes.
const PLACE: usize = 4096;
/// A card with more such places is past saving; each may take seconds to fail.
const MOST_BAD: u32 = 64;
/// Between two lines of the log.
const TELL: u64 = 1 << 30;

/// What can be wiped.
trait Medium {
    fn read(&self, into: &mut [u8], at: u64) -> io::Result<()>;
    /// Writes zeros; on return they are on the medium.
    fn clear(&self, zeros: &[u8], at: u64) -> io::Result<()>;
}

impl Medium for File {
    fn read(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        self.read_exact_at(into, at)
    }

    fn clear(&self, zeros: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(zeros, at)
    }
}

/// How far it went.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wiped {
    /// Places that take no writes.
    bad: u32,
    /// There were too many of them.
    given_up: bool,
}

/// Wipes a partition. Where the card can forget by itself it does so at once; otherwise every byte is written over.
pub(super) fn wipe(device: &Path) -> Outcome {
    match try_wipe(device) {
        Ok(Wiped { bad: 0, .. }) => Outcome::Whole,
        Ok(Wiped { given_up: true, .. }) => {
            say!("factory reset: the card takes no writes; destroy it if nobody may read what was on it");
            Outcome::Repaired
        }
        Ok(Wiped { bad, .. }) => {
            say!("factory reset: {bad} places of 4 KiB take no writes and may hold what was there before");
            Outcome::Repaired
        }
        Err(error) => {
            say!("factory reset: {}: {error}", device.display());
            Outcome::Unusable
        }
    }
}

fn try_wipe(device: &Path) -> io::Result<Wiped> {
    let mut file = OpenOptions::new().read(true).write(true).open(device)?;
    let size = file.seek(SeekFrom::End(0))?;
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    if fallocate(&file, hole, 0, size).is_ok() && file.sync_all().is_ok() {
        return Ok(Wiped::default());
    }
    // Past the kernel's cache: only so a write that fails says where.
    let flags = (OFlags::DIRECT | OFlags::SYNC).bits().cast_signed();
    let medium = OpenOptions::new().read(true).write(true).custom_flags(flags).open(device)?;
    Ok(overwrite(&medium, size))
}

/// Room at an address that direct I/O accepts.
struct Aligned(Vec<u8>);

impl Aligned {
    fn new() -> Self {
        Self(vec![0; CHUNK + PLACE])
    }

    fn room(&mut self) -> &mut [u8] {
        let skip = self.0.as_ptr().align_offset(PLACE).min(PLACE);
        &mut self.0[skip..skip + CHUNK]
    }
}

fn overwrite(medium: &impl Medium, size: u64) -> Wiped {
    let (mut zeros, mut room) = (Aligned::new(), Aligned::new());
    let (zeros, room) = (&*zeros.room(), room.room());
    let mut wiped = Wiped::default();
    let mut at = 0;
    while at < size {
        if at > 0 && at.is_multiple_of(TELL) {
            say!("factory reset: {} of {} GiB", at / TELL, size.div_ceil(TELL));
        }
        let part = usize::try_from(size - at).unwrap_or(CHUNK).min(CHUNK);
        let room = &mut room[..part];
        let is_zero = medium.read(room, at).is_ok() && room.iter().all(|byte| *byte == 0);
        if !is_zero && medium.clear(&zeros[..part], at).is_err() {
            for place in (0..part).step_by(PLACE) {
                let end = part.min(place + PLACE);
                wiped.bad += u32::from(medium.clear(&zeros[place..end], at + place as u64).is_err());
                if wiped.bad >= MOST_BAD {
                    return Wiped { given_up: true, ..wiped };
                }
            }
        }
        at += part as u64;
    }
    wiped
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::io;
    use std::ops::Range;

    use super::{CHUNK, MOST_BAD, Medium, PLACE, Wiped, overwrite};

    /// A card with places that fail, which counts what is written and may lose its power.
    struct Card {
        bytes: RefCell<Vec<u8>>,
        bad: Range<usize>,
        written: Cell<usize>,
    }

    fn card(size: usize, bad: Range<usize>) -> Card {
        Card { bytes: RefCell::new(vec![7; size]), bad, written: Cell::new(0) }
    }

    impl Card {
        fn left(&self) -> usize {
            self.bytes.borrow().iter().filter(|byte| **byte != 0).count()
        }
    }

    impl Medium for Card {
        fn read(&self, into: &mut [u8], at: u64) -> io::Result<()> {
            into.copy_from_slice(&self.bytes.borrow()[at as usize..][..into.len()]);
            Ok(())
        }

        fn clear(&self, zeros: &[u8], at: u64) -> io::Result<()> {
            let (begin, end) = (at as usize, at as usize + zeros.len());
            if self.bad.start < end && begin < self.bad.end {
                return Err(io::ErrorKind::Other.into());
            }
            self.bytes.borrow_mut()[begin..end].copy_from_slice(zeros);
            self.written.set(self.written.get() + zeros.len());
            Ok(())
        }
    }

    #[test]
    fn all_is_written_over_to_the_last_odd_byte() {
        let card = card(3 * CHUNK + 512, 0..0);
        assert_eq!(overwrite(&card, 3 * CHUNK as u64 + 512), Wiped::default());
        assert_eq!(card.left(), 0);
    }

    #[test]
    fn what_was_wiped_before_a_cut_is_not_written_again() {
        let card = card(4 * CHUNK, 0..0);
        card.bytes.borrow_mut()[..3 * CHUNK].fill(0);
        overwrite(&card, 4 * CHUNK as u64);
        assert_eq!((card.left(), card.written.get()), (0, CHUNK));
    }

    #[test]
    fn a_place_that_takes_no_writes_is_left_out_and_counted() {
        let spot = CHUNK + 5 * PLACE;
        let card = card(3 * CHUNK, spot..spot + 1);
        assert_eq!(overwrite(&card, 3 * CHUNK as u64), Wiped { bad: 1, given_up: false });
        assert_eq!(card.left(), PLACE);
    }

    #[test]
    fn a_card_that_takes_nothing_comes_to_an_end() {
        let size = 2 * CHUNK;
        let card = card(size, 0..size);
        assert_eq!(overwrite(&card, size as u64), Wiped { bad: MOST_BAD, given_up: true });
    }
}
