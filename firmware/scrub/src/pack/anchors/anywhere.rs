//! Literals that may stand anywhere in a word, of which most are what names end with: `acmesecretkey`.
//!
//! Six neighbouring bytes of each are looked for at every place, 32 places at once: for each of sixteen sets of windows the
//! instructions say whether the bytes are in it (the idea is Hyperscan's Teddy). So few windows are chosen, which are rare
//! and which many literals share, and those that are alike come into one set.

use std::collections::{BTreeMap, BinaryHeap};

use super::Literal;
use super::choice::{Window, frequency};
use crate::lanes::{SETS, WINDOW, Windows};

/// How often windows may move from one set to another before that is good enough.
const ROUNDS: usize = 12;

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
pub(super) fn windows(chosen: &[u16], literals: &[Literal]) -> (Vec<(Window, u16)>, Windows) {
    let of = |index: u16| &literals[usize::from(index)];
    // Around the bytes that were chosen as many more as are looked at.
    let place = |(at, index): (usize, u16)| (at.min(Part::<WINDOW>::last(of(index))), index);
    let places: Vec<(usize, u16)> = cover(chosen, of).into_iter().map(place).collect();
    let mut parts: Vec<Part<WINDOW>> = places.iter().map(|(at, index)| Part::of(of(*index), *at)).collect();
    parts.sort_unstable();
    parts.dedup();
    let windows = places.into_iter().map(|(at, index)| (Window::at(of(index), at), index));
    (windows.collect(), gather(&parts))
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
#[derive(Clone, Copy, Debug, Default)]
struct Set([u32; WINDOW]);

impl Set {
    fn of(part: &Part<WINDOW>) -> Self {
        Self(part.bytes.map(|byte| byte.map_or(u32::MAX, |byte| 1 << (byte & 31))))
    }

    fn with(self, other: &Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    /// The share of a text's places that a set lets pass, where values of the five lower bits have these shares.
    fn cost(&self, shares: &[f32; 32]) -> f32 {
        let share = |values: u32| {
            let had = |value: &usize| values >> value & 1 != 0;
            (0..32).filter(had).map(|value| shares[value]).sum()
        };
        self.0.into_iter().map::<f32, _>(share).product()
    }
}

/// Windows that come into one set.
#[derive(Clone, Default)]
struct Group {
    members: Vec<usize>,
    all: Set,
    cost: f32,
}

impl Group {
    fn of(members: Vec<usize>, sets: &[Set], shares: &[f32; 32]) -> Self {
        let all = members.iter().fold(Set::default(), |all, member| all.with(&sets[*member]));
        Self { members, all, cost: all.cost(shares) }
    }

    fn without(&self, member: usize, sets: &[Set], shares: &[f32; 32]) -> Self {
        Self::of(self.members.iter().copied().filter(|it| *it != member).collect(), sets, shares)
    }
}

/// Sorts windows into sets that let little else pass: each again and again moves to where it costs least.
fn gather(parts: &[Part<WINDOW>]) -> Windows {
    let shares = shares();
    let sets: Vec<Set> = parts.iter().map(Set::of).collect();
    // In order, so that those which begin alike are together.
    let first = |number| (0..sets.len()).filter(|at| at * SETS / sets.len() == number).collect();
    let mut groups: Vec<Group> = (0..SETS).map(|number| Group::of(first(number), &sets, &shares)).collect();
    for _ in 0..ROUNDS {
        let moved = (0..sets.len()).filter(|at| relocate(*at, &mut groups, &sets, &shares)).count();
        if moved == 0 {
            break;
        }
    }
    let bits = |eight: usize, at: usize, value: usize| {
        let eight = groups.iter().skip(8 * eight).take(8).enumerate();
        eight.fold(0, |bits, (number, group)| bits | u8::from(group.all.0[at] >> value & 1 != 0) << number)
    };
    std::array::from_fn(|eight| std::array::from_fn(|at| std::array::from_fn(|value| bits(eight, at, value))))
}

/// Moves a window to another set if that costs less.
fn relocate(window: usize, groups: &mut [Group], sets: &[Set], shares: &[f32; 32]) -> bool {
    let own = groups.iter().position(|group| group.members.contains(&window)).expect("each window is in a set");
    let rest = groups[own].without(window, sets, shares);
    let saved = groups[own].cost - rest.cost;
    let more = |group: &Group| group.all.with(&sets[window]).cost(shares) - group.cost;
    let others = groups.iter().enumerate().filter(|(at, _)| *at != own).map(|(at, group)| (more(group), at));
    let best = others.min_by(|one, other| one.0.total_cmp(&other.0));
    // What is gained by rounding alone could go on for ever.
    let Some((_, better)) = best.filter(|(more, _)| *more < saved * 0.999) else { return false };
    groups[own] = rest;
    groups[better].members.push(window);
    groups[better] = Group::of(std::mem::take(&mut groups[better].members), sets, shares);
    true
}

/// About how often bytes with each value of their five lower bits occur.
fn shares() -> [f32; 32] {
    let mut shares = [0.0; 32];
    (0..=u8::MAX).for_each(|byte| shares[usize::from(byte & 31)] += share(byte));
    shares
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
