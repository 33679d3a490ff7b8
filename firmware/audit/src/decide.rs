//! Whether what was read is what was written: the chain, its signed heads, and the walk over a whole journal.

mod chain;
mod head;
mod segment;
mod verify;

pub(crate) use self::chain::{Chain, Head, Link, Note, check_head, encode_head, link, read_note, read_record};
pub(crate) use self::head::StoredHead;
pub use self::head::{SignedHead, read_head};
pub use self::segment::{BadSegment, read_segment};
pub use self::verify::{Report, TornTail, VerifyError, verify};
