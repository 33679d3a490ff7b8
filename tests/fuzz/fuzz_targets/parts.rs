//! Any multipart body or event stream: edited at its findings it has as many parts and events as before.
//!
//! The first byte says which of the two it is, and for a form how long the boundary that follows it is.
#![no_main]

use std::sync::{Arc, LazyLock};

use gate_core::KnowledgeBase;
use gate_scrub::{BUILTIN, BodyKind, Boundary, Edit, Limits, Pack, Scanner, edit, placeholder};

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    Scanner::new(Arc::new(Pack::compile(BUILTIN.iter().copied()).expect("the built-in rules compile")))
});

// The rules compile before the clock of the first input starts.
libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&SCANNER); }, |bytes: &[u8]| {
    let Some((len, rest)) = bytes.split_first() else { return };
    let (boundary, body) = rest.split_at(usize::from(len >> 1).min(rest.len()));
    let multipart = Boundary::new(boundary).filter(|_| len & 1 == 1).map(BodyKind::Multipart);
    let kind = multipart.unwrap_or(BodyKind::Sse);
    // UTF-16 is read in two ways, and edited in that of its first bytes.
    if body.contains(&0) || body.starts_with(b"\xFE\xFF") || body.starts_with(b"\xFF\xFE") {
        return;
    }
    let Ok(scanned) = SCANNER.scan(kind, body, &Limits::default()) else { return };
    let untouchable = || scanned.opaque.iter().map(|part| &part.range).chain(&scanned.bound);
    assert!(untouchable().all(|range| range.start <= range.end && range.end <= body.len()));
    let edits: Vec<Edit> = scanned
        .findings
        .iter()
        .filter(|finding| finding.kb != KnowledgeBase::Attacks)
        .filter(|finding| !untouchable().any(|range| finding.start < range.end && range.start < finding.end))
        .map(|finding| Edit { start: finding.start, end: finding.end, replacement: placeholder(&finding.kind) })
        .collect();
    let edited = edit(body, &edits);
    let count = |body: &[u8]| match kind {
        BodyKind::Multipart(boundary) => delimiters(body, boundary.as_bytes()),
        _ => body.split(|byte| *byte == b'\n').filter(|line| matches!(*line, b"" | b"\r")).count(),
    };
    assert_eq!(count(&edited), count(body));
});

/// Lines that are the boundary, as a reader without any of our code would count them.
fn delimiters(body: &[u8], boundary: &[u8]) -> usize {
    let line = |line: &&[u8]| {
        line.strip_prefix(b"--")
            .and_then(|rest| rest.strip_prefix(boundary))
            .is_some_and(|rest| rest.starts_with(b"--") || rest.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')))
    };
    body.split(|byte| *byte == b'\n').filter(line).count()
}
