//! France, Italy, the Iberian peninsula, the Low Countries and Greece.

use super::super::{luhn, number, varied, weighted};
use super::{base_36, chars, date};

/// The last two digits are 97 less the rest modulo 97; who was born since 2000 has a 2 set before the rest.
pub(in super::super) fn be_national(digits: &[u8]) -> bool {
    if digits.len() != 11 {
        return false;
    }
    let (body, check) = (number(&digits[..9]), number(&digits[9..]));
    [body, body + 2_000_000_000].iter().any(|body| 97 - body % 97 == check)
}

/// The elfproef: weights 9 to 2 and -1 modulo 11.
pub(in super::super) fn nl_bsn(digits: &[u8]) -> bool {
    let [body @ .., last] = digits else { return false };
    body.len() == 8 && varied(digits) && weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 == u32::from(*last)
}

/// Sex, year, month, place, order and a key of 97 less the rest modulo 97; Corsica's 2A and 2B count as 19 and 18.
pub(in super::super) fn fr_nir(value: &[u8]) -> bool {
    let (mut chars, len) = chars::<15>(value);
    if len != 15 {
        return false;
    }
    match chars[5..7] {
        [b'2', b'A'] => chars[5..7].copy_from_slice(b"19"),
        [b'2', b'B'] => chars[5..7].copy_from_slice(b"18"),
        _ => {}
    }
    let digits = chars.map(|byte| byte.wrapping_sub(b'0'));
    digits.iter().all(|digit| *digit < 10)
        && matches!(digits[0], 1..=4 | 7 | 8)
        && matches!(number(&digits[3..5]), 1..=12 | 20..=42 | 50..=99)
        && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

/// Luhn over fourteen digits; the branches of La Poste have a sum of digits that five divides.
pub(in super::super) fn fr_siret(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().map(|digit| u32::from(*digit)).sum();
    let post = digits.starts_with(&[3, 5, 6, 0, 0, 0, 0, 0, 0]) && sum.is_multiple_of(5);
    digits.len() == 14 && varied(digits) && (luhn(digits) || post)
}

pub(in super::super) fn fr_siren(digits: &[u8]) -> bool {
    digits.len() == 9 && varied(digits) && luhn(digits)
}

/// The tax number: the last three digits are the first ten modulo 511.
pub(in super::super) fn fr_fiscal(digits: &[u8]) -> bool {
    digits.len() == 13 && matches!(digits[0], 0..=3) && number(&digits[..10]) % 511 == number(&digits[10..])
}

/// The letter of the number modulo 23; the X, Y and Z of foreigners count as 0, 1 and 2.
pub(in super::super) fn es_dni(value: &[u8]) -> bool {
    let (chars, len) = chars::<9>(value);
    let mut digits = chars.map(|byte| byte.wrapping_sub(b'0'));
    if let b'X'..=b'Z' = chars[0] {
        digits[0] = chars[0] - b'X';
    }
    len == 9
        && digits[..8].iter().all(|digit| *digit < 10)
        && varied(&digits[..8])
        && b"TRWAGMYFPDXBNJZSQVHLCKE"[number(&digits[..8]) as usize % 23] == chars[8]
}

/// A company's number: Luhn over seven digits, as a digit or as a letter of `JABCDEFGHI`.
pub(in super::super) fn es_cif(value: &[u8]) -> bool {
    let (chars, len) = chars::<9>(value);
    if len != 9 || !b"ABCDEFGHJNPQRSUVW".contains(&chars[0]) || !chars[1..8].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut digits = [0; 8];
    chars[1..8].iter().zip(&mut digits).for_each(|(byte, digit)| *digit = byte - b'0');
    let check = (0..10).find(|check| {
        digits[7] = *check;
        luhn(&digits)
    });
    check.is_some_and(|check| chars[8] == b'0' + check || chars[8] == b"JABCDEFGHI"[usize::from(check)])
}

/// The number of the social security: province and serial modulo 97.
pub(in super::super) fn es_nss(digits: &[u8]) -> bool {
    if digits.len() != 12 || !matches!(number(&digits[..2]), 1..=53 | 66) {
        return false;
    }
    let (province, serial) = (number(&digits[..2]), number(&digits[2..10]));
    let body = if serial < 10_000_000 { province * 10_000_000 + serial } else { number(&digits[..10]) };
    body % 97 == number(&digits[10..])
}

/// The last letter follows from the others, odd and even places by tables of their own (D.M. 23/12/1976).
pub(in super::super) fn it_codice_fiscale(value: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let (chars, len) = chars::<16>(value);
    if len != 16 {
        return false;
    }
    let worth = |byte: &u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
    let places = chars[..15].iter().map(worth).enumerate();
    let sum: u32 = places.map(|(at, value)| if at % 2 == 0 { ODD[usize::from(value)] } else { u32::from(value) }).sum();
    u32::from(chars[15]) == u32::from(b'A') + sum % 26
}

/// Luhn over eleven digits; the first seven are the company.
pub(in super::super) fn it_partita_iva(digits: &[u8]) -> bool {
    digits.len() == 11 && number(&digits[..7]) != 0 && varied(digits) && luhn(digits)
}

/// Weights 9 to 2 modulo 11.
pub(in super::super) fn pt_nif(digits: &[u8]) -> bool {
    digits.len() == 9
        && matches!(digits[0], 1..=3 | 5..=9)
        && varied(digits)
        && (11 - weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == u32::from(digits[8])
}

/// The citizen card: Luhn over twelve characters of base 36.
pub(in super::super) fn pt_cartao(value: &[u8]) -> bool {
    let (chars, len) = chars::<12>(value);
    let doubled = |(at, worth): (usize, u32)| match at % 2 {
        0 if worth * 2 > 9 => worth * 2 - 9,
        0 => worth * 2,
        _ => worth,
    };
    len == 12 && chars.iter().map(base_36).enumerate().map(doubled).sum::<u32>().is_multiple_of(10)
}

/// A date of birth and Luhn.
pub(in super::super) fn gr_amka(digits: &[u8]) -> bool {
    digits.len() == 11 && date(number(&digits[2..4]), number(&digits[..2])) && luhn(digits)
}

/// Powers of two from the right, modulo 11.
pub(in super::super) fn gr_afm(digits: &[u8]) -> bool {
    digits.len() == 9
        && varied(digits)
        && weighted(digits, &[256, 128, 64, 32, 16, 8, 4, 2]) % 11 % 10 == u32::from(digits[8])
}
