//! What a value looks like: entropy, kinds of characters, and whether it only stands for a secret.

mod sample;
mod wording;

use memchr::memchr2_iter;

pub(crate) use sample::{is_placeholder, is_reference, is_sample_word};
pub(crate) use wording::{is_random, word_share};

/// Shannon entropy in bits per byte.
pub(crate) fn entropy(value: &[u8]) -> f64 {
    let (mut counts, mut seen) = ([0_u32; 256], [0_u64; 4]);
    for byte in value {
        counts[usize::from(*byte)] += 1;
        seen[usize::from(*byte / 64)] |= 1 << (byte % 64);
    }
    let len = value.len().max(1) as f64;
    let part = |count: u32| {
        let share = f64::from(count) / len;
        -share * share.log2()
    };
    // Most bytes stand in a value once or twice: a logarithm costs more than all else.
    let mut known = [None; 8];
    let (mut entropy, mut first) = (0.0, 0);
    for mut bytes in seen {
        while bytes != 0 {
            let count = counts[first + bytes.trailing_zeros() as usize];
            entropy += match known.get_mut(count as usize) {
                Some(known) => *known.get_or_insert_with(|| part(count)),
                None => part(count),
            };
            bytes &= bytes - 1;
        }
        first += 64;
    }
    entropy
}

/// How many of lower case, upper case, digits and others occur.
pub(crate) fn classes(value: &[u8]) -> usize {
    let has = |kind: fn(&u8) -> bool| usize::from(value.iter().any(kind));
    has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric())
}

/// A word that rules look for, in lower case, with what tells at a glance where it cannot stand.
#[derive(Debug)]
pub(crate) struct Word {
    bytes: Vec<u8>,
    letters: Letters,
    first: Letters,
}

/// Letters of ASCII, a bit for each, whatever their case.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Letters(u32);

impl Letters {
    /// Those of a text, and perhaps some others.
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(text.iter().fold(0, |letters, byte| letters | 1 << (byte & 31)))
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Word {
    pub(crate) fn new(word: &str) -> Self {
        let bytes = word.to_lowercase().into_bytes();
        let letters = |bytes: &[u8]| {
            let letters = bytes.iter().copied().filter(u8::is_ascii_alphabetic).collect::<Vec<_>>();
            Letters::of(&letters)
        };
        Self { letters: letters(&bytes), first: letters(&bytes[..bytes.len().min(1)]), bytes }
    }

    /// Whether a text with these letters may contain the word.
    pub(crate) fn may_be_of(&self, letters: Letters) -> bool {
        letters.has(self.letters)
    }

    /// Whether `text` contains the word, whatever its own case.
    pub(crate) fn is_in(&self, text: &[u8]) -> bool {
        contains(text, &self.bytes)
    }

    /// Whether the word may stand in a text in which words begin with these letters.
    pub(crate) fn may_begin(&self, with: Letters) -> bool {
        with.has(self.first)
    }

    /// Whether `text` contains the word as [`contains_word`] has it.
    pub(crate) fn stands_in(&self, text: &[u8]) -> bool {
        contains_word(text, &self.bytes)
    }
}

/// Whether `text` contains `word` (lower case), whatever its own case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    places(text, word).next().is_some()
}

/// Where `word` (lower case) stands in `text`, whatever its own case.
fn places(text: &[u8], word: &[u8]) -> impl Iterator<Item = usize> {
    let first = word.first().copied().unwrap_or_default();
    // Its first letter cannot stand later than this.
    let reach = &text[..(text.len() + 1).saturating_sub(word.len().max(1))];
    memchr2_iter(first, first.to_ascii_uppercase(), reach)
        .filter(|at| text[*at..*at + word.len()].eq_ignore_ascii_case(word))
}

/// Whether `text` contains `word` (lower case) with no letter on either side of it. A word of two or three letters that
/// touches digits is a piece of a hexadecimal number.
fn contains_word(text: &[u8], word: &[u8]) -> bool {
    let joins = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphabetic() || word.len() < 4 && byte.is_ascii_digit())
    };
    places(text, word)
        .any(|at| !joins(at.checked_sub(1).and_then(|before| text.get(before))) && !joins(text.get(at + word.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Letters, Word, contains, contains_word};

    proptest! {
        #[test]
        fn letters_rule_no_word_out_that_stands_there(text in "[a-dA-D1 _é]{0,40}", word in "[a-d1_é][a-d1 é]{0,3}") {
            let (text, searched) = (text.as_bytes(), Word::new(&word));
            prop_assert!(searched.may_be_of(Letters::of(text)) || !contains(text, word.as_bytes()));
            let mut begun = Letters::of(&text[..text.len().min(1)]);
            let begins = |at: &usize| text[*at].is_ascii_alphabetic() && !text[at - 1].is_ascii_alphabetic();
            (1..text.len()).filter(begins).for_each(|at| begun.add(Letters::of(&text[at..=at])));
            prop_assert!(searched.may_begin(begun) || !contains_word(text, word.as_bytes()));
        }
    }
}
