use std::borrow::Cow;

use super::{HelloError, Limits};

/// Content type `handshake` (RFC 8446 section 5.1).
const HANDSHAKE: u8 = 22;
/// Message type `client_hello` (RFC 8446 section 4).
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 5;
const MESSAGE_HEADER: usize = 4;
/// RFC 8446 section 5.1: a plaintext record holds at most 2^14 bytes.
const MAX_FRAGMENT: usize = 1 << 14;

/// Finds the ClientHello in what arrived so far: its handshake message without any header, borrowed when one record
/// holds it, joined when it is spread over several; `None` asks for more bytes.
///
/// Walking the records again for every segment costs at most [`Limits::max_records`] steps, so a client that sends
/// single bytes cannot make it expensive.
pub(crate) fn frame(raw: &[u8], limits: Limits) -> Result<Option<Cow<'_, [u8]>>, HelloError> {
    let mut fragments: Vec<&[u8]> = Vec::new();
    // What the records so far announce, whether it has arrived or not.
    let mut announced = 0;
    let mut at = 0;
    while let Some(len) = record_length(&raw[at..])? {
        if fragments.len() == limits.max_records {
            return Err(HelloError::TooLarge);
        }
        let start = at + RECORD_HEADER;
        at = start + len;
        announced += len;
        fragments.push(&raw[start..raw.len().min(at)]);
        if let Some(need) = message_length(&fragments)? {
            if need + fragments.len() * RECORD_HEADER > limits.max_bytes {
                return Err(HelloError::TooLarge);
            }
            if announced > need {
                return Err(HelloError::Malformed("bytes after the message in its record"));
            }
            if announced == need && at <= raw.len() {
                return Ok(Some(join(fragments, need)));
            }
        }
        if at >= raw.len() {
            break;
        }
    }
    if raw.len() >= limits.max_bytes { Err(HelloError::TooLarge) } else { Ok(None) }
}

/// The fragment length of the record at the front, refused at its first wrong byte so that another protocol's client
/// is not kept waiting; `None`: the header is not here yet.
fn record_length(raw: &[u8]) -> Result<Option<usize>, HelloError> {
    if raw.first().is_some_and(|kind| *kind != HANDSHAKE) {
        return Err(HelloError::NotTls);
    }
    // The minor version is a relic that RFC 8446 says to ignore; clients send 1, 3, and some 0 or 4.
    if raw.get(1).is_some_and(|major| *major != 3) {
        return Err(HelloError::NotTls);
    }
    let Some(header) = raw.first_chunk::<RECORD_HEADER>() else { return Ok(None) };
    let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
    match len {
        0 => Err(HelloError::Malformed("an empty handshake record")),
        _ if len > MAX_FRAGMENT => Err(HelloError::Malformed("a record longer than 16384 bytes")),
        _ => Ok(Some(len)),
    }
}

/// Length of the whole message with its header, once the header has arrived; it may itself be split over records.
fn message_length(fragments: &[&[u8]]) -> Result<Option<usize>, HelloError> {
    let mut header = [0; MESSAGE_HEADER];
    let mut bytes = fragments.iter().flat_map(|fragment| fragment.iter());
    for (index, slot) in header.iter_mut().enumerate() {
        let Some(byte) = bytes.next() else { return Ok(None) };
        if index == 0 && *byte != CLIENT_HELLO {
            return Err(HelloError::Malformed("the first message is not a ClientHello"));
        }
        *slot = *byte;
    }
    let [_, high, middle, low] = header;
    Ok(Some(MESSAGE_HEADER + usize::from(high) * 65_536 + usize::from(u16::from_be_bytes([middle, low]))))
}

fn join(fragments: Vec<&[u8]>, need: usize) -> Cow<'_, [u8]> {
    if let [only] = fragments[..] {
        return Cow::Borrowed(&only[MESSAGE_HEADER..]);
    }
    let mut message = Vec::with_capacity(need);
    for fragment in fragments {
        message.extend_from_slice(fragment);
    }
    message.drain(..MESSAGE_HEADER);
    Cow::Owned(message)
}
