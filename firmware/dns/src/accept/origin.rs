//! Which of the puck's addresses a datagram was sent to: its answer leaves from there, because clients and their firewalls
//! take it from nobody else. The kernel tells only sockets that listen on every address (ip(7), IP_PKTINFO; RFC 3542 section 6).

use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use nix::cmsg_space;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::sockopt::{Ipv4PacketInfo, Ipv6RecvPacketInfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, RecvMsg, SockaddrStorage, sendmsg, sendto, setsockopt,
};

/// The puck's end of a datagram.
#[derive(Clone, Copy, Debug)]
pub(super) enum Origin {
    /// The socket has one address only.
    Bound,
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

impl Origin {
    /// Has the kernel tell a socket that listens on such an address which one was asked. It does not know for what came before.
    /// What comes back knows nothing yet, and says which kind will be known.
    pub(super) fn told_to(socket: &impl AsFd, listen: IpAddr) -> nix::Result<Self> {
        match listen {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => {
                setsockopt(socket, Ipv4PacketInfo, &true)?;
                Ok(Self::v4(Ipv4Addr::UNSPECIFIED))
            }
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
                setsockopt(socket, Ipv6RecvPacketInfo, &true)?;
                Ok(Self::v6(Ipv6Addr::UNSPECIFIED, 0))
            }
            _ => Ok(Self::Bound),
        }
    }

    /// Room for what the kernel tells of one datagram.
    pub(super) fn space(self) -> Option<Vec<u8>> {
        match self {
            Self::Bound => None,
            Self::V4(_) => Some(cmsg_space!(in_pktinfo)),
            Self::V6(_) => Some(cmsg_space!(in6_pktinfo)),
        }
    }

    /// Reads what the kernel told; `self`, the unspecified one, where it told nothing: then it chooses.
    pub(super) fn of(self, message: &RecvMsg<'_, '_, SockaddrStorage>) -> Self {
        if matches!(self, Self::Bound) {
            return self;
        }
        match message.cmsgs().ok().and_then(|mut told| told.next()) {
            // Of a broadcast this is our own address, not the one in the header.
            Some(ControlMessageOwned::Ipv4PacketInfo(info)) => Self::v4(info.ipi_spec_dst.s_addr.to_ne_bytes().into()),
            Some(ControlMessageOwned::Ipv6PacketInfo(info)) => {
                let asked = Ipv6Addr::from(info.ipi6_addr.s6_addr);
                // The interface is left to the kernel's routes, but a link-local address is none without.
                let interface = if asked.is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
                if asked.is_multicast() { self } else { Self::v6(asked, interface) }
            }
            _ => self,
        }
    }

    /// What the kernel is told with an answer.
    pub(super) fn control(&self) -> Option<ControlMessage<'_>> {
        match self {
            Self::Bound => None,
            Self::V4(info) => Some(ControlMessage::Ipv4PacketInfo(info)),
            Self::V6(info) => Some(ControlMessage::Ipv6PacketInfo(info)),
        }
    }

    /// Sends one answer, without ever waiting: a task of the runtime may be the one that sends.
    pub(super) fn send(&self, socket: &UdpSocket, peer: SocketAddr, message: &[u8]) -> nix::Result<usize> {
        let (fd, peer) = (socket.as_raw_fd(), SockaddrStorage::from(peer));
        match self.control() {
            None => sendto(fd, message, &peer, MsgFlags::MSG_DONTWAIT),
            Some(control) => sendmsg(fd, &[IoSlice::new(message)], &[control], MsgFlags::MSG_DONTWAIT, Some(&peer)),
        }
    }

    fn v4(asked: Ipv4Addr) -> Self {
        let address = in_addr { s_addr: u32::from_ne_bytes(asked.octets()) };
        Self::V4(in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: address, ipi_addr: in_addr { s_addr: 0 } })
    }

    fn v6(asked: Ipv6Addr, interface: u32) -> Self {
        Self::V6(in6_pktinfo { ipi6_addr: in6_addr { s6_addr: asked.octets() }, ipi6_ifindex: interface })
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Bound, Self::Bound) => true,
            (Self::V4(a), Self::V4(b)) => a.ipi_spec_dst.s_addr == b.ipi_spec_dst.s_addr,
            (Self::V6(a), Self::V6(b)) => {
                (a.ipi6_addr.s6_addr, a.ipi6_ifindex) == (b.ipi6_addr.s6_addr, b.ipi6_ifindex)
            }
            _ => false,
        }
    }
}
