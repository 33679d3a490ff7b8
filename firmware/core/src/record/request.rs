//! Requests that were inspected: what was found in them, what they carried, used and cost.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::Reason;
use crate::{Action, KnowledgeBase};

/// One inspected request with its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestEvent {
    /// The connection it came on; `None` from the inspection API.
    pub connection: Option<u64>,
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// `POST /v1/chat/completions`: method and path without the query, which may hold keys.
    pub target: String,
    pub model: Option<String>,
    pub decision: Action,
    pub reason: Option<Reason>,
    pub findings: Vec<FindingCount>,
    /// Decoded body bytes the client sent.
    pub request_bytes: u64,
    /// Body bytes of the answer as relayed.
    pub response_bytes: u64,
    /// Status that the client received; `None` when the exchange broke before one.
    pub status: Option<u16>,
    pub stream: bool,
    pub usage: Option<Usage>,
    /// `None`: nothing is known of what the model costs.
    pub cost: Option<Cost>,
    /// What is no text in the request, as it was sent.
    pub attachments: Vec<Attachment>,
    /// Attachments beyond those listed.
    pub more_attachments: u32,
    /// Time spent decoding, scanning, judging and editing, in microseconds.
    pub added_micros: u64,
    /// From the request's head to the answer's head, in microseconds.
    pub first_byte_micros: Option<u64>,
    pub duration_micros: u64,
}

/// How often a rule fired in one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingCount {
    pub rule: String,
    pub kind: String,
    pub kb: KnowledgeBase,
    pub action: Action,
    pub count: u32,
    /// Byte offset of the first one in the decoded request body.
    pub first_offset: u64,
    /// First 8 bytes of the keyed hash of the first value, in hexadecimal: equal values can be told, none recovered.
    pub keyed_hash: String,
}

/// Tokens that a request and its answer used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// All that went in, with the two parts below.
    pub input: u64,
    /// All that came out, with what the model only thought.
    pub output: u64,
    /// Input that the provider had in a cache; 0 where it does not say.
    pub cached: u64,
    /// Input that it put into one; 0 where it does not say.
    pub written: u64,
    /// Output that is no part of the answer; 0 where the provider does not say.
    pub reasoning: u64,
    /// The provider counted nothing: these are guessed from the length of the texts.
    pub estimated: bool,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cached: self.cached.saturating_add(other.cached),
            written: self.written.saturating_add(other.written),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            estimated: self.estimated || other.estimated,
        }
    }
}

/// What tokens cost by the vendor's published prices. What a company really pays may be less.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Cost {
    /// Millionths of the currency.
    pub micros: u64,
    pub currency: Currency,
    /// The day the prices were read, such as `2026-11-05`.
    pub as_of: String,
}

/// What prices are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Usd,
    Eur,
    Gbp,
    Cny,
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Gbp => "GBP",
            Self::Cny => "CNY",
        })
    }
}

/// Something in a request that is no text, so that nobody read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attachment {
    pub kind: FileKind,
    pub place: FilePlace,
    /// Its own bytes, packing such as base64 undone; of a link, those of its name.
    pub bytes: u64,
    /// First 8 bytes of the keyed hash of these, in hexadecimal: the same file can be told again, and not recovered.
    pub keyed_hash: String,
}

/// What a file is by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Pdf,
    /// Documents of office programs, old and new.
    Office,
    Image,
    Audio,
    Video,
    /// Other archives and packed files.
    Archive,
    /// It is elsewhere: only its address or name is here.
    Link,
    Unknown,
}

impl FileKind {
    /// Every kind, by the word that policies and records use.
    pub const WORDS: [(&str, Self); 8] = [
        ("pdf", Self::Pdf),
        ("office", Self::Office),
        ("image", Self::Image),
        ("audio", Self::Audio),
        ("video", Self::Video),
        ("archive", Self::Archive),
        ("link", Self::Link),
        ("unknown", Self::Unknown),
    ];
}

/// Where a request carries a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FilePlace {
    /// It is the body.
    Body,
    /// A part of a form.
    Part,
    /// In a conversation.
    Conversation,
}
