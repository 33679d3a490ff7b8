//! The text in a message of protobuf, found without its schema.
//!
//! On the wire a string, a nested message and bytes look alike (<https://protobuf.dev/programming-guides/encoding/>). So each
//! field of a stated length is read as all that it can be: as a message where it is one to the end, and as text where it is
//! UTF-8. Nothing that any schema would read as text is left out for what else it may be.

use thiserror::Error;

/// Messages within messages. The libraries' own limit is 100; nobody writes half of it.
const MAX_DEPTH: usize = 50;

/// Bytes that are no text may still hold some: runs of printable ASCII from this length on.
const RUN: usize = 6;

/// Beginnings of packed bytes: gzip, zstd, zip.
const PACKED: [&[u8]; 3] = [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04"];

/// What can be read of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageText {
    /// An array of strings in JSON, one for each text.
    pub json: Vec<u8>,
    /// A field holds bytes that are neither text nor a message.
    pub opaque: bool,
    /// A field holds packed bytes.
    pub packed: bool,
}

/// Why the text of a message is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MessageError {
    #[error("the bytes are no message of protobuf")]
    NoMessage,
    #[error("messages nest deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("the message holds more text than may be read")]
    TooMuch,
}

/// Reads the text of a message, of which there may be at most `limit` bytes.
pub fn message_text(message: &[u8], limit: usize) -> Result<MessageText, MessageError> {
    let mut reader = Reader { found: MessageText { json: vec![b'['], ..MessageText::default() }, limit };
    // The whole is a text as well, should its receiver read JSON whatever the sender calls it.
    if !reader.value(message, 0)? {
        return Err(MessageError::NoMessage);
    }
    let mut found = reader.found;
    if found.json.last() == Some(&b',') {
        found.json.pop();
    }
    found.json.push(b']');
    Ok(found)
}

struct Reader {
    found: MessageText,
    limit: usize,
}

impl Reader {
    /// Reads on if these bytes are a message to their end; otherwise nothing of them is kept.
    fn message(&mut self, mut bytes: &[u8], depth: usize) -> Result<bool, MessageError> {
        if depth > MAX_DEPTH {
            return Err(MessageError::TooDeep);
        }
        let before = (self.found.json.len(), self.found.opaque, self.found.packed);
        while !bytes.is_empty() {
            let Some((field, rest)) = field(bytes) else {
                self.found.json.truncate(before.0);
                (self.found.opaque, self.found.packed) = (before.1, before.2);
                return Ok(false);
            };
            if let Some(value) = field {
                self.value(value, depth + 1)?;
            }
            bytes = rest;
        }
        Ok(true)
    }

    /// Reads what may be a message or a text; whether it is a message.
    fn value(&mut self, value: &[u8], depth: usize) -> Result<bool, MessageError> {
        if value.is_empty() {
            return Ok(true);
        }
        let is_message = self.message(value, depth)?;
        match std::str::from_utf8(value) {
            // The marks between the fields of a message are no part of what stands there.
            Ok(text) if is_message => self.text(text.chars().map(|c| if c.is_control() { '\n' } else { c })),
            Ok(text) => self.text(text.chars()),
            Err(_) if is_message => Ok(()),
            Err(_) => self.opaque(value),
        }?;
        Ok(is_message)
    }

    fn opaque(&mut self, value: &[u8]) -> Result<(), MessageError> {
        self.found.opaque = true;
        self.found.packed |= PACKED.iter().any(|magic| value.starts_with(magic));
        let runs = value.split(|byte| !matches!(byte, b' '..=b'~')).filter(|run| run.len() >= RUN);
        for run in runs {
            self.text(run.iter().map(|byte| char::from(*byte)))?;
        }
        Ok(())
    }

    /// One more string of the array.
    fn text(&mut self, text: impl Iterator<Item = char>) -> Result<(), MessageError> {
        let json = &mut self.found.json;
        json.push(b'"');
        for character in text {
            match character {
                '"' => json.extend_from_slice(b"\\\""),
                '\\' => json.extend_from_slice(b"\\\\"),
                '\n' => json.extend_from_slice(b"\\n"),
                '\r' => json.extend_from_slice(b"\\r"),
                '\t' => json.extend_from_slice(b"\\t"),
                '\0'..=' ' => json.push(b' '),
                _ => json.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            if json.len() > self.limit {
                return Err(MessageError::TooMuch);
            }
        }
        json.extend_from_slice(b"\",");
        Ok(())
    }
}

/// The value of a field that has a length, if it is one, and what follows; `None` if this begins no field.
fn field(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    if tag >> 3 == 0 || tag > u64::from(u32::MAX) {
        return None;
    }
    match tag & 7 {
        0 => Some((None, varint(rest)?.1)),
        1 => Some((None, rest.get(8..)?)),
        2 => {
            let (length, rest) = varint(rest)?;
            let (value, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            Some((Some(value), rest))
        }
        // The ends of a group are fields without a value, and what it holds are fields like others.
        3 | 4 => Some((None, rest)),
        5 => Some((None, rest.get(4..)?)),
        _ => None,
    }
}

/// A number of at most ten bytes with seven bits each, the low ones first.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        // What passes 64 bits is cut off, as the libraries do.
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}
