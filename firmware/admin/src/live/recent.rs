use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use gate_core::{Event, Record};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::ports::FeedEntry;

/// Chains in one cursor: one for each process, with room for more processes than there will be.
const MAX_CHAINS: usize = 16;

/// Kinds of records: one ring each, so that many questions to DNS cannot push the few refusals out.
const KINDS: usize = 8;

/// What a record is about; the key of its event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Dns,
    Connection,
    Request,
    Steer,
    Admin,
    Process,
    Fallback,
    Placeholders,
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

/// One record as the page gets it.
#[derive(Debug)]
pub(crate) struct Line {
    order: u64,
    id: String,
    process: Arc<str>,
    position: u64,
    pub(crate) kind: Kind,
    /// Where every chain stood with this record: names the place to go on from.
    cursor: String,
    pub(crate) json: Box<RawValue>,
}

/// A record with its place, for the page and the API document.
#[derive(Serialize, ToSchema)]
#[schema(as = Line)]
pub(crate) struct LineDocument<'a> {
    /// Process and position, such as `proxy-99`; unique.
    id: &'a str,
    process: &'a str,
    position: u64,
    record: &'a Record,
}

/// The place in all chains that a stream was at: `dns-12.proxy-99`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor(BTreeMap<Arc<str>, u64>);

/// The newest records of each kind.
#[derive(Debug)]
pub(crate) struct Recent {
    rings: [VecDeque<Arc<Line>>; KINDS],
    most: usize,
    next: u64,
    cursor: Cursor,
}

impl Kind {
    pub(crate) fn of(event: &Event) -> Self {
        match event {
            Event::Dns(_) | Event::DnsTally(_) | Event::DnsDevice(_) => Self::Dns,
            Event::Connection(_) | Event::ProxyClient(_) | Event::Shadow(_) => Self::Connection,
            Event::Request(_) | Event::Accounts(_) => Self::Request,
            Event::Steer(_) => Self::Steer,
            Event::Admin(_) => Self::Admin,
            Event::Process(_) => Self::Process,
            Event::Fallback(_) => Self::Fallback,
            Event::Placeholders(_) => Self::Placeholders,
        }
    }
}

impl Kinds {
    pub(crate) const ALL: Self = Self(u8::MAX >> (8 - KINDS));

    /// Reads `connection,request`; `None` when a word is no kind.
    pub(crate) fn parse(words: &str) -> Option<Self> {
        words.split(',').try_fold(Self(0), |set, word| {
            let word = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word.trim());
            Kind::deserialize(word).ok().map(|kind| Self(set.0 | 1 << kind as u8))
        })
    }

    pub(crate) fn contains(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

impl Line {
    /// The record as one server-sent event.
    pub(crate) fn frame(&self) -> Bytes {
        // JSON of one record holds no line break, so one `data:` line carries it.
        Bytes::from(format!("event: record\nid: {}\ndata: {}\n\n", self.cursor, self.json.get()))
    }
}

impl Cursor {
    /// Reads what a browser sends back as `Last-Event-ID`; `None` when it is not one of ours.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut chains = BTreeMap::new();
        for part in text.split('.') {
            let (process, position) = part.rsplit_once('-')?;
            let plain = !process.is_empty() && process.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !plain || chains.len() == MAX_CHAINS {
                return None;
            }
            chains.insert(process.into(), position.parse().ok()?);
        }
        Some(Self(chains))
    }

    fn has_seen(&self, line: &Line) -> bool {
        self.0.get(&line.process).is_some_and(|position| line.position <= *position)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (process, position) in &self.0 {
            let dot = if text.is_empty() { "" } else { "." };
            write!(text, "{dot}{process}-{position}").expect("writing to a string never fails");
        }
        text
    }
}

impl Recent {
    pub(crate) fn new(most: usize) -> Self {
        Self { rings: Default::default(), most, next: 0, cursor: Cursor::default() }
    }

    /// Keeps one record in place of the oldest of its kind.
    pub(crate) fn push(&mut self, entry: &FeedEntry) -> Arc<Line> {
        let (process, position) = (Arc::clone(&entry.process), entry.position.0);
        if self.cursor.0.contains_key(&process) || self.cursor.0.len() < MAX_CHAINS {
            self.cursor.0.insert(Arc::clone(&process), position);
        }
        let id = format!("{process}-{position}");
        let document = LineDocument { id: &id, process: &process, position, record: &entry.record };
        let json = serde_json::value::to_raw_value(&document).expect("records always serialise");
        let kind = Kind::of(&entry.record.event);
        let line = Arc::new(Line { order: self.next, id, process, position, kind, cursor: self.cursor.text(), json });
        self.next += 1;
        let ring = &mut self.rings[kind as usize];
        if ring.len() == self.most {
            ring.pop_front();
        }
        ring.push_back(Arc::clone(&line));
        line
    }

    /// See [`super::Live::newest`].
    pub(crate) fn newest(&self, kinds: Kinds, before: Option<&str>, most: usize) -> Option<(Vec<Arc<Line>>, bool)> {
        let end = match before {
            None => self.next,
            Some(id) => self.lines(Kinds::ALL).find(|line| line.id == id)?.order,
        };
        let mut lines: Vec<_> = self.lines(kinds).filter(|line| line.order < end).cloned().collect();
        lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.order));
        let more = lines.len() > most;
        lines.truncate(most);
        Some((lines, more))
    }

    /// What came after the cursor, oldest first.
    pub(crate) fn after(&self, cursor: &Cursor, kinds: Kinds) -> Vec<Arc<Line>> {
        let mut lines: Vec<_> = self.lines(kinds).filter(|line| !cursor.has_seen(line)).cloned().collect();
        lines.sort_unstable_by_key(|line| line.order);
        lines
    }

    fn lines(&self, kinds: Kinds) -> impl Iterator<Item = &Arc<Line>> {
        self.rings.iter().flatten().filter(move |line| kinds.contains(line.kind))
    }
}

#[cfg(test)]
mod tests;
