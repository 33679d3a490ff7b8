//! Any bytes in the place of a journal segment: read, or refused with a place, but never a panic and never more memory
//! than a frame.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut last = None;
    let _ = gate_audit::read_segment(bytes, |position, _record| {
        assert!(last.is_none_or(|last| position > last), "positions rise");
        last = Some(position);
    });
});
