//! Any bytes a client may open a connection with, or send on a WebSocket: parsed, refused or incomplete, but never a panic.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gate_proxy::fuzz::hello(bytes);
    gate_proxy::fuzz::frames(bytes);
});
