//! Any records an upstream may answer with: kept, given back and sent whole or cut, and copied as they would be made.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gate_dns::fuzz::answer(bytes));
