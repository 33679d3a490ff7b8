use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use gate_core::{Position, Record};
use thiserror::Error;

use crate::accept::{SegmentName, Tail, hash_before, list_segments, next_whole};
use crate::decide::{link, read_note, read_record};
use crate::parse::{Fault, Frame, FrameReader, HEADER_LEN, Hash, Header, Kind, ReadFault};

/// Records in one batch of [`Records`].
const BATCH: usize = 256;

/// Reads a chain while it grows, from a process that may only read. It checks frames, not the chain: that is what
/// [`verify`](crate::verify) is for. Gaps show in the positions. Records of a newer program are stepped over and counted.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    current: Option<Current>,
    /// The first position that was not handed out yet.
    next: u64,
    /// What is wrong with the very end, with nothing behind it yet.
    end: Option<(u64, Fault)>,
    newer: u64,
}

/// The segment being read.
#[derive(Debug)]
struct Current {
    name: SegmentName,
    file: File,
    offset: u64,
    /// What is wrong with the header; said before the first record.
    header: Option<Fault>,
    /// What the first frame links to, if the header can be read.
    previous: Option<Hash>,
    /// The length of the file when nothing whole was found behind a bad frame: only more bytes can change that.
    searched: Option<(u64, u64)>,
    /// A later segment was seen, so the writer had finished this one before the look that is due.
    last_look: bool,
}

/// Why records could not be read.
#[derive(Debug, Error)]
pub enum FollowError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{file}, byte {offset}: {why}")]
    Damaged { file: PathBuf, offset: u64, why: Fault },
}

type Batch = Vec<(Position, Record)>;

impl Follower {
    /// Follows from the oldest record that is kept.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::from(dir, Position(0))
    }

    /// Follows from a position on; if that was dropped already, from the oldest record after it.
    pub fn from(dir: impl Into<PathBuf>, first: Position) -> Self {
        Self { dir: dir.into(), current: None, next: first.0, end: None, newer: 0 }
    }

    /// Follows so that the newest `last_n` records come first.
    pub fn at_end(dir: impl Into<PathBuf>, last_n: u64) -> Result<Self, FollowError> {
        let mut follower = Self::new(dir);
        for name in follower.list()?.into_iter().rev() {
            // The newest may be no more than a header yet; then the one before has the newest record.
            if let Some(newest) = follower.newest_in(name)? {
                follower.next = newest.saturating_add(1).saturating_sub(last_n);
                break;
            }
        }
        Ok(follower)
    }

    /// The next records, at most `max`; none if nothing was appended since. Damage is said once and then stepped over,
    /// to the next whole record, but only when there is one: at the very end it is a write in progress, or soon repaired.
    pub fn poll(&mut self, max: usize) -> Result<Batch, FollowError> {
        let mut records = Vec::new();
        self.end = None;
        while records.len() < max {
            let Some(current) = &mut self.current else {
                if self.open_next()? {
                    continue;
                }
                break;
            };
            if current.header.is_some() && !records.is_empty() {
                break;
            }
            if let Some(why) = current.header.take() {
                return Err(FollowError::Damaged { file: current.name.path(&self.dir), offset: 0, why });
            }
            let fault = current.read(&mut self.next, &mut records, &mut self.newer, max);
            let fault = fault.map_err(|source| self.io(source))?;
            if records.len() == max || !self.leave(fault, records.is_empty())? {
                break;
            }
        }
        Ok(records)
    }

    /// Damage at the very end of the chain, which [`poll`](Self::poll) waits with because the next write may tell more.
    /// The torn end of a write is none.
    pub fn damaged_end(&self) -> Option<FollowError> {
        let file = self.current.as_ref()?.name.path(&self.dir);
        let (offset, why) = self.end.clone().filter(|(_, why)| !matches!(why, Fault::Torn { .. }))?;
        Some(FollowError::Damaged { file, offset, why })
    }

    /// The records of a newer program that were stepped over so far.
    pub fn newer(&self) -> u64 {
        self.newer
    }

    /// At the end of what the current segment gives: whether to go on reading, in it or in another.
    fn leave(&mut self, fault: Option<Fault>, may_fail: bool) -> Result<bool, FollowError> {
        let names = self.list()?;
        let Some(current) = &mut self.current else { return Ok(false) };
        let bad_at = current.offset;
        if let Some(why) = &fault
            && let Some(next) =
                current.behind(why).map_err(|source| FollowError::Io { path: self.dir.clone(), source })?
        {
            // First what was read, then the bad news; none if the frame was only just being written.
            let damaged = next != bad_at;
            if damaged && !may_fail {
                return Ok(false);
            }
            current.offset = next;
            let file = current.name.path(&self.dir);
            let bad = fault.filter(|_| damaged).map(|why| FollowError::Damaged { file, offset: bad_at, why });
            return bad.map_or(Ok(true), Err);
        }
        let later: Vec<SegmentName> = names.into_iter().filter(|name| *name > current.name).collect();
        if later.is_empty() {
            let rewound = current.rewind();
            let gone = current.file.metadata().map_or(true, |metadata| metadata.nlink() == 0);
            if gone {
                // The folder was emptied and another chain begins in it.
                (self.current, self.next) = (None, 0);
            }
            if !rewound && !gone {
                self.end = fault.map(|why| (bad_at, why));
            }
            return Ok(rewound || gone);
        }
        if !current.last_look {
            current.last_look = true;
            return Ok(true);
        }
        let place = (current.name.path(&self.dir), current.offset);
        match fault {
            // First what was read, then the bad news.
            Some(_) if !may_fail => Ok(false),
            Some(why) => {
                self.open_first_of(&later)?;
                Err(FollowError::Damaged { file: place.0, offset: place.1, why })
            }
            None => self.open_first_of(&later),
        }
    }

    /// Opens the segment that holds the next position, or else the first after it.
    fn open_next(&mut self) -> Result<bool, FollowError> {
        let names = self.list()?;
        let holds = names.iter().rposition(|name| name.0 <= self.next).unwrap_or(0);
        self.open_first_of(&names[holds..])
    }

    /// Opens the first of these segments that has a header; none may have one yet.
    fn open_first_of(&mut self, names: &[SegmentName]) -> Result<bool, FollowError> {
        for name in names {
            if let Some(current) = Current::open(&self.dir, *name).map_err(|source| self.io(source))? {
                self.current = Some(current);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The number of the newest record in a segment, as far as it can be read.
    fn newest_in(&self, name: SegmentName) -> Result<Option<u64>, FollowError> {
        let mut newest = None;
        self.each_frame(name, |frame| {
            if frame.kind == Kind::Record {
                newest = Some(frame.seq);
            }
        })?;
        Ok(newest)
    }

    /// Shows the frames of a segment that can be read.
    fn each_frame(&self, name: SegmentName, mut show: impl FnMut(&Frame<'_>)) -> Result<(), FollowError> {
        let open = Current::open(&self.dir, name).map_err(|source| self.io(source))?;
        let Some(mut current) = open else { return Ok(()) };
        loop {
            let mut reader = current.reader();
            let fault = loop {
                match reader.next() {
                    Ok(Some(frame)) => show(&frame),
                    Ok(None) => return Ok(()),
                    Err(ReadFault::Io(source)) => return Err(self.io(source)),
                    Err(ReadFault::Bad(fault)) => break fault,
                }
            };
            current.offset = reader.offset();
            match current.behind(&fault).map_err(|source| self.io(source))? {
                Some(next) => current.offset = next,
                None => return Ok(()),
            }
        }
    }

    fn list(&self) -> Result<Vec<SegmentName>, FollowError> {
        list_segments(&self.dir).map_err(|source| self.io(source))
    }

    fn io(&self, source: io::Error) -> FollowError {
        FollowError::Io { path: self.dir.clone(), source }
    }
}

/// Where a chain has the heads that its writer signed in the course of things, oldest first; each stands before the record
/// of its number. What was signed for a repair is none of them: that happens at the next start, after a crash.
pub fn heads(dir: impl Into<PathBuf>) -> Result<Vec<Position>, FollowError> {
    let follower = Follower::new(dir);
    let mut heads = Vec::new();
    for name in follower.list()? {
        follower.each_frame(name, |frame| {
            if frame.kind == Kind::Head && read_note(frame.payload).is_some_and(|note| note.is_routine()) {
                heads.push(Position(frame.seq));
            }
        })?;
    }
    Ok(heads)
}

impl Current {
    /// `None`: dropped meanwhile, or without a whole header yet. Behind a damaged one the records are read all the same.
    fn open(dir: &Path, name: SegmentName) -> io::Result<Option<Self>> {
        let file = match File::open(name.path(dir)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = [0; HEADER_LEN];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        }
        let (previous, header) = match Header::decode(&bytes) {
            Ok(header) => (Some(header.previous), None),
            Err(fault) => (None, Some(fault)),
        };
        // What a newer program wrote is not guessed at.
        let known = !matches!(header, Some(Fault::Version(_)));
        let offset = if known { HEADER_LEN as u64 } else { file.metadata()?.len() };
        Ok(Some(Self { name, file, offset, header, previous, searched: None, last_look: false }))
    }

    /// Where the next whole frame stands, seen from a bad one at the present place: there, if it is whole by now.
    fn behind(&mut self, fault: &Fault) -> io::Result<Option<u64>> {
        let state = (self.offset, self.file.metadata()?.len());
        if self.searched == Some(state) {
            return Ok(None);
        }
        // Whole, and yet not a record: what its length says is what there is to step over.
        let again = *fault != Fault::Payload && matches!(self.reader().next(), Ok(Some(_)));
        let found = if again { Some(self.offset) } else { next_whole(&self.file, self.offset)? };
        self.searched = found.is_none().then_some(state);
        Ok(found)
    }

    fn reader(&self) -> FrameReader<BufReader<Tail<'_>>> {
        FrameReader::new(BufReader::new(Tail { file: &self.file, at: self.offset }), self.offset)
    }

    /// Reads on until there are `max` records or no further frame; what is wrong with the next one.
    fn read(&mut self, next: &mut u64, records: &mut Batch, newer: &mut u64, max: usize) -> io::Result<Option<Fault>> {
        let mut reader = self.reader();
        let mut offset = self.offset;
        let fault = loop {
            if records.len() == max {
                break None;
            }
            match reader.next() {
                Ok(None) => break None,
                Err(ReadFault::Io(error)) => return Err(error),
                Err(ReadFault::Bad(fault)) => break Some(fault),
                Ok(Some(frame)) if frame.kind == Kind::Record && frame.seq >= *next => {
                    match read_record(frame.payload) {
                        Some(record) => records.push((Position(frame.seq), record)),
                        None if self.follows(offset, &frame)? => *newer += 1,
                        None => break Some(Fault::Payload),
                    }
                    *next = frame.seq.saturating_add(1);
                }
                Ok(Some(_)) => {}
            }
            offset = reader.offset();
        };
        self.offset = offset;
        Ok(fault)
    }

    /// Whether a frame is what the chain has at a place: what cannot be read and is, a newer program wrote.
    fn follows(&self, offset: u64, frame: &Frame<'_>) -> io::Result<bool> {
        let before = match hash_before(&self.file, offset) {
            // Cut under our feet.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            before => before?.or(self.previous),
        };
        Ok(before.is_some_and(|before| link(&before, frame.linked) == frame.hash))
    }

    /// Starts again if the writer cut the segment shorter than what was read; known records are not handed out twice.
    fn rewind(&mut self) -> bool {
        let start = HEADER_LEN as u64;
        let cut = self.offset > start && self.file.metadata().is_ok_and(|metadata| metadata.len() < self.offset);
        if cut {
            self.offset = start;
        }
        cut
    }
}

/// All records of a chain from a position to its present end, and what is damaged between them, each place once.
#[derive(Debug)]
pub struct Records {
    follower: Follower,
    batch: std::vec::IntoIter<(Position, Record)>,
    /// The damaged end was said.
    ended: bool,
}

impl Records {
    /// Reads from a position on.
    pub fn open(dir: impl Into<PathBuf>, first: Position) -> Self {
        Self { follower: Follower::from(dir, first), batch: Vec::new().into_iter(), ended: false }
    }

    /// The records of a newer program that were stepped over so far.
    pub fn newer(&self) -> u64 {
        self.follower.newer()
    }
}

impl Iterator for Records {
    type Item = Result<(Position, Record), FollowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.batch.len() == 0 {
            match self.follower.poll(BATCH) {
                Ok(batch) => self.batch = batch.into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
        let record = self.batch.next().map(Ok);
        if record.is_none() && !self.ended {
            self.ended = true;
            return self.follower.damaged_end().map(Err);
        }
        record
    }
}

#[cfg(test)]
mod tests;
