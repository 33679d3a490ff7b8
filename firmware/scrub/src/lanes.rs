//! Eight bytes at once in one register, without carries from one to the next. The first byte is the lowest.

#[allow(unsafe_code, reason = "the one module with the processor's own instructions")]
mod simd;

mod marks;
mod wanted;

pub(crate) use marks::{Classes, MIN_RUN, Marks, TOO_LONG, begins_word};
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

/// The place of the first byte of `text` at `from` or later that is no ASCII, or is `byte`.
pub(crate) fn next_beyond(text: &[u8], from: usize, byte: u8) -> Option<usize> {
    let (blocks, rest) = text[from..].as_chunks::<64>();
    let place = |mask: u64| mask.trailing_zeros() as usize;
    for (index, block) in blocks.iter().enumerate() {
        let mask = simd::beyond(block, byte);
        if mask != 0 {
            return Some(from + 64 * index + place(mask));
        }
    }
    let start = text.len() - rest.len();
    let mask = simd::beyond(&padded(rest), byte) & ((1_u64 << rest.len()) - 1);
    (mask != 0).then(|| start + place(mask))
}

/// Fewer than 64 bytes, and zeros behind them.
fn padded(rest: &[u8]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..rest.len()].copy_from_slice(rest);
    block
}

/// The four bytes of `text` at `at`, the first one the lowest; nothing stands behind the text.
#[inline]
pub(crate) fn four(text: &[u8], at: usize) -> u32 {
    text[at..].first_chunk().map_or_else(
        || text[at..].iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)),
        |four| u32::from_le_bytes(*four),
    )
}

#[cfg(test)]
mod tests {
    use super::{below, digits, eight, eight_before, leading, letters, next_beyond, trailing};

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
    fn the_next_byte_beyond_ascii_is_found_from_anywhere() {
        let text = "some words, then é and more of them \\ and an ü; ".repeat(4);
        let text = text.as_bytes();
        for (from, byte) in (0..=text.len()).flat_map(|from| [(from, 0x80), (from, b'\\')]) {
            let beyond = |it: &u8| *it >= 0x80 || *it == byte;
            let plain = text[from..].iter().position(beyond).map(|at| from + at);
            assert_eq!(next_beyond(text, from, byte), plain, "{from}");
        }
    }
}
