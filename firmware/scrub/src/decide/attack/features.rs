//! From a window to slots of weights.

use super::SLOT_BITS;
use super::acts::{Concepts, MAX_ACTS};
use super::lexicon::Lexicon;
use super::normal::{Normal, View, viewed};
use super::pieces::with_pieces;

/// Characters of a word that stand for it and its other forms.
const STEM: usize = 6;

/// Bytes of normal text within which concepts stand together.
const TOGETHER: usize = 110;

/// Bytes within which they stand close.
const CLOSE: usize = 28;

/// Most mentions of concepts that are looked at, of a window of any kind, and how many of those behind each.
const MAX_MENTIONS: usize = 64;
const MAX_FOLLOWING: usize = 10;

/// Features of words have the slots below this, those of concepts the ones from here on, and acts the last ones, so that
/// training can treat them apart.
pub const CONCEPT_SLOTS: u32 = 1 << (SLOT_BITS - 1);

/// The slot of the first act; the others follow.
pub const ACT_SLOTS: u32 = (1 << SLOT_BITS) - 256;

/// The slot that every window has.
pub const BIAS_SLOT: u32 = (1 << SLOT_BITS) - 1;

/// The slots of how many acts there are, one for each number up to the last.
const ACT_COUNTS: u32 = 8;
const FIRST_COUNT: u32 = BIAS_SLOT - ACT_COUNTS;
const _: () = assert!(ACT_SLOTS + MAX_ACTS as u32 <= FIRST_COUNT);

/// Steps of reading a byte of a window, pieces put together included, of looking for what a mention of a concept may be a
/// part of, and of a feature.
const BYTE_COST: usize = 12;
const MENTION_COST: usize = 64;
const FEATURE_COST: usize = 4;

/// What a feature is made of.
#[derive(Clone, Copy)]
enum Kind {
    Word,
    Stem,
    Pair,
    Skip,
    First,
    Grams,
    Concept,
    Near,
    Order,
    Count,
    Sign,
    SignConcept,
    View,
    ActPair,
    ActSign,
    ActConcept,
}

/// A concept in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) concept: u8,
    /// Byte of the normal text.
    pub(super) at: usize,
}

/// What a window comes to, for the training program.
#[derive(Clone, Debug)]
pub struct Features {
    /// The slots of its features, in order.
    pub slots: Vec<u32>,
    /// The number of the sentence that has to come to something before this one is read.
    pub after: Option<usize>,
}

/// Reads windows one after another. What it needs for that is kept from one to the next.
#[derive(Default)]
pub(super) struct Reader {
    normal: Normal,
    /// The window in ASCII lower case.
    lower: String,
    mentions: Vec<Mention>,
    acts: Vec<u8>,
    slots: Slots,
    /// Steps that the last window took.
    pub(super) steps: usize,
}

/// Slots, each once.
#[derive(Default)]
struct Slots {
    all: Vec<u32>,
    /// One bit for each slot that there is; empty before the first window.
    seen: Vec<u64>,
    /// How many were asked for, the same ones again included.
    asked: usize,
}

impl Reader {
    /// The slots of a window's features, each once.
    pub(super) fn slots(&mut self, lexicon: &Lexicon, window: &[u8], view: View) -> &[u32] {
        let text = with_pieces(viewed(window, view));
        self.normal.read(&text);
        self.lower.clear();
        self.lower.push_str(&text);
        self.lower.make_ascii_lowercase();
        self.mentions.clear();
        lexicon.mentions(&self.normal, self.lower.as_bytes(), &mut self.mentions);
        self.mentions.truncate(MAX_MENTIONS);
        let slots = &mut self.slots;
        slots.clear();
        words(&self.normal, slots);
        concepts(&self.mentions, slots);
        self.acts.clear();
        self.acts.extend(lexicon.acts().among(&self.mentions));
        let spoken_of = self.mentions.iter().fold(0, |all, mention| all | 1 << mention.concept);
        acts(&self.acts, spoken_of, slots);
        signs(&text, &self.normal, spoken_of, &self.acts, slots);
        if view != View::Plain {
            slots.add(Kind::View, view as u64);
        }
        self.steps = text.len() * BYTE_COST + self.mentions.len() * MENTION_COST + slots.asked * FEATURE_COST;
        &slots.all
    }
}

impl Slots {
    fn clear(&mut self) {
        self.seen.resize(1 << (SLOT_BITS - 6), 0);
        self.asked = 0;
        for slot in self.all.drain(..) {
            self.seen[slot as usize / 64] = 0;
        }
    }

    /// Adds the slot of a feature.
    #[inline]
    fn add(&mut self, kind: Kind, what: u64) {
        let mixed = mix(what ^ (kind as u64 + 1).wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let (first, end) =
            if kind as u8 >= Kind::Concept as u8 { (CONCEPT_SLOTS, ACT_SLOTS) } else { (0, CONCEPT_SLOTS) };
        // The upper half of the hash as a fraction of all slots of its kind.
        let slot = u64::from(first) + (((mixed >> 32) * u64::from(end - first)) >> 32);
        self.add_slot(u32::try_from(slot).unwrap_or(first));
    }

    #[inline]
    fn add_slot(&mut self, slot: u32) {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        self.asked += 1;
        if self.seen[word] & bit == 0 {
            self.seen[word] |= bit;
            self.all.push(slot);
        }
    }
}

/// Spreads a number over all bits (the finaliser of splitmix64).
fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// FNV-1a, which is quick for words.
fn hash(bytes: &[u8]) -> u64 {
    hash_on(0xCBF2_9CE4_8422_2325, bytes)
}

/// The hash of what has a hash, and more bytes.
fn hash_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

fn words(normal: &Normal, slots: &mut Slots) {
    // No stem has the hash 0 in practice; if one had, its pairs would not count.
    let mut stems = [0_u64; 2];
    for (index, word) in normal.words.iter().enumerate() {
        let text = &normal.text[word.start..word.end];
        if word.dense {
            grams(text, slots);
            stems = [0; 2];
            continue;
        }
        let stem_len = if text.len() <= STEM { text.len() } else { stem_len(text) };
        let stem = hash(&text.as_bytes()[..stem_len]);
        slots.add(Kind::Stem, stem);
        if stem_len < text.len() {
            slots.add(Kind::Word, hash_on(stem, &text.as_bytes()[stem_len..]));
        }
        if index == 0 {
            slots.add(Kind::First, stem);
        }
        if stems[1] != 0 {
            slots.add(Kind::Pair, stems[1].rotate_left(23) ^ stem);
        }
        if stems[0] != 0 {
            slots.add(Kind::Skip, stems[0].rotate_left(23) ^ stem);
        }
        stems = [stems[1], stem];
    }
}

fn stem_len(word: &str) -> usize {
    word.char_indices().nth(STEM).map_or(word.len(), |(end, _)| end)
}

/// Two and three characters in a row, for scripts in which words are not told apart.
fn grams(word: &str, slots: &mut Slots) {
    let mut before = [0_usize; 2];
    let ends = word.char_indices().map(|(at, _)| at).chain([word.len()]).enumerate().skip(1);
    for (count, end) in ends {
        // `before` holds where the last two characters begin, and `count` is how many there are.
        if count >= 2 {
            slots.add(Kind::Grams, hash(&word.as_bytes()[before[1]..end]));
        }
        if count >= 3 {
            slots.add(Kind::Grams, hash(&word.as_bytes()[before[0]..end]));
        }
        let start = word[..end].char_indices().next_back().map_or(0, |(at, _)| at);
        before = [before[1], start];
    }
}

fn concepts(mentions: &[Mention], slots: &mut Slots) {
    let mut seen: Concepts = 0;
    for (index, first) in mentions.iter().enumerate() {
        let a = first.concept;
        seen |= 1 << a;
        slots.add(Kind::Concept, u64::from(a));
        let following = &mentions[index + 1..];
        let near = following.iter().take(MAX_FOLLOWING).take_while(|other| other.at <= first.at + TOGETHER).count();
        for second in &following[..near] {
            let b = second.concept;
            if a == b {
                continue;
            }
            slots.add(Kind::Near, together([a.min(b), a.max(b), 0]));
            if second.at <= first.at + CLOSE {
                slots.add(Kind::Order, together([a, b, 0]));
            }
        }
    }
    slots.add(Kind::Count, u64::from(seen.count_ones().min(12)));
}

/// What is done, with what else is done and what else is spoken of.
fn acts(acts: &[u8], spoken_of: Concepts, slots: &mut Slots) {
    slots.add_slot(BIAS_SLOT);
    slots.add_slot(FIRST_COUNT + u32::try_from(acts.len()).unwrap_or(ACT_COUNTS).min(ACT_COUNTS - 1));
    for (index, act) in acts.iter().enumerate() {
        slots.add_slot(ACT_SLOTS + u32::from(*act));
        for other in &acts[index + 1..] {
            slots.add(Kind::ActPair, together([*act, *other, 0]));
        }
        each(spoken_of, |concept| slots.add(Kind::ActConcept, together([*act, concept, 0])));
    }
}

/// Calls `found` with each of the concepts.
fn each(mut concepts: Concepts, mut found: impl FnMut(u8)) {
    while concepts != 0 {
        // A bit of 128 has a number below that.
        found(concepts.trailing_zeros() as u8);
        concepts &= concepts - 1;
    }
}

fn together(concepts: [u8; 3]) -> u64 {
    concepts.iter().fold(0, |all, concept| all << 8 | u64::from(*concept))
}

/// Signs of how something is said: as a question, in quotation marks, shouted, written letter by letter.
fn signs(text: &str, normal: &Normal, spoken_of: Concepts, acts: &[u8], slots: &mut Slots) {
    let marks = Marks::of(text);
    let within = |mark: bool, needle: &str| mark && text.contains(needle);
    let asks = within(marks.question, "?") || within(marks.beyond, "\u{FF1F}") || within(marks.beyond, "\u{61F}");
    let end = text.trim_end_matches(['"', '\'', ' ', '\n', '}', ']']);
    let signs = [
        asks && end.ends_with(['?', '\u{FF1F}', '\u{61F}']),
        asks,
        within(marks.call, "!!"),
        marks.quotes >= 2,
        marks.apostrophe && within(true, " '") && within(true, "' "),
        marks.tick,
        normal.shouted >= 3,
        normal.spaced >= 1,
        marks.brace && (within(true, "${") || within(true, "{{")),
        text.trim_start().starts_with(['-', '*', '#', '/', '<']),
        marks.lines >= 3,
    ];
    for sign in (0_u8..).zip(signs).filter_map(|(sign, holds)| holds.then_some(sign)) {
        slots.add(Kind::Sign, u64::from(sign));
        each(spoken_of, |concept| slots.add(Kind::SignConcept, together([sign, concept, 0])));
        for act in acts {
            slots.add(Kind::ActSign, together([sign, *act, 0]));
        }
    }
}

/// Which marks a text has, seen in one pass.
#[derive(Default)]
struct Marks {
    question: bool,
    call: bool,
    apostrophe: bool,
    tick: bool,
    brace: bool,
    /// Anything beyond ASCII.
    beyond: bool,
    quotes: usize,
    lines: usize,
}

impl Marks {
    fn of(text: &str) -> Self {
        let mut marks = Self::default();
        for byte in text.bytes().filter(|byte| !byte.is_ascii_alphanumeric() && *byte != b' ') {
            match byte {
                b'?' => marks.question = true,
                b'!' => marks.call = true,
                b'\'' => marks.apostrophe = true,
                b'`' => marks.tick = true,
                b'{' => marks.brace = true,
                b'"' => marks.quotes += 1,
                b'\n' => marks.lines += 1,
                0x80.. => marks.beyond = true,
                _ => {}
            }
        }
        marks
    }
}
