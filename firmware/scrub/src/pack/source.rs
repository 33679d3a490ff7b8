//! Rules as their authors write them: the TOML of one theme.

use std::ops::Range;

use gate_core::{Action, KnowledgeBase};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use toml::Spanned;

use super::rule::ByteSet;
use crate::decide::Check;

/// One file: rules of one knowledge base.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    pub(super) kb: KnowledgeBase,
    #[serde(default, rename = "rule")]
    pub(super) rules: Vec<Spanned<RawRule>>,
}

/// One rule. `firmware/packs/README.md` is the manual of these keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) severity: Severity,
    pub(super) action: Action,
    #[serde(default = "default_confidence")]
    pub(super) confidence: u8,
    #[serde(default = "default_rank")]
    pub(super) rank: u8,
    #[serde(default, deserialize_with = "anchors")]
    pub(super) anchors: Vec<String>,
    #[serde(default)]
    pub(super) model: bool,
    #[serde(default)]
    pub(super) ignore_case: bool,
    #[serde(default)]
    pub(super) starts: Option<Start>,
    #[serde(default)]
    pub(super) before: Option<String>,
    #[serde(default)]
    pub(super) lead: Option<String>,
    #[serde(default)]
    pub(super) pattern: String,
    #[serde(default)]
    pub(super) tail: Option<String>,
    #[serde(default)]
    pub(super) until: Option<String>,
    #[serde(default)]
    pub(super) within: Option<usize>,
    #[serde(default = "default_max_len")]
    pub(super) max_len: usize,
    #[serde(default)]
    pub(super) not_before: Option<String>,
    #[serde(default)]
    pub(super) not_after: Option<String>,
    #[serde(default)]
    pub(super) isolated: bool,
    #[serde(default)]
    pub(super) assigned: bool,
    #[serde(default)]
    pub(super) shrink: bool,
    #[serde(default)]
    pub(super) checks: Vec<Check>,
    #[serde(default)]
    pub(super) min_entropy: f64,
    #[serde(default)]
    pub(super) min_classes: usize,
    #[serde(default)]
    pub(super) context: Vec<String>,
    #[serde(default)]
    pub(super) context_required: bool,
    #[serde(default)]
    pub(super) stop: Vec<String>,
    #[serde(default)]
    pub(super) placeholders: Option<bool>,
    #[serde(default, rename = "match")]
    pub(super) matches: Vec<Example>,
    #[serde(default, rename = "no_match")]
    pub(super) rejects: Vec<String>,
}

/// A text that must match; where the value is given, the finding must cover exactly that.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Example {
    Text(String),
    Value { text: String, value: String },
}

/// How bad it is when such a value leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// The word used in every output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// Where rules without a literal are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Start {
    /// At each digit that follows none.
    Digits,
    /// At runs of words of the list of BIP-39.
    Words,
    /// At runs of letters and digits that are as long as a private key in base58.
    Base58,
}

/// Most anchors that one of them may stand for.
const MAX_SPELLINGS: usize = 1000;

/// What follows a keyword that is a word of its own.
const SIGNS: &str = " \t\r\n:=#.\"'`_/,;|()]<>*-";

/// Reads anchors, of which `pk_{0-9}` stands for ten and `tron{}` for the keyword with each sign that may follow it: a
/// longer literal is a rarer one.
fn anchors<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut anchors = Vec::new();
    for anchor in Vec::<String>::deserialize(deserializer)? {
        let spellings = spellings(&anchor).ok_or_else(|| D::Error::custom(format!("`{anchor}` is not an anchor")))?;
        anchors.extend(spellings);
    }
    Ok(anchors)
}

fn spellings(anchor: &str) -> Option<Vec<String>> {
    let Some((head, rest)) = anchor.split_once('{') else { return Some(vec![anchor.to_owned()]) };
    let (class, rest) = rest.split_once('}')?;
    let class = ByteSet::parse(if class.is_empty() { SIGNS } else { class })?;
    let rest = spellings(rest)?;
    let members = (0_u8..128).filter(|byte| class.has(Some(byte)));
    let all: Vec<String> =
        members.flat_map(|byte| rest.iter().map(move |rest| format!("{head}{}{rest}", char::from(byte)))).collect();
    (!all.is_empty() && all.len() <= MAX_SPELLINGS).then_some(all)
}

fn default_confidence() -> u8 {
    80
}

fn default_rank() -> u8 {
    50
}

fn default_max_len() -> usize {
    256
}

/// Stands in a lead or pattern for each of the rule's anchors.
const ANCHOR: &str = "<anchor>";

impl RawRule {
    /// Puts the anchors where the lead or pattern speaks of them: a rule that names its words once cannot forget one.
    pub(super) fn fill_in(&mut self) {
        let mut anchors: Vec<&str> = self.anchors.iter().map(String::as_str).collect();
        anchors.sort_unstable_by_key(|anchor| (std::cmp::Reverse(anchor.len()), *anchor));
        anchors.dedup();
        let any: Vec<String> = anchors.iter().map(|anchor| escape(anchor)).collect();
        let any = format!("({}:{})", if self.ignore_case { "?i" } else { "?" }, any.join("|"));
        let fill = |pattern: &mut String| {
            if pattern.contains(ANCHOR) {
                *pattern = pattern.replace(ANCHOR, &any);
            }
        };
        self.lead.as_mut().map(fill);
        fill(&mut self.pattern);
    }
}

/// A literal as a pattern of bytes.
fn escape(literal: &str) -> String {
    let mut pattern = String::with_capacity(literal.len() * 2);
    for byte in literal.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => pattern.push(char::from(byte)),
            _ => pattern.push_str(&format!("\\x{byte:02X}")),
        }
    }
    pattern
}

impl Example {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Value { text, .. } => text,
        }
    }
}

/// The number of the line that `span` begins on.
pub(super) fn line_of(text: &str, span: Range<usize>) -> usize {
    text.as_bytes().iter().take(span.start).filter(|byte| **byte == b'\n').count() + 1
}
