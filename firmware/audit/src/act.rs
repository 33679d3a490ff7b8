//! Writing: one buffer, one write per record, and a thread that makes it last.

mod options;
mod state;
mod sync;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use gate_core::{Clock, Event, Journal, JournalError, Position};
use gate_seal::DeviceKey;
use nix::fcntl::Flock;
use thiserror::Error;

pub use self::options::{JournalConfig, Options};
pub use self::state::Waiting;

use self::state::State;
use self::sync::Shared;
use crate::accept::{lock, prepare_dir, recover};

/// Why a chain could not be opened for writing.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("{key}: {why}")]
    Options { key: &'static str, why: String },
    #[error("{path}: another process writes this journal")]
    Locked { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: the system gave no random bytes: {source}")]
    Entropy { path: PathBuf, source: getrandom::Error },
    #[error("{path}: written by a newer program (format version {version})")]
    Version { path: PathBuf, version: u16 },
    #[error("{path}: the journal could not be continued: {source}")]
    Continue { path: PathBuf, source: JournalError },
}

/// The one writer of a chain. Dropping it signs a last head and waits until everything is on disk.
pub struct ChainWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Kept for its lock; the file itself is empty.
    _lock: Flock<File>,
}

impl ChainWriter {
    /// Opens a chain, or begins one, in a folder of its own. What a crash left behind is repaired, and a repair is
    /// signed for in the chain before the first new record.
    pub fn open(dir: &Path, options: Options, key: DeviceKey, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        options.check()?;
        let io = |source| OpenError::Io { path: dir.to_owned(), source };
        prepare_dir(dir).map_err(io)?;
        let lock = lock(dir).map_err(io)?.ok_or_else(|| OpenError::Locked { path: dir.to_owned() })?;
        let recovered = recover(dir, &key.public())?;
        let opened = State::open(dir, &options, key, clock, recovered);
        let opened = opened.map(|state| Arc::new(Shared::new(dir, &options, state)));
        // A chain's first head and every repair are on disk before a record relies on them.
        let opened = opened.and_then(|shared| shared.sync().map(|()| shared));
        let shared = opened.map_err(|source| OpenError::Continue { path: dir.to_owned(), source })?;
        let thread = sync::spawn(Arc::clone(&shared), &options.process).map_err(io)?;
        Ok(Self { shared, thread: Some(thread), _lock: lock })
    }

    /// Signs a head over everything so far and waits until it is on disk.
    pub fn flush(&self) -> Result<(), JournalError> {
        self.shared.flush()
    }

    /// Whether it takes records, as far as that is known without waiting for the disk.
    pub fn takes_records(&self) -> bool {
        self.shared.takes_records()
    }

    /// Takes a chain that failed up again, if the disk lets it; one that did not fail is left as it is.
    pub fn mend(&self) -> Result<(), JournalError> {
        self.shared.mend()
    }

    /// Writes what waited in memory for this chain to be opened, and that it waited. What the disk does not take goes on waiting.
    pub fn recall(&self, waiting: Waiting) -> Result<(), JournalError> {
        self.shared.recall(waiting)
    }

    /// Ends the chain for now and says whether everything reached the disk.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), JournalError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.shared.stop();
        if thread.join().is_err() {
            tracing::error!("the journal's sync thread panicked");
        }
        let lost = self.shared.give_up();
        if lost > 0 {
            tracing::error!(lost, "records that waited in memory for the disk are lost");
        }
        self.shared.flush()
    }
}

impl Journal for ChainWriter {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        self.shared.append(event)
    }
}

impl Drop for ChainWriter {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the journal could not be ended cleanly");
        }
    }
}

#[cfg(test)]
mod tests;
