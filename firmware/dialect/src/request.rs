//! What a request says about itself, in one pass over its bytes.

use std::ops::Range;

use gate_core::HostName;

use crate::Dialect;
use crate::format;

mod frozen;
mod turns;
mod walk;

/// What is known about a request before it is scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    pub dialect: Dialect,
    /// The model asked for, from the body or else from the path.
    pub model: Option<String>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Bytes of the body that the provider signed or encrypted and that must never be edited; sorted, disjoint, quotes
    /// and braces included. Nesting past the cap, and what it encloses, is frozen too.
    pub frozen: Vec<Range<usize>>,
    /// The current turn: from the last user message, or the last unbroken run of tool results, to the end of the
    /// conversation. `None`: no history is known, everything counts as current.
    pub last_user: Option<Range<usize>>,
    /// A member that decides how the request is judged (model, stream, conversation, a turn's role) stands there twice, so
    /// that the provider may read another one than we do; or several documents in one body ask for different models.
    pub ambiguous: bool,
}

impl RequestFacts {
    /// Whether an edit of these bytes would touch frozen ones.
    pub fn is_frozen(&self, bytes: &Range<usize>) -> bool {
        let next = self.frozen.partition_point(|frozen| frozen.end <= bytes.start);
        self.frozen.get(next).is_some_and(|frozen| frozen.start < bytes.end)
    }
}

/// Reads the facts of a request. `path` may carry its query; `body` is the decoded body, any bytes.
pub fn read_request(vendor: &str, host: &HostName, path: &str, body: &[u8]) -> RequestFacts {
    let path = format::without_query(path);
    let format = format::choose(vendor, host, path);
    let from_path = (format.from_path)(path);
    let mut facts = walk::walk(format, body);
    facts.dialect = format.dialect;
    facts.model = facts.model.or(from_path.model);
    facts.stream |= from_path.stream;
    facts
}

#[cfg(test)]
mod tests;
