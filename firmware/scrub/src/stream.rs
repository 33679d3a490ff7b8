//! Text that arrives in pieces.

use std::ops::Range;

use gate_core::Finding;

use crate::accept::{Limits, ScanError};
use crate::decide::{Candidate, LOOKBEHIND, Sweep, Work};
use crate::lanes::Marks;
use crate::parse::{Layer, Nesting, Shadow, Source, whole_units};
use crate::scan::{MAX_LEVELS, Pass, Scanner};

/// Most bytes that are held back for a candidate that is still growing. A private key is the longest match of a rule;
/// longer than this only encoded runs grow, and those are then read in parts.
const MAX_HELD: usize = 64 << 10;

/// Bytes that are taken from a chunk at a time, so that the buffer is bounded whatever the chunks are.
const MAX_STEP: usize = 16 << 10;

/// Longest line by which an encoded run is broken.
const MAX_LINE: usize = 256;

/// New bytes that are worth another look: fewer would scan the same bytes again and again.
const MIN_STEP: usize = 64;

/// Scans text that arrives in chunks. **Invariant:** the findings are the same however the text is cut.
///
/// Text is *settled* up to a place that no candidate reaches across and that no further byte can change; only what lies
/// behind that place is held, with a little context before it.
#[derive(Debug)]
pub struct Stream {
    scanner: Scanner,
    buffer: Vec<u8>,
    /// Place in the stream of the buffer's first byte.
    base: usize,
    /// First byte of the buffer that is not settled.
    settled: usize,
    /// Length of the buffer at which to look again.
    next_look: usize,
    /// Whether the held text was cut inside of an encoded run.
    resume: bool,
}

impl Stream {
    pub(crate) fn new(scanner: Scanner) -> Self {
        Self { scanner, buffer: Vec::new(), base: 0, settled: 0, next_look: 0, resume: true }
    }

    /// Takes more text and returns what is certain by now, in order of place; offsets count from the stream's start.
    ///
    /// # Errors
    ///
    /// When what is held unfolds past the default [`Limits`]: the text was not read whole, nor will what follows.
    pub fn push(&mut self, chunk: &[u8]) -> Result<Vec<Finding>, ScanError> {
        let mut findings = Vec::new();
        for part in chunk.chunks(MAX_STEP) {
            self.buffer.extend_from_slice(part);
            while self.buffer.len() >= self.next_look {
                self.look(&mut findings)?;
            }
        }
        Ok(findings)
    }

    /// Ends the text and returns the remaining findings.
    ///
    /// # Errors
    ///
    /// As [`Stream::push`].
    pub fn finish(mut self) -> Result<Vec<Finding>, ScanError> {
        let mut findings = Vec::new();
        let end = self.buffer.len();
        self.close(end, &mut findings)?;
        Ok(findings)
    }

    /// Bytes in memory that wait for more.
    pub fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Settles as much as can be.
    fn look(&mut self, findings: &mut Vec<Finding>) -> Result<(), ScanError> {
        let end = self.buffer.len().min(self.settled + MAX_HELD);
        let full = end == self.settled + MAX_HELD;
        let whole = whole_units(&self.buffer[..end]).max(self.settled);
        let Sweep { candidates, live_from, whole } = self.candidates(whole, true)?;
        let place = settle(&candidates, &whole, live_from);
        if place > self.settled {
            let certain = candidates.into_iter().filter(|candidate| candidate.end <= place).collect();
            findings.extend(self.scanner.findings(certain, self.base));
            self.settle_at(place, false)?;
        } else if full {
            self.close(self.cut(end), findings)?;
        }
        let waiting = self.buffer.len() - self.settled;
        let soon = (self.buffer.len() + MIN_STEP.max(waiting / 4)).min(self.settled + MAX_HELD);
        self.next_look = if waiting >= MAX_HELD { 0 } else { soon };
        Ok(())
    }

    /// Where to read what is too long to be held in parts: an encoded run that has lines is cut between two of them.
    fn cut(&self, end: usize) -> usize {
        let last = self.buffer[end - MAX_LINE..end].iter().rposition(|byte| *byte == b'\n');
        last.map_or(end, |at| end - MAX_LINE + at + 1)
    }

    /// Settles everything before `end` as if the text ended there.
    fn close(&mut self, end: usize, findings: &mut Vec<Finding>) -> Result<(), ScanError> {
        let sweep = self.candidates(end, false)?;
        findings.extend(self.scanner.findings(sweep.candidates, self.base));
        self.settle_at(end, true)
    }

    /// What the buffer up to `end` comes to, with the candidates that are not settled.
    fn candidates(&mut self, end: usize, open: bool) -> Result<Sweep, ScanError> {
        let shadow = Shadow::of(Source::origin(&self.buffer[..end]));
        let split = if self.resume { shadow.map.derived(self.settled) } else { 0 };
        let mut pass = Pass {
            pack: self.scanner.pack(),
            nesting: nesting(),
            work: Work::unlimited(),
            base: self.base,
            open,
            split,
        };
        let mut sweep = pass.shadow(&shadow)?;
        sweep.candidates.retain(|candidate| candidate.start >= self.settled);
        Ok(sweep)
    }

    /// Forgets what lies more than a little before `place`.
    fn settle_at(&mut self, place: usize, resume: bool) -> Result<(), ScanError> {
        let keep = self.lookbehind(place)?.max(place.saturating_sub(MAX_HELD));
        self.buffer.drain(..keep);
        self.base += keep;
        self.settled = place - keep;
        self.resume = resume;
        Ok(())
    }

    /// Where the text begins that has a part in judging what stands at `place`, however deep it is encoded.
    fn lookbehind(&self, place: usize) -> Result<usize, ScanError> {
        let back = |view: &Shadow| view.map.start_of(view.text.len().saturating_sub(LOOKBEHIND));
        let shadow = Shadow::of(Source::origin(&self.buffer[..place]));
        let mut keep = back(&shadow);
        let split = if self.resume { shadow.map.derived(self.settled) } else { 0 };
        let mut marks = self.marks(&shadow);
        let mut layer = Layer { shadow: &shadow, marks: &marks, fresh: None, open: false, split };
        let (mut nesting, mut last) = (nesting(), None);
        for _ in 0..MAX_LEVELS {
            let Some(unfolded) = layer.unfold(&mut nesting)?.0 else { break };
            let last = last.insert(unfolded);
            keep = keep.min(back(&last.shadow));
            marks = self.marks(&last.shadow);
            layer = Layer { shadow: &last.shadow, marks: &marks, fresh: Some(&last.fresh), open: false, split: 0 };
        }
        Ok(keep)
    }

    fn marks(&self, shadow: &Shadow) -> Marks {
        Marks::of(&shadow.text, self.scanner.pack().anchors().wanted())
    }
}

/// What text that is held may unfold to.
fn nesting() -> Nesting {
    let Limits { max_depth, max_decoded, .. } = Limits::default();
    Nesting { max_depth, max_decoded, decoded: 0 }
}

/// The last place up to `live_from` that no candidate and nothing that is read as one reaches across.
fn settle(candidates: &[Candidate], whole: &[Range<usize>], live_from: usize) -> usize {
    let mut place = live_from;
    let spans =
        || candidates.iter().map(|c| (c.start, c.end)).chain(whole.iter().map(|range| (range.start, range.end)));
    while let Some(across) = spans().filter(|(start, end)| *start < place && place < *end).map(|span| span.0).min() {
        place = across;
    }
    place
}

#[cfg(test)]
mod tests;
