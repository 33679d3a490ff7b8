//! Any message of a call: read as text, or refused, within its bounds; what a message is put around is found again. Any
//! answer is followed the same however it is cut.
#![no_main]

use gate_dialect::{ENVELOPE_HEAD, Envelope, Follower, MessageError, message_text};

const LIMIT: usize = 256 << 10;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(head) = bytes.first_chunk::<ENVELOPE_HEAD>() {
        assert_eq!(Envelope::parse(*head).is_some(), head[0] < 2);
    }
    read(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && !text.is_empty()
        && let Ok(texts) = read(&field(bytes))
    {
        let plain = |text: &str| text.replace(char::is_control, " ");
        assert!(texts.iter().any(|found| plain(found) == plain(text)), "{text:?} is not in {texts:?}");
    }
    let (mut whole, mut pieces) = (Follower::default(), Follower::default());
    whole.push(bytes);
    bytes.chunks(3).for_each(|piece| pieces.push(piece));
    assert_eq!(whole.is_between(), pieces.is_between());
});

fn read(message: &[u8]) -> Result<Vec<String>, MessageError> {
    let found = message_text(message, LIMIT)?;
    assert!(found.json.len() <= LIMIT + 8, "{} bytes", found.json.len());
    Ok(serde_json::from_slice(&found.json).expect("an array of strings"))
}

/// The first field of a message, with this value.
fn field(value: &[u8]) -> Vec<u8> {
    let mut out = vec![0x0a];
    let mut length = value.len();
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    [&out, value].concat()
}
