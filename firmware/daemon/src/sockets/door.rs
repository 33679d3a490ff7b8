//! A filter on each door (socket(7), `SO_ATTACH_FILTER`): the kernel drops what does not come from the office, so that
//! whoever scans the puck from the internet finds nothing, and no stranger costs a worker anything. Behind it each worker
//! looks again at who asks.
//!
//! It is a program of the classic filter machine (linux/Documentation/networking/filter.rst) over the packet's IP header:
//!
//! ```text
//!   version 4?  ─► source & mask == subnet? ─► take     one block for each subnet
//!   version 6?  ─► the same, word by word   ─► take
//!   ─► drop
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use socket2::{SockFilter, SockRef};

/// Offsets from here on count from the IP header, wherever the socket's own data begins (`SKF_NET_OFF`).
const IP_HEADER: u32 = 0xfff0_0000;
/// Where the headers of both versions have the source's address (RFC 791, section 3.1; RFC 8200, section 3).
const SOURCE4: u32 = IP_HEADER + 12;
const SOURCE6: u32 = IP_HEADER + 8;

// Instructions, as `linux/bpf_common.h` composes them.
const LOAD_WORD: u16 = 0x20;
const LOAD_BYTE: u16 = 0x30;
const AND: u16 = 0x54;
const SHIFT_RIGHT: u16 = 0x74;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
/// So many bytes of the packet are taken: all of it, or nothing.
const TAKE: u32 = u32::MAX;
const DROP: u32 = 0;

/// Whoever asks from this machine itself is always heard.
const LOOPBACK: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128)),
];

/// Shuts a socket, and every connection it will take, to all but these subnets and this machine. Where the kernel has no
/// such filters the worker alone decides, which the log says.
pub(super) fn shut(socket: &OwnedFd, subnets: &[IpNet]) {
    let program = program(LOOPBACK.iter().chain(subnets));
    if let Err(error) = SockRef::from(socket).attach_filter(&program) {
        tracing::warn!(%error, "a socket has no filter: strangers find it open, and are sent away by its worker");
    }
}

fn program<'a>(subnets: impl Iterator<Item = &'a IpNet>) -> Vec<SockFilter> {
    let (mut four, mut six) = (Vec::new(), Vec::new());
    for subnet in subnets {
        match subnet.trunc() {
            IpNet::V4(subnet) => {
                block(&mut four, &[(SOURCE4, subnet.netmask().to_bits(), subnet.network().to_bits())]);
            }
            IpNet::V6(subnet) => {
                let (mask, network) = (words(subnet.netmask()), words(subnet.network()));
                let word = |at: usize| (SOURCE6 + 4 * at as u32, mask[at], network[at]);
                block(&mut six, &[word(0), word(1), word(2), word(3)]);
            }
        }
    }
    let mut program = vec![
        SockFilter::new(LOAD_BYTE, 0, 0, IP_HEADER),
        SockFilter::new(SHIFT_RIGHT, 0, 0, 4),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, 6),
        SockFilter::new(JUMP, 0, 0, six.len() as u32 + 1),
    ];
    program.extend(six);
    program.push(SockFilter::new(RETURN, 0, 0, DROP));
    program.extend(four);
    program.push(SockFilter::new(RETURN, 0, 0, DROP));
    program
}

/// Takes the packet if every word, masked, is the subnet's; else what follows the block decides.
fn block(program: &mut Vec<SockFilter>, words: &[(u32, u32, u32)]) {
    let words: Vec<_> = words.iter().filter(|(_, mask, _)| *mask != 0).collect();
    for (place, (offset, mask, wanted)) in words.iter().enumerate() {
        // Behind the comparison stand the words that are left, three instructions each, and the verdict.
        let past = 3 * (words.len() - place - 1) + 1;
        program.push(SockFilter::new(LOAD_WORD, 0, 0, *offset));
        program.push(SockFilter::new(AND, 0, 0, *mask));
        program.push(SockFilter::new(JUMP_IF_EQUAL, 0, past as u8, *wanted));
    }
    program.push(SockFilter::new(RETURN, 0, 0, TAKE));
}

fn words(address: Ipv6Addr) -> [u32; 4] {
    let bits = address.to_bits();
    [96, 64, 32, 0].map(|shift| (bits >> shift) as u32)
}

#[cfg(test)]
mod tests;
