//! Letters of other scripts that look like Latin ones.

/// Letters and what they look like, in order of code point: those of Unicode's confusables (UTS 39) that common fonts draw
/// alike. What NFKC folds by itself (full width, mathematical and enclosed letters) is not among them.
const LETTERS: &[(char, u8)] = &[
    ('\u{131}', b'i'), // Latin
    ('\u{251}', b'a'),
    ('\u{261}', b'g'),
    ('\u{262}', b'g'),
    ('\u{269}', b'i'),
    ('\u{26A}', b'i'),
    ('\u{274}', b'n'),
    ('\u{280}', b'r'),
    ('\u{28F}', b'y'),
    ('\u{299}', b'b'),
    ('\u{29C}', b'h'),
    ('\u{29F}', b'l'),
    ('\u{37F}', b'J'), // Greek
    ('\u{391}', b'A'),
    ('\u{392}', b'B'),
    ('\u{395}', b'E'),
    ('\u{396}', b'Z'),
    ('\u{397}', b'H'),
    ('\u{399}', b'I'),
    ('\u{39A}', b'K'),
    ('\u{39C}', b'M'),
    ('\u{39D}', b'N'),
    ('\u{39F}', b'O'),
    ('\u{3A1}', b'P'),
    ('\u{3A4}', b'T'),
    ('\u{3A5}', b'Y'),
    ('\u{3A7}', b'X'),
    ('\u{3B1}', b'a'),
    ('\u{3B9}', b'i'),
    ('\u{3BA}', b'k'),
    ('\u{3BD}', b'v'),
    ('\u{3BF}', b'o'),
    ('\u{3C1}', b'p'),
    ('\u{3C5}', b'u'),
    ('\u{3C7}', b'x'),
    ('\u{3F2}', b'c'),
    ('\u{3F3}', b'j'),
    ('\u{3F9}', b'C'),
    ('\u{405}', b'S'), // Cyrillic
    ('\u{406}', b'I'),
    ('\u{408}', b'J'),
    ('\u{410}', b'A'),
    ('\u{412}', b'B'),
    ('\u{415}', b'E'),
    ('\u{41A}', b'K'),
    ('\u{41C}', b'M'),
    ('\u{41D}', b'H'),
    ('\u{41E}', b'O'),
    ('\u{420}', b'P'),
    ('\u{421}', b'C'),
    ('\u{422}', b'T'),
    ('\u{423}', b'Y'),
    ('\u{425}', b'X'),
    ('\u{42C}', b'b'),
    ('\u{430}', b'a'),
    ('\u{435}', b'e'),
    ('\u{43A}', b'k'),
    ('\u{43C}', b'm'),
    ('\u{43E}', b'o'),
    ('\u{440}', b'p'),
    ('\u{441}', b'c'),
    ('\u{442}', b't'),
    ('\u{443}', b'y'),
    ('\u{445}', b'x'),
    ('\u{455}', b's'),
    ('\u{456}', b'i'),
    ('\u{458}', b'j'),
    ('\u{461}', b'w'),
    ('\u{474}', b'V'),
    ('\u{475}', b'v'),
    ('\u{4AE}', b'Y'),
    ('\u{4AF}', b'y'),
    ('\u{4BB}', b'h'),
    ('\u{4C0}', b'I'),
    ('\u{4CF}', b'l'),
    ('\u{501}', b'd'),
    ('\u{50C}', b'G'),
    ('\u{51A}', b'Q'),
    ('\u{51B}', b'q'),
    ('\u{51C}', b'W'),
    ('\u{51D}', b'w'),
    ('\u{54D}', b'U'), // Armenian
    ('\u{54F}', b'S'),
    ('\u{555}', b'O'),
    ('\u{561}', b'w'),
    ('\u{563}', b'q'),
    ('\u{566}', b'q'),
    ('\u{570}', b'h'),
    ('\u{575}', b'j'),
    ('\u{578}', b'n'),
    ('\u{57D}', b'u'),
    ('\u{581}', b'g'),
    ('\u{584}', b'f'),
    ('\u{585}', b'o'),
    ('\u{13A0}', b'D'), // Cherokee
    ('\u{13A1}', b'R'),
    ('\u{13A2}', b'T'),
    ('\u{13A5}', b'i'),
    ('\u{13A9}', b'Y'),
    ('\u{13AA}', b'A'),
    ('\u{13AB}', b'J'),
    ('\u{13AC}', b'E'),
    ('\u{13B3}', b'W'),
    ('\u{13B7}', b'M'),
    ('\u{13BB}', b'H'),
    ('\u{13BD}', b'Y'),
    ('\u{13C0}', b'G'),
    ('\u{13C2}', b'h'),
    ('\u{13C3}', b'Z'),
    ('\u{13CF}', b'b'),
    ('\u{13D2}', b'R'),
    ('\u{13D4}', b'W'),
    ('\u{13D5}', b'S'),
    ('\u{13D9}', b'V'),
    ('\u{13DA}', b'S'),
    ('\u{13DE}', b'L'),
    ('\u{13DF}', b'C'),
    ('\u{13E2}', b'P'),
    ('\u{13E6}', b'K'),
    ('\u{13E7}', b'd'),
    ('\u{13F3}', b'G'),
    ('\u{13F4}', b'B'),
    ('\u{1D00}', b'a'), // small capitals
    ('\u{1D04}', b'c'),
    ('\u{1D05}', b'd'),
    ('\u{1D07}', b'e'),
    ('\u{1D0A}', b'j'),
    ('\u{1D0B}', b'k'),
    ('\u{1D0D}', b'm'),
    ('\u{1D0F}', b'o'),
    ('\u{1D18}', b'p'),
    ('\u{1D1B}', b't'),
    ('\u{1D1C}', b'u'),
    ('\u{1D20}', b'v'),
    ('\u{1D21}', b'w'),
    ('\u{1D22}', b'z'),
    ('\u{2C82}', b'B'), // Coptic
    ('\u{2C8E}', b'H'),
    ('\u{2C92}', b'I'),
    ('\u{2C94}', b'K'),
    ('\u{2C98}', b'M'),
    ('\u{2C9A}', b'N'),
    ('\u{2C9E}', b'O'),
    ('\u{2C9F}', b'o'),
    ('\u{2CA2}', b'P'),
    ('\u{2CA3}', b'p'),
    ('\u{2CA4}', b'C'),
    ('\u{2CA5}', b'c'),
    ('\u{2CA6}', b'T'),
    ('\u{2CA8}', b'Y'),
    ('\u{2CAC}', b'X'),
    ('\u{A4D0}', b'B'), // Lisu
    ('\u{A4D1}', b'P'),
    ('\u{A4D3}', b'D'),
    ('\u{A4D4}', b'T'),
    ('\u{A4D6}', b'G'),
    ('\u{A4D7}', b'K'),
    ('\u{A4D9}', b'J'),
    ('\u{A4DA}', b'C'),
    ('\u{A4DC}', b'Z'),
    ('\u{A4DD}', b'F'),
    ('\u{A4DF}', b'M'),
    ('\u{A4E0}', b'N'),
    ('\u{A4E1}', b'L'),
    ('\u{A4E2}', b'S'),
    ('\u{A4E3}', b'R'),
    ('\u{A4E6}', b'V'),
    ('\u{A4E7}', b'H'),
    ('\u{A4EA}', b'W'),
    ('\u{A4EB}', b'X'),
    ('\u{A4EC}', b'Y'),
    ('\u{A4EE}', b'A'),
    ('\u{A4F0}', b'E'),
    ('\u{A4F2}', b'I'),
    ('\u{A4F3}', b'O'),
    ('\u{A4F4}', b'U'),
    ('\u{A730}', b'f'), // small capitals again
    ('\u{A731}', b's'),
];

/// Alphabets that begin at the given code point with A: negative circled, negative squared, regional indicators.
const ALPHABETS: [u32; 3] = [0x1F150, 0x1F170, 0x1F1E6];

/// The letters below this are in a table of their own, because whole texts are written in their scripts.
const DAILY: usize = 0x600;

/// What the letters below [`DAILY`] look like; 0 is nothing.
const DAILY_LETTERS: [u8; DAILY] = {
    let mut table = [0; DAILY];
    let mut index = 0;
    while index < LETTERS.len() && (LETTERS[index].0 as usize) < DAILY {
        table[LETTERS[index].0 as usize] = LETTERS[index].1;
        index += 1;
    }
    table
};

/// The Latin letter that a letter of another script looks like.
pub(super) fn latin(c: char) -> Option<u8> {
    let code = u32::from(c);
    if let Some(letter) = DAILY_LETTERS.get(c as usize) {
        return (*letter != 0).then_some(*letter);
    }
    if code >= 0x1F150 {
        let alphabet = ALPHABETS.iter().find(|first| (**first..**first + 26).contains(&code))?;
        return u8::try_from(code - alphabet).ok().map(|letter| b'A' + letter);
    }
    LETTERS.binary_search_by(|(letter, _)| letter.cmp(&c)).ok().map(|index| LETTERS[index].1)
}

/// Whether the character only adorns the one before it.
pub(super) fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether a character of UTF-8 that begins with this byte may be one of these.
pub(super) fn may_begin(byte: u8) -> bool {
    matches!(byte, 0xC4 | 0xC9 | 0xCA | 0xCC..=0xD6 | 0xE1 | 0xE2 | 0xEA | 0xEF | 0xF0)
}

#[cfg(test)]
mod tests {
    use super::{LETTERS, is_mark, latin, may_begin};

    #[test]
    fn the_table_is_in_order_and_its_first_bytes_are_known() {
        assert!(LETTERS.is_sorted_by(|a, b| a.0 < b.0));
        let first = |c: char| c.to_string().as_bytes()[0];
        let marks = (0..0x1_0000).filter_map(char::from_u32).filter(|c| is_mark(*c));
        let alphabets = ('\u{1F150}'..='\u{1F200}').filter(|c| latin(*c).is_some());
        assert!(LETTERS.iter().map(|row| row.0).chain(marks).chain(alphabets).all(|c| may_begin(first(c))));
    }

    #[test]
    fn letters_of_several_scripts_have_their_latin_twin() {
        let rows = [
            ("аеорсух", "aeopcyx"),
            ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"),
            ("օսո", "oun"),
            ("ᎪᏴ", "AB"),
            ("🅐🅱🇨", "ABC"),
        ];
        for (text, letters) in rows {
            let twin: String = text.chars().filter_map(latin).map(char::from).collect();
            assert_eq!(twin, letters);
        }
        assert!("жшиüß漢ñ".chars().all(|other| latin(other).is_none()));
    }
}
