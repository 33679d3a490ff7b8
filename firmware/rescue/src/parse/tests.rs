use proptest::prelude::*;

use super::{FormatError, MAX_CHUNKS, MAX_HEAD, Manifest, Signed};
use crate::testing::{key, keys, manifest, payload, sign};

fn read(bytes: &[u8]) -> Result<Signed, FormatError> {
    Signed::read(&mut &bytes[..])
}

#[test]
fn a_head_reads_back_as_it_was_written_and_takes_no_byte_of_the_payload() {
    let signed = sign(&manifest(&payload(5 << 19)), &key(1));
    let mut bytes = signed.to_bytes().expect("short");
    let length = bytes.len();
    bytes.extend_from_slice(b"payload");
    let mut rest = &bytes[..];
    let again = Signed::read(&mut rest).expect("a head");
    assert_eq!((again.clone(), rest), (signed, &b"payload"[..]));
    let verified = again.verify(&keys(&key(1))).expect("signed");
    assert_eq!(verified.manifest(), &manifest(&payload(5 << 19)));
    assert_eq!(verified.length(), length as u64 + (5 << 19));
}

#[test]
fn only_a_key_of_the_list_can_sign() {
    let signed = sign(&manifest(&[1; 512]), &key(1));
    assert!(matches!(signed.verify(&keys(&key(2))), Err(FormatError::Signature)));
    // The same message signed for nothing in particular.
    let bytes = postcard::to_stdvec(&manifest(&[1; 512])).expect("serializes");
    let bare = Signed::new(bytes.clone(), ed25519_dalek::Signer::sign(&key(1), &bytes).to_bytes());
    assert!(matches!(bare.verify(&keys(&key(1))), Err(FormatError::Signature)));
}

#[test]
fn a_signed_manifest_whose_numbers_do_not_agree_is_refused() {
    let good = manifest(&payload(3 << 20));
    let with = |change: &dyn Fn(&mut Manifest)| {
        let mut changed = good.clone();
        change(&mut changed);
        sign(&changed, &key(1)).verify(&keys(&key(1)))
    };
    assert!(with(&|_| ()).is_ok());
    for change in [
        (&|m: &mut Manifest| m.bytes += 512) as &dyn Fn(&mut Manifest),
        &|m| m.bytes -= 1,
        &|m| m.bytes = 0,
        &|m| m.bytes = u64::MAX,
        &|m| m.chunks.clear(),
        &|m| {
            m.chunks.push([0; 32]).expect("room");
        },
        &|m| m.version.clear(),
        &|m| m.version.push('\u{1b}').expect("room"),
    ] {
        assert!(matches!(with(change), Err(FormatError::Manifest)));
    }
    let mut longer = postcard::to_stdvec(&good).expect("serializes");
    longer.push(0);
    let signature = ed25519_dalek::Signer::sign(&key(1), &super::message(&longer)).to_bytes();
    assert!(matches!(Signed::new(longer, signature).verify(&keys(&key(1))), Err(FormatError::Manifest)));
}

#[test]
fn the_largest_manifest_fits() {
    let mut largest = manifest(&[0; 512]);
    largest.chunks = std::iter::repeat_n([0xff; 32], MAX_CHUNKS).collect();
    largest.bytes = super::MAX_PAYLOAD;
    let bytes = sign(&largest, &key(1)).to_bytes().expect("short enough");
    assert!(bytes.len() <= MAX_HEAD);
    assert!(read(&bytes).expect("a head").verify(&keys(&key(1))).is_ok());
}

#[test]
fn what_is_cut_or_claims_more_than_there_may_be_is_refused() {
    let whole = sign(&manifest(&[1; 512]), &key(1)).to_bytes().expect("short");
    for end in 0..whole.len() {
        assert!(matches!(read(&whole[..end]), Err(FormatError::Short)), "cut at {end}");
    }
    let mut long = whole.clone();
    long[8..10].copy_from_slice(&u16::MAX.to_le_bytes());
    assert!(matches!(read(&long), Err(FormatError::Long(65535))));
    let mut other = whole;
    other[0] ^= 1;
    assert!(matches!(read(&other), Err(FormatError::Mark)));
}

proptest! {
    /// No flipped bit of a head passes.
    #[test]
    fn any_change_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let mut bytes = sign(&manifest(&payload(1 << 20)), &key(1)).to_bytes().expect("short");
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes).and_then(|head| head.verify(&keys(&key(1)))).is_err());
    }
}
