use gate_core::UnixMicros;
use parking_lot::Mutex;

use super::{Cache, Freshness, load, save};
use crate::Config;
use crate::parse::{Answer, Name, Question, Wanted};

fn question(name: &str) -> Question {
    Question { name: Name::of_text(name).folded().into(), kind: 1, dnssec_ok: false, checking_disabled: false, way: 0 }
}

/// One A record that lives for `ttl` seconds.
fn answer(name: &str, ttl: u32) -> Answer {
    let question = question(name);
    let mut bytes = vec![0, 0, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0];
    bytes.extend_from_slice(&question.name);
    bytes.extend_from_slice(b"\x00\x01\x00\x01\xc0\x0c\x00\x01\x00\x01");
    bytes.extend_from_slice(&ttl.to_be_bytes());
    bytes.extend_from_slice(b"\x00\x04\xcb\x00\x71\x01");
    Answer::read(&bytes, Wanted { id: 0, question: &question }).unwrap()
}

fn at(seconds: u64) -> UnixMicros {
    UnixMicros(seconds * 1_000_000)
}

fn put(cache: &mut Cache, name: &str, ttl: u32, now: u64) {
    cache.put(&question(name), &answer(name, ttl), at(now));
}

/// Age and state of what is kept.
fn kept(cache: &mut Cache, name: &str, now: u64) -> Option<(u32, Freshness)> {
    let kept = cache.get(&question(name), at(now))?;
    assert_eq!(kept.answer.message()[12..], answer(name, kept.answer.lifetime().unwrap()).message()[12..]);
    Some((kept.age, kept.state))
}

fn cache(change: impl FnOnce(&mut Config)) -> Cache {
    let mut config = Config::default();
    change(&mut config);
    Cache::new(&config)
}

#[test]
fn never_takes_more_than_it_may_and_finds_what_it_has() {
    let mut cache = cache(|config| (config.cache_entries, config.cache_bytes) = (50, 20_000));
    for round in 0..2000_u64 {
        let name = format!("{}.example", "n".repeat(1 + usize::try_from(round * 7 % 60).unwrap()));
        put(&mut cache, &name, 60, round);
        assert_eq!(kept(&mut cache, &name, round), Some((0, Freshness::Fresh)));
        let (entries, bytes) = cache.size();
        assert!(entries <= 50 && bytes <= 20_000, "{entries} entries, {bytes} bytes");
    }
    assert!(cache.size().0 >= 40, "{:?}", cache.size());
}

#[test]
fn the_oldest_leaves_first_unless_it_is_asked_for() {
    for (entries, bytes) in [(20, 1 << 20), (10_000, 20_000)] {
        let mut cache = cache(|config| (config.cache_entries, config.cache_bytes) = (entries, bytes));
        put(&mut cache, "used.example", 100_000, 0);
        put(&mut cache, "idle.example", 100_000, 0);
        for number in 0..1000 {
            assert!(kept(&mut cache, "used.example", 1).is_some(), "{number}");
            put(&mut cache, &format!("n{number}.example"), 100_000, 1);
        }
        assert!(kept(&mut cache, "idle.example", 1).is_none());
        assert!(kept(&mut cache, "n998.example", 1).is_some());
    }
}

#[test]
fn an_answer_is_fresh_then_due_then_stale_then_gone() {
    let mut cache = cache(|config| config.stale_seconds = 1000);
    put(&mut cache, "a.example", 300, 5000);
    let states = [(0, Freshness::Fresh), (269, Freshness::Fresh), (270, Freshness::Due), (299, Freshness::Due)];
    for (age, state) in states.into_iter().chain([(300, Freshness::Stale), (1299, Freshness::Stale)]) {
        assert_eq!(kept(&mut cache, "a.example", 5000 + u64::from(age)), Some((age, state)));
    }
    assert_eq!(kept(&mut cache, "a.example", 5000 + 1300), None);
    assert_eq!(kept(&mut cache, "a.example", 4999), None, "the clock went back");
    put(&mut cache, "short.example", 5, 5000);
    assert_eq!(kept(&mut cache, "short.example", 5004), Some((4, Freshness::Fresh)), "too short to have a tenth");
}

#[test]
fn after_a_failure_nobody_waits_for_half_a_minute() {
    let mut cache = cache(|_| {});
    put(&mut cache, "a.example", 300, 5000);
    cache.failed(&question("a.example"), at(5280));
    assert_eq!(kept(&mut cache, "a.example", 5285), Some((285, Freshness::Fresh)), "not asked for early again");
    cache.failed(&question("a.example"), at(6000));
    assert_eq!(kept(&mut cache, "a.example", 6029), Some((1029, Freshness::Resting)));
    assert_eq!(kept(&mut cache, "a.example", 6030), Some((1030, Freshness::Stale)));
    put(&mut cache, "a.example", 300, 6029);
    assert_eq!(kept(&mut cache, "a.example", 6029), Some((0, Freshness::Fresh)), "a new answer ends it");
    cache.failed(&question("unknown.example"), at(6000));
}

#[test]
fn lifetimes_are_capped_and_zero_is_not_kept() {
    let mut cache = cache(|config| (config.cache_seconds, config.stale_seconds) = (100, 0));
    put(&mut cache, "long.example", 100_000, 1000);
    assert_eq!(kept(&mut cache, "long.example", 1099), Some((99, Freshness::Due)));
    assert_eq!(kept(&mut cache, "long.example", 1100), None);
    put(&mut cache, "zero.example", 0, 1000);
    assert_eq!(kept(&mut cache, "zero.example", 1000), None);
}

#[test]
fn a_cache_without_room_keeps_nothing() {
    for bytes in [0, 3, 100] {
        let mut cache = cache(|config| config.cache_bytes = bytes);
        put(&mut cache, "a.example", 60, 0);
        assert_eq!(cache.size(), (0, 0));
    }
}

/// What a full cache writes, and its names.
fn saved() -> (Vec<u8>, Vec<String>) {
    let names: Vec<_> = (0..500).map(|number| format!("n{number}.example")).collect();
    let mut full = cache(|config| config.cache_bytes = 400_000);
    // Everything twice: only the newer is written.
    names.iter().chain(&names).for_each(|name| put(&mut full, name, 300, 5000));
    let mut bytes = Vec::new();
    assert_eq!(save(&Mutex::new(full), &mut bytes).unwrap(), names.len());
    (bytes, names)
}

#[test]
fn what_was_saved_is_there_again_with_its_age() {
    let (bytes, names) = saved();
    let fresh = Mutex::new(cache(|_| {}));
    put(&mut fresh.lock(), &names[0], 300, 5090);
    assert_eq!(load(&fresh, &mut bytes.as_slice(), at(5100)).unwrap(), names.len() - 1, "one is newer here");
    assert_eq!(kept(&mut fresh.lock(), &names[0], 5100), Some((10, Freshness::Fresh)));
    for name in &names[1..] {
        assert_eq!(kept(&mut fresh.lock(), name, 5100), Some((100, Freshness::Fresh)), "{name}");
    }
    for (now, count) in [(5300 + 86_399, names.len()), (5300 + 86_400, 0), (4999, 0)] {
        assert_eq!(load(&Mutex::new(cache(|_| {})), &mut bytes.as_slice(), at(now)).unwrap(), count, "{now}");
    }
    let small = Mutex::new(cache(|config| config.cache_entries = 10));
    load(&small, &mut bytes.as_slice(), at(5100)).unwrap();
    assert_eq!(small.lock().size().0, 10);
}

#[test]
fn a_damaged_file_is_read_up_to_the_damage() {
    let (bytes, names) = saved();
    let loaded = |bytes: &[u8]| load(&Mutex::new(cache(|_| {})), &mut &*bytes, at(5100));
    for cut in (0..bytes.len()).step_by(997) {
        let expected = names.len() * cut / bytes.len();
        match loaded(&bytes[..cut]) {
            Ok(count) => assert!(count.abs_diff(expected) <= 5, "{count} {expected}"),
            Err(error) => assert!(cut < 40 && error.to_string().contains("version"), "{error}"),
        }
    }
    for place in (48..bytes.len()).step_by(101) {
        let mut bad = bytes.clone();
        bad[place] ^= 0x20;
        let count = loaded(&bad).unwrap();
        assert!(count < names.len(), "a changed byte at {place} was taken");
        assert!(count.abs_diff(names.len() * place / bytes.len()) <= 5);
    }
    assert!(loaded(b"nanogate-dns-cache 99.0.0\n").is_err());
}

#[test]
fn an_answer_in_a_file_must_serve_its_question() {
    let good = answer("a.example", 60);
    assert!(good.serves(&question("a.example")));
    assert!(!good.serves(&question("b.example")));
    assert!(!good.serves(&Question { kind: 28, ..question("a.example") }));
    let encoded = postcard::to_stdvec(&good).unwrap();
    let read = |bytes: &[u8]| postcard::from_bytes::<Answer>(bytes).ok().filter(|a| a.serves(&question("a.example")));
    assert_eq!(read(&encoded), Some(good));
    // Whatever a byte becomes, what is accepted can be written out.
    for place in 0..encoded.len() {
        for change in [1, 0x80, 0xff] {
            let mut bad = encoded.clone();
            bad[place] ^= change;
            if let Some(answer) = read(&bad) {
                assert!(answer.ttls().all(|at| at + 4 <= answer.message().len()));
                assert!(answer.head() <= answer.message().len());
            }
        }
    }
}
