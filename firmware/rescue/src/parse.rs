//! The file's form. All numbers are little-endian.
//!
//! ```text
//!   8 bytes    NANOUPD1
//!   2 bytes    length of the manifest
//!   64 bytes   Ed25519 signature (RFC 8032) over "nanogate", NUL, "update/v1", NUL, manifest
//!   …          manifest: postcard
//!   …          payload: the first bytes of the slot's partition
//! ```

use std::io::{self, Read};

use ed25519_dalek::Signature;
use heapless::{String, Vec};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Keys;

/// The payload is hashed in pieces of this many bytes, each of which is checked before it is written.
pub const CHUNK: usize = 1 << 20;
/// More than a slot of any board holds.
const MAX_CHUNKS: usize = 192;
/// The largest payload, in bytes.
pub const MAX_PAYLOAD: u64 = (MAX_CHUNKS * CHUNK) as u64;
/// Everything before the payload is never longer, in bytes.
pub const MAX_HEAD: usize = FIXED + MAX_MANIFEST;

const MARK: &[u8; 8] = b"NANOUPD1";
const SIGNATURE: usize = 64;
const FIXED: usize = MARK.len() + 2 + SIGNATURE;
/// A manifest with every hash it may have takes a little more than 6 KiB.
const MAX_MANIFEST: usize = 8 << 10;
/// Partitions are written in sectors.
const SECTOR: u64 = 512;

/// What the signature is for, so that no other signed message can pass for a manifest.
const PURPOSE: &[u8] = b"nanogate\0update/v1\0";

/// Why a file is no update.
#[derive(Debug, Error)]
pub enum FormatError {
    #[error("it ends too soon")]
    Short,
    #[error("it cannot be read: {0}")]
    Read(#[source] io::Error),
    #[error("it is no update of ours")]
    Mark,
    #[error("its manifest has {0} bytes, more than any has")]
    Long(usize),
    #[error("its manifest cannot be read")]
    Manifest,
    #[error("its signature is by none of this puck's keys")]
    Signature,
}

/// What an update says of itself. Versions are for people; machines compare `sequence`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The board it is for, as the folder under `board/` is named.
    pub board: String<32>,
    /// The version, as people say it.
    pub version: String<32>,
    /// The time of the commit it was built from, in seconds after 1970: newer updates have larger numbers.
    pub sequence: u64,
    /// Bytes of the payload.
    pub bytes: u64,
    /// SHA-256 of each piece of [`CHUNK`] bytes; the last one may be shorter.
    pub chunks: Vec<[u8; 32], MAX_CHUNKS>,
}

/// A head as it was read: nobody has looked at the signature yet, so nothing in it can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    signature: [u8; SIGNATURE],
    manifest: std::vec::Vec<u8>,
}

/// A manifest that one of the puck's keys vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    manifest: Manifest,
    head: usize,
}

/// What is signed: the purpose and the manifest.
pub fn message(manifest: &[u8]) -> std::vec::Vec<u8> {
    [PURPOSE, manifest].concat()
}

impl Manifest {
    /// Whether its numbers agree with each other and its words can be shown.
    pub fn is_sound(&self) -> bool {
        let words = [&self.board, &self.version];
        let shown = |word: &&String<32>| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic());
        let pieces = self.bytes.div_ceil(CHUNK as u64);
        words.iter().all(shown)
            && self.bytes > 0
            && self.bytes.is_multiple_of(SECTOR)
            && pieces == self.chunks.len() as u64
    }

    /// The length of the piece with that number, in bytes.
    pub(crate) fn piece(&self, number: usize) -> usize {
        let begin = (number * CHUNK) as u64;
        usize::try_from(self.bytes.saturating_sub(begin)).unwrap_or(CHUNK).min(CHUNK)
    }
}

impl Signed {
    /// A head for a manifest that was signed over [`message`].
    pub fn new(manifest: std::vec::Vec<u8>, signature: [u8; SIGNATURE]) -> Self {
        Self { signature, manifest }
    }

    /// Reads the head and not a byte more.
    pub fn read(from: &mut impl Read) -> Result<Self, FormatError> {
        let mut fixed = [0; FIXED];
        fill(from, &mut fixed)?;
        let (mark, rest) = fixed.split_at(MARK.len());
        let (length, signature) = rest.split_at(2);
        if mark != MARK {
            return Err(FormatError::Mark);
        }
        let length = usize::from(u16::from_le_bytes([length[0], length[1]]));
        if length > MAX_MANIFEST {
            return Err(FormatError::Long(length));
        }
        let mut manifest = vec![0; length];
        fill(from, &mut manifest)?;
        let signature = signature.try_into().map_err(|_| FormatError::Short)?;
        Ok(Self { signature, manifest })
    }

    /// The head's bytes; none if the manifest is longer than any may be.
    pub fn to_bytes(&self) -> Option<std::vec::Vec<u8>> {
        let length = u16::try_from(self.manifest.len()).ok().filter(|length| usize::from(*length) <= MAX_MANIFEST)?;
        Some([MARK, &length.to_le_bytes()[..], &self.signature, &self.manifest].concat())
    }

    /// Looks at the signature first and at the manifest only then.
    pub fn verify(&self, keys: &Keys) -> Result<Verified, FormatError> {
        let signature = Signature::from_bytes(&self.signature);
        if !keys.vouch(&message(&self.manifest), &signature) {
            return Err(FormatError::Signature);
        }
        let (manifest, rest) =
            postcard::take_from_bytes::<Manifest>(&self.manifest).map_err(|_| FormatError::Manifest)?;
        if !rest.is_empty() || !manifest.is_sound() {
            return Err(FormatError::Manifest);
        }
        Ok(Verified { manifest, head: FIXED + self.manifest.len() })
    }
}

impl Verified {
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// How long the whole file is, in bytes.
    pub fn length(&self) -> u64 {
        self.head as u64 + self.manifest.bytes
    }
}

/// Fills a buffer; what ends before is short.
pub(crate) fn fill(from: &mut impl Read, buffer: &mut [u8]) -> Result<(), FormatError> {
    from.read_exact(buffer).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => FormatError::Short,
        _ => FormatError::Read(error),
    })
}

#[cfg(test)]
mod tests;
