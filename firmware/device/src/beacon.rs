//! `nanogate.local`: a multicast DNS responder (RFC 6762) for one name, so that a browser finds the puck before anybody
//! has changed anything in the office. Where another host has the name it takes `nanogate-2.local`, and so on, and says so. A
//! process of its own without privileges, because it reads what anybody sends.

mod message;
mod tenure;

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use self::message::PORT;
use self::tenure::Tenure;
use crate::lease::{self, Lease};
use crate::log::say;

/// What it prints once a name is its own, for PID 1: the name follows.
const OWN: &str = "own name: ";

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
/// Answers a second, at most; more would only help somebody who misuses us.
const MOST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// How long to listen between two looks at what is to be sent.
const BUSY: Duration = Duration::from_millis(50);
/// Those who start together do not ask together (section 8.1), in milliseconds.
const SPREAD: u64 = 250;

/// The name in a line that it printed; nothing else that might stand there is taken for one.
pub(crate) fn own_name(line: &str) -> Option<String> {
    let name = line.strip_prefix(OWN)?;
    (1..=tenure::LAST).map(|number| format!("{}.local", message::label(number))).find(|known| known == name)
}

/// The body of `beacon`; ends when the address changes, and is started again by PID 1.
pub(crate) fn run() -> ExitCode {
    let Some(lease) = Lease::read(Path::new(lease::FILE)) else { return ExitCode::FAILURE };
    match serve(&lease) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say!("nanogate.local is not announced: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(lease: &Lease) -> std::io::Result<()> {
    let socket = bind()?;
    socket.join_multicast_v4(&GROUP, &lease.address)?;
    socket.set_multicast_ttl_v4(255)?;
    let everybody = SocketAddr::V4(SocketAddrV4::new(GROUP, PORT));
    let spread = Duration::from_millis(RandomState::new().hash_one(lease.address) % SPREAD);
    let (mut second, mut sent) = (Instant::now(), 0);
    let mut tenure = Tenure::begin(lease.address, spread, second);
    let mut told = None;
    let mut message = [0; 1500];
    loop {
        if second.elapsed() >= SECOND {
            (second, sent) = (Instant::now(), 0);
            if Lease::read(Path::new(lease::FILE)).is_none_or(|now| now.address != lease.address) {
                return Ok(());
            }
        }
        if let Some(message) = tenure.turn(Instant::now()) {
            let _ = socket.send_to(&message, everybody);
        }
        if let Some(number) = tenure.held()
            && told.replace(number) != Some(number)
        {
            let _ = writeln!(std::io::stdout(), "{OWN}{}.local", message::label(number));
        }
        socket.set_read_timeout(Some(if tenure.is_busy() { BUSY } else { SECOND }))?;
        let Ok((length, asker)) = socket.recv_from(&mut message) else { continue };
        let message = &message[..length];
        if !on_link(asker.ip(), lease) {
            continue;
        }
        // Whoever speaks for a name speaks from the port that only one of a host's programs may have (section 6).
        if asker.port() == PORT
            && let Some(claim) = message::claim(message, &tenure.name(), lease.address)
        {
            tenure.hear(claim, Instant::now());
        }
        if tenure.held().is_some()
            && let Some(answer) = message::answer(message, asker.port(), &tenure.name(), lease.address)
            && sent < MOST
        {
            sent += 1;
            let _ = socket.send_to(&answer.message, if answer.alone { asker } else { everybody });
        }
    }
}

/// The port is shared (section 15.1): the resolver listens there to hosts that name themselves.
fn bind() -> std::io::Result<UdpSocket> {
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, PORT))?;
    Ok(socket.into())
}

/// Whether somebody is on our cable; who comes from beyond a router gets no answer (section 11).
fn on_link(asker: IpAddr, lease: &Lease) -> bool {
    let IpAddr::V4(asker) = asker else { return false };
    let beside = (asker.to_bits() ^ lease.address.to_bits()).leading_zeros() >= u32::from(lease.prefix);
    beside || asker.is_link_local()
}

#[cfg(test)]
mod tests {
    use super::{Ipv4Addr, Lease, on_link, own_name};

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

    #[test]
    fn a_name_is_one_of_ours_whoever_printed_it() {
        for name in ["nanogate.local", "nanogate-2.local", "nanogate-9.local"] {
            assert_eq!(own_name(&format!("own name: {name}")).as_deref(), Some(name));
        }
        for line in ["own name: nanogate-10.local", "own name: bank.example", "own name: ", "nanogate.local"] {
            assert_eq!(own_name(line), None, "{line}");
        }
    }

    #[test]
    fn who_comes_from_beyond_a_router_hears_nothing() {
        let lease = Lease::at(ADDRESS, 24);
        let rows = [
            ("192.0.2.1", true),
            ("192.0.2.255", true),
            ("169.254.7.7", true),
            ("192.0.3.1", false),
            ("203.0.113.9", false),
            ("fe80::1", false),
        ];
        for (asker, heard) in rows {
            assert_eq!(on_link(asker.parse().expect("an address"), &lease), heard, "{asker}");
        }
        let alone = Lease { prefix: 32, ..lease };
        assert!(on_link(ADDRESS.into(), &alone) && !on_link([192, 0, 2, 52].into(), &alone));
    }
}
