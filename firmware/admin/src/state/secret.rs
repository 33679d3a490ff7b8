use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Marks our tokens in other people's configuration, and for secret scanners.
const PREFIX: &str = "ngt_";

/// The secret of an API token: 256 random bits. Shown once; not `Debug`.
pub struct TokenSecret(String);

impl TokenSecret {
    pub(super) fn generate() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{PREFIX}{}", random_text::<32>()?)))
    }

    pub(super) fn digest(&self) -> DigestHex {
        DigestHex::of(self.0.as_bytes())
    }
}

impl fmt::Display for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 in hexadecimal. Enough for secrets that are random themselves; passwords get argon2id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct DigestHex(String);

impl DigestHex {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The hash itself.
    pub(super) fn bytes(&self) -> Option<[u8; 32]> {
        let mut bytes = [0; 32];
        let digits = self.0.as_bytes();
        if digits.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(bytes)
    }

    /// Takes the same time wherever the two differ.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

/// A short random name: unique among a few, no secret.
pub(super) fn random_id() -> Result<String, getrandom::Error> {
    random_text::<9>()
}

/// `N` random bytes as URL-safe base64.
pub(crate) fn random_text<const N: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
