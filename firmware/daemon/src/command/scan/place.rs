//! Where a byte stands, as people count.

use serde::Serialize;

/// A line and a column, both from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// The units that a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Units {
    /// What a byte order mark says, and UTF-8 without one.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xFF, 0xFE, ..] => Self::Utf16Le,
            [0xFE, 0xFF, ..] => Self::Utf16Be,
            _ => Self::Utf8,
        }
    }
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };

    /// The place behind `bytes`.
    pub(super) fn after(self, bytes: &[u8], units: Units) -> Self {
        match units {
            Units::Utf8 => self.after_utf8(bytes),
            Units::Utf16Le => self.after_utf16(bytes, u16::from_le_bytes),
            Units::Utf16Be => self.after_utf16(bytes, u16::from_be_bytes),
        }
    }

    fn after_utf8(self, bytes: &[u8]) -> Self {
        // Bytes that continue a character do not count.
        let characters = |bytes: &[u8]| bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        let newlines = bytes.iter().filter(|byte| **byte == b'\n').count();
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => Self { line: self.line + newlines, column: 1 + characters(&bytes[last + 1..]) },
            None => Self { column: self.column + characters(bytes), ..self },
        }
    }

    fn after_utf16(mut self, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Self {
        for pair in bytes.as_chunks::<2>().0 {
            match unit(*pair) {
                0x000A => self = Self { line: self.line + 1, column: 1 },
                // The second half of a pair belongs to the character that the first one began.
                0xDC00..=0xDFFF | 0xFEFF => {}
                _ => self.column += 1,
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, Units};

    #[test]
    fn lines_and_characters_are_counted_however_the_text_is_cut() {
        let text = "first\nGr\u{FC}\u{DF}e\r\n\n\u{1F600}!";
        let places = [("first", 1, 6), ("first\n", 2, 1), ("first\nGr\u{FC}\u{DF}", 2, 5), (text, 4, 3)];
        for (before, line, column) in places {
            for cut in 0..=before.len() {
                let (head, tail) = before.as_bytes().split_at(cut);
                let place = Place::START.after(head, Units::Utf8).after(tail, Units::Utf8);
                assert_eq!((place.line, place.column), (line, column), "{before:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn utf16_is_counted_in_characters_too() {
        let text = "a\n\u{10A}\u{1F600}b";
        let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = [b"\xFE\xFF".as_slice(), &be].concat();
        assert_eq!(Units::of(&marked), Units::Utf16Be);
        for (bytes, units) in [(le, Units::Utf16Le), (marked, Units::Utf16Be)] {
            let place = Place::START.after(&bytes, units);
            assert_eq!((place.line, place.column), (2, 4));
        }
    }
}
