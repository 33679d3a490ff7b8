//! Server-sent events: the data of each event as one text or JSON.

use std::ops::Range;

use super::{Nesting, Reading, Shadow, Source, json};
use crate::accept::ScanError;

/// Appends the events of a stream. The lines of an event's data are one text; other lines are read as they stand.
pub(super) fn sse(
    source: Source<'_>,
    range: Range<usize>,
    nesting: &mut Nesting,
    out: &mut Reading,
) -> Result<(), ScanError> {
    let mut data = Shadow::default();
    let mut at = range.start;
    // Where the text of the data's last line ended.
    let mut end = at;
    for line in source.bytes[range.clone()].split_inclusive(|byte| *byte == b'\n') {
        let start = at;
        at += line.len();
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let prefix = [&b"data: "[..], b"data:"].into_iter().find(|prefix| text.starts_with(prefix));
        match prefix {
            Some(prefix) => {
                let value = start + prefix.len();
                if !data.text.is_empty() {
                    data.unit(source, end..value, b'\n');
                }
                end = start + text.len();
                data.copy(source, value..end);
            }
            None if text.is_empty() => event(&mut data, nesting, out)?,
            None => {
                out.text.push(source, start..at);
                out.text.glue("\n");
            }
        }
    }
    event(&mut data, nesting, out)
}

fn event(data: &mut Shadow, nesting: &mut Nesting, out: &mut Reading) -> Result<(), ScanError> {
    let data = std::mem::take(data);
    if data.text.is_empty() {
        return Ok(());
    }
    let source = Source { bytes: &data.text, map: Some(&data.map) };
    let all = 0..data.text.len();
    if !json(source, all.clone(), 0, nesting, out)? {
        out.text.push(source, all);
        out.text.glue("\n");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::sse;
    use crate::parse::{Nesting, Reading, Source};

    #[test]
    fn the_lines_of_an_event_are_one_text() {
        let text =
            "event: x\r\ndata: {\"a\":\r\ndata: \"b\"}\r\n\r\n: note\ndata:plain\ndata:  two\n\nid: 7\ndata: [DONE]";
        let mut nesting = Nesting { max_depth: 16, max_decoded: 1 << 16, decoded: 0 };
        let mut out = Reading::default();
        sse(Source::origin(text.as_bytes()), 0..text.len(), &mut nesting, &mut out).unwrap();
        let read = String::from_utf8(out.text.text.clone()).unwrap();
        assert_eq!(read, "event: x\r\n\n\"a\": \"b\"\n: note\n\nplain\n two\nid: 7\n\n[DONE]\n");
        let start = read.find("plain\n two").unwrap();
        assert_eq!(&text[out.text.map.origin(start, start + 10).unwrap()], "plain\ndata:  two");
    }
}
