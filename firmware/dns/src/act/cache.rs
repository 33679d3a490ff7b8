use std::num::NonZeroUsize;
use std::sync::Arc;

use gate_core::UnixMicros;
use lru::LruCache;

use crate::Config;
use crate::parse::{Answer, Question};

/// What one entry costs besides its answer and its name: two copies of nothing, but hash table and list links.
const ENTRY_OVERHEAD: usize = 160;

/// Answers by question, the least recently used leaving first.
pub(crate) struct Cache {
    entries: LruCache<Question, Entry>,
    bytes: usize,
    bytes_max: usize,
    seconds_max: u32,
    negative_seconds_max: u32,
}

struct Entry {
    answer: Arc<Answer>,
    stored: UnixMicros,
    seconds: u32,
    size: usize,
}

impl Cache {
    pub(crate) fn new(config: &Config) -> Self {
        let entries = NonZeroUsize::new(config.cache_entries).unwrap_or(NonZeroUsize::MIN);
        Self {
            // The table grows with use: a small office should not pay for a large one.
            entries: LruCache::sparse(entries),
            bytes: 0,
            bytes_max: config.cache_bytes,
            seconds_max: config.cache_seconds,
            negative_seconds_max: config.cache_negative_seconds,
        }
    }

    /// The answer and its age in seconds.
    pub(crate) fn get(&mut self, question: &Question, now: UnixMicros) -> Option<(Arc<Answer>, u32)> {
        let entry = self.entries.get(question)?;
        // The clock may be set at any time, also back: an entry from the future is as useless as an expired one.
        let age = now.0.checked_sub(entry.stored.0).map(|micros| micros / 1_000_000);
        match age.and_then(|age| u32::try_from(age).ok()).filter(|age| *age < entry.seconds) {
            Some(age) => Some((Arc::clone(&entry.answer), age)),
            None => {
                self.remove(question);
                None
            }
        }
    }

    pub(crate) fn put(&mut self, question: Question, answer: Arc<Answer>, now: UnixMicros) {
        let seconds = self.seconds(&answer);
        let size = answer.size() + question.name.len() + size_of::<Question>() + ENTRY_OVERHEAD;
        if seconds == 0 || size > self.bytes_max {
            return;
        }
        self.remove(&question);
        self.bytes += size;
        if let Some((_, evicted)) = self.entries.push(question, Entry { answer, stored: now, seconds, size }) {
            self.bytes -= evicted.size;
        }
        while self.bytes > self.bytes_max {
            let Some((_, evicted)) = self.entries.pop_lru() else { break };
            self.bytes -= evicted.size;
        }
    }

    /// How long a fresh answer holds.
    pub(crate) fn seconds(&self, answer: &Answer) -> u32 {
        let longest = if answer.is_negative() { self.negative_seconds_max } else { self.seconds_max };
        answer.lifetime().unwrap_or_default().min(longest)
    }

    fn remove(&mut self, question: &Question) {
        if let Some(entry) = self.entries.pop(question) {
            self.bytes -= entry.size;
        }
    }

    /// Entries and bytes held.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.entries.len(), self.bytes)
    }
}

#[cfg(test)]
mod tests;
