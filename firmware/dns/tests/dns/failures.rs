//! Failures are kept for a moment (RFC 9520).

use std::time::Duration;

use gate_core::DnsOutcome;
use gate_dns::NetworkMode;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use tokio::time::Instant;

use crate::office::{Office, query, query_edns};
use crate::upstream::{Zone, a, answers, cname, soa};

const START: u64 = 1_800_000_000;

fn silent() -> Zone {
    Zone { silent: true, ..Zone::default() }
}

fn reason(message: &Message) -> Option<u16> {
    match message.edns.as_ref()?.option(EdnsCode::Unknown(15)) {
        Some(EdnsOption::Unknown(_, bytes)) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
        _ => None,
    }
}

#[tokio::test]
async fn who_asks_again_at_once_is_told_the_same() {
    let office = Office::open_with(|config| (config.upstream_try_ms, config.upstream_total_ms) = (100, 250)).await;
    let fails = |rcode, reason| Zone {
        rcode: Some(rcode),
        reason,
        // Its lifetime is that of an answer, which this is not.
        authorities: vec![soa("example.", 900, 900)],
        ..Zone::default()
    };
    let rows = [
        ("silent.example", silent(), ResponseCode::ServFail, 22, DnsOutcome::Failed),
        ("broken.example", fails(ResponseCode::ServFail, Some(9)), ResponseCode::ServFail, 9, DnsOutcome::Cached),
        ("lame.example", fails(ResponseCode::ServFail, Some(23)), ResponseCode::ServFail, 23, DnsOutcome::Cached),
        ("refused.example", fails(ResponseCode::Refused, Some(20)), ResponseCode::ServFail, 20, DnsOutcome::Cached),
        ("unsaid.example", fails(ResponseCode::Refused, None), ResponseCode::ServFail, 22, DnsOutcome::Cached),
        ("unknown.example", fails(ResponseCode::NotImp, None), ResponseCode::ServFail, 23, DnsOutcome::Cached),
        ("wordless.example", fails(ResponseCode::ServFail, None), ResponseCode::ServFail, 22, DnsOutcome::Cached),
        ("odd.example", fails(ResponseCode::YXDomain, None), ResponseCode::ServFail, 23, DnsOutcome::Cached),
    ];
    for (name, zone, rcode, code, outcome) in rows {
        office.clock.set_seconds(START);
        office.upstream.set(name, RecordType::A, zone);
        let ask = || office.exchange(query_edns(&format!("{name}."), RecordType::A, 1232, false));
        let first = ask().await;
        let heard = office.upstream.heard(name, RecordType::A);
        office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
        let asked = Instant::now();
        for second in [0, 1, 4] {
            office.clock.set_seconds(START + second);
            for again in [&first, &ask().await, &ask().await] {
                assert_eq!((again.metadata.response_code, reason(again)), (rcode, Some(code)), "{name}");
            }
            assert_eq!(office.last_records(1).await[0].outcome, outcome, "{name}");
        }
        assert!(asked.elapsed() < Duration::from_millis(500), "{name}: {:?}", asked.elapsed());
        assert_eq!(office.upstream.heard(name, RecordType::A), heard, "{name}");
        office.clock.set_seconds(START + 5);
        assert_eq!(ask().await.answers.len(), 1, "{name} is mended");
        assert_eq!(ask().await.answers.len(), 1, "{name} is mended");
    }
}

#[tokio::test]
async fn names_of_providers_are_asked_for_each_time() {
    let office = Office::open_with(|config| {
        (config.upstream_try_ms, config.upstream_total_ms, config.mode) = (100, 250, NetworkMode::Gateway);
    })
    .await;
    let name = "api.acme.example";
    office.upstream.set(name, RecordType::A, silent());
    assert_eq!(office.ask("api.acme.example.", RecordType::A).await.metadata.response_code, ResponseCode::ServFail);
    office.upstream.set(name, RecordType::A, answers(vec![a("api.acme.example.", 60, "203.0.113.1")]));
    assert_eq!(office.ask("api.acme.example.", RecordType::A).await.answers.len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_over_goes_before_a_failure() {
    let office = Office::open_with(|config| config.stale_wait_ms = 300).await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 100, "203.0.113.1")]));
    office.ask("www.example.", RecordType::A).await;
    office.upstream.set("www.example", RecordType::A, Zone { rcode: Some(ResponseCode::ServFail), ..Zone::default() });
    office.clock.set_seconds(START + 200);
    for _ in 0..3 {
        assert_eq!(office.ask("www.example.", RecordType::A).await.answers.len(), 1);
    }
    assert_eq!(office.dns.counters().stale, 3);
}

#[tokio::test]
async fn a_question_for_which_there_was_no_room_has_not_failed() {
    let office = Office::open_with(|config| config.upstream_concurrency = 2).await;
    let client = tokio::net::UdpSocket::bind("127.0.0.2:0").await.unwrap();
    for name in ["www.example", "hole.example"] {
        office.upstream.set(name, RecordType::A, silent());
        client.send_to(&query(&format!("{name}."), RecordType::A).to_vec().unwrap(), office.address).await.unwrap();
        while office.upstream.heard(name, RecordType::A) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    office.ask_from("127.0.0.3", "other.example.", RecordType::A).await;
    let mut buffer = [0; 512];
    client.recv(&mut buffer).await.unwrap();
    assert_eq!(buffer[3] & 0xf, 2, "the oldest question of whoever holds most is given up");
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 60, "203.0.113.1")]));
    assert_eq!(office.ask("www.example.", RecordType::A).await.answers.len(), 1);
}

#[tokio::test]
async fn an_answer_of_another_name_only_is_none() {
    let office = Office::open().await;
    let elsewhere = || answers(vec![a("other.example.", 60, "203.0.113.1")]);
    let ask = |name: &str| office.exchange(query_edns(name, RecordType::A, 1232, false));
    office.upstream.set("mism.example", RecordType::A, elsewhere());
    for _ in 0..2 {
        let answer = ask("mism.example.").await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::ServFail, 0));
        assert_eq!(reason(&answer), Some(0));
    }
    // Its own name among others, which go no further, and one that it is an alias of, are answers.
    let both = vec![a("other.example.", 60, "203.0.113.1"), a("Both.example.", 60, "203.0.113.2")];
    office.upstream.set("both.example", RecordType::A, answers(both));
    let alias = vec![cname("alias.example.", 60, "other.example."), a("other.example.", 60, "203.0.113.1")];
    office.upstream.set("alias.example", RecordType::A, answers(alias));
    for (name, count) in [("both.example.", 1), ("alias.example.", 2)] {
        assert_eq!(ask(name).await.answers.len(), count, "{name}");
    }
}
