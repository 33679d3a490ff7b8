use std::sync::Arc;

use gate_core::{DnsOutcome, SystemClock};

use super::{Act, LARGE_BYTES, Step, Timeouts, Transport, Upstreams};
use crate::decide::{Identity, View};
use crate::parse::{Answer, Query, Wanted};
use crate::{Config, NetworkMode};

/// A question for TXT records of `a.example`.
const QUESTION: &[u8] = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\x07example\0\0\x10\0\x01";

/// 50,000 bytes of TXT records.
fn long_answer() -> Vec<u8> {
    let mut bytes = QUESTION.to_vec();
    bytes[2..4].copy_from_slice(&[0x81, 0x80]);
    let record = [b"\xc0\x0c\0\x10\0\x01\0\0\x02\x58\0\xc8\xc7".as_slice(), &[b'x'; 199]].concat();
    let count = 50_000 / record.len();
    bytes[6..8].copy_from_slice(&u16::try_from(count).unwrap().to_be_bytes());
    bytes.extend(record.repeat(count));
    bytes
}

#[test]
fn memory_of_long_answers_for_slow_clients_is_capped() {
    let config = Config { mode: NetworkMode::Dns, ..Config::default() };
    let view = || View {
        catalogue: Arc::default(),
        identity: Identity::default(),
        names: Arc::default(),
        groups: Arc::default(),
    };
    let asker = Upstreams::new(&config.upstreams, Timeouts::default()).asker();
    let act = Act::new(config, view(), asker, Arc::new(SystemClock)).unwrap();
    let query = Query::read(QUESTION).unwrap();
    let question = query.question();
    let answer = Answer::read(&long_answer(), Wanted { id: 0, question: &question }).unwrap();
    let size = answer.message().len();
    act.cache.lock().put(&question, &answer, act.clock.now());

    let cached = |transport| match act.answer(query.clone(), transport, [192, 0, 2, 7].into(), false, &view()) {
        Step::Done(done) => done,
        _ => panic!("it is fresh"),
    };
    let mut waiting = Vec::new();
    while waiting.len() <= LARGE_BYTES / size {
        waiting.push(cached(Transport::Tcp));
    }
    assert!(waiting.iter().rev().skip(1).all(|done| done.outcome == DnsOutcome::Cached));
    let over = waiting.pop().unwrap();
    assert_eq!((over.outcome.clone(), over.rcode()), (DnsOutcome::Failed, Some(2)));
    assert_eq!(cached(Transport::Udp).outcome, DnsOutcome::Cached, "over UDP an answer is short and leaves at once");
    waiting.pop();
    assert_eq!(cached(Transport::Tcp).outcome, DnsOutcome::Cached, "a place is free again");
}
