//! The Nordic and Baltic countries: a date of birth, a serial and a check of some kind.

use super::super::{luhn, number, varied, weighted};
use super::{chars, date};

/// Date of birth and Luhn over the ten digits; coordination numbers have 60 added to the day.
pub(in super::super) fn se_personnummer(digits: &[u8]) -> bool {
    let short = if digits.len() == 12 { &digits[2..] } else { digits };
    short.len() == 10 && date(number(&short[2..4]), number(&short[4..6]) % 60) && luhn(short)
}

/// Two check digits modulo 11; D numbers have 40 added to the day, synthetic ones 80 to the month.
pub(in super::super) fn no_fodselsnummer(digits: &[u8]) -> bool {
    digits.len() == 11
        && date(number(&digits[2..4]) % 40, number(&digits[..2]) % 40)
        && weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// A date and a serial. Since 2007 numbers are issued that do not fulfil the old modulus of 11.
pub(in super::super) fn dk_cpr(digits: &[u8]) -> bool {
    digits.len() == 10 && varied(digits) && date(number(&digits[2..4]), number(&digits[..2]))
}

/// Weights 4 3 2 7 6 5 4 3 2 1 modulo 11, for numbers that stand without their name.
pub(in super::super) fn dk_cpr_mod11(digits: &[u8]) -> bool {
    dk_cpr(digits) && weighted(digits, &[4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Date and serial modulo 31 in an alphabet without G, I, O, Q and Z.
pub(in super::super) fn fi_hetu(value: &[u8]) -> bool {
    const ALPHABET: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";
    let [day @ .., _, b1, b2, b3, check] = value else { return false };
    let body: Vec<u8> = day.iter().chain([b1, b2, b3]).map(|byte| byte.wrapping_sub(b'0')).collect();
    body.len() == 9
        && body.iter().all(|digit| *digit < 10)
        && date(number(&body[2..4]), number(&body[..2]))
        && ALPHABET[number(&body) as usize % 31] == check.to_ascii_uppercase()
}

/// Weights 3 2 7 6 5 4 3 2 modulo 11 in the ninth place; the last digit is the century.
pub(in super::super) fn is_kennitala(digits: &[u8]) -> bool {
    digits.len() == 10
        && matches!(digits[9], 0 | 8 | 9)
        && date(number(&digits[2..4]), number(&digits[..2]) % 40)
        && weighted(digits, &[3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

/// Estonia and Lithuania: weights 1 to 9, 1 modulo 11, and 3 to 9, 1, 2, 3 where that gives 10.
pub(in super::super) fn ee_isikukood(digits: &[u8]) -> bool {
    if digits.len() != 11 || !matches!(digits[0], 1..=8) || !date(number(&digits[3..5]), number(&digits[5..7])) {
        return false;
    }
    let first = weighted(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
    let check = if first == 10 { weighted(digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10 } else { first };
    check == u32::from(digits[10])
}

/// A date and weights modulo 11; those that begin with 32 were given without a date since 2017.
pub(in super::super) fn lv_personas(value: &[u8]) -> bool {
    let (chars, len) = chars::<11>(value);
    let digits = chars.map(|byte| byte.wrapping_sub(b'0'));
    if len != 11 || digits.iter().any(|digit| *digit > 9) {
        return false;
    }
    let check = (1 + weighted(&digits, &[10, 5, 8, 4, 2, 1, 6, 3, 7, 9])) % 11 % 10;
    digits.starts_with(&[3, 2]) || date(number(&digits[2..4]), number(&digits[..2])) && check == u32::from(digits[10])
}
