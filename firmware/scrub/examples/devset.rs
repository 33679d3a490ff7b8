//! Measures the built-in rules on labelled rows: `cargo run --release -p gate-scrub --example devset -- DIR`.
//!
//! DIR holds `secrets.jsonl`, `pii.jsonl`, `injection.jsonl` and `benign.jsonl` with rows of
//! `{"id", "text", "spans": [{"start", "end", "type"}], "label", "tier"}`. Prints recall and false positives for each
//! file, the misses by type, and the speed of one pass.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gate_core::{Finding, KnowledgeBase};
use gate_scrub::{BUILTIN, BodyKind, Limits, Pack, Scanner};
use serde::Deserialize;

#[derive(Deserialize)]
struct Row {
    id: String,
    text: String,
    spans: Vec<Span>,
    label: String,
    #[serde(default = "core")]
    tier: String,
}

fn core() -> String {
    "core".to_owned()
}

#[derive(Deserialize)]
struct Span {
    start: usize,
    end: usize,
    r#type: String,
}

/// What one file came to.
#[derive(Default)]
struct Score {
    spans: usize,
    found: usize,
    covered: usize,
    documents: usize,
    documents_hit: usize,
    negatives: usize,
    false_alarms: Vec<String>,
    missed: BTreeMap<String, usize>,
    bytes: usize,
    seconds: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: devset DIR")?;
    let started = Instant::now();
    let pack = Arc::new(Pack::compile(BUILTIN.iter().copied())?);
    let (rules, memory) = (pack.rules().count(), pack.memory());
    println!(
        "{rules} rules, {} KiB of automata, compiled in {:.0} ms",
        memory >> 10,
        started.elapsed().as_secs_f64() * 1e3
    );
    for failure in pack.failing_examples() {
        println!("example: {failure}");
    }
    let scanner = Scanner::new(pack);
    for file in ["secrets", "pii", "injection", "benign"] {
        report(file, &measure(&scanner, file, &Path::new(&dir).join(format!("{file}.jsonl")))?);
    }
    Ok(())
}

/// Whether a finding is of the kind that a file is about.
fn counts(file: &str, finding: &Finding) -> bool {
    match file {
        "secrets" => finding.kb == KnowledgeBase::Secrets,
        "injection" => finding.kb == KnowledgeBase::Attacks,
        "pii" => !matches!(finding.kb, KnowledgeBase::Secrets | KnowledgeBase::Attacks),
        _ => true,
    }
}

fn measure(scanner: &Scanner, file: &str, path: &Path) -> Result<Score, Box<dyn Error>> {
    let mut score = Score::default();
    for line in std::fs::read_to_string(path)?.lines() {
        let row: Row = serde_json::from_str(line)?;
        let started = Instant::now();
        let all = scanner.body(BodyKind::Text, row.text.as_bytes(), &Limits::default())?;
        score.seconds += started.elapsed().as_secs_f64();
        score.bytes += row.text.len();
        let findings: Vec<&Finding> = all.iter().filter(|finding| counts(file, finding)).collect();
        if row.tier != "core" {
            continue;
        }
        if row.label == "negative" {
            score.negatives += 1;
            score.false_alarms.extend(findings.first().map(|finding| format!("{} {}", row.id, finding.rule)));
        } else {
            score.documents += 1;
            score.documents_hit += usize::from(!findings.is_empty());
            row.spans.iter().for_each(|span| score.add_span(span, &findings, &row.id));
        }
    }
    Ok(score)
}

impl Score {
    fn add_span(&mut self, span: &Span, findings: &[&Finding], id: &str) {
        let overlap = |finding: &&Finding| finding.end.min(span.end).saturating_sub(finding.start.max(span.start));
        let covered: usize = findings.iter().map(overlap).sum();
        let best = findings.iter().map(overlap).max().unwrap_or(0);
        let len = span.end - span.start;
        self.spans += 1;
        self.found += usize::from(best * 2 >= len);
        self.covered += usize::from(covered == len);
        if covered < len {
            *self
                .missed
                .entry(format!("{} {id}{}", span.r#type, if covered > 0 { " (part)" } else { "" }))
                .or_default() += 1;
        }
    }
}

fn report(file: &str, score: &Score) {
    let share = |part: usize, all: usize| 100.0 * part as f64 / all.max(1) as f64;
    println!(
        "{file}: spans found {}/{} ({:.1} %), covered {:.1} %; documents {:.1} %; false alarms {}/{} ({:.1} %); {:.0} MB/s",
        score.found,
        score.spans,
        share(score.found, score.spans),
        share(score.covered, score.spans),
        share(score.documents_hit, score.documents),
        score.false_alarms.len(),
        score.negatives,
        share(score.false_alarms.len(), score.negatives),
        score.bytes as f64 / score.seconds / 1e6,
    );
    if std::env::var_os("SHOW").is_some() {
        score.missed.keys().for_each(|missed| println!("  missed {missed}"));
        score.false_alarms.iter().for_each(|alarm| println!("  false {alarm}"));
    }
}
