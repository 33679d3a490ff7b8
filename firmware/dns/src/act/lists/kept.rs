//! Lists as an earlier process has read them, on disk: the next one blocks from its first answer on.

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use siphasher::sip::SipHasher13;

use super::Stamp;
use crate::config::List;
use crate::decide::Table;

/// What such a file begins with, and the version of all that follows.
const MAGIC: &[u8; 8] = b"NGLIST01";
/// The magic, and of which content of its file the table was made: seconds, nanoseconds, length.
const HEAD: usize = 8 + 8 + 4 + 8;
/// The ends of such files' names.
const KEPT: &str = "table";

/// Where the names of a list are kept.
pub(super) fn file(folder: &Path, list: &List) -> PathBuf {
    let mut hasher = SipHasher13::new();
    list.to_string().hash(&mut hasher);
    folder.join(format!("{:016x}.{KEPT}", hasher.finish()))
}

/// What is kept there, if anything is: of which content of its file, and the names, at most `room`.
pub(super) fn load(file: &Path, room: usize) -> io::Result<Option<(Stamp, Table)>> {
    let from = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let length = from.metadata()?.len();
    let (mut from, mut head) = (BufReader::new(from), [0; HEAD]);
    from.read_exact(&mut head)?;
    if head[..8] != *MAGIC {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is of another version"));
    }
    let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let nanos = u32::from_le_bytes(head[16..20].try_into().expect("four bytes"));
    let modified = UNIX_EPOCH.checked_add(Duration::from_secs(long(8)) + Duration::from_nanos(nanos.into()));
    let modified = modified.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it is damaged"))?;
    Ok(Some(((modified, long(20)), Table::load(from, length - HEAD as u64, room)?)))
}

/// Keeps the names of a list: whoever reads them finds those of before or these, also after a power cut.
pub(super) fn save(file: &Path, (modified, length): Stamp, table: &Table) -> io::Result<()> {
    let since = modified.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let new = file.with_extension("table-new");
    // Who knows the key could make up names that are taken for listed ones.
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let mut out = BufWriter::new(out);
    out.write_all(MAGIC)?;
    out.write_all(&since.as_secs().to_le_bytes())?;
    out.write_all(&since.subsec_nanos().to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    table.save(&mut out)?;
    out.into_inner().map_err(io::Error::other)?.sync_all()?;
    fs::rename(&new, file)?;
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Takes away what is kept of lists that nobody is answered by any more.
pub(super) fn forget_others(folder: &Path, lists: &[List]) {
    let wanted: Vec<_> = lists.iter().map(|list| file(folder, list)).collect();
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|end| end == KEPT) && !wanted.contains(&path) {
            // It costs room on the disk and nothing else.
            let _ = fs::remove_file(path);
        }
    }
}
