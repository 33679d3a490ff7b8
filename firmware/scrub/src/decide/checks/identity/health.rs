//! Health services and those who prescribe.

use super::super::{luhn, varied, weighted};

/// The sum of odd places and twice that of even ones ends with the last digit.
pub(in super::super) fn us_dea(digits: &[u8]) -> bool {
    digits.len() == 7 && varied(digits) && (weighted(digits, &[1, 2, 1, 2, 1, 2])) % 10 == u32::from(digits[6])
}

/// Luhn with the prefix 80840 of health identifiers set before (45 CFR 162.406).
pub(in super::super) fn us_npi(digits: &[u8]) -> bool {
    let full: Vec<u8> = [8, 0, 8, 4, 0].iter().chain(digits).copied().collect();
    digits.len() == 10 && matches!(digits[0], 1 | 2) && luhn(&full)
}

/// Australia's health identifiers: 800360 for people, 800361 and 800362 for those who treat them, and Luhn.
pub(in super::super) fn au_ihi(digits: &[u8]) -> bool {
    digits.len() == 16 && digits.starts_with(&[8, 0, 0, 3, 6]) && luhn(digits)
}

/// Ontario's card: ten digits with Luhn.
pub(in super::super) fn ca_ohip(digits: &[u8]) -> bool {
    digits.len() == 10 && varied(digits) && luhn(digits)
}
