//! Tokens as the provider counts them, read on the side of an answer that is already on its way.

use std::ops::ControlFlow;

use gate_core::Usage;

use crate::Dialect;
use crate::format::{self, UsageFields};

mod capture;
mod frames;
mod sse;
mod tally;

use capture::Capture;
use frames::Frames;
use sse::Lines;
use tally::Tally;

/// Bytes of text that are counted as one token where the provider counts none. OpenAI's rule of thumb for English is four
/// characters ("What are tokens and how to count them?", help.openai.com); in UTF-8 other scripts have more bytes a
/// character and more tokens as well.
const BYTES_PER_TOKEN: u64 = 4;

/// What is known of an answer's tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// As the provider counts them.
    pub counted: Option<Usage>,
    /// Bytes of text in it, where it was read.
    pub text_bytes: Option<u64>,
}

impl Reading {
    /// The tokens counted or, where there is no count, estimated from the text of the question and of the answer.
    pub fn usage(self, asked_bytes: Option<u64>) -> Option<Usage> {
        let estimated = || {
            let tokens = |bytes: u64| bytes.div_ceil(BYTES_PER_TOKEN);
            let (input, output) = (tokens(asked_bytes?), tokens(self.text_bytes?));
            Some(Usage { input, output, estimated: true, ..Usage::default() })
        };
        self.counted.or_else(estimated)
    }
}

/// Reads the usage of one answer, however its bytes are cut.
#[derive(Debug)]
pub struct UsageReader {
    fields: &'static UsageFields,
    framing: Framing,
    capture: Capture,
    tally: Tally,
    /// Of the messages before this one.
    before: Option<Usage>,
}

/// How JSON lies in the answer's bytes.
#[derive(Debug)]
enum Framing {
    /// Told by the first byte that is no blank, where the content type does not tell.
    Unknown,
    /// One value, or several in a row (JSON lines).
    Json,
    Sse(Lines),
    /// Amazon's event stream.
    Frames(Frames),
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
            Some("application/vnd.amazon.eventstream") => Framing::Frames(Frames::default()),
            Some(json) if json.ends_with("json") || json.ends_with("jsonl") => Framing::Json,
            Some(_) => Framing::Off,
        };
        let fields = &format::of(dialect).usage;
        let capture = Capture::new(fields.containers, fields.loose);
        Self { fields, framing, capture, tally: Tally::default(), before: None }
    }

    /// A reader for the messages of a WebSocket, each of which counts for itself.
    pub fn of_messages(dialect: Dialect) -> Self {
        Self::new(dialect, Some("application/json"))
    }

    /// A message is over.
    pub fn message_ends(&mut self) {
        let tally = std::mem::take(&mut self.tally);
        if let Some(usage) = tally.total(self.fields) {
            self.before = Some(self.before.unwrap_or_default().plus(usage));
        }
        self.capture.reset();
        self.framing = Framing::Json;
    }

    /// Shows the next bytes of the answer, content coding removed. Never fails; what it does not understand it skips.
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.framing, Framing::Unknown) {
            self.sniff(bytes);
        }
        let Self { fields, framing, capture, tally, .. } = self;
        let mut found = |object: &[u8]| tally.add(fields, object);
        match framing {
            Framing::Unknown | Framing::Off => {}
            Framing::Json => {
                if capture.push(bytes, &mut found) == ControlFlow::Break(()) {
                    *framing = Framing::Off;
                }
            }
            Framing::Sse(lines) => lines.push(bytes, capture, &mut found),
            Framing::Frames(frames) => {
                if frames.push(bytes, capture, &mut found) == ControlFlow::Break(()) {
                    *framing = Framing::Off;
                }
            }
        }
    }

    /// Whether a stream has said that it is over: a client that leaves now has all of it.
    pub fn has_ended(&self) -> bool {
        matches!(&self.framing, Framing::Sse(lines) if lines.has_ended())
    }

    /// What the answer told, and how much it said.
    pub fn finish(mut self) -> Reading {
        let text_bytes = (!matches!(self.framing, Framing::Unknown | Framing::Off)).then(|| self.capture.spoken());
        let counted = match (self.before.take(), self.tally.total(self.fields)) {
            (Some(before), Some(last)) => Some(before.plus(last)),
            (before, last) => before.or(last),
        };
        Reading { counted, text_bytes }
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
