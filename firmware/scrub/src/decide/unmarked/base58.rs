//! Base58Check, the encoding of private keys for wallets.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::Run;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// Characters of a private key in the wallet import format.
pub(super) const LEN: Range<usize> = 51..53;

/// The run of letters and digits around `at`, if it is as long as a key.
pub(super) fn run_around(text: &[u8], at: usize) -> Option<Run> {
    let part = |byte: &&u8| byte.is_ascii_alphanumeric();
    let after = text[at..].iter().take(LEN.end).take_while(part).count();
    if !(1..LEN.end).contains(&after) {
        return None;
    }
    let before = text[..at].iter().rev().take(LEN.end).take_while(part).count();
    let grows = at + after == text.len();
    LEN.contains(&(before + after)).then_some(Run { range: at - before..at + after, grows })
}

/// Whether the last four bytes are the beginning of the SHA-256 of the SHA-256 of all before them.
pub(in crate::decide) fn base58check(value: &[u8]) -> bool {
    let Some(bytes) = decode(value) else { return false };
    let Some((body, check)) = bytes.split_last_chunk::<4>() else { return false };
    Sha256::digest(Sha256::digest(body))[..4] == check[..]
}

/// The bytes of a number to the base of 58, whose leading ones stand for zero bytes.
fn decode(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes: Vec<u8> = Vec::with_capacity(value.len());
    for byte in value {
        let mut carry = ALPHABET.iter().position(|known| known == byte)?;
        for place in &mut bytes {
            carry += usize::from(*place) * 58;
            *place = (carry & 0xFF) as u8;
            carry >>= 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    let zeros = value.iter().take_while(|byte| **byte == b'1').count();
    bytes.extend(std::iter::repeat_n(0, zeros));
    bytes.reverse();
    Some(bytes)
}
