//! `--jsonl`: one verdict row for each row, in the same order, however many there are.

use std::io::{self, Read, Write};

use gate_core::{Action, Finding};
use gate_scrub::{Edit, Limits, ScanError, Scanner, edit, placeholder};
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::ordered::{Event, Outlet, Stopped, ordered};
use crate::{CommandError, Outcome, print};

/// A row is one prompt; the proxy's own body cap is the measure.
const ROW_CAP: usize = 64 * 1024 * 1024;

/// Rows that one worker takes at once, if they are there already.
const BATCH_ROWS: usize = 64;
const BATCH_BYTES: usize = 256 << 10;

/// What is asked for at once.
const CHUNK: usize = 64 << 10;

#[derive(Deserialize)]
struct Row {
    id: serde_json::Value,
    text: String,
}

#[derive(Serialize)]
struct Judged<'a> {
    id: &'a serde_json::Value,
    verdict: Action,
    findings: Vec<Finding>,
    redacted: String,
    /// Why the text was not read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Rows as they were read.
#[derive(Default)]
struct Batch {
    /// The number of the first line.
    first: usize,
    text: Vec<u8>,
    failed: Option<io::Error>,
}

/// Answers to a batch, up to the first row that is none.
#[derive(Default)]
struct Answers {
    text: Vec<u8>,
    found: bool,
    failed: Option<CommandError>,
}

/// Reads rows until the end of the input.
pub(super) fn scan_rows(
    scanner: &Scanner,
    filter: &Filter,
    threads: usize,
    input: impl Read + Send + 'static,
    output: impl Write,
) -> Result<Outcome, CommandError> {
    let mut out = io::BufWriter::new(output);
    let mut clean = true;
    let worker = || {
        let (scanner, filter) = (scanner.clone(), filter.clone());
        move |batch: Batch, outlet: &Outlet<Answers>| outlet.put(answer(&scanner, &filter, batch))
    };
    let read = |event| match event {
        Event::Message(Answers { text, found, failed }) => {
            clean &= !found;
            print::checked(out.write_all(&text))?;
            failed.map_or(Ok(()), Err)
        }
        // A caller may wait for each answer before it sends the next row.
        Event::Idle => print::checked(out.flush()),
    };
    let ended = ordered(threads, Batches::new(input), worker, read);
    print::checked(out.flush())?;
    match ended {
        Ok(()) => Ok(if clean { Outcome::Done } else { Outcome::No }),
        Err(Stopped::Reader(error)) => Err(error),
        Err(Stopped::Worker) => Err(CommandError::internal("a thread of the scan ended early")),
    }
}

/// The input in batches: the rows that are there at once, at least one.
struct Batches<R> {
    input: R,
    buffer: Vec<u8>,
    /// The number of the next line.
    line: usize,
    ended: bool,
}

impl<R: Read> Batches<R> {
    fn new(input: R) -> Self {
        Self { input, buffer: Vec::new(), line: 1, ended: false }
    }

    /// Takes the first bytes of the buffer.
    fn take(&mut self, len: usize) -> Batch {
        let rest = self.buffer.split_off(len);
        let text = std::mem::replace(&mut self.buffer, rest);
        let first = self.line;
        self.line += text.iter().filter(|byte| **byte == b'\n').count();
        Batch { first, text, failed: None }
    }

    /// Waits for more; an error ends the input.
    fn read(&mut self) -> io::Result<()> {
        let before = self.buffer.len();
        if before > ROW_CAP {
            return Err(io::Error::other(format!("a row of more than {ROW_CAP} bytes")));
        }
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.input.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        self.buffer.truncate(before + read.as_ref().copied().unwrap_or(0));
        self.ended = read? == 0;
        Ok(())
    }
}

impl<R: Read> Iterator for Batches<R> {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let mut searched = 0;
        loop {
            if let Some(end) = whole_rows(&self.buffer, searched) {
                return Some(self.take(end));
            }
            if self.ended {
                return (!self.buffer.is_empty()).then(|| self.take(self.buffer.len()));
            }
            searched = self.buffer.len();
            if let Err(error) = self.read() {
                self.ended = true;
                self.buffer.clear();
                return Some(Batch { first: self.line, text: Vec::new(), failed: Some(error) });
            }
        }
    }
}

/// The end of the rows that one worker takes. There is no end of a row before `searched`.
fn whole_rows(text: &[u8], searched: usize) -> Option<usize> {
    let ends = text.iter().enumerate().skip(searched).filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    let mut taken = None;
    for end in ends.take(BATCH_ROWS) {
        if taken.is_some() && end > BATCH_BYTES {
            break;
        }
        taken = Some(end);
    }
    taken
}

fn answer(scanner: &Scanner, filter: &Filter, batch: Batch) -> Answers {
    let mut answers = Answers::default();
    for (index, line) in batch.text.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match answer_row(scanner, filter, line, &mut answers.text) {
            Ok(clean) => answers.found |= !clean,
            Err(why) => {
                answers.failed = Some(CommandError::Input(format!("<stdin>:{}: {why}", batch.first + index)));
                return answers;
            }
        }
    }
    answers.failed = batch.failed.map(|error| CommandError::Input(format!("<stdin>:{}: {error}", batch.first)));
    answers
}

/// Whether nothing was found in a row.
fn answer_row(scanner: &Scanner, filter: &Filter, line: &[u8], out: &mut Vec<u8>) -> Result<bool, String> {
    let row: Row = serde_json::from_slice(line).map_err(|error| format!("not a row {{\"id\",\"text\"}}: {error}"))?;
    // What costs more than a prompt may is denied, as the proxy does it, and the next row has its turn.
    let judged = judge(scanner, filter, &row).unwrap_or_else(|error| Judged {
        id: &row.id,
        verdict: Action::Deny,
        findings: Vec::new(),
        redacted: String::new(),
        error: Some(error.to_string()),
    });
    serde_json::to_writer(&mut *out, &judged).map_err(|error| error.to_string())?;
    out.push(b'\n');
    Ok(judged.findings.is_empty() && judged.error.is_none())
}

fn judge<'a>(scanner: &Scanner, filter: &Filter, row: &'a Row) -> Result<Judged<'a>, ScanError> {
    let text = row.text.as_bytes();
    let mut findings = scanner.text(text, &Limits { max_bytes: text.len(), ..Limits::default() })?;
    findings.retain(|finding| filter.keeps(finding));
    let verdict = findings.iter().map(|finding| finding.action).max().unwrap_or(Action::Allow);
    let edits: Vec<Edit> = findings
        .iter()
        .filter(|finding| finding.action >= Action::Redact)
        .map(|finding| Edit { start: finding.start, end: finding.end, replacement: placeholder(&finding.kind) })
        .collect();
    let redacted = String::from_utf8_lossy(&edit(text, &edits)).into_owned();
    Ok(Judged { id: &row.id, verdict, findings, redacted, error: None })
}

#[cfg(test)]
mod tests;
