use std::time::Duration;

use gate_core::DnsOutcome;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::Instant;

use crate::office::{Office, query, query_edns, read_tcp, write_tcp};
use crate::upstream::{Upstream, Zone, a, answers, soa, txt};

#[tokio::test]
async fn answers_are_forwarded_then_kept_and_age() {
    let office = Office::open().await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    for (name, elapsed, ttl, asked) in [
        ("www.example.", 0, 300, 1),
        ("WWW.example.", 0, 300, 1),
        ("www.Example.", 269, 31, 1),
        ("www.example.", 300, 300, 2),
    ] {
        office.clock.set_seconds(1_800_000_000 + elapsed);
        let answer = office.ask(name, RecordType::A).await;
        assert_eq!((answer.answers[0].ttl, office.upstream.asked().0), (ttl, asked), "{name} after {elapsed} s");
    }
    let outcomes: Vec<_> = office.records(4).await.into_iter().map(|record| record.outcome).collect();
    assert_eq!(outcomes, [DnsOutcome::Forwarded, DnsOutcome::Cached, DnsOutcome::Cached, DnsOutcome::Forwarded]);
}

#[tokio::test]
async fn a_clock_set_back_or_far_ahead_only_empties_the_cache() {
    let office = Office::open().await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    for (index, seconds) in [1_800_000_000, 0, 32_503_680_000, 0].into_iter().enumerate() {
        office.clock.set_seconds(seconds);
        assert_eq!(office.ask("www.example.", RecordType::A).await.answers[0].ttl, 300);
        assert_eq!(office.upstream.asked().0, index + 1);
    }
}

#[tokio::test]
async fn no_is_kept_as_long_as_the_soa_says() {
    let office = Office::open().await;
    let none = |authorities, rcode| Zone { authorities, rcode: Some(rcode), ..Zone::default() };
    let rows = [
        ("nx.example", none(vec![soa("example.", 900, 60)], ResponseCode::NXDomain), 59, true),
        ("nx60.example", none(vec![soa("example.", 900, 60)], ResponseCode::NXDomain), 60, false),
        ("nodata.example", none(vec![soa("example.", 30, 600)], ResponseCode::NoError), 29, true),
        ("nodata30.example", none(vec![soa("example.", 30, 600)], ResponseCode::NoError), 30, false),
        ("nosoa.example", none(Vec::new(), ResponseCode::NXDomain), 0, false),
        ("long.example", none(vec![soa("example.", 90_000, 90_000)], ResponseCode::NXDomain), 3600, false),
        ("zero.example", answers(vec![a("zero.example.", 0, "203.0.113.1")]), 0, false),
        ("servfail.example", none(vec![soa("example.", 900, 60)], ResponseCode::ServFail), 5, false),
    ];
    for (name, zone, elapsed, kept) in rows {
        office.clock.set_seconds(1_800_000_000);
        let rcode = zone.rcode.unwrap_or(ResponseCode::NoError);
        office.upstream.set(name, RecordType::A, zone);
        let first = office.ask(&format!("{name}."), RecordType::A).await;
        assert_eq!(first.metadata.response_code, rcode, "{name}");
        office.clock.set_seconds(1_800_000_000 + elapsed);
        office.ask(&format!("{name}."), RecordType::A).await;
        let outcome = office.last_records(1).await.remove(0).outcome;
        assert_eq!(outcome == DnsOutcome::Cached, kept, "{name} after {elapsed} s");
    }
}

#[tokio::test]
async fn forged_answers_are_waited_past() {
    let office = Office::open().await;
    for (forged, asked) in [(1, (1, 0)), (6, (2, 1))] {
        let zone = Zone { forged, ..answers(vec![a("www.example.", 0, "203.0.113.1")]) };
        office.upstream.set("www.example", RecordType::A, zone);
        let answer = office.ask("www.example.", RecordType::A).await;
        assert_eq!(answer.answers[0].data.to_string(), "203.0.113.1");
        assert_eq!(office.upstream.asked(), asked, "after too many guesses TCP is asked");
    }
}

#[tokio::test]
async fn a_server_that_respells_questions_is_asked_over_tcp_once_and_then_believed() {
    let office = Office::open().await;
    for name in ["a-name-with-many-letters.example", "another-name-with-many-letters.example"] {
        let zone = Zone { lowers: true, ..answers(vec![a(&format!("{name}."), 0, "203.0.113.1")]) };
        office.upstream.set(name, RecordType::A, zone);
    }
    for (name, asked) in [
        ("a-name-with-many-letters.example.", (1, 1)),
        ("another-name-with-many-letters.example.", (2, 1)),
        ("A-Name-with-many-letters.example.", (3, 1)),
    ] {
        let answer = office.ask(name, RecordType::A).await;
        assert_eq!(answer.answers[0].data.to_string(), "203.0.113.1", "{name}");
        assert_eq!(
            office.upstream.asked(),
            asked,
            "over TCP nobody can have forged it, so it is how it writes: {name}"
        );
    }
    let honest = Office::open().await;
    honest.upstream.set("a.example", RecordType::A, answers(vec![a("a.example.", 0, "203.0.113.1")]));
    honest.ask("a.example.", RecordType::A).await;
    let name = "letters-that-may-be-large-or-small.example";
    let lie = Zone { lowers: true, tcp_only: false, ..answers(vec![a(&format!("{name}."), 0, "203.0.113.1")]) };
    honest.upstream.set(name, RecordType::A, lie);
    honest.ask(&format!("{name}."), RecordType::A).await;
    assert_eq!(honest.upstream.asked(), (2, 1), "one that kept the spelling before is asked again over TCP");
}

#[tokio::test]
async fn a_server_that_respells_questions_and_has_no_tcp_must_say_it_twice() {
    let office = Office::open_behind(Upstream::start_without_tcp().await, |_| {});
    let respelled = |name: &str, ip: &str| Zone { lowers: true, ..answers(vec![a(&format!("{name}."), 0, ip)]) };
    let name = |number: usize| format!("name{number}-with-very-many-letters.example");
    for (number, asked) in [(0, 2), (1, 4), (2, 6), (3, 7), (4, 8)] {
        office.upstream.set(&name(number), RecordType::A, respelled(&name(number), "203.0.113.1"));
        let answer = office.ask(&format!("{}.", name(number)), RecordType::A).await;
        assert_eq!(answer.answers[0].data.to_string(), "203.0.113.1");
        assert_eq!(office.upstream.asked(), (asked, 0), "after a few it is how it writes");
    }
}

#[tokio::test]
async fn an_upstream_that_denies_everything_gives_way_to_another_one() {
    let (liar, honest) = (Upstream::start().await, Upstream::start().await);
    let denial = Zone { rcode: Some(ResponseCode::NXDomain), ..Zone::default() };
    liar.set("", RecordType::NS, denial);
    let second = liar.address.to_string();
    let name = "www.example";
    honest.set(name, RecordType::A, answers(vec![a("www.example.", 60, "203.0.113.1")]));
    let office = Office::open_behind(honest, |config| {
        config.probe_seconds = 60;
        let good = config.upstreams[0].clone();
        config.upstreams = vec![second.parse().unwrap(), good];
    });
    for _ in 0..500 {
        if office.dns.upstreams()[0].makes_up {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let lies: Vec<_> = office.dns.upstreams().iter().map(|state| state.makes_up).collect();
    assert_eq!(lies, [true, false]);
    assert_eq!(office.ask("www.example.", RecordType::A).await.answers.len(), 1);
    assert_eq!(liar.heard(name, RecordType::A), 0);
}

#[tokio::test]
async fn long_answers_are_truncated_over_udp_and_whole_over_tcp() {
    let office = Office::open().await;
    let zone = Zone { tcp_only: true, ..answers(txt("big.example.", 60, 3000)) };
    office.upstream.set("big.example", RecordType::TXT, zone);
    for (asked, answers) in [
        (query("big.example.", RecordType::TXT), 0),
        (query_edns("big.example.", RecordType::TXT, 1232, false), 0),
        (query_edns("big.example.", RecordType::TXT, 65_535, true), 0),
    ] {
        let answer = office.exchange(asked).await;
        assert!(answer.metadata.truncation && answer.answers.len() == answers, "{answer}");
    }
    assert_eq!(office.upstream.asked(), (2, 2), "fetched over TCP, and again with DNSSEC");
    let mut stream = office.connect().await;
    write_tcp(&mut stream, &query("big.example.", RecordType::TXT).to_vec().unwrap()).await;
    let answer = read_tcp(&mut stream).await.unwrap();
    assert!(!answer.metadata.truncation && answer.answers.len() == 15, "{answer}");
}

#[tokio::test]
async fn udp_answers_fit_what_the_client_announced() {
    let office = Office::open().await;
    for (name, bytes) in [("s.example", 300), ("m.example", 800), ("l.example", 1000), ("xl.example", 1500)] {
        office.upstream.set(name, RecordType::TXT, answers(txt(&format!("{name}."), 60, bytes)));
    }
    let rows = [
        ("s.example.", None, false),
        ("m.example.", None, true),
        ("m.example.", Some(100), true),
        ("m.example.", Some(1000), false),
        ("l.example.", Some(1000), true),
        ("l.example.", Some(65_535), false),
        // However much a question, whose sender may be forged, says that it takes.
        ("xl.example.", Some(65_535), true),
    ];
    for (name, payload, truncated) in rows {
        let plain = || query(name, RecordType::TXT);
        let asked = payload.map_or_else(plain, |payload| query_edns(name, RecordType::TXT, payload, false));
        let bytes = office.send(&asked.to_vec().unwrap()).await.unwrap();
        let limit = payload.unwrap_or(512).clamp(512, 1232);
        assert!(bytes.len() <= usize::from(limit), "{name} {payload:?}: {} bytes", bytes.len());
        assert_eq!(bytes[2] & 2 != 0, truncated, "{name} {payload:?}");
    }
}

#[tokio::test]
async fn the_authentic_bit_is_passed_to_those_who_know_it() {
    let office = Office::open().await;
    let zone = Zone { authentic: true, ..answers(vec![a("www.example.", 60, "203.0.113.1")]) };
    office.upstream.set("www.example", RecordType::A, zone);
    assert!(!office.ask("www.example.", RecordType::A).await.metadata.authentic_data);
    let mut aware = query("www.example.", RecordType::A);
    aware.metadata.authentic_data = true;
    assert!(office.exchange(aware).await.metadata.authentic_data);
    assert!(office.exchange(query_edns("www.example.", RecordType::A, 1232, true)).await.metadata.authentic_data);
}

#[tokio::test]
async fn equal_questions_are_asked_once() {
    let office = Office::open().await;
    let zone = Zone { delay: Duration::from_millis(200), ..answers(vec![a("www.example.", 0, "203.0.113.1")]) };
    office.upstream.set("www.example", RecordType::A, zone);
    let (a, b, c, d) = tokio::join!(
        office.ask("www.example.", RecordType::A),
        office.ask("WWW.example.", RecordType::A),
        office.ask("www.EXAMPLE.", RecordType::A),
        office.ask("www.example.", RecordType::A),
    );
    assert!([a, b, c, d].iter().all(|answer| answer.answers.len() == 1));
    assert_eq!(office.upstream.asked(), (1, 0));
    assert_eq!(office.dns.counters().forwarded, 4);
}

#[tokio::test]
async fn the_next_upstream_is_asked_when_one_fails() {
    let dead = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let closed = dead.local_addr().unwrap();
    drop(dead);
    let (silent, unwilling) = (Upstream::start().await, Upstream::start().await);
    let zone = Zone { silent: true, ..Zone::default() };
    silent.set("www.example", RecordType::A, zone.clone());
    silent.set("two.example", RecordType::A, zone);
    let refuse = Zone { rcode: Some(ResponseCode::Refused), ..Zone::default() };
    unwilling.set("www.example", RecordType::A, refuse.clone());
    unwilling.set("two.example", RecordType::A, refuse);
    let office = Office::open_with(|config| {
        let good = config.upstreams[0].clone();
        let bad = [closed, silent.address, unwilling.address].map(|address| address.to_string().parse().unwrap());
        config.upstreams = bad.into_iter().chain([good]).collect();
        config.upstream_try_ms = 200;
    })
    .await;
    for name in ["www.example", "two.example"] {
        office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
        assert_eq!(office.ask(&format!("{name}."), RecordType::A).await.answers.len(), 1);
    }
    assert_eq!(silent.asked().0, 1, "an upstream that failed is asked last for a while");
    assert_eq!(unwilling.asked().0, 2);
}

#[tokio::test]
async fn no_upstream_means_servfail_and_a_record() {
    let office = Office::open_with(|config| {
        config.upstream_try_ms = 100;
        config.upstream_total_ms = 300;
    })
    .await;
    office.upstream.set("www.example", RecordType::A, Zone { silent: true, ..Zone::default() });
    let answer = office.ask("www.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(office.upstream.asked().0, 2, "two tries");
    let record = &office.records(1).await[0];
    assert_eq!((&record.outcome, record.rcode), (&DnsOutcome::Failed, Some(2)));
    assert!((200_000..2_000_000).contains(&record.micros), "{record:?}");
}

/// Asks for names below a zone whose servers are silent, as many as break an upstream, until all were given up.
async fn ask_silent(office: &Office, round: usize) {
    let names: Vec<_> = (0..10).map(|number| format!("n{round}-{number}.dark{number}.example")).collect();
    for name in &names {
        office.upstream.set(name, RecordType::A, Zone { silent: true, ..Zone::default() });
    }
    let asked = names.iter().map(async |name| office.ask(&format!("{name}."), RecordType::A).await);
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    }
}

#[tokio::test]
async fn zones_whose_servers_are_silent_leave_the_others_their_names() {
    let office = Office::open_with(|config| (config.upstream_try_ms, config.upstream_total_ms) = (100, 250)).await;
    for round in 0..8 {
        ask_silent(&office, round).await;
        let name = format!("www{round}.example");
        office.upstream.set(&name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
        let answer = office.ask(&format!("{name}."), RecordType::A).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "round {round}");
        assert!(office.dns.upstreams()[0].working);
    }
    assert!(office.upstream.heard("", RecordType::NS) > 0, "it was asked whether it answers at all");
}

#[tokio::test]
async fn an_upstream_that_only_tcp_gets_to_is_asked_that_way() {
    let office = Office::open_with(|config| (config.upstream_try_ms, config.upstream_total_ms) = (100, 250)).await;
    office.upstream.deafen();
    let set = |name: &str| {
        office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
    };
    let mut number = 0;
    while !office.dns.upstreams()[0].tcp_only {
        number += 1;
        assert!(number < 100, "it is not found out");
        set(&format!("lost{number}.example"));
        office.ask(&format!("lost{number}.example."), RecordType::A).await;
    }
    let (udp, tcp) = office.upstream.asked();
    for number in 0..20 {
        set(&format!("www{number}.example"));
        let answer = office.ask(&format!("www{number}.example."), RecordType::A).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::NoError, 1));
    }
    assert_eq!(office.upstream.asked(), (udp, tcp + 20), "over TCP at once");
    assert!(office.dns.upstreams()[0].working);
}

#[tokio::test]
async fn an_upstream_that_answers_nobody_is_not_waited_for_until_it_is_back() {
    let office = Office::open_with(|config| (config.upstream_try_ms, config.upstream_total_ms) = (100, 250)).await;
    office.upstream.set("", RecordType::NS, Zone { silent: true, ..Zone::default() });
    let name = |number: usize| format!("www{number}.example");
    for number in 0..200 {
        office.upstream.set(&name(number), RecordType::A, Zone { silent: true, ..Zone::default() });
    }
    let mut number = 0;
    while office.dns.upstreams()[0].working {
        ask_silent(&office, number).await;
        number += 1;
        assert!(number < 20, "it is still waited for: {:?}", office.dns.upstreams());
    }
    let asked = Instant::now();
    office.ask("www0.example.", RecordType::A).await;
    office.ask("www1.example.", RecordType::A).await;
    assert!(asked.elapsed() < Duration::from_millis(450), "one at most is tried: {:?}", asked.elapsed());
    office.upstream.set("", RecordType::NS, Zone::default());
    let deadline = Instant::now() + Duration::from_secs(15);
    for number in 0.. {
        if office.dns.upstreams()[0].working {
            break;
        }
        assert!(Instant::now() < deadline, "our own question brings it back though no name of a client is answered");
        office.ask(&format!("{}.", name(2 + number % 190)), RecordType::A).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
