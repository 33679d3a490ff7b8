//! Which rules can match a number, by how many digits it begins with and what follows them.

use std::collections::HashMap;

use super::machine::Walk;
use super::rule::{Approach, Rule};

/// Digits that are counted at the start of a number; a longer run counts as one of so many.
const MAX_RUN: usize = 24;

/// The rules that are tried at digits.
///
/// Most numbers in a text are years, times and counts. Before a rule is tried, a table says whether its pattern can begin
/// with as many digits as stand there, followed by that byte and that kind of byte.
#[derive(Debug)]
pub(crate) struct DigitRules {
    all: Vec<usize>,
    /// By what stands before the number, by its digits, by the byte that follows them and by the kind of the next one:
    /// which of `sets` applies.
    table: Vec<u16>,
    sets: Vec<Vec<usize>>,
}

/// What a byte is to the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Digit,
    Letter,
    Other,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Digit, Self::Letter, Self::Other];

    fn of(byte: u8) -> Self {
        match byte {
            b'0'..=b'9' => Self::Digit,
            b'A'..=b'Z' | b'a'..=b'z' => Self::Letter,
            _ => Self::Other,
        }
    }
}

/// What a rule can match: the table's index of each way that a number can begin.
fn ways(rule: &Rule) -> Vec<usize> {
    let mut ways = Vec::new();
    let classes = rule.pattern.walk().classes();
    let mut walk = rule.pattern.walk();
    for run in 1..=MAX_RUN {
        walk = walk.step_any(b"0123456789");
        if walk.has_matched() || walk.is_dead() {
            // What has matched already matches whatever follows.
            let rest = if walk.has_matched() { run..MAX_RUN + 1 } else { 0..0 };
            ways.extend(
                rest.flat_map(|run| (0..256).flat_map(move |byte| Kind::ALL.map(|kind| index(run, byte, kind)))),
            );
            return ways;
        }
        for class in &classes {
            let after = walk.step_any(&class[..1]);
            let kinds = Kind::ALL.into_iter().filter(|kind| goes_on(&after, &classes, *kind)).collect::<Vec<_>>();
            let places = class.iter().flat_map(|byte| kinds.iter().map(|kind| index(run, usize::from(*byte), *kind)));
            ways.extend(places);
        }
    }
    ways
}

/// Whether a match can go on with a byte of some kind, or is over.
fn goes_on(walk: &Walk<'_>, classes: &[Vec<u8>], kind: Kind) -> bool {
    let some = |class: &&Vec<u8>| class.iter().any(|byte| Kind::of(*byte) == kind);
    walk.has_matched()
        || classes.iter().filter(some).any(|class| {
            let after = walk.step_any(&class[..1]);
            after.has_matched() || !after.is_dead()
        })
}

fn index(run: usize, byte: usize, kind: Kind) -> usize {
    ((run - 1) * 256 + byte) * Kind::ALL.len() + kind as usize
}

/// Entries of the table for one kind of what stands before.
const HALF: usize = MAX_RUN * 256 * Kind::ALL.len();

impl DigitRules {
    /// Works out when each of the rules `all` can match.
    pub(super) fn new(all: Vec<usize>, rules: &[Rule]) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); HALF * 2];
        for number in &all {
            let rule = &rules[*number];
            // The number is where such a value begins, so that what stands before it is known to be allowed or not.
            let refuses = |byte: u8| !byte.is_ascii_alphabetic() || rule.not_before.has(Some(&byte));
            let after_letter = !matches!(rule.approach, Approach::Here) || !(0..=u8::MAX).all(refuses);
            let halves = if after_letter { 0..2 } else { 0..1 };
            for way in ways(rule) {
                halves.clone().for_each(|half| members[half * HALF + way].push(*number));
            }
        }
        let mut known: HashMap<Vec<usize>, u16> = HashMap::new();
        let mut sets = Vec::new();
        let table = members
            .into_iter()
            .map(|set| {
                *known.entry(set).or_insert_with_key(|set| {
                    sets.push(set.clone());
                    u16::try_from(sets.len() - 1).expect("the table has fewer entries than that")
                })
            })
            .collect();
        Self { all, table, sets }
    }

    /// The rules that can match the number at `at`, where a digit stands that follows none. In a text that goes on, what
    /// is not seen yet may be anything if `open`.
    pub(crate) fn at(&self, text: &[u8], at: usize, open: bool) -> &[usize] {
        let run = text[at..].iter().take(MAX_RUN).take_while(|byte| byte.is_ascii_digit()).count();
        let mut rest = text[at + run..].iter().copied();
        let (byte, next) = (rest.next(), rest.next());
        if open && next.is_none() {
            return &self.all;
        }
        let half = at.checked_sub(1).is_some_and(|before| text[before].is_ascii_alphabetic());
        // The end of a text is like a byte that no pattern mentions.
        let place = index(run, usize::from(byte.unwrap_or(0)), Kind::of(next.unwrap_or(0)));
        &self.sets[usize::from(self.table[usize::from(half) * HALF + place])]
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&*self.table) + self.sets.iter().map(|set| size_of_val(&**set)).sum::<usize>()
    }
}
