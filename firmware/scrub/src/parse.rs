//! Bytes become texts to match in: the normalised shadow of a body, the strings of its structure, and what its nested
//! encodings unfold to. Every derived byte knows where it came from.

mod chars;
mod escapes;
mod form;
mod json;
mod letters;
mod map;
mod nested;
mod shadow;
mod unfold;
mod utf16;

pub(crate) use chars::whole_units;
pub(crate) use form::form;
pub(crate) use json::{Nesting, json, ndjson};
pub(crate) use shadow::{Reading, Shadow, Source};
pub(crate) use unfold::{Layer, Unfolded, touches};
pub(crate) use utf16::utf16;

#[cfg(test)]
mod tests;
