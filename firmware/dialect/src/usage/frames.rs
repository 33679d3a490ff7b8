//! Amazon's event stream: frames of binary headers and a payload of JSON ("Event stream encoding" in the reference of Amazon
//! Transcribe, which describes it for all services). Bedrock's Converse says things in the JSON itself, its streamed
//! invocations put the model's own JSON into it, in base64.
//!
//! ```text
//!   total length 4 │ length of headers 4 │ CRC 4 │ headers │ payload │ CRC 4        numbers big-endian
//! ```
//!
//! The checksums are the client's business: nothing here changes what it gets.

use std::ops::ControlFlow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::capture::Capture;

/// Lengths and their checksum.
const PRELUDE: usize = 12;

/// The checksum at the end.
const SUM: usize = 4;

/// Longer payloads than those that count tokens are not kept: one holds a piece of text, or the counts.
pub(super) const PAYLOAD_CAP: usize = 64 * 1024;

/// What no frame exceeds (16 MiB and its headers); what claims more is none.
const FRAME_CAP: usize = 24 * 1024 * 1024;

/// Where in a stream of frames we are.
#[derive(Debug, Default)]
pub(super) struct Frames {
    prelude: Vec<u8>,
    /// Bytes of headers, payload and checksum that are still to come.
    headers: usize,
    payload: usize,
    sum: usize,
    kept: Vec<u8>,
    /// The payload is longer than is kept.
    skips: bool,
}

impl Frames {
    /// Hands what these bytes say to `capture`. Breaks where they are no frames.
    pub(super) fn push(
        &mut self,
        mut bytes: &[u8],
        capture: &mut Capture,
        found: &mut dyn FnMut(&[u8]),
    ) -> ControlFlow<()> {
        while !bytes.is_empty() {
            if self.prelude.len() < PRELUDE {
                let (head, rest) = bytes.split_at(bytes.len().min(PRELUDE - self.prelude.len()));
                self.prelude.extend_from_slice(head);
                bytes = rest;
                if self.prelude.len() == PRELUDE {
                    self.begin()?;
                }
                continue;
            }
            bytes = &bytes[take(&mut self.headers, bytes)..];
            let payload = take(&mut self.payload, bytes);
            if !self.skips {
                self.kept.extend_from_slice(&bytes[..payload]);
            }
            bytes = &bytes[payload..];
            bytes = &bytes[take(&mut self.sum, bytes)..];
            if self.headers + self.payload + self.sum == 0 {
                read(&self.kept, capture, found);
                self.kept.clear();
                self.prelude.clear();
            }
        }
        ControlFlow::Continue(())
    }

    fn begin(&mut self) -> ControlFlow<()> {
        let number = |at: usize| self.prelude[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (total, headers) = (number(0), number(4));
        let payload = total.checked_sub(PRELUDE + SUM).and_then(|rest| rest.checked_sub(headers));
        let Some(payload) = payload.filter(|_| total <= FRAME_CAP) else { return ControlFlow::Break(()) };
        (self.headers, self.payload, self.sum) = (headers, payload, SUM);
        self.skips = payload > PAYLOAD_CAP;
        ControlFlow::Continue(())
    }
}

/// How many of these bytes are among those that are to come.
fn take(left: &mut usize, bytes: &[u8]) -> usize {
    let taken = bytes.len().min(*left);
    *left -= taken;
    taken
}

fn read(payload: &[u8], capture: &mut Capture, found: &mut dyn FnMut(&[u8])) {
    capture.reset();
    let within = serde_json::from_slice::<Map<String, Value>>(payload).ok();
    let within = within.as_ref().and_then(|object| object.get("bytes")?.as_str());
    // What is no JSON says nothing; the next frame may.
    let _ = match within.map(|text| STANDARD.decode(text)) {
        Some(Ok(json)) => capture.push(&json, found),
        Some(Err(_)) => ControlFlow::Break(()),
        None => capture.push(payload, found),
    };
    capture.reset();
}
