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
use super::decode::Coding;
use super::unpack::{Sink, Unpacker};
use super::vault::Live;

mod events;
mod flow;
mod nest;

/// What one frame may unfold to; an answer that passes it breaks off, for nobody could tell it from a bomb.
const FRAME_CAP: usize = 16 * 1024 * 1024;

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
    /// Held while a decoder holds its window.
    _permit: Option<OwnedSemaphorePermit>,
}

/// The answer without its content coding.
struct Editor {
    book: Book,
    text: Text,
    /// The request asked for a stream.
    stream: bool,
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
    pub(super) fn new(live: Live, head: &Parts, stream: bool, decoders: &Arc<Semaphore>) -> Option<Self> {
        let coding = Coding::parse(head.headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes)).ok()?;
        if head.status == StatusCode::PARTIAL_CONTENT {
            return None;
        }
        let content_type = head.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap_or("?"));
        let text = Text::of(content_type.unwrap_or_default())?;
        let is_plain = coding == Coding::Identity;
        let permit = if is_plain { None } else { Some(Arc::clone(decoders).try_acquire_owned().ok()?) };
        let editor = Editor { book: Book::new(live), text, stream, out: Vec::new() };
        Some(Self { unpacker: Unpacker::new(coding, editor, FRAME_CAP).ok()?, _permit: permit })
    }

    /// What can be handed on with these bytes: all that was held back, too, when they are the last. An error is a coding
    /// that is broken.
    pub(super) fn push(&mut self, data: &[u8], is_last: bool) -> io::Result<Bytes> {
        if !data.is_empty() {
            self.unpacker.push(data)?;
        }
        let Some(editor) = self.unpacker.sink_mut() else { return Ok(Bytes::new()) };
        if is_last {
            editor.finish();
        }
        Ok(std::mem::take(&mut editor.out).into())
    }

    /// What was put back so far.
    pub(super) fn restored(&self) -> &[KindCount] {
        self.unpacker.sink().map_or(&[], |editor| &editor.book.restored)
    }
}

impl Editor {
    fn finish(&mut self) {
        match &mut self.text {
            Text::Unknown | Text::Json => {}
            Text::Flow(flow) => flow.release(&mut self.out),
            Text::Events(events) => events.finish(&mut self.book, &mut self.out),
        }
    }

    /// What the beginning of the answer tells about it.
    fn sniff(&mut self, head: &[u8]) {
        let is_sse = [&b"data:"[..], b"event:", b"id:", b"retry:", b":"].iter().any(|field| head.starts_with(field));
        self.text = match (&self.text, head[0], self.stream) {
            (_, b'[', true) => Text::Events(Events::new(Framing::Array)),
            (Text::Unknown, b'{', true) => Text::Events(Events::new(Framing::Lines)),
            (Text::Unknown, b'{' | b'[' | b'"', _) | (Text::Json, ..) => Text::Flow(Flow::new(Nest::json())),
            _ if is_sse && self.stream => Text::Events(Events::new(Framing::Sse)),
            _ => Text::Flow(Flow::new(Nest::prose())),
        };
    }
}

impl Sink for Editor {
    fn take(&mut self, decoded: &[u8]) {
        if let Text::Unknown | Text::Json = self.text
            && let head @ [_, ..] = decoded.trim_ascii_start()
        {
            self.sniff(head);
        }
        match &mut self.text {
            Text::Unknown | Text::Json => self.out.extend_from_slice(decoded),
            Text::Flow(flow) => flow.push(decoded, &mut self.book, &mut self.out),
            Text::Events(events) => events.push(decoded, &mut self.book, &mut self.out),
        }
    }
}

impl Text {
    fn of(content_type: &str) -> Option<Self> {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
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
