use std::ops::Range;

use super::escapes::percent_byte;
use super::{Shadow, Source};

/// Appends an URL-encoded form as lines of `key=value`, percent escapes and `+` resolved.
pub(super) fn form(source: Source<'_>, range: Range<usize>, out: &mut Shadow) {
    let bytes = &source.bytes[..range.end];
    let mut at = range.start;
    // Resolved bytes first: what they spell is normalised in a second step, as in any other text.
    let mut plain = Shadow::with_capacity(range.len());
    while let Some(byte) = bytes.get(at) {
        let (taken, byte) = match byte {
            b'&' => {
                plain.glue("\n");
                at += 1;
                continue;
            }
            b'+' => (1, b' '),
            b'%' => match percent_byte(&bytes[at..]) {
                Some(byte) => (3, byte),
                None => (1, b'%'),
            },
            other => (1, *other),
        };
        if taken == 1 && byte == bytes[at] {
            plain.copy(source, at..at + 1);
        } else {
            plain.unit(source, at..at + taken, byte);
        }
        at += taken;
    }
    let resolved = Source { bytes: &plain.text, map: Some(&plain.map) };
    out.push(resolved, 0..plain.text.len());
}
