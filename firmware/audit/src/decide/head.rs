use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use gate_core::UnixMicros;
use gate_seal::{DevicePublic, hex};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::chain::{check_head, link};
use crate::accept::{HEAD_FILE, HEAD_FILE_NEW, create_shared};
use crate::parse::{ChainId, Hash, Kind};

/// More than any head file holds.
const FILE_CAP: u64 = 1024;
const MAGIC: &[u8; 8] = b"\x89NGH\r\n\x1a\n";

/// The newest head that is safely on disk, kept beside the segments: it is how a missing end is noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHead {
    pub(crate) chain: ChainId,
    pub(crate) seq: u64,
    /// Hash before the head's own frame.
    pub(crate) previous: Hash,
    pub(crate) signer: [u8; 32],
    /// The head's payload as it stands in its frame, signature included.
    pub(crate) payload: Vec<u8>,
}

/// The newest signed head for people and for witnesses outside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedHead {
    /// The chain's random name in hexadecimal.
    pub chain: String,
    /// How many records the chain has had up to here.
    pub seq: u64,
    /// The chain's hash in hexadecimal: it stands for every record before.
    pub hash: String,
    pub at: UnixMicros,
    /// Identifier of the key, as [`DevicePublic::id`] gives it.
    pub signer: String,
    /// The Ed25519 signature in hexadecimal.
    pub signature: String,
}

/// Why the head file gives no head.
#[derive(Debug, Error)]
pub(crate) enum HeadFileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the head file is damaged or not signed by the key it names")]
    Bad,
}

impl StoredHead {
    /// Reads the head file of a folder; `None` if there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, HeadFileError> {
        let file = match File::open(dir.join(HEAD_FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        file.take(FILE_CAP).read_to_end(&mut bytes)?;
        let head = Self::decode(&bytes).ok_or(HeadFileError::Bad)?;
        head.check().ok_or(HeadFileError::Bad)?;
        Ok(Some(head))
    }

    /// Replaces the head file as a whole, so that a power cut leaves the old one or the new one.
    pub(crate) fn write(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join(HEAD_FILE_NEW);
        let mut file = create_shared(&new)?;
        file.write_all(&self.encode())?;
        file.sync_data()?;
        std::fs::rename(&new, dir.join(HEAD_FILE))?;
        File::open(dir)?.sync_all()
    }

    /// What the head says, if the key in it signed it.
    pub(crate) fn check(&self) -> Option<super::Head> {
        let key = DevicePublic::from_bytes(&self.signer).ok()?;
        check_head(self.chain, self.seq, &self.previous, &self.payload, &key)
    }

    /// The hash of the frame in which this head stands.
    pub(crate) fn frame_hash(&self) -> Hash {
        link(&self.previous, &[&[Kind::Head as u8], &self.seq.to_le_bytes()[..], &self.payload].concat())
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(self).expect("a stored head has no part that cannot be written"));
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(content) != u32::from_le_bytes(*sum) {
            return None;
        }
        match postcard::take_from_bytes(content.strip_prefix(MAGIC)?) {
            Ok((head, [])) => Some(head),
            _ => None,
        }
    }
}

/// The newest signed head of a journal; `None` before the first one was synced. Whether it is part of the chain is
/// what [`verify`](crate::verify) says.
pub fn read_head(dir: &Path) -> Result<Option<SignedHead>, super::VerifyError> {
    let stored = match StoredHead::read(dir) {
        Ok(Some(stored)) => stored,
        Ok(None) => return Ok(None),
        Err(error) => return Err(head_error(dir.join(HEAD_FILE), error)),
    };
    let bad = || super::VerifyError::HeadFile { path: dir.join(HEAD_FILE) };
    let head = stored.check().ok_or_else(bad)?;
    let signer = DevicePublic::from_bytes(&stored.signer).map_err(|_| bad())?;
    Ok(Some(SignedHead {
        chain: stored.chain.hex(),
        seq: stored.seq,
        hash: hex(&stored.previous),
        at: head.at,
        signer: signer.id(),
        signature: hex(&stored.payload[stored.payload.len() - gate_seal::SIGNATURE_LEN..]),
    }))
}

pub(super) fn head_error(path: PathBuf, error: HeadFileError) -> super::VerifyError {
    match error {
        HeadFileError::Io(source) => super::VerifyError::Io { path, source },
        HeadFileError::Bad => super::VerifyError::HeadFile { path },
    }
}
