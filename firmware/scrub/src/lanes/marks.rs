//! What stands where in a text: a bit for each byte, 64 bytes a word, found in one pass and read by everybody.

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
    blocks: Vec<Block>,
}

/// The marks of 64 bytes.
#[derive(Debug)]
struct Block {
    words: u64,
    numbers: u64,
    leads: u64,
    links: u64,
    signs: u64,
    windows: u64,
}

impl Marks {
    /// Looks through `text`. Nothing stands before or behind it.
    pub(crate) fn of(text: &[u8], wanted: &Wanted) -> Self {
        let mut blocks = Vec::with_capacity(text.len() / 64 + 1);
        let mut before = Classes::default();
        simd::classes(text, wanted, |classes| {
            blocks.push(classes.marks(before));
            before = classes;
        });
        // The zeros behind the text may look like something that is wanted.
        if let Some(last) = blocks.last_mut() {
            let inside = u64::MAX >> (text.len().next_multiple_of(64) - text.len());
            (last.windows, last.signs) = (last.windows & inside, last.signs & inside);
        }
        Self { blocks }
    }

    /// Calls `each` with every place where a word begins ([`Classes::word_starts`]).
    #[inline(always)]
    pub(crate) fn words(&self, each: impl FnMut(usize)) {
        self.places(|block| block.words, each);
    }

    /// Calls `each` with the place of every digit that follows none.
    #[inline(always)]
    pub(crate) fn numbers(&self, each: impl FnMut(usize)) {
        self.places(|block| block.numbers, each);
    }

    /// Calls `each` with the place of every first byte of a character beyond ASCII.
    #[inline(always)]
    pub(crate) fn leads(&self, each: impl FnMut(usize)) {
        self.places(|block| block.leads, each);
    }

    /// Calls `each` with the place of every link ([`Wanted::LINKS`]) and of every digit that follows none.
    #[inline(always)]
    pub(crate) fn links(&self, each: impl FnMut(usize)) {
        self.places(|block| block.links | block.numbers, each);
    }

    /// Calls `each` with the place of every sign that is wanted, and perhaps of some others.
    #[inline(always)]
    pub(crate) fn signs(&self, each: impl FnMut(usize)) {
        self.places(|block| block.signs, each);
    }

    /// Calls `each` with the place of every window that is wanted, and of some others.
    #[inline(always)]
    pub(crate) fn windows(&self, each: impl FnMut(usize)) {
        self.places(|block| block.windows, each);
    }

    /// Calls `each` with the places of the ones of a mask, in order.
    #[inline(always)]
    fn places(&self, mask: impl Fn(&Block) -> u64, mut each: impl FnMut(usize)) {
        for (index, block) in self.blocks.iter().enumerate() {
            let mut mask = mask(block);
            while mask != 0 {
                each(64 * index + mask.trailing_zeros() as usize);
                mask &= mask - 1;
            }
        }
    }
}

impl Classes {
    /// What begins in these bytes, of which the 64 before are `before`.
    #[inline]
    fn marks(self, before: Self) -> Block {
        Block {
            words: self.word_starts(before),
            numbers: self.digits & !(self.digits << 1 | before.digits >> 63),
            leads: self.leads,
            links: self.links,
            signs: self.signs,
            windows: self.windows,
        }
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

    /// These bytes and so many others behind them.
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
