//! Request heads: who they are for, what is never passed on, and what belongs to one hop only.

use gate_core::{HostName, Reason};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, StatusCode, Uri, Version};

use super::refusal::Refusal;
use super::socket;

/// Headers that belong to one connection (RFC 9110 section 7.6.1) and are never relayed.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A request binds its body to a signature or a digest with one of these: an edited body would no longer fit.
const BODY_BOUND: [HeaderName; 5] = [
    HeaderName::from_static("signature-input"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
];

/// Refuses what is not a plain request for this connection's host.
pub(super) fn check(parts: &Parts, host: &HostName) -> Result<(), Refusal> {
    if parts.method == Method::CONNECT {
        return Err(Refusal::new(StatusCode::FORBIDDEN, Reason::BadRequest, "Tunnels cannot be inspected."));
    }
    if parts.headers.contains_key(header::UPGRADE) && !socket::is_wanted(parts) {
        let text = "Of other protocols than HTTP only WebSocket over HTTP/1.1 can be inspected.";
        return Err(Refusal::new(StatusCode::UPGRADE_REQUIRED, Reason::BadRequest, text));
    }
    check_framing(&parts.headers)?;
    if parts.headers.get_all(header::CONTENT_TYPE).iter().nth(1).is_some() {
        return Err(bad("The request says twice what its body is."));
    }
    check_target(&parts.uri)?;
    check_host(parts, host)
}

/// hyper settles lengths; what it lets through beside them is a transfer coding under `chunked`.
fn check_framing(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = codings.next().is_none_or(|value| value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked"));
    if chunked && codings.next().is_none() { Ok(()) } else { Err(bad("The transfer coding is not plain chunked.")) }
}

fn check_target(uri: &Uri) -> Result<(), Refusal> {
    if uri.scheme().is_some_and(|scheme| *scheme != Scheme::HTTPS) {
        return Err(bad("The request's scheme is not https."));
    }
    let path = uri.path();
    if hides_letters(path) {
        return Err(bad("The request's path hides plain letters behind escapes."));
    }
    if path.starts_with('/') || path == "*" { Ok(()) } else { Err(bad("The request has no path.")) }
}

/// Whether an escape stands for a letter that needs none. RFC 3986 section 2.3 makes both the same to a server, while rules
/// read the path as it is written. Old clients escape the tilde.
fn hides_letters(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let hex = |digit: u8| char::from(digit).to_digit(16);
    path.as_bytes().windows(3).any(|escape| match *escape {
        [b'%', high, low] => hex(high).zip(hex(low)).is_some_and(|(high, low)| plain((high << 4 | low) as u8)),
        _ => false,
    })
}

/// Host and authority, in as many places as they stand, must all name the host of the TLS handshake.
fn check_host(parts: &Parts, host: &HostName) -> Result<(), Refusal> {
    let mut named = parts.headers.get_all(header::HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(bad("The request names its host twice."));
    }
    let authority = parts.uri.authority();
    // RFC 9112 section 3.2: a Host line is due in HTTP/1.1 even where the target is absolute.
    let missing = first.is_none() && (authority.is_none() || parts.version < Version::HTTP_2);
    if missing {
        return Err(bad("The request names no host."));
    }
    let header_fits = first.is_none_or(|value| is_for(value.as_bytes(), host));
    let target_fits = authority.is_none_or(|authority| is_for(authority.as_str().as_bytes(), host));
    if header_fits && target_fits {
        Ok(())
    } else {
        Err(Refusal::plain(StatusCode::MISDIRECTED_REQUEST, Reason::HostMismatch))
    }
}

/// Whether `name` or `name:443` is this host. User information is nobody's business here.
fn is_for(raw: &[u8], host: &HostName) -> bool {
    let name = raw.strip_suffix(b":443").unwrap_or(raw);
    HostName::parse(name).is_ok_and(|name| name == *host)
}

fn bad(text: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Reason::BadRequest, text)
}

/// Whether the body is bound to a signature or digest, so that it goes as it is or not at all.
pub(super) fn is_signed(parts: &Parts) -> bool {
    let aws = |value: &HeaderValue| value.as_bytes().trim_ascii_start().starts_with(b"AWS4-");
    let in_query = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default();
        name.eq_ignore_ascii_case("x-amz-signature") || name.eq_ignore_ascii_case("x-goog-signature")
    };
    parts.headers.get_all(header::AUTHORIZATION).iter().any(aws)
        || BODY_BOUND.iter().any(|name| parts.headers.contains_key(name))
        || parts.uri.query().is_some_and(|query| query.split('&').any(in_query))
}

/// Makes a checked request fit the connection to the server: `h2` wants its authority in the target, HTTP/1.1 in `Host`.
pub(super) fn readdress(parts: &mut Parts, host: &HostName, h2: bool) {
    let authority = parts.headers.get(header::HOST).and_then(|value| Authority::try_from(value.as_bytes()).ok());
    let target = parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut uri = http::uri::Parts::default();
    uri.path_and_query = Some(target);
    if h2 {
        uri.scheme = Some(Scheme::HTTPS);
        uri.authority = parts.uri.authority().cloned().or(authority).or_else(|| host.as_str().parse().ok());
    }
    parts.uri = Uri::from_parts(uri).expect("scheme and authority are both there or both absent");
    parts.version = if h2 { Version::HTTP_2 } else { Version::HTTP_11 };
}

/// Takes away what belongs to the client's hop, and `Expect`: the body is already here.
pub(super) fn strip_request(headers: &mut HeaderMap) {
    let trailers = headers.get(header::TE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    strip_hop(headers);
    headers.remove(header::EXPECT);
    headers.remove("http2-settings");
    headers.remove(header::TE);
    if trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
}

/// Takes away what belongs to the server's hop, and the invitation to come by QUIC the next time.
pub(super) fn strip_response(headers: &mut HeaderMap) {
    strip_hop(headers);
    headers.remove(header::ALT_SVC);
}

fn strip_hop(headers: &mut HeaderMap) {
    // `Connection` may name further headers, but not talk away those by which the message is understood.
    let kept = |name: &HeaderName| name == header::HOST || name.as_str().starts_with("content-");
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|word| HeaderName::from_bytes(word.trim_ascii()).ok())
        .filter(|name| !kept(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests;
