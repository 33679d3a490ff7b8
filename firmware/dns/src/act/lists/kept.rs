//! Lists as an earlier process has read them, on disk: the next one blocks from its first answer on.

use std::fs::{self, File, OpenOptions};
use std::hash::{Hash, Hasher};
use std::io::{self, BufReader, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use siphasher::sip::SipHasher13;

use super::Stamp;
use crate::config::List;
use crate::decide::Table;

/// What such a file begins with, and the version of all that follows.
const MAGIC: &[u8; 8] = b"NGLIST02";
/// The magic, and of which content of its file the table was made: seconds, nanoseconds, length.
const HEAD: usize = 8 + 8 + 4 + 8;
/// The ends of such files' names.
const KEPT: &str = "table";
/// The same of those that are being written.
const NEW: &str = "table-new";

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
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let (mut from, mut head) = (BufReader::new(from), [0; HEAD]);
    if length < HEAD as u64 {
        return Err(invalid(if length == 0 { "it is empty" } else { "it is cut short" }));
    }
    from.read_exact(&mut head)?;
    if head[..8] != *MAGIC {
        return Err(invalid("it is of another version"));
    }
    let table = Table::load(&head, from, length, room)?;
    let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
    let nanos = u32::from_le_bytes(head[16..20].try_into().expect("four bytes"));
    let since = Duration::from_secs(long(8)).checked_add(Duration::from_nanos(nanos.into()));
    let modified = since.and_then(|since| UNIX_EPOCH.checked_add(since)).ok_or_else(|| invalid("it is damaged"))?;
    Ok(Some(((modified, long(20)), table)))
}

/// Keeps the names of a list: whoever reads them finds those of before or these, also after a power cut.
pub(super) fn save(file: &Path, (modified, length): Stamp, table: &Table) -> io::Result<()> {
    let since = modified.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let new = file.with_extension(NEW);
    // Who knows the key could make up names that are taken for listed ones.
    let out = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    let mut out = BufWriter::new(out);
    let mut head = Vec::with_capacity(HEAD);
    head.extend(MAGIC);
    head.extend(since.as_secs().to_le_bytes());
    head.extend(since.subsec_nanos().to_le_bytes());
    head.extend(length.to_le_bytes());
    table.save(&head, &mut out)?;
    out.into_inner().map_err(io::Error::other)?.sync_all()?;
    fs::rename(&new, file)?;
    File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// Takes away what is kept of lists that nobody is answered by any more, half written by a power cut or whole. A half of another
/// one goes when that list is read, which it then has to be.
pub(super) fn forget_others(folder: &Path, lists: &[List]) {
    let wanted: Vec<_> = lists.iter().map(|list| file(folder, list)).collect();
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let ours = path.extension().is_some_and(|end| end == KEPT || end == NEW);
        if ours && !wanted.contains(&path.with_extension(KEPT)) {
            // It costs room on the disk and nothing else.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::{Duration, UNIX_EPOCH};

    use super::{HEAD, NEW, file, forget_others, load, save};
    use crate::config::List;
    use crate::decide::{Key, Table};

    fn table() -> Table {
        Table::read(Key::random(), 16, 10, |each| {
            each("ads.example");
            Ok(())
        })
        .unwrap()
    }

    #[test]
    fn a_damaged_head_is_none_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.table");
        let stamp = (UNIX_EPOCH + Duration::new(1_800_000_000, 7), 16);
        save(&file, stamp, &table()).unwrap();
        let (of, kept) = load(&file, 10).unwrap().unwrap();
        assert_eq!((of, kept.len()), (stamp, 1));
        let good = std::fs::read(&file).unwrap();
        let why = |bytes: &[u8]| {
            std::fs::write(&file, bytes).unwrap();
            load(&file, 10).unwrap_err().to_string()
        };
        assert_eq!(why(b""), "it is empty");
        assert_eq!(why(&good[..HEAD - 1]), "it is cut short");
        assert_eq!(why(&good[..HEAD]), "it is damaged, or of another version");
        assert_eq!(why(&[b"NGLIST01", &good[8..]].concat()), "it is of another version");
        for at in 8..HEAD {
            let mut other = good.clone();
            other[at] = !other[at];
            assert_eq!(why(&other), "it is damaged, or of another version", "byte {at}");
        }
        // Seconds and nanoseconds that no clock has: whoever writes files here can also sum them up.
        let mut other = good[..HEAD].to_vec();
        other[8..20].fill(0xff);
        let mut whole = Vec::new();
        table().save(&other, &mut whole).unwrap();
        assert_eq!(why(&whole), "it is damaged");
    }

    #[test]
    fn what_nobody_is_answered_by_goes_also_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let list = List::File("/etc/ads".into());
        let (wanted, other) = (file(folder.path(), &list), folder.path().join("0123.table"));
        let halves = [wanted.with_extension(NEW), other.with_extension(NEW)];
        for file in [&wanted, &other, &halves[0], &halves[1], &folder.path().join("note.txt")] {
            std::fs::write(file, "x").unwrap();
        }
        forget_others(folder.path(), std::slice::from_ref(&list));
        let left = |file: &Path| file.exists();
        assert!(left(&wanted) && left(&halves[0]) && left(&folder.path().join("note.txt")));
        assert!(!left(&other) && !left(&halves[1]));
        save(&wanted, (UNIX_EPOCH, 16), &table()).unwrap();
        assert!(left(&wanted) && !left(&halves[0]), "it is written anew");
    }
}
