//! Folding of single characters and of backslash escapes.

use std::iter;

use unicode_normalization::UnicodeNormalization;

/// Backslashes read as one run; more of them begin a new one. No sane nesting of escapes reaches this.
const MAX_BACKSLASHES: usize = 63;

/// How many leading bytes of `bytes` are characters beyond ASCII that nothing folds: letters of the scripts in daily use.
pub(super) fn unchanged_run(bytes: &[u8]) -> usize {
    let mut at = 0;
    while bytes.get(at).is_some_and(|byte| *byte >= 0x80)
        && let Some(c) = decode_first(&bytes[at..])
        && is_unchanged(c)
    {
        at += c.len_utf8();
    }
    at
}

/// Letters that are their own normal form, apart from the few among them that are not.
fn is_unchanged(c: char) -> bool {
    matches!(c,
        '\u{C0}'..='\u{131}' | '\u{141}'..='\u{148}' | '\u{14A}'..='\u{17E}' | '\u{391}'..='\u{3CE}'
        | '\u{400}'..='\u{52F}' | '\u{531}'..='\u{556}' | '\u{561}'..='\u{586}' | '\u{5D0}'..='\u{5EA}'
        | '\u{620}'..='\u{64A}' | '\u{904}'..='\u{939}' | '\u{E01}'..='\u{E32}' | '\u{3041}'..='\u{3096}'
        | '\u{30A1}'..='\u{30FA}' | '\u{4E00}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}')
}

/// Writes the folded form of the first character of `bytes`, and says how many bytes that character has. A byte that
/// begins no character stays as it is.
pub(super) fn fold_first(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    match decode_first(bytes) {
        Some(c) => {
            fold(c, out);
            c.len_utf8()
        }
        None => {
            out.push(bytes[0]);
            1
        }
    }
}

/// Writes what a run of backslashes and what follows it stands for, and says how many bytes that took. The depth of
/// the escape is not looked at: `\n`, `\\n` and `\\\\n` are all a line break, because the same text may be a JSON string,
/// a JSON string inside one, or code.
pub(super) fn unescape_first(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let run = bytes.iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let rest = &bytes[run..];
    if let Some(byte) = rest.first().and_then(|letter| simple_escape(*letter)) {
        out.push(byte);
        return run + 1;
    }
    match rest.first() {
        Some(b'u') => match unicode_escape(rest) {
            Some((c, taken)) => {
                fold(c, out);
                run + taken
            }
            None => {
                out.push(b'\\');
                run
            }
        },
        Some(b'x') if hex(rest.get(1..3)).is_some_and(|code| (0x20..0x7F).contains(&code)) => {
            out.extend(hex(rest.get(1..3)).and_then(|code| u8::try_from(code).ok()));
            run + 3
        }
        _ => {
            out.push(b'\\');
            run
        }
    }
}

/// What a backslash and this letter stand for, if that is one byte whatever follows.
pub(super) fn simple_escape(letter: u8) -> Option<u8> {
    match letter {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'b' | b'f' | b'v' => Some(b' '),
        b'"' | b'\'' | b'/' | b'`' => Some(letter),
        _ => None,
    }
}

/// What the first character or escape of `bytes`, of which nobody sees anything, stands for to a machine: tag characters
/// (U+E0020 to U+E007E) and variation selectors (the byte 16 is U+E0100) carry ASCII that models read.
pub(super) fn hidden_letter(bytes: &[u8]) -> Option<u8> {
    let run = bytes.iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let c = if run > 0 { unicode_escape(bytes.get(run..)?)?.0 } else { decode_first(bytes)? };
    letter_of(c)
}

/// The printable ASCII character, tab or line break that an invisible character carries.
pub(super) fn letter_of(c: char) -> Option<u8> {
    let code = match c {
        '\u{E0009}' | '\u{E000A}' | '\u{E0020}'..='\u{E007E}' => u32::from(c) - 0xE_0000,
        '\u{E0100}'..='\u{E01EF}' => u32::from(c) - 0xE_0100 + 16,
        _ => return None,
    };
    u8::try_from(code).ok().filter(|byte| matches!(byte, b'\t' | b'\n' | b' '..=b'~'))
}

/// How many leading bytes of a text that goes on end with a whole character or escape: what follows them may be part of
/// one that stands for something else.
pub(crate) fn whole_units(bytes: &[u8]) -> usize {
    /// Longer than `\u{10FFFF}` and than two halves of a surrogate pair, apart from their backslashes.
    const ESCAPE: usize = 16;
    /// Longer than `%252541`.
    const PERCENT: usize = 8;
    let tail = |len: usize| bytes.len().saturating_sub(len);
    let first = |from: usize, wanted: u8| bytes[from..].iter().position(|byte| *byte == wanted).map(|at| from + at);
    let backslash = first(tail(ESCAPE), b'\\').map(|at| escape_start(bytes, at));
    let percent = first(tail(PERCENT), b'%');
    let partial = (tail(3)..bytes.len()).find(|at| match std::str::from_utf8(&bytes[*at..]) {
        Ok(_) => false,
        Err(error) => error.valid_up_to() == 0 && error.error_len().is_none(),
    });
    [backslash, percent, partial].into_iter().flatten().min().unwrap_or(bytes.len())
}

/// The start of the escape that has a backslash at `at`: of its run, or of the high surrogate that the run follows.
fn escape_start(bytes: &[u8], at: usize) -> usize {
    let run_start = |at: usize| at - bytes[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
    let start = run_start(at);
    let surrogate = bytes[..start].last_chunk::<5>().is_some_and(|half| {
        half[0] == b'u' && hex(Some(&half[1..])).is_some_and(|code| (0xD800..0xDC00).contains(&code))
    });
    if surrogate { run_start(start - 5) } else { start }
}

/// Reads `u0041`, `u{41}` or a surrogate pair such as `ud83d\ude00`, with any number of backslashes in the middle.
fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    if bytes.get(1) == Some(&b'{') {
        let digits = bytes.get(2..)?.iter().take(7).position(|byte| *byte == b'}')?;
        return Some((char::from_u32(hex(bytes.get(2..2 + digits))?)?, digits + 3));
    }
    let high = hex(bytes.get(1..5))?;
    if let Some(c) = char::from_u32(high) {
        return Some((c, 5));
    }
    let run = bytes[5..].iter().take(MAX_BACKSLASHES).take_while(|byte| **byte == b'\\').count();
    let at = 5 + run;
    let low = hex(bytes.get(at + 1..at + 5)).filter(|_| run > 0 && bytes[at] == b'u')?;
    let units = [u16::try_from(high).ok()?, u16::try_from(low).ok()?];
    let c = char::decode_utf16(units).next()?.ok()?;
    Some((c, at + 5))
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The first character of `bytes`, if they begin with one.
pub(super) fn decode_first(bytes: &[u8]) -> Option<char> {
    let six = |byte: u8| (byte & 0xC0 == 0x80).then_some(u32::from(byte & 0x3F));
    match *bytes {
        [a @ ..0x80, ..] => Some(char::from(a)),
        [a @ 0xC2..=0xDF, b, ..] => char::from_u32(u32::from(a & 0x1F) << 6 | six(b)?),
        [a @ 0xE0..=0xEF, b, c, ..] => {
            let code = u32::from(a & 0x0F) << 12 | six(b)? << 6 | six(c)?;
            char::from_u32(code).filter(|_| code >= 0x800)
        }
        [a @ 0xF0..=0xF4, b, c, d, ..] => {
            let code = u32::from(a & 0x07) << 18 | six(b)? << 12 | six(c)? << 6 | six(d)?;
            char::from_u32(code).filter(|_| code >= 0x1_0000)
        }
        _ => None,
    }
}

/// Writes what a reader takes `c` for.
pub(super) fn fold(c: char, out: &mut Vec<u8>) {
    if c.is_ascii() {
        out.push(c as u8);
    } else if is_invisible(c) {
        // Dropped: nobody sees it, and it would cut a secret in two.
    } else if let Some(ascii) = look_alike(c) {
        out.push(ascii);
    } else {
        let mut utf8 = [0; 4];
        iter::once(c).nfkc().for_each(|c| out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()));
    }
}

/// Whether `c` stands for something else than itself, and a note of where it was is kept.
pub fn folds(c: char) -> bool {
    let (mut utf8, mut folded) = ([0; 4], Vec::new());
    fold(c, &mut folded);
    folded != c.encode_utf8(&mut utf8).as_bytes()
}

/// Characters without a glyph: soft hyphen, joiners, direction marks, variation selectors, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{E0000}'..='\u{E0FFF}')
}

/// The ASCII character that a dash, quotation mark or digit of another script stands for; NFKC keeps those apart.
fn look_alike(c: char) -> Option<u8> {
    /// The zeros of the decimal digits of scripts in daily use.
    const ZEROS: [u32; 12] = [0x660, 0x6F0, 0x7C0, 0x966, 0x9E6, 0xA66, 0xAE6, 0xB66, 0xBE6, 0xC66, 0xE50, 0x17E0];
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => Some(b'-'),
        '\u{2018}'..='\u{201B}' | '\u{2039}' | '\u{203A}' => Some(b'\''),
        '\u{201C}'..='\u{201F}' | '\u{AB}' | '\u{BB}' => Some(b'"'),
        _ => {
            let code = u32::from(c);
            let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
            u8::try_from(code - zero).ok().map(|digit| b'0' + digit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{decode_first, fold, is_unchanged, unchanged_run};

    #[test]
    fn what_is_said_to_be_unchanged_is() {
        for c in ('\u{80}'..char::MAX).filter(|c| is_unchanged(*c)) {
            let mut folded = Vec::new();
            fold(c, &mut folded);
            assert_eq!(folded, c.to_string().as_bytes(), "{c:?} {:#x}", u32::from(c));
        }
        assert_eq!(unchanged_run("жизнь ok".as_bytes()), "жизнь".len());
        assert_eq!(unchanged_run("ｗ".as_bytes()), 0);
        assert_eq!(unchanged_run(&"ж".as_bytes()[..1]), 0);
    }

    #[test]
    fn a_character_is_decoded_like_everywhere_else() {
        let firsts = ["ж", "€", "😀", "a", "\u{7FF}", "\u{800}", "\u{FFFF}", "\u{10FFFF}"];
        for text in firsts {
            assert_eq!(decode_first(text.as_bytes()), text.chars().next());
        }
        for broken in [&b"\xC0\x80"[..], b"\xED\xA0\x80", b"\xF5\x80\x80\x80", b"\xE2\x82", b"\x80", b"\xE0\x80\x80"] {
            assert_eq!(decode_first(broken), None, "{broken:?}");
        }
    }
}
