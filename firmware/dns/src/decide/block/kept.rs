//! The names of a list as they are kept on disk, so that the next process has them without reading every line again.

use std::io::{self, Read, Write};

use crc32fast::Hasher;

use super::{BITS_MAX, Key, Rest, Table};

/// Key, bits, names, lines that were not understood, names left out.
const HEAD: usize = 16 + 4 + 4 + 8 + 8;

/// The sum at the end.
const SUM: usize = 4;

/// Sums up what passes through.
struct Summing<T> {
    inner: T,
    sum: Hasher,
}

impl<T: Write> Summing<T> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.inner.write_all(bytes)
    }
}

impl<T: Read> Summing<T> {
    fn take(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.sum.update(bytes);
        Ok(())
    }
}

impl Table {
    /// Writes it behind `before`, with a sum over all of both at the end.
    pub(crate) fn save(&self, before: &[u8], to: impl Write) -> io::Result<()> {
        let mut out = Summing { inner: to, sum: Hasher::new() };
        out.put(before)?;
        let mut head = Vec::with_capacity(HEAD);
        self.key.0.iter().for_each(|half| head.extend(half.to_le_bytes()));
        head.extend(self.bits.to_le_bytes());
        head.extend(self.starts[self.starts.len() - 1].to_le_bytes());
        head.extend((self.foreign as u64).to_le_bytes());
        head.extend((self.left_out as u64).to_le_bytes());
        out.put(&head)?;
        let starts: Vec<u8> = self.starts.iter().flat_map(|start| start.to_le_bytes()).collect();
        out.put(&starts)?;
        out.put(self.rests.as_flattened())?;
        let sum = out.sum.finalize();
        out.inner.write_all(&sum.to_le_bytes())
    }

    /// Reads one of at most `room` names that was saved behind `before`, in `length` bytes with it. What is damaged is none.
    pub(crate) fn load(before: &[u8], from: impl Read, length: u64, room: usize) -> io::Result<Self> {
        let mut from = Summing { inner: from, sum: Hasher::new() };
        from.sum.update(before);
        let mut head = [0; HEAD];
        if length < (before.len() + HEAD + SUM) as u64 {
            return Err(damaged());
        }
        from.take(&mut head)?;
        let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        let (key, bits, names) = (Key([long(0), long(8)]), word(16), word(20) as usize);
        let buckets = 1_u64 << bits.min(BITS_MAX);
        let fixed = (before.len() + HEAD + SUM) as u64;
        let expected = fixed + (buckets + 1) * 4 + (names * size_of::<Rest>()) as u64;
        // Nothing is reserved for what the file does not hold.
        if bits > BITS_MAX || names > room || expected != length {
            return Err(damaged());
        }
        let mut starts = vec![0; (buckets as usize + 1) * 4];
        from.take(&mut starts)?;
        let starts: Box<[u32]> =
            starts.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes"))).collect();
        let mut rests = vec![Rest::default(); names];
        from.take(rests.as_flattened_mut())?;
        let mut sum = [0; SUM];
        from.inner.read_exact(&mut sum)?;
        let sorted = starts[0] == 0 && starts.is_sorted() && starts[starts.len() - 1] as usize == names;
        if !sorted || from.sum.finalize() != u32::from_le_bytes(sum) {
            return Err(damaged());
        }
        Ok(Self { key, bits, starts, rests, foreign: long(24) as usize, left_out: long(32) as usize })
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "it is damaged, or of another version")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{look, table};
    use super::Table;
    use crate::decide::block::Listed;

    #[test]
    fn what_was_saved_is_the_same_and_what_is_damaged_is_none() {
        let text: String = (0..1000).map(|number| format!("host{number}.example\n")).collect();
        let saved = table(&(text + "a line of words\n"), 999);
        let mut bytes = Vec::new();
        const BEFORE: &[u8] = b"of this content";
        saved.save(BEFORE, &mut bytes).unwrap();
        assert!(bytes.starts_with(BEFORE));
        let load = |bytes: &[u8], room| {
            let (before, rest) = bytes.split_at(BEFORE.len().min(bytes.len()));
            Table::load(before, rest, bytes.len() as u64, room)
        };
        let loaded = load(&bytes, 1000).unwrap();
        assert_eq!((loaded.len(), loaded.foreign(), loaded.left_out()), (999, 1, 1));
        let tables = [loaded];
        assert_eq!(look(&tables, "www.host998.example"), Listed::Blocked(0));
        assert_eq!(look(&tables, "host999.example"), Listed::No);
        assert!(load(&bytes, 998).is_err(), "more names than there is room for");
        for at in (0..bytes.len()).step_by(7) {
            let mut other = bytes.clone();
            other[at] ^= 4;
            assert!(load(&other, 1000).is_err(), "byte {at}");
            assert!(load(&bytes[..at], 1000).is_err(), "cut at {at}");
        }
    }
}
