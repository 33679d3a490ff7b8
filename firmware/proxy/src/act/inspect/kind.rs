//! What a body is: how it is scanned, and whether it may be edited.

use gate_scrub::{BodyKind, Boundary};

/// A body's form, from its media type and its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Ndjson,
    Form,
    Sse,
    /// Parts, each with a kind of its own.
    Multipart(Boundary),
    Text,
    /// A message of protobuf: its texts are scanned, and never edited.
    Message,
    /// Messages in envelopes in base64, as browsers send gRPC: nobody opens them here.
    Sealed,
    /// Media, or anything else whose lengths and offsets an edit would break: scanned as text.
    Opaque,
    /// The same where it begins as JSON does and is no text all through: scanned as JSON as far as that goes.
    Mixed,
}

impl Kind {
    /// The bytes speak before the header: many servers read JSON whatever the client calls it. `None` where a body is two
    /// things at once: parts with JSON before them, which one server skips and another reads alone.
    pub(super) fn of(content_type: Option<&str>, body: &[u8]) -> Option<Self> {
        let declared = Self::declared(content_type);
        let bare = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let first = bare.iter().find(|byte| !byte.is_ascii_whitespace());
        if !matches!(first, Some(b'{' | b'[' | b'"')) {
            return Some(declared);
        }
        match declared {
            Self::Ndjson | Self::Message | Self::Sealed => Some(declared),
            Self::Multipart(boundary) if has_parts(body, &boundary) => None,
            Self::Multipart(_) | Self::Opaque if !gate_scrub::is_utf8(body) => Some(Self::Mixed),
            _ => Some(Self::Json),
        }
    }

    /// Whether facts of a request may stand in it, rather than in a file that it carries.
    pub(super) fn is_request(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson | Self::Message | Self::Mixed)
    }

    /// What the media type alone says; without one, text.
    fn declared(content_type: Option<&str>) -> Self {
        match essence(content_type).as_str() {
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => Self::Ndjson,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/json" => Self::Json,
            "text/event-stream" => Self::Sse,
            "application/proto" | "application/protobuf" | "application/x-protobuf" => Self::Message,
            calls if calls.starts_with("application/grpc") || calls.starts_with("application/connect+") => Self::Sealed,
            json if json.ends_with("+json") => Self::Json,
            text if text.is_empty() || text.starts_with("text/") => Self::Text,
            // Without a boundary nobody could tell its parts.
            _ => content_type.and_then(Boundary::of).map_or(Self::Opaque, Self::Multipart),
        }
    }

    /// Whether the body cannot be the text it is said to be: in another encoding than UTF-8, in which nobody here reads what
    /// model is asked for, or packed without saying so. A body said to be something else may hold any bytes, but for JSON
    /// in such an encoding: a server that goes by the bytes would read it.
    pub(super) fn is_garbled(content_type: Option<&str>, body: &[u8]) -> bool {
        const PACKED: [&[u8]; 3] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"];
        let packed = PACKED.iter().any(|magic| body.starts_with(magic));
        match Self::declared(content_type) {
            // Read by their schema, which no other encoding has.
            Self::Message | Self::Sealed => false,
            Self::Multipart(_) | Self::Opaque => is_wide_json(body),
            _ => packed || !gate_scrub::is_utf8(body),
        }
    }

    /// Whether a server may read it as an urlencoded form, whatever its first bytes are.
    pub(super) fn says_form(content_type: Option<&str>) -> bool {
        essence(content_type) == "application/x-www-form-urlencoded"
    }

    /// Whether a server may read it as parts, whatever its first bytes are and be its boundary one or not.
    pub(super) fn says_parts(content_type: Option<&str>) -> bool {
        essence(content_type).starts_with("multipart/")
    }

    pub(super) fn scanned_as(self) -> BodyKind {
        match self {
            // The texts of a message are read as an array of strings.
            Self::Json | Self::Message | Self::Mixed => BodyKind::Json,
            Self::Ndjson => BodyKind::Ndjson,
            Self::Form => BodyKind::Form,
            Self::Sse => BodyKind::Sse,
            Self::Multipart(boundary) => BodyKind::Multipart(boundary),
            Self::Text | Self::Sealed | Self::Opaque => BodyKind::Text,
        }
    }

    pub(super) fn editable(self) -> bool {
        !matches!(self, Self::Message | Self::Sealed) && !self.is_opaque()
    }

    /// Whether only the policy can say what becomes of a body that nobody can read whole.
    pub(super) fn is_opaque(self) -> bool {
        matches!(self, Self::Opaque | Self::Mixed)
    }
}

/// A media type without its parameters.
fn essence(content_type: Option<&str>) -> String {
    content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether it begins as JSON does in units of two or four bytes, told as common readers tell it: by a byte order mark, or by
/// where the zeros are.
fn is_wide_json(body: &[u8]) -> bool {
    let (text, width, is_big) = match body {
        [0, 0, 0xFE, 0xFF, text @ ..] => (text, 4, true),
        [0xFF, 0xFE, 0, 0, text @ ..] => (text, 4, false),
        [0xFE, 0xFF, text @ ..] => (text, 2, true),
        [0xFF, 0xFE, text @ ..] => (text, 2, false),
        [0, 0, 0, _, ..] => (body, 4, true),
        [_, 0, 0, 0, ..] => (body, 4, false),
        [0, _, ..] => (body, 2, true),
        [_, 0, ..] => (body, 2, false),
        _ => return false,
    };
    let letter = |unit: &[u8]| {
        let at = if is_big { width - 1 } else { 0 };
        let is_alone = unit.iter().enumerate().all(|(index, byte)| index == at || *byte == 0);
        if is_alone { unit[at] } else { 0 }
    };
    let first = text.chunks_exact(width).map(letter).find(|letter| !letter.is_ascii_whitespace());
    matches!(first, Some(b'{' | b'[' | b'"'))
}

fn has_parts(body: &[u8], boundary: &Boundary) -> bool {
    memchr::memmem::find(body, &[b"--", boundary.as_bytes()].concat()).is_some()
}

#[cfg(test)]
mod tests {
    use super::{Boundary, Kind};

    #[test]
    fn the_bytes_speak_before_the_header() {
        let boundary = Boundary::new(b"x").unwrap();
        let rows: [(Option<&str>, &[u8], Kind); 20] = [
            (Some("application/json"), b"{}", Kind::Json),
            (Some("text/plain"), b" \n{\"a\":1}", Kind::Json),
            (None, b"[1]", Kind::Json),
            (Some("multipart/form-data; boundary=x"), b"{\"a\":1}", Kind::Json),
            (Some("application/json; charset=utf-8"), b"\xef\xbb\xbf{}", Kind::Json),
            (Some("Application/Vnd.x+JSON"), b"nonsense", Kind::Json),
            (Some("application/x-ndjson"), b"{}\n{}", Kind::Ndjson),
            (Some("application/x-www-form-urlencoded"), b"a=b", Kind::Form),
            (Some("text/plain; charset=utf-8"), b"hello", Kind::Text),
            (None, b"hello", Kind::Text),
            (Some("text/event-stream"), b"data: x", Kind::Sse),
            (Some("multipart/form-data; boundary=x"), b"--x\r\n", Kind::Multipart(boundary)),
            (Some("multipart/form-data"), b"--x\r\n", Kind::Opaque),
            (Some("audio/wav"), b"RIFF", Kind::Opaque),
            (Some("application/octet-stream"), b"{\"a\":1}", Kind::Json),
            (Some("application/pdf"), b"{%PDF-1.7\n\xE2\xE3", Kind::Mixed),
            (Some("application/zip"), b"[PK\x03\x04\0\0", Kind::Mixed),
            (Some("multipart/form-data; boundary=x"), b"{\xFF", Kind::Mixed),
            (Some("application/grpc-web-text"), b"AAAAAAA=", Kind::Sealed),
            (Some("application/proto"), b"{\x01a", Kind::Message),
        ];
        for (content_type, body, want) in rows {
            assert_eq!(Kind::of(content_type, body), Some(want), "{content_type:?} {body:?}");
        }
        assert_eq!(Kind::of(Some("multipart/form-data; boundary=x"), b"{}\r\n--x\r\n\r\na\r\n--x--"), None);
    }

    #[test]
    fn json_in_wide_letters_is_garbled_whatever_it_is_called() {
        for text in [" \n{\"model\":\"a\"}", "[1]", "\"a\"", "\u{FEFF}{\"model\":\"\u{1F600}\"}"] {
            let bodies: [Vec<u8>; 4] = [
                text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
                text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
            ];
            for body in bodies {
                for media in [None, Some("application/json"), Some("text/plain"), Some("application/octet-stream")] {
                    assert!(Kind::is_garbled(media, &body), "{media:?} {body:?}");
                }
                // One that Python reads all the same.
                let broken = [&body[..], &[0x00, 0xD8, 0x00, 0xD8]].concat();
                assert!(Kind::is_garbled(Some("image/png"), &broken), "{body:?}");
            }
        }
        let media: [&[u8]; 7] = [b"\0\0\0\x20ftyp", b"\0\0\0\0\0\0\0\0{", b"\xFF\xFB{", b"{\xFF", b"{}", b"\0", b""];
        for body in media {
            assert!(!Kind::is_garbled(Some("audio/wav"), body), "{body:?}");
        }
        assert!(!Kind::is_garbled(Some("application/grpc"), b"\0\0\0\x7b\0 a length and what it is of"));
    }

    #[test]
    fn text_in_no_known_encoding_is_garbled_and_media_never() {
        let wide: Vec<u8> = "a tale".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bodies: [&[u8]; 4] = [&wide, b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd\0", b"PK\x03\x04 file"];
        for body in bodies {
            for text in [None, Some("application/json"), Some("text/plain"), Some("application/x-ndjson")] {
                assert!(Kind::is_garbled(text, body), "{text:?} {body:?}");
            }
            for other in ["multipart/form-data; boundary=x", "audio/wav", "application/octet-stream"] {
                assert!(!Kind::is_garbled(Some(other), body), "{other} {body:?}");
            }
        }
        assert!(!Kind::is_garbled(Some("application/json"), "{\"a\":\"ü\"}".as_bytes()));
    }
}
