//! Just enough of FAT to find a file's first sector without mounting anything: mounting writes to the card, and a mounted
//! file system could not be changed by the sector. Everything read here is somebody else's: numbers are bounded.
//!
//! Source: Microsoft, "FAT: General Overview of On-Disk Format" (1.03), boot sector, and directory entries of 32 bytes.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::sector::{self, SECTOR};

const ENTRY: usize = 32;
const ENTRIES: usize = SECTOR / ENTRY;
/// Sectors of a root directory that are looked through.
const MOST_SECTORS: u32 = 64;

/// Why a file was not found.
#[derive(Debug, Error)]
pub(crate) enum FatError {
    #[error(transparent)]
    Device(#[from] io::Error),
    #[error("is no FAT file system with sectors of 512 bytes")]
    NotFat,
    #[error("has no file of that name")]
    Missing,
}

/// Where a file is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Of its first byte, from the start of the device.
    pub(crate) offset: u64,
    /// In bytes, as its directory entry says.
    pub(crate) size: u32,
    /// Of its directory entry's sector, and the entry's place in it.
    entry_sector: u64,
    entry_at: usize,
}

/// What the boot sector says.
struct Layout {
    sectors_per_cluster: u32,
    /// First sector of the root directory, and how many are looked through.
    root: u32,
    root_sectors: u32,
    /// First sector of cluster 2.
    data: u32,
}

/// Finds a file of the root directory by its short name.
pub(crate) fn locate(device: &Path, name: &[u8; 11]) -> Result<Place, FatError> {
    let layout = layout(&sector::read(device, 0)?)?;
    for number in layout.root..layout.root + layout.root_sectors {
        let offset = u64::from(number) * SECTOR as u64;
        let directory = sector::read(device, offset)?;
        for at in (0..ENTRIES).map(|index| index * ENTRY) {
            let entry = &directory[at..at + ENTRY];
            // The first free entry ends the directory; bits 3 and 4 are volume labels (long names too) and folders.
            if entry[0] == 0 {
                return Err(FatError::Missing);
            }
            if &entry[..11] == name && entry[11] & 0x18 == 0 {
                let cluster = u32::from(half(entry, 20)) << 16 | u32::from(half(entry, 26));
                let index = cluster.checked_sub(2).ok_or(FatError::NotFat)?;
                let first = u64::from(layout.data) + u64::from(index) * u64::from(layout.sectors_per_cluster);
                let size = u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]);
                return Ok(Place { offset: first * SECTOR as u64, size, entry_sector: offset, entry_at: at });
            }
        }
    }
    Err(FatError::Missing)
}

/// Sets the size in a file's directory entry, in one write.
pub(crate) fn set_size(device: &Path, place: &Place, size: usize) -> io::Result<()> {
    let mut directory = sector::read(device, place.entry_sector)?;
    let size = u32::try_from(size).map_err(io::Error::other)?;
    directory[place.entry_at + 28..place.entry_at + ENTRY].copy_from_slice(&size.to_le_bytes());
    sector::write(device, place.entry_sector, &directory)
}

fn half(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn layout(boot: &[u8; SECTOR]) -> Result<Layout, FatError> {
    let word = |at: usize| u32::from_le_bytes([boot[at], boot[at + 1], boot[at + 2], boot[at + 3]]);
    let sectors_per_cluster = u32::from(boot[13]);
    let (reserved, fats, entries) = (u32::from(half(boot, 14)), u32::from(boot[16]), u32::from(half(boot, 17)));
    let is_fat = half(boot, 510) == 0xaa55 && usize::from(half(boot, 11)) == SECTOR;
    if !is_fat || !sectors_per_cluster.is_power_of_two() || reserved == 0 || !(1..=2).contains(&fats) {
        return Err(FatError::NotFat);
    }
    let fat_sectors = match half(boot, 22) {
        0 => word(36),
        sectors => u32::from(sectors),
    };
    let after_fats = fats.checked_mul(fat_sectors).and_then(|all| all.checked_add(reserved)).ok_or(FatError::NotFat)?;
    if entries > 0 {
        // FAT12 and FAT16 keep the root directory before the clusters.
        let sectors = entries.div_ceil(u32::try_from(ENTRIES).unwrap_or(1));
        let data = after_fats.checked_add(sectors).ok_or(FatError::NotFat)?;
        return Ok(Layout { sectors_per_cluster, root: after_fats, root_sectors: sectors.min(MOST_SECTORS), data });
    }
    // FAT32 keeps it in clusters; the first one holds the files of a card that is ours.
    let first = word(44).checked_sub(2).and_then(|index| index.checked_mul(sectors_per_cluster));
    let root = first.and_then(|first| first.checked_add(after_fats)).ok_or(FatError::NotFat)?;
    Ok(Layout { sectors_per_cluster, root, root_sectors: sectors_per_cluster, data: after_fats })
}
