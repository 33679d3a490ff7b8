//! Candidates become findings: check digits and structure, context, and which of several rules a value belongs to.

mod assigned;
mod attack;
mod checks;
mod dump;
mod engine;
mod grounds;
mod resolve;
mod table;
mod unmarked;
mod value;
mod work;

pub(crate) use attack::Meaning;
pub use attack::{
    ACT_SLOTS, Act, AttackModel, BIAS_SLOT, CONCEPT_SLOTS, Concept, FEATURE_VERSION, Features, LOOK, Lexicon,
    LexiconError, ModelError, SLOT_BITS, Spelling,
};
pub(crate) use checks::Check;
pub(crate) use engine::{Candidate, Engine, LOOKAHEAD, LOOKBEHIND, Sweep, is_near};
pub(crate) use grounds::Grounds;
pub(crate) use resolve::{resolve, without_public};
pub(crate) use value::Word;
pub(crate) use work::Work;
