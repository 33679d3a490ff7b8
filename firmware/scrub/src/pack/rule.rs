//! Rules as the engine runs them.

use gate_core::{Action, KnowledgeBase, Why};

use super::machine::{Alphabet, Backward, Forward};
use super::source::{RawRule, Severity, Start};
use crate::decide::{Check, Grounds, Word};

/// Longest `before` and `lead`, and farthest `within`: what the engine must still see of a text that it has settled.
pub(crate) const MAX_REACH: usize = 96;

/// Longest match of any rule. A private key of 8192 bits has 6 KiB in base64.
pub(crate) const MAX_MATCH: usize = 16 << 10;

/// Longest anchor.
pub(crate) const MAX_ANCHOR: usize = 48;

/// One compiled rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) kb: KnowledgeBase,
    pub(crate) severity: Severity,
    pub(crate) action: Action,
    pub(crate) confidence: u8,
    /// Of two rules for one value the more specific one has the higher rank.
    pub(crate) rank: u8,
    pub(crate) approach: Approach,
    pub(crate) pattern: Forward,
    pub(crate) tail: Option<Forward>,
    /// Finds the end of a value that goes on past its pattern.
    pub(crate) until: Option<Forward>,
    pub(crate) max_len: usize,
    pub(crate) not_before: ByteSet,
    pub(crate) not_after: ByteSet,
    pub(crate) isolated: bool,
    /// Whether the value must be assigned to a name for credentials, behind the anchor.
    pub(crate) assigned: bool,
    /// Whether a keyword may name the column of a table.
    pub(crate) heads_columns: bool,
    /// Whether groups at the end are cut off until the checks pass.
    pub(crate) shrink: bool,
    pub(crate) checks: Vec<Check>,
    pub(crate) min_entropy: f64,
    pub(crate) min_classes: usize,
    pub(crate) context: Vec<Word>,
    pub(crate) context_required: bool,
    pub(crate) stop: Vec<Word>,
    pub(crate) no_placeholders: bool,
    /// What every finding of this rule rests on, apart from context.
    pub(crate) grounds: Grounds,
    /// Steps of judging one value, apart from its bytes.
    pub(crate) judge_cost: usize,
    /// Steps of judging one more byte of a value.
    pub(crate) byte_cost: usize,
}

/// A lead whose anchor has at most so many bytes begins a word.
const SHORT_LEAD: usize = 4;

/// How the value lies to the anchor.
#[derive(Debug)]
pub(crate) enum Approach {
    /// The value begins with the anchor.
    Here,
    /// The value begins before the anchor.
    Before(Backward),
    /// The value follows at once after a lead that begins with the anchor.
    Lead(Forward),
    /// The value is a word of the same line, at most so many bytes after the anchor.
    Within(usize),
    /// The anchors are cues for the attack model.
    Model,
}

/// A set of bytes.
#[derive(Clone, Debug)]
pub(crate) struct ByteSet([bool; 256]);

impl ByteSet {
    /// Reads `A-Za-z0-9_`: ranges and single characters, all ASCII; a `-` stands first or last.
    pub(crate) fn parse(class: &str) -> Option<Self> {
        let mut set = [false; 256];
        let bytes = class.as_bytes();
        let mut at = 0;
        while let Some(first) = bytes.get(at) {
            let (last, taken) = match bytes.get(at + 1..at + 3) {
                Some([b'-', last]) => (*last, 3),
                _ => (*first, 1),
            };
            if !first.is_ascii() || last < *first {
                return None;
            }
            set[usize::from(*first)..=usize::from(last)].fill(true);
            at += taken;
        }
        Some(Self(set))
    }

    pub(crate) fn has(&self, byte: Option<&u8>) -> bool {
        byte.is_some_and(|byte| self.0[usize::from(*byte)])
    }
}

impl Rule {
    /// Compiles what the author wrote; the error names the key and says why.
    pub(super) fn compile(raw: RawRule, kb: KnowledgeBase, alphabet: Alphabet) -> Result<Self, (&'static str, String)> {
        validate(&raw)?;
        let machine = |key: &'static str, pattern: &str| Forward::new(pattern, alphabet).map_err(|why| (key, why));
        let approach = match (&raw.before, &raw.lead, raw.within) {
            (None, None, None) if raw.model => Approach::Model,
            (None, None, None) => Approach::Here,
            (Some(before), None, None) => Approach::Before(Backward::new(before).map_err(|why| ("before", why))?),
            (None, Some(lead), None) => Approach::Lead(machine("lead", lead)?),
            (None, None, Some(within)) => Approach::Within(within),
            _ => return Err(("lead", "only one of `before`, `lead` and `within` makes sense".to_owned())),
        };
        let around = if matches!(approach, Approach::Here | Approach::Before(_)) { "A-Za-z0-9" } else { "" };
        let class = |key: &'static str, class: Option<&str>, default: &str| {
            ByteSet::parse(class.unwrap_or(default)).ok_or((key, "is not a class such as `A-Za-z0-9_`".to_owned()))
        };
        let words = |words: Vec<String>| words.iter().map(|word| Word::new(word)).collect();
        // Whatever is not personal needs a shape of its own: any word may stand below `password`.
        let proven = raw.assigned || raw.checks.iter().any(|it| matches!(it, Check::PasswordLike | Check::SecretLike));
        Ok(Self {
            heads_columns: kb != KnowledgeBase::Secrets || proven,
            grounds: grounds(&raw),
            judge_cost: judge_cost(&raw),
            byte_cost: byte_cost(&raw),
            not_before: class("not_before", raw.not_before.as_deref(), around)?,
            not_after: class("not_after", raw.not_after.as_deref(), "A-Za-z0-9")?,
            pattern: machine("pattern", &raw.pattern)?,
            tail: raw.tail.as_deref().map(|tail| machine("tail", tail)).transpose()?,
            until: raw.until.as_deref().map(until).transpose().map_err(|why| ("until", why))?,
            no_placeholders: raw.placeholders.map_or(kb == KnowledgeBase::Secrets, |allowed| !allowed),
            context: words(raw.context),
            stop: words(raw.stop),
            approach,
            kb,
            id: raw.id,
            name: raw.name,
            kind: raw.kind,
            severity: raw.severity,
            action: raw.action,
            confidence: raw.confidence,
            rank: raw.rank,
            max_len: raw.max_len,
            isolated: raw.isolated,
            assigned: raw.assigned,
            shrink: raw.shrink,
            checks: raw.checks,
            min_entropy: raw.min_entropy,
            min_classes: raw.min_classes,
            context_required: raw.context_required,
        })
    }

    /// Whether a keyword led to the value that `line` ends with, or a word of the rule's context stands before it.
    pub(crate) fn is_named(&self, line: &[u8]) -> bool {
        self.is_labelled() || self.context.iter().any(|word| word.stands_in(line))
    }

    /// The automaton that begins with the anchor, if one does.
    pub(super) fn anchored(&self) -> Option<&Forward> {
        match &self.approach {
            Approach::Here | Approach::Before(_) => Some(&self.pattern),
            Approach::Lead(lead) => Some(lead),
            Approach::Within(_) | Approach::Model => None,
        }
    }

    /// Whether an anchor counts only where a word begins.
    pub(super) fn begins_word(&self, anchor: &str) -> bool {
        let Some(first) = anchor.bytes().next() else { return false };
        let joins = |byte: &u8| byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && first.is_ascii_digit());
        let alone = || (0..=u8::MAX).filter(joins).all(|byte| self.not_before.has(Some(&byte)));
        match self.approach {
            Approach::Here => alone(),
            Approach::Within(_) => first.is_ascii_alphabetic(),
            // So few letters at the end of a longer word are not what the author meant.
            Approach::Lead(_) => first.is_ascii_alphabetic() && anchor.len() <= SHORT_LEAD || alone(),
            Approach::Before(_) | Approach::Model => false,
        }
    }

    /// Whether an anchor is a word of its own.
    pub(super) fn is_whole_word(&self) -> bool {
        matches!(self.approach, Approach::Within(_)) && !self.assigned
    }

    /// Whether a keyword leads to every value.
    pub(crate) fn is_labelled(&self) -> bool {
        matches!(self.approach, Approach::Lead(_) | Approach::Within(_))
    }

    /// Bytes of memory of its automata, the bulk of it.
    pub(crate) fn memory(&self) -> usize {
        let lead = if let Approach::Lead(lead) = &self.approach { lead.memory() } else { 0 };
        let ends = [&self.tail, &self.until].into_iter().flatten().map(Forward::memory).sum::<usize>();
        self.pattern.memory() + lead + ends
    }
}

/// Steps of judging a short value, apart from words that may be in it or near it.
fn judge_cost(raw: &RawRule) -> usize {
    const BASE: usize = 128;
    const CHECK: usize = 24;
    const WORD: usize = 2;
    BASE + CHECK * raw.checks.len() + WORD * (raw.context.len() + raw.stop.len())
}

/// Steps for each byte of a value: words are looked for at each of them, and some checks take it apart.
fn byte_cost(raw: &RawRule) -> usize {
    const WORDS: usize = 24;
    2 + raw.stop.len() / 2 + WORDS * raw.checks.iter().filter(|check| check.reads_words()).count()
}

fn grounds(raw: &RawRule) -> Grounds {
    let keyword = raw.lead.is_some() || raw.within.is_some();
    let base = Grounds::default()
        .with(Why::Anchor, !keyword && raw.starts.is_none())
        .with(Why::Keyword, keyword)
        .with(Why::Shape, raw.starts.is_some())
        .with(Why::Entropy, raw.min_entropy > 0.0);
    raw.checks.iter().fold(base, |grounds, check| grounds.with(check.ground(), true))
}

/// A pattern that is looked for instead of matched at once.
fn until(pattern: &str) -> Result<Forward, String> {
    Forward::new(&format!("(?s:.)*?(?:{pattern})"), Alphabet::Ascii)
}

fn validate(raw: &RawRule) -> Result<(), (&'static str, String)> {
    let word = |text: &str, extra: u8| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == extra)
    };
    let error = |key, why: &str| Err((key, why.to_owned()));
    if !word(&raw.id, b'-') {
        return error("id", "has lower case letters, digits and `-` only");
    }
    if !word(&raw.kind, b'_') {
        return error("kind", "has lower case letters, digits and `_` only");
    }
    if raw.pattern.is_empty() != raw.model {
        return error("pattern", "is needed, or `model`, and not both");
    }
    if raw.confidence > 100 {
        return error("confidence", "is at most 100");
    }
    if raw.anchors.is_empty() == raw.starts.is_none() {
        return error("anchors", "are needed, or `starts`, and not both");
    }
    if raw.starts.is_some() && (raw.lead.is_some() || raw.within.is_some()) {
        return error("starts", "goes with `before` only");
    }
    if raw.before.is_some() && matches!(raw.starts, Some(Start::Words | Start::Base58)) {
        return error("before", "goes with digits and anchors only");
    }
    if raw.anchors.iter().any(|anchor| anchor.is_empty() || anchor.len() > MAX_ANCHOR) {
        return error("anchors", "have 1 to 48 bytes each");
    }
    if raw.within.is_some_and(|within| within > MAX_REACH) {
        return error("within", "is at most 96");
    }
    if raw.assigned && raw.within.is_none() {
        return error("assigned", "goes with `within` only");
    }
    if raw.max_len == 0 || raw.max_len > MAX_MATCH {
        return error("max_len", "is 1 to 16384");
    }
    if raw.context_required && raw.context.is_empty() {
        return error("context", "is empty although it is required");
    }
    if raw.matches.len() < 3 || raw.rejects.len() < 3 {
        return error("match", "and `no_match` need at least three examples each");
    }
    Ok(())
}
