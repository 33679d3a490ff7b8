//! What a request says about itself, in one pass over its bytes.

use std::ops::Range;

use gate_core::HostName;

use crate::Dialect;
use crate::format;

mod attached;
mod frozen;
mod turns;
mod walk;

pub use attached::Attachment;

/// What is known about a request before it is scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestFacts {
    pub dialect: Dialect,
    /// The model asked for: where the path names one the provider goes by that, else from the query or the body.
    pub model: Option<String>,
    /// Further ones: of a batch, of several documents in one body, or where no single reading is sure.
    pub more_models: Vec<String>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Bytes of the body that the provider signed or encrypted and that must never be edited; sorted, disjoint, quotes
    /// and braces included. Nesting past the cap, and what it encloses, is frozen too.
    pub frozen: Vec<Range<usize>>,
    /// The current turn: from the last user message, or the last unbroken run of tool results, to the end of the
    /// conversation. `None`: no history is known, everything counts as current.
    pub last_user: Option<Range<usize>>,
    /// A member that decides how the request is judged (model, stream, conversation, a turn's role) stands there twice, so
    /// that the provider may read another one than we do; or it asks for more models than anybody counts.
    pub ambiguous: bool,
    /// Bytes of text in a body that holds a conversation, without what is attached.
    pub text_bytes: Option<u64>,
    /// What is attached to the conversation: files within it, and what it only points to. In the order of their places.
    pub attachments: Vec<Attachment>,
    /// Attachments beyond those listed.
    pub more_attachments: u32,
}

/// Longer than any model's name: what is longer is not one, and would only fill records.
const MODEL_CAP: usize = 256;

/// More models than one batch has use for.
const MODELS_CAP: usize = 16;

impl RequestFacts {
    /// Notes a model that the request asks for, as well as those before it.
    pub fn asks_for(&mut self, model: String) {
        if model.len() > MODEL_CAP || self.models().any(|known| known == model) {
            return;
        }
        match self.model {
            None => self.model = Some(model),
            Some(_) if self.more_models.len() + 1 == MODELS_CAP => self.ambiguous = true,
            Some(_) => self.more_models.push(model),
        }
    }

    /// All models that the request asks for.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.model.iter().chain(&self.more_models).map(String::as_str)
    }

    /// Whether an edit of these bytes would touch frozen ones.
    pub fn is_frozen(&self, bytes: &Range<usize>) -> bool {
        let next = self.frozen.partition_point(|frozen| frozen.end <= bytes.start);
        self.frozen.get(next).is_some_and(|frozen| frozen.start < bytes.end)
    }
}

/// Reads the facts of a request. `path` may carry its query; `body` is the decoded body, any bytes.
pub fn read_request(vendor: &str, host: &HostName, path: &str, body: &[u8]) -> RequestFacts {
    let query = path.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    let path = format::without_query(path);
    let format = format::choose(vendor, host, path);
    let from_path = (format.from_path)(path);
    let mut facts = walk::walk(format, body);
    facts.dialect = format.dialect;
    let mut outside = RequestFacts::default();
    from_path.model.into_iter().for_each(|model| outside.asks_for(model));
    if format::ends_in(path, "realtime") {
        format::values_of(query, &["model", "deployment"]).for_each(|model| outside.asks_for(model));
    }
    facts.ambiguous |= outside.ambiguous;
    if outside.model.is_some() {
        let within = std::mem::replace(&mut facts.model, outside.model);
        let within = within.into_iter().chain(std::mem::replace(&mut facts.more_models, outside.more_models));
        // A server may see another path than we do, and go by the body.
        if format::has_dots(path) {
            within.for_each(|model| facts.asks_for(model));
        }
    }
    facts.stream |= from_path.stream;
    // Who asks how many tokens something would be uses none.
    if ["count_tokens", "responses/input_tokens"].iter().any(|end| format::ends_in(path, end))
        || path.ends_with(":countTokens")
    {
        facts.text_bytes = None;
    }
    facts
}

#[cfg(test)]
mod tests;
