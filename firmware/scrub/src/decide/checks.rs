//! What a value must fulfil beyond its pattern: check digits, structure, ranges.

mod identity;
mod money;
mod token;

#[cfg(test)]
mod tests;

use gate_core::Why;
use serde::Deserialize;

use super::value::is_sample_word;

/// A check that a rule names in `checks`. Separators inside the value do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Check {
    // Digits in general
    Luhn,
    Verhoeff,
    /// Not all the same digit, and no plain up or down count.
    Varied,
    // Money
    Card,
    Iban,
    AbaRouting,
    // People
    AuTfn,
    BeNational,
    BrCpf,
    ChAhv,
    CnResident,
    DeSteuerId,
    EsDni,
    FrNir,
    InAadhaar,
    InPan,
    ItCodiceFiscale,
    NlBsn,
    PlPesel,
    SePersonnummer,
    SgNric,
    TrTckn,
    UkNhs,
    UkNino,
    UsDea,
    UsNpi,
    UsSsn,
    PublicIpv4,
    /// A domain that mail goes to, and no remote of a source host.
    Email,
    /// A country code and a plausible number of digits.
    Phone,
    /// As many digits as numbers within a country have.
    NationalPhone,
    // Tokens
    /// More than one kind of character, and no name, path or sample.
    PasswordLike,
    /// Looks drawn at random: letters of both cases with digits, or long hexadecimal.
    SecretLike,
    /// No word that manuals write where a password goes.
    NotSample,
    /// An armour's first line with a key behind it, whatever stands at the starts of its lines.
    KeyBody,
    /// The last 6 characters are the CRC-32 of what follows the first `_`, in base 62 (GitHub, npm).
    Crc32Base62,
    /// The last 8 characters are the CRC-32 of all before them, in upper-case hexadecimal (Atlassian).
    Crc32Hex,
    /// Three parts in base64url, the first a JSON object that names `alg`.
    Jwt,
    /// base64 of `user:password`.
    BasicAuth,
    /// base64 of exactly 64 bytes.
    Base64Of64,
    /// base64 of exactly 32 bytes.
    Base64Of32,
    /// The first part is base64 of a user's number (Discord).
    DiscordId,
}

impl Check {
    /// What a value rests on that passes: a check digit unless it is named here.
    pub(crate) fn ground(self) -> Why {
        match self {
            Self::SecretLike | Self::PasswordLike | Self::Varied => Why::Entropy,
            Self::PublicIpv4
            | Self::Email
            | Self::Phone
            | Self::NationalPhone
            | Self::InPan
            | Self::UkNino
            | Self::UsSsn
            | Self::NotSample
            | Self::KeyBody
            | Self::Jwt
            | Self::BasicAuth
            | Self::Base64Of64
            | Self::Base64Of32
            | Self::DiscordId => Why::Structure,
            _ => Why::CheckDigit,
        }
    }

    /// Whether `value` passes.
    pub(crate) fn passes(self, value: &[u8]) -> bool {
        let digits = Digits::of(value);
        let number = digits.as_slice();
        match self {
            Self::Luhn => luhn(number),
            Self::Verhoeff => verhoeff(number),
            Self::Varied => varied(number),
            Self::Card => money::card(number),
            Self::Iban => money::iban(value),
            Self::AbaRouting => money::aba_routing(number),
            Self::AuTfn => identity::au_tfn(number),
            Self::BeNational => identity::be_national(number),
            Self::BrCpf => identity::br_cpf(number),
            Self::ChAhv => identity::ch_ahv(number),
            Self::CnResident => identity::cn_resident(value),
            Self::DeSteuerId => identity::de_steuer_id(number),
            Self::EsDni => identity::es_dni(value),
            Self::FrNir => identity::fr_nir(number),
            Self::InAadhaar => matches!(number, [2..=9, ..]) && varied(number) && verhoeff(number),
            Self::InPan => value.get(3).is_some_and(|holder| b"ABCEFGHJLPT".contains(holder)),
            Self::ItCodiceFiscale => identity::it_codice_fiscale(value),
            Self::NlBsn => identity::nl_bsn(number),
            Self::PlPesel => identity::pl_pesel(number),
            Self::SePersonnummer => identity::se_personnummer(number),
            Self::SgNric => identity::sg_nric(value),
            Self::TrTckn => identity::tr_tckn(number),
            Self::UkNhs => identity::uk_nhs(number),
            Self::UkNino => identity::uk_nino(value),
            Self::UsDea => identity::us_dea(number),
            Self::UsNpi => identity::us_npi(number),
            Self::UsSsn => identity::us_ssn(number),
            Self::PublicIpv4 => identity::public_ipv4(value),
            Self::Email => identity::email(value),
            Self::Phone => identity::phone(number),
            Self::NationalPhone => matches!(number.len(), 9..=12),
            Self::PasswordLike => token::password_like(value),
            Self::SecretLike => token::secret_like(value),
            Self::NotSample => !is_sample_word(value),
            Self::KeyBody => token::key_body(value),
            Self::Crc32Base62 => token::crc32_base62(value),
            Self::Crc32Hex => token::crc32_hex(value),
            Self::Jwt => token::jwt(value),
            Self::BasicAuth => token::basic_auth(value),
            Self::Base64Of64 => token::base64_len(value) == Some(64),
            Self::Base64Of32 => token::base64_len(value) == Some(32),
            Self::DiscordId => token::discord_id(value),
        }
    }
}

/// The digits of a value, without allocating; no number that is checked has more than 32.
struct Digits {
    digits: [u8; 32],
    len: usize,
}

impl Digits {
    fn of(value: &[u8]) -> Self {
        let mut all = Self { digits: [0; 32], len: 0 };
        for digit in value.iter().filter(|byte| byte.is_ascii_digit()).take(32) {
            all.digits[all.len] = digit - b'0';
            all.len += 1;
        }
        all
    }

    fn as_slice(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// The sum of digits times weights.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

/// The number that up to 18 digits spell.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, digit| number * 10 + u64::from(*digit))
}

/// ISO/IEC 7812-1: every second digit from the right doubled, the sum a multiple of ten.
fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit < 5 { digit * 2 } else { digit * 2 - 9 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| u32::from(if at % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    !digits.is_empty() && sum.is_multiple_of(10)
}

/// The dihedral group of order 10, written as arithmetic instead of its table.
fn verhoeff(digits: &[u8]) -> bool {
    const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b) % 5,
        (false, true) => 5 + (a - b) % 5,
        (false, false) => (5 + a - b) % 5,
    };
    let permuted = |digit: u8, times: usize| (0..times % 8).fold(digit, |digit, _| PERMUTED[usize::from(digit)]);
    let check = digits.iter().rev().enumerate().fold(0, |check, (at, digit)| times(check, permuted(*digit, at)));
    !digits.is_empty() && check == 0
}

/// Not all the same digit, and no plain up or down count.
fn varied(digits: &[u8]) -> bool {
    let steps = |step: u8| digits.windows(2).all(|pair| (pair[0] + step) % 10 == pair[1]);
    !steps(0) && !steps(1) && !steps(9)
}
