//! The way back of what left as placeholders: the answer gets the values again, as it comes.
//!
//! ```text
//!  answer ─ form ─┬─ JSON, text   byte by byte ──────────┬─ flow   finds live placeholders, holds back beginnings
//!                 └─ SSE, NDJSON  event by event, each ──┘  nest   how often the value is to be escaped there
//!                                 delta's text on its own
//! ```
//!
//! **Invariant:** nothing is held back but what may be the beginning of a live placeholder of this client, and the rest of
//! an event that has not come yet.
//!
//! **Invariant:** what is no live placeholder of this client and provider goes on as it came.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use gate_core::KindCount;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName};
use http::response::Parts;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use self::events::{Events, Framing};
use self::flow::{Book, Flow};
use self::nest::Nest;
use super::budget::Charge;
use super::decode::Coding;
use super::unpack::{Sink, Unpacker};
use super::vault::Live;

mod events;
mod flow;
mod nest;

/// What one frame may unfold to; an answer that passes it breaks off, for nobody could tell it from a bomb.
const FRAME_CAP: usize = 16 * 1024 * 1024;

/// Bytes that tell the form of an answer whose type does not.
const TELLING: usize = 16;

/// Fields that speak of the bytes as the server sent them.
const OF_THE_BYTES: [HeaderName; 8] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::ACCEPT_RANGES,
    header::ETAG,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("repr-digest"),
];

/// Puts values back into one answer.
pub(super) struct Restorer {
    unpacker: Unpacker<Editor>,
    /// Something came, and the end did.
    has_come: bool,
    is_over: bool,
    /// Held while a decoder holds its window.
    _permit: Option<OwnedSemaphorePermit>,
}

/// The answer without its content coding.
struct Editor {
    book: Book,
    text: Text,
    /// The request asked for a stream.
    stream: bool,
    /// The beginning, while it does not tell the form.
    head: Vec<u8>,
    out: Vec<u8>,
}

/// The form of an answer.
enum Text {
    /// Told by the first bytes.
    Unknown,
    /// JSON, told by the first bytes whether it is one value or an array of events.
    Json,
    Flow(Flow),
    Events(Events),
}

/// Takes away what is not true of an edited body.
pub(super) fn unsay(headers: &mut HeaderMap) {
    OF_THE_BYTES.iter().for_each(|name| drop(headers.remove(name)));
}

impl Restorer {
    /// For an answer with this head to a request that asked for a `stream` or not; `None` where it cannot be edited.
    pub(super) fn new(
        live: Live,
        charge: Charge,
        head: &Parts,
        stream: bool,
        decoders: &Arc<Semaphore>,
    ) -> Option<Self> {
        let coding = Coding::of(&head.headers).ok()?;
        if head.status == StatusCode::PARTIAL_CONTENT {
            return None;
        }
        let content_type = head.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
        let text = Text::of(content_type.unwrap_or_default())?;
        let is_plain = coding == Coding::Identity;
        let permit = if is_plain { None } else { Some(Arc::clone(decoders).try_acquire_owned().ok()?) };
        let editor = Editor { book: Book::new(live, charge), text, stream, head: Vec::new(), out: Vec::new() };
        let unpacker = Unpacker::new(coding, editor, FRAME_CAP).ok()?;
        Some(Self { unpacker, has_come: false, is_over: false, _permit: permit })
    }

    /// What can be handed on with these bytes: all that was held back, too, when they are the last. An error is a coding
    /// that is broken or cut short.
    pub(super) fn push(&mut self, data: &[u8], is_last: bool) -> io::Result<Bytes> {
        if let Some(editor) = self.unpacker.sink_mut() {
            editor.book.begin();
        }
        if !data.is_empty() {
            self.has_come = true;
            self.unpacker.push(data)?;
        }
        let ends = is_last && !self.is_over;
        self.is_over |= is_last;
        if ends && self.has_come {
            self.unpacker.finish()?;
        }
        let Some(editor) = self.unpacker.sink_mut() else { return Ok(Bytes::new()) };
        if ends {
            editor.finish();
        }
        Ok(std::mem::take(&mut editor.out).into())
    }

    /// What was put back so far.
    pub(super) fn restored(&self) -> &[KindCount] {
        self.unpacker.sink().map_or(&[], |editor| &editor.book.restored)
    }

    /// Whether a placeholder has stayed since this was asked last because too much was put back already.
    pub(super) fn take_spent(&mut self) -> bool {
        self.unpacker.sink_mut().is_some_and(|editor| editor.book.take_spent())
    }
}

impl Editor {
    fn finish(&mut self) {
        self.begin(true);
        match &mut self.text {
            Text::Unknown | Text::Json => {}
            Text::Flow(flow) => flow.release(&mut self.out),
            Text::Events(events) => events.finish(&mut self.book, &mut self.out),
        }
    }

    /// Goes on once the beginning tells the form, or is all there is. Blanks before it are signs of life.
    fn begin(&mut self, is_all: bool) {
        let blanks = self.head.len() - self.head.trim_ascii_start().len();
        self.out.extend(self.head.drain(..blanks));
        if self.head.is_empty() {
            return;
        }
        if let Some(text) = self.told(is_all || self.head.len() >= TELLING) {
            self.text = text;
            let head = std::mem::take(&mut self.head);
            self.edit(&head);
        }
    }

    /// The form that the beginning tells; nothing more must be waited for where it `is_sure`.
    fn told(&self, is_sure: bool) -> Option<Text> {
        let is_json = matches!(self.text, Text::Json);
        let (first, rest) = self.head.split_first()?;
        let second = rest.trim_ascii_start().first();
        let events = |framing| Some(Text::Events(Events::new(framing)));
        match (first, second) {
            (b'{' | b'[', None) if !is_sure => None,
            (b'[', Some(b'{')) if self.stream => events(Framing::Array),
            (b'{', Some(b'"')) if self.stream && !is_json => events(Framing::Lines),
            (b'{', Some(b'"')) | (b'[', Some(b'{')) => Some(Text::Flow(Flow::new(Nest::json()))),
            _ if is_json => Some(Text::Flow(Flow::new(Nest::json()))),
            _ => match is_sse(&self.head).filter(|_| self.stream) {
                Some(true) => events(Framing::Sse),
                None if self.stream && !is_sure => None,
                _ => Some(Text::Flow(Flow::new(Nest::prose()))),
            },
        }
    }

    fn edit(&mut self, decoded: &[u8]) {
        match &mut self.text {
            Text::Unknown | Text::Json => {}
            Text::Flow(flow) => flow.push(decoded, &mut self.book, &mut self.out),
            Text::Events(events) => events.push(decoded, &mut self.book, &mut self.out),
        }
    }
}

/// Whether an answer begins like server-sent events of JSON; `None` where that cannot be told yet.
fn is_sse(head: &[u8]) -> Option<bool> {
    if head.starts_with(b"event:") {
        return Some(true);
    }
    match head.strip_prefix(b"data:") {
        Some(data) => data.trim_ascii_start().first().map(|first| matches!(first, b'{' | b'[')),
        None if b"event:".starts_with(head) || b"data:".starts_with(head) => None,
        None => Some(false),
    }
}

impl Sink for Editor {
    fn take(&mut self, decoded: &[u8]) {
        if let Text::Unknown | Text::Json = self.text {
            self.head.extend_from_slice(decoded);
            self.begin(false);
        } else {
            self.edit(decoded);
        }
    }
}

impl Text {
    fn of(content_type: &str) -> Option<Self> {
        let mut parts = content_type.split(';').map(|part| part.trim().to_ascii_lowercase());
        let essence = parts.next().unwrap_or_default();
        let charset = parts.find_map(|part| Some(part.strip_prefix("charset=")?.trim_matches('"').to_owned()));
        if charset.is_some_and(|charset| !matches!(charset.as_str(), "" | "utf-8" | "utf8" | "us-ascii")) {
            return None;
        }
        match essence.as_str() {
            "text/event-stream" => Some(Self::Events(Events::new(Framing::Sse))),
            "application/x-ndjson"
            | "application/jsonl"
            | "application/x-jsonlines"
            | "application/jsonlines"
            | "application/x-json-stream"
            | "application/stream+json" => Some(Self::Events(Events::new(Framing::Lines))),
            json if json == "application/json" || json == "text/json" || json.ends_with("+json") => Some(Self::Json),
            "" | "text/plain" | "text/markdown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
