//! The heads of plain HTTP/1 requests: of the CONNECT proxy, and of port 80.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use gate_core::HostName;
use thiserror::Error;

use super::credential::Credential;

/// Largest request head; browsers stay under 4 KiB before they know us.
pub(crate) const MAX_HEAD: usize = 8 * 1024;
const MAX_HEADERS: usize = 64;

/// A request head as far as we care for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    /// The authority asked for: of the target where it names one, else of the one Host header.
    pub(crate) authority: Authority,
    /// Path and query, beginning with `/`; just `/` where the target has none.
    pub(crate) path: String,
    /// What the client shows the proxy to be let through.
    pub(crate) credential: Option<Credential>,
    /// Whether a body may follow at once: one that is announced, and whose sender does not wait to be asked for it.
    pub(crate) body_follows: bool,
    /// Length of the head with its final empty line.
    pub(crate) len: usize,
}

/// A host and perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
}

/// What stands where a host name is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Name(HostName),
    Address(IpAddr),
}

/// Why a request head cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum HeadError {
    #[error("this is not an HTTP/1 request")]
    NotHttp,
    #[error("the request head is too large")]
    TooLarge,
    #[error("the request has no Host header, or more than one")]
    Host,
    #[error("the host is not one that can be asked for")]
    Authority,
    #[error("target and Host header name different hosts")]
    Mismatch,
    #[error("there is more than one Proxy-Authorization header")]
    Credentials,
}

/// Reads what arrived so far; `None` asks for more bytes.
pub(crate) fn parse(raw: &[u8]) -> Result<Option<Head>, HeadError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let len = match request.parse(raw) {
        Ok(httparse::Status::Complete(len)) if len <= MAX_HEAD => len,
        Ok(httparse::Status::Partial) if raw.len() < MAX_HEAD => return Ok(None),
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(HeadError::TooLarge),
        Err(_) => return Err(HeadError::NotHttp),
    };
    let (Some(method), Some(target)) = (request.method, request.path) else { return Err(HeadError::NotHttp) };
    let named = host_header(request.headers)?;
    let (asked, path) = split_target(method, target)?;
    let authority = match (asked, named) {
        (Some(asked), Some(named)) if asked.host != named.host => return Err(HeadError::Mismatch),
        (Some(asked), _) => asked,
        (None, Some(named)) => named,
        (None, None) => return Err(HeadError::Host),
    };
    let credential = credential(request.headers)?;
    let body_follows = body_follows(request.headers);
    Ok(Some(Head { method: method.to_owned(), authority, path: path.to_owned(), credential, body_follows, len }))
}

/// A parsed head, rewritten so that its request is the last one of its connection. Only a WebSocket may take the
/// connection over: every other protocol could be HTTP again.
pub(crate) fn only_request(head: &[u8]) -> Vec<u8> {
    let mut only = Vec::with_capacity(head.len() + 32);
    let mut socket = false;
    let mut lines = head.split_inclusive(|byte| *byte == b'\n');
    only.extend_from_slice(lines.next().unwrap_or_default());
    for line in lines {
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(0));
        let upgrade = name.eq_ignore_ascii_case(b"upgrade");
        let to_socket = upgrade && !socket && value[1..].trim_ascii().eq_ignore_ascii_case(b"websocket");
        let of_the_hop = upgrade
            || [
                b"connection".as_slice(),
                b"proxy-connection",
                b"proxy-authorization",
                b"keep-alive",
                b"http2-settings",
            ]
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        socket |= to_socket;
        if to_socket || !(of_the_hop || line.trim_ascii().is_empty()) {
            only.extend_from_slice(line);
        }
    }
    only.extend_from_slice(if socket { b"Connection: close, Upgrade\r\n\r\n" } else { b"Connection: close\r\n\r\n" });
    only
}

fn host_header(headers: &[httparse::Header<'_>]) -> Result<Option<Authority>, HeadError> {
    let mut hosts = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("host"));
    let Some(first) = hosts.next() else { return Ok(None) };
    if hosts.next().is_some() {
        return Err(HeadError::Host);
    }
    Authority::parse(first.value).map(Some)
}

fn credential(headers: &[httparse::Header<'_>]) -> Result<Option<Credential>, HeadError> {
    let mut shown = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("proxy-authorization"));
    let Some(first) = shown.next() else { return Ok(None) };
    if shown.next().is_some() {
        return Err(HeadError::Credentials);
    }
    Ok(Some(Credential::parse(first.value)))
}

/// RFC 9112 section 6.3 and RFC 9110 section 10.1.1.
fn body_follows(headers: &[httparse::Header<'_>]) -> bool {
    let values = |name: &'static str| {
        headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value)
    };
    let is_zero = |value: &[u8]| !value.is_empty() && value.iter().all(|digit| *digit == b'0');
    let announced = values("content-length").any(|value| !is_zero(value.trim_ascii()));
    let waits = values("expect").any(|value| value.trim_ascii().eq_ignore_ascii_case(b"100-continue"));
    (announced || values("transfer-encoding").next().is_some()) && !waits
}

/// RFC 9112 section 3.2: authority form for CONNECT, else absolute, origin or asterisk form.
fn split_target<'a>(method: &str, target: &'a str) -> Result<(Option<Authority>, &'a str), HeadError> {
    if method == "CONNECT" {
        return Ok((Some(Authority::parse(target.as_bytes())?), "/"));
    }
    if target.starts_with('/') {
        return Ok((None, target));
    }
    let scheme = target.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let Some(rest) = target.get(7..).filter(|_| scheme) else {
        return if target == "*" { Ok((None, "/")) } else { Err(HeadError::NotHttp) };
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let path = if path.starts_with('/') { path } else { "/" };
    Ok((Some(Authority::parse(authority.as_bytes())?), path))
}

impl Authority {
    /// `name`, `name:443`, `192.0.2.1:443`, `[2001:db8::1]:443`; user names are refused.
    fn parse(raw: &[u8]) -> Result<Self, HeadError> {
        let text = str::from_utf8(raw).map_err(|_| HeadError::Authority)?;
        let bracket = text.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match text[bracket..].rfind(':') {
            Some(colon) => (&text[..bracket + colon], Some(&text[bracket + colon + 1..])),
            None => (text, None),
        };
        let port = match port {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| HeadError::Authority)?)
            }
            Some(_) => return Err(HeadError::Authority),
            None => None,
        };
        Ok(Self { host: Host::parse(host)?, port })
    }
}

impl Host {
    fn parse(text: &str) -> Result<Self, HeadError> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inner.parse().map(|address| Self::Address(IpAddr::V6(address))).map_err(|_| HeadError::Authority);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(IpAddr::V4(address)));
        }
        HostName::parse(text.as_bytes()).map(Self::Name).map_err(|_| HeadError::Authority)
    }
}
