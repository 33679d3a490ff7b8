//! Finds where a literal of some rule stands, at well under a nanosecond a byte.
//!
//! ```text
//!   … p a s s w o r d = …        a window of four bytes at every place, folded
//!           └──┬──┘
//!         hash ▼
//!   [0 0 1 0 0 0 0 1 0 …]        one bit: may this be the chosen window of some literal?
//!         bucket ▼
//!   sswo ► "password" − 2        which literals, and how far before they begin; then byte for byte
//! ```
//!
//! Each literal is looked for by its rarest window of four bytes. One that is shorter is lengthened by what its rules let
//! follow it, or else found by two bytes alone, which are looked up directly.

use std::collections::BTreeSet;

use super::machine::Walk;
use super::rule::Rule;

/// Bits of the table of windows, as a power of two: 16 KiB, which with the table of pairs stays in the first cache.
const WINDOW_BITS: u32 = 17;

/// Buckets of literals, as a power of two.
const BUCKET_BITS: u32 = 12;

/// A literal that could be lengthened in more ways than this is found by a pair of its bytes.
const MAX_WINDOWS: usize = 160;

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
    pairs: Box<[u64; 1 << (16 - 6)]>,
    window_places: Places,
    pair_places: Places,
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

    /// The ways to write one of its bytes.
    fn cases(&self, byte: u8) -> [u8; 2] {
        [byte, if self.ignore_case { byte.to_ascii_uppercase() } else { byte }]
    }

    fn is(&self, text: &[u8]) -> bool {
        if self.ignore_case { text.eq_ignore_ascii_case(&self.bytes) } else { text == self.bytes }
    }
}

/// Gathers literals while rules are read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    literals: Vec<Literal>,
    known: std::collections::HashMap<(Vec<u8>, bool), usize>,
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
        let (mut windows, mut pairs) = (Box::new([0; _]), Box::new([0; _]));
        let (mut window_places, mut pair_places) = (Vec::new(), Vec::new());
        for (literal, index) in self.literals.iter().zip(0..) {
            match keys(literal, rules) {
                Keys::Windows(offset, keys) => {
                    keys.iter().for_each(|key| set(&mut *windows, window_bit(*key)));
                    window_places.extend(keys.into_iter().map(|key| Place::new(key, index, offset)));
                }
                Keys::Pairs(offset, keys) => {
                    keys.iter().for_each(|key| set(&mut *pairs, usize::from(*key)));
                    pair_places.extend(keys.into_iter().map(|key| Place::new(u32::from(key), index, offset)));
                }
            }
        }
        let (window_places, pair_places) = (Places::new(window_places), Places::new(pair_places));
        Anchors { literals: self.literals, windows, pairs, window_places, pair_places }
    }
}

impl Anchors {
    /// Calls `found` with every literal that stands in `text` and its place, in the order of their windows.
    pub(crate) fn find(&self, text: &[u8], mut found: impl FnMut(&Literal, usize)) {
        for (at, window) in text.array_windows().enumerate() {
            if self.may_stand(*window) {
                self.check(text, at, *window, &mut found);
            }
        }
        // The last places have no four bytes: nothing stands behind the text, which folds like a space.
        let whole = text.len().saturating_sub(3);
        for at in whole..text.len() {
            let mut window = [0; 4];
            window[..text.len() - at].copy_from_slice(&text[at..]);
            self.check(text, at, window, &mut found);
        }
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let literals: usize = self.literals.iter().map(|literal| literal.len() + size_of::<Literal>()).sum();
        let places = |places: &Places| size_of_val(&*places.heads) + size_of_val(&*places.places);
        size_of_val(&*self.windows)
            + size_of_val(&*self.pairs)
            + literals
            + places(&self.window_places)
            + places(&self.pair_places)
    }

    #[inline(always)]
    fn may_stand(&self, window: [u8; 4]) -> bool {
        let bit = window_bit(folded(window));
        let pair = usize::from(u16::from_le_bytes([window[0], window[1]]));
        (self.windows[bit >> 6] >> (bit & 63) | self.pairs[pair >> 6] >> (pair & 63)) & 1 == 1
    }

    #[inline(never)]
    fn check(&self, text: &[u8], at: usize, window: [u8; 4], found: &mut impl FnMut(&Literal, usize)) {
        let pair = u32::from(u16::from_le_bytes([window[0], window[1]]));
        let places = self.window_places.of(folded(window)).chain(self.pair_places.of(pair));
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

    fn of(&self, key: u32) -> impl Iterator<Item = &Place> {
        let bucket = (hash(key) >> (32 - BUCKET_BITS)) as usize;
        let range = self.heads[bucket] as usize..self.heads[bucket + 1] as usize;
        self.places[range].iter().filter(move |place| place.key == key)
    }
}

/// By what a literal is found, and how many of its bytes stand before that.
enum Keys {
    Windows(usize, BTreeSet<u32>),
    Pairs(usize, BTreeSet<u16>),
}

fn keys(literal: &Literal, rules: &[Rule]) -> Keys {
    let rarest = |len: usize| {
        let windows = literal.bytes.windows(len).enumerate();
        windows.max_by_key(|(at, window)| (surprise(window), std::cmp::Reverse(*at))).expect("it is longer")
    };
    if let Some((at, &[a, b, c, d])) = (literal.len() >= 4).then(|| rarest(4)) {
        return Keys::Windows(at, BTreeSet::from([folded([a, b, c, d])]));
    }
    if literal.len() > 1
        && let Some(windows) = lengthened(literal, rules, 4, MAX_WINDOWS)
    {
        return Keys::Windows(
            0,
            windows.iter().map(|window| folded([window[0], window[1], window[2], window[3]])).collect(),
        );
    }
    let pair = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
    if literal.len() == 1 {
        let pairs = lengthened(literal, rules, 2, usize::MAX).expect("there is no limit");
        let cases = literal.cases(literal.bytes[0]);
        return Keys::Pairs(0, pairs.iter().flat_map(|text| cases.map(|first| pair(&[first, text[1]]))).collect());
    }
    let (at, rare) = rarest(2);
    let seconds = literal.cases(rare[1]);
    let all = literal.cases(rare[0]).into_iter().flat_map(|first| seconds.map(|second| pair(&[first, second])));
    Keys::Pairs(at, all.collect())
}

/// What may stand behind the beginning of a text.
#[derive(Clone)]
enum Following<'a> {
    Pattern(Walk<'a>),
    /// No letter: a keyword is a whole word.
    WordEnd,
    Anything,
}

/// Every text of `len` bytes that a literal and what follows it can be; `None` when there are more than `limit`.
fn lengthened(literal: &Literal, rules: &[Rule], len: usize, limit: usize) -> Option<BTreeSet<Vec<u8>>> {
    let mut all = BTreeSet::new();
    for rule in literal.rules.iter().map(|index| &rules[*index]) {
        let following = match rule.anchored() {
            Some(machine) => Following::Pattern(machine.walk().along(&literal.bytes, literal.ignore_case)),
            // What is assigned may begin a longer name.
            None if rule.assigned => Following::Anything,
            None => Following::WordEnd,
        };
        lengthen(&literal.bytes, &following, len, limit, &mut all)?;
    }
    Some(all)
}

fn lengthen(
    text: &[u8],
    following: &Following<'_>,
    len: usize,
    limit: usize,
    all: &mut BTreeSet<Vec<u8>>,
) -> Option<()> {
    if text.len() == len {
        // Folded as the table folds, so that what is one window there counts as one here.
        all.insert(if len == 4 { text.iter().map(|byte| byte | 0x20).collect() } else { text.to_vec() });
        return (all.len() <= limit).then_some(());
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
        lengthen(&[text, &[byte]].concat(), &next, len, limit, all)?;
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

fn window_bit(key: u32) -> usize {
    (hash(key) >> (32 - WINDOW_BITS)) as usize
}

fn set(bits: &mut [u64], bit: usize) {
    bits[bit >> 6] |= 1 << (bit & 63);
}

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
    text.iter().map(one).sum()
}

#[cfg(test)]
mod tests;
