//! Any bytes in the place of a signed image's head, and any manifest under a good signature: refused or read, never a panic,
//! and never numbers that do not agree with each other.
#![no_main]

use ed25519_dalek::{Signer, SigningKey};
use gate_rescue::{CHUNK, Keys, MAX_HEAD, MAX_PAYLOAD, Signed, message};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let key = SigningKey::from_bytes(&[7; 32]);
    let digits: String = key.verifying_key().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = Keys::parse(&digits).expect("a key");
    if let Ok(head) = Signed::read(&mut &bytes[..]) {
        let written = head.to_bytes().expect("what was read can be written");
        assert!(written.len() <= MAX_HEAD && bytes.starts_with(&written));
        assert!(head.verify(&keys).is_err(), "nobody signed it");
    }
    let signed = Signed::new(bytes.to_vec(), key.sign(&message(bytes)).to_bytes());
    if let Ok(verified) = signed.verify(&keys) {
        let manifest = verified.manifest();
        assert!((1..=MAX_PAYLOAD).contains(&manifest.bytes));
        assert_eq!(manifest.bytes.div_ceil(CHUNK as u64), manifest.chunks.len() as u64);
    }
});
