//! The counts of one answer.

use gate_core::Usage;
use serde_json::{Map, Value};

use crate::format::UsageFields;

/// The largest count seen of each field. Streams repeat their counts and let them grow, so the maximum is the total.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: Vec<(&'static str, u64)>,
}

impl Tally {
    /// Reads one object of counts.
    pub(super) fn add(&mut self, fields: &UsageFields, object: &[u8]) {
        let Ok(object) = serde_json::from_slice::<Map<String, Value>>(object) else { return };
        for name in fields.input.iter().chain(fields.output).flat_map(|sum| sum.iter()) {
            if let Some(count) = object.get(*name).and_then(Value::as_u64) {
                self.raise(name, count);
            }
        }
    }

    fn raise(&mut self, name: &'static str, count: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, largest)) => *largest = count.max(*largest),
            None => self.counts.push((name, count)),
        }
    }

    pub(super) fn total(&self, fields: &UsageFields) -> Option<Usage> {
        let usage = Usage { input: self.largest(fields.input), output: self.largest(fields.output) };
        (!self.counts.is_empty()).then_some(usage)
    }

    fn largest(&self, alternatives: &[&[&str]]) -> u64 {
        let count = |name: &&str| self.counts.iter().find(|(known, _)| known == name).map_or(0, |(_, count)| *count);
        let sum = |names: &&[&str]| names.iter().map(count).fold(0, u64::saturating_add);
        alternatives.iter().map(sum).max().unwrap_or(0)
    }
}
