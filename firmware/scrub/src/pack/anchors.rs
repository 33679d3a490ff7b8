//! Finds where a literal of some rule stands, at well under a nanosecond a byte.
//!
//! ```text
//!   … p a s s w o r d = …        a window of four bytes at every place, folded
//!           └──┬──┘
//!         hash ▼
//!   [0 0 1 0 0 0 0 1 0 …]        two bits of one word: may this be the chosen window of some literal?
//!         bucket ▼
//!   sswo ► "password" − 2        which literals, and how far before they begin; then byte for byte
//! ```
//!
//! Each literal is looked for by its rarest window of four bytes. One that is shorter is lengthened by what its rules let
//! follow it; if that could be too much, its rarest byte is searched for in a pass of its own.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use memchr::{memchr_iter, memchr2_iter, memchr3_iter};

use super::machine::Walk;
use super::rule::Rule;

/// Bits of the table of windows, as a power of two: 16 KiB, half of a small first cache.
const WINDOW_BITS: u32 = 17;

/// Buckets of literals, as a power of two.
const BUCKET_BITS: u32 = 13;

/// A literal that could be lengthened in more ways than this is found by one of its bytes. Two hexadecimal digits are 256.
const MAX_WINDOWS: usize = 256;

/// A literal to look for.
#[derive(Debug)]
pub(crate) struct Literal {
    /// In lower case if the case does not matter.
    bytes: Vec<u8>,
    ignore_case: bool,
    /// The rules that it is an anchor of, in rising order.
    rules: Vec<usize>,
}

/// All literals of a pack, and what finds them.
#[derive(Debug)]
pub(crate) struct Anchors {
    literals: Vec<Literal>,
    windows: Box<[u64; 1 << (WINDOW_BITS - 6)]>,
    places: Places,
    /// Bytes that are searched for one by one, and the literals that have them.
    bytes: Vec<u8>,
    byte_places: Places,
}

/// Which literals have some window, and where in them it stands.
#[derive(Debug)]
struct Places {
    /// Where each bucket begins, and one past the last.
    heads: Vec<u32>,
    places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    bucket: u32,
    key: u32,
    literal: u32,
    /// Bytes of the literal before the window.
    offset: u32,
}

impl Literal {
    /// The number of its bytes.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The rules that it is an anchor of, in rising order.
    pub(crate) fn rules(&self) -> &[usize] {
        &self.rules
    }

    fn is(&self, text: &[u8]) -> bool {
        if self.ignore_case { text.eq_ignore_ascii_case(&self.bytes) } else { text == self.bytes }
    }
}

/// Gathers literals while rules are read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    literals: Vec<Literal>,
    known: HashMap<(Vec<u8>, bool), usize>,
}

impl Draft {
    /// Adds an anchor of the rule with the number `rule`; rules come in rising order.
    pub(super) fn add(&mut self, anchor: &str, ignore_case: bool, rule: usize) {
        let bytes = if ignore_case { anchor.to_ascii_lowercase() } else { anchor.to_owned() }.into_bytes();
        let next = self.literals.len();
        let index = *self.known.entry((bytes.clone(), ignore_case)).or_insert(next);
        if index == next {
            self.literals.push(Literal { bytes, ignore_case, rules: Vec::new() });
        }
        let rules = &mut self.literals[index].rules;
        if rules.last() != Some(&rule) {
            rules.push(rule);
        }
    }

    /// The bytes of all literals.
    pub(super) fn bytes(&self) -> usize {
        self.literals.iter().map(Literal::len).sum()
    }

    /// Chooses by what each literal is found.
    pub(super) fn finish(self, rules: &[Rule]) -> Anchors {
        let mut windows = Box::new([0; _]);
        let (mut places, mut byte_places) = (Vec::new(), Vec::new());
        for (literal, index) in self.literals.iter().zip(0..) {
            match keys(literal, rules) {
                Keys::Windows(offset, keys) => {
                    for key in &keys {
                        let (word, bits) = bits_of(*key);
                        windows[word] |= bits;
                    }
                    places.extend(keys.into_iter().map(|key| Place::new(key, index, offset)));
                }
                Keys::Byte(offset, bytes) => {
                    byte_places.extend(bytes.map(|byte| Place::new(u32::from(byte), index, offset)));
                }
            }
        }
        let mut bytes: Vec<u8> = byte_places.iter().filter_map(|place| u8::try_from(place.key).ok()).collect();
        bytes.sort_unstable();
        bytes.dedup();
        byte_places.sort_unstable();
        byte_places.dedup();
        let (places, byte_places) = (Places::new(places), Places::new(byte_places));
        Anchors { literals: self.literals, windows, places, bytes, byte_places }
    }
}

impl Anchors {
    /// The anchors of a rule, in order, and whether their case does not matter.
    pub(super) fn of_rule(&self, rule: usize) -> (Vec<&[u8]>, bool) {
        let own = || self.literals.iter().filter(|literal| literal.rules.binary_search(&rule).is_ok());
        let mut anchors: Vec<&[u8]> = own().map(|literal| &*literal.bytes).collect();
        anchors.sort_unstable();
        (anchors, own().any(|literal| literal.ignore_case))
    }

    /// Calls `found` with every literal that stands in `text` and its place: first those with windows, in their order,
    /// then the others.
    pub(crate) fn find(&self, text: &[u8], mut found: impl FnMut(&Literal, usize)) {
        for (at, window) in text.array_windows().enumerate() {
            let (word, bits) = bits_of(folded(*window));
            if self.windows[word] & bits == bits {
                self.check(text, at, self.places.of(folded(*window)), &mut found);
            }
        }
        // The last places have no four bytes: nothing stands behind the text, which folds like a space.
        for at in text.len().saturating_sub(3)..text.len() {
            let mut window = [0; 4];
            window[..text.len() - at].copy_from_slice(&text[at..]);
            self.check(text, at, self.places.of(folded(window)), &mut found);
        }
        let mut one = |at: usize| self.check(text, at, self.byte_places.of(u32::from(text[at])), &mut found);
        for bytes in self.bytes.chunks(3) {
            match *bytes {
                [a] => memchr_iter(a, text).for_each(&mut one),
                [a, b] => memchr2_iter(a, b, text).for_each(&mut one),
                [a, b, c] => memchr3_iter(a, b, c, text).for_each(&mut one),
                _ => unreachable!("chunks of three have one to three"),
            }
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let literals: usize = self.literals.iter().map(|literal| literal.len() + size_of::<Literal>()).sum();
        size_of_val(&*self.windows) + literals + self.places.memory() + self.byte_places.memory()
    }

    #[inline(never)]
    fn check(&self, text: &[u8], at: usize, places: &[Place], found: &mut impl FnMut(&Literal, usize)) {
        for place in places {
            let literal = &self.literals[place.literal as usize];
            let Some(start) = at.checked_sub(place.offset as usize) else { continue };
            if text.get(start..start + literal.len()).is_some_and(|text| literal.is(text)) {
                found(literal, start);
            }
        }
    }
}

impl Place {
    fn new(key: u32, literal: u32, offset: usize) -> Self {
        let offset = u32::try_from(offset).expect("an anchor has at most 48 bytes");
        Self { bucket: hash(key) >> (32 - BUCKET_BITS), key, literal, offset }
    }
}

impl Places {
    fn new(mut places: Vec<Place>) -> Self {
        places.sort_unstable();
        let heads = (0..=1 << BUCKET_BITS)
            .map(|bucket| u32::try_from(places.partition_point(|place| place.bucket < bucket)))
            .collect::<Result<_, _>>()
            .expect("a pack has fewer literals than that");
        Self { heads, places }
    }

    /// The places that have `key`.
    #[inline]
    fn of(&self, key: u32) -> &[Place] {
        let bucket = (hash(key) >> (32 - BUCKET_BITS)) as usize;
        let places = &self.places[self.heads[bucket] as usize..self.heads[bucket + 1] as usize];
        // Mostly there are none or one; they lie in order of their keys.
        let before = places.iter().take_while(|place| place.key < key).count();
        let count = places[before..].iter().take_while(|place| place.key == key).count();
        &places[before..before + count]
    }

    fn memory(&self) -> usize {
        size_of_val(&*self.heads) + size_of_val(&*self.places)
    }
}

/// By what a literal is found, and how many of its bytes stand before that.
enum Keys {
    Windows(usize, BTreeSet<u32>),
    Byte(usize, [u8; 2]),
}

fn keys(literal: &Literal, rules: &[Rule]) -> Keys {
    let rarest = |len: usize| {
        let windows = literal.bytes.windows(len).enumerate();
        windows.max_by_key(|(at, window)| (surprise(window), std::cmp::Reverse(*at))).expect("it is as long at least")
    };
    if let Some((at, &[a, b, c, d])) = (literal.len() >= 4).then(|| rarest(4)) {
        return Keys::Windows(at, BTreeSet::from([folded([a, b, c, d])]));
    }
    if literal.len() > 1
        && let Some(windows) = lengthened(literal, rules)
    {
        return Keys::Windows(0, windows);
    }
    let (at, byte) = rarest(1);
    Keys::Byte(at, [byte[0], if literal.ignore_case { byte[0].to_ascii_uppercase() } else { byte[0] }])
}

/// What may stand behind the beginning of a text.
#[derive(Clone)]
enum Following<'a> {
    Pattern(Walk<'a>),
    /// No letter: a keyword is a whole word.
    WordEnd,
    Anything,
}

/// Every window that a literal and what follows it can be; `None` when they are too many.
fn lengthened(literal: &Literal, rules: &[Rule]) -> Option<BTreeSet<u32>> {
    let mut all = BTreeSet::new();
    for rule in literal.rules.iter().map(|index| &rules[*index]) {
        let following = match rule.anchored() {
            Some(machine) => Following::Pattern(machine.walk().along(&literal.bytes, literal.ignore_case)),
            // What is assigned may begin a longer name.
            None if rule.assigned => Following::Anything,
            // What is assigned proves itself, and its keyword may be a part of a longer name.
            None if rule.assigned => Following::Anything,
            None => Following::WordEnd,
        };
        lengthen(&literal.bytes, &following, &mut all)?;
    }
    Some(all)
}

fn lengthen(text: &[u8], following: &Following<'_>, all: &mut BTreeSet<u32>) -> Option<()> {
    if let [a, b, c, d] = *text {
        all.insert(folded([a, b, c, d]));
        return (all.len() <= MAX_WINDOWS).then_some(());
    }
    for byte in 0..=u8::MAX {
        let next = match following {
            Following::WordEnd if byte.is_ascii_alphabetic() => continue,
            Following::WordEnd | Following::Anything => Following::Anything,
            Following::Pattern(walk) => {
                let walk = walk.step(byte, false);
                if walk.has_matched() {
                    Following::Anything
                } else if walk.is_dead() {
                    continue;
                } else {
                    Following::Pattern(walk)
                }
            }
        };
        lengthen(&[text, &[byte]].concat(), &next, all)?;
    }
    Some(())
}

/// Four bytes as a number, upper and lower case alike. Some other characters fall together as well, which only costs a
/// comparison.
fn folded(window: [u8; 4]) -> u32 {
    u32::from_le_bytes(window) | 0x2020_2020
}

fn hash(key: u32) -> u32 {
    // 2^32 divided by the golden ratio, odd (Knuth, TAOCP 6.4): its upper bits depend on all of the key.
    key.wrapping_mul(0x9E37_79B1)
}

/// The word of the table that a window is entered in, and its two bits. One word costs one access to memory; two bits
/// make it rare that a window which is not there seems to be.
fn bits_of(key: u32) -> (usize, u64) {
    let hash = hash(key);
    let word = (hash >> (32 - (WINDOW_BITS - 6))) as usize;
    (word, 1 << (hash >> 15 & 63) | 1 << (hash >> 9 & 63))
}

/// Common words of prose and code, to tell which parts of a literal occur in others.
const COMMON: &str = include_str!("anchors/common.txt");

/// How often each window occurs in them.
static COMMON_PARTS: LazyLock<HashMap<u32, u32>> = LazyLock::new(|| {
    let mut parts = HashMap::new();
    COMMON.as_bytes().array_windows().for_each(|window| *parts.entry(folded(*window)).or_default() += 1);
    parts
});

/// What each occurrence in the common words takes from a part's surprise.
const COMMON_COST: u32 = 12;

/// How rare a text is in prose and code, in tenths of a bit; only comparisons count.
fn surprise(text: &[u8]) -> u32 {
    /// The letters of English text, after the frequencies of the Brown corpus.
    const LETTERS: [u32; 26] =
        [40, 63, 54, 50, 34, 57, 59, 46, 42, 100, 72, 50, 55, 42, 41, 56, 105, 44, 43, 39, 53, 68, 62, 85, 59, 100];
    let one = |byte: &u8| match byte.to_ascii_lowercase() {
        letter @ b'a'..=b'z' => LETTERS[usize::from(letter - b'a')],
        b' ' => 27,
        b'0'..=b'9' | b'.' | b'"' | b'_' | b'-' | b'/' | b':' | b'=' | b'(' | b')' | b',' | b'\n' => 65,
        _ => 90,
    };
    let alone: u32 = text.iter().map(one).sum();
    // A part of common words is less rare than its letters.
    let key = text.first_chunk().map(|window| folded(*window));
    alone.saturating_sub(key.and_then(|key| COMMON_PARTS.get(&key)).map_or(0, |count| COMMON_COST * (*count).min(8)))
}

#[cfg(test)]
mod tests;
