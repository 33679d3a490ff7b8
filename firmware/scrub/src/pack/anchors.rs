//! Finds where a literal of some rule stands, in a few instructions for each byte.
//!
//! ```text
//!   … p a s s w o r d = …        four bytes
//!     └──┬──┘
//!   hash ▼
//!   [0 0 1 0 0 0 0 1 0 …]        a bit of the filter: may this be a window of some literal?
//!     bucket ▼
//!   "password"                   which literals; then byte for byte
//! ```
//!
//! Keywords and most prefixes count only where a word begins. They are looked up by their first bytes, at each such place
//! ([`Marks::words`] finds them, 64 bytes at once). What may stand inside of words is looked for
//! at every second place, and so has two windows next to each other: the pair that is rarest in what people write
//! ([`choice`]). One of them stands at an even place wherever the literal does.

mod anywhere;
mod bytes;
mod choice;
mod table;
mod words;

use std::collections::HashMap;

use self::bytes::Bytes;
pub use self::choice::frequency_slot;
use self::choice::{Choice, choice};
use self::table::Table;
use self::words::Words;
use super::rule::Rule;
use crate::decide::Meaning;
use crate::lanes::{Marks, Wanted};

/// A literal to look for.
#[derive(Debug)]
pub(crate) struct Literal {
    /// In lower case if the case does not matter.
    bytes: Vec<u8>,
    ignore_case: bool,
    /// Whether it counts only where a word begins.
    begins_word: bool,
    /// The rules that it is an anchor of, in rising order.
    rules: Vec<usize>,
    /// What it stands for, if it is a cue of the attack model.
    meaning: Option<Meaning>,
}

/// All literals of a pack, and what finds them.
#[derive(Debug)]
pub(crate) struct Anchors {
    literals: Vec<Literal>,
    /// What is found where a word begins.
    words: Words,
    /// What is found where a character beyond ASCII begins, before links and numbers, and by windows anywhere.
    windows: Table,
    /// What is too short for the tables.
    bytes: Bytes,
    /// What all these are looked for at.
    wanted: Wanted,
}

impl Literal {
    /// The number of its bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The rules that it is an anchor of, in rising order.
    pub(crate) fn rules(&self) -> &[usize] {
        &self.rules
    }

    /// What it stands for, if it is a cue of the attack model.
    pub(crate) fn meaning(&self) -> Option<Meaning> {
        self.meaning
    }

    /// Whether the literal stands in a text at `start`.
    fn stands(&self, text: &[u8], start: usize) -> bool {
        let there = start.checked_add(self.len()).and_then(|end| text.get(start..end));
        there.is_some_and(
            |there| {
                if self.ignore_case { there.eq_ignore_ascii_case(&self.bytes) } else { there == self.bytes }
            },
        )
    }
}

/// Words or windows that are looked at together, as a power of two, and how many there are in 64 bytes at most.
const BATCH: usize = 256;
const BLOCK: usize = 64;

/// Where words begin that begin like some literal, or windows stand that are like some. Nothing more of them is kept, so
/// that a batch leaves the nearest memory to the tables.
struct Batch {
    places: [usize; BATCH],
    len: usize,
}

impl Batch {
    /// An empty one.
    fn new() -> Self {
        Self { places: [0; BATCH], len: 0 }
    }

    /// Adds a place if it is one to be looked at, without a branch.
    #[inline(always)]
    fn add(&mut self, at: usize, is: bool) {
        self.places[self.len % BATCH] = at;
        self.len += usize::from(is);
    }

    /// Whether the places of 64 bytes more might not fit.
    #[inline(always)]
    fn is_full(&self) -> bool {
        self.len > BATCH - BLOCK
    }

    /// The places, which are no longer in it.
    fn take(&mut self) -> &[usize] {
        &self.places[..std::mem::take(&mut self.len)]
    }
}

/// Gathers literals while rules are read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    literals: Vec<Literal>,
    known: HashMap<(Vec<u8>, bool), usize>,
}

impl Draft {
    /// Adds an anchor of the rule with the number `rule`; rules come in rising order. It `begins_word` if the rule wants
    /// none of it inside a word ([`lanes::Classes::word_starts`](crate::lanes::Classes::word_starts)), and may have a
    /// `meaning` for the attack model.
    pub(super) fn add(
        &mut self,
        anchor: &str,
        ignore_case: bool,
        begins_word: bool,
        rule: usize,
        meaning: Option<Meaning>,
    ) {
        let bytes = if ignore_case { anchor.to_ascii_lowercase() } else { anchor.to_owned() }.into_bytes();
        let next = self.literals.len();
        let index = *self.known.entry((bytes.clone(), ignore_case)).or_insert(next);
        if index == next {
            let begins_word = bytes.first().is_some_and(u8::is_ascii_alphanumeric);
            self.literals.push(Literal { bytes, ignore_case, begins_word, rules: Vec::new(), meaning: None });
        }
        let literal = &mut self.literals[index];
        literal.begins_word &= begins_word;
        literal.meaning = literal.meaning.or(meaning);
        if literal.rules.last() != Some(&rule) {
            literal.rules.push(rule);
        }
    }

    /// The bytes of all literals.
    pub(super) fn bytes(&self) -> usize {
        self.literals.iter().map(Literal::len).sum()
    }

    /// Chooses by what each literal is found.
    pub(super) fn finish(self, rules: &[Rule]) -> Anchors {
        let (mut words, mut marked) = (Vec::new(), Vec::new());
        let (mut anywhere, mut bytes) = (Vec::new(), Vec::new());
        for (literal, index) in self.literals.iter().zip(0..) {
            match choice(literal, rules) {
                Choice::Words(windows) => words.extend(windows.into_iter().map(|window| (window, index))),
                Choice::Marked(window) => marked.push((window, index)),
                Choice::Byte(offset) => bytes.push((offset, index)),
                Choice::Anywhere => anywhere.push(index),
            }
        }
        let bytes = Bytes::new(&bytes, &self.literals);
        let (windows, wanted) = anywhere::windows(&anywhere, &self.literals);
        let words = Words::new(words, &self.literals);
        let wanted = Wanted::new(bytes.all(), wanted);
        let windows = Table::new([marked, windows].concat(), &self.literals);
        Anchors { literals: self.literals, words, windows, bytes, wanted }
    }
}

impl Anchors {
    /// The anchors of a rule, in order, and whether their case does not matter.
    pub(super) fn of_rule(&self, rule: usize) -> (Vec<&[u8]>, bool) {
        let own = || self.literals.iter().filter(|literal| literal.rules.binary_search(&rule).is_ok());
        let mut anchors: Vec<&[u8]> = own().map(|literal| &*literal.bytes).collect();
        anchors.sort_unstable();
        (anchors, own().any(|literal| literal.ignore_case))
    }

    /// What [`Marks`] are asked for.
    pub(crate) fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Calls `found` with every literal that stands in `text`, of which `marks` are the marks, and its place: first those
    /// that are found where words begin.
    pub(crate) fn find(&self, text: &[u8], marks: &Marks, mut found: impl FnMut(&Literal, usize)) {
        let mut check = |index: usize, start: usize| {
            let literal = &self.literals[index];
            if literal.stands(text, start) {
                found(literal, start);
            }
        };
        let mut batch = Batch::new();
        marks.words(text, |places| {
            places.for_each(|(at, eight)| self.words.sift(eight, at, &mut batch));
            if batch.is_full() {
                self.words.find(&mut batch, text, &mut check);
            }
        });
        self.words.find(&mut batch, text, &mut check);
        marks.windows(text, |places| {
            places.for_each(|(at, eight)| self.windows.sift(eight as u32, at, &mut batch));
            if batch.is_full() {
                self.windows.find(&mut batch, text, &mut check);
            }
        });
        self.windows.find(&mut batch, text, &mut check);
        marks.signs(|at| self.bytes.look(text, at, &mut check));
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let literals: usize = self.literals.iter().map(|literal| literal.len() + size_of::<Literal>()).sum();
        literals + self.windows.memory() + self.words.memory() + self.bytes.memory()
    }
}

#[cfg(test)]
mod tests;
