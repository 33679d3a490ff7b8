//! Events made for what was held back of a text and is not gone on with.

use std::ops::Range;

use super::Framing;

/// Longest name of an event with its line, in bytes; where it is longer nothing is held back.
const NAME_MAX: usize = 256;

/// An event with an empty place for one text.
#[derive(Debug, Default)]
pub(super) struct Shell {
    pub(super) before: Vec<u8>,
    pub(super) after: Vec<u8>,
}

impl Shell {
    /// For what is held of a text in an event; `None` where there can be none.
    pub(super) fn of(framing: Framing, block: &[u8], json: &[u8], text: &Range<usize>) -> Option<Self> {
        let (inside, mut after) = gate_dialect::shell(json, text)?;
        let mut before = Vec::new();
        match framing {
            Framing::Sse => {
                // Clients choose by the event's name what to do with it; its identifier is its own.
                before = lines(block).filter(|line| line.starts_with(b"event:")).collect::<Vec<_>>().concat();
                let end: &[u8] = if block.ends_with(b"\r\n") {
                    b"\r\n\r\n"
                } else if block.ends_with(b"\r") {
                    b"\r\r"
                } else {
                    b"\n\n"
                };
                before.extend_from_slice(b"data: ");
                after.extend_from_slice(end);
            }
            Framing::Lines => after.push(b'\n'),
            Framing::Array => {}
        }
        let fits = before.len() <= NAME_MAX;
        before.extend_from_slice(&inside);
        fits.then_some(Self { before, after })
    }
}

/// Lines with their ends: line feed, carriage return, or both.
fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = block;
    std::iter::from_fn(move || {
        let end = match memchr::memchr2(b'\n', b'\r', rest) {
            Some(at) => at + if rest[at..].starts_with(b"\r\n") { 2 } else { 1 },
            None => rest.len(),
        };
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// Where the data lines of a server-sent event have their data.
pub(super) fn data_lines(block: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    lines(block).filter_map(move |line| {
        let start = at;
        at += line.len();
        let data = line.strip_prefix(b"data:")?.trim_ascii_end();
        Some(start + b"data:".len()..start + b"data:".len() + data.len())
    })
}
