//! DNSSEC against somebody on the way who changes what zones say, and against zones whose servers say odd things of themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::lab::Server;
use crate::office::{Office, query_edns};
use crate::signed_lab::{between, late_between, office, zones};

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// The beginning of a zone that nobody signed.
fn unsigned_soa() -> Record {
    let soa = SOA::new(name("ns.plain.example."), name("hostmaster.plain.example."), 1, 3600, 900, 86400, 120);
    Record::from_rdata(name("plain.example."), 300, RData::SOA(soa))
}

/// An office whose upstream somebody stands before.
async fn office_behind(server: &Server, key: &str, change: impl Fn(&mut Message) + Send + 'static) -> Office {
    let address = between(server, change).await;
    office(server, key, |config| config.upstreams = vec![address.to_string().parse().unwrap()]).await
}

/// Whether an answer is the one to the client's question, and none of the chain's.
fn is_asked(message: &Message, asked: &str, kind: RecordType) -> bool {
    let question = &message.queries[0];
    question.query_type() == kind && *question.name() == name(asked)
}

#[tokio::test]
async fn nothing_that_an_answer_holds_makes_its_name_an_unsigned_one() {
    let (server, _bind, _zones, key) = zones().await;
    let rows = [
        ("www.lab.example.", RecordType::A, ResponseCode::NoError),
        ("www.lab.example.", RecordType::A, ResponseCode::NXDomain),
        ("www.three.example.", RecordType::A, ResponseCode::NoError),
        ("www.opt.example.", RecordType::A, ResponseCode::NXDomain),
        ("lab.example.", RecordType::NS, ResponseCode::NoError),
        ("open.lab.example.", RecordType::DS, ResponseCode::NXDomain),
    ];
    for (asked, kind, code) in rows {
        for keeps_proofs in [false, true] {
            let change = move |message: &mut Message| {
                if is_asked(message, asked, kind) {
                    message.answers.clear();
                    message.metadata.response_code = code;
                    if !keeps_proofs {
                        message.authorities.clear();
                    }
                    message.authorities.push(unsigned_soa());
                }
            };
            let office = office_behind(&server, &key, change).await;
            let answer = office.exchange(query_edns(asked, kind, 1232, true)).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{asked} {kind} {code}: {answer}");
        }
    }
}

#[tokio::test]
async fn nobody_says_that_the_name_of_an_alias_is_not_there() {
    let (server, _bind, _zones, key) = zones().await;
    let asked = "www.dn.lab.example.";
    for code in [ResponseCode::NoError, ResponseCode::NXDomain] {
        let change = move |message: &mut Message| {
            if is_asked(message, asked, RecordType::CNAME) {
                message.metadata.response_code = code;
            }
        };
        let office = office_behind(&server, &key, change).await;
        let answer = office.exchange(query_edns(asked, RecordType::CNAME, 1232, true)).await;
        let honest = code == ResponseCode::NoError;
        assert_eq!(answer.metadata.response_code == ResponseCode::NoError, honest, "{answer}");
        assert_eq!(answer.metadata.authentic_data, honest, "{answer}");
    }
}

#[tokio::test]
async fn an_upstream_that_repeats_records_is_understood() {
    let (server, _bind, _zones, key) = zones().await;
    let twice = |message: &mut Message| {
        let records = message.answers.clone();
        message.answers.extend(records);
    };
    let office = office_behind(&server, &key, twice).await;
    for asked in ["alias.lab.example.", "x.dn.lab.example.", "out.lab.example."] {
        let answer = office.exchange(query_edns(asked, RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{answer}");
        assert_eq!(answer.metadata.authentic_data, !asked.starts_with("out."), "{answer}");
    }
}

#[tokio::test]
async fn what_a_wildcard_made_is_not_put_in_the_place_of_what_is_written() {
    let (server, _bind, _zones, key) = zones().await;
    for zone in ["lab.example.", "three.example.", "opt.example."] {
        let made = server.ask(&query_edns(&format!("any.wild.{zone}"), RecordType::TXT, 1232, true)).unwrap();
        assert_eq!(made.answers.len(), 2, "{made}");
        let written = format!("real.wild.{zone}");
        for proofs in [vec![unsigned_soa()], made.authorities.clone()] {
            let (answers, asked) = (made.answers.clone(), written.clone());
            let change = move |message: &mut Message| {
                if is_asked(message, &asked, RecordType::TXT) {
                    (message.answers, message.authorities) = (answers.clone(), proofs.clone());
                    message.answers.iter_mut().for_each(|record| record.name = name(&asked));
                }
            };
            let office = office_behind(&server, &key, change).await;
            let answer = office.exchange(query_edns(&written, RecordType::TXT, 1232, true)).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{written}: {answer}");
        }
    }
}

#[tokio::test]
async fn unsigned_zones_need_prove_nothing() {
    let (server, _bind, _zones, key) = zones().await;
    type Change = fn(&mut Message);
    let odd: [Change; 3] = [
        |message| message.metadata.response_code = ResponseCode::ServFail,
        |message| message.metadata.response_code = ResponseCode::Refused,
        |_| {},
    ];
    for spoil in odd {
        let change = move |message: &mut Message| {
            let question = message.queries[0].clone();
            let below = ["open.lab.example.", "open.three.example.", "open.opt.example.", "plain.example."];
            let below = below.iter().any(|zone| name(zone).zone_of(question.name()) && name(zone) != *question.name());
            if question.query_type() == RecordType::NS || below && question.query_type() == RecordType::DS {
                message.answers.clear();
                message.authorities.clear();
                spoil(message);
            }
        };
        let office = office_behind(&server, &key, change).await;
        for zone in ["open.lab.example.", "open.three.example.", "plain.example."] {
            for (host, kind) in [("www", RecordType::A), ("x.sub", RecordType::A), ("alias", RecordType::A)] {
                let answer = office.exchange(query_edns(&format!("{host}.{zone}"), kind, 1232, true)).await;
                assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{host}.{zone}: {answer}");
                assert!(!answer.answers.is_empty() && !answer.metadata.authentic_data, "{host}.{zone}: {answer}");
            }
            let missing = office.exchange(query_edns(&format!("nobody.{zone}"), RecordType::MX, 1232, true)).await;
            assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain, "{zone}: {missing}");
        }
    }
}

#[tokio::test]
async fn where_unsigned_zones_may_lie_nothing_missing_is_called_authentic() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let rows = [
        ("www.opt.example.", RecordType::A, ResponseCode::NoError, true),
        ("www.opt.example.", RecordType::MX, ResponseCode::NoError, true),
        ("any.wild.opt.example.", RecordType::MX, ResponseCode::NoError, false),
        ("any.wild.opt.example.", RecordType::TXT, ResponseCode::NoError, false),
        ("nobody.opt.example.", RecordType::A, ResponseCode::NXDomain, false),
    ];
    for (asked, kind, code, authentic) in rows {
        let answer = office.exchange(query_edns(asked, kind, 1232, true)).await;
        let got = (answer.metadata.response_code, answer.metadata.authentic_data);
        assert_eq!(got, (code, authentic), "{asked} {kind}: {answer}");
    }
}

/// Takes out what signs and proves.
fn strip(message: &mut Message) {
    for section in [&mut message.answers, &mut message.authorities] {
        section.retain(|r| !matches!(r.record_type(), RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3));
    }
}

#[tokio::test]
async fn what_a_moments_fault_said_of_a_zone_is_not_believed_after_it() {
    let (server, _bind, _zones, key) = zones().await;
    let faulty = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&faulty);
    let change = move |message: &mut Message| {
        let of_chain = matches!(message.queries[0].query_type(), RecordType::DS | RecordType::DNSKEY);
        // The root's keys tell whether upstreams hand out signatures at all.
        if seen.load(Ordering::SeqCst) && of_chain && !message.queries[0].name().is_root() {
            strip(message);
        }
    };
    let office = office_behind(&server, &key, change).await;
    let ask = async |asked: &str| office.exchange(query_edns(asked, RecordType::A, 1232, true)).await;
    assert!(ask("www.three.example.").await.metadata.authentic_data);
    faulty.store(true, Ordering::SeqCst);
    for zone in ["lab.example.", "plain.example."] {
        assert_eq!(ask(&format!("www.{zone}")).await.metadata.response_code, ResponseCode::ServFail, "{zone}");
    }
    faulty.store(false, Ordering::SeqCst);
    for (asked, authentic) in [("alias.lab.example.", true), ("alias.plain.example.", false)] {
        let answer = ask(asked).await;
        let got = (answer.metadata.response_code, answer.metadata.authentic_data);
        assert_eq!(got, (ResponseCode::NoError, authentic), "{asked}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_without_signatures_does_not_win_over_a_late_one_with_them() {
    let (server, _bind, _zones, key) = zones().await;
    let late = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&late);
    let whole =
        late_between(&server, move |_| Duration::from_millis(if seen.swap(false, Ordering::SeqCst) { 700 } else { 0 }));
    let whole = whole.await;
    let stripped = between(&server, strip).await;
    let office = office(&server, &key, |config| {
        config.upstreams = [whole, stripped].iter().map(|address| address.to_string().parse().unwrap()).collect();
    })
    .await;
    let ask = async |asked: &str| office.exchange(query_edns(asked, RecordType::A, 1232, true)).await;
    assert!(ask("www.lab.example.").await.metadata.authentic_data);
    // The answer itself, and a step of the way to its zone, which is the first question there.
    for asked in ["alias.lab.example.", "first.lab.example.", "www.three.example.", "www.open.lab.example."] {
        late.store(true, Ordering::SeqCst);
        let answer = ask(asked).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{asked}: {answer}");
        assert_eq!(answer.metadata.authentic_data, !asked.contains("open"), "{asked}: {answer}");
    }
}
