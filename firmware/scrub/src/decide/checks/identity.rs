//! Numbers that states and health services give to people and companies.
//!
//! The rules are those of the issuing authorities; where one publishes none, those that python-stdnum documents with its
//! sources. Every check refuses values of another length, so that it can stand alone.

pub(super) mod americas;
pub(super) mod asia;
pub(super) mod britain;
pub(super) mod central;
pub(super) mod health;
pub(super) mod nordic;
pub(super) mod south;
pub(super) mod western;

/// The letters and digits of a value, in upper case, and how many there are; none where there are more than `N`.
fn chars<const N: usize>(value: &[u8]) -> ([u8; N], usize) {
    let mut chars = [0; N];
    let mut len = 0;
    for byte in value.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        if len == N {
            return ([0; N], 0);
        }
        chars[len] = byte.to_ascii_uppercase();
        len += 1;
    }
    (chars, len)
}

/// What a digit or upper-case letter is worth where letters go on from 10; nothing for any other byte.
fn base_36(byte: &u8) -> u32 {
    match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    }
}

/// Whether a month has that day, February with 29.
fn date(month: u64, day: u64) -> bool {
    let days = match month {
        2 => 29,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// The character that a table has for a rest.
fn digit_at<const N: usize>(table: &[u8; N], rest: u32) -> u8 {
    table.get(rest as usize).copied().unwrap_or(b'?')
}

/// ISO/IEC 7064 MOD 11,10 with the check digit last.
fn mod_11_10(digits: &[u8]) -> bool {
    let [body @ .., check] = digits else { return false };
    let product = body.iter().fold(10_u32, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// The check digit of ICAO 9303 as a character: weights 7 3 1, letters from 10 on, `<` is 0.
pub(super) fn icao(field: &[u8]) -> u8 {
    let sum: u32 =
        field.iter().map(base_36).zip([7, 3, 1].into_iter().cycle()).map(|(worth, weight)| worth * weight).sum();
    b'0' + u8::try_from(sum % 10).unwrap_or(0)
}
