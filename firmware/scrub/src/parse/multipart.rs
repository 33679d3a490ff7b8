//! Multipart bodies (RFC 2046 section 5.1, RFC 7578): the parts of a form, each as what it says it is.

use std::ops::Range;

use memchr::memchr;
use memchr::memmem::Finder;

use super::structure::structure;
use super::{Nesting, Opaque, Reading, Source, utf16};
use crate::accept::{BodyKind, Boundary, Charset, ScanError, charset, is_readable, names_foreign_charset};

/// Longest head of a part. What has no end by then is content.
const MAX_HEAD: usize = 16 << 10;

/// Bytes of UTF-16 that are read in the parts of one body, in all: each costs a hundred times its size while it is
/// scanned. A part that goes beyond them is left unread, and told.
pub const MAX_WIDE: usize = 128 << 10;

/// What the head of a part says.
#[derive(Debug, Default)]
struct Head<'a> {
    media_type: &'a [u8],
    /// The name of a field that holds no file.
    name: Range<usize>,
    /// An edit would make its `Content-Length` or its encoding wrong.
    is_bound: bool,
    /// What `Content-Type` says with its parameters.
    content_type: &'a [u8],
}

/// Appends the parts of a multipart body; says whether there is any.
pub(super) fn multipart(
    source: Source<'_>,
    range: Range<usize>,
    boundary: &Boundary,
    nesting: &mut Nesting,
    out: &mut Reading,
) -> Result<bool, ScanError> {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let delimiters: Vec<Delimiter> =
        Delimiters { bytes: &source.bytes[..range.end], finder: Finder::new(&delimiter), at: range.start }.collect();
    let Some(first) = delimiters.first() else { return Ok(false) };
    let aside = |aside: Range<usize>, out: &mut Reading| {
        out.text.push(source, aside);
        out.text.glue("\n");
    };
    aside(range.start..first.range.start, out);
    for (index, delimiter) in delimiters.iter().enumerate() {
        let end = delimiters.get(index + 1).map_or(range.end, |next| next.range.start);
        let inside = delimiter.range.end.min(end)..end;
        if delimiter.closes { aside(inside, out) } else { part(source, inside, nesting, out)? }
    }
    Ok(true)
}

/// A line that parts are separated by, with the line break before it.
struct Delimiter {
    range: Range<usize>,
    closes: bool,
}

struct Delimiters<'a> {
    bytes: &'a [u8],
    finder: Finder<'a>,
    at: usize,
}

impl Iterator for Delimiters<'_> {
    type Item = Delimiter;

    fn next(&mut self) -> Option<Delimiter> {
        loop {
            let at = self.at + self.finder.find(&self.bytes[self.at..])?;
            let behind = at + self.finder.needle().len();
            self.at = behind;
            let before = &self.bytes[..at];
            let start = match before {
                [] => 0,
                [.., b'\r', b'\n'] => at - 2,
                [.., b'\n'] => at - 1,
                _ => continue,
            };
            let rest = &self.bytes[behind..];
            let closes = rest.starts_with(b"--");
            let space = rest
                .iter()
                .skip(if closes { 2 } else { 0 })
                .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
                .count();
            let end = behind + if closes { 2 } else { 0 } + space;
            match self.bytes.get(end) {
                Some(b'\n') => return Some(Delimiter { range: start..end + 1, closes }),
                None => return Some(Delimiter { range: start..end, closes }),
                // A longer boundary that begins alike is another one.
                Some(_) if closes => return Some(Delimiter { range: start..end, closes }),
                Some(_) => {}
            }
        }
    }
}

/// Appends the head of a part as text, and its content as what it is.
fn part(source: Source<'_>, range: Range<usize>, nesting: &mut Nesting, out: &mut Reading) -> Result<(), ScanError> {
    let content = content_start(&source.bytes[range.clone()]).map_or(range.start, |len| range.start + len);
    let head = Head::read(source.bytes, range.start..content);
    out.text.push(source, range.start..content);
    out.text.glue("\n");
    let content = content..range.end;
    let bytes = &source.bytes[content.clone()];
    let is_foreign = std::str::from_utf8(head.content_type).is_ok_and(|named| names_foreign_charset(named, bytes));
    let is_wide = charset(bytes).0 != Charset::Utf8;
    let fits = !is_wide || bytes.len() <= MAX_WIDE - out.wide;
    let is_text_unread = !fits && is_readable(bytes);
    let is_text = fits && is_readable(bytes) && !is_packed(bytes) && !is_foreign;
    let origin = origin(source, &content);
    if !is_text {
        out.opaque.push(Opaque {
            range: origin,
            said_to_be_text: is_foreign || is_text_unread || says_text(head.media_type),
        });
    } else if head.is_bound || is_wide {
        // A replacement is written in the encoding of the whole body.
        out.bound.push(origin);
    }
    let kind = if is_text { kind(head.media_type, bytes) } else { BodyKind::Text };
    if kind == BodyKind::Text && !head.name.is_empty() {
        out.text.copy(source, head.name);
        out.text.glue(": ");
    }
    let (charset, start) = charset(bytes);
    if is_text && is_wide && source.map.is_none() {
        out.wide += bytes.len();
        let decoded = utf16(&source.bytes[..content.end], content.start + start, charset);
        structure(kind, Source { bytes: &decoded.text, map: Some(&decoded.map) }, 0..decoded.text.len(), nesting, out)?;
    } else {
        structure(kind, source, content, nesting, out)?;
    }
    out.text.glue("\n");
    Ok(())
}

fn origin(source: Source<'_>, range: &Range<usize>) -> Range<usize> {
    source.map.map_or(range.clone(), |map| map.start_of(range.start)..map.start_of(range.end))
}

/// The length of a part's head with the empty line behind it; `None` where it has no end within 16 KiB.
pub fn content_start(part: &[u8]) -> Option<usize> {
    let head = &part[..part.len().min(MAX_HEAD)];
    let mut at = 0;
    loop {
        let line = memchr(b'\n', &head[at..])?;
        let empty = matches!(&head[at..at + line], b"" | b"\r");
        at += line + 1;
        if empty {
            return Some(at);
        }
    }
}

impl<'a> Head<'a> {
    fn read(bytes: &'a [u8], range: Range<usize>) -> Self {
        let mut head = Self::default();
        let mut at = range.start;
        for line in bytes[range].split_inclusive(|byte| *byte == b'\n') {
            let start = at;
            at += line.len();
            let Some(colon) = memchr(b':', line) else { continue };
            let value = line[colon + 1..].trim_ascii();
            match line[..colon].trim_ascii().to_ascii_lowercase().as_slice() {
                b"content-type" => (head.content_type, head.media_type) = (value, essence(value)),
                b"content-disposition" => {
                    head.name = field_name(line).map_or(0..0, |name| start + name.start..start + name.end);
                }
                b"content-length" | b"content-md5" => head.is_bound = true,
                b"content-transfer-encoding" => {
                    let plain = [&b"binary"[..], b"8bit", b"7bit"];
                    head.is_bound |= !plain.iter().any(|word| value.eq_ignore_ascii_case(word));
                }
                _ => {}
            }
        }
        head
    }
}

/// Where the name of a field stands in its `Content-Disposition`; a file has another content than its name says.
fn field_name(line: &[u8]) -> Option<Range<usize>> {
    let find = |wanted: &[u8]| line.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted));
    if find(b"filename").is_some() {
        return None;
    }
    let start = find(b" name=\"").map(|at| at + 7)?;
    let len = memchr(b'"', &line[start..])?;
    Some(start..start + len)
}

fn essence(value: &[u8]) -> &[u8] {
    value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii()
}

/// How the content of a part is read. The bytes speak before the head, as they do for whole bodies.
fn kind(media_type: &[u8], content: &[u8]) -> BodyKind {
    let is = |name: &str| media_type.eq_ignore_ascii_case(name.as_bytes());
    let first = content.iter().find(|byte| !byte.is_ascii_whitespace());
    if is("application/x-ndjson") || is("application/jsonl") || is("application/x-jsonlines") {
        BodyKind::Ndjson
    } else if matches!(first, Some(b'{' | b'[' | b'"')) {
        if is_lines(content) { BodyKind::Ndjson } else { BodyKind::Json }
    } else if is("application/x-www-form-urlencoded") {
        BodyKind::Form
    } else {
        BodyKind::Text
    }
}

/// Whether the first line is a JSON object by itself, as in the files that batches are uploaded in.
fn is_lines(content: &[u8]) -> bool {
    let mut lines = content.trim_ascii().split(|byte| *byte == b'\n');
    let object = |line: Option<&[u8]>| line.is_some_and(|line| matches!(line.trim_ascii(), [b'{', .., b'}']));
    object(lines.next()) && object(lines.next())
}

fn says_text(media_type: &[u8]) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    media_type.starts_with(b"text/") || media_type.ends_with(b"json")
}

/// Compressed bytes that happen to be valid UTF-8, or an archive.
fn is_packed(content: &[u8]) -> bool {
    [&b"\x1f\x8b"[..], b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"%PDF-"].iter().any(|magic| content.starts_with(magic))
}

#[cfg(test)]
mod tests;
