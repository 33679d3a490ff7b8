//! A request or message as it is judged, apart from the connection that it came on.

use bytes::Bytes;
use gate_dialect::Codec;
use http::header::{self, HeaderMap};
use http::request::Parts;

use super::decode;
use super::fields;
use super::head;
use super::judge::{self, Prompt};
use crate::session::Session;

/// What is judged, in a form that can be judged elsewhere.
pub(super) struct Draft {
    target: String,
    fields: Vec<String>,
    content_type: Option<String>,
    pub(super) content_encoding: Option<Vec<u8>>,
    signed: bool,
    pub(super) bytes: Bytes,
    pub(super) trailers: Option<HeaderMap>,
    /// The answer is one that can be edited.
    reversible: bool,
}

impl Draft {
    /// A message of a WebSocket that was opened for `target`.
    pub(super) fn message(target: &str, bytes: Bytes) -> Self {
        let (fields, content_type, content_encoding) = (Vec::new(), None, None);
        let (signed, trailers, reversible) = (false, None, false);
        Self { target: target.to_owned(), fields, content_type, content_encoding, signed, bytes, trailers, reversible }
    }

    /// A message of a call, packed with `coding` if with any. Its envelope states its length, so that no edit fits.
    pub(super) fn called(target: &str, codec: Codec, coding: Option<Vec<u8>>, bytes: Bytes) -> Self {
        let content_type = match codec {
            Codec::Proto => "application/proto",
            Codec::Json => "application/json",
        };
        let content_type = Some(content_type.to_owned());
        Self { content_type, content_encoding: coding, signed: true, ..Self::message(target, bytes) }
    }

    /// What follows the last message of a call.
    pub(super) fn trailing(target: &str, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..Self::message(target, Bytes::new()) }
    }

    pub(super) fn new(parts: &Parts, bytes: Bytes, trailers: Option<HeaderMap>) -> Self {
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_encoding = decode::codings(&parts.headers);
        let signed = head::is_signed(parts);
        let fields = fields::unknown(&parts.headers);
        Self {
            target,
            fields,
            content_type: content_type.map(str::to_owned),
            content_encoding,
            signed,
            bytes,
            trailers,
            reversible: true,
        }
    }

    /// What judging will need beside the body as sent. What an encoded one becomes is asked for as it unfolds.
    pub(super) fn memory(&self) -> usize {
        if self.content_encoding.is_some() { 0 } else { judge::scan_memory(&self.bytes) }
    }

    pub(super) fn prompt<'a>(&'a self, session: &'a Session, now: gate_core::UnixMicros) -> Prompt<'a> {
        Prompt {
            client: session.client.ip(),
            name: session.name.as_deref(),
            host: &session.host,
            vendor: session.vendor(),
            target: &self.target,
            fields: &self.fields,
            content_type: self.content_type.as_deref(),
            content_encoding: self.content_encoding.as_deref(),
            signed: self.signed,
            body: &self.bytes,
            trailers: self.trailers.as_ref(),
            reversible: self.reversible,
            model: None,
            is_answer: false,
            now,
        }
    }
}
