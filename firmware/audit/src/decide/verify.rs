use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use gate_core::UnixMicros;
use gate_seal::DevicePublic;
use serde::Serialize;
use thiserror::Error;

use super::chain::Head;
use super::head::head_error;
use super::{Chain, Link, Note, StoredHead};
use crate::accept::{HEAD_FILE, SegmentName, list_segments};
use crate::parse::{Fault, Frame, FrameReader, HEADER_LEN, Hash, Header, ReadFault};

/// How often a journal that is being written may drop segments just before they are read.
const ATTEMPTS: usize = 100;

/// A journal that is what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub records: u64,
    /// Those among them that a newer program wrote and this one cannot read; they are as proved as the others.
    pub newer: u64,
    pub segments: u64,
    /// Heads whose signature verifies, tombstones and repairs included.
    pub heads_verified: u64,
    /// Whether the heads were checked against a key from outside, and not merely against the one in the files.
    pub trusted_key: bool,
    /// The times of the oldest and of the newest record that this program can read.
    pub first_at: Option<UnixMicros>,
    pub last_at: Option<UnixMicros>,
    /// Records after the last head: chained, but not signed yet.
    pub unsigned: u64,
    /// Records before the oldest that is kept, dropped under a tombstone.
    pub pruned: u64,
    /// Repairs that the writer signed for,
    pub repairs: u64,
    /// those among them that broke the promise of a signed head,
    pub broken: u64,
    /// and records known to be lost in them.
    pub lost: u64,
    /// What a crash left at the very end; the next writer cuts it off and says so.
    pub torn_tail: Option<TornTail>,
}

/// The unfinished end of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TornTail {
    pub file: PathBuf,
    /// Where the good part ends.
    pub offset: u64,
}

/// Why a journal is not what was written.
#[derive(Debug, Error)]
pub enum VerifyError {
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{dir}: there is no journal")]
    NoJournal { dir: PathBuf },
    #[error("{file}, record {seq}, byte {offset}: {why}")]
    Bad { file: PathBuf, seq: u64, offset: u64, why: Fault },
    #[error("{path}: the head file is damaged or not signed by the key it names")]
    HeadFile { path: PathBuf },
    #[error("{dir}: there are records, but the file with the newest head is missing")]
    HeadFileMissing { dir: PathBuf },
    #[error(
        "{file}, record {seq}, byte {offset}: the journal ends or was changed before the head signed at record {head}"
    )]
    Truncated { file: PathBuf, seq: u64, offset: u64, head: u64 },
    /// The chain is sound, and says itself that what a signed head had promised is gone: the first such place.
    #[error("{file}, record {seq}, byte {offset}: a repair cut off {}", loss(*lost))]
    Lost { file: PathBuf, seq: u64, offset: u64, lost: u64, report: Box<Report> },
}

fn loss(lost: u64) -> String {
    match lost {
        0 => "what a signed head had promised, or the head itself".to_owned(),
        1 => "1 record that a signed head had promised".to_owned(),
        lost => format!("{lost} records that a signed head had promised"),
    }
}

/// A repair that broke a promise.
struct Loss {
    file: PathBuf,
    seq: u64,
    offset: u64,
    lost: u64,
}

/// Checks a whole journal, offline and with little memory: every frame, every link, every signature, both ends. With a
/// key, only heads by that key count; without one, those by the key that the files name. A repair that broke the promise
/// of a signed head makes the answer no for as long as the segment which says so is kept.
pub fn verify(dir: &Path, key: Option<&DevicePublic>) -> Result<Report, VerifyError> {
    let mut attempt = 1;
    loop {
        // The head is read first: the segments that hold it are on disk before it is.
        let head = StoredHead::read(dir).map_err(|error| head_error(dir.join(HEAD_FILE), error))?;
        match Walk::new(dir, key, head).run() {
            Err(VerifyError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS => {
                attempt += 1;
            }
            done => return done,
        }
    }
}

struct Walk<'a> {
    dir: &'a Path,
    key: Option<&'a DevicePublic>,
    head: Option<StoredHead>,
    head_seen: bool,
    chain: Option<Chain>,
    /// What the newest tombstone says about the oldest segment that is kept.
    tombstone: Option<(u64, Hash)>,
    report: Report,
    /// The first repair that broke a promise.
    loss: Option<Loss>,
    /// Where the walk stands, for errors.
    file: PathBuf,
    offset: u64,
}

impl<'a> Walk<'a> {
    fn new(dir: &'a Path, key: Option<&'a DevicePublic>, head: Option<StoredHead>) -> Self {
        let report = Report { trusted_key: key.is_some(), ..Report::default() };
        let file = dir.to_owned();
        Self { dir, key, head, head_seen: false, chain: None, tombstone: None, report, loss: None, file, offset: 0 }
    }

    fn run(mut self) -> Result<Report, VerifyError> {
        let names = list_segments(self.dir).map_err(|source| self.io(source))?;
        if names.is_empty() && self.head.is_none() {
            return Err(VerifyError::NoJournal { dir: self.dir.to_owned() });
        }
        let mut front = None;
        for (index, name) in names.iter().enumerate() {
            self.file = name.path(self.dir);
            self.offset = 0;
            let newest = index + 1 == names.len();
            let header = self.segment(*name, newest)?;
            front = front.or(header.map(|header| (header.first_seq, header.previous)));
        }
        self.check_front(&names, front)?;
        self.check_head()?;
        match self.loss {
            None => Ok(self.report),
            Some(Loss { file, seq, offset, lost }) => {
                Err(VerifyError::Lost { file, seq, offset, lost, report: Box::new(self.report) })
            }
        }
    }

    /// Walks one segment; its header, unless a crash left none.
    fn segment(&mut self, name: SegmentName, newest: bool) -> Result<Option<Header>, VerifyError> {
        let file = File::open(&self.file).map_err(|source| self.io(source))?;
        let mut source = BufReader::new(file);
        let header = match self.header(&mut source, name) {
            Err(VerifyError::Bad { why: Fault::Torn { .. }, .. }) if newest => {
                self.torn();
                return Ok(None);
            }
            header => header?,
        };
        self.report.segments += 1;
        self.offset = HEADER_LEN as u64;
        let mut reader = FrameReader::new(source, self.offset);
        loop {
            let fault = match reader.next() {
                Ok(None) => return Ok(Some(header)),
                Ok(Some(frame)) => self.accept(&frame).err(),
                Err(ReadFault::Io(source)) => return Err(self.io(source)),
                Err(ReadFault::Bad(Fault::Torn { .. })) if newest => {
                    self.torn();
                    return Ok(Some(header));
                }
                Err(ReadFault::Bad(fault)) => Some(fault),
            };
            if let Some(why) = fault {
                return Err(self.bad(why));
            }
            self.offset = reader.offset();
        }
    }

    fn header(&mut self, source: &mut impl Read, name: SegmentName) -> Result<Header, VerifyError> {
        let mut bytes = [0; HEADER_LEN];
        if let Err(error) = source.read_exact(&mut bytes) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => self.bad(Fault::Torn { have: 0, want: HEADER_LEN }),
                _ => self.io(error),
            });
        }
        let header = Header::decode(&bytes).map_err(|why| self.bad(why))?;
        if header.first_seq != name.0 {
            return Err(self.bad(Fault::Name { expected: header.first_seq, found: name.0 }));
        }
        if self.key.is_some_and(|key| key.to_bytes() != header.signer) {
            return Err(self.bad(Fault::OtherSigner));
        }
        let entered = match &mut self.chain {
            Some(chain) => chain.enter(&header),
            None => Chain::at(&header).map(|chain| self.chain = Some(chain)),
        };
        entered.map_err(|why| self.bad(why))?;
        Ok(header)
    }

    fn accept(&mut self, frame: &Frame<'_>) -> Result<(), Fault> {
        let chain = self.chain.as_mut().expect("a header came first");
        let before = (chain.id, chain.next_seq, chain.hash);
        match chain.accept(frame)? {
            Link::Record(record) => {
                self.record();
                self.report.first_at.get_or_insert(record.at);
                self.report.last_at = Some(record.at);
            }
            Link::Newer => {
                self.record();
                self.report.newer += 1;
            }
            Link::Head(head) => {
                let stored = self.head.as_ref();
                self.head_seen |= stored.is_some_and(|stored| {
                    (stored.chain, stored.seq, stored.previous) == before && stored.payload == frame.payload
                });
                self.note(&head, before.1);
            }
        }
        Ok(())
    }

    fn record(&mut self) {
        self.report.records += 1;
        self.report.unsigned += 1;
    }

    fn note(&mut self, head: &Head, seq: u64) {
        self.report.heads_verified += 1;
        self.report.unsigned = 0;
        match head.note {
            Note::Plain => {}
            Note::Pruned { first_seq, previous } => self.tombstone = Some((first_seq, previous)),
            Note::Repaired { resumes_at, .. } if resumes_at == seq => self.report.repairs += 1,
            Note::Repaired { resumes_at, .. } => self.broken(seq, resumes_at - seq),
            Note::Broken { .. } => self.broken(seq, 0),
        }
    }

    fn broken(&mut self, seq: u64, lost: u64) {
        self.report.repairs += 1;
        self.report.broken += 1;
        self.report.lost += lost;
        let (file, offset) = (&self.file, self.offset);
        self.loss.get_or_insert_with(|| Loss { file: file.clone(), seq, offset, lost });
    }

    /// A chain begins at 0, or where a tombstone says. One that still has segments which a tombstone gives up was
    /// stopped between the two steps, and is whole.
    fn check_front(&mut self, names: &[SegmentName], front: Option<(u64, Hash)>) -> Result<(), VerifyError> {
        let Some((first_seq, previous)) = front else { return Ok(()) };
        self.report.pruned = first_seq;
        let accounted = match self.tombstone {
            _ if first_seq == 0 => true,
            Some((seq, _)) if seq > first_seq => true,
            Some(tombstone) => tombstone == (first_seq, previous),
            None => false,
        };
        if accounted {
            return Ok(());
        }
        let file = names[0].path(self.dir);
        Err(VerifyError::Bad { file, seq: first_seq, offset: 0, why: Fault::FrontMissing })
    }

    /// The newest head that was safely on disk must be part of the chain.
    fn check_head(&self) -> Result<(), VerifyError> {
        match &self.head {
            Some(_) if self.head_seen => Ok(()),
            // A chain begins with a head, on disk before the first record: only a crash in that moment leaves none.
            None if self.report.records == 0 => Ok(()),
            None => Err(VerifyError::HeadFileMissing { dir: self.dir.to_owned() }),
            Some(head) => Err(VerifyError::Truncated {
                file: self.file.clone(),
                seq: self.next_seq(),
                offset: self.offset,
                head: head.seq,
            }),
        }
    }

    fn torn(&mut self) {
        self.report.torn_tail = Some(TornTail { file: self.file.clone(), offset: self.offset });
    }

    fn next_seq(&self) -> u64 {
        self.chain.as_ref().map_or(0, |chain| chain.next_seq)
    }

    fn bad(&self, why: Fault) -> VerifyError {
        VerifyError::Bad { file: self.file.clone(), seq: self.next_seq(), offset: self.offset, why }
    }

    fn io(&self, source: io::Error) -> VerifyError {
        VerifyError::Io { path: self.file.clone(), source }
    }
}

#[cfg(test)]
mod tests;
