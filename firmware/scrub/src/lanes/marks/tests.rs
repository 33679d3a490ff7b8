use std::ops::Range;

use proptest::prelude::*;

use super::{MIN_RUN, Marks, Stretch, TOO_LONG};
use crate::lanes::Wanted;

fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)
}

/// The stretches of `len` bytes or more that are all of some kind, one byte after another.
fn stretches(end: usize, len: usize, is: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let (mut all, mut start) = (Vec::new(), 0);
    for at in 0..=end {
        if at == end || !is(at) {
            all.extend((at - start >= len).then_some(start..at));
            start = at + 1;
        }
    }
    all
}

proptest! {
    #[test]
    fn runs_are_found_as_if_byte_by_byte(text in "([a+]{0,80}[ =é]){0,6}", from in 0_usize..200, len in 0_usize..300) {
        let text = text.as_bytes();
        let (from, len) = (from.min(text.len()), len.min(text.len()));
        let whole = |at: usize| text[at..].iter().take(MIN_RUN).filter(|byte| is_part(**byte)).count() == MIN_RUN;
        let end = |at: usize| at + text[at..].iter().take_while(|byte| is_part(**byte)).count();
        let plain = (from..text.len()).find(|at| whole(*at)).map(|at| at..end(at).min(len));
        let plain = plain.filter(|run| run.start + MIN_RUN <= run.end);
        prop_assert_eq!(Marks::of(text, &Wanted::default()).run_from(from, len), plain);
    }

    #[test]
    fn characters_around_a_place_are_found_as_if_byte_by_byte(text in "([a+]{0,80}[ =é]){0,20}", at in 0_usize..400) {
        let text = text.as_bytes();
        let at = at % text.len().max(1);
        let marks = Marks::of(text, &Wanted::default());
        for len in [15, 40, 51, 70] {
            let found: Vec<_> = marks.stretches(Stretch::Run, len, text.len()).collect();
            prop_assert_eq!(found, stretches(text.len(), len, |at| is_part(text[at])));
        }
        let end = (at + 70).min(text.len());
        let mut words = Vec::new();
        marks.words_in(at..end, |at| words.push(at));
        let letter = |at: usize| text[at].is_ascii_alphabetic();
        let begin: Vec<usize> = (at..end).filter(|at| letter(*at) && !(*at > 0 && letter(at - 1))).collect();
        prop_assert_eq!(words, begin);
        let lead = (at..text.len()).find(|at| text[*at] >= 0xC0);
        prop_assert_eq!(marks.lead_from(at), lead);
    }

    #[test]
    fn words_are_no_row_if_something_breaks_it(text in "([a-c]{1,4}|[a-c]{3,11}|[ .1]{1,10}|[%é ]){0,80}") {
        let text = text.as_bytes();
        let letter = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphabetic);
        let begins = |at: usize| letter(at) && !(at > 0 && letter(at - 1));
        // A letter or two that a block ends with may go on.
        let short = |at: usize| begins(at) && !(letter(at + 1) || at % 64 == 63) | !(letter(at + 2) || at % 64 > 61);
        let alike = |at: usize, is: bool| (0..TOO_LONG as usize).all(|back| at.checked_sub(back).map_or(!is, |at| letter(at) == is));
        let sign = |at: usize| text[at] >= 0xC0 || text[at] == b'%';
        let breaks = |at: usize| at < text.len() && (short(at) || alike(at, true) || alike(at, false) || sign(at));
        let marks = Marks::of(text, &Wanted::default());
        for len in [15, 30, 44, 60] {
            let found: Vec<_> = marks.stretches(Stretch::Words, len, text.len()).collect();
            prop_assert_eq!(found, stretches(text.len(), len, |at| !breaks(at)));
        }
    }
}
