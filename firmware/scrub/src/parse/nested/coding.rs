//! How a run is encoded, and its bytes.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use flate2::{Decompress, FlushDecompress, Status};

use crate::accept::ScanError;
use crate::parse::json::Nesting;

/// Characters that are decoded to see whether a run spells text. Twelve bytes of noise are all printable once in
/// 100,000 runs, which costs a decoding and no more.
const PROBE: usize = 16;

/// Shortest run that is taken for compressed bytes: unpacking has a cost of its own, whatever comes of it.
const MIN_PACKED: usize = 32;

/// Bytes that are unpacked at a time.
const STEP: usize = 4 << 10;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Hex,
    Base64,
    /// Base64 of a gzip or zlib stream.
    Packed,
}

/// How a run is encoded, if its first bytes spell text. Only they decide whether it is one, so that a run that is still
/// growing is known for one early.
pub(super) fn coding(run: &[u8]) -> Option<Coding> {
    if is_hex(&run[..run.len().min(PROBE)]) && hex_head(run) && is_hex(run) {
        return Some(Coding::Hex);
    }
    let mut bytes = [0; PROBE / 4 * 3];
    let mut len = 0;
    for group in run[..run.len().min(PROBE)].as_chunks::<4>().0 {
        let three = three_bytes(*group);
        if len == 0 && run.len() >= MIN_PACKED && is_packed(three) {
            return Some(Coding::Packed);
        }
        if three.into_iter().any(is_odd) {
            return None;
        }
        bytes[len..len + 3].copy_from_slice(&three);
        len += 3;
    }
    is_unicode(&bytes[..len]).then_some(Coding::Base64)
}

fn hex_head(run: &[u8]) -> bool {
    let mut bytes = [0; PROBE];
    let pairs = run[..run.len().min(PROBE * 2)].as_chunks::<2>().0;
    bytes.iter_mut().zip(pairs).for_each(|(byte, pair)| *byte = hex_byte(*pair).unwrap_or(1));
    let head = &bytes[..pairs.len()];
    run.len() >= PROBE && !head.iter().any(|byte| is_odd(*byte)) && is_unicode(head)
}

/// The bytes of four characters of either alphabet.
fn three_bytes(group: [u8; 4]) -> [u8; 3] {
    let bits = group.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(SIX_BITS[usize::from(*byte)]));
    let [_, three @ ..] = bits.to_be_bytes();
    three
}

/// The value of each character of both alphabets; others do not occur in runs.
const SIX_BITS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [0; 256];
    let mut value = 0;
    while value < alphabet.len() {
        table[alphabet[value] as usize] = value as u8;
        value += 1;
    }
    (table[b'-' as usize], table[b'_' as usize]) = (62, 63);
    table
};

/// The magic of gzip (RFC 1952) with its one method, or the header of zlib (RFC 1950), whose check is modulo 31.
fn is_packed(head: [u8; 3]) -> bool {
    match head {
        [0x1F, 0x8B, 8] => true,
        [0x78, flags, block] => (0x7800 + u16::from(flags)).is_multiple_of(31) && flags & 0x20 == 0 && block & 6 != 6,
        _ => false,
    }
}

fn is_hex(run: &[u8]) -> bool {
    run.iter().all(u8::is_ascii_hexdigit)
}

fn hex_byte(pair: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(pair[0])? << 4 | digit(pair[1])?)
}

/// What a run of a coding spells, if it is text.
pub(super) fn decode(run: &[u8], coding: Coding, nesting: &mut Nesting) -> Result<Option<Vec<u8>>, ScanError> {
    let decoded = match coding {
        Coding::Hex => run.as_chunks::<2>().0.iter().map(|pair| hex_byte(*pair)).collect(),
        Coding::Base64 => base64(run),
        Coding::Packed => match base64(run) {
            // A text may begin like a stream.
            Some(packed) => unpack(&packed, nesting)?.or(Some(packed)),
            None => None,
        },
    };
    let Some(decoded) = decoded.filter(|decoded| is_text(decoded)) else { return Ok(None) };
    nesting.spend(decoded.len())?;
    Ok(Some(decoded))
}

fn base64(run: &[u8]) -> Option<Vec<u8>> {
    let body = run.iter().position(|byte| *byte == b'=').unwrap_or(run.len());
    // A last group of one character encodes no byte: it is a letter that happens to follow, not an error.
    let run = if body % 4 == 1 { &run[..body - 1] } else { run };
    let url_safe = run.iter().any(|byte| matches!(byte, b'-' | b'_'));
    if url_safe { URL_SAFE.decode(run).ok() } else { STANDARD.decode(run).ok() }
}

/// What a gzip or zlib stream holds, as far as it goes; what is cut short is read up to there.
fn unpack(packed: &[u8], nesting: &Nesting) -> Result<Option<Vec<u8>>, ScanError> {
    let gzip = packed.starts_with(&[0x1F, 0x8B]);
    let Some(body) = (if gzip { gzip_body(packed) } else { packed.get(2..) }) else { return Ok(None) };
    let mut inflater = Decompress::new(false);
    let mut out = Vec::new();
    loop {
        out.reserve(STEP);
        let before = (inflater.total_in(), out.len());
        let rest = &body[usize::try_from(before.0).unwrap_or(body.len()).min(body.len())..];
        let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::None);
        nesting.afford(out.len())?;
        let stuck = (inflater.total_in(), out.len()) == before;
        match status {
            Ok(Status::Ok | Status::BufError) if !stuck => {}
            _ => return Ok(Some(out)),
        }
        // Noise that happens to begin like a stream is not unpacked to its end.
        if !is_text(&out[..out.len().min(STEP)]) {
            return Ok(None);
        }
    }
}

/// The deflated part of a gzip member.
fn gzip_body(packed: &[u8]) -> Option<&[u8]> {
    let flags = *packed.get(3)?;
    let mut rest = packed.get(10..)?;
    if flags & 4 != 0 {
        let len = u16::from_le_bytes([*rest.first()?, *rest.get(1)?]);
        rest = rest.get(2 + usize::from(len)..)?;
    }
    for _ in 0..(flags >> 3 & 1) + (flags >> 4 & 1) {
        let end = rest.iter().position(|byte| *byte == 0)?;
        rest = &rest[end + 1..];
    }
    rest.get(usize::from(flags & 2)..)
}

/// Control characters other than white space; NUL is half a character of UTF-16.
fn is_odd(byte: u8) -> bool {
    matches!(byte, 1..=8 | 11 | 12 | 14..=31 | 127)
}

/// Whether nearly all bytes are printable: UTF-8 of any script, or UTF-16 of a Latin one.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    let odd = bytes.iter().filter(|byte| is_odd(**byte)).count();
    bytes.len() >= 8 && odd * 20 <= bytes.len() && is_unicode(&bytes[..bytes.len().min(512)])
}

/// UTF-8, the last character of which may be cut, or every other byte a zero.
fn is_unicode(bytes: &[u8]) -> bool {
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    if zeros > 0 {
        return zeros * 5 >= bytes.len() * 2 && zeros * 2 <= bytes.len() + 2;
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() + 4 > bytes.len(),
    }
}
