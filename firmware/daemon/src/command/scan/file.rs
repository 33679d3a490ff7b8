//! One file: read in bounded pieces, scanned as what it is, every finding with its line and column.

use std::fs::File;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use gate_core::Finding;
use gate_scrub::{BodyKind, Limits, ScanError, Scanner};
use indicatif::ProgressBar;
use serde::Serialize;

use super::filter::Filter;
use super::place::{Place, Units};

/// Files up to this size are held whole; longer text is scanned as it is read.
const WHOLE: usize = 1 << 20;

/// JSON up to this size is held whole even so, because its structure ends with its last byte; one such file at a time.
const LARGE: usize = 16 << 20;

/// As git does it: a NUL in the first 8000 bytes means binary.
const BINARY_PROBE: usize = 8000;

/// What is read of a file at once.
const CHUNK: usize = 64 << 10;

/// A finding with the lines and columns that people look for; the end is behind its last character.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Located {
    #[serde(flatten)]
    pub(crate) start: Place,
    pub(crate) end_line: usize,
    pub(crate) end_column: usize,
    #[serde(flatten)]
    pub(crate) finding: Finding,
}

/// Why a file was not scanned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Skip {
    Binary,
    /// UTF-16 that is longer than what is held whole.
    Large,
    Failed(String),
}

impl From<io::Error> for Skip {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<ScanError> for Skip {
    fn from(error: ScanError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Takes findings as they are made. It breaks when nobody wants more.
pub(super) trait Take: FnMut(Vec<Located>) -> ControlFlow<()> {}
impl<F: FnMut(Vec<Located>) -> ControlFlow<()>> Take for F {}

/// What every worker needs.
pub(super) struct FileScanner {
    pub(super) scanner: Scanner,
    pub(super) filter: Filter,
    pub(super) progress: ProgressBar,
    /// Held by whoever reads a large file whole.
    pub(super) large: Mutex<()>,
}

impl FileScanner {
    /// Scans a file, or says why not.
    pub(super) fn file(&self, path: &Path, take: &mut impl Take) -> Result<(), Skip> {
        let kind = match path.extension().and_then(|extension| extension.to_str()) {
            Some("json") => BodyKind::Json,
            Some("jsonl" | "ndjson") => BodyKind::Ndjson,
            _ => BodyKind::Text,
        };
        self.input(kind, File::open(path)?, take)
    }

    /// Scans whatever can be read.
    pub(super) fn input(&self, kind: BodyKind, mut input: impl Read, take: &mut impl Take) -> Result<(), Skip> {
        let mut head = Vec::new();
        let whole = self.fill(&mut head, &mut input, WHOLE)?;
        let probe = &head[..head.len().min(BINARY_PROBE)];
        let units = Units::of(probe);
        // Every second byte of UTF-16 may be NUL.
        if units == Units::Utf8 && probe.contains(&0) {
            return Err(Skip::Binary);
        }
        if whole {
            return self.whole(kind, units, head, take);
        }
        match (kind, units) {
            (BodyKind::Ndjson, Units::Utf8) => self.lines(head, input, take),
            (BodyKind::Json, _) | (_, Units::Utf16Le | Units::Utf16Be) => {
                let _only = self.large.lock().unwrap_or_else(PoisonError::into_inner);
                let whole = self.fill(&mut head, &mut input, LARGE)?;
                match (whole, units) {
                    (true, _) => self.whole(kind, units, head, take),
                    (false, Units::Utf8) => self.stream(Window::begin(head), input, take),
                    (false, _) => Err(Skip::Large),
                }
            }
            _ => self.stream(Window::begin(head), input, take),
        }
    }

    /// Reads until `bytes` has more than `limit`, or all; true when that was all.
    fn fill(&self, bytes: &mut Vec<u8>, input: &mut impl Read, limit: usize) -> io::Result<bool> {
        let room = (limit + 1).saturating_sub(bytes.len());
        let read = input.take(room as u64).read_to_end(bytes)?;
        self.progress.inc(read as u64);
        Ok(bytes.len() <= limit)
    }

    fn whole(&self, kind: BodyKind, units: Units, bytes: Vec<u8>, take: &mut impl Take) -> Result<(), Skip> {
        let mut window = Window { units, ..Window::begin(bytes) };
        match self.body(kind, &window.bytes) {
            Ok(findings) => {
                let _ = self.give(findings, &mut window, take);
                Ok(())
            }
            // A file may cost more than a request. Piece by piece as text it never costs too much at once.
            Err(_) if units == Units::Utf8 => self.stream(window, io::empty(), take),
            Err(error) => Err(error.into()),
        }
    }

    fn body(&self, kind: BodyKind, bytes: &[u8]) -> Result<Vec<Finding>, ScanError> {
        self.scanner.body(kind, bytes, &Limits { max_bytes: bytes.len(), ..Limits::default() })
    }

    /// Scans text of any length, of which the window holds the beginning. What unfolds to more than is ever held is an
    /// error, and what follows goes unread.
    fn stream(&self, mut window: Window, mut input: impl Read, take: &mut impl Take) -> Result<(), Skip> {
        let mut stream = self.scanner.stream();
        let mut chunk = vec![0; CHUNK];
        let origin = window.base;
        let mut findings = stream.push(&window.bytes)?;
        loop {
            shift(&mut findings, origin);
            if self.give(findings, &mut window, take).is_break() {
                return Ok(());
            }
            window.forget(stream.held());
            let read = match input.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => return Err(error.into()),
            };
            self.progress.inc(read as u64);
            window.bytes.extend_from_slice(&chunk[..read]);
            findings = stream.push(&chunk[..read])?;
        }
        let mut findings = stream.finish()?;
        shift(&mut findings, origin);
        let _ = self.give(findings, &mut window, take);
        Ok(())
    }

    /// Scans rows of JSON, as many at a time as fit what is held.
    fn lines(&self, bytes: Vec<u8>, mut input: impl Read, take: &mut impl Take) -> Result<(), Skip> {
        let mut window = Window::begin(bytes);
        let mut last = false;
        loop {
            let end = window.bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
            let end = if last { window.bytes.len() } else { end };
            // A row that is longer than what is held has no structure that could be seen.
            let too_long = end == 0 && window.bytes.len() > LARGE;
            let rows = self.body(BodyKind::Ndjson, &window.bytes[..end]);
            let (Ok(mut findings), false) = (rows, too_long) else { return self.stream(window, input, take) };
            shift(&mut findings, window.base);
            if self.give(findings, &mut window, take).is_break() || last {
                return Ok(());
            }
            window.forget(window.bytes.len() - end);
            let limit = window.bytes.len() + WHOLE;
            last = self.fill(&mut window.bytes, &mut input, limit)?;
        }
    }

    /// Hands on the findings that are wanted. They come in the order of their start.
    fn give(&self, findings: Vec<Finding>, window: &mut Window, take: &mut impl Take) -> ControlFlow<()> {
        let mut located = Vec::new();
        for finding in findings.into_iter().filter(|finding| self.filter.keeps(finding)) {
            located.push(window.locate(finding));
            if located.len() == 256 {
                take(std::mem::take(&mut located))?;
            }
        }
        if located.is_empty() { ControlFlow::Continue(()) } else { take(located) }
    }
}

fn shift(findings: &mut [Finding], by: usize) {
    for finding in findings {
        finding.start += by;
        finding.end += by;
    }
}

/// The part of a file in which the next finding lies, and how far lines are counted in it.
struct Window {
    bytes: Vec<u8>,
    /// Place in the file of the first byte.
    base: usize,
    /// What is counted of `bytes`, and where that ends.
    counted: usize,
    place: Place,
    units: Units,
}

impl Window {
    fn begin(bytes: Vec<u8>) -> Self {
        Self { bytes, base: 0, counted: 0, place: Place::START, units: Units::Utf8 }
    }

    fn count_to(&mut self, end: usize) {
        // Findings that overlap need not start in order to the byte; lines are never counted back.
        if end > self.counted {
            self.place = self.place.after(&self.bytes[self.counted..end], self.units);
            self.counted = end;
        }
    }

    fn locate(&mut self, finding: Finding) -> Located {
        let within = |at: usize| at.saturating_sub(self.base).min(self.bytes.len());
        let (start, end) = (within(finding.start), within(finding.end));
        self.count_to(start);
        let behind = self.place.after(&self.bytes[start..end.max(start)], self.units);
        Located { start: self.place, end_line: behind.line, end_column: behind.column, finding }
    }

    /// Forgets all but the last bytes.
    fn forget(&mut self, keep: usize) {
        let gone = self.bytes.len().saturating_sub(keep);
        self.count_to(gone);
        // What is counted beyond that is counted from its new place.
        self.bytes.drain(..gone);
        self.base += gone;
        self.counted -= gone;
    }
}

#[cfg(test)]
mod tests;
