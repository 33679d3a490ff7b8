//! Replies ready to be sent again: what was answered once is copied, not made.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::parse::HEADER;

/// Longest question that is looked up: the longest name, type and class, and an empty OPT record.
const QUESTION_MAX: usize = HEADER + 255 + 4 + OPT;
/// An OPT record without options. Those that have some differ from question to question (RFC 7873).
const OPT: usize = 11;
/// Places that one question may lie in.
const WAYS: usize = 4;
/// Records whose lifetime is counted down; replies with more are made anew each time.
const TTLS: usize = 8;

/// A table of fixed size for one thread; no lock, and no allocation on a hit.
///
/// The key is the whole question but its identifier, with the name in lower case: whatever in a question may change the
/// answer (flags, type, EDNS) is a part of it, so nothing of it needs to be understood here.
pub(crate) struct Ready {
    slots: Box<[Option<Box<Entry>>]>,
    hasher: RandomState,
    /// The state of the resolver that the replies were made in.
    generation: u64,
}

struct Entry {
    hash: u64,
    /// The key, then the reply.
    bytes: Box<[u8]>,
    key: usize,
    name: usize,
    /// Offsets in the reply.
    ttls: [u16; TTLS],
    ttl_count: usize,
    /// Seconds since 1970.
    made: u64,
    seconds: u32,
}

/// The key of a question and the length of its name.
struct Key {
    bytes: [u8; QUESTION_MAX],
    length: usize,
    name: usize,
}

impl Key {
    fn of(question: &[u8]) -> Option<Self> {
        let mut bytes = [0; QUESTION_MAX];
        let length = question.len();
        bytes.get_mut(..length)?.copy_from_slice(question);
        let mut at = HEADER;
        while let label @ 1..=63 = *question.get(at)? {
            at += 1 + usize::from(label);
        }
        let name = at + 1 - HEADER;
        let plain = HEADER + name + 4;
        if question[at] != 0 || (length != plain && length != plain + OPT) {
            return None;
        }
        bytes[..2].fill(0);
        // Length bytes are below 64 and so never touched by ASCII folding.
        bytes[HEADER..HEADER + name].make_ascii_lowercase();
        Some(Self { bytes, length, name })
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Ready {
    /// Room for about `entries` replies.
    pub(crate) fn new(entries: usize) -> Self {
        let slots = entries.next_power_of_two().max(WAYS);
        Self { slots: (0..slots).map(|_| None).collect(), hasher: RandomState::new(), generation: 0 }
    }

    /// Forgets everything that was made in another state of the resolver.
    pub(crate) fn enter(&mut self, generation: u64) {
        if self.generation != generation {
            self.slots.fill_with(|| None);
            self.generation = generation;
        }
    }

    /// Writes the reply to `question` into `out` and returns its length, if one is ready at `now` (seconds since 1970).
    pub(crate) fn reply(&self, question: &[u8], now: u64, out: &mut [u8]) -> Option<usize> {
        let key = Key::of(question)?;
        let hash = self.hasher.hash_one(key.as_slice());
        let entry = self.set(hash).filter_map(|at| self.slots[at].as_deref()).find(|entry| entry.is(hash, &key))?;
        let age = entry.age(now)?;
        let reply = &entry.bytes[entry.key..];
        let out = out.get_mut(..reply.len())?;
        out.copy_from_slice(reply);
        out[..2].copy_from_slice(&question[..2]);
        out[HEADER..HEADER + entry.name].copy_from_slice(&question[HEADER..HEADER + entry.name]);
        for at in &entry.ttls[..entry.ttl_count] {
            let at = usize::from(*at);
            let ttl = u32::from_be_bytes(out[at..at + 4].try_into().expect("four bytes"));
            out[at..at + 4].copy_from_slice(&ttl.saturating_sub(age).to_be_bytes());
        }
        Some(reply.len())
    }

    /// Keeps the reply to a question for `seconds`; `ttls` are the places of the lifetimes in it.
    pub(crate) fn keep(
        &mut self,
        question: &[u8],
        reply: &[u8],
        ttls: impl Iterator<Item = usize>,
        now: u64,
        seconds: u32,
    ) {
        let Some(key) = Key::of(question) else { return };
        let mut places = [0; TTLS];
        let mut ttl_count = 0;
        for ttl in ttls {
            let (Some(place), Ok(ttl)) = (places.get_mut(ttl_count), u16::try_from(ttl)) else { return };
            *place = ttl;
            ttl_count += 1;
        }
        let hash = self.hasher.hash_one(key.as_slice());
        let bytes = [key.as_slice(), reply].concat().into();
        let entry = Entry { hash, bytes, key: key.length, name: key.name, ttls: places, ttl_count, made: now, seconds };
        // Its own place if it has one, a free one, or that of the reply which ends first.
        let rank = |at: &usize| match self.slots[*at].as_deref() {
            Some(old) if old.is(hash, &key) => (0, 0),
            None => (1, 0),
            Some(old) => (2, old.made.saturating_add(old.seconds.into())),
        };
        if let Some(at) = self.set(hash).min_by_key(rank) {
            self.slots[at] = Some(Box::new(entry));
        }
    }

    /// The places that a question with this hash may lie in.
    fn set(&self, hash: u64) -> std::ops::Range<usize> {
        let sets = self.slots.len() / WAYS;
        let first = usize::try_from(hash % sets as u64).unwrap_or(0) * WAYS;
        first..first + WAYS
    }
}

impl Entry {
    fn is(&self, hash: u64, key: &Key) -> bool {
        self.hash == hash && self.bytes[..self.key] == *key.as_slice()
    }

    /// Seconds since it was made, while it holds. The clock may be set at any time, also back.
    fn age(&self, now: u64) -> Option<u32> {
        let age = u32::try_from(now.checked_sub(self.made)?).ok()?;
        (age < self.seconds).then_some(age)
    }
}

#[cfg(test)]
mod tests;
