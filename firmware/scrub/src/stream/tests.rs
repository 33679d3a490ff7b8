use gate_core::Finding;
use proptest::prelude::*;

use super::{MAX_HELD, MAX_STEP, Stream};
use crate::Limits;
use crate::scan::evasions::DISGUISES;
use crate::scan::tests::SCANNER;

fn streamed(text: &[u8], chunks: impl Iterator<Item = usize>) -> Vec<Finding> {
    let mut stream = SCANNER.stream();
    let mut findings = Vec::new();
    let mut rest = text;
    for len in chunks {
        let (chunk, after) = rest.split_at(len.min(rest.len()));
        findings.extend(stream.push(chunk).unwrap());
        rest = after;
    }
    findings.extend(stream.push(rest).unwrap());
    findings.extend(stream.finish().unwrap());
    findings
}

fn whole(text: &[u8]) -> Vec<Finding> {
    SCANNER.text(text, &Limits::default()).unwrap()
}

#[test]
fn every_example_is_found_in_single_bytes() {
    let mut differing = Vec::new();
    for (rule, text) in SCANNER.pack().examples() {
        let text = format!("some words before it, then {text} and words after it, which go on for a while.");
        if streamed(text.as_bytes(), std::iter::repeat_n(1, text.len())) != whole(text.as_bytes()) {
            differing.push(rule.to_owned());
        }
    }
    assert!(differing.is_empty(), "{differing:?}");
}

#[test]
fn findings_come_as_soon_as_they_are_certain() {
    let mut stream = SCANNER.stream();
    assert_eq!(stream.push(b"mail anna.meyer@example.org now"), Ok(vec![]));
    let findings = stream
        .push(" and some other words that follow it without anything of note in them".repeat(4).as_bytes())
        .unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!((findings[0].start, findings[0].end), (5, 27));
    assert_eq!(stream.finish(), Ok(vec![]));
}

#[test]
fn what_is_held_is_bounded() {
    let texts = [
        "QUFBQUFB",
        "-----BEGIN PRIVATE KEY-----\nMIIEP1wOPN1zSqJfiMmGmJwW",
        "\u{200B}",
        "\\",
        "%25",
        "a.b@c.",
        "4111 ",
    ];
    for text in texts {
        let mut stream: Stream = SCANNER.stream();
        for _ in 0..40 {
            stream.push(text.repeat(8 << 10).as_bytes()).unwrap();
            assert!(stream.held() <= 2 * MAX_HELD + MAX_STEP, "{} bytes held of {text:?}", stream.held());
        }
    }
}

#[test]
fn a_run_longer_than_the_hold_is_read_in_parts() {
    let mut text = "A sentence that is readable. ".repeat(12_000);
    text.insert_str(40_000, " mail anna.meyer@example.org ");
    text.insert_str(200_000, " mail b.meyer@example.org ");
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &text);
    let found = |findings: &[Finding]| findings.iter().filter(|finding| finding.kind == "email").count();
    assert_eq!(found(&streamed(encoded.as_bytes(), std::iter::repeat_n(1000, 1000))), 2);
    assert_eq!(
        streamed(encoded.as_bytes(), std::iter::repeat_n(777, 1000)),
        streamed(encoded.as_bytes(), std::iter::once(400_000))
    );
}

fn piece() -> impl Strategy<Value = String> {
    let examples: Vec<String> = SCANNER.pack().examples().map(|(_, text)| text.to_owned()).collect();
    let disguised = (prop::sample::select(DISGUISES), prop::sample::select(examples.clone()));
    prop_oneof![
        4 => prop::sample::select(examples),
        4 => disguised.prop_map(|(disguise, text)| disguise.of(&text)),
        2 => "[ -~]{0,60}",
        1 => ".{0,20}",
        1 => Just("\n".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn findings_do_not_depend_on_the_cut(
        parts in prop::collection::vec(piece(), 1..8),
        glue in prop::sample::select(vec!["", " ", "\n", "\", \"", "\\n"]),
        cuts in prop::collection::vec(1_usize..200, 0..60),
    ) {
        let text = parts.join(glue);
        let expected = whole(text.as_bytes());
        prop_assert_eq!(streamed(text.as_bytes(), cuts.iter().copied()), expected.clone());
        prop_assert_eq!(streamed(text.as_bytes(), cuts.iter().map(|cut| cut % 7 + 1).cycle().take(text.len())), expected);
    }
}
