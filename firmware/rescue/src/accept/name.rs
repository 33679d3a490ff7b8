//! The address behind a name, asked of the resolvers that DHCP named (RFC 1035). Nothing of it is believed further than to
//! knock there: what is fetched is checked against a signature.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use heapless::Vec;
use thiserror::Error;

/// Where resolvers listen.
const PORT: u16 = 53;
/// How long each of them has for its answer; each is asked twice.
const WAIT: Duration = Duration::from_secs(3);
const ROUNDS: usize = 2;
/// The longest question and the longest answer over UDP (RFC 1035 section 4.2.1).
const LONGEST: usize = 512;
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;
/// Aliases and addresses that are looked at in one answer.
const RECORDS: usize = 32;
const TYPE_A: u16 = 1;
const CLASS_IN: u16 = 1;

/// Why a name has no address.
#[derive(Debug, Error)]
pub enum NameError {
    #[error("there is nobody to ask for the name {0}")]
    Nobody(String),
    #[error("no resolver knows an address of {0}")]
    Unknown(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Whether a text can be a host's name.
pub(super) fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let inside = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (1..=LONGEST_LABEL).contains(&label.len()) && inside
    };
    text.len() <= LONGEST_NAME && text.split('.').all(label)
}

/// Asks one resolver after the other.
pub(super) fn resolve(name: &str, resolvers: &[Ipv4Addr]) -> Result<Ipv4Addr, NameError> {
    let sockets: std::vec::Vec<_> = resolvers.iter().map(|resolver| (IpAddr::V4(*resolver), PORT).into()).collect();
    ask_each(name, &sockets)
}

fn ask_each(name: &str, resolvers: &[SocketAddr]) -> Result<Ipv4Addr, NameError> {
    if resolvers.is_empty() {
        return Err(NameError::Nobody(name.to_owned()));
    }
    for _ in 0..ROUNDS {
        for resolver in resolvers {
            if let Ok(Some(address)) = ask(name, *resolver) {
                return Ok(address);
            }
        }
    }
    Err(NameError::Unknown(name.to_owned()))
}

fn ask(name: &str, resolver: SocketAddr) -> io::Result<Option<Ipv4Addr>> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.set_read_timeout(Some(WAIT))?;
    // Only this resolver is heard.
    socket.connect(resolver)?;
    // The port is random; the number only tells answers apart.
    let id = socket.local_addr()?.port() ^ 0x5a5a;
    let question = question(name, id).ok_or(io::ErrorKind::InvalidInput)?;
    socket.send(&question)?;
    let mut answer = [0; LONGEST];
    let length = socket.recv(&mut answer)?;
    Ok(address(&answer[..length], &question))
}

/// A question for the address of a name, with recursion desired.
fn question(name: &str, id: u16) -> Option<Vec<u8, LONGEST>> {
    let mut message = Vec::new();
    message.extend_from_slice(&id.to_be_bytes()).ok()?;
    message.extend_from_slice(&[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]).ok()?;
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).ok()?).ok()?;
        message.extend_from_slice(label.as_bytes()).ok()?;
    }
    message.extend_from_slice(&[0, 0, TYPE_A as u8, 0, CLASS_IN as u8]).ok()?;
    Some(message)
}

/// The first address in an answer to this question. Aliases need not be followed: whoever follows them lists the end's
/// addresses beside them.
fn address(answer: &[u8], question: &[u8]) -> Option<Ipv4Addr> {
    let head = answer.get(..12)?;
    let same = head[..2] == question[..2] && head[2] & 0x80 != 0 && head[3] & 0x0f == 0;
    let asked = answer.get(12..question.len())?;
    if !same || !asked.eq_ignore_ascii_case(&question[12..]) {
        return None;
    }
    let count = usize::from(u16::from_be_bytes([head[6], head[7]])).min(RECORDS);
    let mut at = question.len();
    for _ in 0..count {
        at = after_name(answer, at)?;
        let fixed: [u8; 10] = answer.get(at..at + 10)?.try_into().ok()?;
        let [kind_high, kind_low, class_high, class_low, .., length_high, length_low] = fixed;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let data = answer.get(at + 10..at + 10 + length)?;
        let is_address = u16::from_be_bytes([kind_high, kind_low]) == TYPE_A
            && u16::from_be_bytes([class_high, class_low]) == CLASS_IN;
        if is_address && let Ok(octets) = <[u8; 4]>::try_from(data) {
            return Some(octets.into());
        }
        at += 10 + length;
    }
    None
}

/// Where a name ends: at the root, or at a pointer (RFC 1035 section 4.1.4).
fn after_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            pointer if pointer & 0xc0 == 0xc0 => return Some(at + 2),
            length if length & 0xc0 == 0 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests;
