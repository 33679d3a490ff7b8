//! Addresses of people, and numbers that states and health services give to them.

use std::net::Ipv4Addr;

use super::{luhn, number, varied, verhoeff, weighted};

pub(super) fn au_tfn(digits: &[u8]) -> bool {
    digits.len() == 9 && varied(digits) && weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// The last two digits are 97 less the rest modulo 97; who was born since 2000 has a 2 set before the rest.
pub(super) fn be_national(digits: &[u8]) -> bool {
    if digits.len() != 11 {
        return false;
    }
    let (body, check) = (number(&digits[..9]), number(&digits[9..]));
    [body, body + 2_000_000_000].iter().any(|body| 97 - body % 97 == check)
}

pub(super) fn br_cpf(digits: &[u8]) -> bool {
    const WEIGHTS: [u32; 10] = [11, 10, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |body: &[u8]| match weighted(body, &WEIGHTS[10 - body.len()..]) % 11 {
        rest @ 2.. => 11 - rest,
        _ => 0,
    };
    digits.len() == 11
        && varied(digits)
        && check(&digits[..9]) == u32::from(digits[9])
        && check(&digits[..10]) == u32::from(digits[10])
}

/// An EAN-13 that begins with 756.
pub(super) fn ch_ahv(digits: &[u8]) -> bool {
    digits.len() == 13
        && digits.starts_with(&[7, 5, 6])
        && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// ISO 7064 MOD 11-2 with a date of birth inside.
pub(super) fn cn_resident(value: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let [body @ .., check] = value else { return false };
    if body.len() != 17 || !body.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digits: Vec<u8> = body.iter().map(|byte| byte - b'0').collect();
    let (year, month, day) = (number(&digits[6..10]), number(&digits[10..12]), number(&digits[12..14]));
    let expected = b"10X98765432"[weighted(&digits, &WEIGHTS) as usize % 11];
    (1900..=2100).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && check.to_ascii_uppercase() == expected
}

/// ISO 7064 MOD 11,10; among the first ten digits exactly one is repeated, two or three times.
pub(super) fn de_steuer_id(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let count = |digit: u8| digits[..10].iter().filter(|other| **other == digit).count();
    let repeated: Vec<usize> = (0..10).map(count).filter(|count| *count > 1).collect();
    if repeated.len() != 1 || repeated[0] > 3 {
        return false;
    }
    let product = digits[..10].iter().fold(10_u32, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(digits[10])
}

/// The letter of the number modulo 23; the X, Y and Z of foreigners count as 0, 1 and 2.
pub(super) fn es_dni(value: &[u8]) -> bool {
    let mut chars = value.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_uppercase);
    let Some(letter) = chars.next_back() else { return false };
    let body: Option<Vec<u8>> = chars
        .enumerate()
        .map(|(at, byte)| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'X'..=b'Z' if at == 0 => Some(byte - b'X'),
            _ => None,
        })
        .collect();
    body.is_some_and(|body| {
        body.len() == 8 && varied(&body) && b"TRWAGMYFPDXBNJZSQVHLCKE".get(number(&body) as usize % 23) == Some(&letter)
    })
}

/// Sex, year, month, place, order and a key of 97 less the rest modulo 97.
pub(super) fn fr_nir(digits: &[u8]) -> bool {
    digits.len() == 15
        && matches!(digits[0], 1..=4 | 7 | 8)
        && matches!(number(&digits[3..5]), 1..=12 | 20..=42 | 50..=99)
        && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

pub(super) fn in_aadhaar(digits: &[u8]) -> bool {
    matches!(digits, [2..=9, ..]) && varied(digits) && verhoeff(digits)
}

/// The fourth letter says what kind of person holds it.
pub(super) fn in_pan(value: &[u8]) -> bool {
    value.get(3).is_some_and(|holder| b"ABCEFGHJLPT".contains(holder))
}

/// The last letter follows from the others, odd and even places by tables of their own.
pub(super) fn it_codice_fiscale(value: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let [body @ .., check] = value else { return false };
    if body.len() != 15 || !body.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let sum: u32 = body
        .iter()
        .map(u8::to_ascii_uppercase)
        .map(|byte| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' })
        .enumerate()
        .map(|(at, value)| if at % 2 == 0 { ODD[usize::from(value)] } else { u32::from(value) })
        .sum();
    u32::from(check.to_ascii_uppercase()) == u32::from(b'A') + sum % 26
}

pub(super) fn nl_bsn(digits: &[u8]) -> bool {
    let [body @ .., last] = digits else { return false };
    let sum = weighted(body, &[9, 8, 7, 6, 5, 4, 3, 2]);
    body.len() == 8 && varied(digits) && sum % 11 == u32::from(*last)
}

pub(super) fn pl_pesel(digits: &[u8]) -> bool {
    digits.len() == 11
        && varied(digits)
        && matches!(number(&digits[2..4]) % 20, 1..=12)
        && matches!(number(&digits[4..6]), 1..=31)
        && weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]).is_multiple_of(10)
}

/// Date of birth and Luhn over the ten digits; coordination numbers have 60 added to the day.
pub(super) fn se_personnummer(digits: &[u8]) -> bool {
    let short = if digits.len() == 12 { &digits[2..] } else { digits };
    short.len() == 10
        && matches!(number(&short[2..4]), 1..=12)
        && matches!(number(&short[4..6]), 1..=31 | 61..=91)
        && luhn(short)
}

pub(super) fn sg_nric(value: &[u8]) -> bool {
    let [series, body @ .., check] = value else { return false };
    if body.len() != 7 || !body.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digits: Vec<u8> = body.iter().map(|byte| byte - b'0').collect();
    let sum = weighted(&digits, &[2, 7, 6, 5, 4, 3, 2]) as usize;
    let expected = match series.to_ascii_uppercase() {
        b'S' => b"JZIHGFEDCBA"[sum % 11],
        b'T' => b"JZIHGFEDCBA"[(sum + 4) % 11],
        b'F' => b"XWUTRQPNMLK"[sum % 11],
        b'G' => b"XWUTRQPNMLK"[(sum + 4) % 11],
        b'M' => b"KLJNPQRTUWX"[10 - (sum + 3) % 11],
        _ => return false,
    };
    check.to_ascii_uppercase() == expected
}

pub(super) fn tr_tckn(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let sum = |from: usize, to: usize, step: usize| -> i32 {
        digits[from..to].iter().step_by(step).map(|digit| i32::from(*digit)).sum()
    };
    let tenth = (sum(0, 9, 2) * 7 - sum(1, 8, 2)).rem_euclid(10);
    tenth == i32::from(digits[9]) && sum(0, 10, 1) % 10 == i32::from(digits[10])
}

pub(super) fn uk_nhs(digits: &[u8]) -> bool {
    let [body @ .., check] = digits else { return false };
    let rest = weighted(body, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    body.len() == 9 && varied(digits) && (11 - rest) % 11 == u32::from(*check)
}

/// HM Revenue & Customs' rules for the two letters.
pub(super) fn uk_nino(value: &[u8]) -> bool {
    let mut letters = value.iter().map(u8::to_ascii_uppercase);
    let (Some(first), Some(second)) = (letters.next(), letters.next()) else { return false };
    let pair = [first, second];
    first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&pair)
}

pub(super) fn us_dea(digits: &[u8]) -> bool {
    digits.len() == 7 && (weighted(digits, &[1, 2, 1, 2, 1, 2])) % 10 == u32::from(digits[6])
}

/// Luhn with the prefix 80840 of health identifiers set before.
pub(super) fn us_npi(digits: &[u8]) -> bool {
    let full: Vec<u8> = [8, 0, 8, 4, 0].iter().chain(digits).copied().collect();
    digits.len() == 10 && matches!(digits[0], 1 | 2) && luhn(&full)
}

/// The ranges that were never issued, and the numbers that became known through advertisements.
pub(super) fn us_ssn(digits: &[u8]) -> bool {
    if digits.len() != 9 {
        return false;
    }
    let (area, group, serial) = (number(&digits[..3]), number(&digits[3..5]), number(&digits[5..]));
    !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && varied(digits)
        && !matches!(number(digits), 78_051_120 | 219_099_999 | 123_456_789)
        && !(area == 987 && group == 65)
}

/// An address of the public internet, with a last byte that hosts have.
pub(super) fn public_ipv4(value: &[u8]) -> bool {
    let Some(address) = std::str::from_utf8(value).ok().and_then(|text| text.parse::<Ipv4Addr>().ok()) else {
        return false;
    };
    let [a, b, _, last] = address.octets();
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || address.is_unspecified()
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b));
    // Resolvers that stand in every configuration, and what is more often a version than an address.
    let known = matches!(address.octets(), [1, 1, 1, 1] | [1, 0, 0, 1] | [8, 8, 8, 8] | [8, 8, 4, 4] | [9, 9, 9, 9]);
    !special && !known && (11..240).contains(&a) && last != 0
}

/// A mail address by its domain. Top-level domains that are also file extensions and method names are told from those by
/// a list of the ones in use; two letters are a country.
pub(super) fn email(value: &[u8]) -> bool {
    const DOMAINS: [&str; 60] = [
        "com",
        "org",
        "net",
        "edu",
        "gov",
        "mil",
        "int",
        "info",
        "biz",
        "name",
        "pro",
        "mobi",
        "jobs",
        "travel",
        "museum",
        "coop",
        "aero",
        "asia",
        "tel",
        "cat",
        "app",
        "dev",
        "cloud",
        "online",
        "site",
        "tech",
        "store",
        "shop",
        "xyz",
        "club",
        "life",
        "live",
        "world",
        "email",
        "agency",
        "company",
        "group",
        "team",
        "work",
        "works",
        "design",
        "digital",
        "media",
        "news",
        "blog",
        "page",
        "web",
        "wiki",
        "bank",
        "health",
        "legal",
        "consulting",
        "solutions",
        "services",
        "software",
        "systems",
        "network",
        "berlin",
        "london",
        "swiss",
    ];
    /// Names that offices use inside, and those that RFC 2606 keeps for examples.
    const OFFICE: [&str; 11] =
        ["local", "internal", "intern", "lan", "corp", "home", "intra", "intranet", "example", "test", "invalid"];
    /// Two letters that are file extensions far more often than countries are written after an `@`.
    const FILES: [&str; 9] = ["js", "ts", "rb", "go", "cc", "hs", "ex", "db", "gz"];
    let text = String::from_utf8_lossy(value).to_ascii_lowercase();
    let Some((local, domain)) = text.split_once('@') else { return false };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let known = DOMAINS.contains(&top) || OFFICE.contains(&top) || (top.len() == 2 && !FILES.contains(&top));
    let source_host = local == "git" || (domain.starts_with("users.noreply.") || domain == "noreply.github.com");
    known && !source_host && !local.contains("..")
}

/// A number with its country code: 1 is followed by ten digits of the North American plan, others have 8 to 15 in all.
pub(super) fn phone(digits: &[u8]) -> bool {
    let digits = digits.strip_prefix(&[0, 0]).unwrap_or(digits);
    let plausible = match digits {
        [1, area, _, _, exchange, ..] => digits.len() == 11 && *area >= 2 && *exchange >= 2,
        [2, 1 | 4 | 5 | 6 | 8 | 9, ..]
        | [3, 5 | 7 | 8, ..]
        | [4, 2, ..]
        | [5, 0 | 9, ..]
        | [6, 7..=9, ..]
        | [8, 0 | 5 | 7 | 8, ..]
        | [9, 6 | 7 | 9, ..] => {
            matches!(digits.len(), 10..=13)
        }
        [2, 0 | 7, ..]
        | [3, 0..=4 | 6 | 9, ..]
        | [5, 1..=8, ..]
        | [6, 0..=6, ..]
        | [7, ..]
        | [8, 1 | 2 | 4 | 6, ..]
        | [9, 0..=5 | 8, ..] => {
            matches!(digits.len(), 10..=13)
        }
        // Germany and Austria have the longest ones.
        [4, 0 | 1 | 3..=9, ..] => matches!(digits.len(), 10..=14),
        _ => false,
    };
    plausible && varied(digits)
}

pub(super) fn national_phone(digits: &[u8]) -> bool {
    matches!(digits.len(), 9..=12)
}
