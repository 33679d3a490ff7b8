//! What a scan will need, told from the bytes before there is one: both passes are over every body, so they are short.

/// Bytes that the scanner keeps for one escape: the unit and what lies between it and the next.
pub(super) const PIECE: usize = 48;

/// Bytes that the scanner keeps for one long number: its keys, itself, and where it came from.
pub(super) const NUMBER_LINE: usize = 192;

/// Digits that make a number long.
const LONG: usize = 7;

/// Bytes counted at once: the compiler makes vectors of a loop of known length, and a byte holds its sum.
const BLOCK: usize = 64;

/// What a scan needs beside the body, in bytes: a copy, for every escape or foldable character where it came from, and
/// for every long number a line of its own.
pub(in super::super) fn scan_memory(body: &[u8]) -> usize {
    body.len() + PIECE * pieces(body) + NUMBER_LINE * long_numbers(body)
}

fn pieces(body: &[u8]) -> usize {
    let (blocks, rest) = body.as_chunks::<BLOCK>();
    let within = |block: &[u8; BLOCK]| usize::from(block.iter().fold(0, |sum, byte| sum + u8::from(is_unlike(*byte))));
    blocks.iter().map(within).sum::<usize>() + rest.iter().filter(|byte| is_unlike(**byte)).count()
}

/// Escapes, references, and the first bytes of letters that look like others or are folded. Without a branch, for the
/// vectors' sake.
fn is_unlike(byte: u8) -> bool {
    let within = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
    let mark = (byte == b'\\') | (byte == b'%') | (byte == b'&');
    mark | within(0xC9, 0xCA) | within(0xCC, 0xD6) | within(0xE1, 0xE2) | (byte == 0xEA) | within(0xEF, 0xF0)
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
    use super::{BLOCK, LONG, NUMBER_LINE, PIECE, is_unlike, scan_memory};

    fn plainly(body: &[u8]) -> usize {
        let numbers = body.split(|byte| !byte.is_ascii_digit()).filter(|run| run.len() >= LONG).count();
        body.len() + PIECE * body.iter().filter(|byte| is_unlike(**byte)).count() + NUMBER_LINE * numbers
    }

    #[test]
    fn the_bytes_that_differ_are_these() {
        let unlike = |byte: &u8| {
            matches!(byte, b'\\' | b'%' | b'&' | 0xC9 | 0xCA | 0xCC..=0xD6 | 0xE1 | 0xE2 | 0xEA | 0xEF | 0xF0)
        };
        assert!((0..=u8::MAX).all(|byte| is_unlike(byte) == unlike(&byte)));
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
