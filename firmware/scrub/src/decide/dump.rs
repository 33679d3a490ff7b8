//! Dumps of bytes and tables of numbers, in which some groups look like a telephone number or a card.

/// So many groups beside a number make a row of it.
const ROW: usize = 2;

/// Bytes of a card's number that is printed.
const CARD: usize = 17;

/// Whether the number that is printed in groups from `start` to `end` stands in a row of more such groups.
pub(super) fn is_in_dump(text: &[u8], start: usize, end: usize) -> bool {
    let mut groups = text[start..end].split(|byte| *byte == b' ').map(<[u8]>::len);
    let (Some(first), Some(last)) = (groups.next(), groups.next_back()) else { return false };
    let is_group = |at, len| is_group(text, at, len, end - start >= CARD);
    let before = (1..=ROW).map_while(|index| start.checked_sub(index * (first + 1)));
    let before = before.take_while(|at| is_group(*at, first) && text[at + first] == b' ').count();
    let after = (0..ROW).map(|index| end + index * (last + 1) + 1);
    let after = after.take_while(|at| text.get(at - 1) == Some(&b' ') && is_group(*at, last)).count();
    before + after >= ROW
}

/// Whether a group of so many hexadecimal digits stands at `at`; beside a card, four without a letter may well be
/// another card's.
fn is_group(text: &[u8], at: usize, len: usize, card: bool) -> bool {
    let Some(group) = text.get(at..at + len) else { return false };
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let plain = !card || len != 4 || group.iter().any(u8::is_ascii_alphabetic);
    let alone = ends(at.checked_sub(1).and_then(|before| text.get(before))) && ends(text.get(at + len));
    len > 1 && plain && alone && group.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use super::is_in_dump;

    #[test]
    fn groups_in_a_row_of_more_are_a_dump() {
        // The number stands between brackets.
        let rows = [
            ("<Buffer a0 8b [01 17 96 80 04]>", true),
            ("[08 00 00 00 00] 00  50 5e 37", false),
            ("70 ce [08 00 00 00 00] 00  50", true),
            ("[01 17 96 80 04] 73 37", true),
            ("54E8 [5546 5531 5617 5968] 59BE", true),
            ("54E8 [5546 5531 5617 5968]", false),
            ("call [01 70 18 46 25] at 10", false),
            ("le [06 39 98 12 34] de 9h", false),
            ("4111 1111 1111 1111 [5555 5555 5555 4444]", false),
            ("8901 [0169 2081 0221] 3079 0444", true),
            ("[06.39.98.12.34] 12 13", false),
            ("12 13 [0639981234]", false),
        ];
        for (text, wanted) in rows {
            let (before, rest) = text.split_once('[').unwrap();
            let (number, after) = rest.split_once(']').unwrap();
            let whole = [before, number, after].concat();
            assert_eq!(is_in_dump(whole.as_bytes(), before.len(), before.len() + number.len()), wanted, "{text}");
        }
    }
}
