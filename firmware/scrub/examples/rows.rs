//! Scans rows as `nanogate scan --jsonl` does, and in pieces as well: `cargo run -p gate-scrub --example rows`.
//!
//! Standard input: `{"id", "text"}` and, where the text is to be cut, `"cuts"`: ascending places in its UTF-8. Standard
//! output, in the same order: `{"id", "findings"}`, with `"refused"` where the limits of a scan were passed. `tests/bench/quality` is the caller.

use std::error::Error;
use std::io::{self, BufRead, BufWriter, Write};
use std::sync::Arc;

use gate_core::Finding;
use gate_scrub::{BUILTIN, BodyKind, Limits, Pack, ScanError, Scanner};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Row {
    id: serde_json::Value,
    text: String,
    cuts: Option<Vec<usize>>,
}

#[derive(Serialize)]
struct Judged<'a> {
    id: &'a serde_json::Value,
    findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let scanner = Scanner::new(Arc::new(Pack::compile(BUILTIN.iter().copied())?));
    let mut out = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let row: Row = serde_json::from_str(&line?)?;
        let scanned = match &row.cuts {
            None => scanner.body(BodyKind::Text, row.text.as_bytes(), &Limits::default()),
            Some(cuts) => in_pieces(&scanner, row.text.as_bytes(), cuts),
        };
        let (findings, refused) = match scanned {
            Ok(findings) => (findings, None),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        serde_json::to_writer(&mut out, &Judged { id: &row.id, findings, refused })?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(())
}

fn in_pieces(scanner: &Scanner, text: &[u8], cuts: &[usize]) -> Result<Vec<Finding>, ScanError> {
    let (mut stream, mut findings, mut from) = (scanner.stream(), Vec::new(), 0);
    for cut in cuts.iter().copied().chain([text.len()]) {
        findings.extend(stream.push(&text[from..cut])?);
        from = cut;
    }
    findings.extend(stream.finish()?);
    Ok(findings)
}
