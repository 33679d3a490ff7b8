//! A body by its kind, as texts to match in.

use std::ops::Range;

use super::{Nesting, Opaque, Reading, Shadow, Source, form, json, multipart, ndjson, sse, utf16};
use crate::accept::{BodyKind, Charset, ScanError, charset};

/// The shadows of a body of some kind: one, or two where it looks like UTF-16. That is a guess from its first bytes, and
/// what a guess got wrong must not go unread.
pub(crate) fn readings(kind: BodyKind, body: &[u8], nesting: &mut Nesting) -> Result<Vec<Reading>, ScanError> {
    let (charset, start) = charset(body);
    if charset == Charset::Utf8 {
        return Ok(vec![reading(kind, Source::origin(body), start, nesting)?]);
    }
    let decoded = utf16(body, start, charset);
    let wide = Source { bytes: &decoded.text, map: Some(&decoded.map) };
    Ok(vec![reading(kind, wide, 0, nesting)?, reading(kind, Source::origin(body), 0, nesting)?])
}

fn reading(kind: BodyKind, source: Source<'_>, start: usize, nesting: &mut Nesting) -> Result<Reading, ScanError> {
    let text = Shadow::with_capacity(source.bytes.len() + source.bytes.len() / 8);
    let mut reading = Reading { text, ..Reading::default() };
    structure(kind, source, start..source.bytes.len(), nesting, &mut reading)?;
    Ok(reading)
}

/// Appends a piece of a text as what it is said to be, or as text if it is not.
pub(super) fn structure(
    kind: BodyKind,
    source: Source<'_>,
    range: Range<usize>,
    nesting: &mut Nesting,
    out: &mut Reading,
) -> Result<(), ScanError> {
    match kind {
        BodyKind::Json if json(source, range.clone(), 0, nesting, out)? => {}
        BodyKind::Ndjson => ndjson(source, range, nesting, out)?,
        BodyKind::Sse => sse(source, range, nesting, out)?,
        BodyKind::Form => form(source, range, &mut out.text),
        BodyKind::Multipart(boundary) if multipart(source, range.clone(), &boundary, nesting, out)? => {}
        BodyKind::Multipart(_) => {
            out.opaque.push(Opaque { range: range.clone(), said_to_be_text: false });
            out.text.push(source, range);
        }
        BodyKind::Json | BodyKind::Text => out.text.push(source, range),
    }
    Ok(())
}
