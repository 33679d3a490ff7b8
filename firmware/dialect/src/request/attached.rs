//! Files in a conversation: within it, in base64, or elsewhere, with a name by which the provider finds them.

use std::ops::Range;

/// Attachments listed; one conversation has a few, and a record has room for them.
pub(super) const ATTACHMENTS_CAP: usize = 64;

/// Shorter strings of base64 are words as likely as files.
const SHORTEST: usize = 64;

/// Where in the body something attached stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The inside of its JSON string.
    pub span: Range<usize>,
    /// It only points to a file: an address, or a provider's name for what was sent to it before.
    pub is_link: bool,
}

/// What a member's name says about files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    #[default]
    None,
    /// Holds a file, or an object that does.
    Holder,
    /// The same, or holds the address of one.
    Media,
    /// Holds a file or its address within one of these, and anything at all elsewhere.
    Content,
    /// Names a file.
    Name,
}

impl Place {
    pub(super) fn of(key: &str) -> Self {
        match key {
            "source" | "inlineData" | "inline_data" | "fileData" | "input_audio" | "file" | "image" | "document"
            | "audio" | "video" => Self::Holder,
            "image_url" | "video_url" | "audio_url" | "file_url" | "file_data" | "images" => Self::Media,
            "data" | "bytes" | "url" => Self::Content,
            "file_id" | "fileUri" | "file_uri" => Self::Name,
            _ => Self::None,
        }
    }

    /// What it is within a member that is `around`.
    pub(super) fn within(self, around: Self) -> Self {
        match (self, around) {
            (Self::Content, Self::Holder | Self::Media) => Self::Media,
            (Self::Content, _) => Self::None,
            (own, _) => own,
        }
    }

    /// What the elements of an array are that is its value.
    pub(super) fn of_array(self) -> Self {
        match self {
            Self::Holder | Self::Media => self,
            _ => Self::None,
        }
    }
}

/// Whether a quoted string is something attached, and if so whether it only points to it.
pub(super) fn look(place: Place, quoted: &[u8]) -> Option<bool> {
    let inside = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    let links = || [&b"https:"[..], b"http:", b"gs:", b"s3:"].iter().any(|scheme| inside.starts_with(scheme));
    let packed = || inside.starts_with(b"data:") || is_base64(inside);
    match place {
        Place::None | Place::Content => None,
        Place::Name => (!inside.is_empty()).then_some(true),
        Place::Media if links() => Some(true),
        Place::Media | Place::Holder => packed().then_some(false),
    }
}

/// Whether it looks like base64 where it begins and ends.
fn is_base64(text: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_=\\".contains(byte);
    text.len() >= SHORTEST && text[..SHORTEST].iter().chain(&text[text.len() - 4..]).all(is_digit)
}
