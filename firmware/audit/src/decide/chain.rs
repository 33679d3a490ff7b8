use gate_core::{Record, UnixMicros};
use gate_seal::{DeviceKey, DevicePublic, Purpose, SIGNATURE_LEN};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::parse::{ChainId, Fault, Frame, Hash, Header, Kind};

const HEAD: Purpose = Purpose::new("journal-head/v1");

/// A place in a chain: everything that decides what may come next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Chain {
    pub(crate) id: ChainId,
    /// The number of the next record.
    pub(crate) next_seq: u64,
    /// Hash of the frame before.
    pub(crate) hash: Hash,
    signer: DevicePublic,
}

/// What a frame turned out to be, once it was found to belong where it stands.
#[derive(Debug)]
pub(crate) enum Link {
    Record(Box<Record>),
    /// A record that this program cannot read. Sum, number and hash are right, so these are the bytes that a writer put
    /// here: a newer one, before the device went back to this program. Bytes that changed since fail before this.
    Newer,
    Head(Head),
}

/// What a head signs besides its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    pub(crate) at: UnixMicros,
    pub(crate) note: Note,
}

/// What the writer did to the chain and therefore has to sign for. A program that does not know a note cannot go on behind
/// it, as one can behind a record: a new one needs a new version of the segment's format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Note {
    /// Nothing: a head as they come every so often.
    Plain,
    /// The tombstone of dropped segments: the oldest that is kept begins at `first_seq` and links to `previous`.
    Pruned { first_seq: u64, previous: Hash },
    /// An unusable tail of `cut_bytes` was cut off; the next record has the number `resumes_at`, and those before it
    /// that are not here are lost.
    Repaired { cut_bytes: u64, resumes_at: u64 },
    /// A signed head is gone without a record known to be lost: what stands before here is proved no more, or the head
    /// file was removed and nobody knows what else. A tail of `cut_bytes` was cut off.
    Broken { cut_bytes: u64 },
}

impl Note {
    /// Whether a head with it comes while the writer goes on, not after it was interrupted.
    pub(crate) fn is_routine(&self) -> bool {
        matches!(self, Self::Plain | Self::Pruned { .. })
    }
}

impl Chain {
    pub(crate) fn new(id: ChainId, next_seq: u64, hash: Hash, signer: DevicePublic) -> Self {
        Self { id, next_seq, hash, signer }
    }

    /// The place at which a segment begins.
    pub(crate) fn at(header: &Header) -> Result<Self, Fault> {
        let signer = DevicePublic::from_bytes(&header.signer).map_err(|_| Fault::OtherSigner)?;
        if header.first_seq == 0 && header.previous != header.chain.genesis() {
            return Err(Fault::Chain);
        }
        Ok(Self::new(header.chain, header.first_seq, header.previous, signer))
    }

    /// Goes on into the next segment, which must begin exactly where the one before ended.
    pub(crate) fn enter(&mut self, header: &Header) -> Result<(), Fault> {
        if header.chain != self.id {
            return Err(Fault::OtherChain);
        }
        if header.first_seq != self.next_seq {
            return Err(Fault::Sequence { expected: self.next_seq, found: header.first_seq });
        }
        if header.previous != self.hash {
            return Err(Fault::Chain);
        }
        self.signer = DevicePublic::from_bytes(&header.signer).map_err(|_| Fault::OtherSigner)?;
        Ok(())
    }

    /// The header of a segment that begins here.
    pub(crate) fn header(&self) -> Header {
        Header { chain: self.id, first_seq: self.next_seq, previous: self.hash, signer: self.signer.to_bytes() }
    }

    /// Takes one frame, if it is the one that belongs here.
    pub(crate) fn accept(&mut self, frame: &Frame<'_>) -> Result<Link, Fault> {
        if frame.seq != self.next_seq {
            return Err(Fault::Sequence { expected: self.next_seq, found: frame.seq });
        }
        if link(&self.hash, frame.linked) != frame.hash {
            return Err(Fault::Chain);
        }
        let link = match frame.kind {
            Kind::Record => {
                self.next_seq = self.next_seq.checked_add(1).ok_or(Fault::Payload)?;
                read_record(frame.payload).map_or(Link::Newer, |record| Link::Record(Box::new(record)))
            }
            Kind::Head => Link::Head(self.head(frame.payload)?),
        };
        self.hash = frame.hash;
        Ok(link)
    }

    fn head(&mut self, payload: &[u8]) -> Result<Head, Fault> {
        let (body, signature) = split_head(payload).ok_or(Fault::Payload)?;
        let message = signed_bytes(self.id, self.next_seq, &self.hash, body);
        self.signer.verify(HEAD, &message, signature).map_err(|_| Fault::Signature)?;
        let head = exactly::<Head>(body).ok_or(Fault::Payload)?;
        if let Note::Repaired { resumes_at, .. } = head.note {
            self.next_seq = if resumes_at >= self.next_seq { resumes_at } else { return Err(Fault::Payload) };
        }
        Ok(head)
    }
}

/// The hash of a frame: over the hash before it and its own kind, number and payload.
pub(crate) fn link(previous: &Hash, linked: &[u8]) -> Hash {
    Sha256::new().chain_update(previous).chain_update(linked).finalize().into()
}

/// The payload of a head that stands at a place: what it says, and the signature over that and the place.
pub(crate) fn encode_head(chain: &Chain, head: &Head, key: &DeviceKey) -> Vec<u8> {
    let mut payload = postcard::to_stdvec(head).expect("a head has no part that cannot be written");
    let message = signed_bytes(chain.id, chain.next_seq, &chain.hash, &payload);
    payload.extend(key.sign(HEAD, &message));
    payload
}

/// Checks a head that stands outside its chain, in the head file or with a witness.
pub(crate) fn check_head(
    chain: ChainId,
    seq: u64,
    previous: &Hash,
    payload: &[u8],
    key: &DevicePublic,
) -> Option<Head> {
    let mut place = Chain::new(chain, seq, *previous, key.clone());
    place.head(payload).ok()
}

fn signed_bytes(chain: ChainId, seq: u64, previous: &Hash, body: &[u8]) -> Vec<u8> {
    [&chain.0[..], &seq.to_le_bytes(), previous, body].concat()
}

/// The record in a payload; `None` for one of a newer program.
pub(crate) fn read_record(payload: &[u8]) -> Option<Record> {
    exactly(payload)
}

/// What a head says, whoever signed it.
pub(crate) fn read_note(payload: &[u8]) -> Option<Note> {
    Some(exactly::<Head>(split_head(payload)?.0)?.note)
}

/// What a head says, and the signature.
fn split_head(payload: &[u8]) -> Option<(&[u8], &[u8])> {
    payload.split_at_checked(payload.len().wrapping_sub(SIGNATURE_LEN))
}

/// A value that fills all of the bytes: trailing ones would be content that nobody sees.
fn exactly<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Option<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Some(value),
        _ => None,
    }
}
