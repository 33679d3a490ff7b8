//! How the cues of a concept are written, in plain words and by somebody who hides them.

use super::lexicon::{Concept, Meaning, Spelling};
use super::normal::{View, rot13};
use crate::pack::MAX_ANCHOR;

/// Shortest cue in bytes: one that is shorter stands everywhere.
const MIN_ANCHOR: usize = 4;

/// Least pull of a cue: what pulls less decides nothing, and would have to be looked for everywhere.
const MIN_PULL: u8 = 2;

/// The anchors of a concept and what they mean. The search folds the case of ASCII, so others are spelled out.
pub(super) fn meanings(number: u8, concept: &Concept) -> Vec<(Vec<u8>, Meaning)> {
    let mut all = Vec::new();
    let mut add = |anchor: String, pull: u8, view: View, starts_word: bool, ends_word: bool| {
        let meaning = Meaning { concept: number, pull, view, starts_word, ends_word };
        if pull >= MIN_PULL && (MIN_ANCHOR..=MAX_ANCHOR).contains(&anchor.len()) {
            all.push((anchor.to_ascii_lowercase().into_bytes(), meaning));
        }
    };
    for Spelling { text, pull } in &concept.words {
        let (word, whole) = (text.trim(), text.ends_with(' '));
        for spelling in spellings(word) {
            add(spelling, *pull, View::Plain, word.starts_with(|c: char| c.is_ascii_alphabetic()), whole);
        }
    }
    for Spelling { text: word, pull } in &concept.disguised {
        add(word.chars().map(rot13).collect(), *pull, View::Rot13, true, false);
        add(word.chars().rev().collect(), *pull, View::Reversed, false, true);
        for gap in [' ', '-', '.', '_'] {
            let apart: String = word.chars().flat_map(|c| [c, gap]).collect();
            add(apart.trim_end_matches(gap).to_owned(), *pull, View::Plain, true, false);
        }
        leet(word).into_iter().for_each(|leet| add(leet, *pull, View::Plain, true, false));
    }
    concept.signs.iter().for_each(|sign| add(sign.text.clone(), sign.pull, View::Plain, false, false));
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
