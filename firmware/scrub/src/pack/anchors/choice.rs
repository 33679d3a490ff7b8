//! By which of its parts a literal is looked for: those that occur least in what people write.

use std::collections::{BTreeMap, BTreeSet};

use super::Literal;
use super::table::class;
use crate::pack::machine::Walk;
use crate::pack::rule::Rule;

/// Bits of the hash of a window, by which frequencies are addressed.
const FREQUENCY_BITS: u32 = 17;

/// How often windows occur, four bits for each hash of one: what `examples/frequencies` counted.
static FREQUENCIES: &[u8; 1 << (FREQUENCY_BITS - 1)] = include_bytes!("frequencies.bin");

/// Four bytes by which a literal is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first three, folded.
    pub(super) bytes: [u8; 3],
    /// The classes of the fourth.
    pub(super) classes: u8,
    /// The literal's bytes before the window.
    pub(super) before: u8,
}

/// By what a literal is found.
pub(super) enum Choice {
    /// By its beginning, where words begin.
    Words(Vec<Window>),
    /// By its first eight bytes, where words begin.
    Beginning,
    /// By these, at every second place.
    Windows(Vec<Window>),
    /// By the byte at this offset.
    Byte(usize),
}

/// Chooses for one literal: its beginning if it counts only where words begin, else what is found at every place, even or
/// odd.
pub(super) fn choice(literal: &Literal, rules: &[Rule]) -> Choice {
    let bytes = literal.bytes.as_slice();
    match bytes {
        [_] | [] => Choice::Byte(0),
        [_, _, _, _, _, _, _, _, ..] if literal.begins_word => Choice::Beginning,
        _ if literal.begins_word => Choice::Words(lengthened(literal, rules)),
        [a, _] => Choice::Byte(usize::from(!is_rare(*a))),
        // With what may stand around it, so short a literal would fill the filter.
        [_, _, _] if let Some(at) = bytes.iter().rposition(|byte| is_rare(*byte)) => Choice::Byte(at),
        [_, _, _] | [_, _, _, _] => {
            let odd: BTreeSet<[u8; 3]> = followed(literal, rules).into_iter().collect();
            let odd = odd.into_iter().map(|bytes| Window::new(bytes, ANY, 1));
            Choice::Windows(lengthened(literal, rules).into_iter().chain(odd).collect())
        }
        _ => {
            let frequency = |window: &[u8]| frequency(window, literal.ignore_case);
            let cost = |pair: &[u8]| frequency(pair) + frequency(&pair[1..]);
            let rarest = bytes.windows(5).enumerate().min_by_key(|(_, pair)| cost(pair));
            let (at, pair) = rarest.expect("it has five bytes at least");
            let window = |at: usize, of: &[u8]| Window::new([of[0], of[1], of[2]], literal.class(of[3]), at);
            Choice::Windows(vec![window(at, pair), window(at + 1, &pair[1..])])
        }
    }
}

/// All that a fourth byte can be.
const ANY: u8 = u8::MAX;

impl Literal {
    /// The classes that a byte of it can be of in a text.
    fn class(&self, byte: u8) -> u8 {
        class(byte) | if self.ignore_case { class(byte.to_ascii_uppercase()) } else { 0 }
    }
}

impl Window {
    fn new([a, b, c]: [u8; 3], classes: u8, before: usize) -> Self {
        let before = u8::try_from(before).expect("an anchor has at most 48 bytes");
        Self { bytes: [a | 0x20, b | 0x20, c | 0x20], classes, before }
    }
}

/// The windows at the beginning of a literal, of which a short one is lengthened by what its rules let follow it.
fn lengthened(literal: &Literal, rules: &[Rule]) -> Vec<Window> {
    if let [a, b, c, d, ..] = *literal.bytes {
        return vec![Window::new([a, b, c], literal.class(d), 0)];
    }
    let mut all = BTreeMap::new();
    for following in literal.rules.iter().map(|index| Following::of(literal, &rules[*index])) {
        lengthen(&literal.bytes, &following, &mut all);
    }
    all.into_iter().map(|(bytes, classes)| Window::new(bytes, classes, 0)).collect()
}

/// The three bytes that follow the first one of a literal of three or four.
fn followed(literal: &Literal, rules: &[Rule]) -> Vec<[u8; 3]> {
    let [_, rest @ ..] = literal.bytes.as_slice() else { return Vec::new() };
    if let [a, b, c] = *rest {
        return vec![[a | 0x20, b | 0x20, c | 0x20]];
    }
    let mut all = BTreeMap::new();
    for following in literal.rules.iter().map(|index| Following::of(literal, &rules[*index])) {
        lengthen(rest, &following, &mut all);
    }
    all.into_keys().collect()
}

/// What may stand behind the beginning of a text.
#[derive(Clone)]
enum Following<'a> {
    Pattern(Walk<'a>),
    /// A keyword is a whole word, or one of a name in camel case.
    WordEnd,
    Anything,
}

impl<'a> Following<'a> {
    fn of(literal: &Literal, rule: &'a Rule) -> Self {
        match rule.anchored() {
            Some(machine) => Self::Pattern(machine.walk().along(&literal.bytes, literal.ignore_case)),
            None if rule.is_whole_word() => Self::WordEnd,
            None => Self::Anything,
        }
    }

    /// What may stand behind that and one more byte; `None` if that byte cannot.
    fn step(&self, byte: u8) -> Option<Self> {
        match self {
            Self::WordEnd if byte.is_ascii_lowercase() => None,
            Self::WordEnd | Self::Anything => Some(Self::Anything),
            Self::Pattern(walk) => {
                let walk = walk.step(byte, false);
                let over = walk.has_matched();
                (over || !walk.is_dead()).then_some(if over { Self::Anything } else { Self::Pattern(walk) })
            }
        }
    }
}

/// Adds every text of three bytes, folded, that `text` and what follows it can be, and the classes of the fourth.
fn lengthen(text: &[u8], following: &Following<'_>, all: &mut BTreeMap<[u8; 3], u8>) {
    let next = |byte: u8| following.step(byte).map(|following| (byte, following));
    if let [a, b, c] = *text {
        let classes = match following {
            Following::Anything => ANY,
            Following::WordEnd | Following::Pattern(_) => {
                (0..=u8::MAX).filter_map(next).fold(0, |classes, (byte, _)| classes | class(byte))
            }
        };
        *all.entry([a | 0x20, b | 0x20, c | 0x20]).or_insert(0) |= classes;
        return;
    }
    (0..=u8::MAX).filter_map(next).for_each(|(byte, following)| lengthen(&[text, &[byte]].concat(), &following, all));
}

/// Where the frequency of a window is counted, of 2^17 places: three bytes of any case and the class of the fourth.
pub fn frequency_slot([a, b, c, d]: [u8; 4]) -> usize {
    let window = u32::from_le_bytes([a | 0x20, b | 0x20, c | 0x20, class(d)]);
    // 2^32 divided by the golden ratio (Knuth, TAOCP 6.4).
    (window.wrapping_mul(0x9E37_79B1) >> (32 - FREQUENCY_BITS)) as usize
}

/// How often windows occur, relative to each other.
fn frequency(window: &[u8], ignore_case: bool) -> u32 {
    let [a, b, c, d] = [window[0], window[1], window[2], window[3]];
    let of = |d: u8| {
        let slot = frequency_slot([a, b, c, d]);
        1 << (FREQUENCIES[slot / 2] >> (4 * (slot % 2)) & 15)
    };
    of(d) + if ignore_case && d.is_ascii_lowercase() { of(d.to_ascii_uppercase()) } else { 0 }
}

/// What few texts are full of.
fn is_rare(byte: u8) -> bool {
    b"~$*@]^`|".contains(&byte) || byte >= 0x80
}
