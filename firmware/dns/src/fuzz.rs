//! Doors for `tests/fuzz` into what reads a stranger's bytes; nothing else calls them.

use std::path::Path;
use std::sync::Arc;

use gate_core::DnsOutcome;
use tokio::time::Instant;

use crate::act::mdns::Heard;
use crate::act::{Age, Ready, Sought, Transport, is_truncated, reply as render, take_apart};
use crate::decide::{Data, Key, Local, Names, Place, Table};
use crate::parse::{Answer, HEADER, Query, Rcode, Wanted};

/// As long as an answer may live here.
const LONGEST: u32 = 86_400;
/// OPT with a reason, at most.
const REASON: usize = 11 + 6 + 64;
/// Seconds since 1970 at which things are kept.
const NOW: u64 = 1_800_000_000;

/// Any datagram of a client: read, or refused in a few bytes; an answer repeats its question and fits.
pub fn query(bytes: &[u8]) {
    match Query::read(bytes) {
        Ok(query) => {
            let (outcome, data) = (DnsOutcome::Special, vec![Data::Minimal]);
            let local = Local { outcome, rcode: Rcode::NoError, data, apex: 0, why: None };
            for message in
                [render::code(&query, Rcode::ServFail, None), render::local(&query, &local, 30, Transport::Udp)]
            {
                check(&query, bytes, &message);
            }
        }
        Err(unserved) => {
            if let Some(rejection) = unserved.reply {
                let message = render::rejection(&rejection);
                // It repeats the question at most, and gives a reason.
                assert!(message.len() <= bytes.len() + REASON && message[..2] == bytes[..2] && message[2] & 0x80 != 0);
            }
        }
    }
}

/// Any file that names hosts or blocks names, and any announcement by multicast: read or left, and what was read is bounded.
pub fn files(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let table = Table::read(Key::random(), bytes.len() as u64, 64, |each| {
        text.lines().for_each(each);
        Ok(())
    });
    assert!(table.expect("memory is read without error").len() <= 64);
    let mut names = Names::default();
    let file = Arc::from(Path::new("/file"));
    names.add_hosts(&file, &text, "lan");
    let office = Place { domain: "lan", forwards: &[], own_names: &[] };
    names.add_leases(&[(file, text.as_ref().into())], office, NOW);
    let (mut heard, now) = (Heard::default(), Instant::now());
    heard.take(bytes, [192, 0, 2, 7].into(), |_| true, now);
    for (label, owner, addresses) in heard.names(now).1 {
        assert!(!label.is_empty() && !addresses.is_empty());
        names.add_announced(&label, owner, &addresses, office);
    }
}

fn check(query: &Query, question: &[u8], message: &[u8]) {
    assert!(message.len() <= Transport::Udp.limit(query), "an answer is longer than its client takes");
    assert_eq!(message[..2], question[..2]);
    let name = query.name.sent();
    assert_eq!(message[HEADER..HEADER + name.len() + 4], question[HEADER..HEADER + name.len() + 4]);
    assert!(message[2] & 0x80 != 0);
}

/// Any question with any records that an upstream might answer it with: what is read can be kept, given back and sent in
/// every way, its proofs are judged, and a copy from the table of ready replies is byte for byte what would have been made.
///
/// The first byte is the length of the question; the two after it are its age when it is asked again, and the next the
/// other spelling of its name.
pub fn answer(bytes: &[u8]) {
    let Some(([length, a, b, spelling], rest)) = bytes.split_first_chunk() else { return };
    let (question, records) = rest.split_at(usize::from(*length).min(rest.len()));
    let Ok(query) = Query::read(question) else { return };
    let wanted = query.question();
    let Some(message) = upstream(question, query.name.sent().len(), records) else { return };
    let Ok(answer) = Answer::read(&message, Wanted { id: 0, question: &wanted }) else { return };
    take_apart(&answer, &wanted);
    assert!(answer.serves(&wanted), "what was read is taken back from a file");
    let encoded = postcard::to_stdvec(&answer).expect("plain data is encoded");
    assert_eq!(postcard::from_bytes::<Answer>(&encoded).as_ref(), Ok(&answer));
    let answer = Arc::new(answer);
    let age = u32::from(u16::from_be_bytes([*a, *b]));
    let again = respelled(question, query.name.sent().len(), *spelling);
    let second = Query::read(&again).expect("another spelling is the same question");
    for stage in [Age::Seconds(0), Age::Seconds(age), Age::Stale] {
        check(&query, question, &render::relayed(&query, &answer, stage, LONGEST, Transport::Udp));
        render::relayed(&query, &answer, stage, LONGEST, Transport::Tcp);
    }
    let first = render::relayed(&query, &answer, Age::Seconds(0), LONGEST, Transport::Udp);
    let made = render::relayed(&second, &answer, Age::Seconds(age), LONGEST, Transport::Udp);
    if is_truncated(&first) {
        return;
    }
    let mut ready = Ready::new(8);
    ready.keep((question, 0), &first, answer.marks(), NOW, LONGEST);
    let mut room = [0xaa; 1232];
    let mut sought = Sought::default();
    ready.seek(&again, 0, &mut sought);
    if let Some(length) = ready.reply(&sought, &again, NOW + u64::from(age), &mut room) {
        assert_eq!(room[..length], made, "a copy differs from what would have been made");
    }
}

/// An upstream's message: our question with the counts and records of `records`.
fn upstream(question: &[u8], name: usize, records: &[u8]) -> Option<Vec<u8>> {
    let ([flags, answers, authorities, additionals], records) = records.split_first_chunk()?;
    let head = [0, 0, 0x81, 0x80 | flags & 0x2f, 0, 1, 0, *answers, 0, *authorities, 0, *additionals];
    Some([&head, &question[HEADER..HEADER + name + 4], records].concat())
}

/// The question with another identifier, and letters of its name in the other case where the bits say so.
fn respelled(question: &[u8], name: usize, bits: u8) -> Vec<u8> {
    let mut again = question.to_vec();
    again[..2].copy_from_slice(&[!question[0], bits]);
    for (at, byte) in again[HEADER..HEADER + name].iter_mut().enumerate() {
        // Length bytes are below 64 and no letters.
        if bits >> (at % 8) & 1 == 1 && byte.is_ascii_alphabetic() {
            *byte ^= 0x20;
        }
    }
    again
}
