use gate_core::{Position, Record};
use thiserror::Error;

use super::{Chain, Link};
use crate::parse::{Fault, FrameReader, HEADER_LEN, Header, ReadFault};

/// The first bad place of a segment that was read on its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("record {seq} at byte {offset}: {why}")]
pub struct BadSegment {
    /// The number of the record that should have stood there.
    pub seq: u64,
    pub offset: u64,
    pub why: Fault,
}

/// Reads the bytes of one segment, checks its chain and its heads against the key that its header names, and hands out
/// every record, `None` for one of a newer program. Pure: this is the door for fuzzers, and for whoever has a segment and
/// nothing else.
pub fn read_segment(bytes: &[u8], mut visit: impl FnMut(Position, Option<&Record>)) -> Result<u64, BadSegment> {
    let short = Fault::Torn { have: bytes.len(), want: HEADER_LEN };
    let (header, frames) = bytes.split_first_chunk().ok_or(BadSegment { seq: 0, offset: 0, why: short })?;
    let start = Header::decode(header).and_then(|header| Chain::at(&header));
    let mut chain = start.map_err(|why| BadSegment { seq: 0, offset: 0, why })?;
    let mut reader = FrameReader::new(frames, HEADER_LEN as u64);
    let mut records = 0;
    loop {
        let (offset, seq) = (reader.offset(), chain.next_seq);
        let bad = |why| BadSegment { seq, offset, why };
        match reader.next() {
            Ok(None) => return Ok(records),
            Ok(Some(frame)) => {
                match chain.accept(&frame).map_err(bad)? {
                    Link::Record(record) => visit(Position(seq), Some(&record)),
                    Link::Newer => visit(Position(seq), None),
                    Link::Head(_) => continue,
                }
                records += 1;
            }
            Err(ReadFault::Bad(why)) => return Err(bad(why)),
            Err(ReadFault::Io(_)) => unreachable!("reading from memory does not fail"),
        }
    }
}

#[cfg(test)]
mod tests;
