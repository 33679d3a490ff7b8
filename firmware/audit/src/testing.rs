//! What the tests of this crate share: a clock that ticks, small segments, and surgery on files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gate_core::{Clock, DnsEvent, DnsOutcome, Event, Journal, Position, Record, UnixMicros};
use gate_seal::DeviceKey;

use crate::accept::list_segments;
use crate::decide::link;
use crate::parse::{HEADER_LEN, Header};
use crate::{ChainWriter, Follower, Options};

/// 2026-11-21T04:49:00Z.
pub(crate) const START: u64 = 1_795_236_540_000_000;

/// Moves on by a second at every look.
pub(crate) struct Ticking(AtomicU64);

impl Ticking {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(START)))
    }
}

impl Clock for Ticking {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.fetch_add(1_000_000, Ordering::Relaxed))
    }
}

/// The same key every time, as a device has.
pub(crate) fn key() -> DeviceKey {
    // RFC 8410 section 10.3.
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
    DeviceKey::from_pkcs8_pem(pem).unwrap()
}

/// Small segments; nothing is synced or signed by time unless a test waits for it.
pub(crate) fn options() -> Options {
    Options {
        process: "test".into(),
        segment_bytes: 4096,
        sync_interval: Duration::from_secs(60),
        max_total_bytes: 1 << 30,
        head_records: 1000,
        head_interval: Duration::from_secs(3600),
        memory_bytes: 0,
    }
}

pub(crate) fn open(dir: &Path, options: Options) -> ChainWriter {
    ChainWriter::open(dir, options, key(), Ticking::new()).unwrap()
}

/// A record whose content names its number.
pub(crate) fn event(number: u64) -> Event {
    Event::Dns(DnsEvent {
        client: "192.0.2.10".parse().unwrap(),
        name: format!("n{number}.example"),
        qtype: 1,
        outcome: DnsOutcome::Forwarded,
        rcode: Some(0),
        micros: 250,
    })
}

/// A record of about this size.
pub(crate) fn event_of(bytes: usize) -> Event {
    let Event::Dns(mut dns) = event(0) else { unreachable!() };
    dns.name = "x".repeat(bytes);
    Event::Dns(dns)
}

pub(crate) fn append(writer: &ChainWriter, numbers: std::ops::Range<u64>) {
    for number in numbers {
        assert_eq!(writer.append(&event(number)).unwrap(), Position(number));
    }
}

/// Everything a reader sees.
pub(crate) fn read_all(dir: &Path) -> Vec<(Position, Record)> {
    Follower::new(dir).poll(usize::MAX).unwrap()
}

/// Checks that the journal holds exactly these records in order.
pub(crate) fn assert_holds(dir: &Path, numbers: impl Iterator<Item = u64>) {
    let seen: Vec<_> = read_all(dir).into_iter().map(|(position, record)| (position.0, record.event)).collect();
    let wanted: Vec<_> = numbers.map(|number| (number, event(number))).collect();
    assert_eq!(seen, wanted);
}

pub(crate) fn segments(dir: &Path) -> Vec<PathBuf> {
    list_segments(dir).unwrap().into_iter().map(|name| name.path(dir)).collect()
}

/// Where each frame of a segment begins and ends.
pub(crate) fn frames(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let (mut ranges, mut at) = (Vec::new(), HEADER_LEN);
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        ranges.push(at..at + 8 + length);
        at += 8 + length;
    }
    ranges
}

/// Which frame of a chain's first segment a record is, as long as no head came in between: a chain begins with a head.
pub(crate) fn record(number: usize) -> usize {
    number + 1
}

/// Replaces a file's bytes by what `change` makes of them.
pub(crate) fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

pub(crate) fn damaged_files(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".damaged")).count()
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

/// What records of a newer program may look like: an event without a number here, one with more behind its fields, one
/// with fewer, and nothing that is known at all.
pub(crate) fn newer_payloads() -> [Vec<u8>; 4] {
    let known = postcard::to_stdvec(&Record { at: UnixMicros(START), event: event(0) }).unwrap();
    let time = postcard::to_stdvec(&UnixMicros(START)).unwrap();
    [[&time[..], &[200, 1, 5], b"later"].concat(), [&known[..], &[1]].concat(), known[..9].to_vec(), Vec::new()]
}

/// A frame as a writer would put it behind the one with the hash `previous`.
pub(crate) fn framed(previous: &[u8; 32], seq: u64, payload: &[u8]) -> Vec<u8> {
    let linked = [&[1], &seq.to_le_bytes()[..], payload].concat();
    let body = [&linked[..], &link(previous, &linked)].concat();
    [&u32::try_from(body.len()).unwrap().to_le_bytes(), &crc32fast::hash(&body).to_le_bytes(), &body[..]].concat()
}

/// Puts a record behind everything in a segment, as the program does that can write such a payload.
pub(crate) fn append_raw(segment: &Path, payload: &[u8]) {
    edit(segment, |bytes| {
        let (next, previous) = match frames(bytes).pop() {
            Some(last) => {
                let seq = u64::from_le_bytes(bytes[last.start + 9..last.start + 17].try_into().unwrap());
                (seq + u64::from(bytes[last.start + 8] == 1), bytes[last.end - 32..].try_into().unwrap())
            }
            None => {
                let header = Header::decode(bytes[..HEADER_LEN].try_into().unwrap()).unwrap();
                (header.first_seq, header.previous)
            }
        };
        bytes.extend(framed(&previous, next, payload));
    });
}
