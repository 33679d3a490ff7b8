//! Answers near their end and past it, and the cache in a file.

use std::time::Duration;

use gate_core::DnsOutcome;
use gate_dns::{Config, Dnssec, Forward, NetworkMode};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, HTTPS, SVCB};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use crate::office::{Office, PATIENCE, ip, query_edns};
use crate::upstream::{Zone, a, answers, cname, mx, record, soa};

const START: u64 = 1_800_000_000;
/// How long an upstream is waited for here when there is a stale answer.
const WAIT: Duration = Duration::from_millis(300);
/// How long all tries may take: nobody who has a stale answer waits for this.
const TOTAL: Duration = Duration::from_millis(3500);

async fn office(mode: NetworkMode) -> Office {
    Office::open_with(|config| (config.mode, config.stale_wait_ms) = (mode, WAIT.as_millis() as u64)).await
}

fn silent() -> Zone {
    Zone { silent: true, ..Zone::default() }
}

/// The lifetime of the first record and the EDE code.
fn facts(message: &Message) -> (u32, Option<u16>) {
    let record = message.answers.first().or(message.authorities.first()).expect("a record");
    let option = message.edns.as_ref().and_then(|edns| edns.option(EdnsCode::from(15_u16)));
    let code = option.map(|option| match option {
        EdnsOption::Unknown(15, bytes) => u16::from_be_bytes([bytes[0], bytes[1]]),
        other => panic!("{other:?}"),
    });
    (record.ttl, code)
}

async fn ask(office: &Office, name: &str) -> (u32, Option<u16>) {
    facts(&office.exchange(query_edns(name, RecordType::A, 1232, false)).await)
}

/// Waits until the upstream was asked so often.
async fn await_heard(office: &Office, name: &str, times: usize) {
    let deadline = Instant::now() + PATIENCE;
    while office.upstream.heard(name, RecordType::A) < times {
        assert!(Instant::now() < deadline, "the upstream was not asked again");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_name_in_use_is_asked_for_again_before_its_answer_ends() {
    let office = office(NetworkMode::Dns).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    assert_eq!(ask(&office, "www.example.").await, (100, None));
    office.clock.set_seconds(START + 89);
    for _ in 0..3 {
        assert_eq!(ask(&office, "www.example.").await, (11, None));
    }
    assert_eq!(office.upstream.heard("www.example", RecordType::A), 1, "not before nine tenths");
    office.clock.set_seconds(START + 92);
    assert_eq!(ask(&office, "www.example.").await, (8, None), "nobody waits for it");
    await_heard(&office, "www.example", 2).await;
    let deadline = Instant::now() + PATIENCE;
    while ask(&office, "www.example.").await != (100, None) {
        assert!(Instant::now() < deadline, "the new answer is not given");
    }
    assert_eq!(office.dns.counters().stale, 0);
    assert!(office.dns.counters().prefetched >= 1);
}

#[tokio::test]
async fn a_dead_upstream_leaves_the_answers_of_before() {
    let office = office(NetworkMode::Dns).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    let no =
        Zone { rcode: Some(ResponseCode::NXDomain), authorities: vec![soa("example.", 100, 100)], ..Zone::default() };
    office.upstream.set("no.example", RecordType::A, no);
    ask(&office, "www.example.").await;
    ask(&office, "no.example.").await;
    for name in ["www.example", "no.example"] {
        office.upstream.set(name, RecordType::A, silent());
    }
    office.clock.set_seconds(START + 5000);
    for (name, code) in [("www.example.", 3), ("no.example.", 19)] {
        let asked = Instant::now();
        assert_eq!(ask(&office, name).await, (30, Some(code)), "{name}");
        assert!((WAIT..TOTAL).contains(&asked.elapsed()), "{:?}", asked.elapsed());
        let asked = Instant::now();
        for _ in 0..5 {
            assert_eq!(ask(&office, name).await, (30, Some(code)), "{name}");
        }
        assert!(asked.elapsed() < WAIT, "the next do not wait: {:?}", asked.elapsed());
    }
    let counters = office.dns.counters();
    assert_eq!((counters.stale, counters.cached, counters.failed), (12, 12, 0));
    // The questions of before are still on their way.
    while office.dns.counters().in_flight > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.2")]));
    office.clock.set_seconds(START + 5031);
    assert_eq!(ask(&office, "www.example.").await, (100, None), "the upstream is back");
    office.clock.set_seconds(START + 100 + 86_400 + 1000);
    let over = office.ask("no.example.", RecordType::A).await;
    assert_eq!(over.metadata.response_code, ResponseCode::ServFail, "a day is the end");
}

#[tokio::test]
async fn who_waits_for_a_slow_upstream_is_given_what_there_is_and_the_next_its_answer() {
    let office = office(NetworkMode::Dns).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    ask(&office, "www.example.").await;
    let slow = Zone { delay: 2 * WAIT, ..answers(vec![a("www.example.", 100, "203.0.113.2")]) };
    office.upstream.set("www.example", RecordType::A, slow);
    office.clock.set_seconds(START + 200);
    assert_eq!(ask(&office, "www.example.").await, (30, Some(3)));
    tokio::time::sleep(2 * WAIT).await;
    assert_eq!(ask(&office, "www.example.").await, (100, None));
    let broken = Zone { rcode: Some(ResponseCode::ServFail), ..Zone::default() };
    office.upstream.set("www.example", RecordType::A, broken);
    office.clock.set_seconds(START + 400);
    assert_eq!(ask(&office, "www.example.").await, (30, Some(3)), "worth more than a failure that is passed on");
}

#[tokio::test]
async fn a_broken_signature_is_not_hidden_behind_the_answer_of_before() {
    let office = office(NetworkMode::Dns).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    ask(&office, "www.example.").await;
    let bogus = Zone { rcode: Some(ResponseCode::ServFail), reason: Some(6), ..Zone::default() };
    office.upstream.set("www.example", RecordType::A, bogus);
    office.clock.set_seconds(START + 200);
    for _ in 0..2 {
        let answer = office.ask("www.example.", RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    }
    assert_eq!(office.dns.counters().stale, 0);
}

#[tokio::test]
async fn names_of_providers_are_never_stale() {
    let gateway = office(NetworkMode::Gateway).await;
    let name = "api.acme.example";
    gateway.upstream.set(name, RecordType::A, answers(vec![a("api.acme.example.", 100, "203.0.113.1")]));
    gateway.ask("api.acme.example.", RecordType::A).await;
    // Nor is a name that is another one for a provider's.
    let chain = vec![cname("alias.example.", 100, "api.acme.example."), a("api.acme.example.", 100, "203.0.113.1")];
    let alias = office(NetworkMode::Gateway).await;
    alias.upstream.set("alias.example", RecordType::A, answers(chain));
    assert_eq!(alias.ask("alias.example.", RecordType::A).await.answers.len(), 2);
    // Nor where a service is that a provider's name has.
    let target = Name::from_ascii("api.acme.example.").unwrap();
    let hint = (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec![A("203.0.113.10".parse().unwrap())])));
    let https = RData::HTTPS(HTTPS(SVCB::new(1, target, vec![hint])));
    let service = office(NetworkMode::Explicit).await;
    service.upstream.set("alias.example", RecordType::HTTPS, answers(vec![record("alias.example.", 100, https)]));
    assert_eq!(service.ask("alias.example.", RecordType::HTTPS).await.answers.len(), 1);
    let dns = office(NetworkMode::Dns).await;
    dns.upstream.set(name, RecordType::MX, answers(vec![mx("api.acme.example.", 100, "mail.example.")]));
    dns.ask("api.acme.example.", RecordType::MX).await;
    let rows = [
        (gateway, name, RecordType::A),
        (alias, "alias.example", RecordType::A),
        (service, "alias.example", RecordType::HTTPS),
        (dns, name, RecordType::MX),
    ];
    for (office, name, kind) in rows {
        office.upstream.set(name, kind, silent());
        office.clock.set_seconds(START + 200);
        for _ in 0..2 {
            let answer = office.ask(&format!("{name}."), kind).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{name} {kind}");
        }
        assert_eq!(office.dns.counters().stale, 0);
    }
}

#[tokio::test]
async fn where_nobody_could_be_asked_nothing_rests() {
    let office = Office::open_with(|config| config.upstream_concurrency = 1).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    office.upstream.set("hole.example", RecordType::A, silent());
    ask(&office, "www.example.").await;
    office.clock.set_seconds(START + 200);
    let hole = query_edns("hole.example.", RecordType::A, 1232, false).to_vec().unwrap();
    let other = tokio::net::UdpSocket::bind("127.0.0.2:0").await.unwrap();
    other.send_to(&hole, office.address).await.unwrap();
    while office.dns.counters().in_flight == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The only seat is taken, and a moment later it is to be had: whoever asks then is not told that it failed just now.
    ask(&office, "www.example.").await;
    assert!(office.dns.crowd().is_some());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ask(&office, "www.example.").await, (100, None));
}

#[tokio::test]
async fn a_client_over_its_limit_still_has_the_answers_of_before() {
    let office = Office::open_with(|config| config.pending_per_client = 1).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    ask(&office, "www.example.").await;
    office.clock.set_seconds(START + 200);
    office.upstream.set("hole.example", RecordType::A, silent());
    let hole = query_edns("hole.example.", RecordType::A, 1232, false).to_vec().unwrap();
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    other.send_to(&hole, office.address).await.unwrap();
    while office.dns.counters().in_flight == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ask(&office, "www.example.").await, (30, Some(3)));
    assert_eq!(office.last_records(1).await[0].outcome, DnsOutcome::Cached);
}

#[tokio::test]
async fn answers_that_other_settings_would_judge_otherwise_are_not_taken_over() {
    let office = Office::open().await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    office.ask("www.example.", RecordType::A).await;
    let mut file = Vec::new();
    assert_eq!(office.dns.save(&mut file).unwrap(), 1);
    let changes: [fn(&mut Config); 4] = [
        |config| config.dnssec = Dnssec::Validate,
        |config| config.rebinding_guard = false,
        |config| config.rebinding_exempt = vec![gate_core::HostName::parse(b"corp.example").unwrap().into()],
        |config| {
            let zones = vec![gate_core::HostName::parse(b"corp.example").unwrap().into()];
            config.forward = vec![Forward { zones, upstreams: vec!["192.0.2.9".parse().unwrap()] }];
        },
    ];
    for change in changes {
        let next = Office::open_with(change).await;
        let error = next.dns.load(&mut file.as_slice()).unwrap_err();
        assert_eq!(error.to_string(), "its answers were judged by other settings");
    }
    let same = Office::open_with(|config| config.cache_entries = 50).await;
    assert_eq!(same.dns.load(&mut file.as_slice()).unwrap(), 1);
}

#[tokio::test]
async fn the_next_process_has_the_answers_of_this_one() {
    let first = Office::open().await;
    for number in 0..200 {
        let name = format!("n{number}.example");
        first.upstream.set(&name, RecordType::A, answers(vec![a(&format!("{name}."), 1000, "203.0.113.1")]));
        first.ask(&format!("{name}."), RecordType::A).await;
    }
    let mut file = Vec::new();
    assert_eq!(first.dns.save(&mut file).unwrap(), 200);
    first.close().await;
    let second = Office::open().await;
    second.clock.set_seconds(START + 60);
    assert_eq!(second.dns.load(&mut file.as_slice()).unwrap(), 200);
    for number in 0..200 {
        assert_eq!(ask(&second, &format!("n{number}.example.")).await, (940, None));
    }
    assert_eq!(second.upstream.asked().0, 0);
    assert!(second.dns.load(&mut b"something else".as_slice()).is_err());
}

#[tokio::test]
async fn a_person_is_told_what_clients_get_in_an_outage() {
    let office = office(NetworkMode::Dns).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    ask(&office, "WWW.example.").await;
    office.clock.set_seconds(START + 200);
    office.upstream.set("www.example", RecordType::A, silent());
    office.upstream.set("other.example", RecordType::A, silent());
    let explain = async |name| office.dns.explain((name, "A"), ip("127.0.0.1"), false).await.unwrap();
    let told = explain("wWw.example").await;
    assert_eq!(told.rule, "from the cache, though it is over: no upstream answered in time");
    assert_eq!((told.rcode.as_str(), told.reason), ("NOERROR", Some((3, String::new()))), "as for a client");
    assert_eq!(told.records, ["wWw.example. 30 IN A 203.0.113.1"], "in the spelling of whoever asks");
    assert_eq!(ask(&office, "www.example.").await, (30, Some(3)));
    let told = explain("www.example").await;
    assert_eq!(told.rule, "from the cache, though it is over: no upstream answered a moment ago");
    assert_eq!((told.rcode.as_str(), told.reason), ("NOERROR", Some((3, String::new()))));
    let silence = Some((22, "no upstream resolver answered".to_owned()));
    let told = explain("other.example").await;
    assert_eq!((told.rcode.as_str(), told.reason), ("SERVFAIL", silence.clone()));
    office.ask("other.example.", RecordType::A).await;
    let told = explain("other.example").await;
    assert_eq!(told.rule, "it failed a moment ago and is not asked again for some seconds");
    assert_eq!((told.rcode.as_str(), told.reason), ("SERVFAIL", silence));
}
