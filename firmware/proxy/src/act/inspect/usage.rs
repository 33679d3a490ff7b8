//! Reading the tokens of an answer that is already on its way. Whatever goes wrong here, the answer does not notice.

use std::sync::Arc;

use gate_dialect::{Dialect, Reading, UsageReader};
use http::header::{self, HeaderMap};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::decode::Coding;
use super::unpack::{Sink, Unpacker};

/// Compressed answers that are read at once; each may hold a window of some megabytes. Of further ones the usage stays
/// unknown.
pub(super) const DECODERS: usize = 8;

/// What one frame may unfold to. Honest frames are 16 KiB or less and unfold tenfold.
const FRAME_CAP: usize = 1024 * 1024;

/// A reader beside the stream.
pub(super) struct Side {
    /// Absent: the coding is unknown or broken, or there are too many decoders already.
    reader: Option<Unpacker<UsageReader>>,
    /// What was read before a failure.
    read: Reading,
    /// Held while a decoder holds its window.
    permit: Option<OwnedSemaphorePermit>,
}

impl Side {
    pub(super) fn new(dialect: Dialect, headers: &HeaderMap, decoders: &Arc<Semaphore>) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let reader = UsageReader::new(dialect, content_type);
        let coding = Coding::of(headers);
        let packed = coding != Ok(Coding::Identity);
        let permit = if packed { Arc::clone(decoders).try_acquire_owned().ok() } else { None };
        let readable = coding.ok().filter(|_| !packed || permit.is_some());
        let reader = readable.and_then(|coding| Unpacker::new(coding, reader, FRAME_CAP).ok());
        Self { reader, read: Reading::default(), permit }
    }

    pub(super) fn push(&mut self, data: &[u8]) {
        if self.reader.as_mut().is_some_and(|reader| reader.push(data).is_err()) {
            let read = self.reader.take().and_then(Unpacker::into_sink).map(UsageReader::finish);
            // What was said after this nobody knows.
            self.read = Reading { text_bytes: None, ..read.unwrap_or_default() };
            self.permit = None;
        }
    }

    /// Whether the answer was not read to here: unknown or broken coding, or too many decoders already.
    pub(super) fn is_off(&self) -> bool {
        self.reader.is_none()
    }

    /// Whether the answer said that it is over: who leaves now has not broken it off.
    pub(super) fn has_ended(&self) -> bool {
        self.reader.as_ref().and_then(Unpacker::sink).is_some_and(UsageReader::has_ended)
    }

    pub(super) fn finish(self) -> Reading {
        self.reader.and_then(Unpacker::into_sink).map_or(self.read, UsageReader::finish)
    }
}

impl Sink for UsageReader {
    fn take(&mut self, decoded: &[u8]) {
        self.push(decoded);
    }
}

#[cfg(test)]
mod tests;
