//! What a writer finds when it opens a chain: usually a clean end, after a crash a torn one, after worse a damaged one.
//! It always finds a place to go on from, never hides that something was cut, and keeps damaged bytes for people.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use gate_seal::DevicePublic;
use tracing::{info, warn};

use super::promise::{Cut, inspect};
use super::{SegmentName, create_shared, list_segments};
use crate::OpenError;
use crate::decide::{Chain, Link, Note, StoredHead};
use crate::parse::{ChainId, Fault, FrameReader, HEADER_LEN, Hash, Header, ReadFault};

/// Damaged pieces kept for people; the oldest go first.
const DAMAGED_CAP: usize = 4;

/// A segment that is no longer written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) name: SegmentName,
    pub(crate) previous: Hash,
    pub(crate) bytes: u64,
}

/// Where a writer goes on.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) chain: Chain,
    /// The segments before the newest, oldest first.
    pub(crate) closed: Vec<Closed>,
    /// The newest segment and the length of its good part; `None`: a new one has to be made.
    pub(crate) newest: Option<(SegmentName, File, u64)>,
    /// What the writer has to sign for before it takes the first record.
    pub(crate) repair: Option<Note>,
}

/// The newest segment after its good part was walked.
struct Walked {
    chain: Chain,
    good_bytes: u64,
    fault: Option<Fault>,
    head_seen: bool,
    /// Records of a newer program, which stay as they are.
    newer: u64,
}

/// Finds the place to go on from. Only the newest segment is read; the whole chain is for `verify`.
pub(crate) fn recover(dir: &Path, signer: &DevicePublic) -> Result<Recovered, OpenError> {
    let io = |source| OpenError::Io { path: dir.to_owned(), source };
    let segments = usable_segments(dir)?;
    let mut signers = vec![signer.to_bytes()];
    signers.extend(segments.newest.as_ref().map(|(_, header, _)| header.signer));
    signers.extend(segments.signer_before);
    let head = own_head(dir, &signers);
    let Some((name, header, file)) = segments.newest else {
        let id = head.as_ref().map(|head| head.chain);
        let cut = inspect_all(&segments.set_aside, id, &signers).map_err(io)?;
        return begin(dir, signer, head, cut);
    };
    let walked = walk(&file, &header, head.as_ref()).map_err(io)?;
    if walked.newer > 0 {
        let segment = name.path(dir);
        info!(segment = %segment.display(), records = walked.newer, "the journal holds records of a newer program");
    }
    let id = Some(walked.chain.id);
    let mut cut = inspect_all(&segments.set_aside, id, &signers).map_err(io)?;
    if let Some(fault) = &walked.fault {
        cut = cut.and(inspect(&file, walked.good_bytes, id, &signers).map_err(io)?);
        warn!(segment = %name.path(dir).display(), offset = walked.good_bytes, %fault, "the journal's tail is cut");
        if !matches!(fault, Fault::Torn { .. }) {
            keep_damaged(dir, name, &file, walked.good_bytes).map_err(io)?;
        }
        file.set_len(walked.good_bytes).and_then(|()| file.sync_all()).map_err(io)?;
    }
    let repair = repair(&walked, head.as_ref(), cut);
    let (chain, mut closed) = (walked.chain, segments.closed);
    if header.signer == signer.to_bytes() {
        return Ok(Recovered { chain, closed, newest: Some((name, file, walked.good_bytes)), repair });
    }
    // Another key signs from here on, and a segment names one key: a new segment begins.
    let chain = Chain::new(chain.id, chain.next_seq, chain.hash, signer.clone());
    closed.push(Closed { name, previous: header.previous, bytes: walked.good_bytes });
    Ok(Recovered { chain, closed, newest: None, repair })
}

/// The head file, if one of our keys signed it. Anything else is no promise of ours, and its numbers are not believed.
fn own_head(dir: &Path, signers: &[[u8; 32]]) -> Option<StoredHead> {
    let head = StoredHead::read(dir).unwrap_or_else(|error| {
        warn!(dir = %dir.display(), %error, "the journal's head file cannot be used");
        None
    });
    head.filter(|head| signers.contains(&head.signer))
}

/// What the pieces that were put away had promised.
fn inspect_all(files: &[File], chain: Option<ChainId>, signers: &[[u8; 32]]) -> io::Result<Cut> {
    let header = HEADER_LEN as u64;
    files.iter().try_fold(Cut::default(), |sum, file| {
        let cut = inspect(file, header, chain, signers)?;
        Ok(sum.and(Cut { bytes: cut.bytes + header, ..cut }))
    })
}

/// What the writer has to admit to, if anything.
fn repair(walked: &Walked, head: Option<&StoredHead>, cut: Cut) -> Option<Note> {
    let next_seq = walked.chain.next_seq;
    let broken = match head {
        Some(_) => !walked.head_seen,
        // A chain's first head is on disk before its first record, so where records are its file was taken away.
        None => next_seq > 0 || cut.records,
    };
    let ours = head.filter(|head| !walked.head_seen && head.chain == walked.chain.id);
    let promised = ours.map(|head| head.seq).max(cut.promised);
    let resumes_at = promised.map_or(next_seq, |promised| promised.max(next_seq));
    let broken = broken || cut.promised.is_some();
    (cut.bytes > 0 || !walked.head_seen).then(|| admission(broken, next_seq, resumes_at, cut.bytes))
}

/// The note of a repair: records that were promised and are gone count, a promise that is gone without any is broken.
fn admission(broken: bool, next_seq: u64, resumes_at: u64, cut_bytes: u64) -> Note {
    if broken && resumes_at == next_seq { Note::Broken { cut_bytes } } else { Note::Repaired { cut_bytes, resumes_at } }
}

/// A folder without a usable segment: a new chain, or the old one's name and numbers if its head is left.
fn begin(dir: &Path, signer: &DevicePublic, head: Option<StoredHead>, cut: Cut) -> Result<Recovered, OpenError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|source| OpenError::Entropy { path: dir.to_owned(), source })?;
    let id = head.as_ref().map_or(ChainId(id), |head| head.chain);
    let promised = head.as_ref().map(|head| head.seq).max(cut.promised);
    let broken = head.is_some() || cut.records;
    let repair = (broken || cut.bytes > 0).then(|| admission(broken, 0, promised.unwrap_or(0), cut.bytes));
    Ok(Recovered { chain: Chain::new(id, 0, id.genesis(), signer.clone()), closed: Vec::new(), newest: None, repair })
}

/// What the headers of a folder's segments say.
struct Segments {
    closed: Vec<Closed>,
    newest: Option<(SegmentName, Header, File)>,
    /// Whose heads the segment before the newest holds.
    signer_before: Option<[u8; 32]>,
    /// Newest segments that had to be put away.
    set_aside: Vec<File>,
}

/// The headers of all segments. Newest ones whose header was never finished, or cannot be read, are put away.
fn usable_segments(dir: &Path) -> Result<Segments, OpenError> {
    let mut names = list_segments(dir).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
    let (mut newest, mut set_aside) = (None, Vec::new());
    while let Some(name) = names.pop() {
        let path = name.path(dir);
        let io = |source| OpenError::Io { path: path.clone(), source };
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io)?;
        match read_header(&file).map_err(io)? {
            Ok(header) if header.first_seq == name.0 && Chain::at(&header).is_ok() => {
                newest = Some((name, header, file));
                break;
            }
            Err(Fault::Version(version)) => return Err(OpenError::Version { path, version }),
            Err(Fault::Torn { .. }) => fs::remove_file(&path).map_err(io)?,
            _ => {
                warn!(segment = %path.display(), "a segment of the journal has no usable header");
                fs::rename(&path, damaged(&path, 0)).and_then(|()| limit_damaged(dir)).map_err(io)?;
                set_aside.push(file);
            }
        }
    }
    let (mut closed, mut signer_before) = (Vec::with_capacity(names.len()), None);
    for name in names {
        let path = name.path(dir);
        let io = |source| OpenError::Io { path: path.clone(), source };
        let file = File::open(&path).map_err(io)?;
        // A damaged header in the middle is for `verify` to report; dropping the segment some day needs no header.
        let header = read_header(&file).map_err(io)?.ok();
        let previous = header.as_ref().map_or([0; 32], |header| header.previous);
        signer_before = header.map(|header| header.signer);
        closed.push(Closed { name, previous, bytes: file.metadata().map_err(io)?.len() });
    }
    Ok(Segments { closed, newest, signer_before, set_aside })
}

fn read_header(file: &File) -> io::Result<Result<Header, Fault>> {
    let mut bytes = [0; HEADER_LEN];
    match file.read_exact_at(&mut bytes, 0) {
        Ok(()) => Ok(Header::decode(&bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            Ok(Err(Fault::Torn { have: 0, want: HEADER_LEN }))
        }
        Err(error) => Err(error),
    }
}

/// Reads frames until the end or the first that does not belong, and looks for the head that was safely on disk.
fn walk(file: &File, header: &Header, head: Option<&StoredHead>) -> io::Result<Walked> {
    let mut chain = Chain::at(header).map_err(|_| io::Error::other("a header that was checked before"))?;
    let mut reader = FrameReader::new(BufReader::new(Tail { file, at: HEADER_LEN as u64 }), HEADER_LEN as u64);
    // A head of an older segment was reached long ago; the one that ended the segment before is what this one links to.
    let older = |head: &StoredHead| head.seq < header.first_seq || head.frame_hash() == header.previous;
    let mut head_seen = head.is_some_and(|head| head.chain == chain.id && older(head));
    let mut newer = 0;
    loop {
        let good_bytes = reader.offset();
        let (seq, previous) = (chain.next_seq, chain.hash);
        let fault = match reader.next() {
            Ok(None) => return Ok(Walked { chain, good_bytes, fault: None, head_seen, newer }),
            Err(ReadFault::Io(error)) => return Err(error),
            Err(ReadFault::Bad(fault)) => fault,
            Ok(Some(frame)) => match chain.accept(&frame) {
                Ok(Link::Record(_)) => continue,
                Ok(Link::Newer) => {
                    newer += 1;
                    continue;
                }
                Ok(Link::Head(_)) => {
                    head_seen |= head.is_some_and(|head| (head.seq, head.previous) == (seq, previous));
                    continue;
                }
                Err(fault) => fault,
            },
        };
        return Ok(Walked { chain, good_bytes, fault: Some(fault), head_seen, newer });
    }
}

/// Reads a file from a place on without moving anybody's cursor.
pub(crate) struct Tail<'a> {
    pub(crate) file: &'a File,
    pub(crate) at: u64,
}

impl Read for Tail<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}

/// Copies what is about to be cut off, unless it is only the torn end of one write.
fn keep_damaged(dir: &Path, name: SegmentName, file: &File, from: u64) -> io::Result<()> {
    let mut copy = create_shared(&damaged(&name.path(dir), from))?;
    io::copy(&mut Tail { file, at: from }, &mut copy)?;
    copy.sync_data()?;
    limit_damaged(dir)
}

fn limit_damaged(dir: &Path) -> io::Result<()> {
    let mut kept: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        kept.extend(path.extension().is_some_and(|extension| extension == "damaged").then_some(path));
    }
    kept.sort();
    let surplus = kept.len().saturating_sub(DAMAGED_CAP);
    kept[..surplus].iter().try_for_each(fs::remove_file)
}

fn damaged(segment: &Path, offset: u64) -> PathBuf {
    segment.with_extension(format!("seg.{offset:010}.damaged"))
}
