//! What a body is: how it is scanned, and whether it may be edited.

use gate_scrub::BodyKind;

/// A body's form, from its media type and its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Json,
    Ndjson,
    Form,
    Text,
    /// Multipart, media, or anything else whose lengths and offsets an edit would break: scanned as text.
    Opaque,
}

impl Kind {
    /// The bytes speak before the header: many servers read JSON whatever the client calls it.
    pub(super) fn of(content_type: Option<&str>, body: &[u8]) -> Self {
        let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let bare = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let first = bare.iter().find(|byte| !byte.is_ascii_whitespace());
        match essence.as_str() {
            "application/x-ndjson" | "application/jsonl" | "application/x-jsonlines" => Self::Ndjson,
            _ if matches!(first, Some(b'{' | b'[' | b'"')) => Self::Json,
            "application/x-www-form-urlencoded" => Self::Form,
            "application/json" => Self::Json,
            json if json.ends_with("+json") => Self::Json,
            text if text.is_empty() || text.starts_with("text/") => Self::Text,
            _ => Self::Opaque,
        }
    }

    pub(super) fn scanned_as(self) -> BodyKind {
        match self {
            Self::Json => BodyKind::Json,
            Self::Ndjson => BodyKind::Ndjson,
            Self::Form => BodyKind::Form,
            Self::Text | Self::Opaque => BodyKind::Text,
        }
    }

    pub(super) fn editable(self) -> bool {
        self != Self::Opaque
    }
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn the_bytes_speak_before_the_header() {
        let rows: [(Option<&str>, &[u8], Kind); 12] = [
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
            (Some("multipart/form-data; boundary=x"), b"--x\r\n", Kind::Opaque),
            (Some("audio/wav"), b"RIFF", Kind::Opaque),
        ];
        for (content_type, body, want) in rows {
            assert_eq!(Kind::of(content_type, body), want, "{content_type:?} {body:?}");
        }
    }
}
