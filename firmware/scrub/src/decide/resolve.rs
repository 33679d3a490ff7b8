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
    candidates.sort_by_key(order);
    let attacks = candidates.partition_point(|candidate| !is_attack(pack, candidate));
    let mut kept = Vec::with_capacity(candidates.len().min(64));
    for layer in [&candidates[..attacks], &candidates[attacks..]] {
        // By end, disjoint, so the first one that ends behind a start is the only one that can overlap it.
        let mut layer_kept: std::collections::BTreeMap<usize, Candidate> = std::collections::BTreeMap::new();
        for candidate in layer {
            let next = layer_kept.range(candidate.start + 1..).next();
            if next.is_none_or(|(_, kept)| kept.start >= candidate.end) {
                layer_kept.insert(candidate.end, *candidate);
            }
        }
        kept.extend(layer_kept.into_values());
    }
    kept.sort_by_key(|candidate| (candidate.start, candidate.end));
    kept
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
