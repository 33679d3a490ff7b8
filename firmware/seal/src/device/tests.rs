use proptest::prelude::{any, proptest};

use super::{DeviceKey, DevicePublic, KeyError, Purpose, SIGNATURE_LEN, SignatureError};
use crate::hex;

const HEAD: Purpose = Purpose::new("test-head");
const OTHER: Purpose = Purpose::new("test-other");

/// RFC 8410 section 10.3: a private key written by somebody else.
const RFC8410: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";

#[test]
fn reads_keys_of_others() {
    let public = DeviceKey::from_pkcs8_pem(RFC8410).unwrap().public();
    // RFC 8410 section 10.1 gives its public key.
    assert_eq!(hex(&public.to_bytes()), "19bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1");
    assert_eq!(public.id().len(), 32);
}

#[test]
fn survives_pem_both_ways() {
    let key = DeviceKey::generate().unwrap();
    let again = DeviceKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
    assert_eq!(again.public(), key.public());
    let public = DevicePublic::from_pem(&key.public().to_pem().unwrap()).unwrap();
    let signature = again.sign(HEAD, b"head");
    assert_eq!(public.verify(HEAD, b"head", &signature), Ok(()));
    assert_eq!(DevicePublic::from_bytes(&public.to_bytes()).unwrap().id(), key.public().id());
}

#[test]
fn refuses_what_was_not_signed_here() {
    let key = DeviceKey::generate().unwrap();
    let (public, signature) = (key.public(), key.sign(HEAD, b"head"));
    let stranger = DeviceKey::generate().unwrap().public();
    assert_eq!(public.verify(OTHER, b"head", &signature), Err(SignatureError), "another purpose");
    assert_eq!(public.verify(HEAD, b"heads", &signature), Err(SignatureError), "another message");
    assert_eq!(public.verify(HEAD, b"head", &signature[1..]), Err(SignatureError), "a short signature");
    assert_eq!(stranger.verify(HEAD, b"head", &signature), Err(SignatureError), "another key");
}

#[test]
fn a_purpose_cannot_run_into_the_message() {
    let key = DeviceKey::generate().unwrap();
    let signature = key.sign(Purpose::new("ab"), b"c");
    assert_eq!(key.public().verify(Purpose::new("a"), b"bc", &signature), Err(SignatureError));
}

#[test]
fn keys_that_are_none_are_refused_without_an_echo() {
    let error =
        DeviceKey::from_pkcs8_pem("-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n").unwrap_err();
    assert!(matches!(error, KeyError::PrivatePem) && !error.to_string().contains("hunter2"));
    // The identity point: every signature of it "verifies" under the weak rules.
    let mut weak = [0; 32];
    weak[0] = 1;
    assert!(matches!(DevicePublic::from_bytes(&weak), Err(KeyError::Public)));
    assert!(DevicePublic::from_pem(RFC8410).is_err());
}

#[test]
fn debug_shows_the_public_name_only() {
    let key = DeviceKey::from_pkcs8_pem(RFC8410).unwrap();
    assert_eq!(format!("{key:?}"), format!("DeviceKey({})", key.public().id()));
}

proptest! {
    #[test]
    fn one_flipped_bit_is_enough(message: Vec<u8>, bit in 0..SIGNATURE_LEN * 8, seed: [u8; 32]) {
        let key = DeviceKey(ed25519_dalek::SigningKey::from_bytes(&seed));
        let mut signature = key.sign(HEAD, &message);
        signature[bit / 8] ^= 1 << (bit % 8);
        proptest::prop_assert_eq!(key.public().verify(HEAD, &message, &signature), Err(SignatureError));
    }

    #[test]
    fn hostile_signatures_never_panic(message: Vec<u8>, signature in proptest::collection::vec(any::<u8>(), 0..130)) {
        let key = DeviceKey::from_pkcs8_pem(RFC8410).unwrap();
        proptest::prop_assert_eq!(key.public().verify(HEAD, &message, &signature), Err(SignatureError));
    }
}
