//! Eight bytes at once in one register, without carries from one to the next. The first byte is the lowest.

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// The highest bit of each byte that is less than `limit`, which is ASCII.
pub(crate) fn below(bytes: [u8; 8], limit: u8) -> u64 {
    let word = u64::from_le_bytes(bytes);
    !(((word & !HIGHS) + ONES * u64::from(0x80 - limit)) | word) & HIGHS
}

/// The highest bit of each byte that is an ASCII digit.
pub(crate) fn digits(bytes: [u8; 8]) -> u64 {
    below((u64::from_le_bytes(bytes) ^ (ONES * u64::from(b'0'))).to_le_bytes(), 10)
}

/// The place of the last byte that a mask marks.
pub(crate) fn last(mask: u64) -> Option<usize> {
    (mask != 0).then(|| 7 - mask.leading_zeros() as usize / 8)
}

/// The place of the first byte of `text` at `from` or later that is no ASCII.
pub(crate) fn next_high(text: &[u8], from: usize) -> Option<usize> {
    let (words, tail) = text[from..].as_chunks::<8>();
    let plain = words.iter().take_while(|bytes| u64::from_le_bytes(**bytes) & HIGHS == 0).count() * 8;
    let rest = words.get(plain / 8).map_or(tail, <[u8; 8]>::as_slice);
    rest.iter().position(|byte| !byte.is_ascii()).map(|at| from + plain + at)
}

#[cfg(test)]
mod tests {
    use super::{below, digits, last, next_high};

    #[test]
    fn each_byte_is_judged_by_itself() {
        for byte in 0..=u8::MAX {
            for (at, filler) in (0..8).flat_map(|at| [0, b'+', b'9', 0xFF].map(|filler| (at, filler))) {
                let mut bytes = [filler; 8];
                bytes[at] = byte;
                let marked = |is: fn(u8) -> bool| bytes.map(|byte| if is(byte) { 0x80 } else { 0 });
                assert_eq!(below(bytes, b'+').to_le_bytes(), marked(|byte| byte < b'+'));
                assert_eq!(digits(bytes).to_le_bytes(), marked(|byte| byte.is_ascii_digit()));
                assert_eq!(last(digits(bytes)), bytes.iter().rposition(u8::is_ascii_digit));
            }
        }
    }

    #[test]
    fn the_next_byte_beyond_ascii_is_found_from_anywhere() {
        let text = "some words, then é and more of them and an ü".as_bytes();
        for from in 0..=text.len() {
            let plain = text[from..].iter().position(|byte| *byte >= 0x80).map(|at| from + at);
            assert_eq!(next_high(text, from), plain, "{from}");
        }
    }
}
