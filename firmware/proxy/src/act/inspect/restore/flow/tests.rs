use std::net::{IpAddr, Ipv4Addr};

use gate_core::KindCount;
use proptest::prelude::*;

use super::{ANSWER_MAX, Book, FREE, Flow, PUSH_MAX};
use crate::act::inspect::budget::Budget;
use crate::act::inspect::restore::nest::Nest;
use crate::act::inspect::vault::tests::live;

const EMAIL: &str = "anna.meyer@acme-office.de";
const NAME: &str = "Anna \"the\\boss\"\nMeyer";

/// The placeholders of some values, and a book of 128 KiB beside what is free.
pub(in crate::act::inspect::restore) fn book(values: &[(&str, &str)]) -> (Book, Vec<String>) {
    let (live, tokens) = live(values);
    (Book::new(live, Budget::new(256 * 1024).charge(IpAddr::V4(Ipv4Addr::LOCALHOST))), tokens)
}

/// A text in pieces through a flow, with the placeholders of an address and of a name with all that needs an escape.
fn restored(nest: Nest, text: &str, cuts: &[usize]) -> (String, Vec<KindCount>) {
    let (mut book, tokens) = book(&[("email", EMAIL), ("name", NAME)]);
    let text = text.replace("EMAIL", &tokens[0]).replace("NAME", &tokens[1]);
    let (mut flow, mut out) = (Flow::new(nest), Vec::new());
    let mut at = 0;
    for cut in cuts.iter().map(|cut| cut % (text.len() + 1)).chain([text.len()]) {
        if cut > at {
            flow.push(&text.as_bytes()[at..cut], &mut book, &mut out);
            at = cut;
        }
        assert!(tokens.iter().any(|token| token.as_bytes().starts_with(flow.held())), "only a beginning is held");
    }
    flow.release(&mut out);
    (String::from_utf8(out).unwrap(), book.restored)
}

#[test]
fn values_come_back_escaped_for_their_place() {
    let deep = r#"Anna \\\"the\\\\boss\\\"\\nMeyer"#;
    let flat = r#"Anna \"the\\boss\"\nMeyer"#;
    let rows = [
        (Nest::json(), r#"{"a":"EMAIL","NAME":1}"#, format!(r#"{{"a":"{EMAIL}","{flat}":1}}"#)),
        (Nest::json(), r#"{"a":"{\"b\":\"NAME\"}"}"#, format!(r#"{{"a":"{{\"b\":\"{deep}\"}}"}}"#)),
        (Nest::json(), r#"{"a":"so: \"NAME\""}"#, format!(r#"{{"a":"so: \"{flat}\""}}"#)),
        (Nest::json(), r#"{"a":EMAIL}"#, format!(r#"{{"a":{}}}"#, live(&[("email", EMAIL)]).1[0])),
        (Nest::prose(), "dear NAME, EMAIL", format!("dear {NAME}, {EMAIL}")),
    ];
    for (nest, text, want) in rows {
        for size in 0..40 {
            let cuts: Vec<usize> = if size == 0 { Vec::new() } else { (0..400).map(|n| n * size).collect() };
            assert_eq!(
                restored(nest.clone(), text, &cuts[..cuts.len().min(200 / size.max(1))]).0,
                want,
                "{text} by {size}"
            );
        }
    }
}

#[test]
fn what_only_begins_like_one_is_released_when_it_is_none() {
    let ((mut book, tokens), mut out) = (book(&[("email", EMAIL)]), Vec::new());
    let mut flow = Flow::new(Nest::prose());
    for (piece, passed) in [("BERLIN", "BERLI"), ("", "BERLI"), ("G", "BERLI"), ("!", "BERLING!"), ("NGP", "BERLING!")]
    {
        flow.push(piece.as_bytes(), &mut book, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), passed);
    }
    flow.push(b"_EMAIL_", &mut book, &mut out);
    assert_eq!((out.len(), flow.held()), (8, &b"NGP_EMAIL_"[..]));
    flow.push(b"1", &mut book, &mut out);
    assert_eq!((String::from_utf8_lossy(&out).as_ref(), flow.held()), ("BERLING!NGP_EMAIL_1", &b""[..]));
    flow.push(&tokens[0].as_bytes()[..20], &mut book, &mut out);
    flow.release(&mut out);
    assert_eq!(String::from_utf8_lossy(&out), format!("BERLING!NGP_EMAIL_1{}", &tokens[0][..20]));
    assert_eq!(book.restored, []);
}

#[test]
fn an_answer_of_nothing_but_placeholders_does_not_grow_without_end() {
    let value = "x".repeat(4000);
    let (mut book, tokens) = book(&[("name", &value)]);
    let (mut flow, mut whole) = (Flow::new(Nest::prose()), 0);
    let text = tokens[0].repeat(PUSH_MAX / 4000 + 10);
    for _ in 0..ANSWER_MAX / PUSH_MAX + 2 {
        let mut out = Vec::new();
        book.begin();
        flow.push(text.as_bytes(), &mut book, &mut out);
        assert!(book.take_spent() && !book.take_spent(), "ten at least stay");
        assert!(out.len() <= PUSH_MAX + text.len() && out.ends_with(tokens[0].as_bytes()));
        whole += out.len();
    }
    assert!(whole <= ANSWER_MAX + (ANSWER_MAX / PUSH_MAX + 2) * text.len());
    assert!(usize::try_from(book.restored[0].count).unwrap() * 4000 <= ANSWER_MAX);
}

#[test]
fn what_is_kept_of_an_answer_is_paid_for() {
    let mut book = book(&[]).0;
    assert!(book.afford(FREE) && book.afford(100_000) && book.afford(1));
    assert!(!book.afford(200_000), "no client holds more than half");
    assert!(book.afford(100_000), "it was paid already");
}

proptest! {
    #[test]
    fn no_cut_changes_what_comes_out(cuts in prop::collection::vec(0_usize..400, 0..12)) {
        let text = r#"{"x":"NNGP_NGPEMAILEMAIL NAMEx","y":"{\"to\":\"NAME\",\"n\":\"EMAILS\"}","z":"NGP_EMAIL"}"#;
        let mut cuts = cuts;
        cuts.sort_unstable();
        let whole = restored(Nest::json(), text, &[]);
        prop_assert_eq!(whole.1.iter().map(|one| one.count).sum::<u32>(), 6);
        prop_assert_eq!(restored(Nest::json(), text, &cuts), whole);
    }
}
