//! Which of many words a text goes on with, at the cost of one or two looks into a table.

/// Buckets of the table, as a power of two.
const BUCKET_BITS: u32 = 12;

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
    /// Where each bucket begins in `entries`, and one past the last.
    heads: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    bucket: usize,
    word: Box<[u8]>,
    number: u8,
}

impl Prefixes {
    /// Words of at least two bytes; shorter ones are never found.
    pub(super) fn new(words: impl Iterator<Item = (Vec<u8>, u8)>) -> Self {
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for (word, number) in words {
            let size = if word.len() >= KEY { KEY } else { SHORT_KEY };
            let Some(key) = word.get(..size) else { continue };
            let entry = Entry { bucket: bucket(key), word: word.into_boxed_slice(), number };
            if size == KEY { &mut long } else { &mut short }.push(entry);
        }
        Self { long: Table::new(long), short: Table::new(short) }
    }

    /// Calls `found` with the number of each word that `text` begins with.
    #[inline]
    pub(super) fn at(&self, text: &[u8], mut found: impl FnMut(u8)) {
        for (table, size) in [(&self.long, KEY), (&self.short, SHORT_KEY)] {
            let Some(key) = text.get(..size) else { continue };
            for entry in table.of(bucket(key)) {
                if text.starts_with(&entry.word) {
                    found(entry.number);
                }
            }
        }
    }
}

impl Table {
    fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        entries.dedup();
        let head = |bucket: usize| entries.partition_point(|entry| entry.bucket < bucket);
        let heads = (0..=1 << BUCKET_BITS).map(|bucket| u32::try_from(head(bucket)).unwrap_or(u32::MAX)).collect();
        Self { heads, entries }
    }

    #[inline]
    fn of(&self, bucket: usize) -> &[Entry] {
        &self.entries[self.heads[bucket] as usize..self.heads[bucket + 1] as usize]
    }
}

#[inline]
fn bucket(key: &[u8]) -> usize {
    let number = key.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    // 2^32 divided by the golden ratio, odd (Knuth, TAOCP 6.4): the upper bits depend on all of the key.
    (number.wrapping_mul(0x9E37_79B1) >> (32 - BUCKET_BITS)) as usize
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
