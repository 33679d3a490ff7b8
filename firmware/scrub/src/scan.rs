//! The corridor of one scan, from a body to its findings.

use std::ops::Range;
use std::sync::Arc;

use gate_core::{Finding, Why};

use crate::accept::{BodyKind, Charset, Limits, ScanError, charset};
use crate::decide::{Candidate, Engine, Sweep, resolve, without_public};
use crate::pack::Pack;
use crate::parse::{Nesting, Reading, Shadow, Source, form, json, ndjson, runs, utf16};
use crate::stream::Stream;

/// How often an encoding may lie inside another one.
const MAX_LEVELS: usize = 3;

/// Finds what a pack describes. Cheap to clone, and shared by any number of threads without a lock.
#[derive(Clone, Debug)]
pub struct Scanner {
    pack: Arc<Pack>,
}

/// What was found in a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// In order of place.
    pub findings: Vec<Finding>,
    /// The places of those that are numbers of JSON: an edit there would break the text or change its types.
    pub numbers: Vec<Range<usize>>,
}

/// One look at one shadow and everything that unfolds from it.
pub(crate) struct Pass<'a> {
    pub(crate) pack: &'a Pack,
    pub(crate) nesting: Nesting,
    /// Whether the shadow may go on.
    pub(crate) open: bool,
    /// Runs that begin before this place of the body have been decoded already.
    pub(crate) settled: usize,
    /// Whether a run that goes on at `settled` is to be read from there.
    pub(crate) resume: bool,
}

impl Scanner {
    /// A scanner with the rules of `pack`.
    pub fn new(pack: Arc<Pack>) -> Self {
        Self { pack }
    }

    /// The rules in use.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// Scans plain text.
    pub fn text(&self, body: &[u8], limits: &Limits) -> Result<Vec<Finding>, ScanError> {
        self.body(BodyKind::Text, body, limits)
    }

    /// Scans every string and key of a JSON text, JSON inside strings included.
    pub fn json(&self, body: &[u8], limits: &Limits) -> Result<Vec<Finding>, ScanError> {
        self.body(BodyKind::Json, body, limits)
    }

    /// Scans a body as what it says it is, or as text if it is not. Offsets are bytes of `body`.
    pub fn body(&self, kind: BodyKind, body: &[u8], limits: &Limits) -> Result<Vec<Finding>, ScanError> {
        self.scan(kind, body, limits).map(|scanned| scanned.findings)
    }

    /// Scans a body like [`Scanner::body`] and says as well what must not be edited.
    pub fn scan(&self, kind: BodyKind, body: &[u8], limits: &Limits) -> Result<Scanned, ScanError> {
        if body.len() > limits.max_bytes {
            return Err(ScanError::TooLarge { bytes: body.len(), limit: limits.max_bytes });
        }
        let mut nesting = Nesting { max_depth: limits.max_depth, max_decoded: limits.max_decoded, decoded: 0 };
        let readings = readings(kind, body, &mut nesting)?;
        let mut pass = Pass { pack: &self.pack, nesting, open: false, settled: 0, resume: true };
        let (mut candidates, mut numbers) = (Vec::new(), Vec::new());
        for reading in &readings {
            candidates.extend(pass.shadow(&reading.text, 0)?.candidates);
            let found = without_public(pass.numbers(&reading.numbers));
            numbers.extend(found.iter().map(|candidate| candidate.start..candidate.end));
            candidates.extend(found);
        }
        Ok(Scanned { findings: self.findings(candidates, 0), numbers })
    }

    /// Scans text that arrives in pieces.
    pub fn stream(&self) -> Stream {
        Stream::new(self.clone())
    }

    /// One finding for each value; `base` is the place of the candidates' first byte.
    pub(crate) fn findings(&self, candidates: Vec<Candidate>, base: usize) -> Vec<Finding> {
        let finding = |candidate: Candidate| {
            let rule = self.pack.rule(candidate.rule);
            Finding {
                rule: rule.id.clone(),
                kind: rule.kind.clone(),
                kb: rule.kb,
                start: base + candidate.start,
                end: base + candidate.end,
                confidence: candidate.confidence,
                action: rule.action,
                why: candidate.why.words(),
            }
        };
        resolve(&self.pack, without_public(candidates)).into_iter().map(finding).collect()
    }
}

/// The shadows of a body of some kind: one, or two where it looks like UTF-16. That is a guess from its first bytes, and
/// what a guess got wrong must not go unread.
fn readings(kind: BodyKind, body: &[u8], nesting: &mut Nesting) -> Result<Vec<Reading>, ScanError> {
    let (charset, start) = charset(body);
    if charset == Charset::Utf8 {
        return Ok(vec![structure(kind, Source::origin(body), start, nesting)?]);
    }
    let decoded = utf16(body, start, charset);
    let wide = Source { bytes: &decoded.text, map: Some(&decoded.map) };
    Ok(vec![structure(kind, wide, 0, nesting)?, structure(kind, Source::origin(body), 0, nesting)?])
}

fn structure(kind: BodyKind, source: Source<'_>, start: usize, nesting: &mut Nesting) -> Result<Reading, ScanError> {
    let text = Shadow::with_capacity(source.bytes.len() + source.bytes.len() / 8);
    let mut reading = Reading { text, numbers: Shadow::default() };
    let all = start..source.bytes.len();
    match kind {
        BodyKind::Json if json(source, all.clone(), 0, nesting, &mut reading)? => {}
        BodyKind::Ndjson => ndjson(source, nesting, &mut reading)?,
        BodyKind::Form => form(source, &mut reading.text),
        BodyKind::Json | BodyKind::Text => reading.text.push(source, all),
    }
    Ok(reading)
}

impl Pass<'_> {
    /// All candidates of a shadow and of what it spells with percent escapes, in places of the body it was made from.
    pub(crate) fn shadow(&mut self, shadow: &Shadow, level: usize) -> Result<Sweep, ScanError> {
        let mut sweep = self.view(shadow, level)?;
        if let Some(decoded) = shadow.percent_decoded() {
            self.nesting.spend(decoded.text.len())?;
            let decoded = self.view(&decoded, level)?;
            sweep.live_from = sweep.live_from.min(decoded.live_from);
            sweep.candidates.extend(decoded.candidates);
        }
        Ok(sweep)
    }

    fn view(&mut self, shadow: &Shadow, level: usize) -> Result<Sweep, ScanError> {
        let mut sweep = Engine::sweep(self.pack, shadow, self.open);
        sweep.live_from = shadow.map.start_of(sweep.live_from);
        sweep.candidates.retain_mut(|candidate| locate(shadow, candidate));
        if level < MAX_LEVELS {
            self.encoded_runs(shadow, level, &mut sweep)?;
        }
        Ok(sweep)
    }

    /// The candidates among the numbers of JSON that their own keys name.
    fn numbers(&self, shadow: &Shadow) -> Vec<Candidate> {
        let mut candidates = Engine::sweep(self.pack, shadow, false).candidates;
        let line = |candidate: &Candidate| {
            let start = shadow.text[..candidate.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            &shadow.text[start..candidate.end]
        };
        candidates.retain_mut(|candidate| {
            self.pack.rule(candidate.rule).is_named(line(candidate)) && locate(shadow, candidate)
        });
        candidates
    }

    /// Looks into base64 and hexadecimal; what is found there has the span of the whole run.
    fn encoded_runs(&mut self, shadow: &Shadow, level: usize, sweep: &mut Sweep) -> Result<(), ScanError> {
        let text = &shadow.text;
        for run in runs(text, shadow.map.derived(self.settled), self.resume) {
            let Some(origin) = shadow.map.origin(run.range.start, run.range.end) else { continue };
            if self.open && run.range.end == text.len() {
                sweep.live_from = sweep.live_from.min(origin.start);
                continue;
            }
            let Some(decoded) = run.decode(text) else { continue };
            self.nesting.spend(decoded.len())?;
            let inner = readings(BodyKind::Text, &decoded, &mut self.nesting)?;
            let mut pass = Pass { pack: self.pack, nesting: self.nesting, open: false, settled: 0, resume: true };
            let mut found = Vec::new();
            for reading in &inner {
                found.extend(pass.shadow(&reading.text, level + 1)?.candidates);
            }
            self.nesting = pass.nesting;
            let whole = |candidate: Candidate| {
                let why = candidate.why.with(Why::Encoded, true);
                Candidate { start: origin.start, end: origin.end, why, ..candidate }
            };
            sweep.candidates.extend(without_public(found).into_iter().map(whole));
        }
        Ok(())
    }
}

/// Turns a candidate's place in a shadow into that in the body, if it has one.
fn locate(shadow: &Shadow, candidate: &mut Candidate) -> bool {
    let origin = shadow.map.origin(candidate.start, candidate.end);
    if let Some(origin) = &origin {
        (candidate.start, candidate.end) = (origin.start, origin.end);
    }
    origin.is_some()
}

#[cfg(test)]
pub(crate) mod tests;
