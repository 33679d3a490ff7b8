//! Cards and accounts.

pub(super) mod crypto;

use super::{luhn, varied, weighted};

/// A payment card: issuer range, the length of that issuer, Luhn.
pub(super) fn card(digits: &[u8]) -> bool {
    let prefix = |len: usize| digits.iter().take(len).fold(0_u32, |number, digit| number * 10 + u32::from(*digit));
    let (two, three, four) = (prefix(2), prefix(3), prefix(4));
    let issued = match digits.len() {
        13 => (40..=49).contains(&two),
        14 => matches!(two, 36 | 38 | 39) || matches!(three, 300..=305 | 309),
        15 => matches!(two, 34 | 37) || matches!(four, 1800 | 2131),
        16 => {
            matches!(two, 40..=49 | 51..=55 | 60 | 62 | 64 | 65 | 81 | 82)
                || matches!(four, 2200..=2204 | 2221..=2720 | 3528..=3589)
                || matches!(two, 50 | 56..=58 | 63 | 67)
        }
        17 | 18 => matches!(two, 62),
        19 => matches!(two, 40..=49 | 50 | 56..=58 | 60 | 62..=65 | 67),
        _ => false,
    };
    issued && varied(digits) && luhn(digits)
}

/// ISO 13616: the country's length, and the rearranged number is 1 modulo 97.
pub(super) fn iban(value: &[u8]) -> bool {
    let mut chars = [0_u8; 34];
    let mut len = 0;
    for byte in value.iter().filter(|byte| byte.is_ascii_alphanumeric()) {
        if len == chars.len() {
            return false;
        }
        chars[len] = byte.to_ascii_uppercase();
        len += 1;
    }
    let chars = &chars[..len];
    let Some(country) = chars.first_chunk::<2>() else { return false };
    if iban_length(country) != Some(len) {
        return false;
    }
    let remainder = chars[4..].iter().chain(&chars[..4]).fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

/// The length that the IBAN registry gives for a country.
fn iban_length(country: &[u8; 2]) -> Option<usize> {
    const LENGTHS: [(usize, &str); 18] = [
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL SD FK"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU XK MN"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ TL OM SO"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "FR GR IT MC MR SM BI DJ"),
        (28, "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    ];
    let listed = |codes: &str| codes.split(' ').any(|code| code.as_bytes() == country);
    LENGTHS.iter().find(|(_, codes)| listed(codes)).map(|(len, _)| *len)
}

/// A bank of the United States: a Federal Reserve prefix and the 3-7-1 sum.
pub(super) fn aba_routing(digits: &[u8]) -> bool {
    let prefix = u32::from(digits.first().copied().unwrap_or(9)) * 10 + u32::from(digits.get(1).copied().unwrap_or(9));
    digits.len() == 9
        && matches!(prefix, 0..=12 | 21..=32 | 61..=72 | 80)
        && varied(digits)
        && weighted(digits, &[3, 7, 1, 3, 7, 1, 3, 7, 1]).is_multiple_of(10)
}

/// Countries and territories of ISO 3166-1, and Kosovo.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM \
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO \
    JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA \
    SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US \
    UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK";

/// ISO 9362: a bank, a country, a place, perhaps a branch.
pub(super) fn bic(value: &[u8]) -> bool {
    let country = value.get(4..6).unwrap_or_default();
    matches!(value.len(), 8 | 11) && is_country(country)
}

/// Whether two capitals are one of the codes.
fn is_country(code: &[u8]) -> bool {
    /// For each first letter a bit for each second one.
    const KNOWN: [u32; 26] = {
        let (codes, mut known, mut at) = (COUNTRIES.as_bytes(), [0; 26], 0);
        while at + 1 < codes.len() {
            if codes[at].is_ascii_uppercase() && codes[at + 1].is_ascii_uppercase() {
                known[(codes[at] - b'A') as usize] |= 1 << (codes[at + 1] - b'A');
                at += 1;
            }
            at += 1;
        }
        known
    };
    matches!(code, [a @ b'A'..=b'Z', b @ b'A'..=b'Z'] if KNOWN[usize::from(a - b'A')] >> (b - b'A') & 1 == 1)
}

/// Eighteen digits with weights 3 7 1 modulo 10 in the last (Banco de México).
pub(super) fn mx_clabe(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .take(17)
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(*digit) * weight % 10)
        .sum();
    digits.len() == 18 && varied(digits) && (10 - sum % 10) % 10 == u32::from(digits[17])
}
