//! Where records wait while the disk takes none, if the owner allows that at all: up to a bound, and only until the process
//! ends. Once the disk takes them again they follow in their order, each with its own time, and a record says so.

use std::collections::VecDeque;
use std::io;

use gate_core::{AdminEvent, Event, JournalError, Position, Record, UnixMicros};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use super::{FRAME_CAP, Options, PAYLOAD_AT, PREFIX_LEN, RecordRef, State, too_large};

/// What fits into a frame.
const MOST_PAYLOAD: usize = PREFIX_LEN + FRAME_CAP - 32 - PAYLOAD_AT;

/// What keeping one record costs beside its bytes.
const OVERHEAD: usize = 32;

/// Records in the form in which they will be written, oldest first.
#[derive(Debug)]
pub(super) struct Memory {
    cap: usize,
    bytes: usize,
    waiting: VecDeque<Box<[u8]>>,
    tale: Tale,
}

/// What is told once it is over.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tale {
    since: Option<UnixMicros>,
    kept: u64,
    refused: u64,
}

impl Memory {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, bytes: 0, waiting: VecDeque::new(), tale: Tale::default() }
    }

    fn keep(&mut self, payload: &[u8], now: UnixMicros) -> bool {
        let cost = payload.len() + OVERHEAD;
        if self.bytes + cost > self.cap {
            self.tale.refused += 1;
            return false;
        }
        self.tale.since.get_or_insert(now);
        self.tale.kept += 1;
        self.bytes += cost;
        self.waiting.push_back(payload.into());
        true
    }

    fn drop_oldest(&mut self) {
        if let Some(payload) = self.waiting.pop_front() {
            self.bytes -= payload.len() + OVERHEAD;
        }
    }

    /// The record that says what happened, once everything that waited is in the chain.
    fn account(&self, process: &str) -> Option<Event> {
        let Tale { since, kept, refused } = &self.tale;
        let since = since.as_ref()?.0 / 1_000_000;
        let mut detail = format!("{kept} records waited in memory from second {since} on: the disk took none");
        if *refused > 0 {
            detail += &format!("; {refused} more did not fit and were refused");
        }
        Some(Event::Admin(AdminEvent {
            client: None,
            actor: Some(process.to_owned()),
            command: "journal_in_memory".to_owned(),
            ok: *refused == 0,
            detail: Some(detail),
        }))
    }
}

/// Records of a chain that cannot be opened yet, if the owner allows that they wait in memory.
#[derive(Debug)]
pub struct Waiting(Memory);

impl Waiting {
    /// Room for what the options allow; none if that is nothing.
    pub fn new(options: &Options) -> Option<Self> {
        (options.memory_bytes > 0).then(|| Self(Memory::new(options.memory_bytes)))
    }

    /// Keeps a record of this time, until [`ChainWriter::recall`](crate::ChainWriter::recall).
    pub fn append(&mut self, event: &Event, now: UnixMicros) -> Result<Position, JournalError> {
        let record = RecordRef { at: now, event };
        let payload = postcard::to_stdvec(&record).map_err(|_| too_large(&record))?;
        if payload.len() > MOST_PAYLOAD {
            return Err(too_large(&record));
        }
        if !self.0.keep(&payload, now) {
            return Err(JournalError::Closed);
        }
        Ok(Position(self.0.waiting.len() as u64))
    }

    /// How many bytes [`Self::write_to`] writes at most, with these options.
    pub fn most_bytes(options: &Options) -> usize {
        // What a record costs beside its bytes is more than their length takes.
        if options.memory_bytes == 0 { 0 } else { options.memory_bytes.saturating_add(2 * OVERHEAD) }
    }

    /// For a process that takes over. Byte by byte, into what should have a buffer: there may be no room for all of it twice.
    pub fn write_to(&self, out: impl io::Write) -> io::Result<()> {
        postcard::to_io(&(&self.0.tale, &self.0.waiting), out).map(drop).map_err(io::Error::other)
    }

    /// What another process's [`Self::write_to`] wrote. `None` for what it cannot have written: more than there is room for,
    /// or something that is no record.
    pub fn read_from(options: &Options, from: impl io::Read) -> Option<Self> {
        let ((tale, waiting), _): ((Tale, VecDeque<Box<[u8]>>), _) = postcard::from_io((from, &mut [])).ok()?;
        let bytes = waiting.iter().map(|payload| payload.len() + OVERHEAD).sum();
        let sound = |payload: &[u8]| payload.len() <= MOST_PAYLOAD && postcard::from_bytes::<Record>(payload).is_ok();
        let cap = options.memory_bytes;
        (bytes <= cap && waiting.iter().all(|payload| sound(payload))).then_some(Self(Memory {
            cap,
            bytes,
            waiting,
            tale,
        }))
    }

    /// How many records wait.
    pub fn count(&self) -> usize {
        self.0.waiting.len()
    }
}

impl State {
    /// Takes over what waited for the chain to be opened, and writes it.
    pub(in crate::act) fn recall_from(&mut self, waiting: Waiting) -> Result<(), JournalError> {
        self.memory = waiting.0;
        self.recall()
    }

    /// Whether records may wait in memory.
    pub(in crate::act) fn may_remember(&self) -> bool {
        self.memory.cap > 0
    }

    /// Whether the next record is taken: by the disk, or by what room there is in memory.
    pub(in crate::act) fn takes_records(&self) -> bool {
        !self.has_failed() || self.memory.bytes + PREFIX_LEN + FRAME_CAP <= self.memory.cap
    }

    /// How many records only this process knows.
    pub(in crate::act) fn remembered(&self) -> usize {
        self.memory.waiting.len()
    }

    /// Keeps a record that the disk did not take; `failure` is returned where that is not allowed, or there is no room.
    pub(in crate::act) fn remember(&mut self, event: &Event, failure: JournalError) -> Result<Position, JournalError> {
        if !self.may_remember() {
            return Err(failure);
        }
        // Somebody else may have mended the chain meanwhile.
        if !self.has_failed() {
            return self.append(event);
        }
        let now = self.clock.now();
        let size = self.encode(&RecordRef { at: now, event })?;
        let first = self.memory.tale.since.is_none();
        let position = Position(self.chain.next_seq + self.memory.waiting.len() as u64);
        if !self.memory.keep(&self.frame[PAYLOAD_AT..PAYLOAD_AT + size], now) {
            return Err(failure);
        }
        if first {
            error!(dir = %self.dir.display(), error = %failure, "the disk takes no records; they wait in memory");
        }
        Ok(position)
    }

    /// Writes what waited into the chain that has just been mended or opened, and then that it waited.
    pub(in crate::act) fn recall(&mut self) -> Result<(), JournalError> {
        while let Some(payload) = self.memory.waiting.pop_front() {
            let written = self.append_with(|state| {
                let room = PAYLOAD_AT..PAYLOAD_AT + payload.len();
                state.frame[room].copy_from_slice(&payload);
                Ok(payload.len())
            });
            self.memory.waiting.push_front(payload);
            written?;
            self.memory.drop_oldest();
        }
        let Some(event) = self.memory.account(&self.process) else { return Ok(()) };
        self.append(&event)?;
        warn!(dir = %self.dir.display(), records = self.memory.tale.kept, "what waited in memory is in the journal");
        self.memory.tale = Tale::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Memory, OVERHEAD, UnixMicros};

    #[test]
    fn the_bound_counts_what_is_kept_and_is_free_again() {
        let mut memory = Memory::new(3 * (100 + OVERHEAD));
        let kept = (0..5).filter(|_| memory.keep(&[0; 100], UnixMicros(7_000_000))).count();
        assert_eq!((kept, memory.tale.kept, memory.tale.refused), (3, 3, 2));
        let event = format!("{:?}", memory.account("proxy"));
        assert!(event.contains("3 records waited") && event.contains("from second 7 on") && event.contains("2 more"));
        memory.drop_oldest();
        assert!(memory.keep(&[0; 100], UnixMicros(9)) && !memory.keep(&[], UnixMicros(9)));
        while !memory.waiting.is_empty() {
            memory.drop_oldest();
        }
        assert_eq!(memory.bytes, 0);
    }

    #[test]
    fn without_leave_nothing_is_kept_or_told() {
        let mut memory = Memory::new(0);
        assert!(!memory.keep(&[], UnixMicros(1)));
        assert!(memory.account("proxy").is_none());
    }
}
