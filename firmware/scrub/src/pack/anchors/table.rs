//! The filter that says where in a text a literal may stand, and the lists of what to compare there.

use super::choice::Window;
use super::{Batch, Literal};
use crate::lanes;

/// Bits of the hash of a window's first three bytes, by which its entries are found.
const HASH_BITS: u32 = 14;

/// Bits of the hash of a window's four bytes, which address a bit of the filter.
const WHOLE_BITS: u32 = 17;

/// Bits of the hash of eight bytes.
const LONG_BITS: u32 = 17;

/// What finds literals by their windows.
#[derive(Debug)]
pub(super) struct Table {
    /// For each hash of a window, a bit if it is one of some literal.
    filter: Box<[u64; 1 << (WHOLE_BITS - 6)]>,
    /// For each hash of eight bytes, a bit if some literal goes on with them where a window of it stands.
    long: Box<[u64; 1 << (LONG_BITS - 6)]>,
    /// For each hash of a window where its entries begin, then those among them of which eight bytes are known; and one
    /// past the last.
    heads: Box<[u16]>,
    entries: Vec<Entry>,
}

/// A literal, and where it begins if one of its windows stands at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Its first eight bytes, folded, at the lower end.
    head: u64,
    /// The same of the eight bytes behind these.
    next: u64,
    /// Bits of both that are not compared, at the upper end.
    unknown: [u8; 2],
    /// Bytes of the literal before the window.
    before: u8,
    literal: u16,
    /// What the fourth byte of the window is, behind a literal of which three bytes stand there.
    fourth: Fourth,
}

/// What a byte behind a short literal is. Each literal is entered once for every byte that it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fourth {
    /// Any: it is one of the literal's own, or of some class.
    Any,
    /// This small letter.
    Small(u8),
    /// No small letter.
    Other,
}

impl Fourth {
    fn is(self, byte: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Small(letter) => byte == letter,
            Self::Other => !byte.is_ascii_lowercase(),
        }
    }
}

impl Table {
    /// Enters the windows of literals, each with the literal's number.
    pub(super) fn new(windows: Vec<(Window, u16)>, literals: &[Literal]) -> Self {
        let (mut filter, mut long) = (Box::new([0; _]), Box::new([0; _]));
        let mut entries = Vec::with_capacity(windows.len());
        for (window, literal) in windows {
            let [a, b, c] = window.bytes;
            let hash = hash(u32::from_le_bytes([a, b, c, 0]));
            let bytes = &literals[usize::from(literal)].bytes;
            let fourth = bytes.get(usize::from(window.before) + 3).copied();
            // Of a literal that ends before, what may follow is known by its class.
            let may_follow = |byte: &u8| fourth.map_or(class(*byte) & window.classes != 0, |known| known == *byte);
            for fourth in (0..=u8::MAX).filter(may_follow) {
                let (word, bit) = filter_bit(u32::from_le_bytes([a, b, c, fourth | 0x20]));
                filter[word] |= 1 << bit;
            }
            let rest = bytes.get(usize::from(window.before)..).and_then(<[u8]>::first_chunk);
            if let Some(rest) = rest {
                let (word, bit) = long_bit(fold(u64::from_le_bytes(*rest)));
                long[word] |= bit;
            }
            entries.push((group_of(hash, rest.is_some()), Entry::new(bytes, window.before, literal)));
        }
        entries.sort_unstable();
        // Two windows of one literal at the same offset would find it twice where they share a hash.
        entries.dedup();
        let begins = |group: usize| entries.partition_point(|entry| entry.0 < group);
        let heads = (0..=2 << HASH_BITS).map(|group| u16::try_from(begins(group)).expect("a pack has fewer literals"));
        Self { filter, long, heads: heads.collect(), entries: entries.iter().map(|entry| entry.1).collect() }
    }

    /// Looks at the four bytes `window` of a text that stand at `at`, and keeps the place if they are like a window of some
    /// literal. The batch must not be full.
    #[inline(always)]
    pub(super) fn sift(&self, window: u32, at: usize, batch: &mut Batch) {
        let (word, bit) = filter_bit(window | 0x2020_2020);
        batch.add(at, self.filter[word] >> bit & 1 != 0);
    }

    /// Looks for the literals whose windows stand at the places of a batch, and empties it.
    #[inline(never)]
    pub(super) fn find(&self, batch: &mut Batch, text: &[u8], found: &mut impl FnMut(usize, usize)) {
        for at in batch.take() {
            let window = u64::from_le_bytes(lanes::eight(text, *at)) as u32;
            self.entries(text, *at, hash(window | 0x2020_2020)).iter().for_each(|entry| entry.report(text, *at, found));
        }
    }

    /// The entries of a window with this hash that stands at `at`.
    #[inline(always)]
    fn entries(&self, text: &[u8], at: usize, hash: usize) -> &[Entry] {
        let group = group_of(hash, false);
        let (short, long) = (usize::from(self.heads[group]), usize::from(self.heads[group + 1]));
        let end = usize::from(self.heads[group + 2]);
        let is_long = long < end
            && text.get(at..).and_then(<[u8]>::first_chunk).is_some_and(|bytes| {
                let (word, bit) = long_bit(fold(u64::from_le_bytes(*bytes)));
                self.long[word] & bit != 0
            });
        self.entries.get(short..if is_long { end } else { long }).unwrap_or_default()
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let filters = size_of_val(&*self.filter) + size_of_val(&*self.long);
        filters + size_of_val(&*self.heads) + size_of_val(&*self.entries)
    }
}

/// What the fourth byte of a window is, as one of eight bits, so that the end of a word shows.
const CLASSES: [u8; 256] = {
    // About as frequent as each other in English; what is in none is the first class.
    const GROUPS: [&[u8]; 7] =
        [b"0123456789", b"_-./:=\"'", b"ehdq", b"tolcj", b"aiumwz", b"nsrfgypbvkx", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    let mut classes = [1; 256];
    let mut group = 0;
    while group < GROUPS.len() {
        let mut at = 0;
        while at < GROUPS[group].len() {
            classes[GROUPS[group][at] as usize] = 2 << group;
            at += 1;
        }
        group += 1;
    }
    classes
};

/// The class of a fourth byte, as a bit.
pub(super) fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Upper and lower case alike. Some other characters fall together as well, which only costs a comparison.
#[inline]
pub(super) fn fold(bytes: u64) -> u64 {
    bytes | 0x2020_2020_2020_2020
}

impl Entry {
    pub(super) fn new(bytes: &[u8], before: u8, literal: u16) -> Self {
        let (head, next) = bytes.split_at(bytes.len().min(8));
        let known = |part: &[u8]| {
            let unknown = 64 - 8 * part.len().min(8) as u8;
            let keep = u64::MAX.checked_shr(u32::from(unknown)).unwrap_or(0);
            (fold(u64::from_le_bytes(lanes::eight(part, 0))) & keep, unknown)
        };
        let ((head, in_head), (next, in_next)) = (known(head), known(next));
        Self { head, next, unknown: [in_head, in_next], before, literal, fourth: Fourth::Any }
    }

    /// The same for those places only where this is the fourth byte of the window.
    pub(super) fn with_fourth(self, fourth: Fourth) -> Self {
        Self { fourth, ..self }
    }

    /// Whether the beginning of the literal stands where it must if the window is at `at`. Near the end of a text, where it
    /// has no eight bytes, it may.
    #[inline]
    fn may_stand(&self, text: &[u8], at: usize) -> bool {
        let Some(start) = at.checked_sub(usize::from(self.before)) else { return false };
        let is = |from: usize, known: u64, unknown: u8| {
            let there = text.get(from..).and_then(<[u8]>::first_chunk);
            let differs = |bytes: &[u8; 8]| (fold(u64::from_le_bytes(*bytes)) ^ known).checked_shl(u32::from(unknown));
            there.is_none_or(|bytes| differs(bytes).unwrap_or(0) == 0)
        };
        is(start, self.head, self.unknown[0]) && is(start + 8, self.next, self.unknown[1])
    }

    /// Calls `found` if the literal may stand in `text`, with its number and place.
    #[inline]
    pub(super) fn report(&self, text: &[u8], at: usize, found: &mut impl FnMut(usize, usize)) {
        if self.may_stand(text, at) && self.fourth.is(text.get(at + 3).copied().unwrap_or(0)) {
            found(usize::from(self.literal), at - usize::from(self.before));
        }
    }
}

/// The hash of a folded window's first three bytes.
#[inline]
fn hash(window: u32) -> usize {
    // 2^32 divided by the golden ratio, odd (Knuth, TAOCP 6.4): its upper bits depend on all of the key.
    ((window << 8).wrapping_mul(0x9E37_79B1) >> (32 - HASH_BITS)) as usize
}

/// The word of the filter for a folded window, and the number of its bit in it.
#[inline(always)]
fn filter_bit(window: u32) -> (usize, u32) {
    // 2^32 divided by the golden ratio, odd.
    let hash = window.wrapping_mul(0x9E37_79B1) >> (32 - WHOLE_BITS);
    ((hash >> 6) as usize, hash & 63)
}

/// The number of the entries with a window of some hash, the long ones or the others.
fn group_of(hash: usize, long: bool) -> usize {
    2 * hash + usize::from(long)
}

/// The word of the filter of eight bytes, folded, and their bit in it.
fn long_bit(bytes: u64) -> (usize, u64) {
    // 2^64 divided by the golden ratio, odd.
    let hash = bytes.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - LONG_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}
