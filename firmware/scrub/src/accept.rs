//! What comes in: the kind of a body, the limits it is held to, and how its bytes are encoded.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a body is structured, as its content type says. What does not parse as promised is read as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyKind {
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// One JSON value on each line.
    Ndjson,
    Text,
}

/// What one scan may cost. Past a limit the scan fails with a [`ScanError`], so that the caller decides and no part
/// of a body goes unread in silence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest body, in bytes (default 16 MiB).
    pub max_bytes: usize,
    /// Deepest nesting of JSON values, JSON inside strings included, in levels (default 128).
    pub max_depth: usize,
    /// Most bytes that nested encodings (JSON in strings, base64, hexadecimal) may unfold to (default 8 MiB).
    pub max_decoded: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_depth: 128, max_decoded: 8 << 20 }
    }
}

/// Why a body was not scanned to its end. The caller's policy says what that means; the default is to deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ScanError {
    #[error("the body has {bytes} bytes, more than the limit of {limit}")]
    TooLarge { bytes: usize, limit: usize },
    #[error("the body nests deeper than {limit} levels")]
    TooDeep { limit: usize },
    #[error("nested encodings unfold to more than {limit} bytes")]
    Budget { limit: usize },
}

/// The character encoding of a body. JSON is UTF-8 by RFC 8259, but what other readers accept is looked into as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// A body's encoding and the length of its byte order mark.
pub(crate) fn charset(body: &[u8]) -> (Charset, usize) {
    match body {
        [0xEF, 0xBB, 0xBF, ..] => (Charset::Utf8, 3),
        [0xFF, 0xFE, ..] => (Charset::Utf16Le, 2),
        [0xFE, 0xFF, ..] => (Charset::Utf16Be, 2),
        // The first two characters of any JSON text are ASCII (RFC 4627 section 3), which shows where the zeros are.
        [a, 0, b, 0, ..] if *a != 0 && *b != 0 => (Charset::Utf16Le, 0),
        [0, a, 0, b, ..] if *a != 0 && *b != 0 => (Charset::Utf16Be, 0),
        _ => (Charset::Utf8, 0),
    }
}
