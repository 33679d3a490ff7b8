//! What the tests of several modules share: keys, manifests, files.

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use crate::{CHUNK, Keys, Manifest, Signed, message};

pub(crate) const BOARD: &str = "qemu-aarch64";
pub(crate) const SEQUENCE: u64 = 1_800_000_000;

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

pub(crate) fn hex(key: &SigningKey) -> String {
    key.verifying_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The list of keys with this one alone.
pub(crate) fn keys(key: &SigningKey) -> Keys {
    Keys::parse(&hex(key)).expect("a key")
}

pub(crate) fn manifest(payload: &[u8]) -> Manifest {
    Manifest {
        board: BOARD.try_into().expect("short"),
        version: "1.2.3".try_into().expect("short"),
        sequence: SEQUENCE,
        bytes: payload.len() as u64,
        chunks: payload.chunks(CHUNK).map(|piece| Sha256::digest(piece).into()).collect(),
    }
}

pub(crate) fn sign(manifest: &Manifest, key: &SigningKey) -> Signed {
    let bytes = postcard::to_stdvec(manifest).expect("serializes");
    let signature = key.sign(&message(&bytes)).to_bytes();
    Signed::new(bytes, signature)
}

/// A whole file.
pub(crate) fn update(payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let mut file = sign(&manifest(payload), key).to_bytes().expect("a short manifest");
    file.extend_from_slice(payload);
    file
}

/// Bytes that differ everywhere.
pub(crate) fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}
