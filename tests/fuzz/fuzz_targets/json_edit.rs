//! Any body: scanned, edited at the findings, and if it was JSON before it is JSON of the same shape after. What was found
//! is gone; everything outside of the findings is byte for byte what it was.
#![no_main]

use std::sync::{Arc, LazyLock};

use gate_scrub::{BUILTIN, BodyKind, Edit, Limits, Pack, Scanner, edit, placeholder};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

static SCANNER: LazyLock<Scanner> = LazyLock::new(|| {
    Scanner::new(Arc::new(Pack::compile(BUILTIN.iter().copied()).expect("the built-in rules compile")))
});

// The rules compile before the clock of the first input starts.
fuzz_target!(init: { LazyLock::force(&SCANNER); }, |bytes: &[u8]| {
    let Ok(findings) = SCANNER.body(BodyKind::Json, bytes, &Limits::default()) else { return };
    let edits: Vec<Edit> = findings
        .iter()
        .map(|finding| Edit { start: finding.start, end: finding.end, replacement: placeholder(&finding.kind) })
        .collect();
    for pair in edits.windows(2) {
        assert!(pair[0].end <= pair[1].start, "findings are in order and apart");
    }
    let edited = edit(bytes, &edits);
    if edits.is_empty() {
        assert_eq!(edited, bytes);
        return;
    }
    if let Ok(before) = serde_json::from_slice::<Value>(bytes) {
        let after: Value = serde_json::from_slice(&edited).expect("edited JSON parses");
        assert!(same_shape(&before, &after), "edited JSON has the structure it had");
    }
});

/// Only strings, keys and numbers may differ.
fn same_shape(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b)),
        // Two keys may become one placeholder; the parser then keeps the last.
        (Value::Object(a), Value::Object(b)) => b.len() <= a.len(),
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        _ => true,
    }
}
