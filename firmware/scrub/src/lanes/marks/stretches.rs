//! Stretches of a text that are all of one kind, found by the marks of eight bytes at once.

use std::ops::Range;

use super::{GROUP, Marks, Sort};

/// Bytes that the masks of one group are of.
const GROUP_BYTES: usize = 64 * GROUP;
// A lane for each eight of them is a bit of one word.
const _: () = assert!(GROUP_BYTES == 8 * u64::BITS as usize);

/// Bytes of the shortest run of base64 that [`Marks::run_from`] finds: eight bytes, the shortest password that is worth
/// hiding, have so many.
pub(crate) const MIN_RUN: usize = 11;

/// What a stretch is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// Characters of base64.
    Run,
    /// What may be words of three to eight letters with at most as many other bytes between them.
    Words,
}

impl Marks {
    /// The stretches of at least `len` bytes, which is 15 or more, in the first `end` bytes. All are as long as they can be.
    pub(crate) fn stretches(&self, kind: Stretch, len: usize, end: usize) -> impl Iterator<Item = Range<usize>> {
        // However a stretch lies, so many times eight bytes of it have a lane of their own.
        let lanes = (len - 7) / 8;
        let (mut number, mut at) = (0, 0);
        let (mut full, mut next) = (self.full_lanes(kind, 0), self.full_lanes(kind, 1));
        std::iter::from_fn(move || {
            loop {
                if number >= self.groups.len() {
                    return None;
                }
                // What was looked at belongs to no other stretch.
                let left = u64::MAX
                    .checked_shl((at.max(GROUP_BYTES * number) - GROUP_BYTES * number).div_ceil(8) as u32)
                    .unwrap_or(0);
                let begin = (1..lanes).fold(full, |all, step| all & (full >> step | next << (64 - step))) & left;
                if begin == 0 {
                    (number, full) = (number + 1, next);
                    next = self.full_lanes(kind, number + 1);
                    continue;
                }
                let first = GROUP_BYTES * number + 8 * begin.trailing_zeros() as usize;
                let stretch = self.stretch_start(kind, first).max(at)..self.stretch_end(kind, first).min(end);
                at = stretch.end.max(first + 8);
                if stretch.len() >= len {
                    return Some(stretch);
                }
            }
        })
    }

    /// Which eights of bytes of a group belong to stretches with all of their bytes.
    #[inline]
    fn full_lanes(&self, kind: Stretch, number: usize) -> u64 {
        const SEVEN: u64 = u64::from_ne_bytes([0x7F; 8]);
        let Some(sorts) = self.groups.get(number) else { return 0 };
        let (masks, flip) = match kind {
            Stretch::Run => (&sorts[Sort::Runs as usize], u64::MAX),
            Stretch::Words => (&sorts[Sort::Breaks as usize], 0),
        };
        masks.iter().rev().fold(0, |lanes, mask| {
            let others = mask ^ flip;
            // The highest bit of each byte that is zero, and then these bits together.
            let zeros = !(((others & SEVEN) + SEVEN) | others | SEVEN);
            lanes << 8 | (zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
        })
    }

    /// The mask of the bytes that belong to stretches, of the 64 with a number.
    fn inside(&self, kind: Stretch, index: usize) -> u64 {
        match kind {
            Stretch::Run => self.mask(Sort::Runs, index),
            Stretch::Words if index < self.blocks() => !self.mask(Sort::Breaks, index),
            Stretch::Words => 0,
        }
    }

    /// Where the stretch that has `at` begins.
    fn stretch_start(&self, kind: Stretch, at: usize) -> usize {
        let (mut index, bit) = (at / 64, at % 64);
        let mut others = !self.inside(kind, index) & ((1 << bit) - 1);
        while others == 0 {
            if index == 0 {
                return 0;
            }
            index -= 1;
            others = !self.inside(kind, index);
        }
        64 * index + 64 - others.leading_zeros() as usize
    }

    /// Where the stretch that has `from` ends.
    fn stretch_end(&self, kind: Stretch, from: usize) -> usize {
        let mut index = from / 64;
        let mut others = !self.inside(kind, index) & u64::MAX << (from % 64);
        while others == 0 {
            index += 1;
            others = !self.inside(kind, index);
        }
        64 * index + others.trailing_zeros() as usize
    }

    /// The first stretch of [`MIN_RUN`] or more characters of base64 at `from` or behind it, in the first `len` bytes.
    pub(crate) fn run_from(&self, from: usize, len: usize) -> Option<Range<usize>> {
        let block = |index: usize| self.mask(Sort::Runs, index);
        let mut after = u64::MAX << (from % 64);
        for index in from / 64..self.blocks() {
            let mask = runs(block(index), block(index + 1)) & after;
            if mask != 0 {
                let start = 64 * index + mask.trailing_zeros() as usize;
                let end = self.stretch_end(Stretch::Run, start + MIN_RUN).min(len);
                return (start + MIN_RUN <= end).then_some(start..end);
            }
            after = u64::MAX;
        }
        None
    }
}

/// Where [`MIN_RUN`] ones begin in a mask that goes on with another.
fn runs(mask: u64, next: u64) -> u64 {
    let (mut mask, mut next) = (mask, next);
    for step in [1, 2, 4, MIN_RUN as u32 - 8] {
        // What the upper bits of `next` are does not matter: no run of the first mask reaches there.
        mask &= mask >> step | next << (64 - step);
        next &= next >> step;
    }
    mask
}
