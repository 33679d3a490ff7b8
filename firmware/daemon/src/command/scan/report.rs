//! What a scan prints: text for people, rows of JSON, SARIF. Each finding is written when it is known, so that no report
//! is ever held in memory. None of them says what was found, only where and of which kind.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::Arc;

use gate_core::{Action, Finding};
use gate_scrub::{Pack, Severity};
use serde::Serialize;

use super::file::Located;
use super::sarif;
use crate::cli::ScanFormat;

/// What a rule is called.
#[derive(Clone, Debug)]
pub(super) struct RuleText {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) kb: &'static str,
    pub(super) severity: Severity,
}

/// What was scanned in all.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) findings: usize,
    pub(super) files: usize,
    pub(super) binary: usize,
    pub(super) large: usize,
    /// What was named, or could not be read, and was not scanned.
    pub(super) failed: Vec<String>,
}

/// Writes one report.
pub(super) struct Report<W> {
    out: W,
    format: ScanFormat,
    colour: bool,
    rules: HashMap<String, RuleText>,
    /// The rules that found something.
    used: BTreeSet<String>,
    results: usize,
}

/// One row of JSON.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    #[serde(flatten)]
    located: &'a Located,
}

impl<W: Write> Report<W> {
    pub(super) fn begin(mut out: W, format: ScanFormat, colour: bool, pack: &Pack) -> io::Result<Self> {
        let text = |rule: gate_scrub::RuleInfo<'_>| RuleText {
            name: rule.name.to_owned(),
            kind: rule.kind.to_owned(),
            kb: rule.kb.as_str(),
            severity: rule.severity,
        };
        let rules = pack.rules().map(|rule| (rule.id.to_owned(), text(rule))).collect();
        if format == ScanFormat::Sarif {
            out.write_all(sarif::HEAD.as_bytes())?;
        }
        Ok(Self { out, format, colour, rules, used: BTreeSet::new(), results: 0 })
    }

    /// Writes the findings of one file.
    pub(super) fn found(&mut self, file: &Arc<str>, found: &[Located]) -> io::Result<()> {
        for located in found {
            match self.format {
                ScanFormat::Text => self.line(file, located)?,
                ScanFormat::Json => {
                    serde_json::to_writer(&mut self.out, &Row { file, located })?;
                    self.out.write_all(b"\n")?;
                }
                ScanFormat::Sarif => {
                    let comma = if self.results == 0 { "" } else { "," };
                    write!(self.out, "{comma}\n{}", sarif::result(file, located, self.name_of(&located.finding)))?;
                    self.used.insert(located.finding.rule.clone());
                }
            }
            self.results += 1;
        }
        Ok(())
    }

    /// Writes what is waiting.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Ends the report.
    pub(super) fn end(mut self, totals: &Totals) -> io::Result<()> {
        match self.format {
            ScanFormat::Text => {
                let (findings, files) = (plural(totals.findings, "finding"), plural(totals.files, "file"));
                writeln!(self.out, "{findings} in {files} scanned")?;
            }
            ScanFormat::Json => {}
            ScanFormat::Sarif => {
                let rules = self.used.iter().filter_map(|id| Some(sarif::rule(id, self.rules.get(id)?)));
                writeln!(self.out, "{}", sarif::tail(rules, &totals.failed))?;
            }
        }
        self.out.flush()
    }

    fn line(&mut self, file: &str, located: &Located) -> io::Result<()> {
        let Finding { rule, kind, action, confidence, .. } = &located.finding;
        let paint =
            |code: &str, text: &str| if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let place = format!("{}:{}:{}", printable(file), located.start.line, located.start.column);
        let action = paint(if *action == Action::Deny { "31" } else { "33" }, action.as_str());
        let (place, name) = (paint("1", &place), self.name_of(&located.finding));
        let line = format!("{place}: {action} {kind}: {name} ({rule}, confidence {confidence})\n");
        self.out.write_all(line.as_bytes())
    }

    /// What people call the rule.
    fn name_of<'a>(&'a self, finding: &'a Finding) -> &'a str {
        self.rules.get(&finding.rule).map_or(finding.kind.as_str(), |rule| rule.name.as_str())
    }
}

/// A name as it may be shown: a file may be called what a terminal takes for a command.
pub(super) fn printable(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}') {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `1 file`, `2 files`.
pub(super) fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_file_s_name_is_no_command_to_the_terminal() {
        assert_eq!(printable("a\x1b[2J\nb\u{202E}gpj.exe"), "a\\u{1b}[2J\\u{a}b\\u{202e}gpj.exe");
        assert_eq!(printable("grün/ä.txt"), "grün/ä.txt");
    }
}
