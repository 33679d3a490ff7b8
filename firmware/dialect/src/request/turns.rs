//! Who speaks in a conversation, to know where the current turn begins.

use std::ops::Range;

/// The one a turn comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaker {
    User,
    /// Results of tools, handed in by the client.
    Tool,
    Model,
    /// Instructions and what we do not know: neither begins a turn nor breaks a run.
    Other,
}

impl Speaker {
    /// From an element's `role` and `type`, as far as it has them.
    pub(super) fn of(role: Option<&str>, kind: Option<&str>) -> Self {
        match (role, kind) {
            (Some("user"), _) | (None, None) => Self::User,
            (Some("tool" | "function"), _) => Self::Tool,
            (Some("assistant" | "model"), _) => Self::Model,
            (Some(_), _) => Self::Other,
            // Items of the responses API.
            (None, Some(kind)) if kind.ends_with("_output") => Self::Tool,
            (None, Some(kind)) if kind.ends_with("_call") || kind == "reasoning" => Self::Model,
            (None, Some(_)) => Self::Other,
        }
    }
}

/// Finds the beginning of the current turn while turns pass by.
#[derive(Debug, Default)]
pub(super) struct Turns {
    start: Option<usize>,
    before: Option<Speaker>,
}

impl Turns {
    pub(super) fn next(&mut self, speaker: Speaker, at: usize) {
        match speaker {
            Speaker::User => self.start = Some(at),
            Speaker::Tool if self.before != Some(Speaker::Tool) => self.start = Some(at),
            Speaker::Tool | Speaker::Model | Speaker::Other => {}
        }
        if speaker != Speaker::Other {
            self.before = Some(speaker);
        }
    }

    /// The current turn of a conversation that spans these bytes.
    pub(super) fn current(&self, conversation: Range<usize>) -> Range<usize> {
        self.start.unwrap_or(conversation.start)..conversation.end
    }
}
