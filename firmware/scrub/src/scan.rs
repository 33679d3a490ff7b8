//! The corridor of one scan, from a body to its findings.

use std::ops::Range;
use std::sync::Arc;

use gate_core::{Finding, Why};

use crate::accept::{BodyKind, Limits, ScanError};
use crate::decide::{Candidate, Engine, LOOKAHEAD, Sweep, Work, is_near, resolve, without_public};
use crate::lanes::Marks;
use crate::pack::Pack;
use crate::parse::{Layer, Nesting, Opaque, Shadow, Unfolded, readings};
use crate::stream::Stream;

/// How often an encoding may lie inside another one.
pub(crate) const MAX_LEVELS: usize = 3;

/// Steps of beginning to read a hidden text, however short it is.
const HIDDEN_COST: usize = 1024;

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
    /// Parts of a multipart body that are no text, in order: no edit fits there, and what they hold was not understood.
    pub opaque: Vec<Opaque>,
    /// Parts that are text of a stated length or digest, which an edit would make wrong.
    pub bound: Vec<Range<usize>>,
}

/// One look at one shadow and everything that unfolds from it.
pub(crate) struct Pass<'a> {
    pub(crate) pack: &'a Pack,
    pub(crate) nesting: Nesting,
    pub(crate) work: Work,
    /// Place in the body or stream of the shadow's origin.
    pub(crate) base: usize,
    /// Whether the shadow may go on.
    pub(crate) open: bool,
    /// Where an encoded run that goes on is read as two, as a place of the shadow.
    pub(crate) split: usize,
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
        let work = Work::of(body.len(), limits);
        let mut pass = Pass { pack: &self.pack, nesting, work, base: 0, open: false, split: 0 };
        let (mut candidates, mut scanned) = (Vec::new(), Scanned::default());
        for reading in readings {
            candidates.extend(pass.shadow(&reading.text)?.candidates);
            let found = without_public(pass.numbers(&reading.numbers)?);
            scanned.numbers.extend(found.iter().map(|candidate| candidate.start..candidate.end));
            candidates.extend(found);
            scanned.opaque.extend(reading.opaque);
            scanned.bound.extend(reading.bound);
        }
        Ok(Scanned { findings: self.findings(candidates, 0), ..scanned })
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

impl Pass<'_> {
    /// All candidates of a shadow and of what unfolds from it, in places of the body it was made from.
    pub(crate) fn shadow(&mut self, shadow: &Shadow) -> Result<Sweep, ScanError> {
        let mut marks = self.marks(shadow);
        let mut sweep = self.sweep(shadow, &marks, None, self.open)?;
        sweep.live_from = shadow.map.start_of(sweep.live_from);
        sweep.candidates.retain_mut(|candidate| locate(shadow, candidate));
        self.hidden(shadow, self.open, &mut sweep)?;
        let mut layer = Layer { shadow, marks: &marks, fresh: None, open: self.open, split: self.split };
        let mut last;
        for _ in 0..MAX_LEVELS {
            let (unfolded, live_from) = layer.unfold(&mut self.nesting)?;
            let live_from = layer.shadow.map.start_of(live_from.saturating_sub(LOOKAHEAD));
            sweep.live_from = sweep.live_from.min(live_from);
            let Some(unfolded) = unfolded else { break };
            marks = self.unfolded(&unfolded, &mut sweep)?;
            self.hidden(&unfolded.shadow, unfolded.open, &mut sweep)?;
            last = unfolded;
            layer = Layer { shadow: &last.shadow, marks: &marks, fresh: Some(&last.fresh), open: last.open, split: 0 };
        }
        Ok(sweep)
    }

    /// Adds what is found at and near the fresh parts of a text; the rest of it has been read before. Returns its marks.
    fn unfolded(&mut self, unfolded: &Unfolded, sweep: &mut Sweep) -> Result<Marks, ScanError> {
        let Unfolded { shadow, fresh, open } = unfolded;
        let marks = self.marks(shadow);
        let inner = self.sweep(shadow, &marks, Some(fresh), *open)?;
        if *open {
            sweep.live_from = sweep.live_from.min(shadow.map.start_of(inner.live_from));
        }
        let encoded = |mut candidate: Candidate| {
            candidate.why = candidate.why.with(Why::Encoded, true);
            let near = is_near(fresh, &(candidate.start..candidate.end));
            (near && locate(shadow, &mut candidate)).then_some(candidate)
        };
        // Told apart here: all of a run has one place in the body.
        sweep.candidates.extend(without_public(inner.candidates).into_iter().filter_map(encoded));
        Ok(marks)
    }

    /// Adds what is found in the texts that invisible characters of a shadow spell: each is read by itself, as a whole, once
    /// it has ended.
    fn hidden(&mut self, shadow: &Shadow, open: bool, sweep: &mut Sweep) -> Result<(), ScanError> {
        for (hidden, grows) in shadow.hidden(open) {
            let Some(place) = hidden.map.origin(0, hidden.text.len()) else { continue };
            if grows {
                sweep.live_from = sweep.live_from.min(place.start);
                continue;
            }
            self.work.spend(HIDDEN_COST);
            let found = self.alone(hidden)?;
            sweep.whole.push(place);
            sweep.candidates.extend(without_public(found.candidates).into_iter().map(|mut candidate| {
                candidate.why = candidate.why.with(Why::Encoded, true);
                candidate
            }));
        }
        Ok(())
    }

    /// What a shadow comes to that has no part in the text around it, and nothing hidden in it.
    fn alone(&mut self, shadow: &Shadow) -> Result<Sweep, ScanError> {
        let (open, split) = (std::mem::take(&mut self.open), std::mem::take(&mut self.split));
        let sweep = self.shadow(shadow);
        (self.open, self.split) = (open, split);
        sweep
    }

    fn marks(&self, shadow: &Shadow) -> Marks {
        Marks::of(&shadow.text, self.pack.anchors().wanted())
    }

    fn sweep(
        &mut self,
        shadow: &Shadow,
        marks: &Marks,
        fresh: Option<&[Range<usize>]>,
        open: bool,
    ) -> Result<Sweep, ScanError> {
        let sweep = Engine::sweep(self.pack, (shadow, marks), fresh, self.base, open, &mut self.work);
        self.work.check().map(|()| sweep)
    }

    /// The candidates among the numbers of JSON that their own keys name.
    fn numbers(&mut self, shadow: &Shadow) -> Result<Vec<Candidate>, ScanError> {
        let mut candidates = self.sweep(shadow, &self.marks(shadow), None, false)?.candidates;
        let line = |candidate: &Candidate| {
            let start = shadow.text[..candidate.start].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            &shadow.text[start..candidate.end]
        };
        candidates.retain_mut(|candidate| {
            self.pack.rule(candidate.rule).is_named(line(candidate)) && locate(shadow, candidate)
        });
        Ok(candidates)
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
mod bodies;
#[cfg(test)]
mod carriers;
#[cfg(test)]
pub(crate) mod evasions;
#[cfg(test)]
mod hidden;
#[cfg(test)]
pub(crate) mod tests;
