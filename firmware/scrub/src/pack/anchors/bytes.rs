//! Literals that are too short for windows, by one of their bytes.

use super::Literal;
use super::table::Entry;

/// What is looked for at single bytes.
#[derive(Debug)]
pub(super) struct Bytes {
    all: Vec<u8>,
    /// For each byte where its entries begin, and one past the last.
    heads: Box<[u16; 257]>,
    entries: Vec<Entry>,
}

impl Bytes {
    /// Each of the literals chosen, by number, is looked for by its byte at an offset.
    pub(super) fn new(chosen: &[(u8, u16)], literals: &[Literal]) -> Self {
        let mut entries = Vec::new();
        for (offset, number) in chosen {
            let literal = &literals[usize::from(*number)];
            let byte = literal.bytes[usize::from(*offset)];
            let entry = Entry::new(&literal.bytes, *offset, *number);
            entries.push((byte, entry));
            if literal.ignore_case && byte.is_ascii_lowercase() {
                entries.push((byte.to_ascii_uppercase(), entry));
            }
        }
        entries.sort_unstable();
        let mut all: Vec<u8> = entries.iter().map(|entry| entry.0).collect();
        all.dedup();
        let begins = |byte: usize| entries.partition_point(|entry| usize::from(entry.0) < byte);
        let begins = |byte: usize| u16::try_from(begins(byte)).expect("a pack has fewer literals");
        let heads = Box::new(std::array::from_fn(begins));
        Self { all, heads, entries: entries.into_iter().map(|entry| entry.1).collect() }
    }

    /// The bytes to search for, in order.
    pub(super) fn all(&self) -> &[u8] {
        &self.all
    }

    /// Calls `found` with the literals that may stand where this byte of a text does.
    #[inline]
    pub(super) fn look(&self, text: &[u8], at: usize, found: &mut impl FnMut(usize, usize)) {
        let byte = usize::from(text[at]);
        let entries = usize::from(self.heads[byte])..usize::from(self.heads[byte + 1]);
        self.entries[entries].iter().for_each(|entry| entry.report(text, at, found));
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.all.len() + size_of_val(&*self.heads) + size_of_val(&*self.entries)
    }
}
