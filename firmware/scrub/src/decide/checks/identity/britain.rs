//! The United Kingdom and Ireland.

use super::super::{number, varied, weighted};
use super::{chars, digit_at};

/// Weights 10 to 2 modulo 11, as NHS numbers and Scotland's CHI have them (NHS Data Dictionary).
pub(in super::super) fn uk_nhs(digits: &[u8]) -> bool {
    let [body @ .., check] = digits else { return false };
    let rest = weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    body.len() == 9 && varied(digits) && (11 - rest) % 11 == u32::from(*check)
}

/// HM Revenue & Customs' rules for the two letters (NIM39110).
pub(in super::super) fn uk_nino(value: &[u8]) -> bool {
    let mut letters = value.iter().map(u8::to_ascii_uppercase);
    let (Some(first), Some(second)) = (letters.next(), letters.next()) else { return false };
    let pair = [first, second];
    first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&pair)
}

/// The first digit follows from the other nine, weights 6 7 8 9 10 5 4 3 2 modulo 11.
pub(in super::super) fn uk_utr(digits: &[u8]) -> bool {
    let [check, body @ ..] = digits else { return false };
    let expected = digit_at(b"21987654321", weighted(body, &[6, 7, 8, 9, 10, 5, 4, 3, 2]) % 11);
    body.len() == 9 && varied(digits) && expected - b'0' == *check
}

/// DVLA's sixteen characters: five of the surname, then decade, month (50 more for women), day, year, initials.
pub(in super::super) fn uk_driving_licence(value: &[u8]) -> bool {
    let (chars, len) = chars::<16>(value);
    let born = chars.map(|byte| byte.wrapping_sub(b'0'));
    len == 16
        && chars[..5].iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'9')
        && chars[0] != b'9'
        && born[5..11].iter().all(|digit| *digit < 10)
        && matches!(number(&born[6..8]), 1..=12 | 51..=62)
        && matches!(number(&born[8..10]), 1..=31)
}

/// Weights 8 to 2 modulo 23; of two letters A and H in the second count for nine times their value.
pub(in super::super) fn ie_pps(value: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"WABCDEFGHIJKLMNOPQRSTUV";
    let (chars, len) = chars::<9>(value);
    if !(8..=9).contains(&len) || !chars[..7].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum = weighted(&chars[..7].iter().map(|byte| byte - b'0').collect::<Vec<_>>(), &[8, 7, 6, 5, 4, 3, 2]);
    let extra = match chars[8] {
        second @ b'A'..=b'I' if len == 9 => 9 * u32::from(second - b'A' + 1),
        _ => 0,
    };
    LETTERS[(sum + extra) as usize % 23] == chars[7]
}
