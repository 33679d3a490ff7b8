//! Concepts: words of many languages that mean the same for the model, and those of them that make it look.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, MatchKind};
use thiserror::Error;

use super::features::Mention;
use super::normal::{Normal, View, is_dense, rot13};
use super::windows::{Cue, Text, windows};
use crate::pack::MAX_ANCHOR;
use crate::parse::{Shadow, Source};

/// Most concepts: features keep them in the bits of a word.
pub(super) const MAX_CONCEPTS: usize = 64;

/// Most spellings of all concepts, and the longest in bytes. One that is longer than an anchor is no cue.
pub(super) const MAX_SPELLINGS: usize = 16 << 10;
const MAX_SPELLING: usize = 96;

/// Shortest cue in bytes: one that is shorter stands everywhere.
const MIN_ANCHOR: usize = 4;

/// When a concept makes the model look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Never: it is too common.
    None,
    /// Together with another one nearby that is more than weak.
    Weak,
    /// Together with another one nearby.
    Pair,
    /// By itself.
    Solo,
}

/// Words that mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concept {
    pub gate: Gate,
    /// Beginnings of words that are cues, if the gate lets them; one with a space at its end is a whole word.
    pub cues: Vec<String>,
    /// Beginnings of words that are none.
    pub words: Vec<String>,
    /// Signs, found anywhere, in ASCII lower case; cues as well.
    pub signs: Vec<String>,
    /// Those cues that make it look when they are disguised, too: in digits, apart, reversed, in another alphabet.
    pub disguised: Vec<String>,
}

/// Why concepts make no lexicon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LexiconError {
    #[error("there are more than 64 concepts")]
    Concepts,
    #[error("there are more than 16384 spellings")]
    Spellings,
    #[error("spelling {spelling} of concept {concept} is empty or has more than 96 bytes")]
    Spelling { concept: usize, spelling: usize },
    #[error("the spellings do not fit one automaton")]
    Automaton,
}

/// All concepts, ready to be found.
#[derive(Debug)]
pub struct Lexicon {
    concepts: Vec<Concept>,
    /// Finds words in normal text, and the concepts of its patterns.
    words: (AhoCorasick, Vec<u8>),
    /// Finds signs in text as it is.
    signs: (AhoCorasick, Vec<u8>),
    /// What each anchor means, in ASCII lower case.
    cues: HashMap<Vec<u8>, Meaning>,
    /// Finds the anchors for whoever has no prefilter of a pack.
    finder: OnceLock<AhoCorasick>,
}

/// What a cue stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub(super) concept: u8,
    pub(super) gate: Gate,
    pub(super) view: View,
    /// Whether it begins with a letter, before which no other may stand.
    starts_word: bool,
    /// Whether no letter may follow.
    ends_word: bool,
}

impl Lexicon {
    /// Compiles concepts.
    pub fn new(concepts: Vec<Concept>) -> Result<Self, LexiconError> {
        check(&concepts)?;
        let words = (0_u8..).zip(&concepts).flat_map(|(number, concept)| {
            concept.cues.iter().chain(&concept.words).map(move |word| (normal_pattern(word), number))
        });
        let signs = (0_u8..)
            .zip(&concepts)
            .flat_map(|(number, concept)| concept.signs.iter().map(move |sign| (sign.to_ascii_lowercase(), number)));
        let (words, signs) = (automaton(words)?, automaton(signs)?);
        let mut cues = HashMap::new();
        for (number, concept) in (0_u8..).zip(&concepts).filter(|(_, concept)| concept.gate != Gate::None) {
            for (anchor, meaning) in meanings(number, concept) {
                cues.entry(anchor).or_insert(meaning);
            }
        }
        Ok(Self { concepts, words, signs, cues, finder: OnceLock::new() })
    }

    pub(super) fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// The literals that make the model look, in ASCII lower case and in a fixed order.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = self.cues.keys().filter_map(|cue| String::from_utf8(cue.clone()).ok()).collect();
        anchors.sort_unstable();
        anchors
    }

    /// The cue that an anchor's hit is, if its neighbours allow.
    pub(crate) fn cue(&self, text: &[u8], hit: Range<usize>) -> Option<Cue> {
        let meaning = *self.cues.get(text[hit.clone()].to_ascii_lowercase().as_slice())?;
        let letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let cut =
            (meaning.starts_word && letter(hit.start.checked_sub(1))) || (meaning.ends_word && letter(Some(hit.end)));
        (!cut).then_some(Cue { start: hit.start, end: hit.end, meaning })
    }

    /// The features of all windows of a text.
    pub(super) fn windows_of(&self, text: &[u8]) -> Vec<Vec<u32>> {
        let shadow = Shadow::of(Source::origin(text));
        let text = Text { bytes: &shadow.text, shadow: &shadow, base: 0 };
        let finder = self.finder.get_or_init(|| {
            let anchors = AhoCorasick::builder().ascii_case_insensitive(true).build(self.anchors());
            anchors.expect("a bounded number of short literals fits one automaton")
        });
        let hits = finder.find_overlapping_iter(text.bytes);
        let mut cues: Vec<Cue> = hits.filter_map(|hit| self.cue(text.bytes, hit.range())).collect();
        cues.sort_by_key(|cue| (cue.start, cue.end));
        let features = |window: super::Window| {
            let mut slots = Vec::new();
            self.slots(&text.bytes[window.read], window.view, &mut slots);
            slots
        };
        windows(&text, &cues).into_iter().map(features).collect()
    }

    /// The concepts of a window, in order of place.
    pub(super) fn mentions(&self, normal: &Normal, raw: &[u8]) -> Vec<Mention> {
        let words = self.words.0.find_overlapping_iter(&normal.text);
        let mut mentions: Vec<Mention> =
            words.map(|hit| Mention { concept: self.words.1[hit.pattern().as_usize()], at: hit.start() }).collect();
        let signs = self.signs.0.find_overlapping_iter(raw);
        mentions.extend(signs.map(|hit| Mention {
            concept: self.signs.1[hit.pattern().as_usize()],
            at: hit.start() * normal.text.len() / raw.len().max(1),
        }));
        mentions.sort_by_key(|mention| (mention.at, mention.concept));
        mentions.dedup();
        mentions
    }
}

fn check(concepts: &[Concept]) -> Result<(), LexiconError> {
    if concepts.len() > MAX_CONCEPTS {
        return Err(LexiconError::Concepts);
    }
    let mut count = 0;
    for (concept, words) in concepts.iter().enumerate() {
        let spellings = words.cues.iter().chain(&words.words).chain(&words.signs).chain(&words.disguised);
        for (spelling, word) in spellings.enumerate() {
            count += 1;
            if word.trim().is_empty() || word.len() > MAX_SPELLING {
                return Err(LexiconError::Spelling { concept, spelling });
            }
        }
    }
    if count > MAX_SPELLINGS { Err(LexiconError::Spellings) } else { Ok(()) }
}

fn automaton(patterns: impl Iterator<Item = (String, u8)>) -> Result<(AhoCorasick, Vec<u8>), LexiconError> {
    let (patterns, concepts): (Vec<String>, Vec<u8>) = patterns.unzip();
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .build(patterns)
        .map_err(|_| LexiconError::Automaton)?;
    Ok((automaton, concepts))
}

/// A word as it stands in normal text: after a space, unless its script has none.
fn normal_pattern(word: &str) -> String {
    let normal = Normal::of(word).text;
    let normal = if word.ends_with(' ') { normal.as_str() } else { normal.trim_end() };
    if normal.trim_start().starts_with(is_dense) { normal.trim().to_owned() } else { normal.to_owned() }
}

/// The anchors of a concept and what they mean. The search folds the case of ASCII, so others are spelled out.
fn meanings(number: u8, concept: &Concept) -> Vec<(Vec<u8>, Meaning)> {
    let mut all = Vec::new();
    let mut add = |anchor: String, view: View, starts_word: bool, ends_word: bool| {
        let meaning = Meaning { concept: number, gate: concept.gate, view, starts_word, ends_word };
        if (MIN_ANCHOR..=MAX_ANCHOR).contains(&anchor.len()) {
            all.push((anchor.to_ascii_lowercase().into_bytes(), meaning));
        }
    };
    for cue in &concept.cues {
        let (word, whole) = (cue.trim(), cue.ends_with(' '));
        for spelling in spellings(word) {
            add(spelling, View::Plain, word.starts_with(|c: char| c.is_ascii_alphabetic()), whole);
        }
    }
    for word in &concept.disguised {
        add(word.chars().map(rot13).collect(), View::Rot13, true, false);
        add(word.chars().rev().collect(), View::Reversed, false, true);
        for gap in [' ', '-', '.', '_'] {
            let apart: String = word.chars().flat_map(|c| [c, gap]).collect();
            add(apart.trim_end_matches(gap).to_owned(), View::Plain, true, false);
        }
        leet(word).into_iter().for_each(|leet| add(leet, View::Plain, true, false));
    }
    concept.signs.iter().for_each(|sign| add(sign.clone(), View::Plain, false, false));
    all
}

/// The cases in which a word is written: as it is, capitalised, in capitals.
fn spellings(word: &str) -> Vec<String> {
    if word.is_ascii() {
        return vec![word.to_owned()];
    }
    let mut chars = word.chars();
    let capitalised = chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>());
    let mut all = vec![word.to_owned(), word.to_uppercase()];
    all.extend(capitalised);
    all.sort();
    all.dedup();
    all
}

/// The word with each of its letters and with all of them as the digit or sign that stands for it.
fn leet(word: &str) -> Vec<String> {
    const SIGNS: [(char, char); 7] =
        [('i', '1'), ('i', '!'), ('o', '0'), ('e', '3'), ('a', '4'), ('s', '5'), ('t', '7')];
    let swap = |text: &str, (letter, sign): (char, char)| text.replace(letter, sign.encode_utf8(&mut [0; 4]));
    let mut all: Vec<String> = SIGNS.iter().map(|pair| swap(word, *pair)).collect();
    for first in [('i', '1'), ('i', '!')] {
        all.push(SIGNS[2..].iter().fold(swap(word, first), |text, pair| swap(&text, *pair)));
        all.push(SIGNS[2..5].iter().fold(swap(word, first), |text, pair| swap(&text, *pair)));
        all.push(swap(&swap(word, first), ('o', '0')));
    }
    all.sort();
    all.dedup();
    all.retain(|spelling| spelling != word);
    all
}
