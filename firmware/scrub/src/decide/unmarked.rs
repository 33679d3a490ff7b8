//! Values that no literal marks: the words of a wallet's mnemonic, and its key in base58.
//!
//! Both are long, so the text is probed at steps shorter than the shortest of them (words are counted, bytes of a key), and
//! what a probe meets is read to both of its ends.

mod base58;
mod phrase;

use std::ops::Range;

use crate::lanes::Marks;

pub(super) use base58::base58check;
pub(super) use phrase::mnemonic;

/// Bytes between two probes for keys, which have 51.
const STEP: usize = 44;

/// Beginnings of words between two probes for mnemonics, whose shortest have twelve words.
const WORDS: usize = 12;

/// Bytes of a mnemonic that no probe may meet yet, since it has fewer words so far.
pub(super) const UNMET: usize = WORDS * phrase::MAX_WORD;

/// A run that may be a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) range: Range<usize>,
    /// Whether more text could belong to it.
    pub(super) grows: bool,
}

/// The runs of words of the list of mnemonics, all that have twelve of them. `marks` are those of the text.
pub(super) fn phrases(text: &[u8], marks: &Marks) -> impl Iterator<Item = Run> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = marks.word_from(from, WORDS)?;
            let Some(word) = phrase::word_at(text, at) else {
                from = at + 1;
                continue;
            };
            // Where the words before it begin behind the first of twelve, twelve of them end farther on.
            let start = phrase::start_of(text, word.start);
            if marks.word_from(from, 1)? < start {
                from = start;
                continue;
            }
            let run = phrase::run(text, start, word);
            from = run.as_ref().map_or(at + 1, |run| run.range.end);
            if run.is_some() {
                return run;
            }
        }
    })
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
