//! Percent escapes and character references: what other programs resolve before they read a text.

use std::ops::Range;

use memchr::memchr2_iter;

/// Longest character reference that is read, such as `&#x0010FFFF;`.
const MAX_REFERENCE: usize = 12;

/// The named references of HTML that stand for ASCII.
const NAMED: [(&[u8], u8); 32] = [
    (b"amp", b'&'),
    (b"lt", b'<'),
    (b"gt", b'>'),
    (b"quot", b'"'),
    (b"apos", b'\''),
    (b"nbsp", b' '),
    (b"Tab", b'\t'),
    (b"NewLine", b'\n'),
    (b"excl", b'!'),
    (b"num", b'#'),
    (b"dollar", b'$'),
    (b"percnt", b'%'),
    (b"lpar", b'('),
    (b"rpar", b')'),
    (b"ast", b'*'),
    (b"plus", b'+'),
    (b"comma", b','),
    (b"hyphen", b'-'),
    (b"dash", b'-'),
    (b"period", b'.'),
    (b"sol", b'/'),
    (b"colon", b':'),
    (b"semi", b';'),
    (b"equals", b'='),
    (b"quest", b'?'),
    (b"commat", b'@'),
    (b"lsqb", b'['),
    (b"bsol", b'\\'),
    (b"rsqb", b']'),
    (b"lowbar", b'_'),
    (b"vert", b'|'),
    (b"grave", b'`'),
];

/// An escape and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Escape {
    pub(super) range: Range<usize>,
    pub(super) stands_for: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// A byte, perhaps one of several that are a character together.
    Byte(u8),
    Char(char),
}

/// The escapes of `text` in order of place.
pub(super) fn escapes(text: &[u8]) -> impl Iterator<Item = Escape> {
    let mut taken = 0;
    memchr2_iter(b'%', b'&', text).filter_map(move |at| {
        let (stands_for, len) = if at < taken { None } else { escape(&text[at..]) }?;
        taken = at + len;
        Some(Escape { range: at..taken, stands_for })
    })
}

fn escape(bytes: &[u8]) -> Option<(Unit, usize)> {
    match bytes {
        [b'%', b'u' | b'U', ..] => percent_unicode(bytes),
        [b'%', ..] => percent_nested(bytes).map(|(byte, len)| (Unit::Byte(byte), len)),
        [b'&', b'#', ..] => numbered(bytes),
        _ => named(bytes),
    }
}

/// The byte that `%41` stands for and the length of the escape, which may itself be escaped: `%2541`, `%252541`.
fn percent_nested(bytes: &[u8]) -> Option<(u8, usize)> {
    let percents = bytes[1..].as_chunks::<2>().0.iter().take(2).take_while(|pair| **pair == *b"25").count();
    let escape = |percents: usize| Some((percent_byte(&bytes[percents * 2..])?, percents * 2 + 3));
    // `%25` with no escape behind it is a percent sign.
    (1..=percents).rev().find_map(escape).or_else(|| escape(0))
}

/// The byte that `%41` stands for. Control characters other than white space are no text and stay encoded.
pub(super) fn percent_byte(bytes: &[u8]) -> Option<u8> {
    // The first byte is the percent sign, or the end of one that is escaped itself.
    let byte = u8::try_from(number(bytes.get(1..3)?, 16)?).ok()?;
    (byte >= b' ' || byte.is_ascii_whitespace()).then_some(byte)
}

/// `%u0041`, as JavaScript's `escape` writes it.
fn percent_unicode(bytes: &[u8]) -> Option<(Unit, usize)> {
    Some((Unit::Char(character(number(bytes.get(2..6)?, 16)?)?), 6))
}

/// `&#65;`, `&#x41;`, and without the semicolon as browsers take it.
fn numbered(bytes: &[u8]) -> Option<(Unit, usize)> {
    let (start, radix) = if matches!(bytes.get(2), Some(b'x' | b'X')) { (3, 16) } else { (2, 10) };
    let digits =
        bytes.get(start..)?.iter().take(MAX_REFERENCE - start).take_while(|byte| char::from(**byte).is_digit(radix));
    let end = start + digits.count();
    let c = character(number(&bytes[start..end], radix)?)?;
    Some((Unit::Char(c), end + usize::from(bytes.get(end) == Some(&b';'))))
}

fn named(bytes: &[u8]) -> Option<(Unit, usize)> {
    let len = bytes[1..].iter().take(MAX_REFERENCE).position(|byte| *byte == b';')?;
    let name = &bytes[1..1 + len];
    let (_, byte) = NAMED.iter().find(|(known, _)| *known == name)?;
    Some((Unit::Byte(*byte), len + 2))
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    let digit = |byte: &u8| char::from(*byte).to_digit(radix);
    let add = |number: u32, byte: &u8| number.checked_mul(radix)?.checked_add(digit(byte)?);
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}

/// Control characters other than white space are no text.
fn character(code: u32) -> Option<char> {
    char::from_u32(code).filter(|c| !c.is_control() || c.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::{Escape, Unit, escapes};

    #[test]
    fn escapes_are_read_as_other_programs_read_them() {
        let rows: [(&str, &[(&str, Unit)]); 9] = [
            ("a%41 %zz 100% %u0416", &[("%41", Unit::Byte(b'A')), ("%u0416", Unit::Char('Ж'))]),
            (
                "%2541%252541%25",
                &[("%2541", Unit::Byte(b'A')), ("%252541", Unit::Byte(b'A')), ("%25", Unit::Byte(b'%'))],
            ),
            (
                "&#65;&#x41;&#X041 b",
                &[("&#65;", Unit::Char('A')), ("&#x41;", Unit::Char('A')), ("&#X041", Unit::Char('A'))],
            ),
            ("a &amp; b &commat; &copy=1", &[("&amp;", Unit::Byte(b'&')), ("&commat;", Unit::Byte(b'@'))]),
            ("&#x1F600;", &[("&#x1F600;", Unit::Char('😀'))]),
            ("&#0; &#xD800; &#; &#x; &#99999999999;", &[]),
            ("%00%07", &[]),
            ("%uD83D &", &[]),
            ("", &[]),
        ];
        for (text, expected) in rows {
            let found: Vec<(&str, Unit)> =
                escapes(text.as_bytes()).map(|Escape { range, stands_for }| (&text[range], stands_for)).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
