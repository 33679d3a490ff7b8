//! Literals that may stand anywhere in a word, of which most are what names end with: `acmesecretkey`.
//!
//! Six neighbouring bytes of each are looked for at every place, 32 places at once: for each of eight sets of windows the
//! instructions say whether the bytes are in it (the idea is Hyperscan's Teddy). So few windows are chosen, which are rare
//! and which many literals share, and those that are alike come into one set.

use std::collections::{BTreeMap, BinaryHeap};

use super::Literal;
use super::choice::{Window, frequency};
use crate::lanes::WINDOW;

/// Sets of windows, one for each bit of a byte.
const SETS: usize = 8;

/// Most sets that are kept apart before the best ones to join are looked for.
const MOST: usize = 256;

/// What one more window costs in the measure of [`frequency`], since the sets let more pass that is in none.
const EACH: u32 = 64;

/// Neighbouring bytes of literals, of which the last ones are unknown where a literal is shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Part<const N: usize> {
    bytes: [Option<u8>; N],
    ignore_case: bool,
}

impl<const N: usize> Part<N> {
    fn of(literal: &Literal, at: usize) -> Self {
        let byte = |next: usize| literal.bytes.get(at + next).copied();
        Self { bytes: std::array::from_fn(byte), ignore_case: literal.ignore_case }
    }

    /// The last place of a literal where it has so many bytes, or the first.
    fn last(literal: &Literal) -> usize {
        literal.bytes.len().saturating_sub(N)
    }
}

/// What literals are chosen to be found by.
type Short = Part<4>;

impl Short {
    fn places(literal: &Literal) -> impl Iterator<Item = (usize, Self)> {
        (0..=Self::last(literal)).map(|at| (at, Self::of(literal, at)))
    }

    /// How many literals it finds for what it costs.
    fn value(&self, count: usize) -> usize {
        let [a, b, c, d] = self.bytes.map(|byte| byte.unwrap_or(b' '));
        (count << 20) / (EACH + frequency(&[a, b, c, d], self.ignore_case)) as usize
    }
}

/// The windows by which literals with these numbers are found, and what to look for.
pub(super) fn windows(chosen: &[u16], literals: &[Literal]) -> (Vec<(Window, u16)>, [[u8; 32]; WINDOW]) {
    let of = |index: u16| &literals[usize::from(index)];
    // Around the bytes that were chosen as many more as are looked at.
    let place = |(at, index): (usize, u16)| (at.min(Part::<WINDOW>::last(of(index))), index);
    let places: Vec<(usize, u16)> = cover(chosen, of).into_iter().map(place).collect();
    let mut parts: Vec<Part<WINDOW>> = places.iter().map(|(at, index)| Part::of(of(*index), *at)).collect();
    parts.sort_unstable();
    parts.dedup();
    let windows = places.into_iter().map(|(at, index)| (Window::at(of(index), at), index));
    (windows.collect(), Set::gather(&parts))
}

/// The place of each literal that it is found by, so that few different bytes stand at all of them together.
fn cover<'a>(chosen: &[u16], of: impl Fn(u16) -> &'a Literal) -> Vec<(usize, u16)> {
    let mut holders: BTreeMap<Short, Vec<(usize, u16)>> = BTreeMap::new();
    for index in chosen {
        Short::places(of(*index)).for_each(|(at, part)| holders.entry(part).or_default().push((at, *index)));
    }
    let mut found = BTreeMap::new();
    // The value of each only falls as others are chosen, so that the first one in the queue whose value still holds is
    // the best.
    let mut queue: BinaryHeap<(usize, Short)> =
        holders.iter().map(|(part, all)| (part.value(all.len()), *part)).collect();
    while let Some((best, part)) = queue.pop() {
        let rest: Vec<(usize, u16)> =
            holders[&part].iter().copied().filter(|(_, index)| !found.contains_key(index)).collect();
        let now = part.value(rest.len());
        if now < best {
            queue.extend((now > 0).then_some((now, part)));
        } else {
            found.extend(rest.into_iter().rev().map(|(at, index)| (index, at)));
        }
    }
    found.into_iter().map(|(index, at)| (at, index)).collect()
}

/// What the bytes of some windows may be: for each of them a bit for each of their five lower bits' values.
#[derive(Clone, Copy, Debug)]
struct Set([u32; WINDOW]);

impl Set {
    fn of(part: &Part<WINDOW>) -> Self {
        Self(part.bytes.map(|byte| byte.map_or(u32::MAX, |byte| 1 << (byte & 31))))
    }

    fn with(&self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    /// Sorts windows into eight sets that let little else pass: again and again the two are joined that cost least together.
    fn gather(parts: &[Part<WINDOW>]) -> [[u8; 32]; WINDOW] {
        let mut sets = Sets::new();
        for part in parts {
            sets.add(Self::of(part));
            if sets.all.len() > MOST {
                sets.join_two();
            }
        }
        while sets.all.len() > SETS {
            sets.join_two();
        }
        let bits = |at: usize, value: usize| {
            let numbered = sets.all.iter().enumerate();
            numbered.fold(0, |bits, (number, it)| bits | u8::from(it.set.0[at] >> value & 1 != 0) << number)
        };
        std::array::from_fn(|at| std::array::from_fn(|value| bits(at, value)))
    }
}

/// Sets that are being joined.
struct Sets {
    /// About how often bytes with each value of their five lower bits occur.
    shares: [f32; 32],
    all: Vec<Joinable>,
}

/// A set, what it costs, and the one before it that it is best joined with: what that costs more, and its number.
#[derive(Clone, Copy)]
struct Joinable {
    set: Set,
    cost: f32,
    best: (f32, usize),
}

impl Sets {
    fn new() -> Self {
        let mut shares = [0.0; 32];
        (0..=u8::MAX).for_each(|byte| shares[usize::from(byte & 31)] += share(byte));
        Self { shares, all: Vec::new() }
    }

    /// The share of a text's places that a set lets pass.
    fn cost(&self, set: &Set) -> f32 {
        let share = |values: u32| {
            let had = |value: &usize| values >> value & 1 != 0;
            (0..32).filter(had).map(|value| self.shares[value]).sum()
        };
        set.0.into_iter().map::<f32, _>(share).product()
    }

    fn add(&mut self, set: Set) {
        self.all.push(Joinable { set, cost: self.cost(&set), best: (f32::INFINITY, 0) });
        self.find_best(self.all.len() - 1);
    }

    fn find_best(&mut self, of: usize) {
        let Joinable { set, cost, .. } = self.all[of];
        let more = |(at, other): (usize, &Joinable)| (self.cost(&set.with(&other.set)) - cost - other.cost, at);
        let best = self.all[..of].iter().enumerate().map(more).min_by(|one, other| one.0.total_cmp(&other.0));
        self.all[of].best = best.unwrap_or((f32::INFINITY, 0));
    }

    /// Joins the two whose union costs least.
    fn join_two(&mut self) {
        let all = self.all.iter().enumerate();
        let (later, pair) = all.min_by(|one, other| one.1.best.0.total_cmp(&other.1.best.0)).expect("there are some");
        let earlier = pair.best.1;
        let set = self.all[earlier].set.with(&pair.set);
        (self.all[earlier].set, self.all[earlier].cost) = (set, self.cost(&set));
        self.all.remove(later);
        for at in earlier..self.all.len() {
            let best = self.all[at].best.1;
            if at == earlier || best == earlier || best == later {
                self.find_best(at);
                continue;
            }
            self.all[at].best.1 -= usize::from(best > later);
            let joined = self.all[earlier];
            let Joinable { set, cost, best } = self.all[at];
            let more = self.cost(&set.with(&joined.set)) - cost - joined.cost;
            if more < best.0 {
                self.all[at].best = (more, earlier);
            }
        }
    }
}

/// About how often a byte occurs in text and code.
fn share(byte: u8) -> f32 {
    const LETTERS: [u8; 26] = *b"etaoinsrhldcumfpgwybvkxjqz";
    let place = LETTERS.iter().position(|letter| *letter == byte.to_ascii_lowercase());
    match (byte, place) {
        (b' ', _) => 0.16,
        (_, Some(place)) => 0.1 * 0.88_f32.powi(place as i32) * if byte.is_ascii_lowercase() { 1.0 } else { 0.1 },
        (b'0'..=b'9', _) => 0.005,
        (b'\n' | b'!'..=b'~', _) => 0.004,
        _ => 0.0005,
    }
}
