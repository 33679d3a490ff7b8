//! Credentials in all the places where people leave them, with values drawn anew for each.
//!
//! `credentials/*.toml` names, kind by kind, the shapes of values, carriers in which a `§` is the value, and texts of
//! the same look that hold none. Every byte of a value must be covered; a clean text has no finding.

mod shapes;

use gate_core::KnowledgeBase;
use serde::Deserialize;

use self::shapes::Draw;
use super::scan;
use crate::BodyKind;

const FILES: [&str; 4] = [
    include_str!("credentials/places.toml"),
    include_str!("credentials/code.toml"),
    include_str!("credentials/speech.toml"),
    include_str!("credentials/keys.toml"),
];

/// Values of each shape that are drawn for a carrier.
const DRAWS: u64 = 2;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    kind: Vec<Kind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kind {
    name: String,
    shapes: Vec<String>,
    carriers: Vec<String>,
    clean: Vec<String>,
}

fn kinds() -> Vec<Kind> {
    FILES.iter().flat_map(|file| toml::from_str::<File>(file).unwrap().kind).collect()
}

/// Whether findings of secrets cover all of `text[start..end]`.
fn covers(text: &str, start: usize, end: usize) -> bool {
    let findings = scan(BodyKind::Text, text.as_bytes());
    let within = |at: usize| findings.iter().any(|f| f.kb == KnowledgeBase::Secrets && (f.start..f.end).contains(&at));
    (start..end).all(within)
}

#[test]
fn a_credential_is_covered_to_the_last_byte_in_98_of_100_carriers() {
    let mut failing = Vec::new();
    for kind in kinds() {
        let (mut all, mut missed) = (0, Vec::new());
        for (index, carrier) in kind.carriers.iter().enumerate() {
            let (before, after) = carrier.split_once('§').unwrap();
            for (shape, round) in kind.shapes.iter().flat_map(|shape| (0..DRAWS).map(move |round| (shape, round))) {
                let value = Draw::new(index as u64 * DRAWS + round).value(shape);
                let text = format!("{before}{value}{after}");
                all += 1;
                if !covers(&text, before.len(), before.len() + value.len()) {
                    missed.push(text);
                }
            }
        }
        if missed.len() * 50 > all.max(50) {
            failing.push((kind.name, missed.len(), all, missed));
        }
    }
    assert!(failing.is_empty(), "{failing:#?}");
}

#[test]
fn what_only_looks_like_a_credential_has_no_finding() {
    let secret = |text: &str| scan(BodyKind::Text, text.as_bytes()).iter().any(|f| f.kb == KnowledgeBase::Secrets);
    let clean: Vec<String> = kinds().into_iter().flat_map(|kind| kind.clean).collect();
    let found: Vec<&String> = clean.iter().filter(|text| secret(text)).collect();
    assert!(clean.len() > 350 && found.is_empty(), "{found:#?}");
}
