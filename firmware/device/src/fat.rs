//! Just enough of FAT to find a file's first sector without mounting anything: mounting writes to the card, and a mounted
//! file system could not be changed by the sector. Everything read here is somebody else's: numbers are bounded.
//!
//! Source: Microsoft, "FAT: General Overview of On-Disk Format" (1.03), boot sector, and directory entries of 32 bytes.

use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use thiserror::Error;

use crate::sector::{self, SECTOR};

const ENTRY: usize = 32;
const ENTRIES: usize = SECTOR / ENTRY;
/// Sectors of a root directory that are looked through.
const MOST_SECTORS: u32 = 64;
/// The same of the table.
const MOST_TABLE: u32 = 4096;
/// The first byte of an entry whose file was deleted.
const DELETED: u8 = 0xe5;
/// An ordinary file's attribute, and the first day that an entry can name (1 January 1980).
const ARCHIVE: u8 = 0x20;
const FIRST_DAY: u16 = 0x0021;
/// With fewer clusters the table has twelve bits for each, which are not written here.
const FAT16: u32 = 4085;
/// With more it would have to be FAT32.
const MOST_FAT16: u32 = 65_500;
/// Of the root directory of one that is made here; its label's attribute, and its label.
const ROOT_ENTRIES: u16 = 512;
const VOLUME: u8 = 0x08;
const LABEL: &[u8; 11] = b"NANOGATE   ";
/// In the boot sector's state, which Linux and Windows keep in a byte that is reserved otherwise.
const DIRTY: u8 = 1;

/// Why a file was not found.
#[derive(Debug, Error)]
pub(crate) enum FatError {
    #[error(transparent)]
    Device(#[from] io::Error),
    #[error("is no FAT file system with sectors of 512 bytes")]
    NotFat,
    #[error("has no file of that name")]
    Missing,
    #[error("has a file of that name with nothing in it")]
    Empty,
    #[error("has no room for a file")]
    Full,
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
    /// First sector of the table, how many of them there are, and how long each is.
    table: u32,
    tables: u32,
    table_sectors: u32,
    /// Clusters, and how many bytes the table has for each: two or four.
    clusters: u32,
    width: usize,
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
    let Search { found: Some((offset, at)), .. } = search(device, &layout, name)? else {
        return Err(FatError::Missing);
    };
    let directory = sector::read(device, offset)?;
    let entry = &directory[at..at + ENTRY];
    let cluster = u32::from(half(entry, 20)) << 16 | u32::from(half(entry, 26));
    if cluster == 0 {
        return Err(FatError::Empty);
    }
    let size = u32::from_le_bytes([entry[28], entry[29], entry[30], entry[31]]);
    Ok(Place { offset: layout.offset(cluster)?, size, entry_sector: offset, entry_at: at })
}

/// Makes a file of one sector where there is none, or an empty one. Its entry comes last, in one write: a power cut before
/// leaves a cluster that nobody uses, and the file as it was.
pub(crate) fn create(device: &Path, name: &[u8; 11], content: &[u8; SECTOR]) -> Result<(), FatError> {
    let layout = layout(&sector::read(device, 0)?)?;
    let Search { found, free } = search(device, &layout, name)?;
    let (offset, at) = found.or(free).ok_or(FatError::Full)?;
    let cluster = free_cluster(device, &layout)?;
    sector::write(device, layout.offset(cluster)?, content)?;
    for number in 0..layout.tables {
        let byte = cluster as usize * layout.width;
        let place = layout.table + number * layout.table_sectors + u32::try_from(byte / SECTOR).unwrap_or(0);
        let place = u64::from(place) * SECTOR as u64;
        let mut table = sector::read(device, place)?;
        // The end of a chain; of the four bytes' highest four bits nobody but the table's maker knows.
        let end = &mut table[byte % SECTOR..][..layout.width];
        let kept = end[layout.width - 1] & 0xf0;
        end.fill(0xff);
        if layout.width == 4 {
            end[3] = kept | 0x0f;
        }
        sector::write(device, place, &table)?;
    }
    let mut directory = sector::read(device, offset)?;
    let next = at + ENTRY;
    if directory[at] == 0 && next < SECTOR {
        directory[next] = 0;
    }
    let entry = &mut directory[at..next];
    entry.fill(0);
    entry[..11].copy_from_slice(name);
    entry[11] = ARCHIVE;
    entry[24..26].copy_from_slice(&FIRST_DAY.to_le_bytes());
    entry[20..22].copy_from_slice(&cluster.to_le_bytes()[2..]);
    entry[26..28].copy_from_slice(&cluster.to_le_bytes()[..2]);
    entry[28..].copy_from_slice(&u32::try_from(SECTOR).unwrap_or(0).to_le_bytes());
    Ok(sector::write(device, offset, &directory)?)
}

/// Makes a file system anew where there is none any more, as image/steps/card.sh does. The boot sector comes last: a power
/// cut before leaves none, as it was.
pub(crate) fn make(device: &Path) -> Result<(), FatError> {
    let mut out = OpenOptions::new().write(true).open(device)?;
    let sectors = u32::try_from(out.seek(SeekFrom::End(0))? / SECTOR as u64).unwrap_or(u32::MAX);
    // The smallest clusters of which there are few enough for sixteen bits.
    let per_cluster = (0..8).map(|shift| 1_u32 << shift).find(|size| sectors / size < MOST_FAT16);
    let per_cluster = per_cluster.filter(|size| sectors / size > FAT16 + 64).ok_or(FatError::NotFat)?;
    let table = (sectors / per_cluster + 2).div_ceil(u32::try_from(SECTOR / 2).unwrap_or(1));
    let mut boot = [0; SECTOR];
    let mut put = |at: usize, bytes: &[u8]| boot[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &[0xeb, 0x3c, 0x90]);
    put(3, b"NANOGATE");
    put(11, &512_u16.to_le_bytes());
    put(13, &per_cluster.to_le_bytes()[..1]);
    put(14, &[1, 0, 2]);
    put(17, &ROOT_ENTRIES.to_le_bytes());
    put(21, &[0xf8]);
    put(22, &table.to_le_bytes()[..2]);
    put(24, &[32, 0, 64, 0]);
    put(32, &sectors.to_le_bytes());
    put(36, &[0x80, 0, 0x29]);
    put(39, b"OBGN");
    put(43, LABEL);
    put(54, b"FAT16   ");
    put(510, &[0x55, 0xaa]);
    let mut first = [0; SECTOR];
    first[..4].copy_from_slice(&[0xf8, 0xff, 0xff, 0xff]);
    let mut root = [0; SECTOR];
    root[..11].copy_from_slice(LABEL);
    root[11] = VOLUME;
    root[24..26].copy_from_slice(&FIRST_DAY.to_le_bytes());
    out.seek(SeekFrom::Start(SECTOR as u64))?;
    for _ in 0..2 {
        out.write_all(&first)?;
        (1..table).try_for_each(|_| out.write_all(&[0; SECTOR]))?;
    }
    out.write_all(&root)?;
    (1..usize::from(ROOT_ENTRIES) / ENTRIES).try_for_each(|_| out.write_all(&[0; SECTOR]))?;
    out.sync_all()?;
    Ok(sector::write(device, 0, &boot)?)
}

/// Takes back the mark that whoever mounted it last did not let go of it, which a power cut leaves for ever: Linux would
/// speak of it at each start, and a PC offer to repair what needs none.
pub(crate) fn forget_dirt(device: &Path) -> Result<(), FatError> {
    let mut boot = sector::read(device, 0)?;
    let state = if layout(&boot)?.width == 2 { 0x25 } else { 0x41 };
    if boot[state] & DIRTY == 0 {
        return Ok(());
    }
    boot[state] &= !DIRTY;
    Ok(sector::write(device, 0, &boot)?)
}

/// What the root directory has: a file of that name, and a place for another; each by its sector's offset and its own in it.
struct Search {
    found: Option<(u64, usize)>,
    free: Option<(u64, usize)>,
}

fn search(device: &Path, layout: &Layout, name: &[u8; 11]) -> Result<Search, FatError> {
    let mut free = None;
    for number in layout.root..layout.root + layout.root_sectors {
        let offset = u64::from(number) * SECTOR as u64;
        let directory = sector::read(device, offset)?;
        for at in (0..ENTRIES).map(|index| index * ENTRY) {
            let entry = &directory[at..at + ENTRY];
            if matches!(entry[0], 0 | DELETED) {
                free = free.or(Some((offset, at)));
            }
            // The first entry that never was used ends the directory.
            if entry[0] == 0 {
                return Ok(Search { found: None, free });
            }
            // Bits 3 and 4 are volume labels (long names too) and folders.
            if &entry[..11] == name && entry[11] & 0x18 == 0 {
                return Ok(Search { found: Some((offset, at)), free });
            }
        }
    }
    Ok(Search { found: None, free })
}

fn free_cluster(device: &Path, layout: &Layout) -> Result<u32, FatError> {
    let (mut present, mut table) = (u32::MAX, [0; SECTOR]);
    for cluster in 2..layout.clusters + 2 {
        let byte = cluster as usize * layout.width;
        let number = u32::try_from(byte / SECTOR).unwrap_or(u32::MAX);
        if number >= layout.table_sectors.min(MOST_TABLE) {
            break;
        }
        if number != present {
            present = number;
            table = sector::read(device, u64::from(layout.table + number) * SECTOR as u64)?;
        }
        if table[byte % SECTOR..][..layout.width].iter().all(|byte| *byte == 0) {
            return Ok(cluster);
        }
    }
    Err(FatError::Full)
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
    // FAT12 and FAT16 keep the root directory before the clusters.
    let before = entries.div_ceil(u32::try_from(ENTRIES).unwrap_or(1));
    let data = after_fats.checked_add(before).ok_or(FatError::NotFat)?;
    let all = match half(boot, 19) {
        0 => word(32),
        sectors => u32::from(sectors),
    };
    let clusters = all.saturating_sub(data) / sectors_per_cluster;
    let (table, tables, table_sectors) = (reserved, fats, fat_sectors);
    let width = if entries > 0 { 2 } else { 4 };
    if clusters < FAT16 && width == 2 {
        return Err(FatError::NotFat);
    }
    // FAT32 keeps the directory in clusters; the first one holds the files of a card that is ours.
    let first = || word(44).checked_sub(2)?.checked_mul(sectors_per_cluster)?.checked_add(data);
    let (root, root_sectors) = match entries {
        0 => (first().ok_or(FatError::NotFat)?, sectors_per_cluster),
        _ => (after_fats, before.min(MOST_SECTORS)),
    };
    Ok(Layout { table, tables, table_sectors, clusters, width, sectors_per_cluster, root, root_sectors, data })
}

impl Layout {
    /// Of a cluster's first byte, from the start of the device.
    fn offset(&self, cluster: u32) -> Result<u64, FatError> {
        let index = cluster.checked_sub(2).ok_or(FatError::NotFat)?;
        Ok((u64::from(self.data) + u64::from(index) * u64::from(self.sectors_per_cluster)) * SECTOR as u64)
    }
}
