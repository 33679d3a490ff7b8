use std::ops::Range;

use super::chars::{fold_first, hidden_letter, simple_escape, unchanged_run, unescape_first};
use super::map::Map;
use crate::lanes;

/// Fewest hidden characters that are read: the shortest password that is worth hiding, and more than a flag has.
const MIN_HIDDEN: usize = 8;

/// Bytes between two escapes of a text that has many, as far as room is made for them beforehand.
const BETWEEN: usize = 48;

/// The text that rules match in: escapes resolved, invisible characters dropped, compatibility forms folded.
#[derive(Debug, Default)]
pub(crate) struct Shadow {
    pub(crate) text: Vec<u8>,
    pub(crate) map: Map,
    /// What invisible characters spell, in order of place.
    pub(crate) hidden: Vec<Hidden>,
}

/// A text in characters that nobody sees, one after another. It is dropped from the text that it stands in, where it would
/// cut a value in two, and read by itself.
#[derive(Debug)]
pub(crate) struct Hidden {
    pub(crate) shadow: Box<Shadow>,
    /// Where it stands in the text.
    at: usize,
}

/// What is read of a body.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) text: Shadow,
    /// The long numbers of JSON, each a line with the words of its keys. They stand apart because they cannot be edited
    /// without changing the type that a reader expects, and because a bare number means nothing without its name.
    pub(crate) numbers: Shadow,
    pub(crate) opaque: Vec<Opaque>,
    /// Parts that say how long they are.
    pub(crate) bound: Vec<Range<usize>>,
    /// Bytes of UTF-16 that were read in parts.
    pub(crate) wide: usize,
}

/// A part of a body that is no text: media, an archive, an unknown encoding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opaque {
    /// Its bytes in the body.
    pub range: Range<usize>,
    /// Whether its own content type promises text.
    pub said_to_be_text: bool,
}

/// A text to take pieces from: the body itself, or one that was derived from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) bytes: &'a [u8],
    /// `None`: the bytes are the origin.
    pub(crate) map: Option<&'a Map>,
}

impl<'a> Source<'a> {
    /// The body itself.
    pub(crate) fn origin(bytes: &'a [u8]) -> Self {
        Self { bytes, map: None }
    }
}

impl Shadow {
    /// An empty shadow with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { text: Vec::with_capacity(capacity), map: Map::with_capacity(capacity / BETWEEN), ..Self::default() }
    }

    /// The shadow of a whole text.
    pub(crate) fn of(source: Source<'_>) -> Self {
        let mut shadow = Self::with_capacity(source.bytes.len());
        shadow.push(source, 0..source.bytes.len());
        shadow
    }

    /// Appends the normalised form of a piece of a text.
    pub(crate) fn push(&mut self, source: Source<'_>, range: Range<usize>) {
        let bytes = &source.bytes[..range.end];
        let mut special = lanes::beyond(source.bytes, b'\\');
        let mut at = range.start;
        while at < range.end {
            let start = at;
            loop {
                at = special.next(at).min(range.end);
                let unchanged = unchanged_run(&bytes[at..]);
                at += unchanged;
                if unchanged == 0 {
                    break;
                }
            }
            self.copy(source, start..at);
            if at < range.end {
                at += self.push_special(source, &bytes[at..], at);
            }
        }
    }

    /// Appends an escape or a character beyond ASCII, and says how many bytes of the source it has.
    fn push_special(&mut self, source: Source<'_>, bytes: &[u8], at: usize) -> usize {
        if let [b'\\', letter, ..] = bytes
            && let Some(byte) = simple_escape(*letter)
        {
            self.unit(source, at..at + 2, byte);
            return 2;
        }
        let before = self.text.len();
        let first = if bytes[0] == b'\\' { unescape_first } else { fold_first };
        let taken = first(bytes, &mut self.text);
        if self.text.len() == before
            && let Some(letter) = hidden_letter(bytes)
        {
            self.hide(source, at..at + taken, letter);
        }
        if self.text[before..] == bytes[..taken] {
            self.text.truncate(before);
            self.copy(source, at..at + taken);
        } else {
            self.map_unit(source, at..at + taken, self.text.len() - before);
        }
        taken
    }

    /// Appends a letter to the text that nobody sees.
    pub(crate) fn hide(&mut self, source: Source<'_>, range: Range<usize>, letter: u8) {
        let at = self.text.len();
        if self.hidden.last().is_none_or(|last| last.at != at) {
            self.hidden.push(Hidden { shadow: Box::default(), at });
        }
        let last = self.hidden.last_mut().expect("one was pushed if there was none");
        last.shadow.unit(source, range, letter);
    }

    /// The hidden texts that are worth reading, and those that may become so because the text, if it is `open`, may go on
    /// with them.
    pub(crate) fn hidden(&self, open: bool) -> impl Iterator<Item = (&Shadow, bool)> {
        let grows = move |hidden: &Hidden| open && hidden.at == self.text.len();
        let counts = move |hidden: &&Hidden| grows(hidden) || hidden.shadow.text.len() >= MIN_HIDDEN;
        self.hidden.iter().filter(counts).map(move |hidden| (&*hidden.shadow, grows(hidden)))
    }

    /// Appends text that separates pieces and stands for nothing in the origin.
    pub(crate) fn glue(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
        self.map.glue(text.len());
    }

    /// Appends `byte` as what `range` of the source stands for.
    pub(crate) fn unit(&mut self, source: Source<'_>, range: Range<usize>, byte: u8) {
        self.text.push(byte);
        self.map_unit(source, range, 1);
    }

    /// Appends a piece of the source as it is.
    pub(crate) fn copy(&mut self, source: Source<'_>, range: Range<usize>) {
        self.text.extend_from_slice(&source.bytes[range.clone()]);
        match source.map {
            None => self.map.linear(range.start, range.len()),
            Some(map) => self.map.splice(map, range),
        }
    }

    fn map_unit(&mut self, source: Source<'_>, range: Range<usize>, len: usize) {
        let origin = match source.map {
            None => Some(range),
            Some(map) => map.origin(range.start, range.end),
        };
        match origin {
            Some(origin) => self.map.unit(origin, len),
            None => self.map.glue(len),
        }
    }

    /// Appends what `write` makes of `range` of the source.
    pub(crate) fn character(&mut self, source: Source<'_>, range: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.text.len();
        write(&mut self.text);
        self.map_unit(source, range, self.text.len() - before);
    }
}
