//! Many datagrams with one call into the kernel (recvmmsg(2), sendmmsg(2)).

use std::array;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

use super::origin::Origin;
use crate::act::PAYLOAD;

/// Datagrams in one call: more would make the first answer wait for the last question.
pub(super) const BATCH: usize = 32;
/// Queries are far shorter; what is longer arrives cut and is malformed.
const RECEIVE: usize = 2048;
const SEND: usize = PAYLOAD as usize;

/// Buffers for one batch of questions and one of answers, used again and again.
pub(super) struct Batch {
    receiving: MultiHeaders<SockaddrStorage>,
    sending: MultiHeaders<SockaddrStorage>,
    questions: Box<[u8]>,
    answers: Box<[u8]>,
    lengths: [usize; BATCH],
    peers: [Option<SockaddrStorage>; BATCH],
    /// Which of our addresses each of them was sent to, and what stands for none.
    origins: [Origin; BATCH],
    unknown: Origin,
    /// Answers that wait to be sent: their lengths, where to and where from.
    ready: usize,
    answer_lengths: [usize; BATCH],
    answer_peers: [Option<SockaddrStorage>; BATCH],
    answer_origins: [Origin; BATCH],
}

impl Batch {
    /// For a socket whose datagrams have such an origin.
    pub(super) fn new(unknown: Origin) -> Self {
        Self {
            receiving: MultiHeaders::preallocate(BATCH, unknown.space()),
            sending: MultiHeaders::preallocate(BATCH, unknown.space()),
            origins: [unknown; BATCH],
            answer_origins: [unknown; BATCH],
            unknown,
            questions: vec![0; BATCH * RECEIVE].into(),
            answers: vec![0; BATCH * SEND].into(),
            lengths: [0; BATCH],
            peers: [None; BATCH],
            ready: 0,
            answer_lengths: [0; BATCH],
            answer_peers: [None; BATCH],
        }
    }

    /// Waits for at least one datagram, for as long as the socket's receive timeout; takes what is there.
    pub(super) fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        let mut buffers = self.questions.chunks_exact_mut(RECEIVE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(buffers.next().expect("one buffer for each datagram"))]);
        let flags = MsgFlags::MSG_WAITFORONE;
        let received = recvmmsg(socket.as_raw_fd(), &mut self.receiving, &mut slices, flags, None)?;
        let mut count = 0;
        for message in received {
            self.origins[count] = self.unknown.of(&message);
            (self.lengths[count], self.peers[count]) = (message.bytes, message.address);
            count += 1;
        }
        Ok(count)
    }

    /// A question that was received, who sent it, and room for its answer; none for a sender without an address.
    pub(super) fn question(&mut self, at: usize) -> Option<(&[u8], SocketAddr, &mut [u8])> {
        let peer = address(self.peers[at].as_ref()?)?;
        let question = &self.questions[at * RECEIVE..][..self.lengths[at]];
        Some((question, peer, &mut self.answers[self.ready * SEND..][..SEND]))
    }

    /// Which of our addresses a question was sent to.
    pub(super) fn origin(&self, at: usize) -> Origin {
        self.origins[at]
    }

    /// Puts the answer that was written into the room for question `at` in line.
    pub(super) fn answer(&mut self, at: usize, length: usize) {
        self.answer_lengths[self.ready] = length;
        self.answer_peers[self.ready] = self.peers[at];
        self.answer_origins[self.ready] = self.origins[at];
        self.ready += 1;
    }

    /// Sends every answer in line. One that the kernel refuses is left out, the others still go; once it takes nothing more
    /// within the socket's send timeout the rest is dropped, because new questions wait meanwhile.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> Result<(), Errno> {
        let count = std::mem::take(&mut self.ready);
        let mut result = Ok(());
        let mut sent = 0;
        while sent < count {
            match self.send_from(socket, sent, count) {
                Ok(more) => sent += more.max(1),
                Err(Errno::EAGAIN) => return Err(Errno::EAGAIN),
                Err(error) => {
                    result = Err(error);
                    sent += 1;
                }
            }
        }
        result
    }

    /// Sends answers that leave from the same address with one call; on one with a single address that is all of them.
    fn send_from(&mut self, socket: &UdpSocket, first: usize, count: usize) -> nix::Result<usize> {
        let origin = self.answer_origins[first];
        let count = (first..count).find(|at| self.answer_origins[*at] != origin).unwrap_or(count);
        let answer = |at: usize| &self.answers[at * SEND..][..self.answer_lengths[at]];
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            array::from_fn(|at| [IoSlice::new(if at < count { answer(at) } else { &[] })]);
        let control = origin.control();
        let peers = &self.answer_peers[first..count];
        let (fd, slices) = (socket.as_raw_fd(), &slices[first..count]);
        let sent = sendmmsg(fd, &mut self.sending, slices, peers, control.as_slice(), MsgFlags::empty())?;
        Ok(sent.count())
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddr::from((v4.ip(), v4.port())));
    // A link-local address is one machine on each interface: an answer without the interface leaves by any.
    let v6 = || storage.as_sockaddr_in6().map(|v6| SocketAddrV6::new(v6.ip(), v6.port(), 0, v6.scope_id()).into());
    v4.or_else(v6)
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, SocketAddrV6};

    use nix::sys::socket::SockaddrStorage;

    use super::address;

    #[test]
    fn the_interface_of_a_link_local_client_is_kept() {
        let link_local = SocketAddrV6::new("fe80::7".parse().unwrap(), 5300, 0, 3);
        for peer in ["192.168.7.9:5300".parse().unwrap(), "[fd00::7]:5300".parse().unwrap(), link_local.into()] {
            let back: SocketAddr = address(&SockaddrStorage::from(peer)).unwrap();
            assert_eq!(back, peer);
            assert_eq!(SockaddrStorage::from(back), SockaddrStorage::from(peer));
        }
    }
}
