//! Files in a conversation: within it, in base64, or elsewhere, with a name by which the provider finds them.

use std::ops::Range;

use crate::json::unescaped;

/// Attachments listed; one conversation has a few, and a record has room for them.
pub(super) const ATTACHMENTS_CAP: usize = 64;

/// Shorter strings of base64 are words as likely as files.
const SHORTEST: usize = 64;

/// How media types of sound begin.
const SOUND: &str = "audio/";

/// The longest member's name that says something about files.
const LONGEST: usize = b"bytesbase64encoded".len();

/// Where in the body something attached stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The inside of its JSON string.
    pub span: Range<usize>,
    /// It only points to a file: an address, or a provider's name for what was sent to it before.
    pub is_link: bool,
    /// It is said to be sound, by its name or its media type: raw samples have no beginning that tells what they are.
    pub is_sound: bool,
}

/// What a member's name says about files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    None,
    /// Holds a file, or an object that does; as a string also whence something is, which nobody follows.
    Holder,
    /// The same, or holds the address of one.
    Media,
    /// The same, of nothing but sound.
    Sound,
    /// Holds a file or its address within one of these, and anything at all elsewhere.
    Content,
    /// Names a file, or several.
    Name,
}

impl Place {
    /// Case does not count: some servers (Go's `encoding/json`) take a member's name in any.
    pub(super) fn of(key: &str) -> Self {
        let mut lower = [0; LONGEST];
        let Some(lower) = lower.get_mut(..key.len()) else { return Self::None };
        lower.copy_from_slice(key.as_bytes());
        lower.make_ascii_lowercase();
        match &*lower {
            b"source" => Self::Holder,
            b"audio" | b"input_audio" | b"audio_url" => Self::Sound,
            b"inlinedata"
            | b"inline_data"
            | b"filedata"
            | b"file_data"
            | b"file"
            | b"image"
            | b"images"
            | b"document"
            | b"video"
            | b"media"
            | b"mediachunks"
            | b"media_chunks"
            | b"s3location"
            | b"image_url"
            | b"video_url"
            | b"file_url"
            | b"document_url"
            | b"bytesbase64encoded" => Self::Media,
            b"data" | b"bytes" | b"url" | b"uri" => Self::Content,
            b"file_id" | b"file_ids" | b"fileuri" | b"file_uri" | b"gcsuri" => Self::Name,
            _ => Self::None,
        }
    }

    /// What it is within a member that is `around`.
    pub(super) fn within(self, around: Self) -> Self {
        match (self, around) {
            (Self::Content, Self::Holder | Self::Media) => Self::Media,
            (Self::Content, Self::Sound) => Self::Sound,
            (Self::Content, _) => Self::None,
            (own, _) => own,
        }
    }
}

/// Whether a media type is one of sound.
pub(super) fn is_sound(media: &str) -> bool {
    media.get(..SOUND.len()).is_some_and(|start| start.eq_ignore_ascii_case(SOUND))
}

/// Whether the string with this inside is something attached, and what.
pub(super) fn look(place: Place, body: &[u8], span: Range<usize>) -> Option<Attachment> {
    let inside = body.get(span.clone())?;
    let (is_link, is_sound) = match place {
        Place::None | Place::Content => return None,
        Place::Name => (!inside.is_empty()).then_some((true, false))?,
        Place::Holder | Place::Media | Place::Sound => {
            let beginning = Beginning::of(inside);
            let is_link = place != Place::Holder && beginning.is_link();
            if !is_link && !beginning.is_packed(inside) {
                return None;
            }
            (is_link, place == Place::Sound || beginning.is_sound())
        }
    };
    Some(Attachment { span, is_link, is_sound })
}

/// A string's beginning as who follows addresses reads it: JSON's escapes undone, blanks before it and breaks within it
/// forgotten (WHATWG URL section 4.4).
struct Beginning {
    bytes: [u8; SHORTEST],
    length: usize,
}

impl Beginning {
    fn of(inside: &[u8]) -> Self {
        let read = unescaped(inside).skip_while(|byte| *byte <= b' ').filter(|byte| !b"\t\r\n".contains(byte));
        let (mut bytes, mut length) = ([0; SHORTEST], 0);
        for (slot, byte) in bytes.iter_mut().zip(read) {
            *slot = byte;
            length += 1;
        }
        Self { bytes, length }
    }

    /// Schemes ignore case (RFC 3986 section 3.1).
    fn has_scheme(&self, scheme: &[u8]) -> bool {
        let start = self.bytes[..self.length].get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    }

    fn is_link(&self) -> bool {
        [&b"https:"[..], b"http:", b"gs:", b"s3:"].iter().any(|scheme| self.has_scheme(scheme))
    }

    fn is_sound(&self) -> bool {
        let after = self.bytes[..self.length].get(b"data:".len()..).unwrap_or_default();
        self.has_scheme(b"data:") && std::str::from_utf8(after).is_ok_and(is_sound)
    }

    /// Whether it is a `data:` URL, or looks like base64 where it begins and ends.
    fn is_packed(&self, inside: &[u8]) -> bool {
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte);
        let may_end = |byte: &u8| is_digit(byte) || *byte == b'\\' || *byte <= b' ';
        let is_base64 = || self.length == SHORTEST && self.bytes.iter().all(is_digit);
        self.has_scheme(b"data:") || (is_base64() && inside[inside.len() - 4..].iter().all(may_end))
    }
}
