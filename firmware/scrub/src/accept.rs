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
    /// `text/event-stream`, the data of each event JSON or text.
    Sse,
    /// `multipart/form-data` and its relatives; each part is what it says it is.
    Multipart(Boundary),
    Text,
}

/// What separates the parts of a multipart body: 1 to 70 characters, as RFC 2046 section 5.1.1 has it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Boundary {
    bytes: [u8; 70],
    len: usize,
}

impl Boundary {
    /// The boundary that a `Content-Type` announces: `multipart/form-data; boundary=x`.
    pub fn of(content_type: &str) -> Option<Self> {
        let (essence, parameters) = content_type.split_once(';')?;
        let multipart = essence.trim().get(..10).is_some_and(|start| start.eq_ignore_ascii_case("multipart/"));
        let named = |parameter: &&str| {
            parameter.trim_start().get(..9).is_some_and(|name| name.eq_ignore_ascii_case("boundary="))
        };
        let mut boundaries = parameters.split(';').filter(named);
        let value = boundaries.next()?.trim().split_once('=')?.1;
        let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        // Of two boundaries a server may take either: no reading here would be the right one.
        if boundaries.next().is_some() || !multipart { None } else { Self::new(value.as_bytes()) }
    }

    /// A boundary of these bytes, if they can be one.
    pub fn new(boundary: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
        let ends_with_space = boundary.last() == Some(&b' ');
        if boundary.is_empty() || boundary.len() > 70 || ends_with_space || !boundary.iter().all(allowed) {
            return None;
        }
        let mut bytes = [0; 70];
        bytes[..boundary.len()].copy_from_slice(boundary);
        Some(Self { bytes, len: boundary.len() })
    }

    /// Its bytes, without the two dashes that stand before it in a body.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

impl std::fmt::Debug for Boundary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Boundary({})", self.as_bytes().escape_ascii())
    }
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
    /// Most steps of automata and checks, for each byte of the body (default 256). A step is about a nanosecond.
    pub max_work: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 16 << 20, max_depth: 128, max_decoded: 8 << 20, max_work: 256 }
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
    #[error("looking into the body takes more than {limit} steps a byte")]
    Work { limit: usize },
}

/// The character encoding of a body. JSON is UTF-8 by RFC 8259, but what other readers accept is looked into as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// Whether a body is in an encoding that is read whole: UTF-8, or UTF-16 that shows itself as such, with neither a broken
/// character nor a NUL. What else there is (UTF-32, compressed bytes) another reader may make sense of.
pub(crate) fn is_readable(body: &[u8]) -> bool {
    let (charset, start) = charset(body);
    let unit = match charset {
        Charset::Utf8 => return is_utf8(body),
        Charset::Utf16Le => u16::from_le_bytes,
        Charset::Utf16Be => u16::from_be_bytes,
    };
    let (units, rest) = body[start..].as_chunks::<2>();
    let whole = |next: Result<char, _>| next.is_ok_and(|character| character != '\0');
    rest.is_empty() && char::decode_utf16(units.iter().map(|pair| unit(*pair))).all(whole)
}

/// Whether a body is UTF-8, with neither a broken character nor a NUL, as RFC 8259 section 8.1 wants JSON to be between
/// systems.
pub fn is_utf8(body: &[u8]) -> bool {
    std::str::from_utf8(body).is_ok() && !body.contains(&0)
}

/// Whether a media type names an encoding in which this body's bytes may stand for other letters than those they are read
/// as here (UTF-7, EBCDIC, Shift JIS): a server that believes it would hear what nobody scanned.
pub fn names_foreign_charset(media_type: &str, body: &[u8]) -> bool {
    let value = |parameter: &str| {
        let parameter = parameter.trim().to_ascii_lowercase();
        let rest = parameter.strip_prefix("charset")?.trim_start().to_owned();
        Some(rest.strip_prefix('=').unwrap_or("?").trim().trim_matches(['"', '\'']).to_owned())
    };
    media_type.split(';').skip(1).filter_map(value).any(|charset| match charset.as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" | "latin1" => false,
        // ASCII with more behind it, and what is more is refused as unreadable.
        _ if charset.starts_with("iso-8859-") || charset.starts_with("windows-125") => false,
        // Which shows itself by its zeros.
        "utf-16" | "utf-16le" | "utf-16be" => !body.contains(&0),
        _ => true,
    })
}

/// Whether a body as a whole is text of two bytes a letter.
pub fn is_utf16(body: &[u8]) -> bool {
    charset(body).0 != Charset::Utf8
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

#[cfg(test)]
mod tests {
    use super::{is_readable, names_foreign_charset};

    #[test]
    fn an_encoding_that_makes_other_letters_of_ascii_is_foreign() {
        let rows = [
            ("application/json", false),
            ("application/json; charset=utf-8", false),
            ("application/json;CharSet=\"UTF-8\"; x=y", false),
            ("text/plain; charset=ISO-8859-1", false),
            ("text/plain; charset=windows-1252", false),
            ("text/plain; charset=utf-7", true),
            ("text/plain; charset=utf-8; charset=utf-7", true),
            ("text/plain; charset = UTF-7", true),
            ("text/plain; charset*=utf-8''utf-7", true),
            ("text/plain; charset=", true),
            ("text/plain; charset=shift_jis", true),
            ("text/plain; charset=utf-16", true),
        ];
        for (media_type, expected) in rows {
            assert_eq!(names_foreign_charset(media_type, b"+AEA-"), expected, "{media_type}");
        }
        assert!(!names_foreign_charset("text/plain; charset=utf-16", b"\xFF\xFEa\0"));
    }

    #[test]
    fn only_whole_utf8_and_utf16_are_readable() {
        let text = "{\"a\": \"gr\u{FC}n \u{1F600}\"}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        let readable =
            [text.into(), marked(b"\xEF\xBB\xBF", b"{}"), little.clone(), big, marked(b"\xFF\xFE", &little), vec![]];
        for body in readable {
            assert!(is_readable(&body), "{body:?}");
        }
        let wide: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let wide_big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        let broken = [
            wide.clone(),
            wide_big,
            marked(b"\xFF\xFE\0\0", &wide),
            b"{\"a\": \"\xFF\"}".to_vec(),
            b"{\"a\": \"\0\"}".to_vec(),
            little[..little.len() - 1].to_vec(),
            marked(b"\xFF\xFE", &[0x00, 0xD8, b'a', 0]),
            vec![0x1F, 0x8B, 8, 0],
        ];
        for body in broken {
            assert!(!is_readable(&body), "{body:?}");
        }
    }
}
