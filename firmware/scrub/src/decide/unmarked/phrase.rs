//! BIP-39 mnemonics: 12 to 24 words of a list of 2048, the last of which carries a checksum.

use std::ops::Range;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::Run;
use crate::lanes::{self, TOO_LONG};

/// The English list of BIP-39 (github.com/bitcoin/bips, bip-0039/english.txt), which is in the public domain.
static WORDS: LazyLock<Words> = LazyLock::new(|| Words::new(include_str!("bip39_english.txt")));

/// Letters of the shortest and of the longest word.
const LETTERS: Range<usize> = 3..9;

/// Bytes from the first word of the shortest mnemonic to its last: twelve words of three letters, and what separates them.
pub(super) const SPREAD: usize = 11 * (LETTERS.start + 1);

/// Bytes of the shortest mnemonic.
const MIN_LEN: usize = SPREAD + LETTERS.start;

/// Longest mark between two words: a quote, a comma, a line break and a number with its full stop.
const MAX_GAP: usize = 8;
const _: () = assert!(LETTERS.end == TOO_LONG as usize && MAX_GAP + 1 == TOO_LONG as usize);

/// Bytes of the longest word and mark.
pub(super) const MAX_WORD: usize = LETTERS.end - 1 + MAX_GAP;

/// A longer run is a list of words, and none of its parts means anything.
const MAX_WORDS: usize = 30;

/// The run of words of the list around `at`, where one of them or a gap is.
pub(super) fn run_around(text: &[u8], at: usize) -> Option<Run> {
    let at = if text[at].is_ascii_alphabetic() { at } else { behind_gap(text, at) };
    let word = word_around(text, at)?;
    let (mut start, mut end, first) = (word.start, word.end, word.len());
    while let Some(word) = gap_before(text, start).and_then(|at| word_around(text, at)) {
        start = word.start;
    }
    while let Some(word) = gap_after(text, end).and_then(|at| word_from(text, at)) {
        end = word.end;
    }
    if end - start < MIN_LEN && end + MAX_GAP + LETTERS.end < text.len() {
        return None;
    }
    // What the text ends with may be a gap, or the beginning of the next word.
    let rest = &text[end..text.len().min(end + MAX_GAP + LETTERS.end)];
    let word = rest.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let grows = end + rest.len() == text.len() && rest[..rest.len() - word].iter().copied().all(is_gap);
    let long_enough = end - start >= if grows { first + 1 } else { MIN_LEN };
    long_enough.then_some(Run { range: start..end, grows })
}

/// Where the letters behind a gap that `at` may lie in begin.
fn behind_gap(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take(MAX_GAP).take_while(|byte| !byte.is_ascii_alphabetic()).count()
}

/// Whether a run of words is a mnemonic: a checksum that holds, or as many words as one has with nothing but spaces
/// between them, since what people make up by themselves has none.
pub(in crate::decide) fn mnemonic(value: &[u8]) -> bool {
    let words = value.split(|byte| !byte.is_ascii_alphabetic()).filter(|word| !word.is_empty());
    let numbers: Option<Vec<usize>> = words.take(MAX_WORDS + 1).map(|word| WORDS.number_of(word)).collect();
    let Some(numbers) = numbers.filter(|numbers| numbers.len() <= MAX_WORDS && is_drawn(numbers)) else { return false };
    let spaced = value.iter().all(|byte| byte.is_ascii_alphabetic() || *byte == b' ');
    let checked = |len: usize| numbers.windows(len).any(checksum_holds);
    spaced && matches!(numbers.len(), 12 | 15 | 18 | 21 | 24) || [24, 21, 18, 15, 12].into_iter().any(checked)
}

/// Words that were drawn, not listed: in no order, and hardly any of them twice.
fn is_drawn(numbers: &[usize]) -> bool {
    let steps = numbers.len().saturating_sub(1);
    let rising = numbers.windows(2).filter(|pair| pair[0] < pair[1]).count();
    let mut distinct = numbers.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    steps >= 11 && rising * 10 < steps * 9 && distinct.len() * 4 >= numbers.len() * 3
}

/// BIP-39: a word stands for 11 bits, and the last ones are the beginning of the SHA-256 of those before, a bit for
/// each 32 of them.
fn checksum_holds(numbers: &[usize]) -> bool {
    let bit = |at: usize| u8::from(numbers[at / 11] >> (10 - at % 11) & 1 == 1);
    let checked = numbers.len() / 3;
    let entropy: Vec<u8> =
        (0..checked * 4).map(|byte| (0..8).fold(0, |value, at| value << 1 | bit(byte * 8 + at))).collect();
    let digest = Sha256::digest(&entropy);
    (0..checked).all(|at| digest[0] >> (7 - at) & 1 == bit(entropy.len() * 8 + at))
}

/// The word that `at` lies in, if it is one of the list.
fn word_around(text: &[u8], at: usize) -> Option<Range<usize>> {
    let start = at - lanes::trailing(lanes::letters(lanes::eight_before(text, at)));
    word_from(text, start).filter(|word| at <= word.end)
}

/// The word that begins at `start`, if it is one of the list.
fn word_from(text: &[u8], start: usize) -> Option<Range<usize>> {
    let bytes = lanes::eight(text, start);
    let len = lanes::leading(lanes::letters(bytes));
    let word = start..start + len;
    if !LETTERS.contains(&len) {
        return None;
    }
    // A word of more than eight letters goes on there.
    let joined = |byte: &u8| *byte == b'_' || *byte >= 0x80 || byte.is_ascii_alphabetic();
    let known = || WORDS.number(lower(bytes, len)).is_some();
    (!text[..start].last().is_some_and(joined) && !text.get(word.end).is_some_and(joined) && known()).then_some(word)
}

/// The last byte of the word before the gap that ends at `at`.
fn gap_before(text: &[u8], at: usize) -> Option<usize> {
    let mut start = at;
    while start > 0 && at - start < MAX_GAP && is_gap(text[start - 1]) {
        start -= 1;
    }
    start.checked_sub(1).filter(|last| start < at && text[*last].is_ascii_alphabetic())
}

/// The first byte of the word behind the gap that begins at `at`.
fn gap_after(text: &[u8], at: usize) -> Option<usize> {
    let mut end = at;
    while end < text.len() && end - at < MAX_GAP && is_gap(text[end]) {
        end += 1;
    }
    (end > at && text.get(end).is_some_and(u8::is_ascii_alphabetic)).then_some(end)
}

fn is_gap(byte: u8) -> bool {
    const GAPS: [bool; 256] = {
        let mut gaps = [false; 256];
        let signs = b" \t\n\x0C\r0123456789,;.:)-\"'`|*";
        let mut at = 0;
        while at < signs.len() {
            gaps[signs[at] as usize] = true;
            at += 1;
        }
        gaps
    };
    GAPS[usize::from(byte)]
}

/// Slots for the words of the list, as a power of two: twice as many, so that most searches end at the first one.
const SLOT_BITS: u32 = 12;

/// Bits of the filter of words, as a power of two: sixteen for each, so that few others pass.
const FILTER_BITS: u32 = 15;

/// Places of the list by a hash of their words' letters; a word that finds its slot taken is in the next free one.
struct Words {
    /// A bit for each hash that a word has, in so few bytes that a processor finds them at once.
    filter: [u64; 1 << (FILTER_BITS - 6)],
    slots: Vec<(u64, usize)>,
}

impl Words {
    fn new(list: &str) -> Self {
        let (mut filter, mut slots) = ([0; _], vec![(0, 0); 1 << SLOT_BITS]);
        for (number, word) in list.lines().enumerate() {
            let letters = packed(word.as_bytes());
            let free = |slot: &usize| slots[*slot].0 == 0;
            let slot = Self::slots_of(letters).find(free).expect("there are more slots than words");
            slots[slot] = (letters, number);
            let (word, bit) = Self::filtered(letters);
            filter[word] |= 1 << bit;
        }
        Self { filter, slots }
    }

    /// A hash of so many bits.
    fn hash<const BITS: u32>(letters: u64) -> usize {
        // 2^64 divided by the golden ratio (Knuth, TAOCP 6.4).
        (letters.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - BITS)) as usize
    }

    /// The word of the filter for a word of a text, and its bit there.
    fn filtered(letters: u64) -> (usize, usize) {
        let hash = Self::hash::<FILTER_BITS>(letters);
        (hash / 64, hash % 64)
    }

    fn slots_of(letters: u64) -> impl Iterator<Item = usize> {
        let first = Self::hash::<SLOT_BITS>(letters);
        (0..1 << SLOT_BITS).map(move |step| (first + step) % (1 << SLOT_BITS))
    }

    /// The place of a word of 3 to 8 letters of any case in the list.
    fn number_of(&self, word: &[u8]) -> Option<usize> {
        LETTERS.contains(&word.len()).then(|| self.number(packed(word)))?
    }

    /// The place of a word, packed, in the list.
    fn number(&self, letters: u64) -> Option<usize> {
        let (word, bit) = Self::filtered(letters);
        if self.filter[word] >> bit & 1 == 0 {
            return None;
        }
        let mut slots = Self::slots_of(letters).map(|slot| self.slots[slot]).take_while(|slot| slot.0 != 0);
        slots.find(|slot| slot.0 == letters).map(|slot| slot.1)
    }
}

/// The letters of a word of at most eight in lower case, the first one lowest.
fn packed(word: &[u8]) -> u64 {
    lower(lanes::eight(word, 0), word.len())
}

/// The first `len` bytes, of which there is one at least, in lower case.
fn lower(bytes: [u8; 8], len: usize) -> u64 {
    (u64::from_le_bytes(bytes) | 0x2020_2020_2020_2020) << (64 - 8 * len) >> (64 - 8 * len)
}
