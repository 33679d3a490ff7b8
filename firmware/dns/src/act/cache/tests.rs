use std::sync::Arc;

use gate_core::UnixMicros;

use super::Cache;
use crate::Config;
use crate::parse::{Answer, Name, Question, Wanted};

fn question(name: &str) -> Question {
    Question { name: Name::of_text(name).folded().into(), kind: 1, dnssec_ok: false, checking_disabled: false }
}

/// One A record that lives for `ttl` seconds.
fn answer(name: &str, ttl: u32) -> Arc<Answer> {
    let question = question(name);
    let mut bytes = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    bytes.extend_from_slice(&question.name);
    bytes.extend_from_slice(b"\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01");
    bytes.extend_from_slice(&ttl.to_be_bytes());
    bytes.extend_from_slice(b"\x00\x04\xcb\x00\x71\x01");
    Arc::new(Answer::read(&bytes, Wanted { id: 0, question: &question }).unwrap())
}

fn at(seconds: u64) -> UnixMicros {
    UnixMicros(seconds * 1_000_000)
}

#[test]
fn bytes_are_counted_to_the_last() {
    let config = Config { cache_entries: 8, cache_bytes: 2000, ..Config::default() };
    let mut cache = Cache::new(&config);
    for round in 0..200_u64 {
        let name = format!("{}.example", "n".repeat(1 + usize::try_from(round * 7 % 60).unwrap()));
        cache.put(question(&name), answer(&name, 60), at(round));
        if round % 3 == 0 {
            cache.get(&question(&name), at(round + 100));
        }
        let (entries, bytes) = cache.size();
        assert!(entries <= 8 && bytes <= 2000, "{entries} entries, {bytes} bytes");
    }
    while cache.entries.pop_lru().map(|(_, entry)| cache.bytes -= entry.size).is_some() {}
    assert_eq!(cache.size(), (0, 0), "no byte is left over");
}

#[test]
fn lifetimes_are_capped_and_zero_is_not_kept() {
    let config = Config { cache_seconds: 100, ..Config::default() };
    let mut cache = Cache::new(&config);
    cache.put(question("long.example"), answer("long.example", 100_000), at(1000));
    assert_eq!(cache.get(&question("long.example"), at(1099)).unwrap().1, 99);
    assert!(cache.get(&question("long.example"), at(1100)).is_none());
    assert_eq!(cache.size(), (0, 0), "what has expired leaves when it is found");
    cache.put(question("zero.example"), answer("zero.example", 0), at(1000));
    assert_eq!(cache.size(), (0, 0));
}

#[test]
fn an_answer_larger_than_the_cache_is_not_kept() {
    let config = Config { cache_bytes: 100, ..Config::default() };
    let mut cache = Cache::new(&config);
    cache.put(question("a.example"), answer("a.example", 60), at(0));
    assert_eq!(cache.size(), (0, 0));
}
