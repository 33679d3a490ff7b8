use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBufForce;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpListener;

use super::holder::Holder;
use super::origin::Origin;
use crate::act::mdns::{GROUP as MDNS_GROUP, PORT as MDNS_PORT};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 256;
/// Room for a burst of questions while a thread is busy: the kernel counts some 800 bytes for each, and twice what it is
/// asked for. It is taken only while questions wait.
const RECEIVE_BUFFER: usize = 2 << 20;

/// Most UDP sockets for one address: a small office never needs more, and each has a thread and a table of replies.
pub(crate) const SOCKETS_MAX: usize = 4;

/// What [`bind`] opens, in the order of the addresses; several UDP sockets for each.
#[derive(Debug)]
pub struct Sockets {
    pub udp: Vec<UdpSocket>,
    pub tcp: Vec<TcpListener>,
}

/// Why an address cannot be listened on.
#[derive(Debug, Error)]
#[error("dns.listen: {protocol} {address}: {source}{holder}")]
pub struct BindError {
    pub address: SocketAddr,
    pub protocol: &'static str,
    pub source: io::Error,
    /// Who has it, as the rest of a sentence; empty where that cannot be told.
    pub holder: String,
}

impl BindError {
    fn new(address: SocketAddr, protocol: &'static str, source: io::Error) -> Self {
        let taken = source.kind() == io::ErrorKind::AddrInUse;
        let holder = taken.then(|| Holder::of(address, &protocol.to_ascii_lowercase())).flatten();
        Self { address, protocol, source, holder: holder.map(|holder| format!(": {holder}")).unwrap_or_default() }
    }
}

/// Opens UDP and TCP sockets on every address, `threads` UDP sockets on each (0: one for each core); call it before giving
/// up privileges, inside the runtime.
pub fn bind(listen: &[SocketAddr], threads: usize) -> Result<Sockets, BindError> {
    let cores = || available_parallelism().map_or(1, NonZeroUsize::get);
    let count = if threads == 0 { cores() } else { threads }.min(SOCKETS_MAX);
    let mut sockets = Sockets { udp: Vec::new(), tcp: Vec::new() };
    for address in listen {
        let failed = |protocol| move |source| BindError::new(*address, protocol, source);
        // TCP first: it fails where another of us listens, with which UDP would share the port.
        sockets.tcp.push(tcp(*address).map_err(failed("TCP"))?);
        for _ in 0..count {
            sockets.udp.push(udp(*address).map_err(failed("UDP"))?);
        }
    }
    Ok(sockets)
}

/// A socket for multicast DNS on the network of one of the puck's own addresses; other programs may listen there too.
/// Call it inside the runtime.
pub fn bind_mdns(own: Ipv4Addr) -> io::Result<tokio::net::UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, MDNS_PORT)).into())?;
    // Only what comes over this network, and what is sent goes out there with the one hop that RFC 6762 section 11 wants.
    socket.set_multicast_all_v4(false)?;
    socket.join_multicast_v4(&MDNS_GROUP, &own)?;
    socket.set_multicast_if_v4(&own)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_multicast_loop_v4(false)?;
    tokio::net::UdpSocket::from_std(socket.into())
}

fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = open(address, Type::DGRAM, Protocol::UDP)?;
    // The kernel shares clients out among the sockets of a port (socket(7), SO_REUSEPORT).
    socket.set_reuse_port(true)?;
    // A privileged process gets what it asks for, others what the kernel allows; less is not an error.
    if setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    Origin::told_to(&socket, address.ip())?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = open(address, Type::STREAM, Protocol::TCP)?;
    // A restart must not wait for the connections of the process before it.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn open(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        // `[::]` next to `0.0.0.0` on the same port.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::bind;

    #[tokio::test]
    async fn both_families_share_a_port_and_a_taken_one_is_named() {
        let (listen, sockets) = std::iter::repeat_with(|| {
            let port = std::net::UdpSocket::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
            [SocketAddr::from(([0, 0, 0, 0], port)), SocketAddr::from(([0_u16; 8], port))]
        })
        // Somebody else may take the port in between.
        .take(100)
        .find_map(|listen| bind(&listen, 3).ok().map(|sockets| (listen, sockets)))
        .unwrap();
        assert_eq!((sockets.udp.len(), sockets.tcp.len()), (6, 2));
        let error = bind(&listen[..1], 3).unwrap_err().to_string();
        assert!(error.starts_with(&format!("dns.listen: TCP {}: ", listen[0])), "{error}");
        assert!(error.ends_with(&format!("listens at {}", listen[0])), "by whom: {error}");
        drop(sockets);
        // One address of this machine's is enough to be in the way of all.
        let other = std::net::UdpSocket::bind(("127.0.0.3", listen[0].port())).unwrap();
        let error = bind(&listen[..1], 3).unwrap_err().to_string();
        assert!(error.starts_with(&format!("dns.listen: UDP {}: ", listen[0])), "{error}");
        assert!(error.ends_with(&format!("listens at {}", other.local_addr().unwrap())), "{error}");
    }
}
