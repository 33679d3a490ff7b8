//! Bytes of a segment as values: the header, then frames.

mod frame;
mod header;

use thiserror::Error;

pub use self::frame::FRAME_CAP;
pub(crate) use self::frame::{BODY_MIN, Frame, FrameReader, Kind, PREFIX_LEN, ReadFault, STRIDE, frame_at};
pub(crate) use self::header::{ChainId, HEADER_LEN, Hash, Header};

/// What is wrong with a place in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    #[error("the file ends inside a frame: {have} of {want} bytes")]
    Torn { have: usize, want: usize },
    #[error("a frame of {0} bytes is too short to be one")]
    TooShort(usize),
    #[error("a frame of {0} bytes is longer than any may be")]
    TooLong(usize),
    #[error("the checksum is wrong")]
    Checksum,
    #[error("frames of kind {0} are unknown")]
    Kind(u8),
    #[error("the sequence number is {found} where {expected} belongs")]
    Sequence { expected: u64, found: u64 },
    #[error("the chain is broken: this is not what followed the frame before")]
    Chain,
    #[error("the content is not a record")]
    Payload,
    #[error("the signature of the head does not verify")]
    Signature,
    #[error("this is not the header of a segment")]
    Header,
    #[error("the segment has format version {0}, which this program does not read")]
    Version(u16),
    #[error("the segment belongs to another chain")]
    OtherChain,
    #[error("the segment is signed with another key")]
    OtherSigner,
    #[error("the file's name says {found} where {expected} belongs")]
    Name { expected: u64, found: u64 },
    #[error("the segments before this one are missing, and no tombstone accounts for them")]
    FrontMissing,
}
