//! Which of many words a text goes on with, at the cost of two looks into tables of bits that stay in the nearest memory.

use crate::lanes;

/// Most bits of a table's filter, as a power of two, and fewest; each word has so many of them to itself, as a power of two.
/// A small filter stays where a processor finds it at once.
const MAX_FILTER_BITS: u32 = 16;
const MIN_FILTER_BITS: u32 = 8;
const WORD_BITS: u32 = 4;

/// How many bits of a filter share a bucket of the table, as a power of two.
const BUCKET_SHIFT: u32 = 4;

/// Bytes of a word by which it is looked up, and of one that is shorter than that.
const KEY: usize = 4;
const SHORT_KEY: usize = 2;

/// Words with a number each.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    long: Table,
    short: Table,
}

#[derive(Debug, Default)]
struct Table {
    /// A bit for each hash that a key has: most words of a text have none of them.
    filter: Vec<u64>,
    /// The lower bits of a key's product that its hash does without.
    shift: u32,
    /// Where each bucket begins in `entries`, and one past the last.
    heads: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// The first eight bytes of the word, the first one lowest.
    head: u64,
    /// Bits of a text's eight bytes that are not compared, at the upper end, since the word has fewer.
    unknown: u8,
    number: u8,
    /// What follows the first eight bytes.
    rest: Box<[u8]>,
}

impl Entry {
    fn new(word: &[u8], number: u8) -> Self {
        let (head, rest) = word.split_at(word.len().min(8));
        let unknown = 64 - 8 * head.len() as u8;
        let head = u64::from_le_bytes(lanes::eight(head, 0));
        Self { head, unknown, number, rest: rest.into() }
    }

    /// Whether a text that begins with these eight bytes, or zeros behind its end, begins with the word.
    #[inline]
    fn begins(&self, eight: u64, text: &[u8]) -> bool {
        (eight ^ self.head) << self.unknown == 0
            && (self.rest.is_empty() || text.get(8..).is_some_and(|text| text.starts_with(&self.rest)))
    }
}

impl Prefixes {
    /// Words of at least two bytes; shorter ones are never found.
    pub(super) fn new(words: impl Iterator<Item = (Vec<u8>, u8)>) -> Self {
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for (word, number) in words {
            let (long_key, short_key) = (word.first_chunk::<KEY>(), word.first_chunk::<SHORT_KEY>());
            let Some(key) = long_key.map(|key| number_of(*key)).or(short_key.map(|key| short_of(*key))) else {
                continue;
            };
            let table = if long_key.is_some() { &mut long } else { &mut short };
            table.push((product(key), word, number));
        }
        Self { long: Table::new(long), short: Table::new(short) }
    }

    /// Calls `found` with the number of each word that `text` begins with.
    #[inline]
    pub(super) fn at(&self, text: &[u8], mut found: impl FnMut(u8)) {
        if let Some(key) = text.first_chunk::<KEY>() {
            self.long.report(number_of(*key), text, &mut found);
        }
        if let Some(key) = text.first_chunk::<SHORT_KEY>() {
            self.short.report(short_of(*key), text, &mut found);
        }
    }
}

impl Table {
    /// Words with the products of their keys and their numbers. Those that a text begins with are found in order.
    fn new(mut words: Vec<(u32, Vec<u8>, u8)>) -> Self {
        words.sort_unstable();
        words.dedup();
        let bits = (words.len().max(1).ilog2() + 1 + WORD_BITS).clamp(MIN_FILTER_BITS, MAX_FILTER_BITS);
        let shift = u32::BITS - bits;
        let hash = |product: u32| (product >> shift) as usize;
        let mut filter = vec![0; 1 << (bits - u64::BITS.ilog2())];
        words.iter().for_each(|(product, ..)| filter[hash(*product) / 64] |= 1 << (hash(*product) % 64));
        let head = |bucket: usize| words.partition_point(|(product, ..)| hash(*product) >> BUCKET_SHIFT < bucket);
        let heads = (0..=1 << (bits - BUCKET_SHIFT)).map(|bucket| u32::try_from(head(bucket)).unwrap_or(u32::MAX));
        let entries = words.iter().map(|(_, word, number)| Entry::new(word, *number)).collect();
        Self { filter, shift, heads: heads.collect(), entries }
    }

    #[inline]
    fn report(&self, key: u32, text: &[u8], found: &mut impl FnMut(u8)) {
        let hash = (product(key) >> self.shift) as usize;
        if self.filter.get(hash / 64).is_some_and(|bits| bits & (1 << (hash % 64)) != 0) {
            self.confirm(hash >> BUCKET_SHIFT, text, found);
        }
    }

    fn confirm(&self, bucket: usize, text: &[u8], found: &mut impl FnMut(u8)) {
        let eight = u64::from_le_bytes(lanes::eight(text, 0));
        for entry in &self.entries[self.heads[bucket] as usize..self.heads[bucket + 1] as usize] {
            if entry.begins(eight, text) {
                found(entry.number);
            }
        }
    }
}

#[inline]
fn number_of(key: [u8; KEY]) -> u32 {
    u32::from_le_bytes(key)
}

#[inline]
fn short_of(key: [u8; SHORT_KEY]) -> u32 {
    u32::from(u16::from_le_bytes(key))
}

/// A number whose upper bits depend on all of the key.
#[inline]
fn product(key: u32) -> u32 {
    // 2^32 divided by the golden ratio, odd (Knuth, TAOCP 6.4).
    key.wrapping_mul(0x9E37_79B1)
}

#[cfg(test)]
mod tests {
    use super::Prefixes;

    #[test]
    fn every_word_that_a_text_begins_with_is_found() {
        let words = ["ai ", "q ", "ignore", "ignorer", "ign", "指令", "x"];
        let prefixes = Prefixes::new((0..).zip(words).map(|(number, word)| (word.as_bytes().to_vec(), number)));
        let rows: [(&str, &[u8]); 8] = [
            ("ignorer tout", &[2, 3, 4]),
            ("ignore it", &[2, 4]),
            ("ignition", &[4]),
            ("ai is", &[0]),
            ("aim", &[]),
            ("q ", &[1]),
            ("指令。", &[5]),
            ("x", &[]),
        ];
        for (text, expected) in rows {
            let mut found = Vec::new();
            prefixes.at(text.as_bytes(), |number| found.push(number));
            found.sort_unstable();
            assert_eq!(found, expected, "{text}");
        }
    }
}
