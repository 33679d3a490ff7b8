use gate_seal::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Fault;

/// Bytes of every segment's header.
pub(crate) const HEADER_LEN: usize = 128;
/// As PNG's: a byte that is no text, a name, and line ends that a careless copy would change.
const MAGIC: [u8; 8] = *b"\x89NGJ\r\n\x1a\n";
const VERSION: u16 = 1;

/// SHA-256 over everything up to a place of the chain.
pub(crate) type Hash = [u8; 32];

/// Random name of a chain, given once when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChainId(pub(crate) [u8; 16]);

/// The first bytes of a segment: which chain, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) chain: ChainId,
    /// Sequence number of the first record in this segment.
    pub(crate) first_seq: u64,
    /// Hash of the frame before, in the segment before.
    pub(crate) previous: Hash,
    /// Public key that signs the heads in this segment.
    pub(crate) signer: [u8; 32],
}

impl ChainId {
    /// What the first record of a chain is linked to.
    pub(crate) fn genesis(self) -> Hash {
        Sha256::new().chain_update(b"nanogate journal v1\0").chain_update(self.0).finalize().into()
    }

    pub(crate) fn hex(self) -> String {
        hex(&self.0)
    }
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[10..12].copy_from_slice(&(HEADER_LEN as u16).to_le_bytes());
        bytes[12..28].copy_from_slice(&self.chain.0);
        bytes[28..36].copy_from_slice(&self.first_seq.to_le_bytes());
        bytes[36..68].copy_from_slice(&self.previous);
        bytes[68..100].copy_from_slice(&self.signer);
        let sum = crc32fast::hash(&bytes[..HEADER_LEN - 4]);
        bytes[HEADER_LEN - 4..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Self, Fault> {
        let sum = crc32fast::hash(&bytes[..HEADER_LEN - 4]);
        if bytes[..8] != MAGIC || bytes[HEADER_LEN - 4..] != sum.to_le_bytes() {
            return Err(Fault::Header);
        }
        let version = u16::from_le_bytes(field(bytes, 8));
        if version != VERSION {
            return Err(Fault::Version(version));
        }
        let header = Self {
            chain: ChainId(field(bytes, 12)),
            first_seq: u64::from_le_bytes(field(bytes, 28)),
            previous: field(bytes, 36),
            signer: field(bytes, 68),
        };
        // Length and reserved bytes have one value in this version, so no byte of a header is without meaning.
        if header.encode() == *bytes { Ok(header) } else { Err(Fault::Header) }
    }
}

fn field<const N: usize>(bytes: &[u8; HEADER_LEN], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a slice of N bytes is an array of N bytes")
}

#[cfg(test)]
mod tests {
    use super::{ChainId, HEADER_LEN, Header};
    use crate::Fault;

    fn header() -> Header {
        Header { chain: ChainId([7; 16]), first_seq: 0x0102_0304, previous: [9; 32], signer: [3; 32] }
    }

    #[test]
    fn survives_encoding() {
        assert_eq!(Header::decode(&header().encode()), Ok(header()));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        for bit in 0..HEADER_LEN * 8 {
            let mut bytes = header().encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), Err(Fault::Header), "bit {bit}");
        }
    }

    fn with_sum(change: impl Fn(&mut [u8])) -> [u8; HEADER_LEN] {
        let mut bytes = header().encode();
        change(&mut bytes);
        let sum = crc32fast::hash(&bytes[..HEADER_LEN - 4]);
        bytes[HEADER_LEN - 4..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    #[test]
    fn a_newer_format_is_named_and_reserved_bytes_stay_zero() {
        assert_eq!(Header::decode(&with_sum(|bytes| bytes[8] = 2)), Err(Fault::Version(2)));
        assert_eq!(Header::decode(&with_sum(|bytes| bytes[10] = 1)), Err(Fault::Header));
        assert_eq!(Header::decode(&with_sum(|bytes| bytes[100] = 1)), Err(Fault::Header));
    }

    #[test]
    fn chains_begin_differently() {
        assert_ne!(ChainId([1; 16]).genesis(), ChainId([2; 16]).genesis());
    }
}
