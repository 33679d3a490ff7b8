//! Files that a request carries and nobody reads: what they are, how long, and a keyed hash by which the same one is known
//! again, whether it comes as a body, as a part of a form or in base64 within a conversation.

use gate_core::{Attachment, FileKind, FilePlace};
use gate_dialect::unescaped;
use memchr::memmem;

use super::memory::{Pieces, ValueHash};

/// Listed in one record, which must fit its frame whatever a client sends; the others are counted.
pub(super) const LISTED: usize = 32;

/// As much of a file's beginning as tells what it is: `tar` says so at 257.
const BEGINNING: usize = 264;

/// Bytes that are unpacked at once.
const BLOCK: usize = 3 * 1024;

/// What a request carries.
#[derive(Debug, Default)]
pub(super) struct Attachments {
    pub(super) listed: Vec<Attachment>,
    pub(super) more: u32,
}

impl Attachments {
    pub(super) fn add(&mut self, attachment: Attachment) {
        if self.listed.len() < LISTED {
            self.listed.push(attachment);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// A file as it is.
pub(super) fn file(hash: &ValueHash, place: FilePlace, bytes: &[u8]) -> Attachment {
    let kind = kind_of(&bytes[..bytes.len().min(BEGINNING)]);
    Attachment { kind, place, bytes: bytes.len() as u64, keyed_hash: hash.tag(bytes).short_hex() }
}

/// What only points to a file, as JSON writes it.
pub(super) fn link(hash: &ValueHash, name: &[u8]) -> Attachment {
    let mut unpacked = Unpacked::new(hash);
    in_blocks(unescaped(name), |block| unpacked.take(block));
    Attachment { kind: FileKind::Link, ..unpacked.attachment() }
}

/// A file in base64, perhaps in a `data:` URL (RFC 2397), as JSON writes it. What is no digit of base64, such as breaks
/// between lines, is left out, as most readers do.
pub(super) fn packed(hash: &ValueHash, text: &[u8]) -> Attachment {
    // Nearly no file has escapes in it, and files are long.
    match memchr::memchr(b'\\', text) {
        None => read(hash, text.iter().copied()),
        Some(_) => read(hash, unescaped(text)),
    }
}

fn read(hash: &ValueHash, text: impl Iterator<Item = u8>) -> Attachment {
    const SCHEME: &[u8] = b"data:";
    let mut unpacked = Unpacked::new(hash);
    let mut text = text.skip_while(|byte| *byte <= b' ');
    let scheme: Vec<u8> = text.by_ref().filter(|byte| !is_break(*byte)).take(SCHEME.len()).collect();
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        unpack(scheme.into_iter().chain(text), |block| unpacked.take(block));
    } else if is_base64(&mut text) {
        unpack(text, |block| unpacked.take(block));
    } else {
        in_blocks(text.filter(|byte| !is_break(*byte)), |block| unpacked.take(block));
    }
    unpacked.attachment()
}

/// What the parser of URLs forgets wherever it stands.
fn is_break(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\r' | b'\n')
}

/// Reads the media type of a `data:` URL and its comma, and says whether base64 follows.
fn is_base64(url: &mut impl Iterator<Item = u8>) -> bool {
    const MARK: &[u8] = b";base64";
    let mut end = [0; MARK.len()];
    for byte in url.take_while(|byte| *byte != b',').filter(|byte| !byte.is_ascii_whitespace()) {
        end.rotate_left(1);
        end[MARK.len() - 1] = byte;
    }
    end.eq_ignore_ascii_case(MARK)
}

/// What a file within a conversation is unpacked into.
struct Unpacked {
    pieces: Pieces,
    beginning: Vec<u8>,
    bytes: u64,
}

impl Unpacked {
    fn new(hash: &ValueHash) -> Self {
        Self { pieces: hash.pieces(), beginning: Vec::new(), bytes: 0 }
    }

    fn take(&mut self, block: &[u8]) {
        let room = BEGINNING - self.beginning.len();
        self.beginning.extend_from_slice(&block[..block.len().min(room)]);
        self.bytes += block.len() as u64;
        self.pieces.push(block);
    }

    fn attachment(self) -> Attachment {
        let (kind, keyed_hash) = (kind_of(&self.beginning), self.pieces.tag().short_hex());
        Attachment { kind, place: FilePlace::Conversation, bytes: self.bytes, keyed_hash }
    }
}

fn in_blocks(bytes: impl Iterator<Item = u8>, mut each: impl FnMut(&[u8])) {
    let mut block = Vec::with_capacity(BLOCK);
    bytes.for_each(|byte| {
        block.push(byte);
        if block.len() == BLOCK {
            each(&block);
            block.clear();
        }
    });
    each(&block);
}

/// Unpacks base64 of either alphabet, block by block.
fn unpack(text: impl Iterator<Item = u8>, mut each: impl FnMut(&[u8])) {
    let (mut block, mut bits, mut digits) = (Vec::with_capacity(BLOCK + 3), 0_u32, 0_u32);
    text.filter_map(digit).for_each(|digit| {
        bits = bits << 6 | digit;
        digits += 1;
        if digits == 4 {
            block.extend_from_slice(&bits.to_be_bytes()[1..]);
            (bits, digits) = (0, 0);
            if block.len() >= BLOCK {
                each(&block);
                block.clear();
            }
        }
    });
    // Two digits more are one byte, three are two.
    if digits > 1 {
        let rest = (bits << (6 * (4 - digits))).to_be_bytes();
        block.extend_from_slice(&rest[1..digits as usize]);
    }
    each(&block);
}

fn digit(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// What a file is, told from its beginning.
fn kind_of(head: &[u8]) -> FileKind {
    const BEGINNINGS: [(&[u8], FileKind); 30] = [
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", FileKind::Office),
        (b"{\\rtf", FileKind::Office),
        (b"\x89PNG", FileKind::Image),
        (b"\xFF\xD8\xFF", FileKind::Image),
        (b"GIF8", FileKind::Image),
        (b"II*\0", FileKind::Image),
        (b"MM\0*", FileKind::Image),
        (b"\0\0\x01\0", FileKind::Image),
        (b"8BPS", FileKind::Image),
        (b"\xFF\x0A", FileKind::Image),
        (b"ID3", FileKind::Audio),
        (b"\xFF\xFB", FileKind::Audio),
        (b"\xFF\xF3", FileKind::Audio),
        (b"\xFF\xF1", FileKind::Audio),
        (b"\xFF\xF9", FileKind::Audio),
        (b"fLaC", FileKind::Audio),
        (b"OggS", FileKind::Audio),
        (b"#!AMR", FileKind::Audio),
        (b"\x1A\x45\xDF\xA3", FileKind::Video),
        (b"\0\0\x01\xBA", FileKind::Video),
        (b"FLV", FileKind::Video),
        (b"PK\x03\x04", FileKind::Archive),
        (b"PK\x05\x06", FileKind::Archive),
        (b"\x1F\x8B", FileKind::Archive),
        (b"BZh", FileKind::Archive),
        (b"\xFD7zXZ\0", FileKind::Archive),
        (b"7z\xBC\xAF\x27\x1C", FileKind::Archive),
        (b"Rar!", FileKind::Archive),
        (b"\x28\xB5\x2F\xFD", FileKind::Archive),
        (b"!<arch>", FileKind::Archive),
    ];
    // Readers look for it a little further on, too.
    if memmem::find(head, b"%PDF-").is_some() {
        return FileKind::Pdf;
    }
    if let Some(kind) = of_container(head) {
        return kind;
    }
    let known = BEGINNINGS.iter().find(|(beginning, _)| head.starts_with(beginning));
    known.map_or(FileKind::Unknown, |(_, kind)| *kind)
}

/// Formats that hold several kinds: RIFF, MP4, ZIP, tar.
fn of_container(head: &[u8]) -> Option<FileKind> {
    let at = |from: usize, word: &[u8]| head.get(from..).is_some_and(|rest| rest.starts_with(word));
    if at(0, b"RIFF") {
        return match head.get(8..12)? {
            b"WEBP" => Some(FileKind::Image),
            b"WAVE" => Some(FileKind::Audio),
            b"AVI " => Some(FileKind::Video),
            _ => None,
        };
    }
    if at(4, b"ftyp") {
        return Some(match head.get(8..11)? {
            b"avi" | b"hei" | b"hev" | b"mif" | b"msf" => FileKind::Image,
            b"M4A" | b"M4B" => FileKind::Audio,
            _ => FileKind::Video,
        });
    }
    // The name of the first file in a ZIP archive stands at 30, and behind it its content if it is not packed.
    let names: [&[u8]; 7] = [
        b"[Content_Types].xml",
        b"_rels/",
        b"docProps/",
        b"word/",
        b"xl/",
        b"ppt/",
        b"mimetypeapplication/vnd.oasis.opendocument",
    ];
    if at(0, b"PK\x03\x04") && names.iter().any(|name| at(30, name)) {
        return Some(FileKind::Office);
    }
    at(257, b"ustar").then_some(FileKind::Archive)
}

#[cfg(test)]
mod tests;
