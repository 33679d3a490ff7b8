//! What travels in OPT: cookies, and reasons.

use gate_core::{DnsOutcome, Reason};
use gate_dns::Dnssec;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::net::UdpSocket;

use crate::office::{Office, PATIENCE, SILENCE, ip, query, query_edns, read_tcp, write_tcp};
use crate::upstream::{Old, Zone, a, answers};

/// A question with one option.
pub(crate) fn with_option(name: &str, code: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = query(name, RecordType::A).to_vec().unwrap();
    bytes[11] = 1;
    let length = u16::try_from(data.len()).unwrap();
    bytes.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0]);
    for word in [length + 4, code, length] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    bytes.extend_from_slice(data);
    bytes
}

/// The data of one option of an answer that ends with its OPT record.
pub(crate) fn option(answer: &[u8], code: u16) -> Option<Vec<u8>> {
    let start = answer.windows(5).rposition(|bytes| bytes == [0, 0, 41, 4, 208])? + 11;
    let mut rest = &answer[start..];
    while let [a, b, c, d, data @ ..] = rest {
        let (data, after) = data.split_at(usize::from(u16::from_be_bytes([*c, *d])));
        if u16::from_be_bytes([*a, *b]) == code {
            return Some(data.to_vec());
        }
        rest = after;
    }
    None
}

#[tokio::test]
async fn a_client_with_a_cookie_is_given_one_of_ours_and_keeps_it() {
    let office = Office::open().await;
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 300, "203.0.113.1")]));
    // Steered, forwarded, cached and special answers alike, also those of the fast path.
    for name in ["api.acme.example.", "www.example.", "www.example.", "mask.icloud.com."] {
        let answer = office.send(&with_option(name, 10, b"clientid")).await.unwrap();
        let cookie = option(&answer, 10).unwrap_or_else(|| panic!("{name}: no cookie in {answer:?}"));
        assert_eq!((&cookie[..8], cookie.len(), cookie[8]), (b"clientid".as_slice(), 24, 1), "{name}");
        let again = office.send(&with_option(name, 10, &cookie)).await.unwrap();
        assert_eq!(option(&again, 10), Some(cookie.clone()), "{name}");
        let forged = [&cookie[..23], &[cookie[23] ^ 1]].concat();
        let again = office.send(&with_option(name, 10, &forged)).await.unwrap();
        assert_eq!(option(&again, 10), Some(cookie), "{name}");
        assert_eq!(again[3] & 0xf, answer[3] & 0xf, "{name}: a bad cookie changes no answer");
    }
    let without = office.send(&query_edns("www.example.", RecordType::A, 1232, false).to_vec().unwrap()).await.unwrap();
    assert_eq!(option(&without, 10), None);
}

#[tokio::test]
async fn a_cookie_of_no_known_length_and_options_that_do_not_fit_are_malformed() {
    let office = Office::open().await;
    for length in [0, 1, 7, 9, 15, 41, 100] {
        let answer = office.send(&with_option("api.acme.example.", 10, &vec![7; length])).await.unwrap();
        assert_eq!(answer[3] & 0xf, 1, "{length}");
    }
    for length in [8, 16, 24, 40] {
        let answer = office.send(&with_option("api.acme.example.", 10, &vec![7; length])).await.unwrap();
        assert_eq!((answer[3] & 0xf, option(&answer, 10).unwrap().len()), (0, 24), "{length}");
    }
    let mut short = with_option("api.acme.example.", 3, b"");
    let at = short.len() - 1;
    short[at] = 1;
    assert_eq!(office.send(&short).await.unwrap()[3] & 0xf, 1, "an option longer than its record");
}

#[tokio::test]
async fn who_gets_no_answer_is_told_why() {
    let office = Office::open_with(|config| (config.upstream_try_ms, config.upstream_total_ms) = (150, 300)).await;
    office.upstream.set("hole.example", RecordType::A, Zone { silent: true, ..Zone::default() });
    let answer = office.send(&with_option("hole.example.", 10, b"clientid")).await.unwrap();
    assert_eq!(answer[3] & 0xf, 2);
    assert_eq!(option(&answer, 15).unwrap(), b"\0\x16no upstream resolver answered");
    assert_eq!(option(&answer, 10).unwrap().len(), 24);
}

/// A question with parts replaced, and an OPT record.
fn bent(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = query("www.example.", RecordType::A).to_vec().unwrap();
    change(&mut bytes);
    bytes[11] = 1;
    bytes.extend_from_slice(&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
    bytes
}

#[tokio::test]
async fn whoever_is_refused_hears_his_question_and_why() {
    let office = Office::open().await;
    let kind = |kind: u8| bent(|bytes| bytes[26] = kind);
    let rows: [(Vec<u8>, u8, &[u8]); 5] = [
        (bent(|bytes| bytes[28] = 3), 5, b"\0\x15only questions of class IN are answered"),
        (bent(|bytes| bytes[2] |= 0x28), 4, b"\0\x15only questions are answered"),
        (kind(252), 4, b"\0\x15zones are not transferred here"),
        (kind(249), 4, b"\0\x15no type of records is asked for"),
        (kind(41), 1, b"\0\x15no type of records is asked for"),
    ];
    for (bytes, rcode, why) in rows {
        let answer = office.send(&bytes).await.unwrap();
        assert_eq!((answer[3] & 0xf, option(&answer, 15).as_deref()), (rcode, Some(why)), "{bytes:?}");
        assert_eq!(answer[..2], bytes[..2]);
        assert_eq!(answer[12..29], bytes[12..29], "the question");
    }
    let plain = query("www.example.", RecordType::AXFR).to_vec().unwrap();
    let answer = office.send(&plain).await.unwrap();
    assert_eq!((answer[3] & 0xf, answer.len(), &answer[6..12]), (4, plain.len(), &[0; 6][..]), "no OPT unasked");
}

/// Questions sent from an address of loopback at once; how many were answered, refused, and told why.
async fn flood(office: &Office, from: &str, count: usize) -> (usize, usize, usize) {
    let socket = UdpSocket::bind((ip(from), 0)).await.unwrap();
    socket.connect(office.address).await.unwrap();
    let question = query_edns("mask.icloud.com.", RecordType::A, 1232, false).to_vec().unwrap();
    let (mut answered, mut refused, mut told) = (0, 0, 0);
    let mut buffer = [0; 1500];
    for _ in 0..count {
        socket.send(&question).await.unwrap();
    }
    while let Ok(length) = tokio::time::timeout(SILENCE, socket.recv(&mut buffer)).await {
        let answer = &buffer[..length.unwrap()];
        answered += usize::from(answer[3] & 0xf == 3);
        refused += usize::from(answer[3] & 0xf == 5);
        told += usize::from(option(answer, 15).is_some_and(|reason| reason.ends_with(b"asks too fast")));
    }
    (answered, refused, told)
}

#[tokio::test]
async fn a_client_that_floods_is_told_once_and_its_neighbour_notices_nothing() {
    let office = Office::open_with(|config| config.client_questions_per_second = 20).await;
    let (answered, refused, told) = flood(&office, "127.0.0.2", 200).await;
    assert!((40..60).contains(&answered), "{answered}");
    assert_eq!((refused, told), (1, 1));
    assert_eq!(flood(&office, "127.0.0.3", 30).await, (30, 0, 0));
    let counters = office.dns.counters();
    assert_eq!((counters.limited, counters.refused), (200 - answered as u64, 200 - answered as u64));
    let records = office.records(230).await;
    let limited = records.iter().filter(|record| record.outcome == DnsOutcome::Refused(Reason::RateLimited));
    assert!(limited.clone().all(|record| record.client == ip("127.0.0.2")));
    assert_eq!(limited.count(), 200 - answered, "every question has its record");
}

#[tokio::test]
async fn the_limit_holds_over_tcp_and_never_for_the_router() {
    let office = Office::open_with(|config| config.client_questions_per_second = 5).await;
    let question = query("mask.icloud.com.", RecordType::A).to_vec().unwrap();
    let mut stream = office.connect().await;
    for _ in 0..20 {
        write_tcp(&mut stream, &question).await;
    }
    let mut codes = Vec::new();
    while let Ok(Some(answer)) = tokio::time::timeout(SILENCE, read_tcp(&mut stream)).await {
        codes.push(answer.metadata.response_code);
    }
    assert!((11..15).contains(&codes.len()), "{codes:?}");
    assert_eq!(codes.iter().filter(|code| **code == ResponseCode::Refused).count(), 1);
    office.dns.see_routers([ip("127.0.0.1"), ip("127.0.0.9")].into());
    assert_eq!(flood(&office, "127.0.0.9", 200).await, (200, 0, 0));
    assert_eq!(office.dns.counters().from_router, 200);
    let mut stream = office.connect().await;
    for _ in 0..20 {
        write_tcp(&mut stream, &question).await;
        let answer = tokio::time::timeout(PATIENCE, read_tcp(&mut stream)).await.unwrap().unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    }
    office.dns.see_routers([ip("127.0.0.1")].into());
    assert!(flood(&office, "127.0.0.9", 100).await.0 < 20, "it is the router no more");
}

#[tokio::test]
async fn an_upstream_older_than_edns_is_asked_without_and_that_is_remembered() {
    for rcode in [ResponseCode::FormErr, ResponseCode::NotImp] {
        for bare in [false, true] {
            let office = Office::open_with(|config| config.dnssec = Dnssec::Validate).await;
            office.upstream.grow_old(Old { rcode, bare });
            office.upstream.set("", RecordType::DNSKEY, Zone::default());
            for number in 0..3 {
                let name = format!("www{number}.example");
                office.upstream.set(&name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
                let answer = office.exchange(query_edns(&format!("{name}."), RecordType::A, 1232, true)).await;
                assert_eq!(answer.answers.len(), 1, "{rcode} {bare}: {answer}");
                assert!(answer.edns.is_some(), "clients have theirs all the same");
            }
            assert_eq!(office.upstream.asked().0, 2 + 3, "the first question was asked twice, no other");
            assert!(office.dns.upstreams()[0].strips_signatures, "there is no DNSSEC without EDNS");
        }
    }
}

#[tokio::test]
async fn an_upstream_that_knows_edns_loses_it_for_no_more_than_a_question() {
    let office = Office::open().await;
    let set =
        |name: &str| office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
    set("before.example");
    office.ask("before.example.", RecordType::A).await;
    office.upstream.grow_old(Old { rcode: ResponseCode::FormErr, bare: true });
    for (name, asked) in [("one.example", 3), ("two.example", 5)] {
        set(name);
        assert_eq!(office.ask(&format!("{name}."), RecordType::A).await.answers.len(), 1);
        assert_eq!(office.upstream.asked().0, asked, "{name}: with OPT, then without");
    }
}

#[tokio::test]
async fn questions_for_no_type_of_records_are_explained() {
    let office = Office::open().await;
    let explain = async |kind: &str| office.dns.explain(("www.example", kind), ip("127.0.0.1"), false).await;
    let told = explain("ANY").await.unwrap();
    assert_eq!(told.rule, "special: who asks for everything is answered with a word (RFC 8482)");
    for (kind, words) in [
        ("TYPE249", "no type of records is asked for"),
        ("TYPE41", "no type of records is asked for"),
        ("AXFR", "zones are not transferred here"),
    ] {
        let error = explain(kind).await.unwrap_err().to_string();
        assert_eq!(error, format!("such questions are refused: {words}"), "{kind}");
    }
}

#[tokio::test]
async fn names_in_letters_of_any_language_are_explained() {
    let office = Office::open().await;
    let zone = answers(vec![a("xn--mnchen-3ya.example.", 60, "203.0.113.1")]);
    office.upstream.set("xn--mnchen-3ya.example", RecordType::A, zone);
    let told = office.dns.explain(("München.example", "A"), ip("127.0.0.1"), false).await.unwrap();
    assert_eq!(told.records.len(), 1, "{told:?}");
}
