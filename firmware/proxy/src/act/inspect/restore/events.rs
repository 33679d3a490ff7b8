//! Streamed answers, event by event: a placeholder may begin in one event's text and end in another's.
//!
//! What is held back of a text goes in front of its next piece. Where none comes, it goes out in an event of its own, which
//! says where the text stands and nothing else.

use std::ops::Range;

use gate_dialect::{Delta, StreamEvent, read_event};

use self::shell::{Shell, data_lines};
use super::flow::{Book, Flow};
use super::nest::Nest;

mod shell;

/// Longer events are not taken apart: what stands whole in them is put back, and nothing is joined.
const EVENT_MAX: usize = 256 * 1024;

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
    /// Lines end in a carriage return alone.
    bare_cr: bool,
    /// The one that went on last comes last.
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
    owner: u64,
    flow: Flow,
    /// What an event needs around what is held.
    shell: Shell,
}

impl Events {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            buffer: Vec::new(),
            looked: 0,
            line: 0,
            element: Element::default(),
            bare_cr: false,
            streams: Vec::new(),
            overlong: None,
            is_over: false,
        }
    }

    /// Takes what comes next, and hands on what is complete.
    pub(super) fn push(&mut self, bytes: &[u8], book: &mut Book, out: &mut Vec<u8>) {
        let bytes = self.push_overlong(bytes, book, out);
        let joined = (!self.buffer.is_empty()).then(|| {
            let mut joined = std::mem::take(&mut self.buffer);
            joined.extend_from_slice(bytes);
            joined
        });
        let data = joined.as_deref().unwrap_or(bytes);
        let mut done = 0;
        while let Some(length) = self.next_end(&data[done..]) {
            let block = &data[done..done + length];
            done += length;
            self.block(block, book, out);
        }
        let rest = &data[done..];
        if rest.len() > EVENT_MAX || !book.afford(rest.len()) {
            self.flush(out, |_| false);
            let mut flow = Flow::new(Nest::json());
            flow.push(rest, book, out);
            self.overlong = Some(flow);
            (self.looked, self.line) = (0, 0);
            return;
        }
        self.buffer = if done == 0 { joined.unwrap_or_else(|| bytes.to_vec()) } else { data[done..].to_vec() };
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
            Framing::Sse if self.bare_cr => memchr::memchr2(b'\r', b'\n', bytes).map(|found| found + 1),
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
        if self.framing == Framing::Sse {
            return self.block_end(pending);
        }
        let end = match self.framing {
            Framing::Array if self.looked == 0 && pending.first().is_some_and(|first| *first != b'{') => {
                Some(memchr::memchr(b'{', pending).unwrap_or(pending.len()))
            }
            Framing::Array => self.element.end(&pending[self.looked..]).map(|length| self.looked + length),
            Framing::Sse | Framing::Lines => {
                memchr::memchr(b'\n', &pending[self.looked..]).map(|found| self.looked + found + 1)
            }
        };
        self.looked = if end.is_some() { 0 } else { pending.len() };
        end
    }

    /// The end of an event of lines, or of a comment that stands before the first field of one.
    fn block_end(&mut self, pending: &[u8]) -> Option<usize> {
        while let Some(found) = memchr::memchr2(b'\n', b'\r', &pending[self.looked..]) {
            let at = self.looked + found;
            let is_empty = at == self.line;
            let length = match (pending[at], pending.get(at + 1)) {
                (b'\r', Some(b'\n')) => 2,
                (b'\r', Some(_)) => {
                    self.bare_cr = true;
                    1
                }
                // A line feed may follow, which would be an event without a field.
                (b'\r', None) if !(is_empty && self.bare_cr) => {
                    self.looked = at;
                    return None;
                }
                _ => 1,
            };
            let is_comment = self.line == 0 && pending[0] == b':';
            self.looked = at + length;
            self.line = self.looked;
            if is_empty || is_comment {
                (self.looked, self.line) = (0, 0);
                return Some(at + length);
            }
        }
        self.looked = pending.len();
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
        if event.deltas.len() > STREAMS {
            return self.whole(block, book, out);
        }
        self.make_way(&event, out);
        let is_over = self.is_over;
        self.flush(out, |stream| stream.goes_on_after(&event, is_over));
        out.extend_from_slice(&block[..data.start]);
        let mut around = Flow::new(Nest::json());
        let mut done = 0;
        for delta in &event.deltas {
            around.push(&json[done..delta.text.start], book, out);
            let framing = self.framing;
            let stream = self.stream(delta);
            stream.flow.nest.enter_string();
            stream.flow.push(&json[delta.text.clone()], book, out);
            if !stream.flow.held().is_empty() {
                let shell = if event.is_last || is_over { None } else { Shell::of(framing, block, json, &delta.text) };
                match shell {
                    Some(shell) => stream.shell = shell,
                    None => stream.flow.release(out),
                }
            }
            done = delta.text.end;
        }
        around.push(&json[done..], book, out);
        around.release(out);
        out.extend_from_slice(&block[data.end..]);
    }

    /// Forgets texts where an event has more new ones than can be followed; of one that goes on a placeholder is lost, and
    /// no letter.
    fn make_way(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        let new = event.deltas.iter().filter(|delta| self.streams.iter().all(|stream| stream.channel != delta.channel));
        let mut excess = (self.streams.len() + new.count()).saturating_sub(STREAMS);
        for is_first in [true, false] {
            if excess == 0 {
                return;
            }
            if !is_first {
                self.flush(out, |stream| stream.is_in(event));
            }
            self.streams.retain(|stream| {
                let goes = excess > 0 && stream.flow.held().is_empty() && !stream.is_in(event);
                excess -= usize::from(goes);
                !goes
            });
        }
    }

    /// Takes something that no text of another event goes on in.
    fn whole(&mut self, block: &[u8], book: &mut Book, out: &mut Vec<u8>) {
        self.flush(out, |_| false);
        let mut flow = Flow::new(Nest::json());
        flow.push(block, book, out);
        flow.release(out);
    }

    /// The text that a piece belongs to.
    fn stream(&mut self, delta: &Delta) -> &mut Stream {
        let known = self.streams.iter().position(|stream| stream.channel == delta.channel);
        let stream = known.map(|at| self.streams.remove(at)).unwrap_or_else(|| Stream {
            channel: delta.channel,
            sort: delta.sort,
            owner: delta.owner,
            flow: Flow::new(Nest::default()),
            shell: Shell::default(),
        });
        self.streams.push(stream);
        let last = self.streams.len() - 1;
        &mut self.streams[last]
    }

    /// Lets out what is held of all texts but those that are kept, each in an event of its own.
    fn flush(&mut self, out: &mut Vec<u8>, keep: impl Fn(&Stream) -> bool) {
        let (framing, is_over) = (self.framing, self.is_over);
        for stream in self.streams.iter_mut().filter(|stream| !stream.flow.held().is_empty() && !keep(stream)) {
            let Shell { before, after } = std::mem::take(&mut stream.shell);
            // Elements already have a comma behind them where one more follows.
            out.extend_from_slice(if framing == Framing::Array && is_over { b"," } else { b"" });
            out.extend_from_slice(&before);
            stream.flow.release(out);
            out.extend_from_slice(&after);
            out.extend_from_slice(if framing == Framing::Array && !is_over { b"," } else { b"" });
        }
    }
}

impl Stream {
    fn is_in(&self, event: &StreamEvent) -> bool {
        event.deltas.iter().any(|delta| delta.channel == self.channel)
    }

    /// Whether what is held of it need not come before an event, which may be the last one of the answer.
    fn goes_on_after(&self, event: &StreamEvent, is_over: bool) -> bool {
        if is_over || event.is_last {
            return self.is_in(event) || (!is_over && event.is_elsewhere(self.owner));
        }
        event.is_elsewhere(self.owner) || event.deltas.iter().any(|delta| delta.sort == self.sort)
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

#[cfg(test)]
mod tests;
