use std::ops::RangeInclusive;
use std::sync::Arc;

use gate_core::ZoneKey;
use hickory_proto::dnssec::rdata::DNSKEY;
use hickory_proto::dnssec::{DigestType, PublicKey, TrustAnchors, Verifier};
use hickory_proto::rr::Name;
use hickory_proto::serialize::txt::trust_anchor::{Entry, Parser};
use serde::Deserialize;
use thiserror::Error;

use super::ConfigError;

/// Flags of a key that signs keys: zone key and secure entry point (RFC 4034 section 2.1.1).
const KEY_SIGNING: u16 = 257;

/// Bits of RSA keys: shorter ones are broken, and longer ones nobody has (RFC 3110, RFC 5702).
const RSA_BITS: RangeInclusive<usize> = 1024..=4096;

/// What is done about signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dnssec {
    /// Bogus answers are withheld. When every upstream strips signatures, answers are passed on unchecked, which status
    /// shows: the office must not lose its internet over its provider's resolver.
    #[default]
    Validate,
    /// The same, but what cannot be checked is withheld too.
    Strict,
    Off,
}

/// Keys that are trusted to begin with.
#[derive(Clone)]
pub(crate) struct Anchors {
    /// The zones they belong to.
    pub(crate) names: Vec<Name>,
    pub(crate) keys: Arc<TrustAnchors>,
    /// The same as records; none for the root's, which the validator's crate carries.
    records: Vec<(Name, DNSKEY)>,
    /// Zone and tag of each, for people.
    pub(crate) told: Vec<String>,
}

/// Why keys are not trusted.
#[derive(Debug, Error)]
pub enum KeyError {
    #[error("the key {tag} of the zone `{zone}`: {why}")]
    Key { zone: String, tag: u16, why: String },
    /// Without them all answers of the internet would count as unsigned, and nobody would notice.
    #[error("no key of the root zone is among them")]
    NoRoot,
}

/// Checks keys as [`Dns::see_keys`](crate::Dns::see_keys) does: each must be a key-signing key, whole, and have the tag and
/// the digest that are said of it, and the root must have one.
pub fn check_keys(keys: &[ZoneKey]) -> Result<(), KeyError> {
    Anchors::of_keys(keys).map(drop)
}

impl Anchors {
    /// The owner's, as DNSKEY records in the form of zone files; the root's keys as IANA publishes them when there are none.
    pub(crate) fn read(texts: &[String]) -> Result<Self, ConfigError> {
        if texts.is_empty() {
            let told = vec![". 20326".to_owned(), ". 38696".to_owned()];
            return Ok(Self { names: vec![Name::root()], keys: Arc::default(), records: Vec::new(), told });
        }
        let anchor = |text: &String| record(text).map_err(|why| ConfigError::Anchor { text: text.clone(), why });
        Ok(Self::of_records(texts.iter().map(anchor).collect::<Result<_, _>>()?))
    }

    /// Those of a pack.
    pub(crate) fn of_keys(keys: &[ZoneKey]) -> Result<Self, KeyError> {
        let checked =
            |key: &ZoneKey| whole(key).map_err(|why| KeyError::Key { zone: key.zone.clone(), tag: key.tag, why });
        let records: Vec<_> = keys.iter().map(checked).collect::<Result<_, _>>()?;
        if !records.iter().any(|(zone, _)| zone.is_root()) {
            return Err(KeyError::NoRoot);
        }
        Ok(Self::of_records(records))
    }

    fn of_records(records: Vec<(Name, DNSKEY)>) -> Self {
        let (mut names, mut keys, mut told) = (Vec::new(), TrustAnchors::empty(), Vec::new());
        for (zone, key) in &records {
            keys.insert_with_name(key.public_key(), zone.into());
            told.push(format!("{zone} {}", key.calculate_key_tag().unwrap_or_default()));
            names.push(zone.clone());
        }
        // The root first: by its keys it is looked whether upstreams hand out signatures.
        names.sort_by_key(Name::num_labels);
        names.dedup();
        Self { names, keys: Arc::new(keys), records, told }
    }

    /// Whether these are the very same keys.
    pub(crate) fn are(&self, others: &Self) -> bool {
        self.records == others.records
    }
}

/// One DNSKEY record in the form of zone files, and no more than one.
fn record(text: &str) -> Result<(Name, DNSKEY), String> {
    let entries = Parser::new(text).parse().map_err(|error| error.to_string())?;
    let [Entry::DNSKEY(record)] = entries.as_slice() else { return Err("it is not one record".to_owned()) };
    sound(record.data())?;
    let mut zone = record.name().to_lowercase();
    zone.set_fqdn(true);
    Ok((zone, record.data().clone()))
}

/// Whether answers can be checked by a key: one that is cut short is read without complaint, and then nothing fits it.
fn sound(key: &DNSKEY) -> Result<(), String> {
    if !key.zone_key() || key.revoke() {
        return Err(format!("by its flags ({}) it is no key of a zone, or one that was revoked", key.flags()));
    }
    let public = key.public_key();
    let (bytes, algorithm) = (public.public_bytes(), public.algorithm());
    let exactly = |length: usize| match bytes.len() {
        got if got == length => Ok(()),
        got => Err(format!("a key of {algorithm} has {length} bytes, and it has {got}")),
    };
    match u8::from(algorithm) {
        5 | 7 | 8 | 10 => {
            let bits = rsa_bits(bytes).ok_or("its parts are no RSA key (RFC 3110)")?;
            let fits = RSA_BITS.contains(&bits);
            let (least, most) = (RSA_BITS.start(), RSA_BITS.end());
            fits.then_some(()).ok_or_else(|| format!("its RSA key has {bits} bits, and {least} to {most} are used"))?;
        }
        // RFC 6605 section 4, RFC 8080 section 3.
        13 => exactly(64)?,
        14 => exactly(96)?,
        15 => exactly(32)?,
        number => return Err(format!("nothing can be checked here by its algorithm {number}")),
    }
    key.key().map(drop).map_err(|error| error.to_string())
}

/// The length of an RSA key's modulus, behind its exponent (RFC 3110 section 2). Both are odd and without zeros before them.
fn rsa_bits(bytes: &[u8]) -> Option<usize> {
    let (length, rest) = match bytes {
        [0, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
        [length, rest @ ..] => (usize::from(*length), rest),
        [] => return None,
    };
    let (exponent, modulus) = rest.split_at_checked(length)?;
    let number =
        |part: &[u8]| part.first().is_some_and(|first| *first > 0) && part.last().is_some_and(|last| last % 2 > 0);
    let leading = modulus.first()?.leading_zeros() as usize;
    (number(exponent) && exponent != [1] && number(modulus)).then(|| modulus.len() * 8 - leading)
}

/// A pack's key, if it is what is said of it.
fn whole(key: &ZoneKey) -> Result<(Name, DNSKEY), String> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain(&key.zone) || !plain(&key.key) {
        return Err("zone and key are words without white space".to_owned());
    }
    let (zone, dnskey) = record(&format!("{} IN DNSKEY {KEY_SIGNING} 3 {} {}", key.zone, key.algorithm, key.key))?;
    let tag = dnskey.calculate_key_tag().map_err(|error| error.to_string())?;
    if tag != key.tag {
        return Err(format!("its tag is {tag}"));
    }
    let digest = dnskey.to_digest(&zone, DigestType::SHA256).map_err(|error| error.to_string())?;
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    if !digest.eq_ignore_ascii_case(&key.digest) {
        return Err(format!("its digest is {digest}"));
    }
    Ok((zone, dnskey))
}

#[cfg(test)]
mod tests {
    use gate_core::ZoneKey;
    use hickory_proto::dnssec::rdata::DNSKEY;
    use hickory_proto::dnssec::{Algorithm, PublicKeyBuf};

    use super::{Anchors, check_keys, sound};

    const KEY: &str = "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==";

    #[test]
    fn keys_are_the_roots_or_those_given() {
        let root = Anchors::read(&[]).unwrap();
        assert_eq!((root.names.len(), root.keys.len()), (1, 2), "the keys of 2017 and 2024");
        let own = Anchors::read(&[format!("Lab.Test. 3600 IN DNSKEY 257 3 13 {KEY}")]).unwrap();
        assert_eq!(
            (own.names[0].to_ascii(), own.told.as_slice()),
            ("lab.test.".to_owned(), ["lab.test. 55648".to_owned()].as_slice())
        );
        for text in ["lab.test. IN A 192.0.2.1", ""] {
            let error = Anchors::read(&[text.to_owned()]).err().unwrap().to_string();
            assert!(error.contains(&format!("`{text}` is not a DNSKEY record")), "{error}");
        }
    }

    #[test]
    fn a_key_by_which_nothing_can_be_checked_is_refused() {
        let of = |flags: u16, algorithm: u8, bytes: Vec<u8>| {
            sound(&DNSKEY::with_flags(flags, PublicKeyBuf::new(bytes, Algorithm::from_u8(algorithm))))
        };
        let rsa = |exponent: &[u8], modulus: usize, last: u8| {
            let length = u8::try_from(exponent.len()).unwrap();
            [&[length], exponent, &vec![0xff; modulus - 1], &[last]].concat()
        };
        let (f4, none) = (&[1, 0, 1], "no RSA key");
        let rows = [
            (257, 8, vec![0, 0, 0], none),
            (257, 8, vec![], none),
            (257, 8, rsa(f4, 127, 1), "its RSA key has 1016 bits, and 1024 to 4096 are used"),
            (257, 10, rsa(f4, 513, 1), "its RSA key has 4104 bits"),
            (257, 8, rsa(f4, 256, 2), none),
            (257, 8, rsa(&[1], 256, 1), none),
            (257, 8, rsa(&[], 256, 1), none),
            (257, 8, rsa(&[0, 3], 256, 1), none),
            (257, 13, vec![7; 63], "has 64 bytes, and it has 63"),
            (257, 13, vec![7; 65], "has 64 bytes, and it has 65"),
            (257, 14, vec![7; 64], "has 96 bytes, and it has 64"),
            (257, 15, vec![7; 31], "has 32 bytes, and it has 31"),
            (257, 16, vec![7; 57], "its algorithm 16"),
            (257, 1, rsa(f4, 256, 1), "its algorithm 1"),
            (1, 15, vec![7; 32], "by its flags (1) it is no key of a zone"),
            (385, 15, vec![7; 32], "by its flags (385)"),
        ];
        for (flags, algorithm, bytes, why) in rows {
            let told = of(flags, algorithm, bytes).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        for (algorithm, bytes) in
            [(8, rsa(f4, 128, 1)), (10, rsa(f4, 512, 1)), (13, vec![7; 64]), (14, vec![7; 96]), (15, vec![7; 32])]
        {
            assert_eq!(of(257, algorithm, bytes), Ok(()), "{algorithm}");
        }
        let (good, bad) = (format!(". IN DNSKEY 257 3 13 {KEY}"), ". IN DNSKEY 257 3 8 AAAA".to_owned());
        let error = Anchors::read(&[good, bad.clone()]).err().unwrap();
        assert_eq!(error.value(), Some(&*bad));
        assert!(
            error.to_string().contains(&format!("`{bad}` is not a DNSKEY record")) && error.to_string().contains(none)
        );
    }

    /// The key of RFC 6605 section 6.1, whose tag and digest stand there.
    fn key() -> ZoneKey {
        ZoneKey {
            zone: "example.net.".to_owned(),
            tag: 55648,
            algorithm: 13,
            digest: "b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17".to_owned(),
            key: KEY.to_owned(),
        }
    }

    #[test]
    fn a_key_is_what_is_said_of_it_or_refused() {
        let refused = |keys: &[ZoneKey]| check_keys(keys).unwrap_err().to_string();
        assert_eq!(refused(&[key()]), "no key of the root zone is among them");
        assert_eq!(refused(&[]), "no key of the root zone is among them");
        type Change = fn(&mut ZoneKey);
        let cases: [(&str, Change); 6] = [
            ("its tag is 55648", |key| key.tag = 55649),
            ("its digest is B4C8", |key| key.digest = key.digest.replace('b', "c")),
            ("its digest is", |key| key.zone = "example.org.".to_owned()),
            ("its tag is", |key| key.key = key.key.replace("Goj", "Gok")),
            ("words without white space", |key| key.zone = ". IN DNSKEY 257 3 13 AAAA\n.".to_owned()),
            ("it is not one record", |key| key.zone = ";".to_owned()),
        ];
        for (why, change) in cases {
            let mut key = key();
            change(&mut key);
            let error = refused(&[key]);
            assert!(error.starts_with("the key 5564") && error.contains(why), "{error}");
        }
    }

    /// The sources of the pack, read as the builder reads them, say what the validator's own authors built in.
    #[test]
    fn the_packs_keys_are_the_roots() {
        let text: toml::Table = include_str!("../../../packs/dnssec.toml").parse().unwrap();
        let key = |key: &toml::Value| ZoneKey {
            zone: key["zone"].as_str().unwrap().to_owned(),
            tag: u16::try_from(key["tag"].as_integer().unwrap()).unwrap(),
            algorithm: u8::try_from(key["algorithm"].as_integer().unwrap()).unwrap(),
            digest: key["digest"].as_str().unwrap().to_owned(),
            key: key["key"].as_str().unwrap().to_owned(),
        };
        let keys: Vec<_> = text["key"].as_array().unwrap().iter().map(key).collect();
        let (packed, builtin) = (Anchors::of_keys(&keys).unwrap(), Anchors::read(&[]).unwrap());
        assert_eq!((packed.names, packed.told), (builtin.names, builtin.told));
        assert!((0..2).all(|at| builtin.keys.contains(packed.keys.get(at).unwrap())));
    }
}
