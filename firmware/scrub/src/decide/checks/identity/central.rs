//! Germany, Austria, Switzerland, and the east and south-east of Europe.

use super::super::{number, varied, weighted};
use super::{base_36, chars, date, digit_at, icao, mod_11_10};

/// ISO 7064 MOD 11,10; among the first ten digits exactly one is repeated, two or three times (§ 139b AO).
pub(in super::super) fn de_steuer_id(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let count = |digit: u8| digits[..10].iter().filter(|other| **other == digit).count();
    let repeated: Vec<usize> = (0..10).map(count).filter(|count| *count > 1).collect();
    repeated.len() == 1 && repeated[0] <= 3 && mod_11_10(digits)
}

/// Nine characters and their digit with the weights of ICAO 9303, perhaps a `D` behind them.
pub(in super::super) fn de_ausweis(value: &[u8]) -> bool {
    let (chars, len) = chars::<11>(value);
    len >= 10 && chars[..9].iter().any(u8::is_ascii_digit) && icao(&chars[..9]) == chars[9]
}

/// A letter of insurance and its two digits, weights 1 and 2, sums of digits modulo 10 (§ 290 SGB V).
pub(in super::super) fn de_kvnr(value: &[u8]) -> bool {
    let (chars, len) = chars::<10>(value);
    if len != 10 || !chars[0].is_ascii_uppercase() || !chars[1..].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let letter = chars[0] - b'A' + 1;
    let body = [letter / 10, letter % 10].into_iter().chain(chars[1..9].iter().map(|byte| byte - b'0'));
    let sum: u32 = body.zip([1, 2].into_iter().cycle()).map(|(digit, weight)| crossed(u32::from(digit) * weight)).sum();
    sum % 10 == u32::from(chars[9] - b'0')
}

/// Area, date of birth, letter of the name, serial: weights 2 1 2 5 7 1 2 1 2 1 2 1, sums of digits modulo 10 (VKVV).
pub(in super::super) fn de_rente(value: &[u8]) -> bool {
    let (chars, len) = chars::<12>(value);
    if len != 12 || !chars[8].is_ascii_uppercase() {
        return false;
    }
    let letter = chars[8] - b'A' + 1;
    let plain = |byte: &u8| byte.wrapping_sub(b'0');
    let head: Vec<u8> = chars[..8].iter().map(plain).collect();
    let body: Vec<u8> =
        head.iter().copied().chain([letter / 10, letter % 10]).chain(chars[9..11].iter().map(plain)).collect();
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = body.iter().zip(weights).map(|(digit, weight)| crossed(u32::from(*digit) * weight)).sum();
    body.iter().all(|digit| *digit < 10)
        && date(number(&head[4..6]), number(&head[2..4]))
        && sum % 10 == u32::from(plain(&chars[11]))
}

/// The sum of the digits of a number below 100.
fn crossed(number: u32) -> u32 {
    number / 10 + number % 10
}

/// Weights 3 7 9 - 5 8 4 2 1 6 modulo 11, in the fourth place; the date of birth last.
pub(in super::super) fn at_svnr(digits: &[u8]) -> bool {
    digits.len() == 10
        && digits[0] != 0
        && date(number(&digits[6..8]).min(12), number(&digits[4..6]))
        && weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == u32::from(digits[3])
}

/// An EAN-13 that begins with 756.
pub(in super::super) fn ch_ahv(digits: &[u8]) -> bool {
    digits.len() == 13
        && digits.starts_with(&[7, 5, 6])
        && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// Date of birth with the century in the month, weights 1 3 7 9 modulo 10.
pub(in super::super) fn pl_pesel(digits: &[u8]) -> bool {
    digits.len() == 11
        && varied(digits)
        && date(number(&digits[2..4]) % 20, number(&digits[4..6]))
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// Weights 6 5 7 2 3 4 5 6 7 modulo 11; 10 is not issued.
pub(in super::super) fn pl_nip(digits: &[u8]) -> bool {
    digits.len() == 10 && varied(digits) && weighted(digits, &[6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 == u32::from(digits[9])
}

/// Three letters, a digit, five digits: weights 7 3 1 - 7 3 1 7 3 modulo 10.
pub(in super::super) fn pl_dowod(value: &[u8]) -> bool {
    let (chars, len) = chars::<9>(value);
    if len != 9 || !chars[..3].iter().all(u8::is_ascii_uppercase) || !chars[3..].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 =
        chars.iter().map(base_36).zip([7, 3, 1, 0, 7, 3, 1, 7, 3]).map(|(worth, weight)| worth * weight).sum();
    sum % 10 == u32::from(chars[3] - b'0')
}

/// A multiple of 11 with a date whose month has 50 added for women, 20 or 70 when a day's numbers ran out.
pub(in super::super) fn cz_rodne(digits: &[u8]) -> bool {
    let month = digits.get(2..4).map_or(0, number) % 50;
    let month = if month > 20 { month - 20 } else { month };
    let old = |body: &[u8]| number(body) % 11 == 10 && digits[9] == 0;
    digits.len() == 10
        && varied(digits)
        && date(month, number(&digits[4..6]))
        && (number(digits).is_multiple_of(11) || old(&digits[..9]))
}

/// Weights 3 and 7 modulo 10 (TAJ).
pub(in super::super) fn hu_taj(digits: &[u8]) -> bool {
    digits.len() == 9 && varied(digits) && weighted(digits, &[3, 7, 3, 7, 3, 7, 3, 7]) % 10 == u32::from(digits[8])
}

/// The tax number of a person: begins with 8, weights 1 to 9 modulo 11.
pub(in super::super) fn hu_ado(digits: &[u8]) -> bool {
    digits.len() == 10 && digits[0] == 8 && weighted(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 == u32::from(digits[9])
}

/// Sex and century, date, county, weights 2 7 9 1 4 6 3 5 8 2 7 9 modulo 11.
pub(in super::super) fn ro_cnp(digits: &[u8]) -> bool {
    let check =
        |body: &[u8]| digit_at(b"01234567891", weighted(body, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11) - b'0';
    digits.len() == 13
        && digits[0] != 0
        && date(number(&digits[3..5]), number(&digits[5..7]))
        && check(&digits[..12]) == digits[12]
}

/// Date with the century in the month, weights 2 4 8 5 10 9 7 3 6 modulo 11.
pub(in super::super) fn bg_egn(digits: &[u8]) -> bool {
    digits.len() == 10
        && varied(digits)
        && date(number(&digits[2..4]) % 20, number(&digits[4..6]))
        && weighted(digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == u32::from(digits[9])
}

/// ISO 7064 MOD 11,10.
pub(in super::super) fn hr_oib(digits: &[u8]) -> bool {
    digits.len() == 11 && varied(digits) && mod_11_10(digits)
}

/// The JMBG and EMŠO of what was Yugoslavia: date, region, weights 7 to 2 twice, modulo 11.
pub(in super::super) fn jmbg(digits: &[u8]) -> bool {
    digits.len() == 13
        && date(number(&digits[2..4]), number(&digits[..2]))
        && (11 - weighted(digits, &[7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11 % 10 == u32::from(digits[12])
}

/// The rest modulo 101 of weights 9 to 1 in the last two digits (СНИЛС).
pub(in super::super) fn ru_snils(digits: &[u8]) -> bool {
    digits.len() == 11
        && varied(&digits[..9])
        && u64::from(weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 1]) % 101 % 100) == number(&digits[9..])
}

/// Ten digits for companies with one check digit, twelve for people with two (ИНН).
pub(in super::super) fn ru_inn(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 11] = [3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8];
    let check = |len: usize| weighted(&digits[..len], &WEIGHTS[11 - len..]) % 11 % 10 == u32::from(digits[len]);
    varied(digits)
        && match digits.len() {
            10 => check(9),
            12 => check(10) && check(11),
            _ => false,
        }
}

/// Weights -1 5 7 9 4 6 10 5 7 modulo 11 (РНОКПП).
pub(in super::super) fn ua_rnokpp(digits: &[u8]) -> bool {
    digits.len() == 10
        && varied(digits)
        && weighted(digits, &[10, 5, 7, 9, 4, 6, 10, 5, 7]) % 11 % 10 == u32::from(digits[9])
}

/// Weights 1 to 11 modulo 11, and 3 to 11, 1, 2 where that gives 10 (ИИН), with a date.
pub(in super::super) fn kz_iin(digits: &[u8]) -> bool {
    if digits.len() != 12 || !date(number(&digits[2..4]), number(&digits[4..6])) {
        return false;
    }
    let first = weighted(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
    let check = if first == 10 { weighted(digits, &[3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11 } else { first };
    check == u32::from(digits[11])
}
