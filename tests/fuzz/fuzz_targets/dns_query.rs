//! Any datagram a client may send: read, refused in a few bytes or met with silence, and no answer longer than it may be.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gate_dns::fuzz::query(bytes));
