use std::fmt;

use hmac::digest::{FixedOutput, Update};
use hmac::{Hmac, KeyInit};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::hex;

/// The kernel gave no randomness; nothing secret may be made without it.
#[derive(Debug, Error)]
#[error("the system gave no random bytes: {0}")]
pub struct EntropyError(#[from] getrandom::Error);

/// 32 bytes nobody else knows, for a [`KeyedHash`].
pub fn random_key() -> Result<Zeroizing<[u8; 32]>, EntropyError> {
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice())?;
    Ok(key)
}

/// HMAC-SHA-256 under a key of this device: tells whether two values are equal, and nothing else, not even to somebody
/// who can try every phone number there is.
#[derive(Clone)]
pub struct KeyedHash {
    /// The key is already mixed in, so that a tag costs two blocks less; wiped on drop.
    keyed: Hmac<Sha256>,
}

impl KeyedHash {
    /// Takes a key from [`random_key`] or the device's store.
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        Self { keyed: Hmac::new_from_slice(key.as_slice()).expect("HMAC takes keys of any length") }
    }

    /// The whole tag.
    pub fn tag(&self, value: &[u8]) -> [u8; 32] {
        let mut keyed = self.keyed.clone();
        keyed.update(value);
        keyed.finalize_fixed().into()
    }

    /// The first 8 bytes of the tag in hexadecimal, the form in which records carry it.
    pub fn short_hex(&self, value: &[u8]) -> String {
        hex(&self.tag(value)[..8])
    }
}

impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyedHash, random_key};
    use crate::hex;

    #[test]
    fn agrees_with_another_implementation() {
        // openssl dgst -sha256 -mac HMAC -macopt hexkey:0b0b…(32 bytes) <<< "Hi There" without the newline.
        let tag = KeyedHash::new([0x0b; 32]).tag(b"Hi There");
        assert_eq!(hex(&tag), "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7");
    }

    #[test]
    fn the_short_form_is_the_beginning_of_the_tag() {
        let hash = KeyedHash::new([7; 32]);
        assert_eq!(hash.short_hex(b"jane@example.com"), hex(&hash.tag(b"jane@example.com"))[..16]);
    }

    #[test]
    fn keys_and_values_both_matter() {
        let (one, two) = (KeyedHash::new([1; 32]), KeyedHash::new([2; 32]));
        assert_eq!(one.tag(b"a"), one.tag(b"a"));
        assert_ne!(one.tag(b"a"), one.tag(b"b"));
        assert_ne!(one.tag(b"a"), two.tag(b"a"));
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", KeyedHash::new([0x41; 32])), "KeyedHash(..)");
    }

    #[test]
    fn random_keys_differ() {
        assert_ne!(*random_key().unwrap(), *random_key().unwrap());
    }
}
