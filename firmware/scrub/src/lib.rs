//! The scanner: bytes and a compiled pack in, findings and edited bytes out.
//!
//! It is responsible for knowing what in a body must not leave the office, and where that stands to the byte. What is
//! done about it is the policy's business; how a provider's request is put together is the dialect's.
//!
//! ```text
//!   body ──► accept ──► parse ─────────────────► decide ───────────────────────► act
//!            limits     structure, shadow,        anchors ► automata ► checks      edits by
//!            charset    nested encodings,         ► context ► one finding          byte span
//!                       index map to the body       for each value
//!                                                     ▲
//!                          packs (TOML) ──► Pack ─────┘
//! ```
//!
//! A body becomes one *shadow*: a text in which escapes are resolved, invisible characters are dropped and compatibility
//! forms are folded, with a map back to the bytes of the body. JSON contributes its strings as lines of
//! `"key": "value"`, so that a key is context for its value, and apart from them its long numbers. All rules run over
//! that one text: a filter finds the literals that a match must contain, an anchored DFA reads on from there, checks and context decide.
//!
//! What other programs resolve (percent escapes, character references), what only people read (look-alike letters) and
//! what is encoded (base64, hexadecimal, gzip) is resolved in a second text beside the first, in the middle of its
//! surroundings, and in a third and fourth where one lies inside the other. Only what stands near such places is read
//! again.
//!
//! **Invariant:** pure and deterministic. No socket, file or clock, and no thread but those that compile a pack; the same bytes and pack give the same
//! findings, whole or cut into chunks anywhere ([`Stream`]).
//!
//! **Invariant:** linear time and bounded memory. No pattern backtracks; every match, look-around and nested encoding has
//! a cap, and past the caps of [`Limits`] a scan is an error, never a silent pass.
//!
//! **Invariant:** a finding or an error never holds the value. Spans never cut an escape or a character in two, so that
//! an edited JSON text parses to the same structure.

mod accept;

mod parse;

mod decide;

mod act;

mod lanes;
mod pack;
mod scan;
mod stream;

pub use accept::{BodyKind, Boundary, Limits, ScanError, is_utf8, is_utf16, names_foreign_charset};
pub use act::{Edit, edit, placeholder};
pub use decide::{
    ACT_SLOTS, Act, AttackModel, BIAS_SLOT, CONCEPT_SLOTS, Concept, FEATURE_VERSION, Features, LOOK, Lexicon,
    LexiconError, ModelError, SLOT_BITS, Spelling,
};
pub use pack::{
    BUILTIN, BUILTIN_MODEL, FormatError, MAX_PACK_BYTES, OfficeWord, Pack, PackError, PackInfo, PackSource,
    PackVersion, RuleInfo, Severity, VersionError, frequency_slot,
};
pub use parse::{MAX_WIDE, Opaque, content_start, folds};
pub use scan::{Scanned, Scanner};
pub use stream::Stream;
