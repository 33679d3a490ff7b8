//! `nanogate.local`: a multicast DNS responder (RFC 6762) for one name, so that a browser finds the puck before anybody
//! has changed anything in the office. A process of its own without privileges, because it reads what anybody sends.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};

use crate::lease::{self, Lease};
use crate::log::say;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const PORT: u16 = 5353;
/// The one name, as it is written in a message.
const NAME: &[u8] = b"\x08nanogate\x05local\x00";
/// How long others may remember the answer, in seconds (section 10: names of hosts).
const TTL: u32 = 120;
/// A resolver that does not speak multicast forgets soon (section 6.7).
const LEGACY_TTL: u32 = 10;
/// Answers a second, at most; more would only help somebody who misuses us.
const MOST: u32 = 20;
const SECOND: Duration = Duration::from_secs(1);
/// Questions of one message that are looked at.
const QUESTIONS: u16 = 8;

const A: u16 = 1;
const ANY: u16 = 255;
const IN: u16 = 1;
/// "Answer me alone" in a question; "forget what you knew" in an answer.
const TOP_BIT: u16 = 0x8000;

/// What to send, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    message: Vec<u8>,
    /// To the asker alone, or to everybody.
    alone: bool,
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
    socket.set_read_timeout(Some(SECOND))?;
    let everybody = SocketAddr::V4(SocketAddrV4::new(GROUP, PORT));
    let (mut second, mut sent) = (Instant::now(), 0);
    let mut message = [0; 1500];
    loop {
        if second.elapsed() >= SECOND {
            (second, sent) = (Instant::now(), 0);
            if Lease::read(Path::new(lease::FILE)).is_none_or(|now| now.address != lease.address) {
                return Ok(());
            }
        }
        let Ok((length, asker)) = socket.recv_from(&mut message) else { continue };
        if on_link(asker.ip(), lease)
            && let Some(answer) = answer(&message[..length], asker.port(), lease.address)
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

/// The answer to a message, if it asks for our address. `port` is the asker's: multicast resolvers ask from 5353.
fn answer(message: &[u8], port: u16, address: Ipv4Addr) -> Option<Answer> {
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    // Only questions: neither answers nor other operations.
    if word(2)? & 0xf800 != 0 {
        return None;
    }
    let mut at = 12;
    for _ in 0..word(4)?.min(QUESTIONS) {
        let name = name_at(message, at)?;
        let (kind, class) = (word(at + name.len())?, word(at + name.len() + 2)?);
        if name.eq_ignore_ascii_case(NAME) && matches!(kind, A | ANY) && class & !TOP_BIT == IN {
            let legacy = port != PORT;
            let question = legacy.then(|| &message[at..at + name.len() + 4]);
            let alone = legacy || class & TOP_BIT != 0;
            return Some(Answer { message: render(word(0)?, question, address), alone });
        }
        at += name.len() + 4;
    }
    None
}

/// The name at an offset, its end included; None where it is compressed or runs past the end.
fn name_at(message: &[u8], at: usize) -> Option<&[u8]> {
    let mut end = at;
    loop {
        let length = *message.get(end)?;
        end += 1;
        match length {
            0 => return message.get(at..end),
            1..=63 => end += usize::from(length),
            _ => return None,
        }
    }
}

/// One answer; for a resolver that does not speak multicast with its number and question, as it expects.
fn render(id: u16, question: Option<&[u8]>, address: Ipv4Addr) -> Vec<u8> {
    let (id, class, ttl) = if question.is_some() { (id, IN, LEGACY_TTL) } else { (0, IN | TOP_BIT, TTL) };
    let mut message = Vec::with_capacity(64);
    message.extend(id.to_be_bytes());
    // An answer, with authority; as many questions as we repeat, one answer.
    message.extend([0x84, 0, 0, u8::from(question.is_some()), 0, 1, 0, 0, 0, 0]);
    message.extend(question.unwrap_or_default());
    message.extend(NAME);
    message.extend(A.to_be_bytes());
    message.extend(class.to_be_bytes());
    message.extend(ttl.to_be_bytes());
    message.extend(4_u16.to_be_bytes());
    message.extend(address.octets());
    message
}

#[cfg(test)]
mod tests {
    use super::{A, ANY, Ipv4Addr, Lease, NAME, PORT, answer, on_link};

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

    fn question(name: &[u8], kind: u16, class: u16) -> Vec<u8> {
        let mut message = vec![0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        message.extend(name);
        message.extend(kind.to_be_bytes());
        message.extend(class.to_be_bytes());
        message
    }

    #[test]
    fn a_question_for_our_name_is_answered_to_everybody() {
        for kind in [A, ANY] {
            let found = answer(&question(NAME, kind, 1), PORT, ADDRESS).expect("an answer");
            assert!(!found.alone && found.message.ends_with(&[0, 4, 192, 0, 2, 53]));
            assert_eq!(&found.message[..2], [0, 0]);
        }
        let loud = question(b"\x08NANOGATE\x05Local\x00", A, 1);
        assert!(answer(&loud, PORT, ADDRESS).is_some(), "names are the same in any case");
    }

    #[test]
    fn who_asks_to_be_answered_alone_is_and_an_ordinary_resolver_gets_its_question_back() {
        assert!(answer(&question(NAME, A, 0x8001), PORT, ADDRESS).expect("an answer").alone);
        let asked = question(NAME, A, 1);
        let found = answer(&asked, 40_000, ADDRESS).expect("an answer");
        assert!(found.alone && found.message[..2] == [0, 7]);
        assert_eq!(found.message[12..asked.len()], asked[12..]);
    }

    #[test]
    fn nothing_else_is_answered() {
        for message in [
            question(b"\x05other\x05local\x00", A, 1),
            question(NAME, 28, 1),
            question(NAME, A, 3),
            question(b"\xc0\x0c", A, 1),
            question(b"\x3f", A, 1),
            Vec::new(),
            vec![0; 11],
        ] {
            assert_eq!(answer(&message, PORT, ADDRESS), None, "{message:02x?}");
        }
        let mut response = question(NAME, A, 1);
        response[2] = 0x84;
        assert_eq!(answer(&response, PORT, ADDRESS), None);
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

    #[test]
    fn any_cut_of_a_message_is_survived() {
        let whole = question(NAME, A, 1);
        for end in 0..whole.len() {
            assert_eq!(answer(&whole[..end], PORT, ADDRESS), None);
        }
    }
}
