//! What a value must fulfil beyond its pattern: check digits, structure, ranges.

mod identity;
mod money;
mod token;

#[cfg(test)]
mod tests;

use gate_core::Why;
use serde::Deserialize;

use super::unmarked::{base58check, mnemonic};

/// A check that a rule names in `checks`. Separators inside the value do not count.
/// The list of all checks. A line says what is looked at, `number` (its digits, whatever stands between them) or `value`
/// (all its bytes); the function that decides; and what a value that passes rests on.
macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident: $of:ident($judge:expr), $ground:ident;)+) => {
        /// A check that a rule names in `checks`, in snake case. Separators inside a number do not count.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Check {
            $($(#[$doc])* $name,)+
        }

        impl Check {
            /// All of them, in the order of the list.
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// What a value rests on that passes.
            pub(crate) fn ground(self) -> Why {
                match self {
                    $(Self::$name => Why::$ground,)+
                }
            }

            /// Whether `value` passes.
            pub(crate) fn passes(self, value: &[u8]) -> bool {
                match self {
                    $(Self::$name => checks!(@$of $judge, value),)+
                }
            }
        }
    };
    (@number $judge:expr, $value:ident) => { $judge(Digits::of($value).as_slice()) };
    (@value $judge:expr, $value:ident) => { $judge($value) };
}

checks! {
    // Digits in general
    Luhn: number(luhn), CheckDigit;
    Verhoeff: number(verhoeff), CheckDigit;
    /// Not all the same digit, and no plain up or down count.
    Varied: number(varied), Entropy;

    // Money
    Card: number(money::card), CheckDigit;
    Iban: value(money::iban), CheckDigit;
    AbaRouting: number(money::aba_routing), CheckDigit;

    // People
    AuTfn: number(identity::au_tfn), CheckDigit;
    BeNational: number(identity::be_national), CheckDigit;
    BrCpf: number(identity::br_cpf), CheckDigit;
    ChAhv: number(identity::ch_ahv), CheckDigit;
    CnResident: value(identity::cn_resident), CheckDigit;
    DeSteuerId: number(identity::de_steuer_id), CheckDigit;
    EsDni: value(identity::es_dni), CheckDigit;
    FrNir: number(identity::fr_nir), CheckDigit;
    InAadhaar: number(identity::in_aadhaar), CheckDigit;
    InPan: value(identity::in_pan), Structure;
    ItCodiceFiscale: value(identity::it_codice_fiscale), CheckDigit;
    NlBsn: number(identity::nl_bsn), CheckDigit;
    PlPesel: number(identity::pl_pesel), CheckDigit;
    SePersonnummer: number(identity::se_personnummer), CheckDigit;
    SgNric: value(identity::sg_nric), CheckDigit;
    TrTckn: number(identity::tr_tckn), CheckDigit;
    UkNhs: number(identity::uk_nhs), CheckDigit;
    UkNino: value(identity::uk_nino), Structure;
    UsDea: number(identity::us_dea), CheckDigit;
    UsNpi: number(identity::us_npi), CheckDigit;
    UsSsn: number(identity::us_ssn), Structure;
    PublicIpv4: value(identity::public_ipv4), Structure;
    /// A domain that mail goes to, and no remote of a source host.
    Email: value(identity::email), Structure;
    /// A country code and a plausible number of digits.
    Phone: number(identity::phone), Structure;
    /// As many digits as numbers within a country have.
    NationalPhone: number(identity::national_phone), Structure;

    // Tokens
    /// More than one kind of character, and no name, path or sample.
    PasswordLike: value(token::password_like), Entropy;
    /// Looks drawn at random: letters of both cases with digits, or long hexadecimal.
    SecretLike: value(token::secret_like), Entropy;
    /// No word that manuals write where a password goes.
    NotSample: value(token::not_sample), Structure;
    /// An armour's first line with a key behind it, whatever stands at the starts of its lines.
    KeyBody: value(token::key_body), Structure;
    /// The last 6 characters are the CRC-32 of what follows the first `_`, in base 62 (GitHub, npm).
    Crc32Base62: value(token::crc32_base62), CheckDigit;
    /// The last 8 characters are the CRC-32 of all before them, in upper-case hexadecimal (Atlassian).
    Crc32Hex: value(token::crc32_hex), CheckDigit;
    /// Three parts in base64url, the first a JSON object that names `alg`.
    Jwt: value(token::jwt), Structure;
    /// base64 of `user:password`.
    BasicAuth: value(token::basic_auth), Structure;
    /// base64 of exactly 64 bytes.
    Base64Of64: value(token::base64_of_64), Structure;
    /// base64 of exactly 32 bytes.
    Base64Of32: value(token::base64_of_32), Structure;
    /// The first part is base64 of a user's number (Discord).
    DiscordId: value(token::discord_id), Structure;
    /// Words of a BIP-39 mnemonic, with its checksum or written down as one.
    Mnemonic: value(mnemonic), Structure;
    /// Ends with its Base58Check checksum.
    Base58Check: value(base58check), CheckDigit;
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
