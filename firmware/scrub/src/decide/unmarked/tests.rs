use super::{Run, base58check, mnemonic};
use crate::lanes::{Marks, Wanted};

/// Drawn for these tests; the checksum holds.
const PHRASE: &str = "joy fame occur bulb fetch theme stuff flush vivid jazz alcohol betray";
const KEY: &str = "KySwrVbCoc5jM4AkxXEhLDveMYLjk52u5TXKG2RHbfNn8V93t7He";

fn phrases(text: &[u8]) -> impl Iterator<Item = Run> {
    let marks = Marks::of(text, &Wanted::default());
    super::phrases(text, &marks).collect::<Vec<_>>().into_iter()
}

fn base58_runs(text: &[u8]) -> impl Iterator<Item = Run> {
    let marks = Marks::of(text, &Wanted::default());
    super::base58_runs(text, &marks).collect::<Vec<_>>().into_iter()
}

fn found(runs: impl Iterator<Item = Run>) -> Vec<(usize, usize, bool)> {
    runs.map(|run| (run.range.start, run.range.end, run.grows)).collect()
}

#[test]
fn a_run_is_met_wherever_it_stands_between_the_probes() {
    for before in 0..100 {
        let text = format!("{}, {PHRASE} & {}", "No1 ".repeat(before), "aB ".repeat(before % 7));
        let start = 4 * before + 2;
        assert_eq!(found(phrases(text.as_bytes())), [(start, start + PHRASE.len(), false)]);
        let text = format!("{} {PHRASE} ... {KEY}!", "-".repeat(before));
        let (start, end) = (before + 1, before + 1 + PHRASE.len());
        assert_eq!(found(phrases(text.as_bytes())), [(start, end, false)]);
        assert_eq!(found(base58_runs(text.as_bytes())), [(end + 5, end + 5 + KEY.len(), false)]);
    }
}

#[test]
fn a_run_at_the_end_of_the_text_may_grow() {
    for rest in ["", " ", " ab", ", aband", "\n12. "] {
        let text = format!("{PHRASE}{rest}");
        assert_eq!(found(phrases(text.as_bytes())), [(0, PHRASE.len(), true)], "{rest}");
    }
    assert_eq!(found(phrases(format!("{PHRASE} - and").as_bytes())), [(0, PHRASE.len(), true)]);
    assert_eq!(found(phrases(format!("{PHRASE} & more").as_bytes())), [(0, PHRASE.len(), false)]);
    assert_eq!(found(base58_runs(KEY.as_bytes())), [(0, KEY.len(), true)]);
}

#[test]
fn longer_runs_of_letters_and_words_that_are_joined_are_none() {
    assert_eq!(found(base58_runs(format!("{KEY}a1").as_bytes())), []);
    assert_eq!(found(base58_runs("q7".repeat(400).as_bytes())), []);
    assert_eq!(found(phrases(PHRASE.replace(' ', "_").as_bytes())), []);
    assert_eq!(found(phrases(PHRASE.replace(' ', "").as_bytes())), []);
}

#[test]
fn a_mnemonic_was_drawn_and_has_its_checksum_or_its_form() {
    let mut words: Vec<&str> = PHRASE.split(' ').collect();
    assert!(mnemonic(PHRASE.as_bytes()) && mnemonic(PHRASE.to_uppercase().as_bytes()));
    assert!(mnemonic(words.join(", ").as_bytes()), "the checksum holds");
    let wrong = if words[0] == "zebra" { "zone" } else { "zebra" };
    let first = std::mem::replace(&mut words[0], wrong);
    assert!(mnemonic(words.join(" ").as_bytes()), "twelve words in a line");
    words[0] = first;
    assert!(!mnemonic(words[..11].join(" ").as_bytes()));
    words.sort_unstable();
    assert!(!mnemonic(words.join(" ").as_bytes()), "a list");
    assert!(!mnemonic("abandon ".repeat(11).as_bytes()), "hardly a draw");
    assert!(!mnemonic(format!("{PHRASE} ").repeat(4).as_bytes()), "too long");
}

#[test]
fn a_wrong_character_breaks_the_checksum_of_a_key() {
    assert!(base58check(KEY.as_bytes()));
    for at in 0..KEY.len() {
        let other = if KEY.as_bytes()[at] == b'7' { "8" } else { "7" };
        let mut wrong = KEY.to_owned();
        wrong.replace_range(at..=at, other);
        assert!(!base58check(wrong.as_bytes()), "{at}");
    }
    assert!(!base58check(b"") && !base58check(b"1111") && !base58check("0OIl".as_bytes()));
}
