//! Structure and checksums of tokens.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

use crate::decide::value::{entropy, is_sample_word};

/// CRC-32 (ISO 3309), bit by bit: values are short and candidates are few, so a table would cost more than it saves.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

pub(super) fn crc32_base62(value: &[u8]) -> bool {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some(prefix) = value.iter().position(|byte| *byte == b'_') else { return false };
    let Some((body, check)) = value[prefix + 1..].split_last_chunk::<6>() else { return false };
    let mut rest = crc32(body) as usize;
    check.iter().rev().all(|byte| {
        let expected = ALPHABET[rest % 62];
        rest /= 62;
        *byte == expected
    })
}

pub(super) fn crc32_hex(value: &[u8]) -> bool {
    let Some((body, check)) = value.split_last_chunk::<8>() else { return false };
    format!("{:08X}", crc32(body)).as_bytes() == check
}

pub(super) fn crc32_hex_body(value: &[u8]) -> bool {
    let Some(prefix) = value.iter().position(|byte| *byte == b'_') else { return false };
    let Some((body, check)) = value[prefix + 1..].split_last_chunk::<8>() else { return false };
    format!("{:08x}", crc32(body)).as_bytes() == check
}

pub(super) fn crc32_hex_reversed(value: &[u8]) -> bool {
    let Some((rest, check)) = value.split_last_chunk::<8>() else { return false };
    let Some((b'_', body)) = rest.split_last() else { return false };
    format!("{:08x}", crc32(body).swap_bytes()).as_bytes() == check
}

pub(super) fn crc32_base36(value: &[u8]) -> bool {
    let Some((body, check)) = value.split_last_chunk::<7>() else { return false };
    let mut rest = crc32(body);
    check.iter().rev().all(|byte| {
        let expected = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
        *byte == expected
    })
}

pub(super) fn jwt(value: &[u8]) -> bool {
    let header = value.split(|byte| *byte == b'.').next().unwrap_or_default();
    let Ok(json) = URL_SAFE_NO_PAD.decode(header) else { return false };
    serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json)
        .is_ok_and(|header| header.get("alg").is_some_and(serde_json::Value::is_string))
}

pub(super) fn basic_auth(value: &[u8]) -> bool {
    let Ok(pair) = STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)) else { return false };
    let Some(colon) = pair.iter().position(|byte| *byte == b':') else { return false };
    let printable = pair.iter().all(|byte| (0x20..0x7F).contains(byte));
    // `user:password` and its like stand in every manual.
    let password = pair[colon + 1..].to_ascii_lowercase();
    printable && colon > 0 && password.len() >= 4 && !is_sample_word(&password)
}

pub(super) fn base64_of_32(value: &[u8]) -> bool {
    base64_len(value) == Some(32)
}

pub(super) fn base64_of_64(value: &[u8]) -> bool {
    base64_len(value) == Some(64)
}

fn base64_len(value: &[u8]) -> Option<usize> {
    // Hand-made and truncated keys have trailing bits that a strict decoder refuses.
    let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
    value.len().is_multiple_of(4).then(|| value.len() / 4 * 3 - padding)
}

pub(super) fn discord_id(value: &[u8]) -> bool {
    let part = value.split(|byte| *byte == b'.').next().unwrap_or_default();
    URL_SAFE_NO_PAD.decode(part).is_ok_and(|id| (17..=20).contains(&id.len()) && id.iter().all(u8::is_ascii_digit))
}

/// Bytes behind the armour's first line within which a key begins.
const KEY_BEGINS: usize = 200;

/// A key follows the armour's first line: 16 characters of base64 on the first line of text that is no header, or 40
/// in a row somewhere near. A row of dots or crosses and a word in code are none.
pub(super) fn key_body(value: &[u8]) -> bool {
    let dashes = |text: &[u8]| text.windows(5).position(|window| window == b"-----");
    let Some(mark) = value.get(5..).and_then(dashes) else { return false };
    let body = &value[mark + 10..];
    let body = &body[..dashes(body).unwrap_or(body.len())];
    let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let run = |text: &[u8]| text.iter().take_while(|byte| base64(byte)).count();
    let mut at = 0;
    while at < body.len().min(KEY_BEGINS) {
        let len = run(&body[at..]);
        let row = &body[at..at + len];
        let mixed = row.iter().any(u8::is_ascii_lowercase) && row.iter().any(u8::is_ascii_uppercase);
        if len >= 40 && mixed && entropy(row) >= 3.0 {
            return true;
        }
        at += len + 1;
    }
    for line in body.split(|byte| *byte == b'\n') {
        let sign = |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_digit() || b">|#*+:.".contains(byte);
        let text = &line[line.iter().take_while(|byte| sign(byte)).count()..];
        let len = run(text);
        if len >= 16 {
            return entropy(&text[..len]) >= 3.0;
        }
        if !text.is_empty() && !text.windows(2).any(|pair| pair == b": ") {
            return false;
        }
    }
    false
}
