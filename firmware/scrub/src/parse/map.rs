//! Where each byte of a derived text came from.

use std::ops::Range;

/// Marks a piece that stands for nothing in the origin.
const GLUE: usize = usize::MAX;

/// A map from a derived text back to its origin, as pieces in rising order. **Invariant:** within each piece either
/// every byte maps one to one, or the whole piece stands for one unit of the origin (an escape, a folded character).
#[derive(Clone, Debug, Default)]
pub(crate) struct Map {
    pieces: Vec<Piece>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// First byte in the derived text.
    at: usize,
    /// First byte in the origin.
    origin: usize,
    /// 0: one to one; `GLUE`: no origin; else the length of the unit in the origin.
    unit: usize,
}

impl Map {
    /// An empty map with room for so many pieces.
    pub(crate) fn with_capacity(pieces: usize) -> Self {
        Self { pieces: Vec::with_capacity(pieces), len: 0 }
    }

    /// Appends `len` bytes that map one to one.
    pub(crate) fn linear(&mut self, origin: usize, len: usize) {
        if len == 0 {
            return;
        }
        let joins =
            self.pieces.last().is_some_and(|last| last.unit == 0 && last.origin + (self.len - last.at) == origin);
        if !joins {
            self.pieces.push(Piece { at: self.len, origin, unit: 0 });
        }
        self.len += len;
    }

    /// Appends `len` bytes that together stand for `origin`.
    pub(crate) fn unit(&mut self, origin: Range<usize>, len: usize) {
        if len > 0 {
            self.pieces.push(Piece { at: self.len, origin: origin.start, unit: origin.len().max(1) });
            self.len += len;
        }
    }

    /// Appends `len` bytes that stand for nothing.
    pub(crate) fn glue(&mut self, len: usize) {
        if len > 0 {
            self.pieces.push(Piece { at: self.len, origin: 0, unit: GLUE });
            self.len += len;
        }
    }

    /// Appends what `from` says of `range`, which keeps the pieces of a map that is itself derived.
    pub(crate) fn splice(&mut self, from: &Self, range: Range<usize>) {
        let mut at = range.start;
        let mut index = from.index_of(at);
        while at < range.end {
            let piece = from.pieces[index];
            let end = from.end_of_piece(index).min(range.end);
            match piece.unit {
                0 => self.linear(piece.origin + (at - piece.at), end - at),
                GLUE => self.glue(end - at),
                unit => self.unit(piece.origin..piece.origin + unit, end - at),
            }
            at = end;
            index += 1;
        }
    }

    /// The origin of the non-empty range `start..end`. A range that crosses glue is cut to its longest stretch
    /// without; glue alone has no origin.
    pub(crate) fn origin(&self, start: usize, end: usize) -> Option<Range<usize>> {
        let (start, end) = self.without_glue(start, end)?;
        let (first, last) = (self.index_of(start), self.index_of(end - 1));
        let from = match self.pieces[first].unit {
            0 => self.pieces[first].origin + (start - self.pieces[first].at),
            _ => self.pieces[first].origin,
        };
        let to = match self.pieces[last].unit {
            0 => self.pieces[last].origin + (end - self.pieces[last].at),
            unit => self.pieces[last].origin + unit,
        };
        Some(from..to)
    }

    /// Where the derived byte `at` begins in the origin, or the first one after it that stands for something there; one
    /// past the end, where the origin ends.
    pub(crate) fn start_of(&self, at: usize) -> usize {
        let first = if at < self.len { self.index_of(at) } else { self.pieces.len() };
        match self.pieces[first..].iter().find(|piece| piece.unit != GLUE) {
            Some(piece) if piece.unit == 0 => piece.origin + at.saturating_sub(piece.at),
            Some(piece) => piece.origin,
            None => self.origin_end(),
        }
    }

    fn origin_end(&self) -> usize {
        let last = self.pieces.iter().enumerate().rfind(|(_, piece)| piece.unit != GLUE);
        last.map_or(0, |(index, piece)| match piece.unit {
            0 => piece.origin + (self.end_of_piece(index) - piece.at),
            unit => piece.origin + unit,
        })
    }

    /// Where the derived byte `at` begins in the origin, and how many bytes of the same unit stand before it.
    pub(crate) fn place(&self, at: usize) -> (usize, usize) {
        match self.pieces.get(self.index_of(at)) {
            Some(piece) if piece.unit == 0 => (piece.origin + (at - piece.at), 0),
            Some(piece) => (piece.origin, at - piece.at),
            None => (at, 0),
        }
    }

    /// The first derived byte whose origin is `origin` or later. Only for maps without glue and in rising order.
    pub(crate) fn derived(&self, origin: usize) -> usize {
        let index = self.pieces.partition_point(|piece| piece.origin < origin);
        let next = self.pieces.get(index).map_or(self.len, |piece| piece.at);
        match index.checked_sub(1).map(|before| self.pieces[before]) {
            Some(piece) if piece.unit == 0 => (piece.at + (origin - piece.origin)).min(next),
            _ => next,
        }
    }

    /// The end of the stretch around `at` that no glue interrupts.
    pub(crate) fn stretch_end(&self, at: usize) -> usize {
        let rest = self.pieces.get(self.index_of(at)..).unwrap_or_default();
        rest.iter().find(|piece| piece.unit == GLUE).map_or(self.len, |piece| piece.at)
    }

    fn without_glue(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let mut best: Option<(usize, usize)> = None;
        let mut run: Option<(usize, usize)> = None;
        let mut index = self.index_of(start);
        while index < self.pieces.len() && self.pieces[index].at < end {
            let (from, to) = (self.pieces[index].at.max(start), self.end_of_piece(index).min(end));
            run = if self.pieces[index].unit == GLUE { None } else { Some((run.map_or(from, |r| r.0), to)) };
            if run.is_some_and(|(from, to)| best.is_none_or(|(f, t)| to - from > t - f)) {
                best = run;
            }
            index += 1;
        }
        best
    }

    fn index_of(&self, at: usize) -> usize {
        self.pieces.partition_point(|piece| piece.at <= at).saturating_sub(1)
    }

    fn end_of_piece(&self, index: usize) -> usize {
        self.pieces.get(index + 1).map_or(self.len, |next| next.at)
    }
}

#[cfg(test)]
mod tests {
    use super::Map;

    #[test]
    fn units_are_never_split() {
        let mut map = Map::default();
        map.linear(10, 3);
        map.unit(13..19, 1);
        map.linear(19, 2);
        assert_eq!(map.origin(0, 6), Some(10..21));
        assert_eq!(map.origin(3, 4), Some(13..19));
        assert_eq!(map.origin(4, 5), Some(19..20));
        assert_eq!((map.derived(12), map.derived(13), map.derived(15), map.derived(20)), (2, 3, 4, 5));
    }

    #[test]
    fn ranges_are_cut_at_glue_and_the_longest_stretch_stays() {
        let mut map = Map::default();
        map.linear(1, 3);
        map.glue(4);
        map.linear(7, 5);
        assert_eq!(map.origin(1, 12), Some(7..12));
        assert_eq!(map.origin(0, 8), Some(1..4));
        assert_eq!(map.origin(3, 7), None);
        assert_eq!((map.stretch_end(1), map.stretch_end(8)), (3, 12));
    }

    #[test]
    fn a_spliced_map_keeps_units_and_glue() {
        let mut inner = Map::default();
        inner.linear(5, 2);
        inner.unit(7..9, 1);
        inner.glue(1);
        inner.linear(9, 4);
        let mut outer = Map::default();
        outer.splice(&inner, 1..6);
        assert_eq!(outer.origin(0, 2), Some(6..9));
        assert_eq!(outer.origin(3, 5), Some(9..11));
        assert_eq!(outer.origin(2, 3), None);
    }
}
