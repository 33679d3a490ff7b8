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
}
