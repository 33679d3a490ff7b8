//! The folder of one chain: its files, who may read them, and the lock that keeps a second writer out.

mod promise;
mod recover;
mod resync;

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

pub(crate) use self::promise::hash_before;
pub(crate) use self::recover::{Closed, Recovered, Tail, recover};
pub(crate) use self::resync::next_whole;

pub(crate) const HEAD_FILE: &str = "head";
pub(crate) const HEAD_FILE_NEW: &str = "head.new";
const LOCK_FILE: &str = "lock";
/// The writer's group reads along (the admin page follows every chain), nobody else.
const FILE_MODE: u32 = 0o640;
const DIR_MODE: u32 = 0o750;

/// One segment of a chain, by the number of its first record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SegmentName(pub(crate) u64);

impl SegmentName {
    pub(crate) fn path(self, dir: &Path) -> PathBuf {
        dir.join(format!("{:020}.seg", self.0))
    }

    /// Twenty digits and `.seg`; everything else in the folder is not ours to read.
    fn parse(name: &str) -> Option<Self> {
        let digits = name.strip_suffix(".seg")?;
        let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok().map(Self)).flatten()
    }
}

/// The segments of a folder, oldest first; none if there is no folder.
pub(crate) fn list_segments(dir: &Path) -> io::Result<Vec<SegmentName>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments = Vec::new();
    for entry in entries {
        segments.extend(entry?.file_name().to_str().and_then(SegmentName::parse));
    }
    segments.sort_unstable();
    Ok(segments)
}

/// Makes the folder, or gives an existing one the mode it must have; a setgid bit, which decides the group, stays.
pub(crate) fn prepare_dir(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(DIR_MODE).create(dir)?;
    let mode = fs::metadata(dir)?.permissions().mode();
    if mode & 0o777 != DIR_MODE {
        fs::set_permissions(dir, Permissions::from_mode(mode & 0o7000 | DIR_MODE))?;
    }
    Ok(())
}

/// The lock, held until it is dropped or the process dies; `None` if another writer has it.
pub(crate) fn lock(dir: &Path) -> io::Result<Option<Flock<File>>> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(FILE_MODE).open(dir.join(LOCK_FILE))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(errno.into()),
    }
}

/// A new segment file; it is an error if it is there already.
pub(crate) fn create_segment(dir: &Path, name: SegmentName) -> io::Result<File> {
    shared(OpenOptions::new().create_new(true), &name.path(dir))
}

/// A file to write from its beginning.
pub(crate) fn create_shared(path: &Path) -> io::Result<File> {
    shared(OpenOptions::new().create(true).truncate(true), path)
}

/// Whatever the umask says, the group must be able to read.
fn shared(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.write(true).read(true).mode(FILE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

/// Makes new and removed names of the folder survive a power cut.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{SegmentName, list_segments};

    #[test]
    fn segment_names_survive_and_nothing_else_is_one() {
        for seq in [0, 7, u64::MAX] {
            let path = SegmentName(seq).path(Path::new("/j"));
            assert_eq!(SegmentName::parse(path.file_name().unwrap().to_str().unwrap()), Some(SegmentName(seq)));
        }
        for name in ["head", "lock", "1.seg", "+0000000000000000001.seg", "99999999999999999999.seg", "x.seg.damaged"] {
            assert_eq!(SegmentName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_segments() {
        assert_eq!(list_segments(Path::new("/nonexistent/journal")).unwrap(), []);
    }
}
