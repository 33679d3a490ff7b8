//! What a value looks like: entropy, kinds of characters, and whether it only stands for a secret.

mod sample;
mod wording;

use memchr::memchr2_iter;

pub(crate) use sample::{is_placeholder, is_reference, is_sample_word};
pub(crate) use wording::{is_random, word_share};

/// Shannon entropy in bits per byte.
pub(crate) fn entropy(value: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    value.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let len = value.len().max(1) as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / len)
        .map(|share| -share * share.log2())
        .sum()
}

/// How many of lower case, upper case, digits and others occur.
pub(crate) fn classes(value: &[u8]) -> usize {
    let has = |kind: fn(&u8) -> bool| usize::from(value.iter().any(kind));
    has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(|byte| !byte.is_ascii_alphanumeric())
}

/// Whether `text` contains `word` (lower case), whatever its own case.
pub(crate) fn contains(text: &[u8], word: &[u8]) -> bool {
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
pub(crate) fn contains_word(text: &[u8], word: &[u8]) -> bool {
    let joins = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphabetic() || word.len() < 4 && byte.is_ascii_digit())
    };
    places(text, word)
        .any(|at| !joins(at.checked_sub(1).and_then(|before| text.get(before))) && !joins(text.get(at + word.len())))
}
