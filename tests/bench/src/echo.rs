//! `gate-test-echo ADDRESS`: returns every datagram to its sender with the QR bit set, many with one call into the kernel.
//!
//! The floor that `./build.sh bench dns` measures resolvers against: no resolver that answers over a UDP socket can take
//! less, because this does nothing but receive and send. One thread, one socket, the same batch as the puck's.

use std::array;
use std::error::Error;
use std::io::{IoSlice, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

const BATCH: usize = 32;
const SIZE: usize = 2048;
/// The byte of a DNS header that says "this is an answer" in its highest bit (RFC 1035 section 4.1.1).
const FLAGS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).ok_or("usage: gate-test-echo ADDRESS:PORT")?;
    let socket = UdpSocket::bind(address)?;
    let mut buffers = vec![0; BATCH * SIZE];
    let (mut receiving, mut sending) = (MultiHeaders::preallocate(BATCH, None), MultiHeaders::preallocate(BATCH, None));
    let mut lengths = [0; BATCH];
    let mut peers: [Option<SockaddrStorage>; BATCH] = [None; BATCH];
    loop {
        let mut chunks = buffers.chunks_exact_mut(SIZE);
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            array::from_fn(|_| [IoSliceMut::new(chunks.next().expect("one buffer for each datagram"))]);
        let mut count = 0;
        for message in recvmmsg(socket.as_raw_fd(), &mut receiving, &mut slices, MsgFlags::MSG_WAITFORONE, None)? {
            (lengths[count], peers[count]) = (message.bytes, message.address);
            count += 1;
        }
        for at in 0..count {
            buffers[at * SIZE + FLAGS] |= 0x80;
        }
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            array::from_fn(|at| [IoSlice::new(&buffers[at * SIZE..][..if at < count { lengths[at] } else { 0 }])]);
        let none: [ControlMessage<'_>; 0] = [];
        // What the generator's buffer cannot take is lost, as in any resolver.
        let _ = sendmmsg(socket.as_raw_fd(), &mut sending, &slices[..count], &peers[..count], none, MsgFlags::empty());
    }
}
