//! Where an accepted connection meant to go before the kernel turned it around.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use gate_core::OrigDst;
use rustix::io::Errno;
use rustix::net::sockopt::{ip_original_dst, ipv6_original_dst};

/// The original destination of an accepted TCP connection; its local address where it was not redirected.
///
/// A dual-stack listener hands out IPv6 sockets for IPv4 clients: the address family of the packets decides.
pub fn original_destination(socket: impl AsFd) -> io::Result<OrigDst> {
    let local = local_address(&socket)?;
    let asked = match local.ip() {
        IpAddr::V4(_) => ip_original_dst(&socket).map(SocketAddr::V4),
        IpAddr::V6(_) => ipv6_original_dst(&socket).map(SocketAddr::V6),
    };
    match asked {
        Ok(original) => Ok(OrigDst(canonical(original))),
        // Connection tracking is not loaded, or knows nothing of this connection: then nothing redirected it.
        Err(Errno::NOENT | Errno::NOPROTOOPT | Errno::OPNOTSUPP) => Ok(OrigDst(local)),
        Err(error) => Err(error.into()),
    }
}

fn local_address(socket: &impl AsFd) -> io::Result<SocketAddr> {
    let any = rustix::net::getsockname(socket)?;
    let local = SocketAddr::try_from(any)?;
    Ok(canonical(local))
}

/// Without the flow label and scope that only sockets know; an IPv4-mapped address as IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
