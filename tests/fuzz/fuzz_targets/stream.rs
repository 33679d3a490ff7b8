//! Any text, cut anywhere: a stream finds what a scan of the whole text finds.
//!
//! The first byte says how many cuts there are, the bytes after it how long the pieces between them are.
#![no_main]

use std::sync::{Arc, LazyLock};

use gate_core::Finding;
use gate_scrub::{BUILTIN, Limits, Pack, ScanError, Scanner};

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    Scanner::new(Arc::new(Pack::compile(BUILTIN.iter().copied()).expect("the built-in rules compile")))
});

// The rules compile before the clock of the first input starts.
libfuzzer_sys::fuzz_target!(init: { LazyLock::force(&SCANNER); }, |bytes: &[u8]| {
    let Some((count, rest)) = bytes.split_first() else { return };
    let (cuts, text) = rest.split_at(usize::from(*count % 32).min(rest.len()));
    let (Ok(whole), Ok(cut)) = (SCANNER.text(text, &Limits::default()), in_pieces(text, cuts)) else { return };
    assert_eq!(cut, whole, "cut findings, then whole ones");
});

fn in_pieces(text: &[u8], cuts: &[u8]) -> Result<Vec<Finding>, ScanError> {
    let mut stream = SCANNER.stream();
    let (mut findings, mut rest) = (Vec::new(), text);
    for cut in cuts {
        let (piece, after) = rest.split_at(usize::from(*cut).min(rest.len()));
        findings.extend(stream.push(piece)?);
        rest = after;
    }
    findings.extend(stream.push(rest)?);
    findings.extend(stream.finish()?);
    Ok(findings)
}
