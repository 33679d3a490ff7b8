use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// A state file holds a hash and at most 64 tokens; anything larger is not ours.
const MAX_BYTES: u64 = 256 << 10;

/// Who may read a file: its owner alone, or everybody.
pub(super) const OWNER: u32 = 0o600;
pub(super) const ALL: u32 = 0o644;

/// Why the state file cannot be used.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("{path}: cannot {verb}: {source}")]
    Io { path: PathBuf, verb: &'static str, source: io::Error },
    #[error("{path}: {source}")]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("{path}: {size} bytes is more than a state file ever has")]
    TooLarge { path: PathBuf, size: u64 },
}

/// Tells one version of the file from another: every save makes a new inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    changed: (i64, i64),
}

impl Stamp {
    /// No file has it.
    pub(super) const NEVER: Self = Self { inode: 0, changed: (i64::MIN, 0) };

    /// None for a file that is not there. Where its folder cannot be seen either, nobody knows.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, FileError> {
        match fs::metadata(path) {
            Ok(meta) => Ok(Some(Self { inode: meta.ino(), changed: (meta.ctime(), meta.ctime_nsec()) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound && path.parent().is_some_and(Path::exists) => {
                Ok(None)
            }
            Err(source) => Err(FileError::Io { path: path.to_owned(), verb: "look at", source }),
        }
    }
}

/// Reads the file; absent is the empty state. The stamp is taken first: a change in between is seen the next time.
pub(super) fn load<T: DeserializeOwned + Default>(path: &Path) -> Result<(Option<Stamp>, T), FileError> {
    let Some(stamp) = Stamp::of(path)? else { return Ok((None, T::default())) };
    let io = |verb| move |source| FileError::Io { path: path.to_owned(), verb, source };
    let size = fs::metadata(path).map_err(io("look at"))?.len();
    if size > MAX_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned(), size });
    }
    let bytes = fs::read(path).map_err(io("read"))?;
    Ok((Some(stamp), parse(path, &bytes)?))
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, FileError> {
    serde_json::from_slice(bytes).map_err(|source| FileError::Json { path: path.to_owned(), source })
}

/// Holds off every other writer until the answer is dropped.
pub(super) fn lock(path: &Path) -> Result<File, FileError> {
    let path = path.with_extension("lock");
    let io = |verb| {
        let path = path.clone();
        move |source| FileError::Io { path, verb, source }
    };
    let file = match create(&path, OWNER) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => OpenOptions::new().write(true).open(&path),
        made => made,
    };
    let file = file.map_err(io("open"))?;
    file.lock().map_err(io("lock"))?;
    Ok(file)
}

/// Writes the whole file beside its place, then moves it there: a power cut leaves the old one or the new one.
pub(super) fn save(path: &Path, state: &impl Serialize, mode: u32) -> Result<(), FileError> {
    let beside = path.with_extension("new");
    let io = |verb| move |source| FileError::Io { path: path.to_owned(), verb, source };
    let bytes = serde_json::to_vec_pretty(state).expect("strings and numbers always serialise");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io("clear the way for")(error)),
        _ => {}
    }
    let mut file = create(&beside, mode).map_err(io("create"))?;
    file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(io("write"))?;
    fs::rename(&beside, path).map_err(io("replace"))?;
    folder_of(path).and_then(|folder| folder.sync_all()).map_err(io("settle"))
}

/// A new file, readable by no more than `mode` says from its first instant. Only ever a new one: root runs this in a folder of
/// the daemon's user, who must not be able to lay a link there and have its target written or given away.
fn create(path: &Path, mode: u32) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    let (folder, ours) = (folder_of(path)?.metadata()?, file.metadata()?);
    if folder.uid() != ours.uid() {
        // The folder's owner is the user that the daemon reads it as.
        fchown(&file, Some(folder.uid()), Some(folder.gid()))?;
    }
    Ok(file)
}

fn folder_of(path: &Path) -> io::Result<File> {
    File::open(path.parent().unwrap_or(Path::new(".")))
}
