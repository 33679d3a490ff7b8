//! The walk over a body: a stack of small frames, one for each container that is open.

use std::ops::Range;

use super::RequestFacts;
use super::attached::{self, ATTACHMENTS_CAP, Place};
use super::frozen::{Hits, Marks, Ranges};
use super::turns::{Speaker, Turns};
use crate::format::Format;
use crate::json::{Token, Tokens, word};

/// Deeper than any real request; a container past it is frozen whole instead of understood.
pub(super) const DEPTH_CAP: usize = 256;

/// One open container.
#[derive(Debug)]
struct Frame {
    start: usize,
    object: bool,
    /// What its members and elements are within, as files.
    place: Place,
    /// The last file that is a member, in the list, and whether a member says that it is sound.
    file: Option<usize>,
    is_sound: bool,
    marks: Marks,
    /// The member whose value comes next.
    member: Member,
}

impl Frame {
    /// What its next value is as a file.
    fn place(&self) -> Place {
        if self.object { self.member.place.within(self.place) } else { self.place }
    }
}

/// What a key means to us.
#[derive(Clone, Copy, Debug, Default)]
struct Member {
    hits: Hits,
    word: Word,
    place: Place,
}

/// The keys that say something about the request or a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Word {
    #[default]
    None,
    Type,
    Role,
    Model,
    /// The model of what stands further in: a session, or one request of a batch.
    InnerModel,
    Session,
    Requests,
    Params,
    Stream,
    /// Of what stands beside it.
    MediaType,
    /// One of the format's, by its place in the list.
    Conversation(usize),
}

/// The turn that is being read.
#[derive(Debug, Default)]
struct Turn {
    role: Option<String>,
    kind: Option<String>,
}

/// What one document has said so far; said twice, it can be read in two ways.
#[derive(Debug, Default)]
struct Seen {
    model: bool,
    stream: bool,
    /// A bit for each of the format's conversations.
    conversations: u32,
}

struct Walk<'a> {
    format: &'static Format,
    body: &'a [u8],
    stack: Vec<Frame>,
    /// Containers open past [`DEPTH_CAP`], and where the first of them began.
    too_deep: usize,
    deep_start: usize,
    frozen: Ranges,
    turn: Turn,
    turns: Turns,
    conversation: Option<Range<usize>>,
    /// Conversations stand in several members or documents: none of them is known to be the one.
    several: bool,
    in_conversation: bool,
    seen: Seen,
    /// Bytes of text.
    said: u64,
    facts: RequestFacts,
}

/// Walks a body and tells what it found.
pub(super) fn walk(format: &'static Format, body: &[u8]) -> RequestFacts {
    let mut walk = Walk {
        format,
        body,
        stack: Vec::new(),
        too_deep: 0,
        deep_start: 0,
        frozen: Ranges::default(),
        turn: Turn::default(),
        turns: Turns::default(),
        conversation: None,
        several: false,
        in_conversation: false,
        seen: Seen::default(),
        said: 0,
        facts: RequestFacts::default(),
    };
    Tokens::new(body).for_each(|token| walk.token(token));
    walk.finish()
}

impl Walk<'_> {
    fn token(&mut self, token: Token) {
        match token {
            Token::Open { object, at } => self.open(object, at),
            Token::Close { end } => self.close(end),
            Token::Key(span) => self.key(span),
            Token::Text(span) => {
                self.text(&span);
                self.scalar(span);
            }
            Token::Bare(span) => self.scalar(span),
        }
    }

    fn open(&mut self, object: bool, at: usize) {
        if self.stack.len() == DEPTH_CAP {
            if self.too_deep == 0 {
                self.deep_start = at;
            }
            self.too_deep += 1;
            return;
        }
        let (member, place) = self.stack.last().map(|frame| (frame.member, frame.place())).unwrap_or_default();
        self.note(member);
        if self.stack.is_empty() {
            self.seen = Seen::default();
        }
        if self.stack.len() == 2 && self.in_conversation {
            self.turn = Turn::default();
        }
        let (marks, member) = (Marks::default(), Member::default());
        self.stack.push(Frame { start: at, object, place, file: None, is_sound: false, marks, member });
    }

    fn close(&mut self, end: usize) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            if self.too_deep == 0 {
                self.frozen.add(self.deep_start..end);
            }
            return;
        }
        let Some(frame) = self.stack.pop() else { return };
        let span = frame.start..end;
        if let (true, Some(file)) = (frame.is_sound, frame.file) {
            self.facts.attachments[file].is_sound = true;
        }
        if frame.marks.freeze_object() {
            self.frozen.add(span.clone());
        }
        if frame.object && self.stack.len() == 2 && self.in_conversation && !self.stack[1].object {
            let speaker = Speaker::of(self.turn.role.as_deref(), self.turn.kind.as_deref());
            self.turns.next(speaker, span.start);
        }
        self.value_ends(span);
    }

    fn key(&mut self, span: Range<usize>) {
        let Some(key) = word(&self.body[span]) else { return self.set_member(Member::default()) };
        let (depth, format) = (self.stack.len(), self.format);
        let meaning = match &*key {
            "type" => Word::Type,
            "mimeType" | "mime_type" | "media_type" => Word::MediaType,
            "role" if depth == 3 => Word::Role,
            "model" if depth == 1 => Word::Model,
            "model" if self.is_within(&[Word::Session]) => Word::InnerModel,
            "model" if self.is_within(&[Word::Requests, Word::None, Word::Params]) => Word::InnerModel,
            "session" if depth == 1 => Word::Session,
            "requests" if depth == 1 => Word::Requests,
            "params" if depth == 3 => Word::Params,
            "stream" if depth == 1 => Word::Stream,
            key if depth == 1 => {
                format.conversation.iter().position(|known| *known == key).map_or(Word::None, Word::Conversation)
            }
            _ => Word::None,
        };
        self.set_member(Member { hits: Hits::of(&key), word: meaning, place: Place::of(&key) });
    }

    /// A string is a text, or something attached.
    fn text(&mut self, span: &Range<usize>) {
        let Some(frame) = self.stack.last_mut() else { return };
        let inside = span.start + 1..(span.end - 1).max(span.start + 1);
        let length = inside.len() as u64;
        match attached::look(frame.place(), self.body, inside) {
            Some(file) if self.facts.attachments.len() < ATTACHMENTS_CAP => {
                frame.file = Some(self.facts.attachments.len());
                self.facts.attachments.push(file);
            }
            Some(_) => self.facts.more_attachments = self.facts.more_attachments.saturating_add(1),
            None if frame.member.word == Word::None => self.said += length,
            None => {}
        }
    }

    /// Whether these members, from the outermost on, enclose what comes next.
    fn is_within(&self, words: &[Word]) -> bool {
        let Some((_, outer)) = self.stack.split_last() else { return false };
        outer.len() == words.len() && outer.iter().zip(words).all(|(frame, word)| frame.member.word == *word)
    }

    fn set_member(&mut self, member: Member) {
        if let (0, Some(frame)) = (self.too_deep, self.stack.last_mut()) {
            frame.member = member;
        }
    }

    fn scalar(&mut self, span: Range<usize>) {
        if self.too_deep > 0 {
            return;
        }
        let Some(frame) = self.stack.last_mut() else { return };
        let value = &self.body[span.clone()];
        // A signature that is not there covers nothing.
        if matches!(value, b"null" | b"\"\"") {
            frame.member.hits = Hits::default();
        }
        let member = frame.member;
        self.note(member);
        if member.word != Word::None {
            self.understand(member.word, span.clone());
        }
        self.value_ends(span);
    }

    /// A value begins: its key tells whether the object around it is frozen, or a conversation opens.
    fn note(&mut self, member: Member) {
        let depth = self.stack.len();
        if let Some(frame) = self.stack.last_mut() {
            frame.marks.members(member.hits);
        }
        if matches!(member.word, Word::Conversation(_)) && depth == 1 {
            self.in_conversation = true;
        }
    }

    /// A value ended; it belongs to the key that was last seen in the container around it.
    fn value_ends(&mut self, span: Range<usize>) {
        let depth = self.stack.len();
        let Some(frame) = self.stack.last_mut() else { return };
        let member = std::mem::take(&mut frame.member);
        if member.hits.freeze_member() {
            self.frozen.add(span.clone());
        }
        if let (Word::Conversation(which), 1) = (member.word, depth) {
            let bit = 1 << which;
            self.in_conversation = false;
            self.facts.ambiguous |= self.seen.conversations & bit != 0;
            self.seen.conversations |= bit;
            self.several |= self.conversation.replace(span).is_some();
        }
    }

    fn understand(&mut self, meaning: Word, span: Range<usize>) {
        let value = &self.body[span];
        match meaning {
            Word::Stream => {
                self.facts.ambiguous |= std::mem::replace(&mut self.seen.stream, true);
                self.facts.stream |= value == b"true";
            }
            Word::Model => {
                self.facts.ambiguous |= std::mem::replace(&mut self.seen.model, true);
                self.model(owned_word(value));
            }
            Word::InnerModel => self.model(owned_word(value)),
            Word::Type => self.kind(owned_word(value)),
            Word::Role => self.role(owned_word(value)),
            Word::MediaType => {
                if let Some(frame) = self.stack.last_mut() {
                    frame.is_sound = word(value).is_some_and(|media| attached::is_sound(&media));
                }
            }
            Word::None | Word::Session | Word::Requests | Word::Params | Word::Conversation(_) => {}
        }
    }

    fn model(&mut self, name: Option<String>) {
        if let Some(name) = name {
            self.facts.asks_for(name);
        }
    }

    fn kind(&mut self, value: Option<String>) {
        let Some(value) = value else { return };
        if let Some(frame) = self.stack.last_mut() {
            frame.marks.tag(&value);
        }
        if self.in_conversation && self.stack.len() == 3 {
            self.facts.ambiguous |= self.turn.kind.replace(value).is_some();
        }
    }

    fn role(&mut self, value: Option<String>) {
        if self.in_conversation && self.stack.len() == 3 && self.stack[2].object {
            self.facts.ambiguous |= self.turn.role.replace(value.unwrap_or_default()).is_some();
        }
    }

    /// What was cut off is closed where the bytes end, so that nothing signed escapes by being broken.
    fn finish(mut self) -> RequestFacts {
        if self.too_deep > 0 {
            self.too_deep = 1;
        }
        while !self.stack.is_empty() {
            self.close(self.body.len());
        }
        self.facts.frozen = self.frozen.finish();
        self.facts.text_bytes = self.conversation.is_some().then_some(self.said);
        if !self.facts.ambiguous && !self.several {
            self.facts.last_user = self.conversation.map(|span| self.turns.current(span));
        }
        self.facts
    }
}

fn owned_word(value: &[u8]) -> Option<String> {
    word(value).map(std::borrow::Cow::into_owned)
}
