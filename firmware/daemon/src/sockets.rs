//! The sockets of all workers. The supervisor binds them once and hands them to every life of a worker, so that what
//! arrives while a worker is being started again waits in the kernel instead of being lost: a question that finds no `dns`
//! process is answered a moment later. They are passed as systemd passes them (sd_listen_fds(3)), from descriptor 3 on.
//!
//! Each but the resolver's for datagrams is shut to whoever is not of the office before anybody hears of it.

mod door;

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;

use command_fds::FdMapping;
use listenfd::ListenFd;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use thiserror::Error;

use crate::CommandError;
use crate::cli::ProcessName;
use crate::config::{Config, Mode};

/// Connections that may wait to be accepted; Linux caps it at `net.core.somaxconn` anyway.
const BACKLOG: i32 = 1024;
/// The first descriptor after standard input, output and error.
pub(crate) const FIRST: i32 = 3;

/// Why a socket could not be opened or found.
#[derive(Debug, Error)]
pub(crate) enum SocketError {
    #[error("{key}: TCP {address}: {source}")]
    Bind { key: &'static str, address: SocketAddr, source: io::Error },
    #[error(transparent)]
    Dns(#[from] gate_dns::BindError),
    #[error("a socket cannot be handed over: {0}")]
    Handover(io::Error),
    #[error("socket {0} was not handed over; workers are started by `nanogate run` only")]
    Missing(usize),
}

impl From<SocketError> for CommandError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Bind { .. } | SocketError::Dns(_) => Self::input(error),
            SocketError::Handover(_) | SocketError::Missing(_) => Self::internal(error),
        }
    }
}

/// Opens the sockets of one worker, in the order in which it takes them. Called inside a runtime.
pub(crate) fn open(config: &Config, name: ProcessName) -> Result<Vec<OwnedFd>, SocketError> {
    let mut sockets = Vec::new();
    match name {
        ProcessName::Dns => {
            let opened = gate_dns::bind(&config.dns.listen, config.dns.threads)?;
            for socket in opened.udp {
                sockets.push(socket.into());
            }
            for socket in opened.tcp {
                sockets.push(socket.into_std().map_err(SocketError::Handover)?.into());
            }
        }
        ProcessName::Proxy => {
            sockets.extend(listen("proxy.listen", &config.proxy.listen)?);
            sockets.extend(listen("proxy.http_listen", &config.proxy.http_listen)?);
            sockets.extend(listen("proxy.explicit_listen", &config.proxy.explicit_listen)?);
        }
        ProcessName::Admin => {
            sockets.extend(listen("admin.listen", &config.admin.listen)?);
            sockets.extend(listen("admin.handover_listen", &[config.admin.handover_listen])?);
        }
        ProcessName::Steer => {}
    }
    let office = config.local_subnets();
    // A question from elsewhere gets no answer either way; its worker counts it, which the owner wants to see.
    let counted = |socket: &OwnedFd| {
        name == ProcessName::Dns && SockRef::from(socket).r#type().is_ok_and(|kind| kind == Type::DGRAM)
    };
    for socket in sockets.iter().filter(|socket| !counted(socket)) {
        door::shut(socket, &office);
    }
    Ok(sockets)
}

fn listen(key: &'static str, addresses: &[SocketAddr]) -> Result<Vec<OwnedFd>, SocketError> {
    let bind = |address: SocketAddr| -> io::Result<OwnedFd> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        // A restart must not wait for the connections of the process before it.
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            // One socket for each family: `[::]` stands next to `0.0.0.0` on the same port.
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    let named =
        |address: &SocketAddr| bind(*address).map_err(|source| SocketError::Bind { key, address: *address, source });
    addresses.iter().map(named).collect()
}

/// Whether `dns` and `steer` have a link: where addresses are redirected that `dns` learns.
pub(crate) fn are_linked(config: &Config) -> bool {
    config.mode == Mode::Gateway && config.steer.enabled
}

/// The ends of the link between `dns` and `steer`, each the last of its worker's sockets. It outlives both.
pub(crate) fn link() -> Result<[(ProcessName, OwnedFd); 2], SocketError> {
    let (dns, steer) = UnixDatagram::pair().map_err(SocketError::Handover)?;
    Ok([(ProcessName::Dns, dns.into()), (ProcessName::Steer, steer.into())])
}

/// Copies of the sockets for one life of a worker.
pub(crate) fn mappings(sockets: &[OwnedFd]) -> io::Result<Vec<FdMapping>> {
    let mapping = |(child_fd, socket): (i32, &OwnedFd)| Ok(FdMapping { parent_fd: socket.try_clone()?, child_fd });
    (FIRST..).zip(sockets).map(mapping).collect()
}

/// The worker's side.
pub(crate) struct Inherited {
    sockets: ListenFd,
    next: usize,
}

impl Inherited {
    pub(crate) fn take() -> Self {
        Self { sockets: ListenFd::from_env(), next: 0 }
    }

    /// How many have not been taken.
    pub(crate) fn left(&self) -> usize {
        self.sockets.len() - self.next
    }

    /// The next `count` sockets, which are UDP.
    pub(crate) fn udp(&mut self, count: usize) -> Result<Vec<UdpSocket>, SocketError> {
        self.each(count, ListenFd::take_udp_socket)
    }

    /// The next `count` sockets, which are TCP listeners.
    pub(crate) fn tcp(&mut self, count: usize) -> Result<Vec<TcpListener>, SocketError> {
        self.each(count, ListenFd::take_tcp_listener)
    }

    /// The worker's end of the link.
    pub(crate) fn link(&mut self) -> Result<UnixDatagram, SocketError> {
        let [link] =
            <[_; 1]>::try_from(self.each(1, ListenFd::take_unix_datagram)?).map_err(|_| SocketError::Missing(0))?;
        Ok(link)
    }

    fn each<T>(
        &mut self,
        count: usize,
        take: impl Fn(&mut ListenFd, usize) -> io::Result<Option<T>>,
    ) -> Result<Vec<T>, SocketError> {
        let range = self.next..self.next + count;
        self.next = range.end;
        range
            .map(|index| {
                take(&mut self.sockets, index).map_err(SocketError::Handover)?.ok_or(SocketError::Missing(index))
            })
            .collect()
    }
}
