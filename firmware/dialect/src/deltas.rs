//! The events of a streamed answer: where each says the next piece of which text, so that who follows a text can join its
//! pieces again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::json::{Token, Tokens, word};

/// Deeper events than any provider's say nothing here.
const DEPTH_CAP: usize = 32;

/// Containers of one event, and pieces of text in it; real ones have a dozen.
const NODES_CAP: usize = 512;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// In the order of their places.
    pub deltas: Vec<Delta>,
    /// Nothing follows these pieces.
    pub is_last: bool,
    /// It only says that the stream lives.
    pub is_idle: bool,
}

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// The inside of its JSON string.
    pub text: Range<usize>,
    /// Which text of the answer it goes on with.
    pub channel: u64,
    /// The same for texts of one sort, such as those of several choices.
    pub sort: u64,
}

/// Reads one event; any bytes.
pub fn read_event(json: &[u8]) -> StreamEvent {
    let mut reader = Reader { json, nodes: Vec::new(), open: Vec::new(), texts: Vec::new(), facts: Facts::default() };
    for token in Tokens::new(json) {
        if !reader.token(token) {
            return StreamEvent::default();
        }
    }
    reader.finish()
}

struct Reader<'a> {
    json: &'a [u8],
    nodes: Vec<Node>,
    /// The containers around, by their places in `nodes`.
    open: Vec<usize>,
    texts: Vec<(Range<usize>, usize, Name)>,
    facts: Facts,
}

/// What an event says about itself.
#[derive(Debug, Default)]
struct Facts {
    kind: u64,
    is_last: bool,
    is_idle: bool,
    has_done: bool,
}

/// A container.
#[derive(Debug)]
struct Node {
    parent: Option<usize>,
    is_object: bool,
    name: Name,
    /// A hash of its name.
    hash: u64,
    /// Its place in an array around it, unless it says itself which one it is.
    position: u64,
    index: u64,
    /// Values in it so far, and the member whose value comes next.
    values: u64,
    member: (Name, u64),
}

/// The members that say what a text is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Name {
    #[default]
    Other,
    Delta,
    Choices,
    Candidates,
    Message,
    LogProbs,
    /// A text under `delta`, such as `reasoning_content`.
    Said,
    Content,
    Text,
    Thinking,
    /// All of an answer's text so far in older formats.
    Response,
    Index,
    Type,
    Finish,
    Done,
}

impl Name {
    fn of(key: &str) -> Self {
        match key {
            "delta" => Self::Delta,
            "choices" => Self::Choices,
            "candidates" => Self::Candidates,
            "message" => Self::Message,
            "logprobs" => Self::LogProbs,
            "reasoning" | "reasoning_content" | "refusal" | "arguments" | "partial_json" | "transcript" | "input" => {
                Self::Said
            }
            "content" => Self::Content,
            "text" => Self::Text,
            "thinking" => Self::Thinking,
            "response" | "completion" => Self::Response,
            "index" | "output_index" | "content_index" | "summary_index" | "item_id" => Self::Index,
            "type" => Self::Type,
            "finish_reason" | "finishReason" | "stop_reason" | "done_reason" => Self::Finish,
            "done" => Self::Done,
            _ => Self::Other,
        }
    }
}

impl Reader<'_> {
    /// Takes the next token; `false` where the event is none.
    fn token(&mut self, token: Token) -> bool {
        match token {
            Token::Open { object, .. } => return self.enter(object),
            Token::Close { .. } => drop(self.open.pop()),
            Token::Key(span) => {
                let key = word(&self.json[span]).unwrap_or_default();
                if let Some(node) = self.node() {
                    node.member = (Name::of(&key), hash(&key));
                }
            }
            Token::Text(span) => self.scalar(span, true),
            Token::Bare(span) => self.scalar(span, false),
        }
        true
    }

    fn node(&mut self) -> Option<&mut Node> {
        self.open.last().map(|at| &mut self.nodes[*at])
    }

    fn enter(&mut self, is_object: bool) -> bool {
        if self.open.len() == DEPTH_CAP || self.nodes.len() == NODES_CAP {
            return false;
        }
        let parent = self.open.last().copied();
        let ((name, hash), position) = self.value();
        self.open.push(self.nodes.len());
        let member = (Name::Other, 0);
        self.nodes.push(Node { parent, is_object, name, hash, position, index: 0, values: 0, member });
        true
    }

    /// A value begins: its member and its place.
    fn value(&mut self) -> ((Name, u64), u64) {
        let Some(node) = self.node() else { return ((Name::Other, 0), 0) };
        node.values += 1;
        // The members of an object have no order.
        (std::mem::take(&mut node.member), if node.is_object { 0 } else { node.values })
    }

    fn scalar(&mut self, span: Range<usize>, is_text: bool) {
        let ((name, hash), _) = self.value();
        let (Some(at), depth) = (self.open.last().copied(), self.open.len()) else { return };
        let value = &self.json[span.clone()];
        match name {
            Name::Index => self.nodes[at].index = self.nodes[at].index.wrapping_add(self::hash(&(hash, value)) | 1),
            Name::Type if depth == 1 => {
                self.facts.kind = self::hash(&value);
                self.facts.is_idle = matches!(value, b"\"ping\"" | b"\"keepalive\"");
            }
            Name::Finish if is_text => self.facts.is_last = true,
            Name::Done if depth == 1 => {
                self.facts.has_done = true;
                self.facts.is_last |= value == b"true";
            }
            Name::Delta | Name::Said | Name::Content | Name::Text | Name::Thinking | Name::Response
                if is_text && value.len() >= 2 && value.ends_with(b"\"") && self.texts.len() < NODES_CAP =>
            {
                self.texts.push((span.start + 1..span.end - 1, at, name));
            }
            _ => {}
        }
    }

    fn finish(self) -> StreamEvent {
        let deltas = self.texts.iter().filter(|(_, at, name)| self.is_delta(*at, *name)).map(|(text, at, name)| {
            let (mut channel, mut sort) = (DefaultHasher::new(), DefaultHasher::new());
            (self.facts.kind, *name as u8).hash(&mut channel);
            (self.facts.kind, *name as u8).hash(&mut sort);
            for node in self.path(*at) {
                (node.hash, if node.index == 0 { node.position } else { node.index }).hash(&mut channel);
                node.hash.hash(&mut sort);
            }
            Delta { text: text.clone(), channel: channel.finish(), sort: sort.finish() }
        });
        StreamEvent { deltas: deltas.collect(), is_last: self.facts.is_last, is_idle: self.facts.is_idle }
    }

    /// A container and those around it.
    fn path(&self, at: usize) -> impl Iterator<Item = &Node> {
        std::iter::successors(Some(&self.nodes[at]), |node| node.parent.map(|parent| &self.nodes[parent]))
    }

    /// Whether a text goes on with one of an event before, and does not say all of something.
    fn is_delta(&self, at: usize, name: Name) -> bool {
        let depth = self.path(at).count();
        let within = |wanted| self.path(at).any(|node| node.name == wanted);
        let is_top = depth == 1;
        match name {
            _ if within(Name::LogProbs) => false,
            // The deltas of OpenAI's chat, of Anthropic, Cohere and their kin.
            Name::Said | Name::Content | Name::Text | Name::Thinking if within(Name::Delta) => true,
            // OpenAI's responses and realtime events.
            Name::Delta => is_top,
            // OpenAI's older completions, and Gemini.
            Name::Text => (within(Name::Choices) && depth == 3) || within(Name::Candidates),
            // Ollama, whose every event says whether it is the last.
            Name::Content | Name::Thinking => self.facts.has_done && depth == 2 && self.nodes[at].name == Name::Message,
            Name::Response => is_top,
            _ => false,
        }
    }
}

fn hash(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
