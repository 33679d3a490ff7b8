//! What goes out: the body with spans replaced, every other byte as it was.

use std::borrow::Cow;

use crate::accept::{Charset, charset};

/// One span of a body and what stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// First byte to replace.
    pub start: usize,
    /// One past the last byte to replace.
    pub end: usize,
    pub replacement: String,
}

/// What stands for a redacted value, such as `[REDACTED_EMAIL]`: it reads the same in text, in a JSON string at any
/// depth of escapes, in a form and in a URL.
pub fn placeholder(kind: &str) -> String {
    let kind: String =
        kind.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("[REDACTED_{kind}]")
}

/// Applies edits in order of place. Where two overlap, both spans go and the first one's replacement stays: what was to
/// be removed never survives. Spans beyond the body are cut to it.
pub fn edit(body: &[u8], edits: &[Edit]) -> Vec<u8> {
    let mut edits: Vec<&Edit> = edits.iter().filter(|edit| edit.start < edit.end).collect();
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let charset = charset(body).0;
    let mut edited = Vec::with_capacity(body.len());
    let mut at = 0;
    for edit in edits {
        let (start, end) = (edit.start.min(body.len()), edit.end.min(body.len()));
        if start >= at {
            edited.extend_from_slice(&body[at..start]);
            edited.extend_from_slice(&encoded(&edit.replacement, charset));
        }
        at = at.max(end);
    }
    edited.extend_from_slice(&body[at..]);
    edited
}

fn encoded(text: &str, charset: Charset) -> Cow<'_, [u8]> {
    match charset {
        Charset::Utf8 => Cow::Borrowed(text.as_bytes()),
        Charset::Utf16Le => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        Charset::Utf16Be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Edit, edit, placeholder};

    fn at(start: usize, end: usize, replacement: &str) -> Edit {
        Edit { start, end, replacement: replacement.to_owned() }
    }

    #[test]
    fn edits_apply_in_order_of_place_whatever_their_order() {
        assert_eq!(edit(b"0123456789", &[at(8, 9, "B"), at(1, 3, "A")]), b"0A34567B9");
        assert_eq!(edit(b"0123", &[]), b"0123");
        assert_eq!(edit(b"0123", &[at(2, 2, "nothing to replace")]), b"0123");
    }

    #[test]
    fn overlapping_edits_remove_both_spans() {
        assert_eq!(edit(b"0123456789", &[at(2, 6, "A"), at(4, 8, "B")]), b"01A89");
        assert_eq!(edit(b"0123456789", &[at(2, 8, "A"), at(3, 4, "B")]), b"01A89");
    }

    #[test]
    fn spans_beyond_the_body_are_cut() {
        assert_eq!(edit(b"0123", &[at(2, 99, "A"), at(50, 60, "B")]), b"01AB");
    }

    #[test]
    fn placeholders_need_no_escape_anywhere() {
        assert_eq!(placeholder("api_key"), "[REDACTED_API_KEY]");
        assert_eq!(placeholder("we\"ird\n"), "[REDACTED_WE_IRD_]");
    }
}
