//! Who is on the wire, as the kernel's neighbour table has it (rtnetlink(7), RTM_GETNEIGH): also those who never ask.
//!
//! In gateway mode too: no packet goes through this device to or from a machine of the local networks without an entry of
//! that machine in the table, with the hardware address that makes its several addresses one device. Counters of packets by
//! source in the kernel's rules would name the same machines, without that, and any forged source beside them.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::Duration;

use gate_dns::{Dns, Hardware};
use ipnet::IpNet;
use nix::sys::socket::sockopt::ReceiveTimeout;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket};
use nix::sys::time::{TimeVal, TimeValLike};
use tokio_util::sync::CancellationToken;

use super::routers;

/// How often the table is read.
const EVERY: Duration = Duration::from_secs(5);
/// How often, in such readings, devices that never ask are looked for.
const KNOCK: u32 = 4;
/// Where nobody listens: "discard" (RFC 863).
const DISCARD: u16 = 9;
/// The kernel fills no larger piece.
const PIECE: usize = 64 << 10;
/// Most of the table that is read: the kernel itself keeps 1024 entries of each family by default.
const BYTES_MAX: usize = 1 << 20;

// linux/netlink.h and linux/rtnetlink.h
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWNEIGH: u16 = 28;
const RTM_GETNEIGH: u16 = 30;
const NLM_F_REQUEST_DUMP: u16 = 0x301;
const HEADER: usize = 16;
// linux/neighbour.h: REACHABLE, STALE, DELAY and PROBE, of whom something was heard.
const HEARD: u16 = 0x02 | 0x04 | 0x08 | 0x10;
const NDMSG: usize = 12;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;

/// Tells the resolver who is there, until `stop`: machines of the `local` networks but the routers and ourselves.
pub(super) async fn follow(dns: &Dns, local: &[IpNet], own: &[IpAddr], stop: &CancellationToken) {
    for reading in 0_u32.. {
        if reading % KNOCK == 0 {
            dns.quiet_devices().into_iter().for_each(knock);
        }
        match table() {
            Ok(bytes) => {
                let routers = routers::now();
                let wanted = |ip: &IpAddr| {
                    local.iter().any(|net| net.contains(ip)) && !own.contains(ip) && !routers.contains(ip)
                };
                dns.see_wire(&devices(&bytes, &routers).filter(|(_, ip)| wanted(ip)).collect::<Vec<_>>());
            }
            Err(error) => tracing::debug!(%error, "the neighbour table cannot be read"),
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

/// Sends a device something to throw away: the kernel then finds out whether it is still there, as for anything that it sends.
fn knock(device: IpAddr) {
    let any: IpAddr = if device.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let sent = UdpSocket::bind((any, 0)).and_then(|socket| socket.send_to(&[], (device, DISCARD)));
    if let Err(error) = sent {
        tracing::debug!(%error, %device, "a device could not be looked for");
    }
}

/// The whole table as the kernel writes it.
fn table() -> io::Result<Vec<u8>> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let kernel = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
    setsockopt(&kernel, ReceiveTimeout, &TimeVal::seconds(1))?;
    let mut request = Vec::with_capacity(HEADER + NDMSG);
    request.extend_from_slice(&((HEADER + NDMSG) as u32).to_ne_bytes());
    request.extend_from_slice(&RTM_GETNEIGH.to_ne_bytes());
    request.extend_from_slice(&NLM_F_REQUEST_DUMP.to_ne_bytes());
    // Sequence, port and a whole message of zeros: both families, every interface.
    request.resize(HEADER + NDMSG, 0);
    send(kernel.as_raw_fd(), &request, MsgFlags::empty())?;
    let (mut all, mut piece) = (Vec::new(), vec![0; PIECE]);
    while all.len() < BYTES_MAX {
        let length = recv(kernel.as_raw_fd(), &mut piece, MsgFlags::empty())?;
        all.extend_from_slice(&piece[..length]);
        if length == 0 || messages(&piece[..length]).any(|(kind, _)| matches!(kind, NLMSG_DONE | NLMSG_ERROR)) {
            break;
        }
    }
    Ok(all)
}

/// Types and contents of the messages.
fn messages(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = u32::from_ne_bytes(*rest.first_chunk()?) as usize;
        let (message, tail) = rest.split_at_checked(length).filter(|_| length >= HEADER)?;
        let padding = (length.next_multiple_of(4) - length).min(tail.len());
        rest = &tail[padding..];
        Some((u16::from_ne_bytes([message[4], message[5]]), &message[HEADER..]))
    })
}

/// Hardware and network address of every neighbour of whom something was heard, but of the routers' hardware.
fn devices(table: &[u8], routers: &BTreeSet<IpAddr>) -> impl Iterator<Item = (Hardware, IpAddr)> {
    let all: Vec<_> =
        messages(table).filter(|(kind, _)| *kind == RTM_NEWNEIGH).filter_map(|(_, body)| neighbour(body)).collect();
    let forwarding: Vec<_> = all.iter().filter(|(_, ip)| routers.contains(ip)).map(|(hardware, _)| *hardware).collect();
    all.into_iter().filter(move |(hardware, _)| !forwarding.contains(hardware))
}

fn neighbour(body: &[u8]) -> Option<(Hardware, IpAddr)> {
    let (head, mut rest) = body.split_at_checked(NDMSG)?;
    if u16::from_ne_bytes([head[8], head[9]]) & HEARD == 0 {
        return None;
    }
    let (mut address, mut hardware) = (None, None);
    while let Some((kind, data, tail)) = attribute(rest) {
        match kind {
            NDA_DST => address = ip(data),
            NDA_LLADDR => hardware = data.try_into().ok().map(Hardware::Address),
            _ => {}
        }
        rest = tail;
    }
    hardware.zip(address)
}

/// Type and value of the first attribute, and the others (struct rtattr).
fn attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(u16::from_ne_bytes(*bytes.first_chunk()?));
    let kind = u16::from_ne_bytes([*bytes.get(2)?, *bytes.get(3)?]);
    let data = bytes.get(4..length)?;
    Some((kind, data, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn ip(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => <[u8; 4]>::try_from(bytes).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(bytes).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use gate_dns::Hardware;

    use super::{HEADER, RTM_NEWNEIGH, devices, table};

    fn entry(ip: &[u8], hardware: [u8; 6], state: u16) -> Vec<u8> {
        let mut body = vec![0; 12];
        body[8..10].copy_from_slice(&state.to_ne_bytes());
        for (kind, data) in [(1_u16, ip), (2, &hardware)] {
            body.extend_from_slice(&(4 + data.len() as u16).to_ne_bytes());
            body.extend_from_slice(&kind.to_ne_bytes());
            body.extend_from_slice(data);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let mut message = ((HEADER + body.len()) as u32).to_ne_bytes().to_vec();
        message.extend_from_slice(&RTM_NEWNEIGH.to_ne_bytes());
        message.resize(HEADER, 0);
        [message, body].concat()
    }

    #[test]
    fn neighbours_that_were_heard_are_read_and_the_router_is_none() {
        let v6 = "2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets();
        let table = [
            entry(&[192, 0, 2, 7], [7; 6], 0x02),
            entry(&v6, [7; 6], 0x04),
            entry(&[192, 0, 2, 8], [8; 6], 0x20),
            entry(&[192, 0, 2, 254], [9; 6], 0x02),
            entry(&[192, 0, 2, 253], [9; 6], 0x02),
        ]
        .concat();
        let routers = ["192.0.2.254".parse().unwrap()].into();
        let expected = [("192.0.2.7", [7; 6]), ("2001:db8::7", [7; 6])];
        let expected = expected.map(|(ip, mac)| (Hardware::Address(mac), ip.parse::<IpAddr>().unwrap()));
        assert_eq!(devices(&table, &routers).collect::<Vec<_>>(), expected);
        // Cut anywhere, it is read up to there.
        (0..table.len()).for_each(|cut| assert!(devices(&table[..cut], &routers).count() <= 2));
    }

    #[test]
    fn the_kernels_own_table_is_read() {
        let table = table().unwrap();
        assert!(devices(&table, &Default::default()).all(|(_, ip)| !ip.is_unspecified()));
    }
}
