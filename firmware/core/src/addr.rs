use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Who connected to us: the peer of an accepted socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub SocketAddr);

/// Where the client meant to go before nftables redirected it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OrigDst(pub SocketAddr);

impl ClientAddr {
    /// The address alone, an IPv4-mapped IPv6 address as the IPv4 address it stands for.
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }
}

impl OrigDst {
    /// The address alone, an IPv4-mapped IPv6 address as the IPv4 address it stands for.
    pub fn ip(self) -> IpAddr {
        self.0.ip().to_canonical()
    }

    /// The port the client asked for.
    pub fn port(self) -> u16 {
        self.0.port()
    }
}

impl fmt::Display for ClientAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for OrigDst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
