//! Africa, the Middle East and Turkey.

use super::super::{luhn, number, varied};
use super::date;

/// Two digits over sums of odd and even places.
pub(in super::super) fn tr_tckn(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let sum = |from: usize, to: usize, step: usize| -> i32 {
        digits[from..to].iter().step_by(step).map(|digit| i32::from(*digit)).sum()
    };
    let tenth = (sum(0, 9, 2) * 7 - sum(1, 8, 2)).rem_euclid(10);
    tenth == i32::from(digits[9]) && sum(0, 10, 1) % 10 == i32::from(digits[10])
}

/// A date, the digit of citizenship, and Luhn.
pub(in super::super) fn za_id(digits: &[u8]) -> bool {
    digits.len() == 13 && date(number(&digits[2..4]), number(&digits[4..6])) && digits[10] <= 2 && luhn(digits)
}

/// Luhn over nine digits.
pub(in super::super) fn il_id(digits: &[u8]) -> bool {
    digits.len() == 9 && varied(digits) && luhn(digits)
}

/// 784, the year of birth, and Luhn.
pub(in super::super) fn ae_emirates(digits: &[u8]) -> bool {
    digits.len() == 15
        && digits.starts_with(&[7, 8, 4])
        && (1900..=2100).contains(&number(&digits[3..7]))
        && luhn(digits)
}

/// Luhn; 1 for citizens, 2 for residents.
pub(in super::super) fn sa_id(digits: &[u8]) -> bool {
    digits.len() == 10 && matches!(digits[0], 1 | 2) && varied(digits) && luhn(digits)
}

/// A century, a date and a governorate.
pub(in super::super) fn eg_id(digits: &[u8]) -> bool {
    digits.len() == 14
        && matches!(digits[0], 2 | 3)
        && date(number(&digits[3..5]), number(&digits[5..7]))
        && matches!(number(&digits[7..9]), 1..=4 | 11..=19 | 21..=29 | 31..=35 | 88)
}
