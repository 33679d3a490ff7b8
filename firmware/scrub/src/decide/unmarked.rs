//! Values that no literal marks: the words of a wallet's mnemonic, and its key in base58.
//!
//! Both are long, so the text is probed at steps shorter than the shortest of them, and what a probe meets is read to
//! both of its ends.

mod base58;
mod phrase;

use std::ops::Range;

pub(super) use base58::base58check;
pub(super) use phrase::mnemonic;

/// Bytes between two probes: twelve words of three letters have 47 with what separates them, a key in base58 has 51.
const STEP: usize = 44;

/// A run that may be a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) range: Range<usize>,
    /// Whether more text could belong to it.
    pub(super) grows: bool,
}

/// The runs of at least two words of the list of mnemonics.
pub(super) fn phrases(text: &[u8]) -> impl Iterator<Item = Run> {
    probe(text, phrase::run_around)
}

/// The runs of letters and digits that are as long as a private key in base58.
pub(super) fn base58_runs(text: &[u8]) -> impl Iterator<Item = Run> {
    probe(text, base58::run_around)
}

/// What `read` finds around the places that are probed, of which none lies in what was found before.
fn probe(text: &[u8], read: fn(&[u8], usize) -> Option<Run>) -> impl Iterator<Item = Run> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let run = read(text, at);
            at = run.as_ref().map_or(at, |run| run.range.end) + STEP;
            if run.is_some() {
                return run;
            }
        }
        None
    })
}

#[cfg(test)]
mod tests;
