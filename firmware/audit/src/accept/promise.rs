//! What the bytes that a repair takes out of a chain had promised: the difference between a crash and a loss.

use std::fs::File;
use std::io::{self, BufReader};
use std::os::unix::fs::FileExt;

use gate_seal::DevicePublic;

use super::{Tail, next_whole};
use crate::decide::check_head;
use crate::parse::{ChainId, FrameReader, HEADER_LEN, Hash, Kind, ReadFault};

/// The most signatures that are checked in one piece; honest segments hold far fewer heads.
const HEADS_CAP: usize = 4096;

/// What was found in a piece that does not stay in the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) bytes: u64,
    /// Whether there are records, which only come after a chain's first head was on disk.
    pub(super) records: bool,
    /// The highest number of records that a head signed by one of our keys promises.
    pub(super) promised: Option<u64>,
}

impl Cut {
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            records: self.records || other.records,
            promised: self.promised.max(other.promised),
        }
    }
}

/// Reads what can be read of a file from `offset` on. A head is believed on its signature alone: the hash that it signs
/// stands at the end of the frame before it.
pub(super) fn inspect(file: &File, offset: u64, chain: Option<ChainId>, signers: &[[u8; 32]]) -> io::Result<Cut> {
    let keys: Vec<DevicePublic> = signers.iter().filter_map(|key| DevicePublic::from_bytes(key).ok()).collect();
    let mut cut = Cut { bytes: file.metadata()?.len().saturating_sub(offset), ..Cut::default() };
    let (mut next, mut checks) = (Some(offset), 0);
    while let Some(at) = next {
        let mut reader = FrameReader::new(BufReader::new(Tail { file, at }), at);
        let bad = loop {
            let here = reader.offset();
            match reader.next() {
                Ok(None) => return Ok(cut),
                Err(ReadFault::Io(error)) => return Err(error),
                Err(ReadFault::Bad(_)) => break here,
                Ok(Some(frame)) if frame.kind == Kind::Record => cut.records = true,
                Ok(Some(frame)) if checks < HEADS_CAP && cut.promised.is_none_or(|known| frame.seq > known) => {
                    checks += 1;
                    let signed = chain.zip(hash_before(file, here)?).is_some_and(|(chain, previous)| {
                        keys.iter().any(|key| check_head(chain, frame.seq, &previous, frame.payload, key).is_some())
                    });
                    cut.promised = if signed { Some(frame.seq) } else { cut.promised };
                }
                Ok(Some(_)) => {}
            }
        };
        next = next_whole(file, bad)?;
    }
    Ok(cut)
}

/// The last bytes of the frame before; the first frame of a file has none.
pub(crate) fn hash_before(file: &File, offset: u64) -> io::Result<Option<Hash>> {
    let Some(start) = offset.checked_sub(32).filter(|_| offset > HEADER_LEN as u64) else { return Ok(None) };
    let mut hash = [0; 32];
    file.read_exact_at(&mut hash, start)?;
    Ok(Some(hash))
}
