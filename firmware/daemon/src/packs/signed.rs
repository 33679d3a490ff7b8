//! A pack with the signatures of those who vouch for it.
//!
//! ```text
//!   the pack (gate_scrub::PackSource), then for each signature
//!   8 bytes   NANOSIGN
//!   32 bytes  public key, Ed25519
//!   64 bytes  signature over the pack, for the purpose `pack/v1`
//! ```

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use gate_scrub::{FormatError, MAX_PACK_BYTES, PackSource};
use gate_seal::{DeviceKey, DevicePublic, KeyError, Purpose, SIGNATURE_LEN};
use thiserror::Error;

/// What a pack's signature is for.
const PURPOSE: Purpose = Purpose::new("pack/v1");

const MARK: &[u8; 8] = b"NANOSIGN";
const KEY_LEN: usize = 32;
const ENTRY: usize = MARK.len() + KEY_LEN + SIGNATURE_LEN;

/// An old key, a new one, and somebody else's.
const MAX_SIGNATURES: usize = 4;

/// A key has some hundred bytes.
const MAX_KEY_BYTES: u64 = 16 << 10;

/// A pack as it lies on disk.
#[derive(Clone, Debug)]
pub(crate) struct PackFile {
    bytes: Vec<u8>,
    /// Where the signatures begin.
    signed: usize,
}

/// Why a file is no pack, or not one to trust.
#[derive(Debug, Error)]
pub(crate) enum PackFileError {
    #[error("{0}")]
    Read(#[from] std::io::Error),
    #[error("{0}")]
    Format(#[from] FormatError),
    #[error("what follows the pack is no signature")]
    Signatures,
    #[error("nobody has signed it")]
    Unsigned,
    #[error("it is signed by {}, and none of these keys is trusted", .0.join(", "))]
    Untrusted(Vec<String>),
    #[error("the signature of {0} is not one over this pack")]
    Forged(String),
}

impl PackFile {
    /// Reads a file, of which no more than a pack's size is taken.
    pub(crate) fn read(path: &Path) -> Result<Self, PackFileError> {
        let limit = MAX_PACK_BYTES + ENTRY * MAX_SIGNATURES;
        let mut bytes = Vec::new();
        File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(FormatError::TooLarge { what: "its size of", actual: bytes.len(), limit }.into());
        }
        Self::parse(bytes)
    }

    fn parse(bytes: Vec<u8>) -> Result<Self, PackFileError> {
        let (pack, rest) = PackSource::split(&bytes)?;
        let signed = pack.len();
        let whole = rest.len().is_multiple_of(ENTRY) && rest.len() <= ENTRY * MAX_SIGNATURES;
        if !whole || rest.chunks(ENTRY).any(|entry| !entry.starts_with(MARK)) {
            return Err(PackFileError::Signatures);
        }
        Ok(Self { bytes, signed })
    }

    /// A pack that nobody has signed yet.
    pub(crate) fn unsigned(source: &PackSource) -> Self {
        let bytes = source.to_bytes();
        Self { signed: bytes.len(), bytes }
    }

    /// Adds a signature; false when there are too many already.
    #[must_use]
    pub(crate) fn sign(&mut self, key: &DeviceKey) -> bool {
        let full = self.signatures().count() == MAX_SIGNATURES;
        if !full {
            let signature = key.sign(PURPOSE, self.pack());
            self.bytes.extend_from_slice(MARK);
            self.bytes.extend_from_slice(&key.public().to_bytes());
            self.bytes.extend_from_slice(&signature);
        }
        !full
    }

    /// The pack alone.
    pub(crate) fn pack(&self) -> &[u8] {
        &self.bytes[..self.signed]
    }

    /// The whole file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The sources in it, their signatures unasked.
    pub(crate) fn source(&self) -> Result<PackSource, FormatError> {
        PackSource::from_bytes(self.pack())
    }

    /// The identifiers of the keys that are said to have signed it.
    pub(crate) fn signers(&self) -> Vec<String> {
        let id = |(key, _): (&[u8; KEY_LEN], _)| {
            DevicePublic::from_bytes(key).map_or_else(|_| "a key that is none".to_owned(), |key| key.id())
        };
        self.signatures().map(id).collect()
    }

    /// The identifier of the first of `trusted` that has signed it.
    pub(crate) fn verify(&self, trusted: &[DevicePublic]) -> Result<String, PackFileError> {
        for (key, signature) in self.signatures() {
            let Some(known) = trusted.iter().find(|known| known.to_bytes() == *key) else { continue };
            return match known.verify(PURPOSE, self.pack(), signature) {
                Ok(()) => Ok(known.id()),
                Err(_) => Err(PackFileError::Forged(known.id())),
            };
        }
        let signers = self.signers();
        Err(if signers.is_empty() { PackFileError::Unsigned } else { PackFileError::Untrusted(signers) })
    }

    fn signatures(&self) -> impl Iterator<Item = (&[u8; KEY_LEN], &[u8])> {
        self.bytes[self.signed..].chunks(ENTRY).filter_map(|entry| {
            let (key, signature) = entry.get(MARK.len()..)?.split_first_chunk::<KEY_LEN>()?;
            Some((key, signature))
        })
    }
}

/// Reads a public key in PEM; the error names the file.
pub(crate) fn public_key(file: &PathBuf) -> Result<DevicePublic, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let mut pem = String::new();
    let opened = File::open(file).map_err(|error| named(&error))?;
    opened.take(MAX_KEY_BYTES).read_to_string(&mut pem).map_err(|error| named(&error))?;
    DevicePublic::from_pem(&pem).map_err(|error: KeyError| named(&error))
}

#[cfg(test)]
mod tests {
    use gate_scrub::PackSource;
    use gate_seal::DeviceKey;

    use super::{ENTRY, PackFile, PackFileError};

    fn pack() -> PackFile {
        let manifest = ("pack.toml".to_owned(), "name = \"acme\"\nversion = \"1.2.3\"\n".to_owned());
        PackFile::unsigned(&PackSource::from_files([manifest], Vec::new()).unwrap())
    }

    #[test]
    fn one_trusted_signature_is_enough() {
        let [ours, theirs, nobody] = [(); 3].map(|()| DeviceKey::generate().unwrap());
        let mut file = pack();
        let trust = [ours.public()];
        assert!(matches!(file.verify(&trust), Err(PackFileError::Unsigned)));
        assert!(file.sign(&theirs));
        assert!(matches!(file.verify(&trust), Err(PackFileError::Untrusted(ids)) if ids == [theirs.public().id()]));
        assert!(file.sign(&ours));
        assert_eq!(file.verify(&trust).unwrap(), ours.public().id());
        assert_eq!(file.verify(&[nobody.public(), theirs.public()]).unwrap(), theirs.public().id());
        assert!(file.verify(&[]).is_err());
        assert_eq!(PackFile::parse(file.bytes().to_vec()).unwrap().verify(&trust).unwrap(), ours.public().id());
        assert!(file.sign(&nobody) && file.sign(&nobody) && !file.sign(&nobody), "four are enough");
    }

    #[test]
    fn a_signature_is_over_every_byte_of_the_pack() {
        let key = DeviceKey::generate().unwrap();
        let mut file = pack();
        assert!(file.sign(&key));
        let signed = file.bytes().to_vec();
        for at in 0..signed.len() - ENTRY {
            let mut bytes = signed.clone();
            bytes[at] ^= 1;
            let verdict = PackFile::parse(bytes).and_then(|file| file.verify(&[key.public()]));
            assert!(verdict.is_err(), "byte {at}");
        }
        let mut bytes = signed.clone();
        *bytes.last_mut().unwrap() ^= 1;
        let verdict = PackFile::parse(bytes).unwrap().verify(&[key.public()]);
        assert!(matches!(verdict, Err(PackFileError::Forged(_))));
    }

    #[test]
    fn what_follows_a_pack_is_signatures_and_nothing_else() {
        let key = DeviceKey::generate().unwrap();
        let mut file = pack();
        assert!(file.sign(&key));
        let signed = file.bytes().to_vec();
        for end in file.pack().len() + 1..signed.len() {
            assert!(matches!(PackFile::parse(signed[..end].to_vec()), Err(PackFileError::Signatures)), "{end}");
        }
        let five = [file.pack(), signed[file.pack().len()..].repeat(5).as_slice()].concat();
        assert!(matches!(PackFile::parse(five), Err(PackFileError::Signatures)));
    }
}
