//! Concepts: words of many languages that mean the same for the model, and those of them that make it look.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use thiserror::Error;

use super::acts::{Act, Acts, MAX_ACTS, MAX_PARTS};
use super::features::{Features, Mention, Reader};
use super::normal::{Normal, View};
use super::prefixes::Prefixes;
use super::spellings::meanings;
use super::windows::{Cue, Text, Window, visit};
use crate::parse::{Shadow, Source};

/// Most concepts: features keep them in the bits of a word.
pub(super) const MAX_CONCEPTS: usize = 128;

/// Most spellings of all concepts, and the longest in bytes. One that is longer than an anchor is no cue.
pub(super) const MAX_SPELLINGS: usize = 16 << 10;
const MAX_SPELLING: usize = 96;

/// The hardest pull of a cue: it makes the model look by itself, however much of it there is elsewhere.
pub const LOOK: u8 = 12;

/// A beginning of a word, or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spelling {
    /// With a space at its end it is a whole word. Signs are in ASCII lower case.
    pub text: String,
    /// How much it does to make the model look, from none to [`LOOK`]: it counts even then, once the model looks.
    pub pull: u8,
}

/// Words that mean the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Concept {
    pub words: Vec<Spelling>,
    /// Found in the text as it is written, from the beginning of a word or with a sign of punctuation.
    pub signs: Vec<Spelling>,
    /// Words that pull when they are disguised, too: in digits, apart, reversed, in another alphabet.
    pub disguised: Vec<Spelling>,
}

/// Why concepts make no lexicon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LexiconError {
    #[error("there are more than 128 concepts")]
    Concepts,
    #[error("there are more than 16384 spellings")]
    Spellings,
    #[error("spelling {spelling} of concept {concept} is empty or has more than 96 bytes")]
    Spelling { concept: usize, spelling: usize },
    #[error("there are more than 200 acts, or act {act} has no part, more than six, or one without concepts")]
    Act { act: usize },
}

/// All concepts, ready to be found.
#[derive(Debug)]
pub struct Lexicon {
    concepts: Vec<Concept>,
    acts: Acts,
    /// The concepts of words in normal text.
    words: Prefixes,
    /// Those of signs in text as it is, in ASCII lower case.
    signs: Prefixes,
    /// A bit for each two bytes, the first one lower, that some sign begins with.
    sign_starts: Box<[u64; 1 << 10]>,
    /// What each anchor means, in ASCII lower case.
    cues: HashMap<Vec<u8>, Meaning>,
    /// Finds the anchors for whoever has no prefilter of a pack.
    finder: OnceLock<AhoCorasick>,
}

/// What a cue stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(super) concept: u8,
    pub(super) pull: u8,
    pub(super) view: View,
    /// Whether it begins with a letter, before which no other may stand.
    pub(super) starts_word: bool,
    /// Whether no letter may follow.
    pub(super) ends_word: bool,
}

impl Meaning {
    /// The cue that an anchor with this meaning is where it stands, if its neighbours allow.
    pub(crate) fn cue(self, text: &[u8], hit: Range<usize>) -> Option<Cue> {
        let letter = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_alphabetic);
        let cut = (self.starts_word && letter(hit.start.checked_sub(1))) || (self.ends_word && letter(Some(hit.end)));
        (!cut).then_some(Cue { start: hit.start, end: hit.end, meaning: self })
    }
}

impl Lexicon {
    /// Compiles concepts and acts.
    pub fn new(concepts: Vec<Concept>, acts: Vec<Act>) -> Result<Self, LexiconError> {
        check(&concepts)?;
        check_acts(&acts)?;
        let words = (0_u8..)
            .zip(&concepts)
            .flat_map(|(number, concept)| concept.words.iter().map(move |word| (normal_pattern(&word.text), number)));
        let signs = (0_u8..).zip(&concepts).flat_map(|(number, concept)| {
            concept.signs.iter().map(move |sign| (sign.text.to_ascii_lowercase().into_bytes(), number))
        });
        let mut sign_starts = Box::new([0; _]);
        for sign in concepts.iter().flat_map(|concept| &concept.signs).map(|sign| sign.text.to_ascii_lowercase()) {
            if let Some(two) = sign.as_bytes().first_chunk() {
                let pair = usize::from(u16::from_le_bytes(*two));
                sign_starts[pair / 64] |= 1 << (pair % 64);
            }
        }
        let (words, signs) = (Prefixes::new(words), Prefixes::new(signs));
        let mut cues = HashMap::new();
        for (anchor, meaning) in (0_u8..).zip(&concepts).flat_map(|(number, concept)| meanings(number, concept)) {
            cues.entry(anchor).or_insert(meaning);
        }
        Ok(Self { concepts, acts: Acts::new(acts), words, signs, sign_starts, cues, finder: OnceLock::new() })
    }

    pub(super) fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    pub(super) fn acts(&self) -> &Acts {
        &self.acts
    }

    /// The literals that make the model look, in ASCII lower case and in a fixed order.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut anchors: Vec<String> = self.cues.keys().filter_map(|cue| String::from_utf8(cue.clone()).ok()).collect();
        anchors.sort_unstable();
        anchors
    }

    /// Whether an anchor counts only where a word begins.
    pub(crate) fn begins_word(&self, anchor: &str) -> bool {
        self.cues.get(anchor.as_bytes()).is_some_and(|meaning| meaning.starts_word)
    }

    /// What an anchor, in ASCII lower case, stands for.
    pub(crate) fn meaning(&self, anchor: &str) -> Option<Meaning> {
        self.cues.get(anchor.as_bytes()).copied()
    }

    /// Calls `read` with each window of a text as [`windows::visit`] does.
    pub(super) fn visit(&self, text: &[u8], mut read: impl FnMut(&Text<'_>, &Window) -> Option<bool>) {
        let shadow = Shadow::of(Source::origin(text));
        let text = Text { bytes: &shadow.text, shadow: &shadow, base: 0, fresh: None };
        visit(&text, &self.cues_of(text.bytes), |window| read(&text, window));
    }

    /// What all windows of a text come to, and those around each sentence, whatever that comes to.
    pub(super) fn features_of(&self, text: &[u8]) -> Vec<Features> {
        let (mut reader, mut all) = (Reader::default(), Vec::new());
        let mut sentences = HashMap::new();
        self.visit(text, |text, window| {
            let mut slots = reader.slots(self, &text.bytes[window.read.clone()], window.view).to_vec();
            slots.sort_unstable();
            if window.after.is_none() {
                sentences.insert(window.read.clone(), all.len());
            }
            let after = window.after.as_ref().and_then(|sentence| sentences.get(sentence).copied());
            all.push(Features { slots, after });
            Some(true)
        });
        all
    }

    /// The literals of a text that pull.
    pub fn literals(&self, text: &[u8]) -> Vec<String> {
        let shadow = Shadow::of(Source::origin(text));
        let literal = |cue: Cue| String::from_utf8_lossy(&shadow.text[cue.start..cue.end]).to_lowercase();
        self.cues_of(&shadow.text).into_iter().map(literal).collect()
    }

    fn cues_of(&self, text: &[u8]) -> Vec<Cue> {
        let finder = self.finder.get_or_init(|| {
            let anchors = AhoCorasick::builder().ascii_case_insensitive(true).build(self.anchors());
            anchors.expect("a bounded number of short literals fits one automaton")
        });
        let hits = finder.find_overlapping_iter(text);
        let meaning = |hit: Range<usize>| self.cues.get(&text[hit].to_ascii_lowercase()).copied();
        let mut cues: Vec<Cue> = hits.filter_map(|hit| meaning(hit.range())?.cue(text, hit.range())).collect();
        cues.sort_by_key(|cue| (cue.start, cue.end));
        cues
    }

    /// The concepts of a window, in order of place: those of its words, and of what stands in it as it is written.
    pub(super) fn mentions(&self, normal: &Normal, raw: &[u8], mentions: &mut Vec<Mention>) {
        let text = normal.text.as_bytes();
        for word in &normal.words {
            self.words.at(&text[word.start..], |concept| mention(mentions, concept, word.start));
            if word.dense {
                for (at, _) in normal.text[word.start..word.end].char_indices().skip(1) {
                    let at = word.start + at;
                    self.words.at(&text[at..], |concept| mention(mentions, concept, at));
                }
            }
        }
        let count = mentions.len();
        let mut words = normal.words.iter().peekable();
        for (at, two) in raw.windows(2).enumerate() {
            let pair = usize::from(u16::from_le_bytes([two[0], two[1]]));
            let starts = self.sign_starts[pair / 64] >> (pair % 64) & 1 != 0
                && !(two[0].is_ascii_alphanumeric() && at > 0 && raw[at - 1].is_ascii_alphanumeric());
            if starts {
                self.signs.at(&raw[at..], |concept| {
                    while words.next_if(|word| word.origin < at).is_some() {}
                    mention(mentions, concept, words.peek().map_or(text.len(), |word| word.start));
                });
            }
        }
        if mentions.len() > count {
            mentions.sort_by_key(|mention| mention.at);
        }
    }
}

/// Adds a concept, once for each place.
fn mention(mentions: &mut Vec<Mention>, concept: u8, at: usize) {
    let mention = Mention { concept, at };
    if !mentions.iter().rev().take_while(|last| last.at == at).any(|last| *last == mention) {
        mentions.push(mention);
    }
}

fn check(concepts: &[Concept]) -> Result<(), LexiconError> {
    if concepts.len() > MAX_CONCEPTS {
        return Err(LexiconError::Concepts);
    }
    let mut count = 0;
    for (concept, words) in concepts.iter().enumerate() {
        let spellings = words.words.iter().chain(&words.signs).chain(&words.disguised);
        for (spelling, Spelling { text, .. }) in spellings.enumerate() {
            count += 1;
            if text.trim().is_empty() || text.len() > MAX_SPELLING {
                return Err(LexiconError::Spelling { concept, spelling });
            }
        }
    }
    if count > MAX_SPELLINGS { Err(LexiconError::Spellings) } else { Ok(()) }
}

fn check_acts(acts: &[Act]) -> Result<(), LexiconError> {
    let is_wrong = |act: &Act| act.parts.is_empty() || act.parts.len() > MAX_PARTS || act.parts.contains(&0);
    let wrong = acts.iter().position(is_wrong).or((acts.len() > MAX_ACTS).then_some(MAX_ACTS));
    wrong.map_or(Ok(()), |act| Err(LexiconError::Act { act }))
}

/// A word as it stands in normal text, from its first letter on.
fn normal_pattern(word: &str) -> Vec<u8> {
    let normal = Normal::of(word).text;
    let normal = normal.trim_start();
    if word.ends_with(' ') { normal } else { normal.trim_end() }.as_bytes().to_vec()
}
