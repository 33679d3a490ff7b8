//! Writing what a client receives.

use std::net::IpAddr;

use crate::decide::{Data, Local};
use crate::parse::{Answer, COOKIE, Explanation, HEADER, Query, Rcode, Rejection, class, flag, kind};

/// Largest answer over UDP, in both directions: never fragmented on any link of today (DNS flag day 2020).
pub(crate) const PAYLOAD: u16 = 1232;
/// What a client without EDNS takes over UDP (RFC 1035 section 4.2.1).
const PLAIN_PAYLOAD: u16 = 512;
/// A pointer to the question's name.
const QUESTION_NAME: u16 = 0xc000 | HEADER as u16;
/// Who answers for names that exist only here. RFC 6761 keeps `invalid` from ever being delegated.
const SOA_NAMES: &[u8] = b"\x08nanogate\x07invalid\x00\x0ahostmaster\x08nanogate\x07invalid\x00";

/// How long a stale answer may be kept, in seconds (RFC 8767 section 4).
const STALE_TTL: u32 = 30;
/// EDE options: 3, "Stale Answer", and 19, "Stale NXDOMAIN Answer" (RFC 8914 section 4).
const STALE_ANSWER: &[u8] = &[0, 15, 0, 2, 0, 3];
const STALE_NXDOMAIN: &[u8] = &[0, 15, 0, 2, 0, 19];

/// How a client is connected, which limits what it can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tcp,
}

/// How old an upstream's answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    Seconds(u32),
    /// Older than it may be: given because no upstream answers.
    Stale,
}

impl Transport {
    /// Most bytes that a client takes.
    pub(crate) fn limit(self, query: &Query) -> usize {
        match (self, query.edns) {
            (Self::Tcp, _) => usize::from(u16::MAX),
            (Self::Udp, None) => usize::from(PLAIN_PAYLOAD),
            (Self::Udp, Some(edns)) => usize::from(edns.payload.clamp(PLAIN_PAYLOAD, PAYLOAD)),
        }
    }
}

/// Says no to something that is not a question, repeating of it what was understood.
pub(crate) fn rejection(rejection: &Rejection) -> Vec<u8> {
    let Rejection { question, edns, why, .. } = rejection;
    let mut message = vec![0; HEADER];
    let rd = if rejection.recursion_desired { flag::RD } else { 0 };
    let code = rejection.rcode as u16;
    let flags = flag::QR | flag::RA | rd | u16::from(rejection.opcode) << 11 | code & 0xf;
    put(&mut message, 0, rejection.id);
    put(&mut message, 2, flags);
    if let Some((name, kind, class)) = question {
        put(&mut message, 4, 1);
        message.extend_from_slice(name.sent());
        message.extend([kind, class].iter().flat_map(|word| word.to_be_bytes()));
    }
    if code > 0xf || edns.is_some() {
        put(&mut message, 10, 1);
        let options = why.map(Explanation::option).unwrap_or_default();
        // Only OPT has room for the high bits (RFC 6891 section 6.1.3).
        let high = u8::try_from(code >> 4).expect("response codes have 12 bits");
        push_opt(&mut message, high, edns.is_some_and(|edns| edns.dnssec_ok), &options);
    }
    message
}

/// The question, a code, and for those who understand it why.
pub(crate) fn code(query: &Query, rcode: Rcode, why: Option<Explanation>) -> Vec<u8> {
    let mut message = head(query, rcode as u16);
    finish(&mut message, query, why.map(Explanation::option).as_deref());
    message
}

/// An answer made here.
pub(crate) fn local(query: &Query, local: &Local, ttl: u32, transport: Transport) -> Vec<u8> {
    let mut message = head(query, local.rcode as u16);
    for data in &local.data {
        push_data(&mut message, data, ttl);
    }
    put(&mut message, 6, u16::try_from(local.data.len()).expect("the puck has few addresses"));
    if local.data.is_empty() {
        push_soa(&mut message, local.apex, ttl);
        put(&mut message, 8, 1);
    }
    let why = local.why.map(Explanation::option);
    fit(message, query, transport, why.as_deref())
}

/// An upstream's answer; its records live for `longest` seconds at most.
pub(crate) fn relayed(query: &Query, answer: &Answer, age: Age, longest: u32, transport: Transport) -> Vec<u8> {
    let mut message = Vec::with_capacity(answer.message().len() + 64);
    message.extend_from_slice(answer.message());
    for at in answer.ttls() {
        let ttl = u32::from_be_bytes(message[at..at + 4].try_into().expect("four bytes"));
        let left = match age {
            Age::Stale => STALE_TTL,
            // RFC 2181 section 8: a lifetime with the top bit set is none.
            Age::Seconds(_) if ttl > i32::MAX as u32 => 0,
            Age::Seconds(age) => ttl.min(longest).saturating_sub(age),
        };
        message[at..at + 4].copy_from_slice(&left.to_be_bytes());
    }
    let name = query.name.sent();
    for (at, length) in answer.owners() {
        message[at..at + length].copy_from_slice(&name[..length]);
    }
    message[HEADER..HEADER + name.len()].copy_from_slice(name);
    let upstream = u16::from_be_bytes([message[2], message[3]]);
    let aware = query.authentic_data || query.dnssec_ok();
    let authentic = if aware { upstream & flag::AD } else { 0 };
    put(&mut message, 0, query.id);
    put(&mut message, 2, flags(query) | authentic | u16::from(answer.rcode()));
    debug_assert_eq!(answer.head(), HEADER + name.len() + 4, "an answer serves its own question");
    let options = match age {
        Age::Stale if answer.is_nxdomain() => Some(STALE_NXDOMAIN),
        Age::Stale => Some(STALE_ANSWER),
        Age::Seconds(_) => answer.extended_error(),
    };
    fit(message, query, transport, options)
}

/// Whether a message that was written here had to be cut short.
pub(crate) fn is_truncated(message: &[u8]) -> bool {
    u16::from_be_bytes([message[2], message[3]]) & flag::TC != 0
}

fn flags(query: &Query) -> u16 {
    let mut flags = flag::QR | flag::RA;
    if query.recursion_desired {
        flags |= flag::RD;
    }
    if query.checking_disabled {
        flags |= flag::CD;
    }
    flags
}

fn head(query: &Query, rcode: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(128 + query.name.sent().len());
    for word in [query.id, flags(query) | rcode, 1, 0, 0, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(query.name.sent());
    for word in [query.kind, class::IN] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message
}

fn push_data(message: &mut Vec<u8>, data: &Data, ttl: u32) {
    let mut push = |kind, rdata: &[u8]| push_record(message, QUESTION_NAME, kind, ttl, rdata);
    match data {
        Data::Address(IpAddr::V4(ip)) => push(kind::A, &ip.octets()),
        Data::Address(IpAddr::V6(ip)) => push(kind::AAAA, &ip.octets()),
        Data::Pointer(name) => push(kind::PTR, name.folded()),
        Data::Minimal => push(kind::HINFO, b"\x07RFC8482\x00"),
    }
}

/// The record that says how long a "no" holds (RFC 2308 section 3).
fn push_soa(message: &mut Vec<u8>, apex: usize, ttl: u32) {
    let mut rdata = SOA_NAMES.to_vec();
    // Serial, refresh, retry and expire matter to nobody: the zone is never transferred.
    for field in [1, 1800, 900, 604_800, ttl] {
        rdata.extend_from_slice(&u32::to_be_bytes(field));
    }
    let apex = u16::try_from(apex).expect("a name is at most 255 bytes");
    push_record(message, QUESTION_NAME + apex, kind::SOA, ttl, &rdata);
}

fn push_record(message: &mut Vec<u8>, owner: u16, kind: u16, ttl: u32, rdata: &[u8]) {
    for word in [owner, kind, class::IN] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(&ttl.to_be_bytes());
    message.extend_from_slice(&u16::try_from(rdata.len()).expect("our own data is short").to_be_bytes());
    message.extend_from_slice(rdata);
}

/// Adds OPT where the client sent one; an answer that is then too long becomes an empty one with the truncation bit.
fn fit(mut message: Vec<u8>, query: &Query, transport: Transport, options: Option<&[u8]>) -> Vec<u8> {
    let unfinished = message.len();
    finish(&mut message, query, options);
    if message.len() <= transport.limit(query) {
        return message;
    }
    message.truncate(unfinished.min(HEADER + query.name.sent().len() + 4));
    let flags = u16::from_be_bytes([message[2], message[3]]) | flag::TC;
    put(&mut message, 2, flags);
    message[6..12].fill(0);
    finish(&mut message, query, None);
    message
}

fn finish(message: &mut Vec<u8>, query: &Query, options: Option<&[u8]>) {
    let Some(edns) = query.edns else { return };
    let additionals = u16::from_be_bytes([message[10], message[11]]);
    put(message, 10, additionals.saturating_add(1));
    let cookie = edns.cookie.and_then(|cookie| Some((cookie.client, cookie.server?)));
    let cookie = cookie.map(|(client, server)| {
        [&COOKIE.to_be_bytes(), [0, 24].as_slice(), client.as_slice(), server.as_slice()].concat()
    });
    push_opt(message, 0, edns.dnssec_ok, &[options.unwrap_or_default(), &cookie.unwrap_or_default()].concat());
}

fn push_opt(message: &mut Vec<u8>, rcode_high: u8, dnssec_ok: bool, options: &[u8]) {
    message.push(0);
    for word in [kind::OPT, PAYLOAD] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(&[rcode_high, 0, if dnssec_ok { 0x80 } else { 0 }, 0]);
    message.extend_from_slice(&u16::try_from(options.len()).expect("a few short options").to_be_bytes());
    message.extend_from_slice(options);
}

fn put(message: &mut [u8], at: usize, word: u16) {
    message[at..at + 2].copy_from_slice(&word.to_be_bytes());
}
