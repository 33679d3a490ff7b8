//! A journal that may not be there yet: a card that was pulled out or is full keeps no process from starting.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gate_audit::{ChainWriter, OpenError, Options, Waiting};
use gate_core::{Clock, Event, Journal, JournalError, Position, SystemClock};
use gate_seal::DeviceKey;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::cli::ProcessName;
use crate::config::Config;
use crate::papers::{Left, Papers};
use crate::{CommandError, provision, worker};

/// Between two tries to open or to mend it, and between two looks whether the data folder is there again.
const AGAIN: Duration = Duration::from_secs(2);

/// Opens its chain at the start, or later by itself. What is appended before waits in memory if the owner allows that, and is
/// refused if not.
pub(super) struct LateJournal {
    open: Box<dyn Fn() -> Result<ChainWriter, OpenError> + Send + Sync>,
    chain: OnceLock<ChainWriter>,
    /// As long as there is no chain.
    waiting: Mutex<Option<Waiting>>,
    /// What another process left, until it is written, and where this one leaves what was not.
    left: Option<Left>,
    /// The last record was not taken, or none could be.
    failing: AtomicBool,
}

impl LateJournal {
    /// The chain of a worker, with a key that was read while it still could. Only for the resolver's sake anything goes:
    /// what is wrong with another's journal but the disk keeps it from working, and a slot on trial from passing for a good
    /// one.
    pub(super) fn begin(
        config: &Config,
        name: ProcessName,
        key: Result<DeviceKey, CommandError>,
        papers: &mut Papers,
    ) -> Result<Self, CommandError> {
        let left = papers.take_left();
        let options = config.journal.options(name.as_str());
        let waiting = left.as_ref().and_then(|left| inherited(left, &options)).or_else(|| Waiting::new(&options));
        let failing = AtomicBool::new(waiting.is_none());
        let own = config.clone();
        let open = move || {
            let dir = || provision::chain_dir(&own.data, name.as_str());
            let unread = |error: &CommandError| io::Error::other(error.to_string());
            let key = key.as_ref().map_err(|error| OpenError::Io { path: dir(), source: unread(error) })?;
            worker::open_chain(&own, name.as_str(), key.clone())
        };
        let opened = if papers.hangs { Err(hangs(config, name)) } else { open() };
        let chain = match opened {
            Ok(chain) => OnceLock::from(chain),
            Err(error) if name == ProcessName::Dns || is_of_the_disk(&error) || !is_there(config, name) => {
                let then = if waiting.is_some() { "records wait in memory" } else { "records are refused" };
                tracing::error!(%error, "there is no journal for now; {then}");
                OnceLock::new()
            }
            Err(error) => return Err(worker::no_journal(name.as_str(), &error)),
        };
        failing.fetch_and(chain.get().is_none(), Ordering::Relaxed);
        let journal = Self { open: Box::new(open), chain, waiting: Mutex::new(waiting), left, failing };
        if let Some(chain) = journal.chain.get() {
            journal.recall(chain, &mut journal.waiting.lock());
        }
        Ok(journal)
    }

    /// Keeps a record for when there is a chain.
    fn append_early(&self, event: &Event) -> Result<Position, JournalError> {
        let mut waiting = self.waiting.lock();
        match (self.chain.get(), &mut *waiting) {
            (Some(chain), _) => chain.append(event),
            (None, Some(waiting)) => waiting.append(event, SystemClock.now()),
            (None, None) => Err(JournalError::Closed),
        }
    }

    /// Opens the chain that is not there, or mends the one that takes no records: nobody may come who has one to keep. Waits
    /// for the disk.
    fn try_again(&self) {
        let Some(chain) = self.chain.get() else { return self.open_late() };
        match chain.mend() {
            Ok(()) => self.failing.store(false, Ordering::Relaxed),
            Err(error) => {
                self.failing.store(!chain.takes_records(), Ordering::Relaxed);
                tracing::debug!(%error, "the journal still takes no records");
            }
        }
    }

    fn open_late(&self) {
        match (self.open)() {
            Ok(chain) => {
                tracing::info!("the journal is open; records are kept from now on");
                // Held until the chain is there for everybody: no record overtakes.
                let mut waiting = self.waiting.lock();
                self.recall(&chain, &mut waiting);
                drop(self.chain.set(chain));
                self.failing.store(false, Ordering::Relaxed);
            }
            Err(error) => tracing::debug!(%error, "the journal still cannot be opened"),
        }
    }

    /// Writes what waited, which is then nobody's to inherit.
    fn recall(&self, chain: &ChainWriter, waiting: &mut Option<Waiting>) {
        if let Some(Err(error)) = waiting.take().map(|waiting| chain.recall(waiting)) {
            tracing::error!(%error, "what waited in memory goes on waiting");
        }
        if let Some(Err(error)) = self.left.as_ref().map(Left::clear) {
            tracing::error!(%error, "what an earlier process left would be written again");
        }
    }

    /// Whether the disk has all that was appended, and takes more.
    fn is_well(&self) -> bool {
        self.is_open() && self.chain.get().is_some_and(ChainWriter::takes_records)
    }

    /// Ends with a signed head, where there is a chain; without one what waited is left to the next process.
    pub(super) fn close(self) -> Result<(), JournalError> {
        if let Some(chain) = self.chain.into_inner() {
            return chain.close();
        }
        let Some(waiting) = self.waiting.into_inner().filter(|waiting| waiting.count() > 0) else { return Ok(()) };
        let records = waiting.count();
        match self.left.as_ref().map(|left| left.put(|out| waiting.write_to(out))) {
            Some(Ok(())) => tracing::warn!(records, "what waited in memory for the disk is left to the next process"),
            other => tracing::error!(records, ?other, "records that waited in memory for the disk are lost"),
        }
        Ok(())
    }
}

impl Journal for LateJournal {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        let taken = match self.chain.get() {
            Some(chain) => chain.append(event),
            None => self.append_early(event),
        };
        self.failing.store(taken.is_err(), Ordering::Relaxed);
        taken
    }

    fn is_open(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
    }
}

/// Whether a worker began without its data folder.
pub(super) struct Without(bool);

impl Without {
    /// Looks at the start, before the fence is raised: what comes in between is taken for late, which costs a start more.
    pub(super) fn look(config: &Config, name: ProcessName, papers: &Papers) -> Self {
        Self(!papers.hangs && !is_there(config, name))
    }

    /// Follows what becomes of the disk, until `stop`. A journal that takes no records is tried again. What was not there when
    /// a worker began lies beyond its fence for good: once it is, a successor has all of it.
    pub(super) async fn follow(
        &self,
        config: &Config,
        name: ProcessName,
        journal: &Arc<LateJournal>,
        stop: &CancellationToken,
    ) {
        while stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await.is_some() {
            if !self.0 && journal.is_well() {
                continue;
            }
            let (without, journal, config) = (self.0, journal.clone(), config.clone());
            // In a thread of its own: a disk that hangs keeps nobody waiting.
            let looked = tokio::task::spawn_blocking(move || {
                if !without {
                    journal.try_again();
                }
                without && is_there(&config, name)
            });
            if let Some(Ok(true)) = stop.run_until_cancelled(looked).await {
                tracing::info!("the data folder is there again; ending, so that another process begins with it");
                stop.cancel();
            }
        }
    }
}

/// What stands for the answer of a disk that gives none.
fn hangs(config: &Config, name: ProcessName) -> OpenError {
    OpenError::Io { path: provision::chain_dir(&config.data, name.as_str()), source: io::ErrorKind::TimedOut.into() }
}

/// What the process before this one left, if it left anything that is one.
fn inherited(left: &Left, options: &Options) -> Option<Waiting> {
    let waiting = Waiting::read_from(options, left.read().ok().flatten()?);
    match &waiting {
        Some(waiting) => tracing::info!(records = waiting.count(), "the records that the last process left"),
        None => tracing::error!("the records that the last process left are lost: they make no sense"),
    }
    waiting
}

/// Whether it is the disk that keeps a chain from being opened.
fn is_of_the_disk(error: &OpenError) -> bool {
    match error {
        OpenError::Io { source, .. } => source.kind() != io::ErrorKind::PermissionDenied,
        OpenError::Continue { .. } => true,
        OpenError::Options { .. }
        | OpenError::Locked { .. }
        | OpenError::Entropy { .. }
        | OpenError::Version { .. } => false,
    }
}

/// Whether the folder of a worker's chain can be seen.
fn is_there(config: &Config, name: ProcessName) -> bool {
    provision::chain_dir(&config.data, name.as_str()).exists()
}

#[cfg(test)]
mod tests;
