use proptest::prelude::*;

use super::{Anchors, Draft};
use crate::lanes::{Marks, begins_word};

/// A pack of rules with these anchors, each a keyword, so that nothing is known of what follows; all `begin_words` or none.
fn anchors(anchors: &[(String, bool)], begin_words: bool) -> Anchors {
    let mut draft = Draft::default();
    let rule = |at: usize, (anchor, ignore_case): &(String, bool)| {
        let anchor = toml::Value::from(anchor.as_str());
        format!(
            "[[rule]]\nid = \"r{at}\"\nname = \"\"\nkind = \"k\"\nseverity = \"low\"\naction = \"alert\"\nanchors = [{anchor}]\n\
             ignore_case = {ignore_case}\nlead = '(?s:.*)'\npattern = 'x'\nmatch = ['', '', '']\nno_match = ['', '', '']\n"
        )
    };
    let rules: Vec<String> = anchors.iter().enumerate().map(|(at, anchor)| rule(at, anchor)).collect();
    let file: crate::pack::source::RawFile =
        toml::from_str(&format!("kb = \"kb1-secrets\"\n{}", rules.concat())).unwrap();
    let compile = |raw: toml::Spanned<crate::pack::source::RawRule>| {
        crate::pack::Rule::compile(raw.into_inner(), file.kb, crate::pack::Alphabet::Ascii).unwrap()
    };
    let rules: Vec<_> = file.rules.into_iter().map(compile).collect();
    anchors
        .iter()
        .enumerate()
        .for_each(|(at, (anchor, ignore_case))| draft.add(anchor, *ignore_case, begin_words, at, None));
    draft.finish(&rules)
}

/// Rule numbers and places, in order.
fn found(anchors: &Anchors, text: &[u8]) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    let marks = Marks::of(text, anchors.wanted());
    anchors.find(text, &marks, |literal, at| all.extend(literal.rules().iter().map(|rule| (*rule, at))));
    all.sort_unstable();
    all
}

fn searched(anchors: &[(String, bool)], text: &[u8]) -> Vec<(usize, usize)> {
    let mut all = Vec::new();
    for (number, (anchor, ignore_case)) in anchors.iter().enumerate() {
        let is = |window: &[u8]| {
            window == anchor.as_bytes() || *ignore_case && window.eq_ignore_ascii_case(anchor.as_bytes())
        };
        all.extend(text.windows(anchor.len()).enumerate().filter(|it| is(it.1)).map(|(at, _)| (number, at)));
    }
    all.sort_unstable();
    all
}

#[test]
fn a_literal_is_found_at_both_ends_of_a_text() {
    let literals = ["k", "ke", "key", "keys", "keyst", "é"].map(|word| (word.to_owned(), true));
    let anchors = anchors(&literals, false);
    for text in ["k", "KE", "key", "kEys", "keyst", "a keyst", "é", "xé", "", "e"] {
        assert_eq!(found(&anchors, text.as_bytes()), searched(&literals, text.as_bytes()), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn all_that_stands_in_a_text_is_found(
        literals in prop::collection::vec(("[aAbB=@ é]{1,7}", any::<bool>()), 1..12),
        text in "[aAbBc=@ é\\n]{0,80}",
    ) {
        prop_assert_eq!(found(&anchors(&literals, false), text.as_bytes()), searched(&literals, text.as_bytes()));
    }

    #[test]
    fn what_begins_a_word_is_found_where_words_begin(
        literals in prop::collection::vec(("[abAB1= ]{1,11}", any::<bool>()), 1..12),
        text in "[abAB1= ]{0,90}",
    ) {
        let text = text.as_bytes();
        let begins = |place: &(usize, usize)| {
            let sign = !literals[place.0].0.as_bytes()[0].is_ascii_alphanumeric();
            sign || begins_word(if place.1 == 0 { b' ' } else { text[place.1 - 1] }, text[place.1], false)
        };
        let only = |mut all: Vec<(usize, usize)>| {
            all.retain(begins);
            all
        };
        prop_assert_eq!(only(found(&anchors(&literals, true), text)), only(searched(&literals, text)));
    }
}
