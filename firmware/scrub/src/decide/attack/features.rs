//! From a window to slots of weights.

use super::SLOT_BITS;
use super::lexicon::Lexicon;
use super::normal::{Normal, View, is_dense, viewed};

/// Characters of a word that stand for it and its other forms.
const STEM: usize = 6;

/// Bytes of normal text within which concepts stand together.
const TOGETHER: usize = 110;

/// Bytes within which they stand close.
const CLOSE: usize = 28;

/// Most mentions of concepts that are looked at, of a window of any kind.
const MAX_MENTIONS: usize = 64;

/// What a feature is made of, as the first byte of its hash.
#[derive(Clone, Copy)]
enum Kind {
    Word,
    Stem,
    Pair,
    Skip,
    First,
    Grams,
    Concept,
    Near,
    Order,
    Triple,
    Count,
    Sign,
    SignConcept,
    View,
}

/// A concept in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) concept: u8,
    /// Byte of the normal text.
    pub(super) at: usize,
}

impl Lexicon {
    /// The slots of a window's features, in rising order, each once.
    pub(crate) fn slots(&self, window: &[u8], view: View, slots: &mut Vec<u32>) {
        let text = viewed(window, view);
        let normal = Normal::of(&text);
        let mut mentions = self.mentions(&normal, text.as_bytes());
        mentions.truncate(MAX_MENTIONS);
        words(&normal, slots);
        concepts(&mentions, slots);
        signs(&text, &normal, &mentions, slots);
        if view != View::Plain {
            slots.push(slot(Kind::View, &[&[view as u8]]));
        }
        slots.sort_unstable();
        slots.dedup();
    }
}

fn words(normal: &Normal, slots: &mut Vec<u32>) {
    let mut stems: [&str; 2] = ["", ""];
    for (index, range) in normal.words.iter().enumerate() {
        let word = &normal.text[range.clone()];
        if word.starts_with(is_dense) {
            grams(word, slots);
            stems = ["", ""];
            continue;
        }
        let stem = word.char_indices().nth(STEM).map_or(word, |(end, _)| &word[..end]);
        slots.push(slot(Kind::Stem, &[stem.as_bytes()]));
        if stem.len() < word.len() {
            slots.push(slot(Kind::Word, &[word.as_bytes()]));
        }
        if index == 0 {
            slots.push(slot(Kind::First, &[stem.as_bytes()]));
        }
        if !stems[1].is_empty() {
            slots.push(slot(Kind::Pair, &[stems[1].as_bytes(), stem.as_bytes()]));
        }
        if !stems[0].is_empty() {
            slots.push(slot(Kind::Skip, &[stems[0].as_bytes(), stem.as_bytes()]));
        }
        stems = [stems[1], stem];
    }
}

/// Two and three characters in a row, for scripts in which words are not told apart.
fn grams(word: &str, slots: &mut Vec<u32>) {
    let bounds: Vec<usize> = word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
    for len in [2, 3] {
        for pair in bounds.windows(len + 1) {
            slots.push(slot(Kind::Grams, &[&word.as_bytes()[pair[0]..pair[len]]]));
        }
    }
}

fn concepts(mentions: &[Mention], slots: &mut Vec<u32>) {
    let mut seen = 0_u64;
    for (index, first) in mentions.iter().enumerate() {
        let a = first.concept;
        seen |= 1 << a;
        slots.push(slot(Kind::Concept, &[&[a]]));
        let following = &mentions[index + 1..];
        let near = following.partition_point(|other| other.at <= first.at + TOGETHER);
        for (offset, second) in following[..near].iter().enumerate() {
            let b = second.concept;
            if a == b {
                continue;
            }
            slots.push(slot(Kind::Near, &[&[a.min(b), a.max(b)]]));
            if second.at <= first.at + CLOSE {
                slots.push(slot(Kind::Order, &[&[a, b]]));
            }
            for third in following[offset + 1..near].iter().filter(|third| ![a, b].contains(&third.concept)) {
                let mut three = [a, b, third.concept];
                three.sort_unstable();
                slots.push(slot(Kind::Triple, &[&three]));
            }
        }
    }
    let count = u8::try_from(seen.count_ones().min(12)).unwrap_or(12);
    slots.push(slot(Kind::Count, &[&[count]]));
}

/// Signs of how something is said: as a question, in quotation marks, shouted, written letter by letter.
fn signs(text: &str, normal: &Normal, mentions: &[Mention], slots: &mut Vec<u32>) {
    let ends = |mark: &[char]| text.trim_end_matches(['"', '\'', ' ', '\n', '}', ']']).ends_with(mark);
    let signs = [
        ends(&['?', '\u{FF1F}', '\u{61F}']),
        text.contains(['?', '\u{FF1F}', '\u{61F}']),
        text.contains("!!"),
        text.matches('"').count() >= 2,
        text.contains(" '") && text.contains("' "),
        text.contains('`'),
        normal.shouted >= 3,
        normal.spaced >= 1,
        text.contains("${") || text.contains("{{"),
        text.trim_start().starts_with(['-', '*', '#', '/', '<']),
        text.matches('\n').count() >= 3,
    ];
    for sign in (0_u8..).zip(signs).filter_map(|(sign, holds)| holds.then_some(sign)) {
        slots.push(slot(Kind::Sign, &[&[sign]]));
        slots.extend(mentions.iter().map(|mention| slot(Kind::SignConcept, &[&[sign, mention.concept]])));
    }
}

/// The slot of a feature: FNV-1a over its parts, mixed so that its upper bits depend on all of them. Features of words
/// have the lower half of all slots, those of concepts the upper one, so that training can treat them apart.
fn slot(kind: Kind, parts: &[&[u8]]) -> u32 {
    const PRIME: u64 = 0x0000_0100_0000_01B3;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    let mut hash = step(0xCBF2_9CE4_8422_2325, &(kind as u8));
    for part in parts {
        hash = step(part.iter().fold(hash, step), &0xFF);
    }
    let mixed = (hash ^ (hash >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let half = u32::from(kind as u8 >= Kind::Concept as u8) << (SLOT_BITS - 1);
    half | u32::try_from(mixed >> (65 - SLOT_BITS)).unwrap_or(0)
}
