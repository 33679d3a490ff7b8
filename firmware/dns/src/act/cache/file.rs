//! The cache in a file, so that a restart does not cost the whole office its answers.
//!
//! ```text
//! "nanogate-dns-cache", version, newline · sum of the settings that answers were judged by, 4 bytes; then for each answer
//! length, 4 bytes · CRC-32 of what follows, 4 bytes · stored, 8 bytes · seconds, 4 bytes · question and answer (postcard)
//! ```
//!
//! Numbers are little-endian. The first frame that is cut or wrong ends the file; what was read before it counts. A file
//! of another version, or kept under other settings, is not read: it holds nothing that could not be asked for again.

use std::io::{self, Read, Write};

use gate_core::UnixMicros;
use parking_lot::Mutex;
use thiserror::Error;

use super::{Cache, Head};
use crate::parse::{Answer, Question};

const MAGIC: &[u8] = concat!("nanogate-dns-cache 5 ", env!("CARGO_PKG_VERSION"), "\n").as_bytes();
/// Before the question of each frame.
const TIMES: usize = 12;
/// Longest frame: a whole message with its question and what is noted beside it.
const FRAME_MAX: usize = 96 << 10;

/// Why a file with a cache cannot be used.
#[derive(Debug, Error)]
pub enum CacheFileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is no cache of this version")]
    Version,
    #[error("its answers were judged by other settings")]
    Settings,
}

/// Writes every answer; the cache is locked for one segment at a time. Returns how many were written.
pub(crate) fn save(cache: &Mutex<Cache>, to: &mut impl Write) -> io::Result<usize> {
    to.write_all(MAGIC)?;
    to.write_all(&cache.lock().judged_by.to_le_bytes())?;
    let (mut count, mut at) = (0, None);
    loop {
        let segment = cache.lock().live(at);
        let Some((entries, next)) = segment else { break };
        at = Some(next);
        for entry in entries {
            let Some((head, body)) = Head::split(&entry) else { continue };
            write_frame(to, &head, body)?;
            count += 1;
        }
    }
    to.flush()?;
    Ok(count)
}

fn write_frame(to: &mut impl Write, head: &Head, body: &[u8]) -> io::Result<()> {
    let frame = [&head.stored.0.to_le_bytes(), head.seconds.to_le_bytes().as_slice(), body].concat();
    to.write_all(&u32::try_from(frame.len()).expect("an entry is short").to_le_bytes())?;
    to.write_all(&crc32fast::hash(&frame).to_le_bytes())?;
    to.write_all(&frame)
}

/// Takes the answers of a file over that still hold at `now`, or could be given when nothing better is to be had. Returns
/// how many those are; the cache's own bounds hold as ever.
pub(crate) fn load(cache: &Mutex<Cache>, from: &mut impl Read, now: UnixMicros) -> Result<usize, CacheFileError> {
    let mut magic = [0; MAGIC.len()];
    from.read_exact(&mut magic).map_err(|_| CacheFileError::Version)?;
    if magic != MAGIC {
        return Err(CacheFileError::Version);
    }
    let mut settings = [0; 4];
    from.read_exact(&mut settings).map_err(|_| CacheFileError::Version)?;
    if u32::from_le_bytes(settings) != cache.lock().judged_by {
        return Err(CacheFileError::Settings);
    }
    let mut count = 0;
    while let Some(frame) = read_frame(from)? {
        let Some((head, question, answer)) = decode(&frame) else { break };
        let mut cache = cache.lock();
        // What has been asked for since the start is newer.
        let is_new = !cache.index.contains_key(&cache.hash(&question));
        let seconds = head.seconds.min(cache.seconds(&answer));
        let holds = head.age(now).is_some_and(|age| age < seconds.saturating_add(cache.stale_seconds));
        if is_new && holds {
            cache.insert(&question, &answer, head.stored, seconds);
            count += 1;
        }
    }
    Ok(count)
}

/// The bytes of one frame; nothing at the end of the file or where it is damaged.
fn read_frame(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut prefix = [0; 8];
    if !read_whole(from, &mut prefix)? {
        return Ok(None);
    }
    let [a, b, c, d, crc @ ..] = prefix;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    if !(TIMES..=FRAME_MAX).contains(&length) {
        return Ok(None);
    }
    let mut frame = vec![0; length];
    let whole = read_whole(from, &mut frame)?;
    Ok((whole && crc32fast::hash(&frame) == u32::from_le_bytes(crc)).then_some(frame))
}

/// Whether there were enough bytes.
fn read_whole(from: &mut impl Read, into: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(into) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        result => result.map(|()| true),
    }
}

fn decode(frame: &[u8]) -> Option<(Head, Question, Answer)> {
    let (stored, rest) = frame.split_first_chunk()?;
    let (seconds, body) = rest.split_first_chunk()?;
    let (question, answer) = postcard::from_bytes::<(Question, Answer)>(body).ok()?;
    let stored = UnixMicros(u64::from_le_bytes(*stored));
    let head = Head { hash: 0, stored, failed: UnixMicros(0), seconds: u32::from_le_bytes(*seconds), used: false };
    answer.serves(&question).then_some((head, question, answer))
}
