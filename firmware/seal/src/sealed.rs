//! Secrets at rest: worthless without what lies elsewhere.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::digest::{FixedOutput, Update};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::authority::pem;
use crate::{EntropyError, random_key};

const LABEL: &str = "NANOGATE SEALED KEY";
const SALT: usize = 32;
const TAG: usize = 16;

/// What a key is sealed with; wiped on drop.
pub struct SealKey(Zeroizing<[u8; 32]>);

/// Why a sealed key is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    #[error("it is not whole")]
    Form,
    #[error("it was sealed with another secret, or was changed since")]
    Secret,
}

/// Whether a text is a sealed key and no plain one.
pub fn is_sealed(text: &str) -> bool {
    text.trim_start().starts_with(&format!("-----BEGIN {LABEL}-----"))
}

impl SealKey {
    /// From a secret that lies apart from what is sealed.
    pub fn new(secret: &[u8]) -> Self {
        Self(keyed(secret, b"nanogate/seal/v1", b""))
    }

    /// A secret text in a form for a file. Each time it is another one.
    pub fn seal(&self, secret: &str) -> Result<String, EntropyError> {
        let salt = random_key()?;
        let mut sealed = salt.to_vec();
        let mut text = Zeroizing::new(secret.as_bytes().to_vec());
        // The key is made for this one text, so that no number is used twice.
        let tag = self
            .cipher(salt.as_slice())
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key([0; NONCE_LEN]), Aad::from(LABEL), &mut text)
            .expect("a key's file is shorter than the cipher's limit");
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.as_ref());
        Ok(pem(LABEL, &sealed))
    }

    /// What was sealed.
    pub fn open(&self, text: &str) -> Result<Zeroizing<String>, OpenError> {
        let (begin, end) = (format!("-----BEGIN {LABEL}-----"), format!("-----END {LABEL}-----"));
        let body = text.trim().strip_prefix(&begin).and_then(|rest| rest.strip_suffix(&end)).ok_or(OpenError::Form)?;
        let body: String = body.split_ascii_whitespace().collect();
        let mut sealed = Zeroizing::new(STANDARD.decode(body).map_err(|_| OpenError::Form)?);
        if sealed.len() < SALT + TAG {
            return Err(OpenError::Form);
        }
        let (salt, text) = sealed.split_at_mut(SALT);
        let nonce = Nonce::assume_unique_for_key([0; NONCE_LEN]);
        let plain = self.cipher(salt).open_in_place(nonce, Aad::from(LABEL), text).map_err(|_| OpenError::Secret)?;
        let plain = str::from_utf8(plain).map_err(|_| OpenError::Form)?;
        Ok(Zeroizing::new(plain.to_owned()))
    }

    fn cipher(&self, salt: &[u8]) -> LessSafeKey {
        let key = keyed(self.0.as_slice(), b"file", salt);
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_slice()).expect("the cipher takes keys of 32 bytes"))
    }
}

fn keyed(key: &[u8], purpose: &[u8], value: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut keyed = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in [purpose, value] {
        keyed.update(&(part.len() as u64).to_be_bytes());
        keyed.update(part);
    }
    Zeroizing::new(keyed.finalize_fixed().into())
}

#[cfg(test)]
mod tests {
    use super::{OpenError, SealKey, is_sealed};

    const PLAIN: &str = "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n";

    #[test]
    fn what_is_sealed_opens_with_the_same_secret_only() {
        let key = SealKey::new(b"secret");
        let sealed = key.seal(PLAIN).unwrap();
        assert!(is_sealed(&sealed) && !is_sealed(PLAIN) && !sealed.contains("MIGH"));
        assert_eq!(*SealKey::new(b"secret").open(&sealed).unwrap(), PLAIN);
        assert_ne!(key.seal(PLAIN).unwrap(), sealed);
        for other in [&b"Secret"[..], b"secret2", b""] {
            assert_eq!(SealKey::new(other).open(&sealed).unwrap_err(), OpenError::Secret);
        }
    }

    #[test]
    fn what_was_changed_or_cut_is_refused() {
        let key = SealKey::new(b"secret");
        let sealed = key.seal(PLAIN).unwrap();
        let (first, line) = sealed.split_once('\n').unwrap();
        let swapped = if line.starts_with('A') { 'B' } else { 'A' };
        assert_eq!(key.open(&format!("{first}\n{swapped}{}", &line[1..])).unwrap_err(), OpenError::Secret);
        for bad in [
            "",
            PLAIN,
            first,
            &sealed[..sealed.len() / 2],
            &format!("{first}\nAAAA\n-----END NANOGATE SEALED KEY-----"),
        ] {
            assert_eq!(key.open(bad).unwrap_err(), OpenError::Form, "{bad}");
        }
    }
}
