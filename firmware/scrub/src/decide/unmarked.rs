//! Values that no literal marks: the words of a wallet's mnemonic, and its key in base58.
//!
//! Both are long, so what may be one is probed at steps shorter than the shortest of them, and what a probe meets is read
//! to both of its ends.

mod base58;
mod phrase;

use std::ops::Range;

use crate::lanes::{Marks, Stretch};

pub(super) use base58::base58check;
pub(super) use phrase::mnemonic;

/// Bytes between two probes. Keys have 51, and the last word of the shortest mnemonic begins as many behind the first one.
const STEP: usize = 44;
const _: () = assert!(STEP <= phrase::SPREAD);

/// Bytes of a mnemonic that no probe may meet yet, since it has fewer words so far.
pub(super) const UNMET: usize = STEP + phrase::MAX_WORD;

/// A run that may be a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) range: Range<usize>,
    /// Whether more text could belong to it.
    pub(super) grows: bool,
}

/// The runs of words of the list of mnemonics, all that have twelve of them.
/// `marks` are those of the text: words that are shorter or longer than those of the list, of which most texts are full,
/// and wide gaps are in none.
pub(super) fn phrases(text: &[u8], marks: &Marks) -> impl Iterator<Item = Run> {
    probe(text, marks.stretches(Stretch::Words, phrase::SPREAD, text.len()), phrase::run_around)
}

/// The runs of letters and digits that are as long as a private key in base58. `marks` are those of the text.
pub(super) fn base58_runs(text: &[u8], marks: &Marks) -> impl Iterator<Item = Run> {
    probe(text, marks.stretches(Stretch::Run, base58::LEN.start, text.len()), base58::run_around)
}

/// What `read` finds around the places that are probed in stretches of a text, of which none lies in what was found before.
fn probe(
    text: &[u8],
    mut stretches: impl Iterator<Item = Range<usize>>,
    read: impl Fn(&[u8], usize) -> Option<Run>,
) -> impl Iterator<Item = Run> {
    let mut stretch = 0..0;
    std::iter::from_fn(move || {
        loop {
            while stretch.start < stretch.end {
                let run = read(text, stretch.start);
                stretch.start = run.as_ref().map_or(stretch.start, |run| run.range.end) + STEP;
                if run.is_some() {
                    return run;
                }
            }
            stretch = stretches.next()?;
        }
    })
}

#[cfg(test)]
mod tests;
