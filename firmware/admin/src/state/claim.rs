use std::fmt;

use serde::{Deserialize, Serialize};

use super::secret::{DigestHex, random_id};

/// Letters and digits that cannot be taken for one another (no 0/O, 1/I/L, U): read from a screen, typed on a phone.
/// 30 of them, so 12 carry 58 bits, far beyond what the throttle lets anybody try.
const ALPHABET: &[u8; 30] = b"23456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The one-time code of the first sign-in, in three groups of four. Not `Debug`: it opens the door.
pub struct ClaimCode(String);

/// The code as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClaimHash {
    salt: String,
    hash: DigestHex,
}

impl ClaimCode {
    /// Twelve characters, each equally likely.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut code = String::with_capacity(12);
        while code.len() < 12 {
            let mut byte = [0];
            getrandom::fill(&mut byte)?;
            // 240 is the largest multiple of 30 in a byte; taking the rest would favour the first letters.
            if byte[0] < 240 {
                code.push(char::from(ALPHABET[usize::from(byte[0]) % ALPHABET.len()]));
            }
        }
        Ok(Self(code))
    }
}

impl fmt::Display for ClaimCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", &self.0[..4], &self.0[4..8], &self.0[8..])
    }
}

impl ClaimHash {
    pub(super) fn of(code: &ClaimCode) -> Result<Self, getrandom::Error> {
        let salt = random_id()?;
        let hash = DigestHex::of(format!("{salt}:{}", code.0).as_bytes());
        Ok(Self { salt, hash })
    }

    /// Compares in constant time, whatever case and separators a person typed.
    pub(super) fn matches(&self, typed: &str) -> bool {
        let code: String =
            typed.chars().filter(char::is_ascii_alphanumeric).take(13).map(|c| c.to_ascii_uppercase()).collect();
        self.hash.same_as(&DigestHex::of(format!("{}:{code}", self.salt).as_bytes()))
    }
}
