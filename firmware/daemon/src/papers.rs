//! What a worker begins with, in the supervisor's memory: the settings, and what it reads of the data folder at its start.
//! Where the disk is gone, a worker that dies comes back all the same.
//!
//! The disk comes first: what can be read there is newer. Each worker is handed its own files and nobody else's, in a sealed
//! file in memory, which it closes before it hears the network; keys it forgets with it.

mod left;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gate_scrub::MAX_PACK_BYTES;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;
use tokio::time::timeout;

pub(crate) use self::left::Left;

use crate::cli::ProcessName;
use crate::config::{Config, Mode};
use crate::worker::{self, Stamp};
use crate::{CommandError, bounded, packs, provision};

/// How long a worker waits for its files to be looked at: a disk that hangs must not keep it from coming back.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks whether somebody else's is done.
const POLL: Duration = Duration::from_millis(2);

/// The largest file that is kept: a pack.
const LARGEST: u64 = MAX_PACK_BYTES as u64;

/// One worker's.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Papers {
    /// The text that the owner's file had when the supervisor read it.
    pub(crate) settings: String,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// The disk hangs: whoever asks it for anything waits for ever.
    pub(crate) hangs: bool,
    /// What the process before this one left, and where this one leaves its own.
    #[serde(skip)]
    left: Option<Left>,
}

impl Papers {
    /// What the supervisor handed over, which is closed: nothing that breaks in later finds it.
    pub(crate) fn receive(number: RawFd, left: RawFd) -> io::Result<Self> {
        let bytes = fs::read(path_of(number))?;
        nix::unistd::close(number)?;
        let papers: Self = postcard::from_bytes(&bytes).map_err(io::Error::other)?;
        Ok(Self { left: Some(Left::receive(left)?), ..papers })
    }

    /// Nothing but what the last one left.
    #[cfg(test)]
    pub(crate) fn with(left: Option<Left>) -> Self {
        Self { left, ..Self::default() }
    }

    /// Takes out what the last one left.
    pub(crate) fn take_left(&mut self) -> Option<Left> {
        self.left.take()
    }

    /// A file as it is, or as it was where it is out of reach.
    pub(crate) fn read(&self, file: &Path) -> io::Result<Vec<u8>> {
        if let Some(kept) = self.kept(file).filter(|_| self.hangs) {
            return Ok(kept.to_vec());
        }
        bounded::read(file, LARGEST).or_else(|error| match self.files.get(file) {
            Some(kept) if !is_absent(&error, file) => Ok(kept.clone()),
            _ => Err(error),
        })
    }

    /// The same for a text.
    pub(crate) fn read_text(&self, file: &Path) -> io::Result<String> {
        String::from_utf8(self.read(file)?).map_err(io::Error::other)
    }

    /// A file as it was.
    pub(crate) fn kept(&self, file: &Path) -> Option<&[u8]> {
        self.files.get(file).map(Vec::as_slice)
    }

    /// The path of some of the owner's roots, where there are any, for who reads them by it: on the disk, or else in memory
    /// for as long as the file lives. Without roots that are out of reach and were not kept, only what they vouch for is not
    /// trusted.
    pub(crate) fn roots(&self, file: Option<PathBuf>) -> Result<(Option<PathBuf>, Option<File>), CommandError> {
        let Some(file) = file else { return Ok((None, None)) };
        match (File::open(&file), self.kept(&file)) {
            (Ok(_), _) => Ok((Some(file), None)),
            (Err(_), Some(kept)) => {
                let sealed = sealed(kept).map_err(CommandError::internal)?;
                Ok((Some(path_of(sealed.as_raw_fd())), Some(sealed)))
            }
            (Err(error), None) => {
                tracing::error!(%error, file = %file.display(), "roots to trust are left out");
                Ok((None, None))
            }
        }
    }

    /// Drops what is needed to begin alone.
    pub(crate) fn forget_keys(&mut self, config: &Config) {
        let (keys, seal) = (config.data.join("keys"), provision::seal_key_file(config));
        self.files.retain(|file, _| !file.starts_with(&keys) && *file != seal);
    }
}

/// Where a file of this process is opened by its number.
pub(crate) fn path_of(number: RawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{number}"))
}

/// Whether a file is known not to be there: where its folder cannot be seen either, nobody knows.
pub(crate) fn is_absent(error: &io::Error, file: &Path) -> bool {
    error.kind() == io::ErrorKind::NotFound && file.parent().is_some_and(Path::exists)
}

/// The supervisor's side: every worker's files as they were last.
pub(crate) struct Kept {
    config: Config,
    settings: String,
    files: Mutex<BTreeMap<PathBuf, Known>>,
    looking: AtomicBool,
}

/// A file as it was when it had this stamp.
struct Known {
    stamp: Option<Stamp>,
    bytes: Vec<u8>,
}

impl Kept {
    pub(crate) fn new(config: &Config, settings: String) -> Arc<Self> {
        let (files, looking) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Self { config: config.clone(), settings, files, looking })
    }

    /// Looks again at all files that have changed, in a thread of its own, and waits for that a while. Whether that was done,
    /// as far as anybody knows: a look that goes on may be done in a moment, or hang.
    pub(crate) async fn look(self: &Arc<Self>) -> bool {
        if self.looking.swap(true, Ordering::AcqRel) {
            let ended = async {
                while self.looking.load(Ordering::Acquire) {
                    tokio::time::sleep(POLL).await;
                }
            };
            return timeout(PATIENCE, ended).await.is_ok();
        }
        let (kept, (done, looked)) = (self.clone(), oneshot::channel());
        let thread = std::thread::Builder::new().name("papers".to_owned()).spawn(move || {
            kept.take_in();
            kept.looking.store(false, Ordering::Release);
            let _ = done.send(());
        });
        match thread {
            Ok(_) => timeout(PATIENCE, looked).await.is_ok(),
            Err(error) => {
                self.looking.store(false, Ordering::Release);
                tracing::warn!(%error, "the workers' files are not looked at");
                true
            }
        }
    }

    fn take_in(&self) {
        for file in ProcessName::ALL.into_iter().flat_map(|name| files_of(&self.config, name)) {
            // Taken before it is read: what changes in between is read the next time.
            let stamp = worker::stamp(&file);
            if stamp.is_some() && self.files.lock().get(&file).is_some_and(|known| known.stamp == stamp) {
                continue;
            }
            match bounded::read_plain(&file, LARGEST) {
                Ok(bytes) => drop(self.files.lock().insert(file, Known { stamp, bytes })),
                Err(error) if is_absent(&error, &file) => drop(self.files.lock().remove(&file)),
                // Out of reach: it stays as it was.
                Err(_) => {}
            }
        }
    }

    /// What a worker is started with; `hangs` says that the disk does.
    pub(crate) fn papers(&self, name: ProcessName, hangs: bool) -> io::Result<File> {
        let known = self.files.lock();
        let own = files_of(&self.config, name).into_iter();
        let files = own
            .filter_map(|file| known.get(&file).map(|known| known.bytes.clone()).map(|bytes| (file, bytes)))
            .collect();
        let papers = Papers { settings: self.settings.clone(), files, hangs, left: None };
        sealed(&postcard::to_stdvec(&papers).map_err(io::Error::other)?)
    }
}

/// The files that a worker reads at its start.
fn files_of(config: &Config, name: ProcessName) -> Vec<PathBuf> {
    let mut files = vec![provision::device_key_file(&config.data)];
    match name {
        ProcessName::Dns => {
            files.extend(provision::active_roots(config));
            files.extend([provision::groups_file(&config.data), provision::keys_file(&config.data)]);
            files.extend((config.mode == Mode::Gateway).then(|| provision::destinations_file(&config.data)));
        }
        ProcessName::Steer => {}
        ProcessName::Proxy => {
            files.extend(provision::authority_files(&config.data));
            files.push(provision::seal_key_file(config));
            files.extend(provision::active_roots(config));
            files.extend(provision::active_client_roots(config));
            files.push(provision::active_policy(config).path);
            files.extend([packs::active_file(&config.data), provision::proxy_tokens_file(&config.data)]);
        }
        ProcessName::Admin => {
            files.extend(provision::authority_files(&config.data));
            files.push(provision::seal_key_file(config));
            files.extend(provision::successor_files(&config.data));
            files.extend(provision::page_files(&config.data));
            files.push(provision::active_policy(config).path);
            files.extend([packs::active_file(&config.data), provision::accounts_file(&config.data)]);
        }
    }
    files
}

/// A file in memory that nobody changes any more.
fn sealed(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"papers", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?);
    file.write_all(bytes)?;
    fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::all()))?;
    Ok(file)
}

#[cfg(test)]
mod tests;
