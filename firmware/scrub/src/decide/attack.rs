//! A small linear model that knows an attack on a language model when it reads one.
//!
//! ```text
//!   cues of the prefilter ──► windows ──► normal form ──► hashed features ──► sum of weights ──► threshold
//!   (stems of concepts)       sentence,    letters that    words, n-grams,     one byte each
//!                                ▲         are meant       concepts in pairs         │
//!                                └────────────── wider, if that comes to something ──┘
//! ```
//!
//! Each cue pulls as hard as it is rarer in plain text than in attacks; only where cues of different concepts stand close
//! and pull hard enough together is anything read a second time: a sentence, and what stands around one that comes to
//! something.
//!
//! Words of twenty languages are grouped into *concepts* (to disregard, what came before, rules, a persona ...). What the
//! model learns of concepts standing together in one language holds for the others, and for wordings that it never saw.
//! The program that trains it is `examples/train_attacks`, from the phrases in `firmware/packs/kb7-attacks/model`.
//!
//! **Invariant:** a score depends on the bytes of its window only, and is a sum of whole numbers: the same everywhere.

mod acts;
mod features;
mod format;
mod lexicon;
mod normal;
mod pieces;
mod prefixes;
mod spellings;
mod windows;

use std::cell::RefCell;

use gate_core::Why;

use self::features::Reader;
use super::{Candidate, Grounds, Work};

pub use acts::Act;
pub use features::{ACT_SLOTS, BIAS_SLOT, CONCEPT_SLOTS, Features};
pub use format::ModelError;
pub use lexicon::{Concept, LOOK, Lexicon, LexiconError, Spelling};

pub(crate) use lexicon::Meaning;
pub(crate) use windows::{AHEAD, BACK, Cue, REACH, Text};

/// Changes whenever the same text gives other features, so that weights never meet features they were not made for.
pub const FEATURE_VERSION: u32 = 4;

/// Weights are addressed by so many bits of a feature's hash.
pub const SLOT_BITS: u32 = 18;

/// Steps of finding the sentence of a cue, and others that pull with it.
const CUE_COST: usize = 32;

thread_local! {
    /// What reading a window needs is kept from one scan to the next.
    static READER: RefCell<Reader> = RefCell::default();
}

/// A trained model: concepts, weights and the score from which a window is an attack.
#[derive(Debug)]
pub struct AttackModel {
    lexicon: Lexicon,
    weights: Vec<i8>,
    /// The score of a sentence below which what stands around it is not read.
    floor: i32,
    threshold: i32,
    inputs: u64,
}

impl AttackModel {
    /// A model of 2^[`SLOT_BITS`] weights, in the order of their slots; `inputs` identifies what it was trained from.
    pub fn new(
        lexicon: Lexicon,
        weights: Vec<i8>,
        floor: i32,
        threshold: i32,
        inputs: u64,
    ) -> Result<Self, ModelError> {
        if weights.len() != 1 << SLOT_BITS {
            return Err(ModelError::Weights { count: weights.len() });
        }
        normal::prepare();
        Ok(Self { lexicon, weights, floor, threshold, inputs })
    }

    /// Reads what [`AttackModel::to_bytes`] wrote. Hostile bytes are an error, and never cost more memory than they have.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        format::read(bytes)
    }

    /// The model as a file: the same bytes for the same model.
    pub fn to_bytes(&self) -> Vec<u8> {
        format::write(self)
    }

    /// The score from which a window is an attack.
    pub fn threshold(&self) -> i32 {
        self.threshold
    }

    /// Identifies the phrases that the weights were made from.
    pub fn inputs(&self) -> u64 {
        self.inputs
    }

    /// The highest score of the windows of a text that are read; `None` without any.
    pub fn score(&self, text: &[u8]) -> Option<i32> {
        let (mut reader, mut best) = (Reader::default(), None);
        self.lexicon.visit(text, |text, window| {
            let score = self.sum(reader.slots(&self.lexicon, &text.bytes[window.read.clone()], window.view));
            best = best.max(Some(score));
            Some(score >= self.floor)
        });
        best
    }

    /// What the windows of a text come to: what the training program learns from.
    pub fn features(&self, text: &[u8]) -> Vec<Features> {
        self.lexicon.features_of(text)
    }

    /// How many bytes of a text the model reads, those of two windows twice.
    pub fn reads(&self, text: &[u8]) -> usize {
        let (mut reader, mut bytes) = (Reader::default(), 0);
        self.lexicon.visit(text, |text, window| {
            bytes += window.read.len();
            let slots = reader.slots(&self.lexicon, &text.bytes[window.read.clone()], window.view);
            Some(self.sum(slots) >= self.floor)
        });
        bytes
    }

    /// What identifies the phrases that a model is trained from: `(name, text)` of each file, in order.
    pub fn fingerprint<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> u64 {
        let parts = files.into_iter().flat_map(|(name, text)| [name, "\0", text, "\0"]);
        parts
            .flat_map(str::bytes)
            .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
    }

    /// The concepts it was made with.
    pub fn lexicon(&self) -> &Lexicon {
        &self.lexicon
    }

    fn sum(&self, slots: &[u32]) -> i32 {
        slots.iter().map(|slot| i32::from(self.weights[*slot as usize])).sum()
    }

    /// What the windows around `cues` that are attacks come to, as candidates of the rule with number `rule`. They are
    /// not all when `work` is spent.
    pub(crate) fn judge(&self, rule: usize, text: &Text<'_>, cues: &[Cue], work: &mut Work, out: &mut Vec<Candidate>) {
        READER.with_borrow_mut(|reader| {
            work.spend(cues.len() * CUE_COST);
            windows::visit(text, cues, |window| {
                if work.is_spent() {
                    return None;
                }
                let score = self.sum(reader.slots(&self.lexicon, &text.bytes[window.read.clone()], window.view));
                work.spend(reader.steps);
                if score >= self.threshold {
                    let (start, end) = (window.span.start, window.span.end);
                    let why = Grounds::default().with(Why::Model, true);
                    let confidence = confidence(score - self.threshold);
                    out.push(Candidate { rule, start, end, confidence, why, public: false });
                }
                Some(score >= self.floor)
            })
        });
    }
}

/// How sure a score is that lies so far above the threshold: 60 at it, rising to 99.
fn confidence(above: i32) -> u8 {
    u8::try_from(60 + (above / 8).min(39)).unwrap_or(99)
}

#[cfg(test)]
mod tests;
