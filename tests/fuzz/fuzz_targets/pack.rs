//! Any bytes in the place of a pack: refused or loaded, never a panic, and never more memory than a pack may take.
#![no_main]

use gate_scrub::{Limits, Pack, PackSource, Scanner};

/// What a loaded pack may take: the cap of one automaton for each of the few rules that fit an input of the fuzzer.
const MAX_MEMORY: usize = 512 << 20;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(source) = PackSource::from_bytes(bytes) else {
        assert!(Pack::from_bytes(bytes, &[]).is_err());
        return;
    };
    assert_eq!(source.to_bytes(), bytes, "a pack has one form");
    let Ok(pack) = source.compile(&[]) else { return };
    assert!(pack.memory() < MAX_MEMORY);
    let _ = Scanner::new(pack.into()).text(bytes, &Limits::default());
});
