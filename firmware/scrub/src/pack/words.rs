//! The office's own code words as rules.

use gate_core::Action;
use serde::{Deserialize, Serialize};

use super::source::{Example, RawRule, Severity};
use crate::parse::{Shadow, Source};

/// A word or name that must not leave, such as the name of a project.
///
/// It is found in any case, as a word of its own, and however its parts are joined: `Project Falcon` is also found as
/// `project-falcon`, `PROJECT_FALCON` and `projectFalcon`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfficeWord {
    /// The word, 3 to 200 bytes.
    pub word: String,
    /// What to do about it (default `redact`).
    #[serde(default = "default_action")]
    pub action: Action,
}

fn default_action() -> Action {
    Action::Redact
}

impl OfficeWord {
    /// The word as a rule; the error does not repeat the word, which is confidential.
    pub(super) fn rule(&self, number: usize) -> Result<RawRule, String> {
        if !(3..=200).contains(&self.word.trim().len()) {
            return Err("has fewer than 3 or more than 200 bytes".to_owned());
        }
        let shadow = Shadow::of(Source::origin(self.word.as_bytes()));
        let folded = String::from_utf8(shadow.text).map_err(|_| "is not text".to_owned())?;
        let parts: Vec<&str> = folded
            .split(|c: char| c.is_whitespace() || matches!(c, '-' | '_'))
            .filter(|part| !part.is_empty())
            .collect();
        let first = *parts.first().ok_or("has no letters")?;
        let pattern = parts.iter().map(|part| escape(part)).collect::<Vec<_>>().join(r"[\s_-]{0,3}");
        let examples = |text: &str| vec![text.to_owned(); 3];
        Ok(RawRule {
            id: format!("code-word-{number}"),
            name: format!("Code word {number}"),
            kind: "code_word".to_owned(),
            severity: Severity::High,
            action: self.action,
            confidence: 95,
            rank: 60,
            anchors: spellings(first),
            model: false,
            ignore_case: true,
            starts: None,
            before: None,
            lead: None,
            pattern: format!("(?i:{pattern})"),
            tail: None,
            until: None,
            within: None,
            max_len: folded.len() * 2 + 16,
            not_before: None,
            not_after: None,
            isolated: false,
            assigned: false,
            shrink: false,
            checks: Vec::new(),
            min_entropy: 0.0,
            min_classes: 0,
            context: Vec::new(),
            context_required: false,
            stop: Vec::new(),
            placeholders: None,
            matches: examples(&self.word).into_iter().map(Example::Text).collect(),
            rejects: examples(""),
        })
    }
}

/// The spellings of a word's beginning to look for. The search folds the case of ASCII only.
fn spellings(first: &str) -> Vec<String> {
    // The first characters are anchor enough; a long word would pass the cap.
    let head: String = first.chars().take(8).collect();
    let mut capitalised = head.to_lowercase();
    if let Some(c) = head.chars().next() {
        let rest = capitalised.split_off(capitalised.chars().next().map_or(0, char::len_utf8));
        capitalised = c.to_uppercase().chain(rest.chars()).collect();
    }
    // Letter by letter, where `ß` has no upper case and stays.
    let upper = |c: char| if c.to_uppercase().count() == 1 { c.to_uppercase().next() } else { Some(c) };
    let shouted = head.chars().filter_map(upper).collect();
    let mut all = vec![head.to_lowercase(), head.to_uppercase(), capitalised, shouted, head];
    all.sort();
    all.dedup();
    all
}

/// The part as a pattern; `ß` is also written `ss`, in capitals always.
fn escape(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() * 2);
    for c in part.chars() {
        match c {
            'ß' => pattern.push_str("(?:ß|ss)"),
            _ if c.is_ascii() && !c.is_ascii_alphanumeric() => pattern.extend(['\\', c]),
            _ => pattern.push(c),
        }
    }
    pattern
}
