use std::cmp::Reverse;

use gate_core::KnowledgeBase;

use super::Candidate;
use crate::pack::Pack;

/// Keeps one candidate for each value, in order of place.
///
/// Where candidates overlap, the more severe action wins, then the more specific rule, then the longer value, then the
/// surer one. Attacks are a layer of their own: they are whole sentences, in which values may stand.
pub(crate) fn resolve(pack: &Pack, mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let order = |candidate: &Candidate| {
        let rule = pack.rule(candidate.rule);
        let len = candidate.end - candidate.start;
        (
            is_attack(pack, candidate),
            Reverse((rule.action, rule.rank, len, candidate.confidence)),
            candidate.start,
            candidate.rule,
        )
    };
    candidates.sort_by_cached_key(order);
    let attacks = candidates.partition_point(|candidate| !is_attack(pack, candidate));
    let mut kept: Vec<Candidate> = Vec::with_capacity(candidates.len().min(64));
    for layer in [&candidates[..attacks], &candidates[attacks..]] {
        let mut taken = Taken::around(layer);
        kept.extend(layer.iter().copied().filter(|candidate: &Candidate| taken.take(candidate.start, candidate.end)));
    }
    kept.sort_unstable_by_key(|candidate| (candidate.start, candidate.end));
    kept
}

/// The bytes of values that are kept, a bit for each byte of the body between the first and the last value.
struct Taken {
    first: usize,
    bits: Vec<u64>,
}

impl Taken {
    fn around(layer: &[Candidate]) -> Self {
        let first = layer.iter().map(|candidate| candidate.start).min().unwrap_or(0);
        let end = layer.iter().map(|candidate| candidate.end).max().unwrap_or(0);
        // One value alone overlaps none.
        let bits = if layer.len() > 1 { vec![0; (end - first).div_ceil(64)] } else { Vec::new() };
        Self { first, bits }
    }

    /// Takes a range of bytes if none of them is taken.
    fn take(&mut self, start: usize, end: usize) -> bool {
        if self.bits.is_empty() {
            return true;
        }
        let (start, end) = (start - self.first, end - self.first);
        let words = start / 64..end.div_ceil(64).max(start / 64);
        let mask = |word: usize| {
            let from = |at: usize| u64::MAX.checked_shl(at.saturating_sub(64 * word) as u32).unwrap_or(0);
            from(start) & !from(end)
        };
        let free = words.clone().all(|word| self.bits[word] & mask(word) == 0);
        if free {
            words.for_each(|word| self.bits[word] |= mask(word));
        }
        free
    }
}

/// Leaves out values that are public, and what other rules see in parts of them.
pub(crate) fn without_public(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let mut public: Vec<(usize, usize)> = candidates
        .iter()
        .filter(|candidate| candidate.public)
        .map(|candidate| (candidate.start, candidate.end))
        .collect();
    if public.is_empty() {
        return candidates;
    }
    public.sort_unstable();
    // The farthest end of all that start up to here, so that one look says whether any of them covers a candidate.
    let mut farthest = 0;
    for (_, end) in &mut public {
        farthest = farthest.max(*end);
        *end = farthest;
    }
    candidates.retain(|candidate| {
        let before = public.partition_point(|(start, _)| *start <= candidate.start);
        let covered = before.checked_sub(1).is_some_and(|last| public[last].1 >= candidate.end);
        !candidate.public && !covered
    });
    candidates
}

fn is_attack(pack: &Pack, candidate: &Candidate) -> bool {
    pack.rule(candidate.rule).kb == KnowledgeBase::Attacks
}
