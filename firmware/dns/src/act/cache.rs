//! Answers by question, in bounded memory. What is old leaves first, unless it was asked for meanwhile.

mod file;
mod log;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use gate_core::UnixMicros;

use crate::Config;
use crate::parse::{Answer, Question};

pub use file::CacheFileError;
pub(crate) use file::{load, save};
use log::{Entry, Log, Place};

/// What the index takes for each entry, its spare places included.
const INDEX_COST: usize = 48;
/// How long an upstream that failed is not waited for again for the same question (RFC 8767 section 5).
const REST: u32 = 30;
/// Prefetched is what is asked for in the last tenth of its life.
const PREFETCH_SHARE: u32 = 10;

pub(crate) struct Cache {
    /// The newest entry of each question, by the question's hash.
    index: HashMap<u64, Place>,
    log: Log,
    hasher: RandomState,
    entries_max: usize,
    seconds_max: u32,
    negative_seconds_max: u32,
    stale_seconds: u32,
    /// A sum of the settings by which answers are judged before they come in here.
    judged_by: u32,
}

/// A kept answer.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) answer: Arc<Answer>,
    /// Seconds since it came.
    pub(crate) age: u32,
    pub(crate) state: Freshness,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    Fresh,
    /// So near its end that it should be asked for again.
    Due,
    /// Past its end: good for those whom no upstream answers.
    Stale,
    /// Stale, and no upstream answered a moment ago.
    Resting,
}

/// The fixed part of an entry; times in microseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Head {
    hash: u64,
    stored: UnixMicros,
    /// When an upstream was last asked in vain; 0: never.
    failed: UnixMicros,
    seconds: u32,
    used: bool,
}

impl Head {
    const SIZE: usize = 29;
    /// Where in it `failed` and `used` stand.
    const FAILED: usize = 16;
    const USED: usize = 28;

    fn bytes(&self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.hash.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.stored.0.to_ne_bytes());
        bytes[Self::FAILED..24].copy_from_slice(&self.failed.0.to_ne_bytes());
        bytes[24..Self::USED].copy_from_slice(&self.seconds.to_ne_bytes());
        bytes[Self::USED] = self.used.into();
        bytes
    }

    fn split(entry: &[u8]) -> Option<(Self, &[u8])> {
        let (hash, rest) = entry.split_first_chunk()?;
        let (stored, rest) = rest.split_first_chunk()?;
        let (failed, rest) = rest.split_first_chunk()?;
        let (seconds, rest) = rest.split_first_chunk()?;
        let (used, body) = rest.split_first()?;
        let micros = |bytes| UnixMicros(u64::from_ne_bytes(bytes));
        let (stored, failed) = (micros(*stored), micros(*failed));
        let (hash, seconds) = (u64::from_ne_bytes(*hash), u32::from_ne_bytes(*seconds));
        Some((Self { hash, stored, failed, seconds, used: *used != 0 }, body))
    }

    /// Seconds since it was stored. The clock may be set at any time, also back: an entry from the future is as useless
    /// as one that is long over.
    fn age(&self, now: UnixMicros) -> Option<u32> {
        u32::try_from(now.0.checked_sub(self.stored.0)? / 1_000_000).ok()
    }

    fn is_resting(&self, now: UnixMicros) -> bool {
        now.0.checked_sub(self.failed.0).is_some_and(|since| since < u64::from(REST) * 1_000_000)
    }
}

impl Cache {
    pub(crate) fn new(config: &Config) -> Self {
        let entries_max = config.cache_entries.min(config.cache_bytes / 4 / INDEX_COST);
        Self {
            // It grows with use: a small office should not pay for a large one.
            index: HashMap::new(),
            log: Log::new(config.cache_bytes - entries_max * INDEX_COST),
            hasher: RandomState::new(),
            entries_max,
            seconds_max: config.cache_seconds,
            negative_seconds_max: config.cache_negative_seconds,
            stale_seconds: config.stale_seconds,
            judged_by: judged_by(config),
        }
    }

    /// What is kept for a question: fresh, or stale for no longer than is allowed.
    pub(crate) fn get(&mut self, question: &Question, now: UnixMicros) -> Option<Kept> {
        let place = *self.index.get(&self.hash(question))?;
        let (head, body) = Head::split(self.log.get(place)?)?;
        let (kept, answer) = postcard::from_bytes::<(Question, Answer)>(body).ok()?;
        let age = head.age(now)?;
        let state = match head.seconds.checked_sub(age) {
            Some(left @ 1..) if left <= head.seconds / PREFETCH_SHARE && !head.is_resting(now) => Freshness::Due,
            Some(1..) => Freshness::Fresh,
            _ if age - head.seconds >= self.stale_seconds => return None,
            _ if head.is_resting(now) => Freshness::Resting,
            _ => Freshness::Stale,
        };
        if kept != *question {
            return None;
        }
        self.log.get_mut(place)?[Head::USED] = 1;
        Some(Kept { answer: Arc::new(answer), age, state })
    }

    pub(crate) fn put(&mut self, question: &Question, answer: &Answer, now: UnixMicros) {
        self.insert(question, answer, now, self.seconds(answer));
    }

    /// Notes that no upstream answered, so that the next who ask need not wait for that again.
    pub(crate) fn failed(&mut self, question: &Question, now: UnixMicros) {
        let place = self.index.get(&self.hash(question));
        if let Some(entry) = place.and_then(|place| self.log.get_mut(*place)) {
            entry[Head::FAILED..Head::FAILED + 8].copy_from_slice(&now.0.to_ne_bytes());
        }
    }

    /// How long a fresh answer holds.
    pub(crate) fn seconds(&self, answer: &Answer) -> u32 {
        let longest = if answer.is_negative() { self.negative_seconds_max } else { self.seconds_max };
        answer.lifetime().unwrap_or_default().min(longest)
    }

    /// How long it holds before it [is due](Freshness::Due).
    pub(crate) fn undue_seconds(&self, answer: &Answer) -> u32 {
        let seconds = self.seconds(answer);
        seconds - seconds / PREFETCH_SHARE
    }

    fn insert(&mut self, question: &Question, answer: &Answer, stored: UnixMicros, seconds: u32) {
        if seconds == 0 || self.entries_max == 0 {
            return;
        }
        let body = postcard::to_stdvec(&(question, answer)).expect("plain data in memory is always encoded");
        if !self.log.takes(Head::SIZE + body.len()) {
            return;
        }
        let hash = self.hash(question);
        self.index.remove(&hash);
        self.make_room(Head::SIZE + body.len(), stored);
        let head = Head { hash, stored, failed: UnixMicros(0), seconds, used: false };
        let place = self.log.push(&[&head.bytes(), &body]);
        self.index.insert(hash, place);
    }

    /// Gives up the oldest entries until one more fits.
    fn make_room(&mut self, length: usize, now: UnixMicros) {
        while self.index.len() >= self.entries_max {
            let before = self.index.len();
            let Some(survivor) = self.give_up(now) else { return };
            survivor.into_iter().for_each(|entry| self.put_back(&entry));
            debug_assert!(self.index.len() <= before);
        }
        while !self.log.has_room(length) {
            // Room comes in whole segments, so those that stay wait until theirs is gone.
            let (mut survivors, first) = (Vec::new(), self.log.first());
            while self.log.first() == first {
                let Some(survivor) = self.give_up(now) else { return };
                survivors.extend(survivor);
            }
            survivors.iter().for_each(|entry| self.put_back(entry));
        }
    }

    /// Takes the oldest entry out; `Some(Some(…))` is one that was used since it was written, and so may stay for one more
    /// round. Each round ends because it may not be used again meanwhile.
    fn give_up(&mut self, now: UnixMicros) -> Option<Option<Vec<u8>>> {
        let (place, mut entry) = self.log.pop()?;
        let Some((head, _)) = Head::split(&entry) else { return Some(None) };
        if self.index.get(&head.hash) != Some(&place) {
            return Some(None);
        }
        self.index.remove(&head.hash);
        let stays = head.used && head.age(now).is_some_and(|age| age < head.seconds);
        entry[Head::USED] = 0;
        Some(stays.then_some(entry))
    }

    fn put_back(&mut self, entry: &[u8]) {
        let Some((head, _)) = Head::split(entry) else { return };
        if self.log.has_room(entry.len()) {
            let place = self.log.push(&[entry]);
            self.index.insert(head.hash, place);
        }
    }

    /// The entries of one segment that still stand for their question, and the number of the next segment.
    fn live(&self, segment: Option<u32>) -> Option<(Vec<Vec<u8>>, u32)> {
        let (entries, next) = self.log.segment(segment)?;
        let is_live = |(place, entry): &Entry| {
            Head::split(entry).is_some_and(|(head, _)| self.index.get(&head.hash) == Some(place))
        };
        Some((entries.into_iter().filter(is_live).map(|(_, entry)| entry).collect(), next))
    }

    fn hash(&self, question: &Question) -> u64 {
        self.hasher.hash_one(question)
    }

    /// Entries and bytes held.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.index.len(), self.index.len() * INDEX_COST + self.log.bytes())
    }
}

/// What differs when an answer could have been another under other settings. Who is asked does not count: whatever resolver
/// said it, it is what the name's owner says.
fn judged_by(config: &Config) -> u32 {
    let Config { dnssec, dnssec_exempt, dnssec_anchors, rebinding_guard, rebinding_exempt, forward, .. } = config;
    let settings = (dnssec, dnssec_exempt, dnssec_anchors, rebinding_guard, rebinding_exempt, forward);
    crc32fast::hash(format!("{settings:?}").as_bytes())
}

#[cfg(test)]
mod tests;
