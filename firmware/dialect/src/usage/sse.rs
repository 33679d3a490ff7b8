//! Server-sent events: which bytes are data (WHATWG HTML, section 9.2.6).

use std::ops::ControlFlow;

use super::capture::Capture;

const FIELD: &[u8] = b"data:";

/// Lines after which nothing follows that a client waits for: it may leave here without having broken anything off.
const LAST: [&[u8]; 6] = [
    b"data: [DONE]",
    b"data:[DONE]",
    b"event: message_stop",
    b"event: response.completed",
    b"event: response.incomplete",
    b"event: response.failed",
];

/// As much of a line as is needed to know one of [`LAST`].
const BEGINNING: usize = 32;

/// Where in a stream of events we are. No line is ever collected, so none can be too long.
#[derive(Debug, Default)]
pub(super) struct Lines {
    line: Line,
    /// The line before this byte ended in a carriage return: a line feed now belongs to it.
    after_return: bool,
    /// The event holds something we do not read; wait for the next one.
    skip_event: bool,
    beginning: [u8; BEGINNING],
    /// Bytes of this line, up to one more than fit.
    length: usize,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// This many bytes of `data:` have matched.
    Matching(usize),
    Data,
    Skipped,
}

impl Default for Line {
    fn default() -> Self {
        Self::Matching(0)
    }
}

impl Lines {
    /// Hands the data among these bytes to `capture`.
    pub(super) fn push(&mut self, mut bytes: &[u8], capture: &mut Capture, found: &mut dyn FnMut(&[u8])) {
        while let Some(&first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = memchr::memchr2(b'\n', b'\r', bytes);
            self.part(&bytes[..end.unwrap_or(bytes.len())], capture, found);
            let Some(end) = end else { return };
            self.line_ends(capture);
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
        }
    }

    /// Whether the stream has said that it is over.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    fn remember(&mut self, piece: &[u8]) {
        let kept = piece.len().min(BEGINNING - self.length.min(BEGINNING));
        self.beginning[self.length.min(BEGINNING)..][..kept].copy_from_slice(&piece[..kept]);
        self.length = (self.length + piece.len()).min(BEGINNING + 1);
    }

    /// A piece of one line.
    fn part(&mut self, mut bytes: &[u8], capture: &mut Capture, found: &mut dyn FnMut(&[u8])) {
        self.remember(bytes);
        while let (Line::Matching(matched), Some((byte, rest))) = (self.line, bytes.split_first()) {
            self.line = match FIELD.get(matched) {
                Some(expected) if expected != byte => Line::Skipped,
                Some(_) if matched + 1 == FIELD.len() => Line::Data,
                _ => Line::Matching(matched + 1),
            };
            bytes = rest;
        }
        if self.line == Line::Data && !self.skip_event && !bytes.is_empty() {
            self.skip_event = capture.push(bytes, found) == ControlFlow::Break(());
        }
    }

    fn line_ends(&mut self, capture: &mut Capture) {
        // An empty line ends the event.
        if self.line == Line::Matching(0) {
            self.skip_event = false;
            capture.reset();
        }
        self.ended |= self.beginning.get(..self.length).is_some_and(|line| LAST.contains(&line));
        self.length = 0;
        self.line = Line::default();
    }
}
