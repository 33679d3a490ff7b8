//! The interface's addresses of IPv6, and when the router advertised each last, by the kernel's own count (rtnetlink(7)):
//! `/proc/net/if_inet6` says only that they are there, which they may be for ever after one advertisement.

use std::io;
use std::net::Ipv6Addr;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with};
use rustix::time::{ClockId, clock_gettime};

/// Messages (linux/netlink.h, linux/rtnetlink.h).
const ERROR: u16 = 2;
const DONE: u16 = 3;
const NEW_ADDRESS: u16 = 20;
const GET_ADDRESS: u16 = 22;
/// A request for all there are.
const REQUEST_DUMP: u16 = 0x301;
/// A message's head, what is common to all addresses, and the head of an attribute.
const HEAD: usize = 16;
const COMMON: usize = 8;
const ATTRIBUTE: usize = 4;
/// Attributes of an address (linux/if_addr.h).
const IFA_ADDRESS: u16 = 1;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const AF_INET6: u8 = 10;

/// The kernel answers at once; whoever could keep it from that keeps the office's watchdog waiting no longer.
const WAIT: Duration = Duration::from_secs(1);
/// An interface has no more than 16 addresses by advertisements (net.ipv6.conf.*.max_addresses).
const LONGEST: usize = 256 << 10;

/// An address that an interface has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) address: Ipv6Addr,
    pub(crate) length: u8,
    /// As in linux/if_addr.h.
    pub(crate) flags: u32,
    /// How long ago its router advertised it last.
    pub(crate) ago: Duration,
}

/// The addresses of the interface of a number.
pub(crate) fn addresses(interface: u32) -> io::Result<Vec<Address>> {
    // Protocol 0 is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    set_socket_timeout(&socket, Timeout::Recv, Some(WAIT))?;
    send(&socket, &request(), SendFlags::empty())?;
    let (mut found, mut part, mut read) = (Vec::new(), vec![0; 32 << 10], 0);
    while read < LONGEST {
        let (length, _) = recv(&socket, &mut part[..], RecvFlags::empty())?;
        read += length;
        if parse(&part[..length], interface, centiseconds(), &mut found)? {
            return Ok(found);
        }
    }
    Err(io::Error::other("the kernel's list of addresses has no end"))
}

fn request() -> [u8; HEAD + COMMON] {
    let mut request = [0; HEAD + COMMON];
    request[..4].copy_from_slice(&((HEAD + COMMON) as u32).to_ne_bytes());
    request[4..6].copy_from_slice(&GET_ADDRESS.to_ne_bytes());
    request[6..8].copy_from_slice(&REQUEST_DUMP.to_ne_bytes());
    request[HEAD] = AF_INET6;
    request
}

/// Hundredths of a second since the start, as the kernel stamps addresses; they begin again after 497 days.
fn centiseconds() -> u32 {
    let time = clock_gettime(ClockId::Monotonic);
    (time.tv_sec.unsigned_abs() * 100 + time.tv_nsec.unsigned_abs() / 10_000_000) as u32
}

/// Takes the addresses out of a part of the answer; whether it was the last.
fn parse(mut part: &[u8], interface: u32, now: u32, found: &mut Vec<Address>) -> io::Result<bool> {
    let bad = || io::Error::other("the kernel's list of addresses cannot be read");
    while !part.is_empty() {
        let length = word(part, 0).ok_or_else(bad)? as usize;
        let kind = half(part, 4).ok_or_else(bad)?;
        let message = part.get(HEAD..length).ok_or_else(bad)?;
        match kind {
            DONE => return Ok(true),
            ERROR => {
                let code = word(message, 0).ok_or_else(bad)? as i32;
                return Err(io::Error::from_raw_os_error(code.wrapping_neg()));
            }
            NEW_ADDRESS if word(message, 4) == Some(interface) => found.extend(address(message, now)),
            _ => {}
        }
        part = part.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// One address; `None` for what lacks a part.
fn address(message: &[u8], now: u32) -> Option<Address> {
    let (length, mut flags) = (*message.get(1)?, u32::from(*message.get(2)?));
    let (mut address, mut stamp) = (None, None);
    let mut rest = message.get(COMMON..)?;
    while let (Some(length), Some(kind)) = (half(rest, 0), half(rest, 2)) {
        let value = rest.get(ATTRIBUTE..usize::from(length))?;
        match kind {
            IFA_ADDRESS => address = <[u8; 16]>::try_from(value).ok().map(Ipv6Addr::from),
            IFA_FLAGS => flags = word(value, 0)?,
            // Preferred, valid, made, changed.
            IFA_CACHEINFO => stamp = word(value, 12),
            _ => {}
        }
        rest = rest.get(usize::from(length).next_multiple_of(4)..).unwrap_or_default();
    }
    let ago = now.wrapping_sub(stamp?);
    // The two clocks begin within a moment of each other: a minute of the future is now.
    let ago = if ago > u32::MAX - 6000 { 0 } else { ago };
    Some(Address { address: address?, length, flags, ago: Duration::from_millis(10 * u64::from(ago)) })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Address, Duration, HEAD, Ipv6Addr, NEW_ADDRESS, addresses, parse};

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = (4 + value.len() as u16).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = ((HEAD + body.len()) as u32).to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEAD, 0);
        bytes.extend(body);
        bytes
    }

    fn of_interface(interface: u32, stamp: u32) -> Vec<u8> {
        let mut body = vec![10, 64, 0x80, 0];
        body.extend(interface.to_ne_bytes());
        body.extend(attribute(1, &"2001:db8::7".parse::<Ipv6Addr>().expect("one").octets()));
        body.extend(attribute(8, &0x100_u32.to_ne_bytes()));
        let times: Vec<u8> = [u32::MAX, u32::MAX, 5, stamp].iter().flat_map(|time| time.to_ne_bytes()).collect();
        body.extend(attribute(6, &times));
        message(NEW_ADDRESS, &body)
    }

    #[test]
    fn an_address_is_as_old_as_its_last_advertisement_however_long_it_may_live() {
        let list = [of_interface(1, 10), of_interface(2, 4_294_967_000), message(3, &[0; 4])].concat();
        let mut found = Vec::new();
        assert!(parse(&list, 2, 704, &mut found).expect("a list"), "the last part");
        let address = "2001:db8::7".parse().expect("one");
        // The count began again between.
        assert_eq!(found, [Address { address, length: 64, flags: 0x100, ago: Duration::from_secs(10) }]);
        found.clear();
        assert!(!parse(&of_interface(2, 900), 2, 704, &mut found).expect("a part"));
        assert_eq!(found[0].ago, Duration::ZERO, "clocks that differ by a moment");
    }

    #[test]
    fn what_is_cut_or_refused_is_an_error_and_never_a_panic() {
        let whole = of_interface(2, 1);
        for end in 1..whole.len() {
            let mut found = Vec::new();
            assert!(parse(&whole[..end], 2, 9, &mut found).is_err() && found.is_empty(), "{end}");
        }
        for at in 0..whole.len() {
            for value in [0, 1, 3, 255] {
                let mut bent = whole.clone();
                bent[at] = value;
                let _ = parse(&bent, 2, 9, &mut Vec::new());
            }
        }
        let refused = parse(&message(2, &(-1_i32).to_ne_bytes()), 2, 9, &mut Vec::new());
        assert_eq!(refused.expect_err("EPERM").raw_os_error(), Some(1));
    }

    #[test]
    fn this_kernel_answers() {
        // The loopback has ::1 wherever there is IPv6 at all.
        let found = addresses(1).expect("a list");
        let has_v6 = std::fs::read_to_string("/proc/net/if_inet6").unwrap_or_default();
        let listed = has_v6.lines().filter(|line| line.split_whitespace().nth(1) == Some("01")).count();
        assert_eq!(found.len(), listed, "{found:?}");
    }
}
