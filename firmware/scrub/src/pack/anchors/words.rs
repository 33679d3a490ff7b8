//! The filter for literals that are found where a word begins: by as many of the eight bytes there as tell.
//!
//! ```text
//!   p a s s w o r d =        at a word: three bytes and what the fourth is
//!   └──┬──┘ │
//!      ▼    ▼
//!   [… 5,8 … 4 …]            the gate: of how many bytes are the literals that begin like this?
//!      ▼
//!   p a s s w                as many as the shortest has, hashed: a bit if some literal begins so
//!      ▼
//!   p a s s w o r d          the same for each other length; eight bytes are enough
//!      ▼
//!   "password", …            which literals; then byte for byte
//! ```
//!
//! Most words of a text begin like some literal, hardly any goes on like one. The first two steps are the same few
//! instructions for every word, without a branch that a processor could guess wrong.

use super::Literal;
use super::choice::Window;
use super::table::{Entry, Fourth, class, fold};

/// Bits of the hash that addresses the gate: 32 KiB, of which a text reads only where its words lead.
const GATE_BITS: u32 = 15;

/// Bits of a key, which address a bit each.
const KEY_BITS: u32 = 17;

/// Bits of a key, the lower ones, that do not tell the lists of literals apart.
const LIST_SHIFT: u32 = 4;

/// By how many bits eight bytes are shifted where no literal begins: all is lost but the lowest bit of the first.
const NOTHING: u8 = 63;

/// How many multipliers are tried for one by which nothing is no literal's key.
const TRIES: u64 = 64;

/// Finds literals by the bytes from where a word begins.
#[derive(Debug)]
pub(super) struct Words {
    /// By the hash of a word's beginning: the lengths of literals that begin like this, a bit for eight bytes and more, the
    /// next one for seven, and so on.
    gate: Box<[u8; 1 << GATE_BITS]>,
    /// The keys that the gate asks for.
    asked: Keys,
    /// The keys of whole literals, or of their first eight bytes.
    whole: Keys,
    multiplier: u64,
    /// For each list of literals, which are those of some keys, where it begins, and one past the last.
    lists: Box<[u16; (1 << (KEY_BITS - LIST_SHIFT)) + 1]>,
    entries: Vec<Entry>,
}

/// Keys, a bit for each.
#[derive(Debug)]
struct Keys(Box<[u64; 1 << (KEY_BITS - 6)]>);

impl Keys {
    fn new(keys: impl Iterator<Item = usize>) -> Self {
        let mut all = Box::new([0; _]);
        keys.for_each(|key| all[key >> 6] |= 1 << (key & 63));
        Self(all)
    }

    #[inline(always)]
    fn has(&self, key: usize) -> bool {
        self.0[key >> 6] >> (key & 63) & 1 != 0
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
    entry: Entry,
}

impl Known {
    /// All that can stand where a window of the literal with this number does.
    fn all(window: Window, number: u16, literals: &[Literal]) -> Vec<Self> {
        let Literal { bytes, ignore_case, .. } = &literals[usize::from(number)];
        let entry = Entry::new(bytes, window.before, number);
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
                entry: entry.with_fourth(fourth),
            }
        };
        let rest = &bytes[usize::from(window.before)..];
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
        let mut gate = Box::new([0; _]);
        for (known, place) in known.iter().flat_map(|known| known.places.iter().map(move |place| (known, *place))) {
            gate[place] |= 1 << (known.shift() / 8);
        }
        let asked = |known: &Known| {
            known.places.iter().map(|at| known.bytes << SHIFTS[usize::from(gate[*at])]).collect::<Vec<_>>()
        };
        let multiplier = multiplier(&known.iter().flat_map(asked).collect::<Vec<_>>());
        let key = |bytes: u64| key(bytes, multiplier);
        let whole = |known: &Known| key(known.bytes << known.shift());
        let mut listed: Vec<_> = known.iter().map(|known| (whole(known) >> LIST_SHIFT, known.entry)).collect();
        listed.sort_unstable();
        // A literal that is lengthened in several ways would be found as often where they share a list.
        listed.dedup();
        let begins = |list: usize| listed.partition_point(|entry| entry.0 < list);
        let lists =
            Box::new(std::array::from_fn(|list| u16::try_from(begins(list)).expect("a pack has fewer literals")));
        Self {
            asked: Keys::new(known.iter().flat_map(asked).map(key)),
            whole: Keys::new(known.iter().map(whole)),
            gate,
            multiplier,
            lists,
            entries: listed.into_iter().map(|entry| entry.1).collect(),
        }
    }

    /// Looks at the `eight` bytes of a text that stand at `at`, where a word begins.
    #[inline(always)]
    pub(super) fn look(&self, eight: u64, text: &[u8], at: usize, found: &mut impl FnMut(usize, usize)) {
        let bytes = fold(eight);
        let lengths = self.gate[place(bytes as u32, (eight >> 24) as u8)];
        let asked = bytes << (SHIFTS[usize::from(lengths % MAX_LENGTHS)] & 63);
        if self.asked.has(key(asked, self.multiplier)) {
            self.report(lengths, bytes, text, at, found);
        }
    }

    /// Looks for literals of these lengths.
    #[inline(never)]
    fn report(&self, mut lengths: u8, bytes: u64, text: &[u8], at: usize, found: &mut impl FnMut(usize, usize)) {
        while lengths != 0 {
            let key = key(bytes << (8 * lengths.trailing_zeros()), self.multiplier);
            if self.whole.has(key) {
                self.compare(key >> LIST_SHIFT, text, at, found);
            }
            lengths &= lengths - 1;
        }
    }

    /// Compares the literals of a list. Apart from where they are looked for, which so needs fewer registers.
    #[inline(never)]
    fn compare(&self, list: usize, text: &[u8], at: usize, found: &mut impl FnMut(usize, usize)) {
        let (start, end) = (usize::from(self.lists[list]), usize::from(self.lists[list + 1]));
        self.entries[start..end].iter().for_each(|entry| entry.report(text, at, found));
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let filters = size_of_val(&*self.gate) + 2 * size_of_val(&*self.asked.0);
        filters + size_of_val(&*self.lists) + size_of_val(&*self.entries)
    }
}

/// Sets of lengths, of which there are six.
const MAX_LENGTHS: u8 = 1 << 6;

/// For each set of lengths by how many bits eight bytes are shifted so that as many are left as the shortest has.
const SHIFTS: [u8; MAX_LENGTHS as usize] = {
    let mut shifts = [NOTHING; MAX_LENGTHS as usize];
    let mut lengths = 1;
    while lengths < shifts.len() {
        shifts[lengths] = 8 * lengths.ilog2() as u8;
        lengths += 1;
    }
    shifts
};

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

/// A multiplier by which what the gate says of nothing is the key of none of these.
fn multiplier(all: &[u64]) -> u64 {
    /// 2^64 divided by the golden ratio, odd (Knuth, TAOCP 6.4).
    const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
    let is_free = |by: &u64| {
        let nothing = [key(0, *by), key(1 << NOTHING, *by)];
        !all.iter().any(|bytes| nothing.contains(&key(*bytes, *by)))
    };
    // Where none is, more is looked at than needs to be.
    (0..TRIES).map(|step| FIRST + 2 * step).find(is_free).unwrap_or(FIRST)
}

/// The place of the gate for three folded bytes and a fourth one.
#[inline(always)]
fn place(folded: u32, fourth: u8) -> usize {
    let bytes = folded & 0x00FF_FFFF | FOURTH[usize::from(fourth)];
    // 2^32 divided by the golden ratio, odd: its upper bits depend on all of the key.
    (bytes.wrapping_mul(0x9E37_79B1) >> (32 - GATE_BITS)) as usize
}

/// The key of what is left of eight bytes.
#[inline(always)]
fn key(bytes: u64, multiplier: u64) -> usize {
    (bytes.wrapping_mul(multiplier) >> (64 - KEY_BITS)) as usize
}
