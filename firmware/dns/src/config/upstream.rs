use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use gate_core::HostName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A resolver that questions are forwarded to. It is always reached by address: its name is only what its certificate
/// must say, so that nothing has to be resolved before anything can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Upstream {
    pub protocol: Protocol,
    pub address: SocketAddr,
    /// The name its certificate must hold; without one, its address.
    pub name: Option<HostName>,
    /// Path of the DoH resource; empty for the other protocols.
    pub path: String,
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// UDP, and TCP for long answers (RFC 1035).
    Plain,
    /// DNS over TLS (RFC 7858).
    Tls,
    /// DNS over HTTPS, HTTP/2 (RFC 8484).
    Https,
    /// DNS over QUIC (RFC 9250).
    Quic,
}

/// Where DoH services usually are.
const DOH_PATH: &str = "/dns-query";

impl Protocol {
    const ALL: [Self; 4] = [Self::Plain, Self::Tls, Self::Https, Self::Quic];

    fn scheme(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Tls => "tls://",
            Self::Https => "https://",
            Self::Quic => "quic://",
        }
    }

    /// RFC 1035, RFC 7858, RFC 8484, RFC 9250.
    fn port(self) -> u16 {
        match self {
            Self::Plain => 53,
            Self::Tls | Self::Quic => 853,
            Self::Https => 443,
        }
    }
}

/// Why a text names no upstream.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UpstreamError {
    #[error("`{text}`: the scheme `{scheme}://` is none of `tls://`, `https://` and `quic://`")]
    Scheme { text: String, scheme: String },
    #[error(
        "`{text}` is not an upstream; it is `ip` or `ip:port` of one machine (an IPv6 address with a port in brackets)"
    )]
    Address { text: String },
    #[error(
        "`{text}`: an encrypted upstream is named by address, and its certificate's name follows a `#`: `{scheme}IP#NAME`"
    )]
    Named { text: String, scheme: &'static str },
    #[error("`{text}`: `{name}` is no host name")]
    Name { text: String, name: String },
    #[error("`{text}`: only an encrypted upstream has a certificate whose name follows a `#`: `tls://IP#NAME`")]
    PlainName { text: String },
    #[error("`{text}`: only `https://` has a path, of plain ASCII")]
    Path { text: String },
}

impl FromStr for Upstream {
    type Err = UpstreamError;

    fn from_str(whole: &str) -> Result<Self, UpstreamError> {
        let text = || whole.to_owned();
        let (protocol, rest) = scheme(whole)?;
        let (rest, name) = rest.split_once('#').map_or((rest, None), |(rest, name)| (rest, Some(name)));
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let Some(address) = address(host, protocol.port()) else {
            return Err(match protocol {
                Protocol::Plain => UpstreamError::Address { text: text() },
                _ => UpstreamError::Named { text: text(), scheme: protocol.scheme() },
            });
        };
        let path = match (protocol, path) {
            (Protocol::Https, "") => DOH_PATH,
            (Protocol::Https, path) if path.bytes().all(|byte| byte.is_ascii_graphic()) => path,
            (_, "") => "",
            _ => return Err(UpstreamError::Path { text: text() }),
        };
        if name.is_some() && protocol == Protocol::Plain {
            return Err(UpstreamError::PlainName { text: text() });
        }
        let parse = |name: &str| {
            HostName::parse(name.as_bytes()).ok().ok_or_else(|| UpstreamError::Name {
                text: text(),
                name: whole.rsplit('#').next().unwrap_or("").into(),
            })
        };
        Ok(Self { protocol, address, name: name.map(parse).transpose()?, path: path.to_owned() })
    }
}

fn scheme(text: &str) -> Result<(Protocol, &str), UpstreamError> {
    let Some((scheme, _)) = text.split_once("://") else { return Ok((Protocol::Plain, text)) };
    let known = Protocol::ALL.into_iter().skip(1).find_map(|one| Some((one, text.strip_prefix(one.scheme())?)));
    known.ok_or_else(|| UpstreamError::Scheme { text: text.to_owned(), scheme: scheme.to_owned() })
}

fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = text.parse::<SocketAddr>().ok();
    let address = with_port.or_else(|| bare.parse::<IpAddr>().ok().map(|ip| (ip, port).into()));
    let one = |ip: IpAddr| !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST);
    address.filter(|address| address.port() != 0 && one(address.ip()))
}

impl TryFrom<String> for Upstream {
    type Error = UpstreamError;

    fn try_from(text: String) -> Result<Self, UpstreamError> {
        text.parse()
    }
}

impl From<Upstream> for String {
    fn from(upstream: Upstream) -> Self {
        upstream.to_string()
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.protocol.scheme(), self.address, self.path)?;
        self.name.as_ref().map_or(Ok(()), |name| write!(f, "#{name}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn upstreams_are_addresses_with_or_without_more() {
        let rows = [
            ("9.9.9.9", "9.9.9.9:53"),
            ("9.9.9.9:5353", "9.9.9.9:5353"),
            ("2620:fe::fe", "[2620:fe::fe]:53"),
            ("[2620:fe::fe]:5353", "[2620:fe::fe]:5353"),
            ("tls://9.9.9.9", "tls://9.9.9.9:853"),
            ("tls://[2620:fe::fe]#dns.quad9.net", "tls://[2620:fe::fe]:853#dns.quad9.net"),
            ("https://9.9.9.9#dns.quad9.net", "https://9.9.9.9:443/dns-query#dns.quad9.net"),
            ("https://9.9.9.9:8443/a/b?c", "https://9.9.9.9:8443/a/b?c"),
            ("quic://94.140.14.14#dns.adguard-dns.com", "quic://94.140.14.14:853#dns.adguard-dns.com"),
        ];
        for (text, shown) in rows {
            let upstream: Upstream = text.parse().unwrap();
            assert_eq!(upstream.to_string(), shown);
            assert_eq!(shown.parse(), Ok(upstream), "what is shown reads back");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let rows = [
            ("", "is not an upstream"),
            ("dns.example", "is not an upstream"),
            ("9.9.9.9:0", "is not an upstream"),
            ("9.9.9.9:99999", "is not an upstream"),
            ("0.0.0.0", "is not an upstream"),
            ("224.0.0.1", "is not an upstream"),
            ("255.255.255.255", "is not an upstream"),
            ("tls://255.255.255.255", "is named by address"),
            ("9.9.9.9#dns.quad9.net", "only an encrypted upstream"),
            ("9.9.9.9/dns-query", "only `https://` has a path"),
            ("sdns://9.9.9.9", "`sdns://` is none of"),
            ("tls://dns.quad9.net", "`tls://IP#NAME`"),
            ("tls://9.9.9.9/x", "only `https://` has a path"),
            ("https://9.9.9.9/a b", "only `https://` has a path"),
            ("quic://9.9.9.9#a..b", "`a..b` is no host name"),
        ];
        for (text, why) in rows {
            let error = text.parse::<Upstream>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
