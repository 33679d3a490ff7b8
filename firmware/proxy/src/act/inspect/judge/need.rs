//! What a scan will need, told from the bytes before there is one: these passes are over every body, so they are short.

use memchr::memchr3;

/// Bytes that the scanner keeps for one escape: the unit and what lies between it and the next.
pub(super) const PIECE: usize = 48;

/// Bytes that the scanner keeps for one run of letters that nobody sees: a text of its own, and where it came from.
const HIDDEN: usize = 256;

/// Bytes that the scanner keeps for one byte of UTF-16: two maps of what it is in UTF-8, in vectors that double.
const WIDE: usize = 144;

/// Bytes that the scanner keeps for one long number: its keys, itself, and where it came from.
pub(super) const NUMBER_LINE: usize = 192;

/// Digits that make a number long.
const LONG: usize = 7;

/// Bytes counted at once: the compiler makes vectors of a loop of known length, and a byte holds its sum.
const BLOCK: usize = 64;

/// What a scan needs beside the body, in bytes: a copy, for every escape or foldable character where it came from, and
/// for every long number a line of its own.
pub(in super::super) fn scan_memory(body: &[u8]) -> usize {
    // A body that is UTF-16 as a whole is read whole; in the parts of a form, where it shows itself by its zeros or by its
    // mark, which is in no UTF-8, no more than the scanner's cap.
    let wide = if gate_scrub::is_utf16(body) {
        body.len()
    } else if memchr3(0, 0xFE, 0xFF, body).is_some() {
        body.len().min(gate_scrub::MAX_WIDE)
    } else {
        0
    };
    WIDE * wide
        + body.len()
        + PIECE * count(body, is_unlike)
        + HIDDEN * count(body, may_hide)
        + NUMBER_LINE * long_numbers(body)
}

fn count(body: &[u8], is: impl Fn(u8) -> bool) -> usize {
    let (blocks, rest) = body.as_chunks::<BLOCK>();
    let within = |block: &[u8; BLOCK]| usize::from(block.iter().fold(0, |sum, byte| sum + u8::from(is(*byte))));
    blocks.iter().map(within).sum::<usize>() + rest.iter().filter(|byte| is(**byte)).count()
}

/// Escapes, references, and the first bytes of letters that look like others or are folded. Without a branch, for the
/// vectors' sake.
fn is_unlike(byte: u8) -> bool {
    let within = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    let mark = (byte == b'\\') | (byte == b'%') | (byte == b'&');
    let latin = (byte == 0xC2) | within(0xC4, 0xC5) | (byte == 0xC7);
    mark | latin | within(0xC9, 0xDF) | within(0xE0, 0xE3) | (byte == 0xEA) | within(0xEF, 0xF0)
}

/// The first byte of the plane of tags (U+E0000), which the scanner reads as the ASCII they stand for.
fn may_hide(byte: u8) -> bool {
    byte == 0xF3
}

/// A long number lies across every seventh byte, so that the others are looked at only around a digit there.
fn long_numbers(body: &[u8]) -> usize {
    let (mut count, mut at) = (0, LONG - 1);
    while let Some(byte) = body.get(at) {
        if byte.is_ascii_digit() {
            let before = body[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
            let from = body[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            count += usize::from(before + from >= LONG);
            at += from;
        }
        at += LONG;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, HIDDEN, LONG, NUMBER_LINE, PIECE, WIDE, is_unlike, may_hide, scan_memory};

    fn plainly(body: &[u8]) -> usize {
        let numbers = body.split(|byte| !byte.is_ascii_digit()).filter(|run| run.len() >= LONG).count();
        body.len() + PIECE * body.iter().filter(|byte| is_unlike(**byte)).count() + NUMBER_LINE * numbers
    }

    /// Whatever the scanner turns into something else it keeps a piece for.
    #[test]
    fn no_letter_that_the_scanner_folds_is_forgotten() {
        for letter in (0..=char::MAX as u32).filter_map(char::from_u32) {
            let mut utf8 = [0; 4];
            let first = letter.encode_utf8(&mut utf8).as_bytes()[0];
            if gate_scrub::folds(letter) {
                assert!(is_unlike(first) || may_hide(first), "U+{:04X}", letter as u32);
            }
        }
        assert!(!is_unlike(b'a') && !is_unlike(0xC3), "most of what is written in Europe");
    }

    #[test]
    fn text_of_two_bytes_a_letter_and_hidden_letters_cost_what_they_do() {
        assert_eq!(scan_memory(b"{\0\"\0a\0"), 6 * (1 + WIDE));
        let marked = [b"--b\r\n\r\n\xFF\xFE", &b"xy"[..].repeat(gate_scrub::MAX_WIDE)[..]].concat();
        assert_eq!(scan_memory(&marked), marked.len() + WIDE * gate_scrub::MAX_WIDE, "no more is read than that");
        let whole = [&b"\xFF\xFE"[..], &b"x\0".repeat(gate_scrub::MAX_WIDE)].concat();
        assert_eq!(scan_memory(&whole), whole.len() * (1 + WIDE), "one that is nothing else is read whole");
        assert_eq!(scan_memory("x\u{E0041}".as_bytes()), 5 + HIDDEN);
    }

    #[test]
    fn every_escape_and_long_number_is_counted_wherever_it_stands() {
        for length in 0..3 * BLOCK {
            assert_eq!(scan_memory(&vec![b'&'; length]), length * (1 + PIECE), "{length}");
        }
        for (digits, from) in (0..20).flat_map(|digits| (0..20).map(move |from| (digits, from))) {
            for between in 1..10 {
                let mut body = vec![b'x'; from];
                for _ in 0..3 {
                    body.extend(vec![b'7'; digits]);
                    body.extend(vec![b' '; between]);
                }
                assert_eq!(scan_memory(&body), plainly(&body), "{digits} digits, {from} before, {between} between");
            }
        }
    }
}
