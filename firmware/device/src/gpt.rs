//! The card's partition table (UEFI specification, chapter 5.3), as far as a card that is larger than the image needs it:
//! the last partition is let reach to the card's end.
//!
//! **Invariant:** the copy at the card's end is whole on the card before the first table is touched, and that one changes
//! with one write: at any moment one of the two holds.

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
/// Sectors of the entries: 128 of 128 bytes each, as every table has.
const ENTRIES: usize = 32;
const ENTRY: usize = 128;
/// Partitions begin and end at whole mebibytes, as genimage lays them out.
const ALIGN: u64 = (1 << 20) / SECTOR;
/// Less than this is not worth a change.
const WORTH: u64 = (64 << 20) / SECTOR;

/// Why a table is not changed.
#[derive(Debug, Error)]
pub(crate) enum GrowError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the partition table is not one of ours")]
    Foreign,
}

/// The same table twice: what stands in sector 1 and after it, and what stands at the card's end.
#[derive(Debug, PartialEq, Eq)]
struct Tables {
    first: Vec<u8>,
    last: Vec<u8>,
}

/// Lets the last partition of a card, which must have this name, reach to the card's end; whether there was room. Nobody may
/// have it in use.
pub(crate) fn grow(card: &Path, name: &str) -> Result<bool, GrowError> {
    let mut file = File::options().read(true).write(true).open(card)?;
    let sectors = file.seek(SeekFrom::End(0))? / SECTOR;
    let mut table = vec![0; (1 + ENTRIES) * SECTOR as usize];
    file.read_exact_at(&mut table, FIRST * SECTOR)?;
    let Some(Tables { first, last }) = grown(table, name, sectors)? else { return Ok(false) };
    file.write_all_at(&last, sectors * SECTOR - last.len() as u64)?;
    file.sync_all()?;
    file.write_all_at(&first, FIRST * SECTOR)?;
    file.sync_all()?;
    Ok(true)
}

/// Both tables for a card of so many sectors; none where the partition cannot become much larger.
fn grown(mut table: Vec<u8>, name: &str, sectors: u64) -> Result<Option<Tables>, GrowError> {
    let (header, entries) = table.split_at_mut(SECTOR as usize);
    check(header, entries)?;
    let own = (0..entries.len()).step_by(ENTRY).filter(|at| entries[*at..at + 16] != [0; 16]);
    let last = own.max_by_key(|at| word(entries, at + 40)).ok_or(GrowError::Foreign)?;
    if label(&entries[last + 56..last + ENTRY]) != name {
        return Err(GrowError::Foreign);
    }
    let end = (sectors.saturating_sub(1 + ENTRIES as u64) / ALIGN * ALIGN).saturating_sub(1);
    if end < word(entries, last + 40).saturating_add(WORTH) {
        return Ok(None);
    }
    put(entries, last + 40, end);
    put(header, 48, sectors - 2 - ENTRIES as u64);
    let sum = crc32fast::hash(entries);
    header[88..92].copy_from_slice(&sum.to_le_bytes());
    let mut copy = entries.to_vec();
    copy.extend(placed(header, sectors - 1, FIRST, sectors - 1 - ENTRIES as u64));
    let mut first = placed(header, FIRST, sectors - 1, FIRST + 1);
    first.extend_from_slice(entries);
    Ok(Some(Tables { first, last: copy }))
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
        && word(header, 72) == FIRST + 1
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
