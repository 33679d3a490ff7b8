//! Doors for `tests/fuzz` into what reads a stranger's bytes; nothing else calls them.

use crate::act::inspect::socket_frames;
use crate::parse::{head, hello};

/// Any first bytes of a TLS client: read, refused or incomplete, and a whole hello reads the same however much of the
/// connection has arrived behind it.
pub fn hello(bytes: &[u8]) {
    let limits = hello::Limits::default();
    let Ok(Some(whole)) = hello::parse(bytes, limits) else { return };
    let more = [bytes, &[23, 3, 3, 0, 1, 0]].concat();
    assert_eq!(hello::parse(&more, limits).as_ref(), Ok(&Some(whole.clone())), "more bytes changed it");
    match hello::parse(&bytes[..bytes.len() / 2], limits) {
        Ok(None) => {}
        Ok(Some(half)) => assert_eq!(half, whole, "a prefix reads as something else"),
        Err(error) => panic!("a prefix of a good hello is refused: {error}"),
    }
}

/// Any bytes of a WebSocket: a head that is read is written the same, and every cut of it is incomplete.
pub fn frames(bytes: &[u8]) {
    socket_frames(bytes);
}

/// Any first bytes of a plain HTTP client.
pub fn head(bytes: &[u8]) {
    if let Ok(Some(head)) = head::parse(bytes) {
        assert!(head.len <= bytes.len() && head.path.starts_with('/'), "{head:?}");
    }
}
