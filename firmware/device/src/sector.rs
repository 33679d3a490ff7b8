//! One sector of a device, read and written past the kernel's cache: what is read is what the card holds, and a write
//! touches nothing beside it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::OFlags;

/// The unit in which cards write whole or not at all.
pub(crate) const SECTOR: usize = 512;

/// Room for one sector at an address that direct I/O accepts (open(2), O_DIRECT).
struct Aligned(Vec<u8>);

impl Aligned {
    fn new() -> Self {
        Self(vec![0; 2 * SECTOR])
    }

    fn sector(&mut self) -> &mut [u8] {
        let skip = self.0.as_ptr().align_offset(SECTOR).min(SECTOR);
        &mut self.0[skip..skip + SECTOR]
    }
}

/// Opens a device for direct I/O; without the cache's bypass where the file system of a test has none.
fn open(device: &Path, write: bool) -> io::Result<File> {
    let options = |flags: OFlags| {
        OpenOptions::new().read(true).write(write).custom_flags(flags.bits().cast_signed()).open(device)
    };
    options(OFlags::DIRECT | OFlags::SYNC).or_else(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::INVAL.raw_os_error() => options(OFlags::SYNC),
        _ => Err(error),
    })
}

/// Reads the sector that begins at a byte.
pub(crate) fn read(device: &Path, offset: u64) -> io::Result<[u8; SECTOR]> {
    let mut room = Aligned::new();
    let sector = room.sector();
    open(device, false)?.read_exact_at(sector, offset)?;
    let mut copy = [0; SECTOR];
    copy.copy_from_slice(sector);
    Ok(copy)
}

/// Writes it; on return the card has it.
pub(crate) fn write(device: &Path, offset: u64, content: &[u8; SECTOR]) -> io::Result<()> {
    let mut room = Aligned::new();
    room.sector().copy_from_slice(content);
    let file = open(device, true)?;
    file.write_all_at(room.sector(), offset)?;
    file.sync_all()
}
