//! Which rules can match a number, by how many digits it begins with and what follows them.

use std::collections::HashMap;

use super::machine::{Step, Walk};
use super::rule::{Approach, Rule};
use crate::lanes;

/// Digits that are counted at the start of a number; a longer run counts as one of so many.
const MAX_RUN: usize = 24;
const _: () = assert!(MAX_RUN.is_multiple_of(8));

/// The rules that are tried at digits.
///
/// Most numbers in a text are years, times and counts. Before a rule is tried, a table says whether its pattern can begin
/// with as many digits as stand there, followed by that byte and that kind of byte; another one, whether it can stand
/// behind the byte before them.
#[derive(Debug)]
pub(crate) struct DigitRules {
    all: Vec<usize>,
    /// By the number's digits, by the byte that follows them and by the kind of the next one: which of `sets` applies.
    table: Vec<u16>,
    /// The group of each byte that stands before the number; the last one is that of none.
    befores: Vec<u16>,
    groups: usize,
    /// By a set and a group of what stands before: the set of those rules that may stand there.
    narrowed: Vec<u16>,
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

/// Entries of the table.
const ENTRIES: usize = MAX_RUN * 256 * Kind::ALL.len();

/// Gives equal sets of rules one number.
#[derive(Default)]
struct Sets {
    known: HashMap<Vec<usize>, u16>,
    all: Vec<Vec<usize>>,
}

impl Sets {
    fn number(&mut self, set: Vec<usize>) -> u16 {
        *self.known.entry(set).or_insert_with_key(|set| {
            self.all.push(set.clone());
            u16::try_from(self.all.len() - 1).expect("there are fewer sets than that")
        })
    }
}

impl DigitRules {
    /// Works out when each of the rules `all` can match.
    pub(super) fn new(all: Vec<usize>, rules: &[Rule]) -> Self {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); ENTRIES];
        for number in &all {
            ways(&rules[*number]).into_iter().for_each(|way| members[way].push(*number));
        }
        let mut sets = Sets::default();
        let table: Vec<u16> = members.into_iter().map(|set| sets.number(set)).collect();
        let mut groups = Sets::default();
        let allowed = |byte| all.iter().copied().filter(|rule| may_follow(&rules[*rule], byte)).collect::<Vec<_>>();
        let befores: Vec<u16> = (0..=256).map(|byte| groups.number(allowed(u8::try_from(byte).ok()))).collect();
        let plain = sets.all.len();
        let mut narrowed = Vec::with_capacity(plain * groups.all.len());
        for set in 0..plain {
            for group in &groups.all {
                let both = sets.all[set].iter().copied().filter(|rule| group.contains(rule)).collect();
                narrowed.push(sets.number(both));
            }
        }
        Self { all, table, befores, groups: groups.all.len(), narrowed, sets: sets.all }
    }

    /// The rules that can match the number at `at`, where a digit stands that follows none. In a text that goes on, what
    /// is not seen yet may be anything if `open`.
    pub(crate) fn at(&self, text: &[u8], at: usize, open: bool) -> &[usize] {
        let run = digits(text, at);
        let mut rest = text[at + run..].iter().copied();
        let (byte, next) = (rest.next(), rest.next());
        if open && next.is_none() {
            return &self.all;
        }
        // The end of a text is like a byte that no pattern mentions.
        let place = index(run, usize::from(byte.unwrap_or(0)), Kind::of(next.unwrap_or(0)));
        let group = self.befores[at.checked_sub(1).map_or(256, |before| usize::from(text[before]))];
        let narrowed = usize::from(self.table[place]) * self.groups + usize::from(group);
        &self.sets[usize::from(self.narrowed[narrowed])]
    }

    /// Bytes of memory.
    pub(crate) fn memory(&self) -> usize {
        let tables = size_of_val(&*self.table) + size_of_val(&*self.befores) + size_of_val(&*self.narrowed);
        tables + self.sets.iter().map(|set| size_of_val(&**set)).sum::<usize>()
    }
}

/// How many digits stand at `at`, as far as they are counted.
fn digits(text: &[u8], at: usize) -> usize {
    let mut run = 0;
    while run < MAX_RUN {
        let here = lanes::leading(lanes::digits(lanes::eight(text, at + run)));
        run += here;
        if here < 8 {
            break;
        }
    }
    run
}

/// Whether a rule can match a number behind this byte, or at the beginning of a text.
fn may_follow(rule: &Rule, byte: Option<u8>) -> bool {
    match &rule.approach {
        Approach::Before(before) => match before.first_step(byte) {
            Step::Longer => true,
            Step::Empty => !rule.not_before.has(byte.as_ref()),
            Step::Dead => false,
        },
        _ => !rule.not_before.has(byte.as_ref()),
    }
}
