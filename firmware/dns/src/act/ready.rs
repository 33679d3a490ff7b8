//! Replies ready to be sent again: what was answered once is copied, not made.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::parse::{HEADER, Marks};

/// Longest question that is looked up: the longest name, type and class, and an empty OPT record.
const QUESTION_MAX: usize = HEADER + 255 + 4 + OPT;
/// An OPT record without options. Those that have some differ from question to question (RFC 7873).
const OPT: usize = 11;
/// Places that one question may lie in.
const WAYS: usize = 8;
/// So many more places than replies there are, rounded up to a power of two of sets: half of them full, eight questions in a
/// thousand find none; a third full, hardly one. Each of these costs as much as ten others.
const SPARE: usize = 2;
/// What the processor fetches from memory at once.
const LINE: usize = 64;
/// Records whose lifetime is counted down; replies with more are made anew each time.
const TTLS: usize = 16;
/// Places where the question's name is written out again; the same holds for them.
const OWNERS: usize = 16;

/// A table of fixed size for one thread; no lock, and no allocation on a hit.
///
/// The key is the whole question with the name in lower case and the number of the client's group in place of the
/// identifier: whatever in a question may change the answer (flags, type, EDNS) is a part of it, so nothing of it needs to
/// be understood here.
pub(crate) struct Ready {
    /// A part of each entry's hash, 0 where there is none. Apart from the entries, so that all of them stay in the
    /// processor's own cache.
    tags: Box<[[u32; WAYS]]>,
    entries: Box<[[Option<Entry>; WAYS]]>,
    hasher: RandomState,
    /// The state of the resolver that the replies were made in.
    generation: u64,
}

struct Entry {
    /// The key, the reply, the places of the lifetimes in it, two bytes each, and those of the question's name with how many
    /// bytes of it stand there, four bytes each.
    bytes: Box<[u8]>,
    /// Seconds since 1970.
    made: u64,
    seconds: u32,
    key: u16,
    ttls: u8,
    owners: u8,
}

impl Sought {
    /// Leads nowhere from now on.
    pub(crate) fn forget(&mut self) {
        self.tag = 0;
    }
}

/// The key of a question and the length of its name.
struct Key {
    bytes: [u8; QUESTION_MAX],
    length: usize,
    name: usize,
}

/// Where the reply to a question would be; made once and filled in again and again, because it is large.
pub(crate) struct Sought {
    key: Key,
    set: usize,
    /// 0 for a question that has no reply.
    tag: u32,
}

impl Default for Sought {
    fn default() -> Self {
        Self { key: Key { bytes: [0; QUESTION_MAX], length: 0, name: 0 }, set: 0, tag: 0 }
    }
}

impl Key {
    /// Makes it that of a client's question; nothing for those that are never answered with copies.
    fn fill(&mut self, question: &[u8], group: u8) -> Option<()> {
        let length = question.len();
        let bytes = self.bytes.get_mut(..length)?;
        bytes.copy_from_slice(question);
        let mut at = HEADER;
        while let label @ 1..=63 = *question.get(at)? {
            at += 1 + usize::from(label);
        }
        let name = at + 1 - HEADER;
        let plain = HEADER + name + 4;
        if question[at] != 0 || (length != plain && length != plain + OPT) {
            return None;
        }
        bytes[..2].copy_from_slice(&[0, group]);
        // Length bytes are below 64 and so never touched by ASCII folding.
        bytes[HEADER..HEADER + name].make_ascii_lowercase();
        (self.length, self.name) = (length, name);
        Some(())
    }

    fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Ready {
    /// Room for about `entries` replies.
    pub(crate) fn new(entries: usize) -> Self {
        let sets = (SPARE * entries).div_ceil(WAYS).next_power_of_two();
        Self {
            tags: vec![[0; WAYS]; sets].into(),
            entries: (0..sets).map(|_| [const { None }; WAYS]).collect(),
            hasher: RandomState::new(),
            generation: 0,
        }
    }

    /// Forgets everything that was made in another state of the resolver.
    pub(crate) fn enter(&mut self, generation: u64) {
        if self.generation != generation {
            self.tags.fill([0; WAYS]);
            self.entries.fill_with(|| [const { None }; WAYS]);
            self.generation = generation;
        }
    }

    /// Notes where the reply to a client's question would be.
    pub(crate) fn seek(&self, question: &[u8], group: u8, sought: &mut Sought) {
        let known = sought.key.fill(question, group).map(|()| self.place(&sought.key));
        (sought.set, sought.tag) = known.unwrap_or_default();
    }

    /// Reads a little of each reply that will be copied in a moment. Replies lie all over the memory, and the processor
    /// fetches many at the same time if nothing else is done between: one after the other they take as long as all the rest
    /// of an answer that is done outside the kernel.
    pub(crate) fn fetch(&self, sought: &[Sought]) {
        let mut read = 0;
        for entry in sought.iter().filter_map(|sought| self.tagged(sought).next()) {
            read ^= entry.bytes.iter().step_by(LINE).fold(0, |read, byte| read ^ byte);
        }
        std::hint::black_box(read);
    }

    /// Replies that may be the one.
    fn tagged(&self, sought: &Sought) -> impl Iterator<Item = &Entry> {
        let set = self.tags[sought.set].iter().zip(&self.entries[sought.set]);
        // Free places have no tag either, and no entry.
        set.filter(|(other, _)| **other == sought.tag).filter_map(|(_, entry)| entry.as_ref())
    }

    /// Writes the reply to the `question` that is sought into `out` and returns its length, if one is ready at `now` (seconds
    /// since 1970).
    pub(crate) fn reply(&self, sought: &Sought, question: &[u8], now: u64, out: &mut [u8]) -> Option<usize> {
        let key = &sought.key;
        let entry = self.tagged(sought).find(|entry| entry.is(key))?;
        let age = entry.age(now)?;
        let (reply, ttls, owners) = entry.reply();
        let out = out.get_mut(..reply.len())?;
        out.copy_from_slice(reply);
        out[..2].copy_from_slice(&question[..2]);
        let name = &question[HEADER..HEADER + key.name];
        out[HEADER..HEADER + key.name].copy_from_slice(name);
        let word = |bytes: &[u8]| usize::from(u16::from_ne_bytes([bytes[0], bytes[1]]));
        for owner in owners.chunks_exact(4) {
            let (at, length) = (word(owner), word(&owner[2..]));
            out[at..at + length].copy_from_slice(&name[..length]);
        }
        for at in ttls.chunks_exact(2) {
            let at = word(at);
            let ttl = u32::from_be_bytes(out[at..at + 4].try_into().expect("four bytes"));
            out[at..at + 4].copy_from_slice(&ttl.saturating_sub(age).to_be_bytes());
        }
        Some(reply.len())
    }

    /// Keeps the reply to a question for `seconds`.
    pub(crate) fn keep(
        &mut self,
        (question, group): (&[u8], u8),
        reply: &[u8],
        marks: Marks<'_>,
        now: u64,
        seconds: u32,
    ) {
        let mut sought = Sought::default();
        self.seek(question, group, &mut sought);
        let Sought { ref key, set, tag } = sought;
        if tag == 0 {
            return;
        }
        let Some(entry) = Entry::new(key, reply, marks, now, seconds) else { return };
        // Its own place if it has one, a free one, or that of the reply which ends first.
        let rank = |at: &usize| match &self.entries[set][*at] {
            Some(old) if old.is(key) => (0, 0),
            None => (1, 0),
            Some(old) => (2, old.made.saturating_add(old.seconds.into())),
        };
        let at = (0..WAYS).min_by_key(rank).expect("a set has places");
        self.tags[set][at] = tag;
        self.entries[set][at] = Some(entry);
    }

    /// The set that a question belongs to, and its tag there.
    fn place(&self, key: &Key) -> (usize, u32) {
        let [a, b, c, d, set @ ..] = self.hasher.hash_one(key.as_slice()).to_ne_bytes();
        let set = u32::from_ne_bytes(set) as usize & (self.tags.len() - 1);
        (set, u32::from_ne_bytes([a, b, c, d]).max(1))
    }
}

impl Entry {
    /// Nothing for a reply with more marks than can be noted.
    fn new(key: &Key, reply: &[u8], marks: Marks<'_>, made: u64, seconds: u32) -> Option<Self> {
        let Marks { ttls, owners } = marks;
        if ttls.len() > TTLS || owners.len() > OWNERS {
            return None;
        }
        let mut bytes = Vec::with_capacity(key.length + reply.len() + size_of_val(ttls) + size_of_val(owners));
        bytes.extend_from_slice(key.as_slice());
        bytes.extend_from_slice(reply);
        let owners = owners.iter().flat_map(|(at, length)| [*at, u16::from(*length)]);
        bytes.extend(ttls.iter().copied().chain(owners).flat_map(u16::to_ne_bytes));
        let (key, ttls) = (u16::try_from(key.length).ok()?, u8::try_from(ttls.len()).ok()?);
        let owners = u8::try_from(marks.owners.len()).ok()?;
        Some(Self { bytes: bytes.into(), made, seconds, key, ttls, owners })
    }

    fn is(&self, key: &Key) -> bool {
        self.bytes[..usize::from(self.key)] == *key.as_slice()
    }

    /// The reply, the places of the lifetimes in it, and those of the question's name.
    fn reply(&self) -> (&[u8], &[u8], &[u8]) {
        let rest = &self.bytes[usize::from(self.key)..];
        let (rest, owners) = rest.split_at(rest.len() - 4 * usize::from(self.owners));
        let (reply, ttls) = rest.split_at(rest.len() - 2 * usize::from(self.ttls));
        (reply, ttls, owners)
    }

    /// Seconds since it was made, while it holds. The clock may be set at any time, also back.
    fn age(&self, now: u64) -> Option<u32> {
        let age = u32::try_from(now.checked_sub(self.made)?).ok()?;
        (age < self.seconds).then_some(age)
    }
}

#[cfg(test)]
mod tests;
