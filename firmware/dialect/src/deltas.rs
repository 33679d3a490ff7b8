//! The events of a streamed answer: where each says the next piece of which text, so that who follows a text can join its
//! pieces again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;

use crate::json::{Token, Tokens, word};

pub use self::shell::shell;

mod shell;

/// Deeper events than any provider's say nothing here.
const DEPTH_CAP: usize = 32;

/// Containers of one event, and pieces of text in it; real ones have a dozen.
const NODES_CAP: usize = 512;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamEvent {
    /// In the order of their places.
    pub deltas: Vec<Delta>,
    /// The choices and items of the answer that it speaks of.
    pub owners: Vec<u64>,
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
    /// The choice or item that the text belongs to; 0 where the event does not say.
    pub owner: u64,
}

impl StreamEvent {
    /// Whether it speaks of other choices or items than this one.
    pub fn is_elsewhere(&self, owner: u64) -> bool {
        owner != 0 && !self.owners.is_empty() && !self.owners.contains(&owner)
    }
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
    texts: Vec<Text>,
    facts: Facts,
}

/// A string that may be a piece of a text.
struct Text {
    span: Range<usize>,
    /// Its container.
    at: usize,
    name: Name,
    /// A hash of its member's name.
    hash: u64,
}

/// What an event says about itself.
#[derive(Debug, Default)]
struct Facts {
    kind: u64,
    is_last: bool,
    is_idle: bool,
    has_done: bool,
    /// Its pieces are sound in base64.
    is_sound: bool,
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
    /// Which choice or item it is, or is of.
    owner: u64,
    /// It is what a model thinks, and no part of what it answers.
    is_thought: bool,
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
    /// The pieces of one candidate, which have no numbers.
    Parts,
    LogProbs,
    /// A text under `delta`, such as `reasoning_content`.
    Said,
    Content,
    Text,
    Thinking,
    /// All of an answer's text so far in older formats.
    Response,
    Index,
    /// The number of a choice or item.
    Owner,
    Thought,
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
            "parts" => Self::Parts,
            "logprobs" => Self::LogProbs,
            "reasoning" | "reasoning_content" | "refusal" | "arguments" | "partial_json" | "transcript" | "input" => {
                Self::Said
            }
            "content" => Self::Content,
            "text" => Self::Text,
            "thinking" => Self::Thinking,
            "response" | "completion" => Self::Response,
            "content_index" | "summary_index" | "item_id" => Self::Index,
            "index" | "output_index" => Self::Owner,
            "thought" => Self::Thought,
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
        let (index, owner, is_thought) = (0, 0, false);
        self.nodes.push(Node { parent, is_object, name, hash, position, index, owner, is_thought, values: 0, member });
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
        let node = &mut self.nodes[at];
        match name {
            Name::Index => node.index = node.index.wrapping_add(self::hash(&(hash, value)) | 1),
            Name::Owner => {
                node.index = node.index.wrapping_add(self::hash(&(hash, value)) | 1);
                node.owner = self::hash(&(hash, value)) | 1;
            }
            Name::Thought => node.is_thought = value == b"true",
            Name::Type if depth == 1 => {
                let has = |word: &[u8]| memchr::memmem::find(value, word).is_some();
                self.facts.kind = self::hash(&value);
                self.facts.is_sound = has(b"audio") && !has(b"transcript");
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
                self.texts.push(Text { span: span.start + 1..span.end - 1, at, name, hash });
            }
            _ => {}
        }
    }

    fn finish(self) -> StreamEvent {
        let deltas = self.texts.iter().filter(|text| self.is_delta(text.at, text.name)).map(|text| {
            let (mut channel, mut sort) = (DefaultHasher::new(), DefaultHasher::new());
            (self.facts.kind, text.hash).hash(&mut channel);
            (self.facts.kind, text.hash).hash(&mut sort);
            for node in self.path(text.at) {
                (node.hash, node.is_thought, self.place(node)).hash(&mut channel);
                (node.hash, node.is_thought).hash(&mut sort);
            }
            let owner = self.path(text.at).map(|node| self.owner(node)).find(|owner| *owner != 0).unwrap_or(0);
            Delta { text: text.span.clone(), channel: channel.finish(), sort: sort.finish(), owner }
        });
        let owners = self.nodes.iter().map(|node| self.owner(node)).filter(|owner| *owner != 0);
        let Facts { is_last, is_idle, .. } = self.facts;
        StreamEvent { deltas: deltas.collect(), owners: owners.collect(), is_last, is_idle }
    }

    /// Which one of its kind a container is.
    fn place(&self, node: &Node) -> u64 {
        let is_part = node.parent.is_some_and(|parent| self.nodes[parent].name == Name::Parts);
        match node.index {
            0 if is_part => 0,
            0 => node.position,
            index => index,
        }
    }

    /// The choice or item that a container is, or is of as a whole.
    fn owner(&self, node: &Node) -> u64 {
        match node.parent {
            None => node.owner,
            Some(parent) if matches!(self.nodes[parent].name, Name::Choices | Name::Candidates) => node.owner,
            Some(_) => 0,
        }
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
            _ if within(Name::LogProbs) || self.facts.is_sound => false,
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
