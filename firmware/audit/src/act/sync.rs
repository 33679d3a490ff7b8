use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use gate_core::{Clock, Event, JournalError, Position, SystemClock};
use parking_lot::{Condvar, Mutex};
use tracing::{debug, error, warn};

use super::Options;
use super::state::{Batch, State, Waiting};
use crate::accept::sync_dir;

/// Files and removals that may wait for the sync thread before an append does its work itself: what keeps a disk that
/// is slower than the traffic from piling up closed segments.
const BACKLOG_CAP: usize = 8;

/// What the writer and its thread share. `syncing` is taken before `state`, never after.
pub(super) struct Shared {
    dir: PathBuf,
    sync_interval: Duration,
    head_interval: Duration,
    state: Mutex<(State, bool)>,
    /// Wakes the thread when it has to stop.
    wake: Condvar,
    /// Held while a batch is made to last, so that batches last in the order in which they were taken.
    syncing: Mutex<()>,
}

impl Shared {
    pub(super) fn new(dir: &Path, options: &Options, state: State) -> Self {
        Self {
            dir: dir.to_owned(),
            sync_interval: options.sync_interval,
            head_interval: options.head_interval,
            state: Mutex::new((state, false)),
            wake: Condvar::new(),
            syncing: Mutex::new(()),
        }
    }

    pub(super) fn append(&self, event: &Event) -> Result<Position, JournalError> {
        let (position, backlog) = match self.append_to_disk(event) {
            Ok(appended) => appended,
            Err(failure @ (JournalError::Io(_) | JournalError::Closed)) => {
                return self.state.lock().0.remember(event, failure);
            }
            Err(other) => return Err(other),
        };
        if backlog > BACKLOG_CAP {
            // Where records may wait in memory, one that is written already must not fail.
            self.sync().or_else(|error| if self.state.lock().0.may_remember() { Ok(()) } else { Err(error) })?;
        }
        Ok(position)
    }

    fn append_to_disk(&self, event: &Event) -> Result<(Position, usize), JournalError> {
        if self.state.lock().0.has_failed() {
            self.mend()?;
        }
        let state = &mut self.state.lock().0;
        Ok((state.append(event)?, state.backlog()))
    }

    /// Takes a failed chain up again, once it has rested. Everybody waits meanwhile: the repair is on disk before a
    /// record relies on it.
    pub(super) fn mend(&self) -> Result<(), JournalError> {
        let _order = self.syncing.lock();
        let state = &mut self.state.lock().0;
        if !state.has_failed() {
            return Ok(());
        }
        state.mend()?;
        let batch = state.take_pending();
        let files = batch.files.clone();
        if let Err(error) = run(&self.dir, batch) {
            state.fail(files);
            return Err(JournalError::Io(error));
        }
        state.mended();
        warn!(dir = %self.dir.display(), "the journal takes records again; the interruption is signed for");
        state.recall()
    }

    /// While somebody holds the state it is being written to.
    pub(super) fn takes_records(&self) -> bool {
        self.state.try_lock().is_none_or(|state| state.0.takes_records())
    }

    pub(super) fn recall(&self, waiting: Waiting) -> Result<(), JournalError> {
        self.state.lock().0.recall_from(waiting)
    }

    /// Brings to disk what waits for it, if that is possible now.
    pub(super) fn retry(&self) {
        let waits = |shared: &Self| shared.state.lock().0.remembered();
        if waits(self) > 0
            && let Err(error) = self.mend()
        {
            debug!(dir = %self.dir.display(), %error, records = waits(self), "they go on waiting");
        }
    }

    /// The last try; how many records are lost with the process.
    pub(super) fn give_up(&self) -> usize {
        self.retry();
        self.state.lock().0.remembered()
    }

    pub(super) fn flush(&self) -> Result<(), JournalError> {
        self.state.lock().0.head()?;
        self.sync()
    }

    pub(super) fn stop(&self) {
        self.state.lock().1 = true;
        self.wake.notify_all();
    }

    /// Takes what is pending and makes it last. A disk that cannot promise stops the chain: after a failed fdatasync
    /// nobody knows what is on it. Until it is mended nothing is synced, so no head promises what may be missing.
    pub(super) fn sync(&self) -> Result<(), JournalError> {
        let _order = self.syncing.lock();
        let batch = {
            let state = &mut self.state.lock().0;
            if state.has_failed() {
                return Err(JournalError::Closed);
            }
            state.take_pending()
        };
        let files = batch.files.clone();
        run(&self.dir, batch).map_err(|error| {
            self.state.lock().0.fail(files);
            JournalError::Io(error)
        })
    }

    /// Waits for the next sync; whether to stop.
    fn wait(&self) -> bool {
        let until = Instant::now() + until_next(self.sync_interval);
        let mut state = self.state.lock();
        while !state.1 && !self.wake.wait_until(&mut state, until).timed_out() {}
        state.1
    }
}

/// How long it is to the next multiple of the interval. All processes of a device sync in step by the clock on the wall:
/// what one of them makes the file system write down then holds the others' records too, and flash is worn once.
fn until_next(interval: Duration) -> Duration {
    let micros = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX).max(1);
    Duration::from_micros(micros - SystemClock.now().0 % micros)
}

/// Starts the thread that syncs every interval and signs heads in time.
pub(super) fn spawn(shared: Arc<Shared>, process: &str) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(format!("{process}-sync")).spawn(move || {
        let mut head_at = Instant::now();
        while !shared.wait() {
            let mut done = Ok(());
            if head_at.elapsed() >= shared.head_interval {
                head_at = Instant::now();
                done = shared.state.lock().0.head();
            }
            match done.and_then(|()| shared.sync()) {
                Ok(()) => {}
                // Said when it failed; the next append mends it, unless records wait already.
                Err(JournalError::Closed) => shared.retry(),
                Err(error) => error!(dir = %shared.dir.display(), %error, "the journal takes no records"),
            }
        }
    })
}

/// Data first, then names, then the head that promises both, then the removals that the head's chain accounts for.
fn run(dir: &Path, batch: Batch) -> io::Result<()> {
    for file in &batch.files {
        file.sync_data()?;
    }
    if batch.names {
        sync_dir(dir)?;
    }
    if let Some(head) = batch.head {
        head.write(dir)?;
    }
    for path in &batch.doomed {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
