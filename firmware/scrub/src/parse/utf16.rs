use super::Shadow;
use super::shadow::Source;
use crate::accept::Charset;

/// Reads UTF-16 from `start` on into UTF-8; an unpaired surrogate becomes the replacement character.
pub(crate) fn utf16(body: &[u8], start: usize, charset: Charset) -> Shadow {
    let (units, _) = body[start..].as_chunks::<2>();
    let unit = |pair: &[u8; 2]| match charset {
        Charset::Utf16Be => u16::from_be_bytes(*pair),
        Charset::Utf16Le | Charset::Utf8 => u16::from_le_bytes(*pair),
    };
    let source = Source::origin(body);
    let mut shadow = Shadow::with_capacity(units.len());
    let mut at = start;
    let mut utf8 = [0; 4];
    for decoded in char::decode_utf16(units.iter().map(unit)) {
        let (c, len) = match decoded {
            Ok(c) => (c, c.len_utf16() * 2),
            Err(_) => (char::REPLACEMENT_CHARACTER, 2),
        };
        for byte in c.encode_utf8(&mut utf8).bytes() {
            shadow.unit(source, at..at + len, byte);
        }
        at += len;
    }
    shadow
}
