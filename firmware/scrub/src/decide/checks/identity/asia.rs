//! Asia and Oceania.

use super::super::{luhn, number, varied, verhoeff, weighted};
use super::{base_36, chars, date, digit_at};

/// Verhoeff; 0 and 1 begin no number (UIDAI).
pub(in super::super) fn in_aadhaar(digits: &[u8]) -> bool {
    digits.len() == 12 && matches!(digits[0], 2..=9) && varied(digits) && verhoeff(digits)
}

/// The fourth letter says what kind of person holds it.
pub(in super::super) fn in_pan(value: &[u8]) -> bool {
    value.get(3).is_some_and(|holder| b"ABCEFGHJKLPT".contains(&holder.to_ascii_uppercase()))
}

/// A state, a PAN, an entity, `Z`, and Luhn in base 36.
pub(in super::super) fn in_gstin(value: &[u8]) -> bool {
    let (chars, len) = chars::<15>(value);
    let doubled = |(at, worth): (usize, u32)| if at % 2 == 1 { worth * 2 / 36 + worth * 2 % 36 } else { worth };
    let sum: u32 = chars.iter().rev().map(base_36).enumerate().map(doubled).sum();
    len == 15 && in_pan(&chars[2..]) && sum.is_multiple_of(36)
}

/// Luhn over the seven digits.
pub(in super::super) fn in_epic(digits: &[u8]) -> bool {
    digits.len() == 7 && varied(digits) && luhn(digits)
}

/// ISO 7064 MOD 11-2 with a date of birth inside (GB 11643).
pub(in super::super) fn cn_resident(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let (chars, len) = chars::<18>(value);
    let digits = chars.map(|byte| byte.wrapping_sub(b'0'));
    len == 18
        && digits[..17].iter().all(|digit| *digit < 10)
        && (1900..=2100).contains(&number(&digits[6..10]))
        && date(number(&digits[10..12]), number(&digits[12..14]))
        && digit_at(b"10X98765432", weighted(&digits[..17], &WEIGHTS) % 11) == chars[17]
}

/// One or two letters and six digits, weights 9 to 2 modulo 11; a missing letter counts as 36.
pub(in super::super) fn hk_id(value: &[u8]) -> bool {
    let (chars, len) = chars::<9>(value);
    let [letters @ .., _, _, _, _, _, _, check] = &chars[..len] else { return false };
    let (first, second) = match letters {
        [second] => (36, second),
        [first, second] => (base_36(first), second),
        _ => return false,
    };
    let digits = &chars[letters.len()..len - 1];
    if !letters.iter().all(u8::is_ascii_uppercase) || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let body: Vec<u8> = digits.iter().map(|byte| byte - b'0').collect();
    let sum = first * 9 + base_36(second) * 8 + weighted(&body, &[7, 6, 5, 4, 3, 2]);
    varied(&body) && digit_at(b"0A987654321", sum % 11) == *check
}

/// A letter that stands for two digits, sex, and weights 1 9 8 7 6 5 4 3 2 1 1 modulo 10.
pub(in super::super) fn tw_id(value: &[u8]) -> bool {
    const ORDER: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let (chars, len) = chars::<10>(value);
    let Some(place) = ORDER.iter().position(|letter| *letter == chars[0]) else { return false };
    let digits: Vec<u8> = chars[1..].iter().map(|byte| byte.wrapping_sub(b'0')).collect();
    let place = place as u32 + 10;
    len == 10
        && matches!(digits[0], 1 | 2 | 8 | 9)
        && digits.iter().all(|digit| *digit < 10)
        && varied(&digits)
        && (place / 10 + place % 10 * 9 + weighted(&digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1])).is_multiple_of(10)
}

/// A date and the digit of sex and century. Numbers given since October 2020 have no check digit.
pub(in super::super) fn kr_rrn(digits: &[u8]) -> bool {
    digits.len() == 13
        && date(number(&digits[2..4]), number(&digits[4..6]))
        && matches!(digits[6], 0..=9)
        && varied(digits)
}

/// Weights 2 to 9 and 2 to 5 modulo 11, for numbers that stand without their name.
pub(in super::super) fn kr_rrn_checked(digits: &[u8]) -> bool {
    kr_rrn(digits) && (11 - weighted(digits, &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10 == u32::from(digits[12])
}

/// Weights 6 5 4 3 2 7 6 5 4 3 2 modulo 11; rests 0 and 1 give 0.
pub(in super::super) fn jp_my_number(digits: &[u8]) -> bool {
    digits.len() == 12
        && varied(digits)
        && digit_at(b"00987654321", weighted(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) - b'0' == digits[11]
}

/// Weights 13 to 2 modulo 11.
pub(in super::super) fn th_id(digits: &[u8]) -> bool {
    digits.len() == 13
        && digits[0] != 0
        && varied(digits)
        && (11 - weighted(digits, &[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 10 == u32::from(digits[12])
}

/// A date and a place of birth out of the registration department's list.
pub(in super::super) fn my_nric(digits: &[u8]) -> bool {
    let place = |place| matches!(place, 1..=16 | 21..=68 | 71 | 72 | 74..=79 | 82..=93 | 98 | 99);
    digits.len() == 12 && date(number(&digits[2..4]), number(&digits[4..6])) && place(number(&digits[6..8]))
}

/// A district and a date, 40 added to a woman's day.
pub(in super::super) fn id_nik(digits: &[u8]) -> bool {
    digits.len() == 16
        && matches!(number(&digits[..2]), 11..=94)
        && date(number(&digits[8..10]), number(&digits[6..8]) % 40)
        && number(&digits[12..]) != 0
}

/// A series, seven digits, and a letter of the series' own table.
pub(in super::super) fn sg_nric(value: &[u8]) -> bool {
    let (chars, len) = chars::<9>(value);
    let digits: Vec<u8> = chars[1..8].iter().map(|byte| byte.wrapping_sub(b'0')).collect();
    if len != 9 || digits.iter().any(|digit| *digit > 9) {
        return false;
    }
    let sum = weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]);
    let expected = match chars[0] {
        b'S' => digit_at(b"JZIHGFEDCBA", sum % 11),
        b'T' => digit_at(b"JZIHGFEDCBA", (sum + 4) % 11),
        b'F' => digit_at(b"XWUTRQPNMLK", sum % 11),
        b'G' => digit_at(b"XWUTRQPNMLK", (sum + 4) % 11),
        b'M' => digit_at(b"KLJNPQRTUWX", 10 - (sum + 3) % 11),
        _ => return false,
    };
    chars[8] == expected
}

/// A province, the digit of sex and century, a year.
pub(in super::super) fn vn_cccd(digits: &[u8]) -> bool {
    digits.len() == 12 && matches!(number(&digits[..3]), 1..=96) && digits[3] <= 3 && varied(digits)
}

/// Weights 1 4 3 7 5 8 6 9 10 modulo 11 over eight or nine digits.
pub(in super::super) fn au_tfn(digits: &[u8]) -> bool {
    (8..=9).contains(&digits.len())
        && varied(digits)
        && weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// One less in the first place, weights 10 1 3 5 to 19 modulo 89.
pub(in super::super) fn au_abn(digits: &[u8]) -> bool {
    digits.len() == 11
        && digits[0] != 0
        && (weighted(digits, &[10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10).is_multiple_of(89)
}

/// Weights 8 to 1 modulo 10.
pub(in super::super) fn au_acn(digits: &[u8]) -> bool {
    digits.len() == 9
        && varied(digits)
        && (10 - weighted(digits, &[8, 7, 6, 5, 4, 3, 2, 1]) % 10) % 10 == u32::from(digits[8])
}

/// Weights 1 3 7 9 twice modulo 10 in the ninth place; then the card's issue and perhaps the person's line.
pub(in super::super) fn au_medicare(digits: &[u8]) -> bool {
    (10..=11).contains(&digits.len())
        && matches!(digits[0], 2..=6)
        && digits[9] != 0
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10 == u32::from(digits[8])
}

/// Weights 3 2 7 6 5 4 3 2 modulo 11, or 7 4 3 2 5 2 7 6 where those give 10 (Inland Revenue).
pub(in super::super) fn nz_ird(digits: &[u8]) -> bool {
    if !(8..=9).contains(&digits.len()) || !(10_000_000..150_000_000).contains(&number(digits)) {
        return false;
    }
    let mut nine = [0; 9];
    nine[9 - digits.len()..].copy_from_slice(digits);
    let check = |weights: &[u32]| (11 - weighted(&nine, weights) % 11) % 11;
    let first = check(&[3, 2, 7, 6, 5, 4, 3, 2]);
    let check = if first == 10 { check(&[7, 4, 3, 2, 5, 2, 7, 6]) } else { first };
    varied(digits) && check == u32::from(nine[8])
}

/// New Zealand's health number: weights 7 to 2 modulo 11 over letters without I and O, or modulo 23 in the new form.
pub(in super::super) fn nz_nhi(value: &[u8]) -> bool {
    const LETTERS: &[u8; 24] = b"ABCDEFGHJKLMNPQRSTUVWXYZ";
    let (chars, len) = chars::<7>(value);
    let worth = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        _ => LETTERS.iter().position(|letter| *letter == byte).and_then(|at| u8::try_from(at + 1).ok()),
    };
    let values: Option<Vec<u8>> = chars.iter().map(|byte| worth(*byte)).collect();
    let Some(values) = values.filter(|_| len == 7) else { return false };
    let sum = weighted(&values, &[7, 6, 5, 4, 3, 2]);
    match (chars[5].is_ascii_digit(), chars[6].is_ascii_digit()) {
        (true, true) => !sum.is_multiple_of(11) && (11 - sum % 11) % 10 == u32::from(values[6]),
        (false, false) => 23 - sum % 23 == u32::from(values[6]),
        _ => false,
    }
}
