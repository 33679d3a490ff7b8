//! The frames of a WebSocket (RFC 6455 section 5).

use thiserror::Error;

/// Longest payload of a control frame (section 5.5).
pub(in super::super) const CONTROL_MAX: u64 = 125;

/// What a frame is (section 11.8). Others mean nothing without an extension, and none is agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Opcode {
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}

/// Everything before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Head {
    /// It ends its message.
    pub(in super::super) last: bool,
    pub(in super::super) opcode: Opcode,
    /// Clients mask what they send, servers never do (section 5.1).
    pub(in super::super) mask: Option<[u8; 4]>,
    pub(in super::super) length: u64,
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(in super::super) enum FrameError {
    #[error("a reserved bit is set, though no extension was agreed on")]
    Reserved,
    #[error("the opcode {0} means nothing")]
    Opcode(u8),
    #[error("the length is not in its shortest form")]
    Length,
    #[error("a control frame is in pieces or too long")]
    Control,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        let all = [Self::Continuation, Self::Text, Self::Binary, Self::Close, Self::Ping, Self::Pong];
        all.into_iter().find(|opcode| *opcode as u8 == bits)
    }

    pub(in super::super) fn is_control(self) -> bool {
        self as u8 & 8 != 0
    }
}

impl Head {
    /// Reads a head from the start of `bytes` and returns it with its length; `None`: it is not all there yet.
    pub(in super::super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x70 != 0 {
            return Err(FrameError::Reserved);
        }
        let opcode = Opcode::of(first & 0xf).ok_or(FrameError::Opcode(first & 0xf))?;
        let last = first & 0x80 != 0;
        let (length, rest) = match second & 0x7f {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest),
                None => return Ok(None),
            },
            short => (u64::from(short), rest),
        };
        // Section 5.2: as few bytes as it takes, and never the top bit.
        let least = match second & 0x7f {
            126 => 126,
            127 => 1 << 16,
            _ => 0,
        };
        if length < least || length > i64::MAX as u64 {
            return Err(FrameError::Length);
        }
        if opcode.is_control() && (!last || length > CONTROL_MAX) {
            return Err(FrameError::Control);
        }
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk()) {
            (false, _) => (None, rest),
            (true, Some((mask, rest))) => (Some(*mask), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some((Self { last, opcode, mask, length }, bytes.len() - rest.len())))
    }

    /// The head as it stands on the wire.
    pub(in super::super) fn to_bytes(self) -> Vec<u8> {
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let mut bytes = vec![self.opcode as u8 | if self.last { 0x80 } else { 0 }];
        match (u8::try_from(self.length), u16::try_from(self.length)) {
            (Ok(short @ ..126), _) => bytes.push(masked | short),
            (_, Ok(long)) => {
                bytes.push(masked | 126);
                bytes.extend_from_slice(&long.to_be_bytes());
            }
            _ => {
                bytes.push(masked | 127);
                bytes.extend_from_slice(&self.length.to_be_bytes());
            }
        }
        bytes.extend_from_slice(self.mask.as_ref().map_or(&[], <[u8; 4]>::as_slice));
        bytes
    }
}

/// Masks or unmasks a payload, of which `bytes` begin at `offset` (section 5.3).
pub(in super::super) fn mask(bytes: &mut [u8], mut key: [u8; 4], offset: usize) {
    key.rotate_left(offset % 4);
    let (words, rest) = bytes.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(key)).to_ne_bytes();
    }
    rest.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{FrameError, Head, Opcode, mask};

    /// RFC 6455 section 5.7.
    #[test]
    fn the_standards_examples_are_read() {
        let text = |last, opcode, mask, length| Head { last, opcode, mask, length };
        let rows: [(&[u8], Head, usize); 7] = [
            (b"\x81\x05Hello", text(true, Opcode::Text, None, 5), 2),
            (
                b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
                text(true, Opcode::Text, Some([0x37, 0xfa, 0x21, 0x3d]), 5),
                6,
            ),
            (b"\x01\x03Hel", text(false, Opcode::Text, None, 3), 2),
            (b"\x80\x02lo", text(true, Opcode::Continuation, None, 2), 2),
            (b"\x89\x05Hello", text(true, Opcode::Ping, None, 5), 2),
            (b"\x82\x7e\x01\x00", text(true, Opcode::Binary, None, 256), 4),
            (b"\x82\x7f\0\0\0\0\0\x01\0\0", text(true, Opcode::Binary, None, 65_536), 10),
        ];
        for (bytes, head, length) in rows {
            assert_eq!(Head::parse(bytes), Ok(Some((head, length))));
            assert_eq!(head.to_bytes(), bytes[..length]);
            (0..length).for_each(|cut| assert_eq!(Head::parse(&bytes[..cut]), Ok(None), "{cut}"));
        }
        let mut payload = *b"\x7f\x9f\x4d\x51\x58";
        mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d], 0);
        assert_eq!(&payload, b"Hello");
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let rows: [(&[u8], FrameError); 8] = [
            (b"\xc1\x05", FrameError::Reserved),
            (b"\x91\x05", FrameError::Reserved),
            (b"\x83\x00", FrameError::Opcode(3)),
            (b"\x8b\x00", FrameError::Opcode(11)),
            (b"\x81\x7e\x00\x7d", FrameError::Length),
            (b"\x81\x7f\0\0\0\0\0\0\xff\xff", FrameError::Length),
            (b"\x81\x7f\x80\0\0\0\0\0\0\0", FrameError::Length),
            (b"\x09\x00", FrameError::Control),
        ];
        for (bytes, error) in rows {
            assert_eq!(Head::parse(bytes), Err(error), "{bytes:?}");
        }
        assert_eq!(Head::parse(b"\x89\x7e\x00\x7e"), Err(FrameError::Control), "a long ping");
    }

    proptest! {
        #[test]
        fn masking_twice_and_in_pieces_changes_nothing(whole in prop::collection::vec(any::<u8>(), 0..100), cut in 0_usize..100, key: [u8; 4]) {
            let cut = cut.min(whole.len());
            let mut pieces = whole.clone();
            let (first, second) = pieces.split_at_mut(cut);
            mask(first, key, 0);
            mask(second, key, cut);
            mask(&mut pieces, key, 0);
            prop_assert_eq!(pieces, whole);
        }
    }
}
