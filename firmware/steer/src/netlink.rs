//! The netlink socket and the kernel's messages as attributes.
#![allow(unsafe_code, reason = "libmnl is C; its descriptor is borrowed here")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use mnl::mnl_sys;
use rustix::net::sockopt;

mod attributes;
mod message;

pub(crate) use attributes::{Attribute, attributes, push, text, u32_of};
pub(crate) use message::{Answer, answer, request};

/// The kernel answers at once; whoever waits longer waits for a message that was lost.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A message holds up to 64 KiB of set elements (see `nftnl::nft_nlmsg_maxsize`).
const RECEIVE_BYTES: usize = 128 * 1024;

/// A netlink socket to nf_tables.
pub(crate) struct Socket {
    inner: mnl::Socket,
    buffer: Vec<u8>,
}

impl Socket {
    /// Opens the socket; `room` is the size of the largest message that will be sent.
    pub(crate) fn open(room: usize) -> io::Result<Self> {
        let inner = mnl::Socket::new(mnl::Bus::Netfilter)?;
        let socket = Self { inner, buffer: vec![0; RECEIVE_BYTES] };
        sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(TIMEOUT))?;
        // Past the default only with CAP_NET_ADMIN over the machine; `DESTINATIONS_CAP` keeps the need below the default.
        if sockopt::set_socket_send_buffer_size_force(&socket, room).is_err() {
            sockopt::set_socket_send_buffer_size(&socket, room)?;
        }
        Ok(socket)
    }

    /// Sends one datagram, which is one transaction where it holds a batch.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.inner.send_all([bytes])
    }

    /// Receives one datagram and shows each message in it.
    pub(crate) fn receive<E: From<io::Error>>(&mut self, mut see: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        for message in self.inner.recv(&mut self.buffer)? {
            see(message?)?;
        }
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the pointer comes from a live `mnl::Socket`, which `self` owns; the function only reads its descriptor.
        let fd = unsafe { mnl_sys::mnl_socket_get_fd(self.inner.as_raw_socket()) };
        // SAFETY: the descriptor is open for as long as `self.inner` is, which the borrow of `self` outlives.
        unsafe { BorrowedFd::borrow_raw(fd) }
    }
}
