//! A pack: rules from all files, compiled once and then immutable.

mod allow;
mod anchors;
mod builtin;
mod digits;
mod draft;
mod examples;
mod format;
mod keys;
mod keyword;
mod machine;
mod proof;

mod rule;
mod source;
mod version;
mod words;

use std::sync::Arc;

use gate_core::{Action, KnowledgeBase};
use thiserror::Error;

use crate::decide::{AttackModel, ModelError};
use crate::lanes::Marks;
use crate::scan::Scanner;

use self::allow::AllowList;
use self::draft::Draft;
use self::machine::Alphabet;

pub use builtin::{BUILTIN, BUILTIN_MODEL};
pub use format::{FormatError, MAX_PACK_BYTES, PackSource};
pub use source::Severity;
pub use version::{PackInfo, PackVersion, VersionError};
pub use words::OfficeWord;

pub(crate) use anchors::Anchors;
pub use anchors::frequency_slot;
pub(crate) use digits::DigitRules;
pub(crate) use machine::{Forward, Trails};
pub(crate) use rule::{Approach, MAX_ANCHOR, MAX_REACH, Rule};

/// The file among the sources that names the pack.
const MANIFEST: &str = "pack.toml";

/// The file among the sources that lists public values.
const ALLOW_LIST: &str = "allow.toml";

/// The file among the sources with the keys that DNSSEC starts from; another room uses them.
const ZONE_KEYS: &str = "dnssec.toml";

/// Most rules of a pack.
const MAX_RULES: usize = 4096;

/// Most memory of all automata: what the workers of the smallest device have to spare.
const MAX_MEMORY: usize = 24 << 20;

/// Most bytes of all anchors.
const MAX_ANCHORS: usize = 160 << 10;

/// Compiled rules. Share it as an `Arc`; nothing in it changes after [`Pack::compile`].
#[derive(Debug)]
pub struct Pack {
    info: PackInfo,
    rules: Vec<Rule>,
    allow: AllowList,
    examples: Vec<examples::Examples>,
    /// Finds every anchor of every rule in one pass.
    anchors: Anchors,
    /// The rules that are tried at digits.
    digits: DigitRules,
    /// The rules that are tried at runs of words of mnemonics.
    words: Vec<usize>,
    /// The rules that are tried at runs of base58.
    base58: Vec<usize>,
    /// Scores attacks, as the rule with this number.
    attack_model: Option<(usize, AttackModel)>,
}

/// What people and other rooms may know of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleInfo<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub kind: &'a str,
    pub kb: KnowledgeBase,
    pub severity: Severity,
    pub action: Action,
}

/// Why rules do not make a pack.
#[derive(Debug, Error)]
pub enum PackError {
    #[error("{file}:{line}: {why}")]
    Toml { file: String, line: usize, why: String },
    #[error("{file}:{line}: rule `{rule}`: `{key}` {why}")]
    Rule { file: String, line: usize, rule: String, key: &'static str, why: String },
    #[error("{file}:{line}: rule `{rule}` has the same id as one in {earlier}")]
    Duplicate { file: String, line: usize, rule: String, earlier: String },
    #[error("{file}:{line}: rule `{rule}`: example {number} of `{key}` {why}")]
    Example { file: String, line: usize, rule: String, key: &'static str, number: usize, why: String },
    #[error("code word {number}: {why}")]
    Word { number: usize, why: String },
    #[error("{file}:{line}: rule `{rule}` makes more than {limit} {what}")]
    TooMuch { file: String, line: usize, rule: String, what: &'static str, limit: usize },
    #[error("{ZONE_KEYS}: {why}")]
    Keys { why: String },
    #[error("there is no `pack.toml` with the pack's name and version")]
    NoManifest,
    #[error("the attack model of the pack: {0}")]
    Model(#[from] ModelError),
    #[error("the pack {0}")]
    Format(#[from] FormatError),
}

impl PackError {
    /// The file of the mistake, as its path was given.
    pub fn file(&self) -> Option<&str> {
        match self {
            Self::Toml { file, .. }
            | Self::Rule { file, .. }
            | Self::Duplicate { file, .. }
            | Self::Example { file, .. }
            | Self::TooMuch { file, .. } => Some(file),
            Self::Keys { .. } => Some(ZONE_KEYS),
            Self::Word { .. } | Self::NoManifest | Self::Model(_) | Self::Format(_) => None,
        }
    }
}

impl Pack {
    /// Compiles rules from `(path, TOML)` pairs.
    pub fn compile<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, PackError> {
        Self::compile_with_words(files, &[])
    }

    /// Compiles rules from `(path, TOML)` pairs together with the office's own code words.
    pub fn compile_with_words<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        words: &[OfficeWord],
    ) -> Result<Self, PackError> {
        Self::build(PackInfo::default(), files, BUILTIN_MODEL, words).map_err(|mut errors| errors.remove(0))
    }

    /// Compiles rules and names every mistake there is. Without a manifest among the files the pack is called `info`.
    fn build<'a>(
        info: PackInfo,
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        model: &[u8],
        words: &[OfficeWord],
    ) -> Result<Self, Vec<PackError>> {
        let mut draft = Draft::new(info);
        for (path, text) in files {
            draft.add_file(path, text, model);
        }
        for (index, word) in words.iter().enumerate() {
            draft.add_word(index + 1, word);
        }
        draft.finish()
    }

    /// Runs every rule's examples through the whole engine and says which do not hold; which anchors begin no match of
    /// their rule; and which rules could match what begins with no anchor, so that a spelling was forgotten. Apart from
    /// compiling, so that a daemon starts fast; whoever builds or installs a pack asks.
    pub fn failing_examples(self: &Arc<Self>) -> Vec<PackError> {
        let scanner = Scanner::new(Arc::clone(self));
        let dead = self.proofs(proof::every_anchor_begins_a_match);
        let wider = self.proofs(proof::every_match_begins_with_an_anchor);
        dead.chain(wider).chain(self.examples.iter().flat_map(|examples| examples.failures(&scanner))).collect()
    }

    /// Calls `tried` with each rule that `text` would be tried with, and the literal that calls for it; none is empty but
    /// that of a number. For measuring what a rule costs where it finds nothing.
    pub fn tries(&self, text: &[u8], mut tried: impl FnMut(&str, &[u8])) {
        let marks = Marks::of(text, self.anchors.wanted());
        self.anchors.find(text, &marks, |literal, at| {
            literal.rules().iter().for_each(|rule| tried(&self.rules[*rule].id, &text[at..at + literal.len()]));
        });
        let digit = |at: usize| text[at].is_ascii_digit();
        for at in (0..text.len()).filter(|at| digit(*at) && !(*at > 0 && digit(at - 1))) {
            self.digits.at(text, at, false).iter().for_each(|rule| tried(&self.rules[*rule].id, b""));
        }
    }

    /// The rules with anchors for which a proof fails.
    fn proofs(&self, proof: proof::Proof) -> impl Iterator<Item = PackError> {
        self.examples.iter().zip(&self.rules).enumerate().filter_map(move |(index, (examples, rule))| {
            let (anchors, any_case) = self.anchors.of_rule(index);
            let anchored = rule.anchored().filter(|_| !anchors.is_empty())?;
            let key = if matches!(rule.approach, Approach::Lead(_)) { "lead" } else { "pattern" };
            // Both in one may be too large, where the lead alone proves as much.
            let opening = Forward::new(examples.opening(), Alphabet::Ascii).ok();
            let why = proof(&opening.as_ref().unwrap_or(anchored).walk(), &anchors, any_case).err()?;
            Some(examples.rule_error(key, why))
        })
    }

    /// Name and version.
    pub fn info(&self) -> &PackInfo {
        &self.info
    }

    /// How many public values the pack lets pass.
    pub fn allowed(&self) -> usize {
        self.allow.len()
    }

    /// All rules, in file order.
    pub fn rules(&self) -> impl Iterator<Item = RuleInfo<'_>> {
        self.rules.iter().map(|rule| RuleInfo {
            id: &rule.id,
            name: &rule.name,
            kind: &rule.kind,
            kb: rule.kb,
            severity: rule.severity,
            action: rule.action,
        })
    }

    /// Bytes of memory of all automata.
    pub fn memory(&self) -> usize {
        self.anchors.memory() + self.digits.memory() + self.rules.iter().map(Rule::memory).sum::<usize>()
    }

    /// Every text that some rule's examples say must match, with the rule's id.
    #[cfg(test)]
    pub(crate) fn examples(&self) -> impl Iterator<Item = (&str, &str)> {
        self.examples.iter().flat_map(examples::Examples::matching)
    }

    /// Whether the whole of a value is public.
    pub(crate) fn allows(&self, value: &[u8]) -> bool {
        self.allow.has(value)
    }

    pub(crate) fn rule(&self, index: usize) -> &Rule {
        &self.rules[index]
    }

    pub(crate) fn anchors(&self) -> &Anchors {
        &self.anchors
    }

    pub(crate) fn digit_rules(&self) -> &DigitRules {
        &self.digits
    }

    /// The number of the rule that stands for the attack model, and the model.
    pub(crate) fn attack_model(&self) -> Option<(usize, &AttackModel)> {
        self.attack_model.as_ref().map(|(rule, model)| (*rule, model))
    }

    pub(crate) fn word_rules(&self) -> &[usize] {
        &self.words
    }

    pub(crate) fn base58_rules(&self) -> &[usize] {
        &self.base58
    }
}

#[cfg(test)]
mod tests;
