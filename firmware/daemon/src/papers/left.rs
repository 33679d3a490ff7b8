//! What a worker leaves its successor: the records that waited in its memory for a disk that took none. They lie in a file in
//! memory that the supervisor holds, which no worker can make larger.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::path_of;

/// Before the bytes stands how many they are.
const HEADER: u64 = 8;

/// One worker's.
#[derive(Debug)]
pub(crate) struct Left(File);

impl Left {
    /// Room for this many bytes; none of it is used before something is put there.
    pub(crate) fn new(room: usize) -> io::Result<Self> {
        let file = File::from(memfd_create(c"left", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
        file.set_len(HEADER + room as u64)?;
        let sized = SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(sized))?;
        Ok(Self(file))
    }

    /// What the supervisor handed over, which is closed.
    pub(super) fn receive(number: RawFd) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path_of(number))?;
        nix::unistd::close(number)?;
        Ok(Self(file))
    }

    /// Another handle to it.
    pub(crate) fn share(&self) -> io::Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Puts something there instead of what there was; half of it is never found.
    pub(crate) fn put(&self, write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>) -> io::Result<()> {
        self.clear()?;
        let mut file = &self.0;
        file.seek(SeekFrom::Start(HEADER))?;
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()?;
        let size = file.stream_position()? - HEADER;
        file.write_all_at(&size.to_le_bytes(), 0)
    }

    /// What is there, if anything is.
    pub(crate) fn read(&self) -> io::Result<Option<impl Read>> {
        let mut header = [0; HEADER as usize];
        self.0.read_exact_at(&mut header, 0)?;
        let size = u64::from_le_bytes(header);
        // A worker wrote it.
        if size > self.0.metadata()?.len() - HEADER {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let mut file = &self.0;
        file.seek(SeekFrom::Start(HEADER))?;
        Ok((size > 0).then(|| BufReader::new(file.take(size))))
    }

    /// Takes it away.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.0.write_all_at(&[0; HEADER as usize], 0)
    }
}

impl From<Left> for OwnedFd {
    fn from(left: Left) -> Self {
        left.0.into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read, Write};
    use std::os::fd::{IntoRawFd, OwnedFd};
    use std::os::unix::fs::FileExt;

    use super::Left;

    fn put(left: &Left, bytes: &[u8]) -> io::Result<()> {
        left.put(|out| out.write_all(bytes))
    }

    fn read(left: &Left) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        left.read().unwrap()?.read_to_end(&mut bytes).unwrap();
        Some(bytes)
    }

    #[test]
    fn a_successor_finds_the_last_thing_that_was_put_there_and_nobody_more_than_the_room() {
        let left = Left::new(10).unwrap();
        let other = Left::receive(OwnedFd::from(left.share().unwrap()).into_raw_fd()).unwrap();
        assert_eq!(read(&left), None);
        put(&other, b"0123456789").unwrap();
        put(&other, b"records").unwrap();
        assert_eq!(read(&left).unwrap(), b"records");
        assert!(put(&other, b"0123456789a").is_err());
        assert_eq!(read(&left), None, "and no half of it");
        other.0.write_all_at(&11_u64.to_le_bytes(), 0).unwrap();
        assert!(left.read().is_err());
        left.clear().unwrap();
        assert_eq!(read(&other), None);
    }
}
