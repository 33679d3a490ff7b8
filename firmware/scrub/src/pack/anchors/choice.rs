//! By which of its parts a literal is looked for: those that occur least in what people write.

use std::collections::BTreeMap;

use super::Literal;
use super::table::class;
use crate::lanes::{BEFORE_LINK, begins_word, is_link};
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
    /// By these, where words begin.
    Words(Vec<Window>),
    /// By these, where a character beyond ASCII begins, or [`BEFORE_LINK`] bytes before a link or a number.
    Marked(Window),
    /// By the byte at this offset.
    Byte(u8),
    /// By a window anywhere in a word.
    Anywhere,
}

/// Chooses for one literal: what stands at a place in it that every text marks, or else a window that may stand anywhere.
pub(super) fn choice(literal: &Literal, rules: &[Rule]) -> Choice {
    let bytes = literal.bytes.as_slice();
    let beyond = || bytes.windows(3).position(|window| window[0] >= 0xC0);
    match bytes {
        [_] | [] => Choice::Byte(0),
        _ if literal.begins_word => Choice::Words(lengthened(literal, 0, rules)),
        [a, _] => Choice::Byte(u8::from(!is_rare(*a))),
        _ if let Some(at) = beyond() => Choice::Marked(Window::at(literal, at)),
        // With what may stand around it, so short a literal would fill the filter.
        [_, _, _] if let Some((at, _)) = (0_u8..3).zip(bytes).rfind(|(_, byte)| is_rare(**byte)) => Choice::Byte(at),
        _ => {
            let word = || word_inside(literal).map(|at| Choice::Words(lengthened(literal, at, rules)));
            let link = || link_inside(literal).map(|at| Choice::Marked(Window::at(literal, at - BEFORE_LINK)));
            word().or_else(link).unwrap_or(Choice::Anywhere)
        }
    }
}

/// Where in a literal a word begins whatever stands before the literal: where most bytes are known, or the rarest.
fn word_inside(literal: &Literal) -> Option<usize> {
    let bytes = literal.bytes.as_slice();
    let begins = |at: &usize| begins_word(bytes[at - 1], bytes[*at], literal.ignore_case);
    let cost = |at: &usize| {
        let rest = &bytes[*at..];
        (8 - rest.len().min(8), if rest.len() < 4 { 0 } else { frequency(rest, literal.ignore_case) })
    };
    // A word of two letters, as in `token is `, stands everywhere.
    let tells = |at: &usize| !matches!(bytes[*at..], [_, _, b' ']);
    (1..bytes.len().saturating_sub(2)).filter(begins).filter(tells).min_by_key(cost)
}

/// Where in a literal a link or a number stands, behind the rarest bytes.
fn link_inside(literal: &Literal) -> Option<usize> {
    let bytes = literal.bytes.as_slice();
    let links = |at: &usize| {
        let number = bytes[*at].is_ascii_digit() && !bytes[at - 1].is_ascii_digit();
        is_link(bytes[*at]) || number
    };
    let cost = |at: &usize| frequency(&bytes[at - BEFORE_LINK..], literal.ignore_case);
    (BEFORE_LINK..bytes.len()).filter(links).min_by_key(cost)
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
    /// The one at an offset of a literal, of which three bytes or more follow there.
    pub(super) fn at(literal: &Literal, at: usize) -> Self {
        let bytes = &literal.bytes[at..];
        let classes = bytes.get(3).map_or(ANY, |byte| literal.class(*byte));
        Self::new([bytes[0], bytes[1], bytes[2]], classes, at)
    }

    fn new([a, b, c]: [u8; 3], classes: u8, before: usize) -> Self {
        let before = u8::try_from(before).expect("an anchor has at most 48 bytes");
        Self { bytes: [a | 0x20, b | 0x20, c | 0x20], classes, before }
    }
}

/// The windows at an offset of a literal, of which a short one is lengthened by what its rules let follow it.
fn lengthened(literal: &Literal, at: usize, rules: &[Rule]) -> Vec<Window> {
    if literal.bytes.len() >= at + 4 {
        return vec![Window::at(literal, at)];
    }
    let mut all = BTreeMap::new();
    for following in literal.rules.iter().map(|index| Following::of(literal, &rules[*index])) {
        lengthen(&literal.bytes[at..], &following, &mut all);
    }
    all.into_iter().map(|(bytes, classes)| Window::new(bytes, classes, at)).collect()
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
pub(super) fn frequency(window: &[u8], ignore_case: bool) -> u32 {
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
