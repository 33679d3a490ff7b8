//! What stands where in a text: a bit for each byte, 64 bytes a word, found in one pass and read by everybody.

use std::ops::Range;

use super::simd;
use super::wanted::Wanted;

/// What 64 bytes are, a bit for each of them; the first byte has the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    /// Letters of ASCII.
    pub(crate) letters: u64,
    /// Those of them that are capitals.
    pub(crate) capitals: u64,
    pub(crate) digits: u64,
    /// First bytes of characters beyond ASCII.
    pub(crate) leads: u64,
    /// [`Wanted::JOINERS`]
    pub(crate) joiners: u64,
    /// [`Wanted::ESCAPES`]
    pub(crate) escapes: u64,
    /// [`Wanted::LINKS`]
    pub(crate) links: u64,
    /// The signs that are wanted, and perhaps some others.
    pub(crate) signs: u64,
    /// First bytes of windows that are wanted, and of some others.
    pub(crate) windows: u64,
}

/// Where in a text something begins.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Masks of so many blocks of 64 bytes, those of a sort together: who looks for one sort reads little else.
    groups: Vec<Sorts>,
}

/// The masks of one group: those of each [`Sort`].
type Sorts = [[u64; GROUP]; SORTS];

/// Masks that lie in one line of a processor's cache.
const GROUP: usize = 8;

/// What a mask marks.
#[derive(Clone, Copy)]
enum Sort {
    Words,
    Numbers,
    Leads,
    Links,
    Signs,
    Windows,
    Runs,
    /// What is no part of a row of words of three to eight letters, apart from some.
    Breaks,
}

const SORTS: usize = 8;

/// The words that begin in 64 bytes.
pub(crate) struct Words<'a> {
    bytes: &'a [u8; 64 + 8],
    /// Where the bytes begin in the text.
    start: usize,
    mask: u64,
}

impl Iterator for Words<'_> {
    type Item = (usize, u64);

    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.mask == 0 {
            return None;
        }
        let place = self.mask.trailing_zeros() as usize & 63;
        let eight = self.bytes[place..].first_chunk().expect("there are eight bytes behind 64");
        self.mask &= self.mask - 1;
        Some((self.start + place, u64::from_le_bytes(*eight)))
    }
}

/// Bytes of the shortest run of base64 that [`Marks::run_from`] finds: eight bytes, the shortest password that is worth
/// hiding, have so many.
pub(crate) const MIN_RUN: usize = 11;

/// Letters, or other bytes between them, of which there are too many for a row of words.
pub(crate) const TOO_LONG: u32 = 9;

impl Marks {
    /// Looks through `text`. Nothing stands before or behind it.
    pub(crate) fn of(text: &[u8], wanted: &Wanted) -> Self {
        let mut groups = vec![[[0; GROUP]; SORTS]; text.len().div_ceil(64 * GROUP)];
        let (mut index, mut before) = (0, Classes::default());
        simd::classes(text, wanted, |classes| {
            for (masks, mask) in groups[index / GROUP].iter_mut().zip(classes.marks(before)) {
                masks[index % GROUP] = mask;
            }
            (index, before) = (index + 1, classes);
        });
        // The zeros behind the text may look like something that is wanted.
        let inside = u64::MAX >> (text.len().next_multiple_of(64) - text.len());
        if let Some(last) = index.checked_sub(1) {
            let sorts = &mut groups[last / GROUP];
            for sort in [Sort::Signs, Sort::Windows, Sort::Breaks] {
                sorts[sort as usize][last % GROUP] &= inside;
            }
        }
        Self { groups }
    }

    /// The mask of one sort for the 64 bytes with a number; zero behind the text.
    #[inline(always)]
    fn mask(&self, sort: Sort, index: usize) -> u64 {
        self.groups.get(index / GROUP).map_or(0, |sorts| sorts[sort as usize][index % GROUP])
    }

    /// How many blocks of 64 bytes there are masks for.
    fn blocks(&self) -> usize {
        self.groups.len() * GROUP
    }

    /// Calls `each` for all 64 bytes of `text`, of which these are the marks, in which words begin, with the places of these
    /// ([`Classes::word_starts`]), and the eight bytes from there on, the first one lowest. Behind the text stand zeros.
    #[inline(always)]
    pub(crate) fn words(&self, text: &[u8], mut each: impl FnMut(Words<'_>)) {
        for (number, sorts) in self.groups.iter().enumerate() {
            for (index, mask) in sorts[Sort::Words as usize].into_iter().enumerate().filter(|(_, mask)| *mask != 0) {
                let start = 64 * (GROUP * number + index);
                let rest = &text[start..];
                let mut last = [0; 64 + 8];
                // Of so many bytes eight stand behind each of 64, which needs no proof at each word.
                let bytes = rest.first_chunk().unwrap_or_else(|| {
                    last[..rest.len().min(64 + 8)].copy_from_slice(rest);
                    &last
                });
                each(Words { bytes, start, mask });
            }
        }
    }

    /// Calls `each` with every place in `range` where a word begins.
    #[inline]
    pub(crate) fn words_in(&self, range: Range<usize>, mut each: impl FnMut(usize)) {
        for index in range.start / 64..range.end.div_ceil(64).min(self.blocks()) {
            let inside = |at: usize| u64::MAX.checked_shl(at.saturating_sub(64 * index) as u32).unwrap_or(0);
            let mut mask = self.mask(Sort::Words, index) & inside(range.start) & !inside(range.end);
            while mask != 0 {
                each(64 * index + mask.trailing_zeros() as usize);
                mask &= mask - 1;
            }
        }
    }

    /// Whether so many bytes around `at`, or more, may be words of three to eight letters with at most as many other bytes
    /// between them. At most 64 on either side count.
    #[inline]
    pub(crate) fn may_be_words(&self, at: usize, count: u32) -> bool {
        let [before, after] = self.around(at, Sort::Breaks);
        before.leading_zeros() + after.trailing_zeros() >= count
    }

    /// Whether so many bytes around `at`, or more, are characters of base64. At most 64 on either side count.
    #[inline]
    pub(crate) fn has_run(&self, at: usize, count: u32) -> bool {
        let [before, after] = self.around(at, Sort::Runs);
        before.leading_ones() + after.trailing_ones() >= count
    }

    /// A mask of the 64 bytes up to `at`, and of those behind.
    #[inline]
    fn around(&self, at: usize, sort: Sort) -> [u64; 2] {
        let block = |index: Option<usize>| index.map_or(0, |index| self.mask(sort, index));
        let (index, bit) = (at / 64, at as u32 % 64);
        let here = block(Some(index));
        let before = here << (63 - bit) | block(index.checked_sub(1)).checked_shr(bit + 1).unwrap_or(0);
        let after = here.checked_shr(bit + 1).unwrap_or(0) | block(Some(index + 1)) << (63 - bit);
        [before, after]
    }

    /// The first stretch of [`MIN_RUN`] or more characters of base64 at `from` or behind it, in the first `len` bytes.
    pub(crate) fn run_from(&self, from: usize, len: usize) -> Option<Range<usize>> {
        let block = |index: usize| self.mask(Sort::Runs, index);
        let mut after = u64::MAX << (from % 64);
        for index in from / 64..self.blocks() {
            let mask = runs(block(index), block(index + 1)) & after;
            if mask != 0 {
                let start = 64 * index + mask.trailing_zeros() as usize;
                let end = self.run_end(start + MIN_RUN).min(len);
                return (start + MIN_RUN <= end).then_some(start..end);
            }
            after = u64::MAX;
        }
        None
    }

    /// Where the characters of base64 from `from` on end.
    fn run_end(&self, from: usize) -> usize {
        let others_of = |index: usize| !self.mask(Sort::Runs, index);
        let mut index = from / 64;
        let mut others = others_of(index) & u64::MAX << (from % 64);
        while others == 0 {
            index += 1;
            others = others_of(index);
        }
        64 * index + others.trailing_zeros() as usize
    }

    /// Calls `each` with the place of every digit that follows none.
    #[inline(always)]
    pub(crate) fn numbers(&self, each: impl FnMut(usize)) {
        self.places(|sorts, index| sorts[Sort::Numbers as usize][index], each);
    }

    /// Calls `each` with the place of every first byte of a character beyond ASCII.
    #[inline(always)]
    pub(crate) fn leads(&self, each: impl FnMut(usize)) {
        self.places(|sorts, index| sorts[Sort::Leads as usize][index], each);
    }

    /// The first byte of a character beyond ASCII at `from` or behind it.
    #[inline]
    pub(crate) fn lead_from(&self, from: usize) -> Option<usize> {
        let mut after = u64::MAX << (from % 64);
        for index in from / 64..self.blocks() {
            let mask = self.mask(Sort::Leads, index) & after;
            if mask != 0 {
                return Some(64 * index + mask.trailing_zeros() as usize);
            }
            after = u64::MAX;
        }
        None
    }

    /// Calls `each` with the place of every link ([`Wanted::LINKS`]) and of every digit that follows none.
    #[inline(always)]
    pub(crate) fn links(&self, each: impl FnMut(usize)) {
        let mask =
            |sorts: &Sorts, index: usize| sorts[Sort::Links as usize][index] | sorts[Sort::Numbers as usize][index];
        self.places(mask, each);
    }

    /// Calls `each` with the place of every sign that is wanted, and perhaps of some others.
    #[inline(always)]
    pub(crate) fn signs(&self, each: impl FnMut(usize)) {
        self.places(|sorts, index| sorts[Sort::Signs as usize][index], each);
    }

    /// Calls `each` with the place of every window that is wanted, and of some others.
    #[inline(always)]
    pub(crate) fn windows(&self, each: impl FnMut(usize)) {
        self.places(|sorts, index| sorts[Sort::Windows as usize][index], each);
    }

    /// Calls `each` with the places of the ones of masks, in order.
    #[inline(always)]
    fn places(&self, mask: impl Fn(&Sorts, usize) -> u64, mut each: impl FnMut(usize)) {
        for (number, sorts) in self.groups.iter().enumerate() {
            for index in 0..GROUP {
                let mut mask = mask(sorts, index);
                while mask != 0 {
                    each(64 * (GROUP * number + index) + mask.trailing_zeros() as usize);
                    mask &= mask - 1;
                }
            }
        }
    }
}

/// Where [`TOO_LONG`] ones end in a mask that follows another one.
#[inline]
fn long_runs(mask: u64, before: u64) -> u64 {
    let (mut mask, mut before) = (mask, before);
    for step in [1, 2, 4, TOO_LONG - 8] {
        // What the lower bits of `before` are does not matter: no run of so many ones reaches there.
        mask &= mask << step | before >> (64 - step);
        before &= before << step;
    }
    mask
}

/// Where [`MIN_RUN`] ones begin in a mask that goes on with another.
fn runs(mask: u64, next: u64) -> u64 {
    let (mut mask, mut next) = (mask, next);
    for step in [1, 2, 4, MIN_RUN as u32 - 8] {
        // What the upper bits of `next` are does not matter: no run of the first mask reaches there.
        mask &= mask >> step | next << (64 - step);
        next &= next >> step;
    }
    mask
}

impl Classes {
    /// What begins in these bytes, of which the 64 before are `before`: a mask for each [`Sort`], in order.
    #[inline]
    fn marks(self, before: Self) -> [u64; SORTS] {
        [
            self.word_starts(before),
            self.digits & !(self.digits << 1 | before.digits >> 63),
            self.leads,
            self.links,
            self.signs,
            self.windows,
            self.letters | self.digits | self.joiners,
            self.breaks(before),
        ]
    }

    /// What stands between words of three to eight letters at most once in so many bytes, or makes other words of them.
    #[inline]
    fn breaks(self, before: Self) -> u64 {
        let long = long_runs(self.letters, before.letters) | long_runs(!self.letters, !before.letters);
        self.short_words(before) | long | self.leads | self.escapes
    }

    /// The bytes that begin one or two letters which stand alone; what stands behind these bytes may be letters.
    #[inline]
    fn short_words(self, before: Self) -> u64 {
        let begins = self.letters & !(self.letters << 1 | before.letters >> 63);
        begins & !((self.letters >> 1 | 1 << 63) & (self.letters >> 2 | 3 << 62))
    }

    /// The bytes that begin a word: letters that follow no letter, digits that follow neither, and capitals behind small
    /// letters, since `patientSsn` has two words.
    #[inline]
    pub(crate) fn word_starts(self, before: Self) -> u64 {
        let behind = |mask: u64, before: u64| mask << 1 | before >> 63;
        let letter = behind(self.letters, before.letters);
        let small = behind(self.letters & !self.capitals, before.letters & !before.capitals);
        let digit = behind(self.digits, before.digits);
        self.letters & !letter | self.capitals & small | self.digits & !(letter | digit)
    }

    /// These bytes and so many others behind them; the only processor that looks at fewer than 64 at once is AVX2.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn joined(self, other: Self, len: u32) -> Self {
        Self {
            letters: self.letters | other.letters << len,
            capitals: self.capitals | other.capitals << len,
            digits: self.digits | other.digits << len,
            leads: self.leads | other.leads << len,
            joiners: self.joiners | other.joiners << len,
            escapes: self.escapes | other.escapes << len,
            links: self.links | other.links << len,
            signs: self.signs | other.signs << len,
            windows: self.windows | other.windows << len,
        }
    }
}

/// Whether a word begins at the second of two bytes that stand next to each other, whatever their case if `any_case`.
pub(crate) fn begins_word(before: u8, byte: u8, any_case: bool) -> bool {
    let hump = !any_case && before.is_ascii_lowercase() && byte.is_ascii_uppercase();
    byte.is_ascii_alphabetic() && !before.is_ascii_alphabetic()
        || byte.is_ascii_digit() && !before.is_ascii_alphanumeric()
        || hump
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{MIN_RUN, Marks, TOO_LONG};
    use crate::lanes::Wanted;

    fn is_part(byte: u8) -> bool {
        byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
    }

    proptest! {
        #[test]
        fn runs_are_found_as_if_byte_by_byte(text in "([a+]{0,80}[ =é]){0,6}", from in 0_usize..200, len in 0_usize..300) {
            let text = text.as_bytes();
            let (from, len) = (from.min(text.len()), len.min(text.len()));
            let whole = |at: usize| text[at..].iter().take(MIN_RUN).filter(|byte| is_part(**byte)).count() == MIN_RUN;
            let end = |at: usize| at + text[at..].iter().take_while(|byte| is_part(**byte)).count();
            let plain = (from..text.len()).find(|at| whole(*at)).map(|at| at..end(at).min(len));
            let plain = plain.filter(|run| run.start + MIN_RUN <= run.end);
            prop_assert_eq!(Marks::of(text, &Wanted::default()).run_from(from, len), plain);
        }

        #[test]
        fn characters_around_a_place_are_found_as_if_byte_by_byte(text in "([a+]{0,80}[ =é]){0,6}", at in 0_usize..400) {
            let text = text.as_bytes();
            let at = at % text.len().max(1);
            let before = (0..=at).rev().take(64).take_while(|at| text.get(*at).copied().is_some_and(is_part)).count();
            let after = (at + 1..text.len()).take(64).take_while(|at| is_part(text[*at])).count();
            let marks = Marks::of(text, &Wanted::default());
            for count in [1, 40, 51, 90] {
                prop_assert_eq!(marks.has_run(at, count), before + after >= count as usize, "{} {}", before, after);
            }
            let end = (at + 70).min(text.len());
            let mut words = Vec::new();
            marks.words_in(at..end, |at| words.push(at));
            let letter = |at: usize| text[at].is_ascii_alphabetic();
            let begin: Vec<usize> = (at..end).filter(|at| letter(*at) && !(*at > 0 && letter(at - 1))).collect();
            prop_assert_eq!(words, begin);
            let lead = (at..text.len()).find(|at| text[*at] >= 0xC0);
            prop_assert_eq!(marks.lead_from(at), lead);
        }

        #[test]
        fn words_around_a_place_are_no_row_if_something_breaks_it(
            text in "([a-c]{1,4}|[a-c]{3,11}|[ .1]{1,10}|[%é ]){0,40}",
            at in 0_usize..400,
        ) {
            let text = text.as_bytes();
            let letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphabetic);
            let begins = |at: usize| letter(at) && !(at > 0 && letter(at - 1));
            // A letter or two that a block ends with may go on.
            let short = |at: usize| begins(at) && !(letter(at + 1) || at % 64 == 63) | !(letter(at + 2) || at % 64 > 61);
            let alike = |at: usize, is: bool| (0..TOO_LONG as usize).all(|back| at.checked_sub(back).map_or(!is, |at| letter(at) == is));
            let sign = |at: usize| text[at] >= 0xC0 || text[at] == b'%';
            let breaks = |at: usize| at < text.len() && (short(at) || alike(at, true) || alike(at, false) || sign(at));
            let at = at % text.len().max(1);
            let before = (0..=at).rev().take(64).take_while(|at| !breaks(*at)).count();
            // Before the text stands nothing.
            let before = if before == at + 1 { 64 } else { before };
            let after = (at + 1..).take(64).take_while(|at| !breaks(*at)).count();
            for count in [1, 30, 44, 60] {
                let row = Marks::of(text, &Wanted::default()).may_be_words(at, count);
                prop_assert_eq!(row, before + after >= count as usize, "{} {}", before, after);
            }
        }
    }
}
