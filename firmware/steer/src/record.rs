//! What a change of the kernel's rule set leaves in the journal.

use gate_core::SteerEvent;

use crate::act::ApplyError;
use crate::decide::DESTINATIONS;
use crate::ruleset::RuleSet;

/// A rule set that is in the kernel, read back and found equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Applied {
    pub rules: u32,
    /// Addresses in the sets of steered destinations.
    pub destinations: u32,
}

impl Applied {
    pub(crate) fn of(set: &RuleSet) -> Self {
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let destinations = DESTINATIONS.iter().map(|name| set.size_of(name)).sum();
        Self { rules: count(set.rules()), destinations: count(destinations) }
    }
}

/// The journal's line about an attempt.
pub fn event(table: &str, outcome: &Result<Applied, ApplyError>) -> SteerEvent {
    let applied = outcome.as_ref().copied().unwrap_or(Applied { rules: 0, destinations: 0 });
    SteerEvent {
        table: table.to_owned(),
        rules: applied.rules,
        destinations: applied.destinations,
        verified: outcome.is_ok(),
        error: outcome.as_ref().err().map(ToString::to_string),
    }
}
