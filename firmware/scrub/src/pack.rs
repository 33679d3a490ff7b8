//! A pack: rules from all files, compiled once and then immutable.

mod builtin;
mod examples;
mod machine;
mod rule;
mod source;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use gate_core::{Action, KnowledgeBase};
use thiserror::Error;

use self::machine::Alphabet;
use self::source::{RawFile, RawRule, Start, line_of};

use crate::scan::Scanner;

pub use builtin::BUILTIN;
pub use source::Severity;
pub use words::OfficeWord;

pub(crate) use machine::Forward;
pub(crate) use rule::{Approach, MAX_ANCHOR, MAX_REACH, Rule};

/// Compiled rules. Share it as an `Arc`; nothing in it changes after [`Pack::compile`].
#[derive(Debug)]
pub struct Pack {
    rules: Vec<Rule>,
    examples: Vec<examples::Examples>,
    /// Finds every anchor of every rule in one pass, upper and lower case alike.
    anchors: AhoCorasick,
    /// The rules of each anchor, by the automaton's pattern number.
    anchored: Vec<Vec<usize>>,
    /// The rules that are tried at digits.
    digits: Vec<usize>,
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
    #[error("the anchors of all rules do not fit one automaton: {0}")]
    Anchors(String),
}

/// What is gathered while files are read.
#[derive(Default)]
struct Draft {
    rules: Vec<Rule>,
    examples: Vec<examples::Examples>,
    files: HashMap<String, String>,
    anchors: Vec<String>,
    anchored: Vec<Vec<usize>>,
    digits: Vec<usize>,
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
        let mut draft = Draft::default();
        for (path, text) in files {
            draft.add_file(path, text)?;
        }
        for (index, word) in words.iter().enumerate() {
            let number = index + 1;
            let raw = word.rule(number).map_err(|why| PackError::Word { number, why })?;
            draft
                .add(raw, KnowledgeBase::Property, Alphabet::Unicode)
                .map_err(|(_, why)| PackError::Word { number, why })?;
        }
        draft.finish()
    }

    /// Runs every rule's examples through the whole engine and says which do not hold. Apart from compiling, so that a
    /// daemon starts fast; whoever builds or installs a pack asks.
    pub fn failing_examples(self: &Arc<Self>) -> Vec<PackError> {
        let scanner = Scanner::new(Arc::clone(self));
        self.examples.iter().flat_map(|examples| examples.failures(&scanner)).collect()
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
        self.anchors.memory_usage() + self.rules.iter().map(Rule::memory).sum::<usize>()
    }

    /// Every text that some rule's examples say must match, with the rule's id.
    #[cfg(test)]
    pub(crate) fn examples(&self) -> impl Iterator<Item = (&str, &str)> {
        self.examples.iter().flat_map(examples::Examples::matching)
    }

    pub(crate) fn rule(&self, index: usize) -> &Rule {
        &self.rules[index]
    }

    pub(crate) fn anchors(&self) -> &AhoCorasick {
        &self.anchors
    }

    pub(crate) fn rules_of_anchor(&self, anchor: usize) -> &[usize] {
        &self.anchored[anchor]
    }

    pub(crate) fn digit_rules(&self) -> &[usize] {
        &self.digits
    }
}

impl Draft {
    fn add_file(&mut self, path: &str, text: &str) -> Result<(), PackError> {
        let file: RawFile = toml::from_str(text).map_err(|error| PackError::Toml {
            file: path.to_owned(),
            line: line_of(text, error.span().unwrap_or_default()),
            why: error.message().to_owned(),
        })?;
        for spanned in file.rules {
            let (file_name, line) = (path.to_owned(), line_of(text, spanned.span()));
            let raw = spanned.into_inner();
            let rule = raw.id.clone();
            if let Some(earlier) = self.files.insert(rule.clone(), path.to_owned()) {
                return Err(PackError::Duplicate { file: file_name, line, rule, earlier });
            }
            self.examples.push(examples::Examples::new(path, line, &raw));
            self.add(raw, file.kb, Alphabet::Ascii).map_err(|(key, why)| PackError::Rule {
                file: file_name,
                line,
                rule,
                key,
                why,
            })?;
        }
        Ok(())
    }

    fn add(&mut self, raw: RawRule, kb: KnowledgeBase, alphabet: Alphabet) -> Result<(), (&'static str, String)> {
        let index = self.rules.len();
        if raw.starts == Some(Start::Digits) {
            self.digits.push(index);
        }
        for anchor in &raw.anchors {
            let folded = anchor.to_ascii_lowercase();
            match self.anchors.iter().position(|known| *known == folded) {
                Some(known) if self.anchored[known].last() == Some(&index) => {}
                Some(known) => self.anchored[known].push(index),
                None => {
                    self.anchors.push(folded);
                    self.anchored.push(vec![index]);
                }
            }
        }
        self.rules.push(Rule::compile(raw, kb, alphabet)?);
        Ok(())
    }

    fn finish(self) -> Result<Pack, PackError> {
        let anchors = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&self.anchors)
            .map_err(|error| PackError::Anchors(error.to_string()))?;
        let Self { rules, examples, anchored, digits, .. } = self;
        Ok(Pack { rules, examples, anchors, anchored, digits })
    }
}

#[cfg(test)]
mod tests;
