//! The examples that every rule carries, and the check that they hold.

use super::PackError;
use super::source::{Example, RawRule};
use crate::accept::Limits;
use crate::scan::Scanner;

/// The examples of one rule and where they are written.
#[derive(Debug)]
pub(super) struct Examples {
    file: String,
    line: usize,
    rule: String,
    matches: Vec<Example>,
    rejects: Vec<String>,
    /// The pattern from the anchor on: that of the lead, if there is one, and that of the value.
    opening: String,
}

impl Examples {
    pub(super) fn new(file: &str, line: usize, raw: &RawRule) -> Self {
        let (matches, rejects) = (raw.matches.clone(), raw.rejects.clone());
        let opening = format!("(?:{})(?:{})", raw.lead.as_deref().unwrap_or_default(), raw.pattern);
        Self { file: file.to_owned(), line, rule: raw.id.clone(), matches, rejects, opening }
    }

    /// Every text that must match, for tests that disguise it.
    #[cfg(test)]
    pub(super) fn matching(&self) -> impl Iterator<Item = (&str, &str)> {
        self.matches.iter().map(|example| (self.rule.as_str(), example.text()))
    }

    /// The examples that do not hold.
    pub(super) fn failures(&self, scanner: &Scanner) -> Vec<PackError> {
        let matches = self.matches.iter().enumerate().filter_map(|(at, example)| {
            self.must_match(scanner, example).err().map(|why| self.failure("match", at + 1, why))
        });
        let rejects = self.rejects.iter().enumerate().filter_map(|(at, text)| {
            self.must_not_match(scanner, text).err().map(|why| self.failure("no_match", at + 1, why))
        });
        matches.chain(rejects).collect()
    }

    /// The pattern from the anchor on.
    pub(super) fn opening(&self) -> &str {
        &self.opening
    }

    /// A mistake of the rule itself.
    pub(super) fn rule_error(&self, key: &'static str, why: String) -> PackError {
        PackError::Rule { file: self.file.clone(), line: self.line, rule: self.rule.clone(), key, why }
    }

    fn failure(&self, key: &'static str, number: usize, why: String) -> PackError {
        PackError::Example { file: self.file.clone(), line: self.line, rule: self.rule.clone(), key, number, why }
    }

    fn must_match(&self, scanner: &Scanner, example: &Example) -> Result<(), String> {
        let spans = spans_of(scanner, &self.rule, example.text())?;
        let Example::Value { text, value } = example else {
            return if spans.is_empty() { Err("is not found".to_owned()) } else { Ok(()) };
        };
        let start = text.find(value).ok_or("does not contain its own value")?;
        let wanted = (start, start + value.len());
        if spans.contains(&wanted) { Ok(()) } else { Err(format!("is found at {spans:?}, not at {wanted:?}")) }
    }

    fn must_not_match(&self, scanner: &Scanner, text: &str) -> Result<(), String> {
        match spans_of(scanner, &self.rule, text)?.first() {
            Some((start, end)) => Err(format!("is found at {start}..{end}")),
            None => Ok(()),
        }
    }
}

/// An example that cannot be scanned says nothing about its rule, so it holds neither way.
fn spans_of(scanner: &Scanner, rule: &str, text: &str) -> Result<Vec<(usize, usize)>, String> {
    let findings = scanner.text(text.as_bytes(), &Limits::default()).map_err(|error| error.to_string())?;
    let of_rule = findings.iter().filter(|finding| finding.rule == rule);
    Ok(of_rule.map(|finding| (finding.start, finding.end)).collect())
}
