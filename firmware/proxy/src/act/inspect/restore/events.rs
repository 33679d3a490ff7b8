//! Streamed answers, event by event: a placeholder may begin in one event's text and end in another's.
//!
//! What is held back of a text goes in front of its next piece. Where none comes, it goes out in an event made like the one
//! that it was taken from, with nothing else in it.

use std::ops::Range;

use gate_dialect::{Delta, read_event};

use super::flow::{Book, Flow};
use super::nest::Nest;

/// Longer events are not taken apart: what stands whole in them is put back, and nothing is joined.
const EVENT_MAX: usize = 256 * 1024;

/// In longer events nothing is held back: each text of which something is held keeps a copy of its event.
const SHELL_MAX: usize = 16 * 1024;

/// Texts of one answer that are followed at once.
const STREAMS: usize = 64;

/// How events follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events: lines up to an empty one.
    Sse,
    /// A line of JSON each.
    Lines,
    /// The elements of one JSON array.
    Array,
}

/// The events of one answer.
pub(super) struct Events {
    framing: Framing,
    /// What has come of the event that is not complete.
    buffer: Vec<u8>,
    /// How far it was looked through, and where its last line begins.
    looked: usize,
    line: usize,
    element: Element,
    streams: Vec<Stream>,
    /// The rest of a line or element that is too long to be kept.
    overlong: Option<Flow>,
    /// Nothing follows any text.
    is_over: bool,
}

/// Where in an element of an array we are.
#[derive(Clone, Copy, Debug, Default)]
struct Element {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// One text of the answer.
struct Stream {
    channel: u64,
    sort: u64,
    flow: Flow,
    /// The last event with all its texts empty, and where in it this one stands; only while something is held.
    shell: Vec<u8>,
    at: usize,
}

impl Events {
    pub(super) fn new(framing: Framing) -> Self {
        let (buffer, element, streams) = (Vec::new(), Element::default(), Vec::new());
        Self { framing, buffer, looked: 0, line: 0, element, streams, overlong: None, is_over: false }
    }

    /// Takes what comes next, and hands on what is complete.
    pub(super) fn push(&mut self, bytes: &[u8], book: &mut Book, out: &mut Vec<u8>) {
        let bytes = self.push_overlong(bytes, book, out);
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.extend_from_slice(bytes);
        let mut done = 0;
        while let Some(length) = self.next_end(&buffer[done..]) {
            let block = &buffer[done..done + length];
            done += length;
            self.block(block, book, out);
        }
        buffer.drain(..done);
        self.buffer = buffer;
        if self.buffer.len() > EVENT_MAX {
            self.flush(out, |_| false);
            self.overlong = Some(Flow::new(Nest::json()));
            let bytes = std::mem::take(&mut self.buffer);
            (self.looked, self.line) = (0, 0);
            if let Some(flow) = &mut self.overlong {
                flow.push(&bytes, book, out);
            }
        }
    }

    /// Hands on all that is left, at the end of the answer.
    pub(super) fn finish(&mut self, book: &mut Book, out: &mut Vec<u8>) {
        if let Some(mut flow) = self.overlong.take() {
            flow.release(out);
        }
        self.is_over = true;
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.block(&rest, book, out);
        }
        self.flush(out, |_| false);
    }

    /// Passes on the rest of what is too long; what follows it.
    fn push_overlong<'b>(&mut self, bytes: &'b [u8], book: &mut Book, out: &mut Vec<u8>) -> &'b [u8] {
        let Some(mut flow) = self.overlong.take() else { return bytes };
        let end = match self.framing {
            Framing::Sse | Framing::Lines => memchr::memchr(b'\n', bytes).map(|found| found + 1),
            Framing::Array => self.element.end(bytes),
        };
        let (rest, next) = bytes.split_at(end.unwrap_or(bytes.len()));
        flow.push(rest, book, out);
        if end.is_some() {
            flow.release(out);
        } else {
            self.overlong = Some(flow);
        }
        next
    }

    /// How long the first event of some bytes is, once all of it is there.
    fn next_end(&mut self, pending: &[u8]) -> Option<usize> {
        let end = match self.framing {
            Framing::Sse => self.block_end(pending),
            Framing::Lines => memchr::memchr(b'\n', &pending[self.looked..]).map(|found| self.looked + found + 1),
            Framing::Array if self.looked == 0 && pending.first().is_some_and(|first| *first != b'{') => {
                Some(memchr::memchr(b'{', pending).unwrap_or(pending.len()))
            }
            Framing::Array => self.element.end(&pending[self.looked..]).map(|length| self.looked + length),
        };
        (self.looked, self.line) = if end.is_some() { (0, 0) } else { (pending.len(), self.line) };
        end
    }

    fn block_end(&mut self, pending: &[u8]) -> Option<usize> {
        while let Some(found) = memchr::memchr(b'\n', &pending[self.looked..]) {
            let line = &pending[self.line..self.looked + found];
            self.looked += found + 1;
            self.line = self.looked;
            if matches!(line, b"" | b"\r") {
                return Some(self.looked);
            }
        }
        None
    }

    /// Takes one whole event, or what stands between two elements.
    fn block(&mut self, block: &[u8], book: &mut Book, out: &mut Vec<u8>) {
        match self.framing {
            Framing::Lines => self.event(block, 0..block.len(), book, out),
            Framing::Array if block.starts_with(b"{") => self.event(block, 0..block.len(), book, out),
            Framing::Array => {
                if block.contains(&b']') {
                    self.is_over = true;
                    self.flush(out, |_| false);
                }
                out.extend_from_slice(block);
            }
            Framing::Sse => {
                let mut data = data_lines(block);
                match (data.next(), data.next()) {
                    (Some(data), None) => self.event(block, data, book, out),
                    (None, _) => out.extend_from_slice(block),
                    (Some(_), Some(_)) => self.whole(block, book, out),
                }
            }
        }
    }

    /// Takes an event whose JSON stands at `data`.
    fn event(&mut self, block: &[u8], data: Range<usize>, book: &mut Book, out: &mut Vec<u8>) {
        let json = &block[data.clone()];
        if json.trim_ascii().is_empty() {
            return out.extend_from_slice(block);
        }
        if !json.trim_ascii_start().starts_with(b"{") {
            return self.whole(block, book, out);
        }
        let event = read_event(json);
        if event.is_idle {
            return out.extend_from_slice(block);
        }
        let is_last = event.is_last || self.is_over || block.len() > SHELL_MAX || event.deltas.len() > STREAMS;
        if self.streams.len() + event.deltas.len() > STREAMS {
            // Too many texts at once: of some a placeholder is lost, and no letter.
            self.flush(out, |_| false);
            self.streams.clear();
        }
        self.flush(out, |stream| event.deltas.iter().any(|delta| delta.sort == stream.sort));
        let mut shell = block[..data.start].to_vec();
        let mut around = Flow::new(Nest::json());
        let mut done = 0;
        let mut gap = |to: usize, done: &mut usize, book: &mut Book, shell: &mut Vec<u8>, out: &mut Vec<u8>| {
            let before = out.len();
            around.push(&json[*done..to], book, out);
            shell.extend_from_slice(&out[before..]);
            *done = to;
        };
        out.extend_from_slice(&shell);
        for Delta { text, channel, sort } in &event.deltas {
            gap(text.start, &mut done, book, &mut shell, out);
            let stream = self.stream(*channel, *sort);
            stream.at = shell.len();
            stream.flow.nest.enter_string();
            stream.flow.push(&json[text.clone()], book, out);
            if is_last {
                stream.flow.release(out);
            }
            done = text.end;
        }
        gap(json.len(), &mut done, book, &mut shell, out);
        let rest = &block[data.end..];
        let before = out.len();
        around.release(out);
        out.extend_from_slice(rest);
        shell.extend_from_slice(&out[before..]);
        for stream in self.streams.iter_mut().filter(|stream| !stream.flow.held().is_empty()) {
            if event.deltas.iter().any(|delta| delta.channel == stream.channel) {
                stream.shell.clone_from(&shell);
            }
        }
    }

    /// Takes something that no text of another event goes on in.
    fn whole(&mut self, block: &[u8], book: &mut Book, out: &mut Vec<u8>) {
        self.flush(out, |_| false);
        let mut flow = Flow::new(Nest::json());
        flow.push(block, book, out);
        flow.release(out);
    }

    /// The text of a channel.
    fn stream(&mut self, channel: u64, sort: u64) -> &mut Stream {
        let known = self.streams.iter().position(|stream| stream.channel == channel);
        let at = known.unwrap_or_else(|| {
            let (shell, flow) = (Vec::new(), Flow::new(Nest::default()));
            self.streams.push(Stream { channel, sort, flow, shell, at: 0 });
            self.streams.len() - 1
        });
        &mut self.streams[at]
    }

    /// Lets out what is held of all texts but those that are kept, each in an event of its own.
    fn flush(&mut self, out: &mut Vec<u8>, keep: impl Fn(&Stream) -> bool) {
        let (framing, is_over) = (self.framing, self.is_over);
        for stream in self.streams.iter_mut().filter(|stream| !stream.flow.held().is_empty() && !keep(stream)) {
            let shell = std::mem::take(&mut stream.shell);
            let (before, after) = shell.split_at(stream.at);
            // Elements already have a comma behind them where one more follows.
            out.extend_from_slice(if framing == Framing::Array && is_over { b"," } else { b"" });
            out.extend_from_slice(before);
            stream.flow.release(out);
            out.extend_from_slice(after);
            out.extend_from_slice(if framing == Framing::Array && !is_over { b"," } else { b"" });
        }
    }
}

impl Element {
    /// How many of these bytes belong to the element, if it ends in them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

/// Where the data lines of a server-sent event have their data.
fn data_lines(block: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    block.split_inclusive(|byte| *byte == b'\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let data = line.strip_prefix(b"data:")?.trim_ascii_end();
        Some(start + b"data:".len()..start + b"data:".len() + data.len())
    })
}

#[cfg(test)]
mod tests;
