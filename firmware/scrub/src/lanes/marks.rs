//! What stands where in a text: a bit for each byte, 64 bytes a word, found in one pass and read by everybody.

mod stretches;

use std::ops::Range;

pub(crate) use self::stretches::{MIN_RUN, Stretch};
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

/// Places in 64 bytes at which something begins, and the bytes there.
pub(crate) struct Places<'a> {
    bytes: &'a [u8; 64 + 8],
    /// Where the bytes begin in the text.
    start: usize,
    mask: u64,
}

impl Iterator for Places<'_> {
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

/// Bytes before a link or a number from which on literals are looked for.
pub(crate) const BEFORE_LINK: usize = 3;

/// Letters, or other bytes between them, of which there are too many for a row of words.
pub(crate) const TOO_LONG: u32 = 9;

impl Marks {
    /// Looks through `text`. Nothing stands before or behind it.
    pub(crate) fn of(text: &[u8], wanted: &Wanted) -> Self {
        let mut groups = Vec::with_capacity(text.len().div_ceil(64 * GROUP));
        let (mut group, mut index, mut before) = ([[0; GROUP]; SORTS], 0, Classes::default());
        simd::classes(text, wanted, |classes| {
            for (masks, mask) in group.iter_mut().zip(classes.marks(before)) {
                masks[index % GROUP] = mask;
            }
            (index, before) = (index + 1, classes);
            if index % GROUP == 0 {
                groups.push(group);
            }
        });
        if index % GROUP != 0 {
            group.iter_mut().for_each(|masks| masks[index % GROUP..].fill(0));
            groups.push(group);
        }
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
    pub(crate) fn words(&self, text: &[u8], each: impl FnMut(Places<'_>)) {
        self.parts(text, |number| self.groups[number][Sort::Words as usize], each);
    }

    /// The same with every place where a literal may stand that is not looked for where words begin: at the first byte of a
    /// character beyond ASCII, [`BEFORE_LINK`] bytes before each link ([`Wanted::LINKS`]) and each digit that follows none,
    /// and where a window stands that is wanted, or some other one.
    #[inline(always)]
    pub(crate) fn windows(&self, text: &[u8], each: impl FnMut(Places<'_>)) {
        let ends =
            |sorts: &Sorts, index: usize| sorts[Sort::Links as usize][index] | sorts[Sort::Numbers as usize][index];
        let masks = |number: usize| {
            let sorts = &self.groups[number];
            let next = self.groups.get(number + 1).map_or(0, |sorts| ends(sorts, 0));
            std::array::from_fn(|index| {
                let behind = if index + 1 < GROUP { ends(sorts, index + 1) } else { next };
                let before_links = ends(sorts, index) >> BEFORE_LINK | behind << (64 - BEFORE_LINK);
                before_links | sorts[Sort::Leads as usize][index] | sorts[Sort::Windows as usize][index]
            })
        };
        self.parts(text, masks, each);
    }

    /// Calls `each` for all 64 bytes with the places of the ones of their mask, if there are some; `masks` has those of a group.
    #[inline(always)]
    fn parts(&self, text: &[u8], masks: impl Fn(usize) -> [u64; GROUP], mut each: impl FnMut(Places<'_>)) {
        for number in 0..self.groups.len() {
            for (index, mask) in masks(number).into_iter().enumerate().filter(|(_, mask)| *mask != 0) {
                let start = 64 * (GROUP * number + index);
                let rest = &text[start..];
                let mut last = [0; 64 + 8];
                // Of so many bytes eight stand behind each of 64, which needs no proof at each place.
                let bytes = rest.first_chunk().unwrap_or_else(|| {
                    last[..rest.len().min(64 + 8)].copy_from_slice(rest);
                    &last
                });
                each(Places { bytes, start, mask });
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

    /// Calls `each` with the place of every digit that follows none.
    #[inline(always)]
    pub(crate) fn numbers(&self, each: impl FnMut(usize)) {
        self.places(Sort::Numbers, each);
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

    /// Calls `each` with the place of every sign that is wanted, and perhaps of some others.
    #[inline(always)]
    pub(crate) fn signs(&self, each: impl FnMut(usize)) {
        self.places(Sort::Signs, each);
    }

    /// Calls `each` with the places of the ones of the masks of a sort, in order.
    #[inline(always)]
    fn places(&self, sort: Sort, mut each: impl FnMut(usize)) {
        for (number, sorts) in self.groups.iter().enumerate() {
            for (index, mut mask) in sorts[sort as usize].into_iter().enumerate() {
                while mask != 0 {
                    each(64 * (GROUP * number + index) + mask.trailing_zeros() as usize);
                    mask &= mask - 1;
                }
            }
        }
    }
}

/// Where so many bytes end that are like those before them that [`TOO_LONG`] are alike, in a mask of such bytes that
/// follows another one.
#[inline]
fn ends(mask: u64, before: u64) -> u64 {
    let (mut mask, mut before) = (mask, before);
    for step in [1, 2, TOO_LONG - 5] {
        // What the lower bits of `before` are does not matter: no run of so many ones reaches there.
        mask &= mask << step | before >> (64 - step);
        before &= before << step;
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
        // Of the bytes before only the upper ones count, so that what stood before them does not matter.
        let alike = |letters: u64, before: u64| !(letters ^ (letters << 1 | before >> 63));
        let long = ends(alike(self.letters, before.letters), alike(before.letters, 0));
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
mod tests;
