//! The filter for literals that are found where a word begins: by as many of the eight bytes there as tell.
//!
//! ```text
//!   p a s s w o r d =        at a word: three bytes and what the fourth is
//!   └──┬──┘ │
//!      ▼    ▼
//!   [… 5 … 4 …]              the gate: of how many bytes is the shortest literal that begins like this?
//!      ▼
//!   p a s s w                as many as the shortest has, hashed: two bits if some literal begins so
//!      ▼
//!   p a s s w o r d          the same for each other length; eight bytes are enough
//!   _ p a s s w o r d        and with the byte before, for literals of which the word is not the first
//!      ▼
//!   "password", …            which literals; then byte for byte
//! ```
//!
//! Most words of a text begin like some literal, hardly any goes on like one. A processor guesses wrong which ones do, and
//! then waits for all of the tables anew. So each step is taken for many words before the next one ([`Batch`]): the same few
//! instructions for every word, without a branch.

use super::choice::Window;
use super::table::{Entry, Fourth, class, fold};
use super::{Batch, Literal};
use crate::lanes;

/// Bits of the hash that addresses the gate: 32 KiB, of which a text reads only where its words lead.
const GATE_BITS: u32 = 15;

/// Bits of the filter of words' beginnings, as a power of two: 16 KiB.
const ASKED_BITS: u32 = 17;

/// The same of a whole literal. Few words get there, and so it may have more.
const WHOLE_BITS: u32 = 18;

/// Bits of the number of a list of literals, apart from the one that says whether something stands before the word.
const LIST_BITS: u32 = 13;

/// Lists that are asked together, and how many a word asks at most.
const PENDING: usize = 32;
const MOST: usize = 12;

/// By how many bits eight bytes are shifted where no literal begins: all is lost but the lowest bit of the first.
const NOTHING: u8 = 63;

/// How many multipliers are tried for one by which nothing is no literal's key.
const TRIES: u64 = 64;

/// Finds literals by the bytes from where a word begins.
#[derive(Debug)]
pub(super) struct Words {
    /// By the hash of a word's beginning: by how many bits eight bytes are shifted so that as many are left as the shortest
    /// literal has that begins like this.
    gate: Box<[u8; 1 << GATE_BITS]>,
    /// By the same hash: the lengths of literals that begin with the word, a bit for eight bytes and more, the next one for
    /// seven, and so on; and of those that begin before it.
    lengths: Box<[[u8; 2]; 1 << GATE_BITS]>,
    /// The keys that the gate asks for.
    asked: Keys<{ 1 << (ASKED_BITS - 6) }>,
    /// The keys of whole literals, or of their first eight bytes.
    whole: Keys<{ 1 << (WHOLE_BITS - 6) }>,
    multiplier: u64,
    /// For each list of literals, which are those of some keys, where it begins, and one past the last.
    lists: Box<[u16; (2 << LIST_BITS) + 1]>,
    entries: Vec<Entry>,
}

/// Lists of literals that may stand at a place.
struct Pending {
    lists: [(usize, usize); PENDING],
    len: usize,
}

/// Keys, two bits of one number for each: few others have both of them.
#[derive(Debug)]
struct Keys<const WORDS: usize>(Box<[u64; WORDS]>);

impl<const WORDS: usize> Keys<WORDS> {
    const BITS: u32 = WORDS.ilog2();

    fn new(hashes: impl Iterator<Item = u64>) -> Self {
        let mut all = Box::new([0; WORDS]);
        hashes.for_each(|hash| all[Self::word(hash)] |= 1 << Self::bit(hash, 1) | 1 << Self::bit(hash, 2));
        Self(all)
    }

    /// Whether a key has this hash, of which the upper bits count.
    #[inline(always)]
    fn has(&self, hash: u64) -> bool {
        let bits = self.0[Self::word(hash)];
        bits >> Self::bit(hash, 1) & bits >> Self::bit(hash, 2) & 1 != 0
    }

    #[inline(always)]
    fn word(hash: u64) -> usize {
        (hash >> (64 - Self::BITS)) as usize
    }

    /// The six bits of a hash that follow those of the word, or the next six.
    #[inline(always)]
    fn bit(hash: u64, number: u32) -> u32 {
        (hash >> (64 - Self::BITS - 6 * number)) as u32 & 63
    }
}

/// A literal as the filter knows it.
struct Known {
    /// Its bytes from the word on, folded, at the lower end.
    bytes: u64,
    /// How many these are, from three to eight.
    len: u8,
    /// The places of the gate that it can stand at.
    places: Vec<usize>,
    /// The byte of the literal before the word, if there is one.
    before: Option<u8>,
    entry: Entry,
}

impl Known {
    /// All that can stand where a window of the literal with this number does.
    fn all(window: Window, number: u16, literals: &[Literal]) -> Vec<Self> {
        let Literal { bytes: literal, ignore_case, .. } = &literals[usize::from(number)];
        let entry = Entry::new(literal, window.before, number);
        let [a, b, c] = window.bytes;
        let place = |fourth: u8| place(u32::from_le_bytes([a, b, c, 0]), fourth);
        let known = |bytes: &[u8], mut places: Vec<usize>, fourth: Fourth| {
            places.sort_unstable();
            places.dedup();
            let mut eight = [0; 8];
            eight[..bytes.len()].copy_from_slice(bytes);
            Self {
                bytes: fold(u64::from_le_bytes(eight)),
                len: bytes.len() as u8,
                places,
                before: usize::from(window.before).checked_sub(1).map(|at| literal[at]),
                entry: entry.with_fourth(fourth),
            }
        };
        let rest = &literal[usize::from(window.before)..];
        if let Some(fourth) = rest.get(3) {
            let cases = [*fourth, if *ignore_case { fourth.to_ascii_uppercase() } else { *fourth }];
            return vec![known(&rest[..rest.len().min(8)], cases.map(place).to_vec(), Fourth::Any)];
        }
        let may_follow = |byte: &u8| class(*byte) & window.classes != 0;
        let (small, others): (Vec<u8>, Vec<u8>) = (0..=u8::MAX).filter(may_follow).partition(u8::is_ascii_lowercase);
        let longer = |fourth: u8| known(&[a, b, c, fourth], vec![place(fourth)], Fourth::Small(fourth));
        let short = known(&window.bytes, others.into_iter().map(place).collect(), Fourth::Other);
        small.into_iter().map(longer).chain([short]).collect()
    }

    /// By how many bits eight bytes are shifted so that as many are left.
    fn shift(&self) -> u8 {
        64 - 8 * self.len
    }
}

impl Words {
    /// Enters the windows of literals, each with the literal's number.
    pub(super) fn new(windows: Vec<(Window, u16)>, literals: &[Literal]) -> Self {
        let known: Vec<Known> =
            windows.into_iter().flat_map(|(window, number)| Known::all(window, number, literals)).collect();
        let (mut gate, mut lengths) = (Box::new([NOTHING; _]), Box::new([[0; 2]; _]));
        for (known, place) in known.iter().flat_map(|known| known.places.iter().map(move |place| (known, *place))) {
            gate[place] = if gate[place] == NOTHING { known.shift() } else { known.shift().max(gate[place]) };
            lengths[place][usize::from(known.before.is_some())] |= 1 << (known.shift() / 8);
        }
        let asked = |known: &Known| known.places.iter().map(|at| known.bytes << gate[*at]).collect::<Vec<_>>();
        let (multiplier, asked) = keys(&known.iter().flat_map(asked).collect::<Vec<_>>());
        let whole = |known: &Known| {
            let bytes = known.bytes << known.shift();
            known.before.map_or(bytes, |before| behind(before, bytes)).wrapping_mul(multiplier)
        };
        let list = |known: &Known| list(whole(known), known.before.is_some());
        let mut listed: Vec<_> = known.iter().map(|known| (list(known), known.entry)).collect();
        listed.sort_unstable();
        // A literal that is lengthened in several ways would be found as often where they share a list.
        listed.dedup();
        let begins = |list: usize| listed.partition_point(|entry| entry.0 < list);
        let begins = |list: usize| u16::try_from(begins(list)).expect("a pack has fewer literals");
        Self {
            whole: Keys::new(known.iter().map(whole)),
            asked,
            gate,
            lengths,
            multiplier,
            lists: Box::new(std::array::from_fn(begins)),
            entries: listed.into_iter().map(|entry| entry.1).collect(),
        }
    }

    /// Looks at the `eight` bytes of a text that stand at `at`, where a word begins, and keeps the word if it begins like some
    /// literal. The batch must not be full.
    #[inline(always)]
    pub(super) fn sift(&self, eight: u64, at: usize, batch: &mut Batch) {
        let bytes = fold(eight);
        let asked = bytes << (self.gate[place(bytes as u32, (eight >> 24) as u8)] & 63);
        batch.add(at, self.asked.has(asked.wrapping_mul(self.multiplier)));
    }

    /// Looks for the literals that stand where the words of a batch do, and empties it.
    #[inline(never)]
    pub(super) fn find(&self, batch: &mut Batch, text: &[u8], found: &mut impl FnMut(usize, usize)) {
        let mut pending = Pending { lists: [(0, 0); PENDING], len: 0 };
        for at in batch.take() {
            self.ask(*at, text, &mut pending);
            if pending.len > PENDING - MOST {
                self.compare(&mut pending, text, found);
            }
        }
        self.compare(&mut pending, text, found);
    }

    /// Asks which lists have literals that begin like the word at `at`.
    #[inline(always)]
    fn ask(&self, at: usize, text: &[u8], pending: &mut Pending) {
        let before = at.checked_sub(1).map_or(0, |before| text[before]);
        let eight = u64::from_le_bytes(lanes::eight(text, at));
        let word = fold(eight);
        let mut ask = |bytes: u64, inside: bool| {
            let hash = bytes.wrapping_mul(self.multiplier);
            pending.lists[pending.len % PENDING] = (list(hash, inside), at);
            pending.len += usize::from(self.whole.has(hash));
        };
        let [mut plain, mut inside] = self.lengths[place(word as u32, (eight >> 24) as u8)];
        while plain != 0 {
            ask(word << (8 * plain.trailing_zeros()), false);
            plain &= plain - 1;
        }
        while inside != 0 {
            ask(behind(before, word << (8 * inside.trailing_zeros())), true);
            inside &= inside - 1;
        }
    }

    /// Compares the literals of lists, and forgets these.
    #[inline(always)]
    fn compare(&self, pending: &mut Pending, text: &[u8], found: &mut impl FnMut(usize, usize)) {
        for (list, at) in &pending.lists[..std::mem::take(&mut pending.len)] {
            let (start, end) = (usize::from(self.lists[*list]), usize::from(self.lists[list + 1]));
            self.entries[start..end].iter().for_each(|entry| entry.report(text, *at, found));
        }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let gates = size_of_val(&*self.gate) + size_of_val(&*self.lengths);
        let filters = size_of_val(&*self.asked.0) + size_of_val(&*self.whole.0);
        gates + filters + size_of_val(&*self.lists) + size_of_val(&*self.entries)
    }
}

/// What the gate takes a fourth byte for: small letters are themselves, other bytes one of four kinds. Of many a literal of
/// three bytes nothing but the kind of what follows is known. At the upper end of four bytes.
const FOURTH: [u32; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let kind = match byte as u8 {
            b'a'..=b'z' => byte as u32,
            b'A'..=b'Z' => 1,
            b'0'..=b'9' => 2,
            0x80.. => 4,
            _ => 3,
        };
        kinds[byte] = kind << 24;
        byte += 1;
    }
    kinds
};

/// A multiplier and what it makes of these keys, so that what the gate says of nothing is none of them.
fn keys<const WORDS: usize>(all: &[u64]) -> (u64, Keys<WORDS>) {
    /// 2^64 divided by the golden ratio, odd (Knuth, TAOCP 6.4).
    const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
    let keys = |by: u64| Keys::new(all.iter().map(|bytes| bytes.wrapping_mul(by)));
    let is_nothing = |by: u64, keys: &Keys<WORDS>| keys.has(0) || keys.has((1_u64 << NOTHING).wrapping_mul(by));
    let tried = (0..TRIES).map(|step| FIRST + 2 * step).map(|by| (by, keys(by)));
    // Where none is free, more is looked at than needs to be.
    tried.into_iter().find(|(by, keys)| !is_nothing(*by, keys)).unwrap_or_else(|| (FIRST, keys(FIRST)))
}

/// The place of the gate for three folded bytes and a fourth one.
#[inline(always)]
fn place(folded: u32, fourth: u8) -> usize {
    let bytes = folded & 0x00FF_FFFF | FOURTH[usize::from(fourth)];
    // 2^32 divided by the golden ratio, odd: its upper bits depend on all of the key.
    (bytes.wrapping_mul(0x9E37_79B1) >> (32 - GATE_BITS)) as usize
}

/// So many upper bits of a hash.
#[inline(always)]
fn key<const BITS: u32>(hash: u64) -> usize {
    (hash >> (64 - BITS)) as usize
}

/// The number of the list that literals with some hash are in, those that begin before the word apart from the others.
#[inline(always)]
fn list(hash: u64, inside: bool) -> usize {
    key::<LIST_BITS>(hash) | usize::from(inside) << LIST_BITS
}

/// What is left of eight bytes, and the byte before them.
#[inline(always)]
fn behind(before: u8, bytes: u64) -> u64 {
    // An odd number without a pattern, so that no other bytes are the same in practice.
    bytes ^ u64::from(before | 0x20).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}
