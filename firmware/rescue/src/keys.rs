//! The keys that an image trusts: one a line, 32 bytes in hexadecimal, what follows a `#` is for people.

use ed25519_dalek::{Signature, VerifyingKey};
use thiserror::Error;

/// An old key and a new one, of the maker and of the owner.
pub const MAX_KEYS: usize = 8;

/// Why a list of keys is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    #[error("line {0} is no Ed25519 key of 64 hexadecimal digits")]
    Line(usize),
    #[error("there are more than {MAX_KEYS} keys")]
    Many,
    #[error("there is no key, so no update is trusted")]
    None,
}

/// One to [`MAX_KEYS`] keys.
#[derive(Clone, Debug)]
pub struct Keys(Vec<VerifyingKey>);

impl Keys {
    /// Reads the list. One bad line spoils it: a key that silently went missing is found out when it is needed.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let key = bytes(line).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
            keys.push(key.filter(|key| !key.is_weak()).ok_or(KeyError::Line(number))?);
        }
        match keys.len() {
            0 => Err(KeyError::None),
            1..=MAX_KEYS => Ok(Self(keys)),
            _ => Err(KeyError::Many),
        }
    }

    pub(crate) fn vouch(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.iter().any(|key| key.verify_strict(message, signature).is_ok())
    }
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let digits = digits.as_bytes();
    let mut bytes = [0; 32];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{KeyError, Keys, MAX_KEYS};
    use crate::testing::{hex, key};

    #[test]
    fn reads_keys_and_what_is_said_of_them() {
        let text = format!("# ours\n{}   # 2026\n\n{}\n", hex(&key(1)), hex(&key(2)));
        assert!(Keys::parse(&text).is_ok());
    }

    #[test]
    fn a_list_with_anything_else_in_it_is_refused() {
        let good = hex(&key(1));
        let identity = format!("01{}", "00".repeat(31));
        for (text, error) in [
            (String::new(), KeyError::None),
            ("# none\n".to_owned(), KeyError::None),
            (format!("{good}\n{}", &good[2..]), KeyError::Line(2)),
            (format!("{good}00"), KeyError::Line(1)),
            (good.replacen(&good[..1], "g", 1), KeyError::Line(1)),
            (identity, KeyError::Line(1)),
            (format!("{good}\n").repeat(MAX_KEYS + 1), KeyError::Many),
        ] {
            assert_eq!(Keys::parse(&text).err(), Some(error), "{text}");
        }
    }
}
