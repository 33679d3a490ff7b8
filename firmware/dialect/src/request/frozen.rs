//! Bytes that must not be edited.

use std::ops::Range;

use crate::format::{Extent, FORMATS, FrozenRule};

/// More ranges than any real conversation has; past it the last one grows to cover what follows.
pub(super) const RANGES_CAP: usize = 4096;

/// The rules of all formats. All apply to every body, because gateways carry one vendor's blocks in another's format; a
/// rule's place in this order is its bit in [`Marks`].
fn rules() -> impl Iterator<Item = (u32, &'static FrozenRule)> {
    let all = FORMATS.into_iter().flat_map(|format| format.frozen);
    all.enumerate().map(|(place, rule)| (1 << place, rule))
}

/// What is known of one object: which rules' tags and which rules' members it has shown so far, in any order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    tags: u32,
    members: u32,
}

impl Marks {
    /// Notes a value of the member `type`; with duplicates, all of them count.
    pub(super) fn tag(&mut self, value: &str) {
        self.tags |= rules().filter(|(_, rule)| rule.tag == Some(value)).fold(0, |bits, (bit, _)| bits | bit);
    }

    /// Notes members by their rules.
    pub(super) fn members(&mut self, hits: Hits) {
        self.members |= hits.0;
    }

    /// Whether the object as a whole is frozen.
    pub(super) fn freeze_object(self) -> bool {
        let applies = |(bit, rule): (u32, &FrozenRule)| {
            rule.extent == Extent::Object && self.members & bit != 0 && (rule.tag.is_none() || self.tags & bit != 0)
        };
        self.members != 0 && rules().any(applies)
    }
}

/// The rules that speak of a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hits(u32);

impl Hits {
    pub(super) fn of(key: &str) -> Self {
        Self(rules().filter(|(_, rule)| rule.key == key).fold(0, |bits, (bit, _)| bits | bit))
    }

    /// Whether the member's value alone is frozen.
    pub(super) fn freeze_member(self) -> bool {
        self.0 != 0 && rules().any(|(bit, rule)| self.0 & bit != 0 && rule.extent == Extent::Member)
    }
}

/// The ranges found so far, in any order.
#[derive(Debug, Default)]
pub(super) struct Ranges(Vec<Range<usize>>);

impl Ranges {
    pub(super) fn add(&mut self, range: Range<usize>) {
        let full = self.0.len() == RANGES_CAP;
        match self.0.last_mut() {
            // Containers close after what they hold: an enclosing range swallows those before it.
            Some(last) if full => *last = last.start.min(range.start)..last.end.max(range.end),
            _ => self.0.push(range),
        }
    }

    /// Sorted and merged.
    pub(super) fn finish(mut self) -> Vec<Range<usize>> {
        self.0.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(self.0.len());
        for range in self.0 {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }
}
