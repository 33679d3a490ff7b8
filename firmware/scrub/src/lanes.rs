//! Eight bytes at once in one register, without carries from one to the next. The first byte is the lowest.

#[allow(unsafe_code, reason = "the one module with the processor's own instructions")]
mod simd;

mod marks;
mod wanted;

pub(crate) use marks::{BEFORE_LINK, Classes, MIN_RUN, Marks, Stretch, TOO_LONG, begins_word};
use wanted::{BLOCK, blocks};
pub(crate) use wanted::{SETS, WINDOW, Wanted, Windows, is_link};

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The highest bit of each byte that is less than `limit`, which is ASCII.
pub(crate) fn below(bytes: [u8; 8], limit: u8) -> u64 {
    let word = u64::from_le_bytes(bytes);
    !(((word & !HIGHS) + ONES * u64::from(0x80 - limit)) | word) & HIGHS
}

/// The highest bit of each byte that is a letter of ASCII.
pub(crate) fn letters(bytes: [u8; 8]) -> u64 {
    // Letters of both cases become 1 to 26.
    let numbers = ((u64::from_le_bytes(bytes) | (ONES * 0x20)) ^ (ONES * 0x60)).to_le_bytes();
    below(numbers, 27) & !below(numbers, 1)
}

/// The highest bit of each byte that is a digit.
pub(crate) fn digits(bytes: [u8; 8]) -> u64 {
    // The digits become 0 to 9, all else something above.
    below((u64::from_le_bytes(bytes) ^ (ONES * 0x30)).to_le_bytes(), 10)
}

/// The eight bytes of `text` at `at`; behind the text stand zeros.
#[inline]
pub(crate) fn eight(text: &[u8], at: usize) -> [u8; 8] {
    text.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or_else(|| last_eight(text, at))
}

#[cold]
fn last_eight(text: &[u8], at: usize) -> [u8; 8] {
    std::array::from_fn(|next| text.get(at + next).copied().unwrap_or(0))
}

/// The eight bytes of `text` before `at`; before the text stand zeros.
#[inline]
pub(crate) fn eight_before(text: &[u8], at: usize) -> [u8; 8] {
    let rest = &text[..at];
    let short = || std::array::from_fn(|place| (rest.len() + place).checked_sub(8).map_or(0, |at| rest[at]));
    rest.last_chunk().copied().unwrap_or_else(short)
}

/// How many bytes a mask marks from the first one on without a gap.
pub(crate) fn leading(mask: u64) -> usize {
    (!mask & HIGHS).trailing_zeros() as usize / 8
}

/// How many bytes a mask marks up to the last one without a gap.
pub(crate) fn trailing(mask: u64) -> usize {
    (!mask & HIGHS).leading_zeros() as usize / 8
}

/// Looks for the next byte of some kind again and again, and looks at each 64 bytes once.
pub(crate) struct Seeker<'a, M> {
    text: &'a [u8],
    mask_of: M,
    /// Where the bytes begin that were looked at last, and which of them are of the kind.
    start: usize,
    mask: u64,
}

/// From here no place is so near that its byte would have been looked at.
const NOWHERE: usize = usize::MAX - 63;

/// Looks for what is no ASCII, or is `byte`.
pub(crate) fn beyond(text: &[u8], byte: u8) -> Seeker<'_, impl Fn(&[u8; 64]) -> u64> {
    Seeker { text, mask_of: move |block: &_| simd::beyond(block, byte), start: NOWHERE, mask: 0 }
}

/// Looks for one of two bytes.
pub(crate) fn either(text: &[u8], bytes: [u8; 2]) -> Seeker<'_, impl Fn(&[u8; 64]) -> u64> {
    Seeker { text, mask_of: move |block: &_| simd::either(block, bytes), start: NOWHERE, mask: 0 }
}

impl<M: Fn(&[u8; 64]) -> u64> Seeker<'_, M> {
    /// The place of the next one at `at` or behind it; the text's end where there is none.
    #[inline]
    pub(crate) fn next(&mut self, mut at: usize) -> usize {
        loop {
            if at.wrapping_sub(self.start) >= 64 {
                if at >= self.text.len() {
                    return self.text.len();
                }
                self.look(at);
            }
            let mask = self.mask >> (at - self.start);
            if mask != 0 {
                return at + mask.trailing_zeros() as usize;
            }
            at = self.start + 64;
        }
    }

    fn look(&mut self, at: usize) {
        let rest = &self.text[at..];
        self.start = at;
        self.mask = match rest.first_chunk() {
            Some(block) => (self.mask_of)(block),
            None => (self.mask_of)(&padded(rest)) & ((1 << rest.len()) - 1),
        };
    }
}

/// Fewer than 64 bytes, and zeros behind them.
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..rest.len()].copy_from_slice(rest);
    block
}

#[cfg(test)]
mod tests {
    use super::{below, beyond, digits, eight, eight_before, either, leading, letters, trailing};

    #[test]
    fn each_byte_is_judged_by_itself() {
        for byte in 0..=u8::MAX {
            for (at, filler) in (0..8).flat_map(|at| [0, b'+', b'9', 0xFF].map(|filler| (at, filler))) {
                let mut bytes = [filler; 8];
                bytes[at] = byte;
                let marked = |is: fn(u8) -> bool| bytes.map(|byte| if is(byte) { 0x80 } else { 0 });
                assert_eq!(below(bytes, b'+').to_le_bytes(), marked(|byte| byte < b'+'));
                assert_eq!(letters(bytes).to_le_bytes(), marked(|byte| byte.is_ascii_alphabetic()));
                assert_eq!(digits(bytes).to_le_bytes(), marked(|byte| byte.is_ascii_digit()));
                let others = bytes.map(|byte| byte >= b'+');
                let count = |bytes: &mut dyn Iterator<Item = &bool>| bytes.take_while(|other| !**other).count();
                assert_eq!(leading(below(bytes, b'+')), count(&mut others.iter()));
                assert_eq!(trailing(below(bytes, b'+')), count(&mut others.iter().rev()));
            }
        }
    }

    #[test]
    fn eight_bytes_reach_beyond_both_ends() {
        let text = b"abcdefghijk";
        assert_eq!((eight(text, 0), eight(text, 9), eight(text, 20)), (*b"abcdefgh", *b"jk\0\0\0\0\0\0", [0; 8]));
        assert_eq!((eight_before(text, 11), eight_before(text, 2)), (*b"defghijk", *b"\0\0\0\0\0\0ab"));
    }

    #[test]
    fn the_next_byte_of_a_kind_is_found_from_anywhere() {
        let text = "some words, then é and more of them \\ and an ü; ".repeat(4);
        let text = text.as_bytes();
        let place =
            |from: usize, is: &dyn Fn(&u8) -> bool| text[from..].iter().position(is).map_or(text.len(), |at| from + at);
        let (mut seeker, mut one, mut two) = (beyond(text, b'\\'), beyond(text, 0x80), either(text, *b";,"));
        // Back as well, and over parts that nobody looked at.
        for from in (0..=text.len()).flat_map(|from| [from, text.len() - from, from * 67 % text.len()]) {
            assert_eq!(seeker.next(from), place(from, &|it| *it >= 0x80 || *it == b'\\'), "{from}");
            assert_eq!(one.next(from), place(from, &|it| *it >= 0x80), "{from}");
            assert_eq!(two.next(from), place(from, &|it| b";,".contains(it)), "{from}");
        }
    }
}
