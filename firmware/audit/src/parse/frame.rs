use std::io::{self, Read};

use super::{Fault, Hash};

/// The most bytes the body of a frame may hold; nothing that claims more is ever read into memory.
pub const FRAME_CAP: usize = 64 * 1024;
/// Length and checksum.
pub(crate) const PREFIX_LEN: usize = 8;
/// Kind, sequence number and hash around an empty payload.
pub(crate) const BODY_MIN: usize = 1 + 8 + 32;
/// The longest frame with its prefix.
pub(crate) const STRIDE: usize = PREFIX_LEN + FRAME_CAP;
/// What a disk writes whole: what was not written begins at a multiple of it.
const SECTOR: u64 = 512;

/// What a frame holds. The number is on disk: add new ones, never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Record = 1,
    Head = 2,
}

/// One frame whose checksum is right. Whether it belongs where it stands is for the chain to decide.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: Kind,
    /// Of a record: its own number. Of a head: that of the record which comes next.
    pub(crate) seq: u64,
    pub(crate) payload: &'a [u8],
    /// Kind, sequence number and payload: the bytes that the chain's hash covers.
    pub(crate) linked: &'a [u8],
    pub(crate) hash: Hash,
}

/// Why the next frame could not be read.
#[derive(Debug)]
pub(crate) enum ReadFault {
    Io(io::Error),
    Bad(Fault),
}

/// Cuts a stream of bytes into frames with one buffer of at most [`FRAME_CAP`].
pub(crate) struct FrameReader<R> {
    source: R,
    offset: u64,
    body: Vec<u8>,
}

impl<R: Read> FrameReader<R> {
    /// Reads frames from `source`, whose first byte stands at `offset` of the segment.
    pub(crate) fn new(source: R, offset: u64) -> Self {
        Self { source, offset, body: Vec::new() }
    }

    /// Where the next frame begins; after a fault, where the bad one does.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame, or `None` at the end of the source.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, ReadFault> {
        let mut prefix = [0; PREFIX_LEN];
        match fill(&mut self.source, &mut prefix)? {
            0 => return Ok(None),
            PREFIX_LEN => {}
            have => return Err(ReadFault::Bad(Fault::Torn { have, want: PREFIX_LEN })),
        }
        let (len, sum) = prefix.split_at(4);
        let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
        let sum = u32::from_le_bytes(sum.try_into().expect("four bytes"));
        self.body.clear();
        if len < BODY_MIN {
            return Err(self.fault(&prefix, Fault::TooShort(len)));
        }
        if len > FRAME_CAP {
            return Err(ReadFault::Bad(Fault::TooLong(len)));
        }
        self.body.resize(len, 0);
        let have = fill(&mut self.source, &mut self.body)?;
        if have < len {
            return Err(ReadFault::Bad(Fault::Torn { have: PREFIX_LEN + have, want: PREFIX_LEN + len }));
        }
        if crc32fast::hash(&self.body) != sum {
            return Err(self.fault(&prefix, Fault::Checksum));
        }
        let frame = decode(&self.body).map_err(ReadFault::Bad)?;
        self.offset += (PREFIX_LEN + len) as u64;
        Ok(Some(frame))
    }

    /// Tells a frame that was never written from one that was changed. A power cut may leave a file with its new length
    /// and zeros where the content did not reach the disk: ext4 notes the length at once where the block was in use
    /// already. Such an end is as torn as one that is too short, and hides no more than cutting the file would.
    fn fault(&mut self, prefix: &[u8; PREFIX_LEN], why: Fault) -> ReadFault {
        let mut rest = prefix.chain(self.body.as_slice()).chain(&mut self.source);
        let (mut end, mut written, mut bytes) = (0, 0, [0; 4096]);
        while written <= STRIDE {
            let have = match fill(&mut rest, &mut bytes) {
                Ok(0) => break,
                Ok(have) => have,
                Err(fault) => return fault,
            };
            written = bytes[..have].iter().rposition(|byte| *byte != 0).map_or(written, |last| end + last + 1);
            end += have;
        }
        let zeros_from = (self.offset + written as u64).next_multiple_of(SECTOR);
        let torn = written == 0 || written <= STRIDE && zeros_from < self.offset + end as u64;
        ReadFault::Bad(if torn { Fault::Torn { have: written, want: end } } else { why })
    }
}

/// The frame in a body whose checksum is right.
fn decode(body: &[u8]) -> Result<Frame<'_>, Fault> {
    let (linked, hash) = body.split_at(body.len() - 32);
    let kind = match linked[0] {
        1 => Kind::Record,
        2 => Kind::Head,
        other => return Err(Fault::Kind(other)),
    };
    let seq = u64::from_le_bytes(linked[1..9].try_into().expect("eight bytes"));
    Ok(Frame { kind, seq, payload: &linked[9..], linked, hash: hash.try_into().expect("32 bytes") })
}

/// Whether bytes begin with a whole frame of a known kind.
pub(crate) fn frame_at(bytes: &[u8]) -> bool {
    let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX_LEN>() else { return false };
    let (len, sum) = prefix.split_at(4);
    let len = u32::from_le_bytes(len.try_into().expect("four bytes")) as usize;
    let sum = u32::from_le_bytes(sum.try_into().expect("four bytes"));
    (BODY_MIN..=FRAME_CAP).contains(&len)
        && rest.get(..len).is_some_and(|body| crc32fast::hash(body) == sum && decode(body).is_ok())
}

/// Reads until the buffer is full or the source ends; how much was read.
pub(super) fn fill(source: &mut impl Read, buffer: &mut [u8]) -> Result<usize, ReadFault> {
    let mut have = 0;
    while have < buffer.len() {
        match source.read(&mut buffer[have..]) {
            Ok(0) => break,
            Ok(more) => have += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(ReadFault::Io(error)),
        }
    }
    Ok(have)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{BODY_MIN, FRAME_CAP, Fault, FrameReader, Kind, ReadFault};

    /// A frame with a right checksum around any body.
    fn framed(body: &[u8]) -> Vec<u8> {
        let len = u32::try_from(body.len()).unwrap();
        [&len.to_le_bytes()[..], &crc32fast::hash(body).to_le_bytes(), body].concat()
    }

    fn fault(bytes: &[u8]) -> Option<Fault> {
        match FrameReader::new(bytes, 0).next() {
            Ok(_) => None,
            Err(ReadFault::Bad(fault)) => Some(fault),
            Err(ReadFault::Io(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn reads_frames_one_after_the_other() {
        let mut body = vec![1, 5, 0, 0, 0, 0, 0, 0, 0, b'h', b'i'];
        body.extend([7; 32]);
        let bytes = [framed(&body), framed(&body)].concat();
        let mut reader = FrameReader::new(bytes.as_slice(), 128);
        for offset in [128, 128 + framed(&body).len() as u64] {
            assert_eq!(reader.offset(), offset);
            let frame = reader.next().unwrap().unwrap();
            assert_eq!((frame.kind, frame.seq, frame.payload), (Kind::Record, 5, &b"hi"[..]));
            assert_eq!(frame.hash, [7; 32]);
        }
        assert!(reader.next().unwrap().is_none());
    }

    #[test]
    fn bad_frames_say_why() {
        let mut unknown = vec![0; BODY_MIN];
        unknown[0] = 9;
        let mut flipped = framed(&unknown);
        flipped[20] ^= 1;
        for (bytes, why) in [
            (vec![1, 2, 3], Fault::Torn { have: 3, want: 8 }),
            (framed(&[0; BODY_MIN - 1]), Fault::TooShort(BODY_MIN - 1)),
            (vec![0; 64], Fault::Torn { have: 0, want: 64 }),
            (framed(&unknown)[..20].to_vec(), Fault::Torn { have: 20, want: 8 + BODY_MIN }),
            (framed(&unknown), Fault::Kind(9)),
            (flipped, Fault::Checksum),
        ] {
            assert_eq!(fault(&bytes), Some(why));
        }
    }

    /// Claims any length and never ends.
    struct Endless(Vec<u8>);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let taken = self.0.len().min(buffer.len());
            for (slot, byte) in buffer.iter_mut().zip(self.0.drain(..taken).chain(std::iter::repeat(0))) {
                *slot = byte;
            }
            Ok(buffer.len())
        }
    }

    #[test]
    fn a_length_beyond_the_cap_is_never_read() {
        let cap = u32::try_from(FRAME_CAP).unwrap();
        for (len, why) in [(cap + 1, Fault::TooLong(FRAME_CAP + 1)), (u32::MAX, Fault::TooLong(u32::MAX as usize))] {
            let mut reader = FrameReader::new(Endless([len.to_le_bytes(), [0; 4]].concat()), 0);
            assert!(matches!(reader.next(), Err(ReadFault::Bad(fault)) if fault == why));
            assert_eq!(reader.body.capacity(), 0, "nothing was reserved for it");
        }
        assert_eq!(fault(&framed(&[1; FRAME_CAP])), None, "the cap itself is a frame");
    }
}
