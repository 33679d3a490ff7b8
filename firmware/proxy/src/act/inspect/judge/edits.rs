//! What stands in the places of redacted values: `[REDACTED_EMAIL]` for good, or a placeholder that the answer undoes.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Instant;

use gate_core::KindCount;
use gate_scrub::Edit;

use super::super::kind::Kind;
use super::super::vault::{self, Scope, Vault};
use super::Prompt;

/// How often the text of a string is again the text of JSON strings, as tool arguments are.
const NESTED: usize = 3;

/// Bytes that are read of strings around values, for each byte of the body.
const WORK: usize = 4;

/// A span that must not leave as it is.
pub(super) struct Redaction<'a> {
    pub(super) span: Range<usize>,
    pub(super) kind: &'a str,
    pub(super) reversible: bool,
}

/// The spans to replace, in order and apart from each other.
pub(super) struct Edits<'a>(Vec<Redaction<'a>>);

/// What to do about a body.
#[derive(Default)]
pub(super) struct Made {
    pub(super) edits: Vec<Edit>,
    /// The spans that nobody will undo.
    pub(super) lasting: Vec<Range<usize>>,
    /// What the answer undoes, by kind.
    pub(super) replaced: Vec<KindCount>,
}

impl<'a> Edits<'a> {
    /// Joins what overlaps: it can be undone only where each of its parts may be.
    pub(super) fn of(mut redactions: Vec<Redaction<'a>>) -> Self {
        redactions.retain(|one| !one.span.is_empty());
        redactions.sort_by_key(|one| (one.span.start, one.span.end));
        let mut joined: Vec<Redaction<'a>> = Vec::with_capacity(redactions.len());
        for next in redactions {
            match joined.last_mut().filter(|last| next.span.start < last.span.end) {
                Some(last) => {
                    last.span.end = last.span.end.max(next.span.end);
                    last.reversible &= next.reversible;
                }
                None => joined.push(next),
            }
        }
        Self(joined)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = &Range<usize>> {
        self.0.iter().map(|one| &one.span)
    }

    /// Decides what stands there instead. A value that could not be put back as it was is redacted for good.
    pub(super) fn make(self, kind: Kind, body: &[u8], vault: Option<&Vault>, prompt: &Prompt<'_>) -> Made {
        let scope = Scope::new(prompt.client, prompt.name, prompt.vendor);
        let (mut values, now) = (Values::new(body, kind), Instant::now());
        let mut made = Made::default();
        for Redaction { span, kind, reversible } in self.0 {
            let token = vault.filter(|_| reversible).and_then(|vault| {
                let value = values.of(&span)?;
                vault.replace(&scope, kind, &value, now)
            });
            let lasting = token.is_none();
            let replacement = token.unwrap_or_else(|| gate_scrub::placeholder(kind));
            made.edits.push(Edit { start: span.start, end: span.end, replacement });
            if lasting {
                made.lasting.push(span);
            } else {
                vault::count(&mut made.replaced, kind);
            }
        }
        made
    }
}

/// Reads what spans of a body say, in order of place.
struct Values<'a> {
    body: &'a [u8],
    kind: Kind,
    /// The string of JSON that was entered last, without its quotes, and how far the body was read.
    string: Range<usize>,
    at: usize,
    /// Bytes of strings that may still be read beside the values.
    budget: usize,
}

impl<'a> Values<'a> {
    fn new(body: &'a [u8], kind: Kind) -> Self {
        Self { body, kind, string: 0..0, at: 0, budget: WORK * body.len() }
    }

    /// The value as a person would write it, however deep it stands in JSON; `None` where that is not sure.
    fn of(&mut self, span: &Range<usize>) -> Option<String> {
        // In UTF-16 every other byte of such a value is zero.
        let raw = std::str::from_utf8(&self.body[span.clone()]).ok().filter(|raw| !raw.contains('\0'))?;
        match self.kind {
            Kind::Json | Kind::Ndjson => {
                let value = said(raw)?;
                if value.contains(['\\', '"']) { self.nested(span, value) } else { Some(value) }
            }
            Kind::Text => Some(raw.to_owned()),
            // In an encoding of their own, or of nobody knows which.
            Kind::Form | Kind::Sse | Kind::Multipart(_) if raw.contains(['\\', '"', '%', '+', '&', '=']) => None,
            Kind::Form | Kind::Sse | Kind::Multipart(_) => Some(raw.to_owned()),
            Kind::Message | Kind::Sealed | Kind::Opaque | Kind::Mixed => None,
        }
    }

    /// A value with signs that a second JSON text around it would have put there.
    fn nested(&mut self, span: &Range<usize>, mut value: String) -> Option<String> {
        while self.string.end < span.start {
            self.string = next_string(self.body, self.at)?;
            self.at = self.string.end + 1;
        }
        let (mut text, mut string, mut span) = (Cow::Borrowed(self.body), self.string.clone(), span.clone());
        for _ in 0..NESTED {
            if span.start < string.start || span.end > string.end {
                return None;
            }
            self.budget = self.budget.checked_sub(string.len())?;
            let piece = |range: Range<usize>| std::str::from_utf8(&text[range]).ok().and_then(said);
            let (before, after) = (piece(string.start..span.start)?, piece(span.end..string.end)?);
            let whole = format!("{before}{value}{after}");
            if !value.contains(['\\', '"']) || !is_json(&whole) {
                return Some(value);
            }
            span = before.len()..before.len() + value.len();
            string = next_string(whole.as_bytes(), 0)?;
            while string.end < span.start {
                string = next_string(whole.as_bytes(), string.end + 1)?;
            }
            value = said(&value)?;
            text = Cow::Owned(whole.into_bytes());
        }
        None
    }
}

/// The inside of the next string of a JSON text from here on.
fn next_string(text: &[u8], from: usize) -> Option<Range<usize>> {
    let start = from + memchr::memchr(b'"', text.get(from..)?)? + 1;
    let mut end = start;
    loop {
        end += memchr::memchr2(b'"', b'\\', text.get(end..)?)?;
        if text[end] == b'"' {
            return Some(start..end);
        }
        end += 2;
    }
}

/// What the inside of a JSON string says.
fn said(inside: &str) -> Option<String> {
    serde_json::from_str(&format!("\"{inside}\"")).ok()
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests;
