//! Tokens as the provider counts them, read on the side of an answer that is already on its way.

use std::ops::ControlFlow;

use gate_core::Usage;

use crate::Dialect;
use crate::format::{self, UsageFields};

mod capture;
mod sse;
mod tally;

use capture::Capture;
use sse::Lines;
use tally::Tally;

/// Reads the usage of one answer, however its bytes are cut.
#[derive(Debug)]
pub struct UsageReader {
    fields: &'static UsageFields,
    framing: Framing,
    capture: Capture,
    tally: Tally,
}

/// How JSON lies in the answer's bytes.
#[derive(Debug)]
enum Framing {
    /// Told by the first byte that is no blank, where the content type does not tell.
    Unknown,
    /// One value, or several in a row (JSON lines).
    Json,
    Sse(Lines),
    /// Nothing we read, or no longer.
    Off,
}

impl UsageReader {
    /// A reader for an answer with this `Content-Type`.
    pub fn new(dialect: Dialect, content_type: Option<&str>) -> Self {
        let essence = content_type.map(|value| value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
        let framing = match essence.as_deref() {
            None | Some("" | "text/plain") => Framing::Unknown,
            Some("text/event-stream") => Framing::Sse(Lines::default()),
            Some(json) if json.ends_with("json") || json.ends_with("jsonl") => Framing::Json,
            Some(_) => Framing::Off,
        };
        let fields = &format::of(dialect).usage;
        Self { fields, framing, capture: Capture::new(fields.containers), tally: Tally::default() }
    }

    /// Shows the next bytes of the answer, content coding removed. Never fails; what it does not understand it skips.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.framing, Framing::Unknown) {
            self.sniff(bytes);
        }
        let Self { fields, framing, capture, tally } = self;
        let mut found = |object: &[u8]| tally.add(fields, object);
        match framing {
            Framing::Unknown | Framing::Off => {}
            Framing::Json => {
                if capture.push(bytes, &mut found) == ControlFlow::Break(()) {
                    *framing = Framing::Off;
                }
            }
            Framing::Sse(lines) => lines.push(bytes, capture, &mut found),
        }
    }

    /// Whether a stream has said that it is over: a client that leaves now has all of it.
    pub fn has_ended(&self) -> bool {
        matches!(&self.framing, Framing::Sse(lines) if lines.has_ended())
    }

    /// The tokens, or `None` where the answer told none.
    pub fn finish(self) -> Option<Usage> {
        self.tally.total(self.fields)
    }

    fn sniff(&mut self, bytes: &[u8]) {
        match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
            None => {}
            Some(b'{' | b'[') => self.framing = Framing::Json,
            Some(_) => self.framing = Framing::Sse(Lines::default()),
        }
    }
}

#[cfg(test)]
mod tests;
