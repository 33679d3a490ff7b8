use std::fmt;

use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{EntropyError, hex, random_key};

/// Bytes of every signature.
pub const SIGNATURE_LEN: usize = 64;

/// What a signature is for. It is signed together with the message, so that two kinds of message with equal bytes never
/// share a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purpose(&'static str);

/// The device's Ed25519 key: it signs journal heads, and later whatever else this device vouches for.
#[derive(Clone)]
pub struct DeviceKey(SigningKey);

/// The public half, enough to check everything offline.
#[derive(Clone, PartialEq, Eq)]
pub struct DevicePublic(VerifyingKey);

/// Why a key could not be made, read or written. It never says what was in the file.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    #[error("not an Ed25519 private key in PKCS#8 PEM")]
    PrivatePem,
    #[error("not an Ed25519 public key")]
    Public,
    #[error("the key cannot be encoded")]
    Encode,
}

/// The signature is not by this key over this message for this purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the signature does not verify")]
pub struct SignatureError;

impl Purpose {
    /// Names a purpose, such as `journal-head/v1`. A constant of the crate that signs; unique in the house.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// `nanogate`, the name and the message, divided by NUL, which no name holds.
    fn message(self, message: &[u8]) -> Vec<u8> {
        [b"nanogate\0", self.0.as_bytes(), b"\0", message].concat()
    }
}

impl DeviceKey {
    /// A new key from the kernel's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(SigningKey::from_bytes(&*random_key()?)))
    }

    /// Reads what [`to_pkcs8_pem`](Self::to_pkcs8_pem) or `openssl genpkey -algorithm ed25519` wrote.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::PrivatePem)
    }

    /// The private key as PEM; wiped when dropped.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Encode)
    }

    /// Signs a message for one purpose.
    pub fn sign(&self, purpose: Purpose, message: &[u8]) -> [u8; SIGNATURE_LEN] {
        self.0.sign(&purpose.message(message)).to_bytes()
    }

    /// The half that may be shown to everybody.
    pub fn public(&self) -> DevicePublic {
        DevicePublic(self.0.verifying_key())
    }
}

impl DevicePublic {
    /// Checks a signature; refuses weak keys and malleable signatures.
    pub fn verify(&self, purpose: Purpose, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        let signature = Signature::from_slice(signature).map_err(|_| SignatureError)?;
        self.0.verify_strict(&purpose.message(message), &signature).map_err(|_| SignatureError)
    }

    /// How the device is named in records, pages and reports: 16 bytes of the key's SHA-256 in hexadecimal.
    pub fn id(&self) -> String {
        hex(&Sha256::digest(self.0.as_bytes())[..16])
    }

    /// The raw 32 bytes.
    pub fn to_bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Takes the raw 32 bytes; refuses what is not a point of the curve, and points of small order.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Public)?;
        if key.is_weak() { Err(KeyError::Public) } else { Ok(Self(key)) }
    }

    /// SubjectPublicKeyInfo as PEM, as `openssl pkey -pubin` reads it.
    pub fn to_pem(&self) -> Result<String, KeyError> {
        self.0.to_public_key_pem(LineEnding::LF).map_err(|_| KeyError::Encode)
    }

    /// Reads what [`to_pem`](Self::to_pem) wrote.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let key = VerifyingKey::from_public_key_pem(pem).map_err(|_| KeyError::Public)?;
        Self::from_bytes(key.as_bytes())
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceKey({})", self.public().id())
    }
}

impl fmt::Debug for DevicePublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DevicePublic({})", self.id())
    }
}

#[cfg(test)]
mod tests;
