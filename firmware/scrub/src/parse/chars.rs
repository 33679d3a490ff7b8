//! Folding of single characters and of backslash escapes.

use std::iter;

use unicode_normalization::UnicodeNormalization;

/// Backslashes read as one run; more of them begin a new one. No sane nesting of escapes reaches this.
const MAX_BACKSLASHES: usize = 63;

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
    let plain = |out: &mut Vec<u8>, byte: u8| {
        out.push(byte);
        run + 1
    };
    match rest.first() {
        Some(b'n') => plain(out, b'\n'),
        Some(b'r') => plain(out, b'\r'),
        Some(b't') => plain(out, b'\t'),
        Some(b'b' | b'f' | b'v') => plain(out, b' '),
        Some(quote @ (b'"' | b'\'' | b'/' | b'`')) => plain(out, *quote),
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
    let len = match bytes[0] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    std::str::from_utf8(bytes.get(..len)?).ok()?.chars().next()
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
