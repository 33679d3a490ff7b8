use std::fmt;

use serde::{Deserialize, Serialize};

/// What to do with a finding or a whole prompt, in rising order of severity, so that `max` is "most restrictive wins".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Allow,
    Alert,
    Redact,
    Deny,
}

impl Action {
    /// The word used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Alert => "alert",
            Self::Redact => "redact",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The eight knowledge bases; each is one pack of rules or data under `firmware/packs/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum KnowledgeBase {
    #[serde(rename = "kb1-secrets")]
    Secrets,
    #[serde(rename = "kb2-personal")]
    Personal,
    #[serde(rename = "kb3-payment")]
    Payment,
    #[serde(rename = "kb4-property")]
    Property,
    #[serde(rename = "kb5-health")]
    Health,
    #[serde(rename = "kb6-legal")]
    Legal,
    #[serde(rename = "kb7-attacks")]
    Attacks,
    #[serde(rename = "kb8-providers")]
    Providers,
}

impl KnowledgeBase {
    /// The folder under `firmware/packs/` and the word used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "kb1-secrets",
            Self::Personal => "kb2-personal",
            Self::Payment => "kb3-payment",
            Self::Property => "kb4-property",
            Self::Health => "kb5-health",
            Self::Legal => "kb6-legal",
            Self::Attacks => "kb7-attacks",
            Self::Providers => "kb8-providers",
        }
    }
}

/// One thing that a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A literal that is part of the value, such as `ghp_`.
    Anchor,
    /// A keyword or a lead that stands before the value, such as `password=`.
    Keyword,
    /// The printed form alone, such as the groups of a number.
    Shape,
    /// Check digits or a checksum.
    CheckDigit,
    /// Parts that decode or have the length, range or order that they must have.
    Structure,
    /// It looks drawn at random.
    Entropy,
    /// A confirming word nearby.
    Context,
    /// It stood inside an encoding such as base64.
    Encoded,
    /// The score of a trained model.
    Model,
}

impl Why {
    /// The word used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anchor => "anchor",
            Self::Keyword => "keyword",
            Self::Shape => "shape",
            Self::CheckDigit => "check_digit",
            Self::Structure => "structure",
            Self::Entropy => "entropy",
            Self::Context => "context",
            Self::Encoded => "encoded",
            Self::Model => "model",
        }
    }
}

/// Something the scanner found. **Invariant:** it says where and what kind, never the value itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Finding {
    /// Identifier of the rule, such as `openai-project-key`.
    pub rule: String,
    /// Kind that policy and placeholders speak of, in lower case with `_`, such as `api_key` or `email`.
    pub kind: String,
    pub kb: KnowledgeBase,
    /// First byte in the scanned input.
    pub start: usize,
    /// One past the last byte in the scanned input.
    pub end: usize,
    /// 0 to 100.
    pub confidence: u8,
    /// The rule's default, or what policy made of it.
    pub action: Action,
    /// What it rests on, in the order of [`Why`], each once.
    #[serde(default)]
    pub why: Vec<Why>,
}
