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
        for name in fields.names() {
            if let Some(count) = count_at(&object, name) {
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
        let names = fields.input.iter().chain(fields.output).flat_map(|sum| sum.iter());
        if !names.into_iter().any(|name| self.has(name)) {
            return None;
        }
        let (input, said) = (self.largest(fields.input), self.largest(fields.output));
        let told = self.part(fields.reasoning);
        // Gemini's answers in OpenAI's form have what was thought in the total alone, where nothing else tells of it.
        let answered = fields.output.iter().flat_map(|sum| sum.iter()).any(|name| self.has(name));
        let rest = self.part(fields.total).saturating_sub(input.saturating_add(said));
        let apart = rest > 0 && answered && (told == 0 || told == rest);
        let (output, reasoning) = if apart { (said.saturating_add(rest), rest) } else { (said, told) };
        let cached = self.part(fields.cached).min(input);
        let written = self.part(fields.written).min(input - cached);
        Some(Usage { input, output, cached, written, reasoning: reasoning.min(output), estimated: false })
    }

    fn has(&self, name: &str) -> bool {
        self.counts.iter().any(|(known, _)| *known == name)
    }

    fn count(&self, name: &str) -> u64 {
        self.counts.iter().find(|(known, _)| *known == name).map_or(0, |(_, count)| *count)
    }

    fn part(&self, names: &[&str]) -> u64 {
        names.iter().map(|name| self.count(name)).max().unwrap_or(0)
    }

    fn largest(&self, alternatives: &[&[&str]]) -> u64 {
        let sum = |names: &&[&str]| names.iter().map(|name| self.count(name)).fold(0, u64::saturating_add);
        alternatives.iter().map(sum).max().unwrap_or(0)
    }
}

/// The count of this name, which may lead into one object.
fn count_at(object: &Map<String, Value>, name: &str) -> Option<u64> {
    match name.split_once('.') {
        Some((outer, inner)) => object.get(outer)?.get(inner)?.as_u64(),
        None => object.get(name)?.as_u64(),
    }
}
