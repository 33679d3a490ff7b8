//! What a card has beyond what the image needed.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::log::say;
use crate::{card, gpt};

/// ext4's super block (Documentation/filesystems/ext4/super.rst): where it stands, and its first part.
const SUPER_BLOCK: u64 = 1024;
const SUPER_BLOCK_SIZE: usize = 1024;
const MAGIC: u16 = 0xef53;
/// Less is the rounding to whole groups of blocks.
const WORTH: u64 = 64 << 20;

/// Lets the partition reach to the card's end; whether it does so only now. Nothing of the card is mounted yet.
pub(super) fn take_all(partition: &Path) -> bool {
    let Some(drive) = card::drive_of(partition) else { return false };
    match gpt::grow(&drive, "data") {
        Ok(true) => {
            say!("the partition of /data reaches to the end of {} now", drive.display());
            let mut command = Command::new("/bin/busybox");
            command.args(["blockdev", "--rereadpt"]).arg(&drive).stdin(Stdio::null());
            let done = command.status().is_ok_and(|status| status.success());
            if !done {
                say!("the kernel does not see it before the next start");
            }
            done
        }
        Ok(false) => false,
        Err(error) => {
            say!("the partition of /data stays as it is: {error}");
            false
        }
    }
}

/// Whether the file system is smaller than its partition.
pub(super) fn is_left(partition: &Path) -> bool {
    left(partition).is_ok_and(|left| left >= WORTH)
}

fn left(partition: &Path) -> io::Result<u64> {
    let mut file = File::open(partition)?;
    let mut head = [0; SUPER_BLOCK_SIZE];
    file.read_exact_at(&mut head, SUPER_BLOCK)?;
    let size = file_system(&head).ok_or(io::ErrorKind::InvalidData)?;
    Ok(file.seek(SeekFrom::End(0))?.saturating_sub(size))
}

/// The size in bytes that a super block tells.
fn file_system(head: &[u8; SUPER_BLOCK_SIZE]) -> Option<u64> {
    let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let blocks = u64::from(word(4)) | u64::from(word(0x150)) << 32;
    let shift = word(24).checked_add(10).filter(|shift| *shift <= 16)?;
    (half(0x38) == MAGIC).then(|| blocks.checked_mul(1 << shift))?
}

#[cfg(test)]
mod tests {
    use super::{SUPER_BLOCK_SIZE, file_system};

    #[test]
    fn a_super_block_tells_its_size_and_noise_does_not() {
        let mut head = [0; SUPER_BLOCK_SIZE];
        assert_eq!(file_system(&head), None);
        head[0x38..0x3a].copy_from_slice(&0xef53_u16.to_le_bytes());
        head[4..8].copy_from_slice(&262_144_u32.to_le_bytes());
        head[24] = 2;
        assert_eq!(file_system(&head), Some(1 << 30), "262144 blocks of 4 KiB");
        head[0x150] = 1;
        assert_eq!(file_system(&head), Some((1 << 30) + (1 << 44)));
        head[24..28].fill(0xff);
        assert_eq!(file_system(&head), None);
    }
}
