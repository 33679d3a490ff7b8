//! How a WebSocket is asked for and agreed on (RFC 6455 section 4).

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode, Version};

const EXTENSIONS: &str = "sec-websocket-extensions";

/// Whether a request opens a WebSocket (RFC 6455 section 4.1), in HTTP/1.1 and without a body.
pub(in super::super) fn is_wanted(parts: &Parts) -> bool {
    let only = |name: header::HeaderName| {
        let mut values = parts.headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none()).map(HeaderValue::as_bytes)
    };
    let has = |name: header::HeaderName, wanted: &[u8]| {
        let lists = parts.headers.get_all(name);
        lists
            .iter()
            .flat_map(|list| list.as_bytes().split(|byte| *byte == b','))
            .any(|word| word.trim_ascii().eq_ignore_ascii_case(wanted))
    };
    parts.method == Method::GET
        && parts.version == Version::HTTP_11
        && only(header::UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case(b"websocket"))
        && has(header::CONNECTION, b"upgrade")
        && only(header::SEC_WEBSOCKET_VERSION) == Some(b"13")
        && only(header::SEC_WEBSOCKET_KEY).is_some_and(|key| key.len() == 24)
        && !parts.headers.contains_key(header::TRANSFER_ENCODING)
        && only(header::CONTENT_LENGTH).is_none_or(|length| length == b"0")
}

/// Makes the request to the server one for a WebSocket again, after what belongs to the client's hop was taken away.
pub(in super::super) fn ask(headers: &mut HeaderMap) {
    headers.remove(EXTENSIONS);
    stamp(headers);
}

/// Makes the answer to the client say that from now on this is a WebSocket.
pub(in super::super) fn stamp(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Whether a server agreed, and to nothing that was not asked for.
pub(in super::super) fn is_agreed(status: StatusCode, headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    status == StatusCode::SWITCHING_PROTOCOLS && upgrade && !headers.contains_key(EXTENSIONS)
}
