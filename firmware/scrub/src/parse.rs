//! Bytes become texts to match in: the normalised shadow of a body, the strings of its structure, and what its nested
//! encodings unfold to. Every derived byte knows where it came from.

mod chars;
mod escapes;
mod form;
mod json;
mod letters;
mod map;
mod multipart;
mod nested;
mod shadow;
mod sse;
mod structure;
mod unfold;
mod utf16;

pub use chars::folds;
pub(crate) use chars::whole_units;
pub(crate) use json::Nesting;
pub use multipart::{MAX_WIDE, content_start};
pub use shadow::Opaque;
pub(crate) use shadow::{Reading, Shadow, Source};
pub(crate) use structure::readings;
pub(crate) use unfold::{Layer, Unfolded, touches};

use form::form;
use json::{json, ndjson};
use multipart::multipart;
use sse::sse;
use utf16::utf16;

#[cfg(test)]
mod tests;
