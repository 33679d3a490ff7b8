use std::collections::VecDeque;

/// Byte strings in the order in which they came, in segments of one size that are taken and given back whole: what is
/// kept for hours does not lie between what is needed for a moment, and no byte is spent on an allocator's own books.
pub(super) struct Log {
    /// Oldest first; they are never longer than `size`.
    segments: VecDeque<Vec<u8>>,
    /// The number of the oldest segment.
    first: u32,
    /// Where in it the oldest entry starts.
    head: usize,
    size: usize,
    most: usize,
}

/// Where an entry lies. It is never used again for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    segment: u32,
    offset: u32,
}

/// A copy of an entry.
pub(super) type Entry = (Place, Vec<u8>);

/// Before each entry: its length.
const LENGTH: usize = 4;
/// Large enough for any DNS message with what belongs to it, small enough that half empty ones do not matter.
const SEGMENT: usize = 128 << 10;
/// A small log has several segments too: at least one is always given up for a new one.
const SEGMENTS_LEAST: usize = 4;

impl Log {
    /// An empty log that never takes more than `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        let size = (bytes / SEGMENTS_LEAST).min(SEGMENT);
        Self { segments: VecDeque::new(), first: 0, head: 0, size, most: bytes.checked_div(size).unwrap_or(0) }
    }

    /// Whether an entry of `length` bytes fits at all.
    pub(super) fn takes(&self, length: usize) -> bool {
        LENGTH + length <= self.size
    }

    /// Whether one fits without giving up another.
    pub(super) fn has_room(&self, length: usize) -> bool {
        self.takes(length) && (self.segments.len() < self.most || self.fits_last(length))
    }

    fn fits_last(&self, length: usize) -> bool {
        self.segments.back().is_some_and(|last| last.len() + LENGTH + length <= self.size)
    }

    /// Appends an entry for which there [is room](Self::has_room).
    pub(super) fn push(&mut self, parts: &[&[u8]]) -> Place {
        let length = parts.iter().map(|part| part.len()).sum();
        debug_assert!(self.has_room(length), "the caller makes room");
        if !self.fits_last(length) {
            // Pages are taken by the kernel when they are first written.
            self.segments.push_back(Vec::with_capacity(self.size));
        }
        let segment = self.first.wrapping_add(u32::try_from(self.segments.len() - 1).expect("there are few segments"));
        let last = self.segments.back_mut().expect("there is one now");
        let offset = u32::try_from(last.len()).expect("a segment is short");
        last.extend_from_slice(&u32::try_from(length).expect("an entry is shorter than its segment").to_ne_bytes());
        parts.iter().for_each(|part| last.extend_from_slice(part));
        Place { segment, offset }
    }

    pub(super) fn get(&self, place: Place) -> Option<&[u8]> {
        entry_at(self.segments.get(self.index(place))?, place.offset as usize)
    }

    pub(super) fn get_mut(&mut self, place: Place) -> Option<&mut [u8]> {
        let index = self.index(place);
        let segment = self.segments.get_mut(index)?;
        let start = place.offset as usize + LENGTH;
        let length = entry_at(segment, place.offset as usize)?.len();
        segment.get_mut(start..start + length)
    }

    fn index(&self, place: Place) -> usize {
        place.segment.wrapping_sub(self.first) as usize
    }

    /// Takes the oldest entry out. Its segment goes with the last of its entries.
    pub(super) fn pop(&mut self) -> Option<Entry> {
        let place = Place { segment: self.first, offset: u32::try_from(self.head).expect("a segment is short") };
        let entry = self.get(place)?.to_vec();
        self.head += LENGTH + entry.len();
        if self.segments.front().is_some_and(|oldest| oldest.len() == self.head) {
            self.segments.pop_front();
            self.first = self.first.wrapping_add(1);
            self.head = 0;
        }
        Some((place, entry))
    }

    /// The number of the oldest segment.
    pub(super) fn first(&self) -> u32 {
        self.first
    }

    /// The entries of the segment with this number, copied, and the number of the next one; a number that is gone stands
    /// for the oldest. Nothing after the last.
    pub(super) fn segment(&self, number: Option<u32>) -> Option<(Vec<Entry>, u32)> {
        let ahead = number.map_or(0, |number| number.wrapping_sub(self.first) as usize);
        // Far ahead is behind: numbers wrap around.
        let index = if ahead > self.segments.len() { 0 } else { ahead };
        let segment = self.first.wrapping_add(u32::try_from(index).expect("there are few segments"));
        let bytes = self.segments.get(index)?;
        let mut entries = Vec::new();
        let mut at = if index == 0 { self.head } else { 0 };
        while let Some(entry) = entry_at(bytes, at) {
            entries.push((Place { segment, offset: u32::try_from(at).expect("a segment is short") }, entry.to_vec()));
            at += LENGTH + entry.len();
        }
        Some((entries, segment.wrapping_add(1)))
    }

    /// Bytes written and not given back.
    pub(super) fn bytes(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }
}

fn entry_at(segment: &[u8], offset: usize) -> Option<&[u8]> {
    let (length, rest) = segment.get(offset..)?.split_first_chunk::<LENGTH>()?;
    rest.get(..u32::from_ne_bytes(*length) as usize)
}

#[cfg(test)]
mod tests {
    use super::Log;

    #[test]
    fn entries_leave_in_order_and_places_are_never_used_again() {
        let mut log = Log::new(4096);
        let mut places = Vec::new();
        for number in 0..500_u32 {
            let entry = vec![number as u8; 1 + number as usize % 90];
            while !log.has_room(entry.len()) {
                let (place, oldest) = log.pop().unwrap();
                let (expected_place, expected): (_, Vec<u8>) = places.remove(0);
                assert_eq!((place, oldest), (expected_place, expected));
            }
            places.push((log.push(&[&entry[..1], &entry[1..]]), entry));
            assert!(log.bytes() <= 4096);
            assert!(places.iter().all(|(place, entry)| log.get(*place) == Some(entry)));
        }
        let (gone, _) = log.pop().unwrap();
        while log.pop().is_some() {}
        assert_eq!((log.get(gone), log.bytes()), (None, 0));
    }

    #[test]
    fn what_is_larger_than_a_segment_never_fits() {
        let mut log = Log::new(4096);
        assert!(log.takes(1020) && log.has_room(1020));
        assert!(!log.takes(1021) && !log.has_room(1021));
        assert!(!Log::new(0).takes(0) && !Log::new(3).has_room(0));
        log.push(&[&[7; 10]]);
        assert_eq!(log.segment(None).unwrap().0[0].1, [7; 10]);
        assert!(log.segment(Some(1)).is_none());
    }
}
