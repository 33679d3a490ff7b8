mod memory;
mod segment;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::{Clock, Event, JournalError, Position, UnixMicros};
use gate_seal::DeviceKey;
use serde::Serialize;
use tracing::error;

pub use self::memory::Waiting;

use self::memory::Memory;
use self::segment::{Newest, begin_segment, is_same, write_again};
use super::Options;
use crate::OpenError;
use crate::accept::{Closed, Recovered, recover};
use crate::decide::{Chain, Head, Note, StoredHead, encode_head, link};
use crate::parse::{BODY_MIN, FRAME_CAP, Kind, PREFIX_LEN};

/// Kind and sequence number before the payload.
const PAYLOAD_AT: usize = PREFIX_LEN + 9;

/// How long a chain that failed rests before the next append tries to mend it.
const BACK_OFF: Duration = Duration::from_secs(1);

/// Everything behind the writer's lock.
pub(super) struct State {
    dir: PathBuf,
    key: DeviceKey,
    clock: Arc<dyn Clock>,
    segment_bytes: u64,
    max_total_bytes: u64,
    head_records: u64,
    chain: Chain,
    newest: Newest,
    /// Oldest first.
    closed: VecDeque<Closed>,
    /// The one buffer in which every frame is built.
    frame: Box<[u8; PREFIX_LEN + FRAME_CAP]>,
    /// Records since the last head.
    since_head: u64,
    /// Since when no record is taken.
    failed: Option<Instant>,
    /// Files of a sync that failed: nobody knows what of them is on disk.
    doubtful: Vec<Arc<File>>,
    pending: Batch,
    /// Whose chain it is.
    process: String,
    memory: Memory,
}

/// What the next sync has to make last, in this order.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) files: Vec<Arc<File>>,
    /// A file was made.
    pub(super) names: bool,
    pub(super) head: Option<StoredHead>,
    /// Segments to remove once their tombstone is on disk.
    pub(super) doomed: Vec<PathBuf>,
}

/// A record as it is written: the same bytes as [`gate_core::Record`] without owning the event.
#[derive(Serialize)]
struct RecordRef<'a> {
    at: UnixMicros,
    event: &'a Event,
}

impl State {
    /// Goes on where the chain was found to end; a repair, if there was one, is signed before anything else.
    pub(super) fn open(
        dir: &Path,
        options: &Options,
        key: DeviceKey,
        clock: Arc<dyn Clock>,
        recovered: Recovered,
    ) -> Result<Self, JournalError> {
        let Recovered { chain, closed, newest, repair } = recovered;
        let mut pending = Batch::default();
        // A segment that begins a chain, or another key's part of it, begins with a head.
        let note = repair.or(newest.is_none().then_some(Note::Plain));
        let newest = Newest::resume(dir, newest, &chain, &mut pending)?;
        let mut state = Self {
            dir: dir.to_owned(),
            key,
            clock,
            segment_bytes: options.segment_bytes,
            max_total_bytes: options.max_total_bytes,
            head_records: options.head_records,
            chain,
            newest,
            closed: closed.into(),
            frame: Box::new([0; PREFIX_LEN + FRAME_CAP]),
            since_head: 0,
            failed: None,
            doubtful: Vec::new(),
            pending,
            process: options.process.clone(),
            memory: Memory::new(options.memory_bytes),
        };
        if let Some(note) = note {
            state.sign(note)?;
        }
        Ok(state)
    }

    /// Whether the chain failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Goes on after a failure as [`Self::open`] does after a crash: from what is in the files. That the chain was
    /// interrupted is signed for as a repair even when nothing had to be cut.
    pub(super) fn mend(&mut self) -> Result<(), JournalError> {
        if self.failed.is_some_and(|since| since.elapsed() < BACK_OFF) {
            return Err(JournalError::Closed);
        }
        // Whatever goes wrong below counts as failed from now.
        self.failed = Some(Instant::now());
        self.doubtful.iter().try_for_each(|file| write_again(file))?;
        let Recovered { chain, closed, newest, repair } = recover(&self.dir, &self.key.public()).map_err(lost)?;
        // Heads and removals that never came to pass: the repair's head stands for the former, pruning finds the latter.
        let mut pending = Batch { names: true, ..Batch::default() };
        self.newest = Newest::resume(&self.dir, newest, &chain, &mut pending)?;
        pending.files.append(&mut self.pending.files);
        pending.files.append(&mut self.doubtful);
        let note = repair.unwrap_or(Note::Repaired { cut_bytes: 0, resumes_at: chain.next_seq });
        (self.chain, self.closed, self.pending) = (chain, closed.into(), pending);
        self.sign(note)
    }

    /// The mended chain is on disk; it takes records again.
    pub(super) fn mended(&mut self) {
        self.failed = None;
    }

    pub(super) fn append(&mut self, event: &Event) -> Result<Position, JournalError> {
        if self.has_failed() {
            return Err(JournalError::Closed);
        }
        let record = RecordRef { at: self.clock.now(), event };
        self.append_with(|state| state.encode(&record))
    }

    /// Appends what `fill` puts where the payload belongs; it is asked again when something else came into the buffer.
    fn append_with(
        &mut self,
        fill: impl Fn(&mut Self) -> Result<usize, JournalError>,
    ) -> Result<Position, JournalError> {
        let size = fill(self)?;
        if self.newest.bytes >= self.segment_bytes && self.chain.next_seq > self.newest.name.0 {
            // The head that ends the segment is built in the same buffer.
            self.guarded(Self::rotate)?;
            fill(self)?;
        }
        let position = Position(self.chain.next_seq);
        let next_seq = position.0.checked_add(1).ok_or(JournalError::Closed)?;
        self.guarded(|state| state.write(Kind::Record, size))?;
        self.chain.next_seq = next_seq;
        self.since_head += 1;
        if self.since_head >= self.head_records {
            // The record itself is safe; the next append will say that the chain failed.
            if let Err(error) = self.head() {
                error!(dir = %self.dir.display(), %error, "no head could be signed; the journal takes no records");
            }
        }
        Ok(position)
    }

    /// Puts a record where the payload of its frame belongs; its length.
    fn encode(&mut self, record: &RecordRef<'_>) -> Result<usize, JournalError> {
        let room = &mut self.frame[PAYLOAD_AT..PREFIX_LEN + FRAME_CAP - 32];
        postcard::to_slice(record, room).map(|payload| payload.len()).map_err(|_| too_large(record))
    }

    /// Signs a head if any record came since the last one.
    pub(super) fn head(&mut self) -> Result<(), JournalError> {
        if self.has_failed() {
            return Err(JournalError::Closed);
        }
        if self.since_head == 0 { Ok(()) } else { self.sign(Note::Plain) }
    }

    /// What has to be synced since the last call.
    pub(super) fn take_pending(&mut self) -> Batch {
        std::mem::take(&mut self.pending)
    }

    /// How much waits for the sync thread besides the newest segment.
    pub(super) fn backlog(&self) -> usize {
        self.pending.files.len() + self.pending.doomed.len()
    }

    /// A sync of these files failed: no record is taken until the chain is mended.
    pub(super) fn fail(&mut self, files: Vec<Arc<File>>) {
        self.failed = Some(Instant::now());
        // Each try to mend opens the newest segment anew.
        for file in files {
            if !self.doubtful.iter().any(|known| is_same(known, &file)) {
                self.doubtful.push(file);
            }
        }
    }

    /// Runs a step whose failure leaves the chain unusable.
    fn guarded<T>(&mut self, step: impl FnOnce(&mut Self) -> io::Result<T>) -> Result<T, JournalError> {
        step(self).map_err(|error| {
            self.failed = Some(Instant::now());
            JournalError::Io(error)
        })
    }

    fn sign(&mut self, note: Note) -> Result<(), JournalError> {
        let resumes_at = match note {
            Note::Repaired { resumes_at, .. } => resumes_at,
            _ => self.chain.next_seq,
        };
        let payload = encode_head(&self.chain, &Head { at: self.clock.now(), note }, &self.key);
        let (seq, previous) = (self.chain.next_seq, self.chain.hash);
        self.frame[PAYLOAD_AT..PAYLOAD_AT + payload.len()].copy_from_slice(&payload);
        self.guarded(|state| state.write(Kind::Head, payload.len()))?;
        self.chain.next_seq = resumes_at;
        self.since_head = 0;
        let signer = self.key.public().to_bytes();
        self.pending.head = Some(StoredHead { chain: self.chain.id, seq, previous, signer, payload });
        Ok(())
    }

    /// Finishes the frame around the payload that is in the buffer already, and writes it with one call.
    fn write(&mut self, kind: Kind, payload: usize) -> io::Result<()> {
        let end = PREFIX_LEN + BODY_MIN + payload;
        self.frame[PREFIX_LEN] = kind as u8;
        self.frame[PREFIX_LEN + 1..PAYLOAD_AT].copy_from_slice(&self.chain.next_seq.to_le_bytes());
        let hash = link(&self.chain.hash, &self.frame[PREFIX_LEN..end - 32]);
        self.frame[end - 32..end].copy_from_slice(&hash);
        let sum = crc32fast::hash(&self.frame[PREFIX_LEN..end]);
        self.frame[..4].copy_from_slice(&((end - PREFIX_LEN) as u32).to_le_bytes());
        self.frame[4..PREFIX_LEN].copy_from_slice(&sum.to_le_bytes());
        let written = self.newest.file.write_all_at(&self.frame[..end], self.newest.bytes);
        if written.is_err() {
            // A full disk takes part of a frame; cut it off so that the tail is clean. Failing that, open() will.
            let _ = self.newest.file.set_len(self.newest.bytes);
        }
        written?;
        self.newest.bytes += end as u64;
        self.chain.hash = hash;
        if self.pending.files.last().is_none_or(|file| !Arc::ptr_eq(file, &self.newest.file)) {
            self.pending.files.push(Arc::clone(&self.newest.file));
        }
        Ok(())
    }

    /// Ends the newest segment with a head, begins the next one, and drops the oldest if there are too many.
    fn rotate(&mut self) -> io::Result<()> {
        self.sign(Note::Plain).map_err(io::Error::other)?;
        let next = begin_segment(&self.dir, &self.chain, &mut self.pending)?;
        let ended = std::mem::replace(&mut self.newest, next);
        self.closed.push_back(Closed { name: ended.name, previous: ended.previous, bytes: ended.bytes });
        self.prune()
    }

    /// Drops the oldest segments until the rest fits with a whole new one, and signs their tombstone.
    fn prune(&mut self) -> io::Result<()> {
        let reserve = Options::least_total(self.segment_bytes) / 2;
        let mut total: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        let mut dropped = 0;
        while let Some(closed) = self.closed.front().filter(|_| total + reserve > self.max_total_bytes) {
            total -= closed.bytes;
            self.pending.doomed.push(closed.name.path(&self.dir));
            self.closed.pop_front();
            dropped += 1;
        }
        if dropped == 0 {
            return Ok(());
        }
        let kept =
            self.closed.front().map_or((self.newest.name, self.newest.previous), |kept| (kept.name, kept.previous));
        let note = Note::Pruned { first_seq: kept.0.0, previous: kept.1 };
        self.sign(note).map_err(io::Error::other)
    }
}

/// Why a chain that was open a moment ago cannot be found again.
fn lost(error: OpenError) -> JournalError {
    match error {
        OpenError::Io { source, .. } => JournalError::Io(source),
        other => JournalError::Io(io::Error::other(other)),
    }
}

/// Only a record that did not fit is measured.
fn too_large(record: &RecordRef<'_>) -> JournalError {
    let payload = postcard::to_stdvec(record).map_or(usize::MAX - BODY_MIN, |bytes| bytes.len());
    JournalError::TooLarge { size: payload + BODY_MIN, cap: FRAME_CAP }
}
