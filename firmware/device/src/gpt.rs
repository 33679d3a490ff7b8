//! The card's partition table (UEFI specification, chapter 5.3), as far as a card that is larger than the image needs it:
//! the last partition is let reach to the card's end, or as far as a puck has use for.
//!
//! **Invariant:** at any moment the first table holds, whatever a power cut leaves of a write: the kernel looks for the copy
//! at the card's end only through the first one, and what a boot loader does nobody knows. So nothing that it points to is
//! changed. Its entries are written to a spare place, its one sector is pointed there, the entries' own place is written,
//! and the sector is pointed back. The copy comes before all of it.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use thiserror::Error;

const SECTOR: u64 = 512;
/// The first table's own sector; its entries follow.
const FIRST: u64 = 1;
const SIGNATURE: &[u8; 8] = b"EFI PART";
const HEADER: usize = 92;
/// Where the entries stand, and where they stand for a moment: between them and the first partition is room.
const OWN: u64 = FIRST + 1;
const SPARE: u64 = OWN + ENTRIES as u64;
/// Sectors of the entries: 128 of 128 bytes each, as every table has.
const ENTRIES: usize = 32;
const ENTRY: usize = 128;
/// Partitions begin and end at whole mebibytes, as genimage lays them out.
const ALIGN: u64 = (1 << 20) / SECTOR;
/// The largest that a partition becomes, 64 GiB: more than a puck ever fills. What is never written serves the card to level
/// its wear.
const MOST: u64 = (64 << 30) / SECTOR;
/// Less than this is not worth a change.
const WORTH: u64 = (64 << 20) / SECTOR;

/// Why a table is not changed.
#[derive(Debug, Error)]
pub(crate) enum GrowError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the partition table is not one of ours")]
    Foreign,
    #[error("there is no room beside the partition table to change it safely")]
    NoRoom,
}

/// One write, which is on the card before the next begins: where, in sectors, and what.
type Step = (u64, Vec<u8>);

/// Lets the last partition of a card, which must have this name, reach to the card's end or to [`MOST`]; whether there was
/// room. Nobody may have it in use.
pub(crate) fn grow(card: &Path, name: &str) -> Result<bool, GrowError> {
    let mut file = File::options().read(true).write(true).open(card)?;
    let sectors = file.seek(SeekFrom::End(0))? / SECTOR;
    let mut table = vec![0; (1 + 2 * ENTRIES) * SECTOR as usize];
    file.read_exact_at(&mut table, FIRST * SECTOR)?;
    let write = |steps: &[Step]| -> io::Result<()> {
        for (sector, bytes) in steps {
            file.write_all_at(bytes, sector * SECTOR)?;
            file.sync_all()?;
        }
        Ok(())
    };
    if let Some(steps) = home(&table)? {
        write(&steps)?;
        for (sector, bytes) in steps {
            table[((sector - FIRST) * SECTOR) as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
    }
    let steps = grown(&table, name, sectors)?;
    write(&steps)?;
    Ok(!steps.is_empty())
}

/// The header, the entries, and what is in the spare place, of what a card has from sector 1 on.
fn parts(table: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (header, rest) = table.split_at(SECTOR as usize);
    let (own, spare) = rest.split_at(ENTRIES * SECTOR as usize);
    (header, own, spare)
}

/// How to end what a power cut left half done: the entries stand in the spare place.
fn home(table: &[u8]) -> Result<Option<Vec<Step>>, GrowError> {
    let (header, _, spare) = parts(table);
    if word(header, 72) != SPARE {
        return Ok(None);
    }
    check(header, spare)?;
    Ok(Some(vec![(OWN, spare.to_vec()), (FIRST, placed(header, FIRST, word(header, 32), OWN))]))
}

/// What to write on a card of so many sectors, in this order; nothing where the partition cannot become much larger.
fn grown(table: &[u8], name: &str, sectors: u64) -> Result<Vec<Step>, GrowError> {
    let (header, entries, _) = parts(table);
    check(header, entries)?;
    let (mut header, mut entries) = (header.to_vec(), entries.to_vec());
    let partitions = (0..entries.len()).step_by(ENTRY).filter(|at| entries[*at..at + 16] != [0; 16]);
    let partitions: Vec<usize> = partitions.collect();
    let last = partitions.iter().copied().max_by_key(|at| word(&entries, at + 40)).ok_or(GrowError::Foreign)?;
    let is_room = partitions.iter().all(|at| word(&entries, at + 32) >= SPARE + ENTRIES as u64);
    if label(&entries[last + 56..last + ENTRY]) != name {
        return Err(GrowError::Foreign);
    }
    if !is_room {
        return Err(GrowError::NoRoom);
    }
    let card_end = (sectors.saturating_sub(1 + ENTRIES as u64) / ALIGN * ALIGN).saturating_sub(1);
    let end = card_end.min(word(&entries, last + 32).saturating_add(MOST - 1));
    if end < word(&entries, last + 40).saturating_add(WORTH) {
        return Ok(Vec::new());
    }
    put(&mut entries, last + 40, end);
    put(&mut header, 48, sectors - 2 - ENTRIES as u64);
    let sum = crc32fast::hash(&entries);
    header[88..92].copy_from_slice(&sum.to_le_bytes());
    let (other, copy) = (sectors - 1, sectors - 1 - ENTRIES as u64);
    Ok(vec![
        (copy, entries.clone()),
        (other, placed(&header, other, FIRST, copy)),
        (SPARE, entries.clone()),
        (FIRST, placed(&header, FIRST, other, SPARE)),
        (OWN, entries),
        (FIRST, placed(&header, FIRST, other, OWN)),
    ])
}

/// A table that somebody else made, or that is damaged, is left alone.
fn check(header: &[u8], entries: &[u8]) -> Result<(), GrowError> {
    let size = u32::from_le_bytes([header[12], header[13], header[14], header[15]]) as usize;
    let mut blank = header.to_vec();
    blank[16..20].fill(0);
    let ours = header.starts_with(SIGNATURE)
        && size == HEADER
        && header[16..20] == crc32fast::hash(&blank[..HEADER]).to_le_bytes()
        && word(header, 24) == FIRST
        && matches!(word(header, 72), OWN | SPARE)
        && header[80..88] == [128, 0, 0, 0, 128, 0, 0, 0]
        && header[88..92] == crc32fast::hash(entries).to_le_bytes();
    if ours { Ok(()) } else { Err(GrowError::Foreign) }
}

/// The header for a place, with its sum.
fn placed(header: &[u8], here: u64, other: u64, entries: u64) -> Vec<u8> {
    let mut placed = header.to_vec();
    put(&mut placed, 24, here);
    put(&mut placed, 32, other);
    put(&mut placed, 72, entries);
    placed[16..20].fill(0);
    let sum = crc32fast::hash(&placed[..HEADER]);
    placed[16..20].copy_from_slice(&sum.to_le_bytes());
    placed
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// A partition's name, in UTF-16.
fn label(bytes: &[u8]) -> String {
    let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests;
