//! The United States, Canada and Latin America.

use super::super::{luhn, number, varied, weighted};
use super::{chars, date, digit_at};

/// The ranges that were never issued (20 CFR 422.103), and the numbers that became known through advertisements.
pub(in super::super) fn us_ssn(digits: &[u8]) -> bool {
    if digits.len() != 9 {
        return false;
    }
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    let issued = !matches!(area, 0 | 666 | 900..) && group != 0 && serial != 0;
    let known =
        matches!((area, group, serial), (78, 5, 1120) | (219, 9, 9999) | (457, 55, 5462) | (987, 65, 4320..=4329));
    let same = |group: &[u8]| group.iter().all(|digit| *digit == group[0]);
    let sample = same(&digits[..3]) && same(&digits[3..5]) && same(&digits[5..]);
    issued && !known && !sample && varied(digits)
}

/// A number for taxpayers without a social security number: 9xx, and a group of those the IRS gives out.
pub(in super::super) fn us_itin(digits: &[u8]) -> bool {
    digits.len() == 9 && digits[0] == 9 && matches!(number(&digits[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// An employer's number begins with the prefix of an IRS campus.
pub(in super::super) fn us_ein(digits: &[u8]) -> bool {
    let unused = |prefix| matches!(prefix, 0 | 7..=9 | 17..=19 | 28 | 29 | 49 | 69 | 70 | 78 | 79 | 89 | 96 | 97);
    digits.len() == 9 && varied(digits) && !unused(number(&digits[..2]))
}

/// Luhn; 0 and 8 begin no social insurance number.
pub(in super::super) fn ca_sin(digits: &[u8]) -> bool {
    digits.len() == 9 && matches!(digits[0], 1..=7 | 9) && varied(digits) && luhn(digits)
}

/// Two check digits modulo 11 (Receita Federal).
pub(in super::super) fn br_cpf(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |body: &[u8]| brazilian(weighted(body, &WEIGHTS[10 - body.len()..]));
    digits.len() == 11 && varied(digits) && check(&digits[..9]) == digits[9] && check(&digits[..10]) == digits[10]
}

/// Two check digits modulo 11; since 2026 the first twelve places may hold letters, which count as their code less 48.
pub(in super::super) fn br_cnpj(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let (chars, len) = chars::<14>(value);
    let worth = chars.map(|byte| byte.wrapping_sub(b'0'));
    let check = |body: &[u8]| brazilian(weighted(body, &WEIGHTS[13 - body.len()..]));
    len == 14
        && worth[12..].iter().all(|digit| *digit < 10)
        && varied(&worth[..12])
        && check(&worth[..12]) == worth[12]
        && check(&worth[..13]) == worth[13]
}

fn brazilian(sum: u32) -> u8 {
    digit_at(b"00987654321", sum % 11) - b'0'
}

/// Weights 5 4 3 2 7 6 5 4 3 2 modulo 11, after a prefix that says what kind of holder it is (AFIP).
pub(in super::super) fn ar_cuit(digits: &[u8]) -> bool {
    digits.len() == 11
        && matches!(number(&digits[..2]), 20 | 23 | 24 | 25 | 26 | 27 | 30 | 33 | 34 | 50 | 51 | 55)
        && digit_at(b"09987654321", weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) - b'0' == digits[10]
}

/// Weights 2 to 7 from the right, modulo 11; 10 is written K.
pub(in super::super) fn cl_rut(value: &[u8]) -> bool {
    let (chars, len) = chars::<9>(value);
    let [body @ .., check] = &chars[..len] else { return false };
    let sum: u32 = body.iter().rev().zip((2..=7).cycle()).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    (7..=8).contains(&body.len())
        && body.iter().all(u8::is_ascii_digit)
        && varied(body)
        && digit_at(b"0K987654321", sum % 11) == *check
}

/// Weights of prime numbers from the right, modulo 11 (DIAN).
pub(in super::super) fn co_nit(digits: &[u8]) -> bool {
    const PRIMES: [u32; 12] = [3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53];
    let [body @ .., check] = digits else { return false };
    let sum: u32 = body.iter().rev().zip(PRIMES).map(|(digit, prime)| u32::from(*digit) * prime).sum();
    (8..=10).contains(&body.len()) && varied(body) && digit_at(b"01987654321", sum % 11) - b'0' == *check
}

/// Weights 5 4 3 2 7 6 5 4 3 2 modulo 11 (SUNAT).
pub(in super::super) fn pe_ruc(digits: &[u8]) -> bool {
    digits.len() == 11
        && matches!(number(&digits[..2]), 10 | 15 | 16 | 17 | 20)
        && (11 - weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10 == u32::from(digits[10])
}

/// A province, a third digit below 6 and Luhn.
pub(in super::super) fn ec_cedula(digits: &[u8]) -> bool {
    digits.len() == 10 && matches!(number(&digits[..2]), 1..=24 | 30) && digits[2] < 6 && luhn(digits)
}

/// Weights 2 9 8 7 6 3 4 modulo 10.
pub(in super::super) fn uy_cedula(digits: &[u8]) -> bool {
    digits.len() == 8
        && varied(digits)
        && (10 - weighted(digits, &[2, 9, 8, 7, 6, 3, 4]) % 10) % 10 == u32::from(digits[7])
}

/// The population register's key: date of birth, sex, state, and a digit over values of an alphabet of 37 with Ñ.
pub(in super::super) fn mx_curp(value: &[u8]) -> bool {
    const STATES: &[u8] =
        b"AS BC BS CC CL CM CS CH DF DG GT GR HG JC MC MN MS NT NL OC PL QT QR SP SL SR TC TS TL VZ YN ZS NE";
    let (chars, len) = chars::<18>(value);
    if len != 18 || !chars[4..10].iter().all(u8::is_ascii_digit) || !matches!(chars[10], b'H' | b'M' | b'X') {
        return false;
    }
    let worth = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        _ => u32::from(byte - b'A') + 11,
    };
    let sum: u32 = chars[..17].iter().zip((2..=18).rev()).map(|(byte, weight)| worth(*byte) * weight).sum();
    let born = chars.map(|byte| byte.wrapping_sub(b'0'));
    STATES.chunks(3).any(|state| state[..2] == chars[11..13])
        && date(number(&born[6..8]), number(&born[8..10]))
        && (10 - sum % 10) % 10 == u32::from(chars[17].wrapping_sub(b'0'))
}

/// The taxpayer's key with its date. Its last character is no proof: the authority issued many that do not compute.
pub(in super::super) fn mx_rfc(value: &[u8]) -> bool {
    let Some(first) = value.iter().position(u8::is_ascii_digit) else { return false };
    let day: Vec<u8> = value[first..].iter().filter(|byte| byte.is_ascii_alphanumeric()).take(6).copied().collect();
    let digits: Vec<u8> = day.iter().map(|byte| byte.wrapping_sub(b'0')).collect();
    digits.len() == 6 && digits.iter().all(|digit| *digit < 10) && date(number(&digits[2..4]), number(&digits[4..]))
}
