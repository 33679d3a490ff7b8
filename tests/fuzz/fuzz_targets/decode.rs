//! Any text, form or lines of JSON, with whatever is encoded in it: findings lie in the text, in order and apart, the same
//! again, and an edit leaves every other byte as it was. What unfolds past the budget is an error, in bounded memory.
#![no_main]

use std::sync::{Arc, LazyLock};

use gate_core::KnowledgeBase;
use gate_scrub::{BUILTIN, BodyKind, Edit, Limits, Pack, Scanner, edit};

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    Scanner::new(Arc::new(Pack::compile(BUILTIN.iter().copied()).expect("the built-in rules compile")))
});

// The rules compile before the clock of the first input starts.
libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&SCANNER); }, |bytes: &[u8]| {
    let Some((kind, text)) = bytes.split_first() else { return };
    let kind = [BodyKind::Text, BodyKind::Form, BodyKind::Ndjson][usize::from(*kind) % 3];
    let limits = Limits { max_decoded: 1 << 20, ..Limits::default() };
    let found = SCANNER.body(kind, text, &limits);
    assert_eq!(SCANNER.body(kind, text, &limits), found);
    // Attacks are a layer of their own: values may stand in them.
    let values = found.into_iter().flatten().filter(|finding| finding.kb != KnowledgeBase::Attacks);
    let places: Vec<_> = values.map(|finding| finding.start..finding.end).collect();
    assert!(places.iter().all(|place| place.start < place.end && place.end <= text.len()));
    assert!(places.windows(2).all(|pair| pair[0].end <= pair[1].start), "in order and apart");
    let edits = places.iter().map(|place| Edit { start: place.start, end: place.end, replacement: String::new() });
    let outside = (0..text.len()).filter(|at| !places.iter().any(|place| place.contains(at))).map(|at| text[at]);
    // A byte order mark that is gone takes the encoding of replacements with it, and these are empty.
    assert_eq!(edit(text, &edits.collect::<Vec<_>>()), outside.collect::<Vec<_>>());
});
