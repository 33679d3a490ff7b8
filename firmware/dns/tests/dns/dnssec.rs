//! DNSSEC against zones that bind signs and serves: whole, broken in every way, and not signed at all.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_core::ZoneKey;
use gate_dns::{Config, Dnssec, KeyOrigin};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, RecordType};

use crate::office::{query, query_edns};
use crate::signed_lab::{between, office, record, run, zones};
use crate::upstream::{Upstream, a, answers};

/// EDE codes (RFC 8914).
const EXPIRED: u16 = 7;
const BOGUS: u16 = 6;
const NO_SIGNATURE: u16 = 10;

/// The code of the EDE option.
fn reason(message: &Message) -> Option<u16> {
    match message.edns.as_ref()?.option(EdnsCode::Unknown(15)) {
        Some(EdnsOption::Unknown(_, bytes)) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
        _ => None,
    }
}

fn signatures(message: &Message) -> usize {
    message.answers.iter().filter(|record| record.record_type() == RecordType::RRSIG).count()
}

#[tokio::test]
async fn signed_answers_are_authentic_for_those_who_want_to_know() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    for zone in ["lab.example.", "three.example."] {
        for turn in ["asked", "kept"] {
            let name = format!("www.{zone}");
            let plain = office.ask(&name, RecordType::A).await;
            assert_eq!((plain.answers.len(), plain.metadata.authentic_data), (1, false), "{name} {turn}");
            let mut aware = query(&name, RecordType::A);
            aware.metadata.authentic_data = true;
            let aware = office.exchange(aware).await;
            assert!(aware.metadata.authentic_data && signatures(&aware) == 0, "{name} {turn}");
            let whole = office.exchange(query_edns(&name, RecordType::A, 1232, true)).await;
            assert!(whole.metadata.authentic_data && signatures(&whole) == 1, "{name} {turn}: {whole}");
        }
        // What is not there, and what a wildcard makes up.
        for (name, kind, rcode, answers) in [
            ("nobody", RecordType::A, ResponseCode::NXDomain, 0),
            ("www", RecordType::MX, ResponseCode::NoError, 0),
            ("dn", RecordType::A, ResponseCode::NoError, 0),
            ("any.wild", RecordType::MX, ResponseCode::NoError, 0),
            ("real.wild", RecordType::TXT, ResponseCode::NoError, 2),
            ("sub", RecordType::A, ResponseCode::NoError, 0),
            ("open", RecordType::DS, ResponseCode::NoError, 0),
            ("any.wild", RecordType::TXT, ResponseCode::NoError, 2),
            ("alias", RecordType::A, ResponseCode::NoError, 4),
        ] {
            let answer = office.exchange(query_edns(&format!("{name}.{zone}"), kind, 1232, true)).await;
            assert_eq!(
                (answer.metadata.response_code, answer.answers.len()),
                (rcode, answers),
                "{name}.{zone}: {answer}"
            );
            assert!(answer.metadata.authentic_data, "{name}.{zone}: {answer}");
        }
    }
}

/// Name, type, code, records of the answer section with their signatures, and whether all of it is signed.
const ALIASES: [(&str, RecordType, ResponseCode, usize, bool); 12] = [
    ("first", RecordType::A, ResponseCode::NoError, 6, true),
    ("alias", RecordType::CNAME, ResponseCode::NoError, 2, true),
    ("alias", RecordType::AAAA, ResponseCode::NoError, 2, true),
    ("first", RecordType::HTTPS, ResponseCode::NoError, 4, true),
    ("nowhere", RecordType::A, ResponseCode::NXDomain, 2, true),
    ("one.many", RecordType::A, ResponseCode::NoError, 4, true),
    ("one.many", RecordType::MX, ResponseCode::NoError, 2, true),
    // The alias that follows from a DNAME is signed by nobody.
    ("x.dn", RecordType::A, ResponseCode::NoError, 5, true),
    ("x.dn", RecordType::MX, ResponseCode::NoError, 3, true),
    ("nope.dn", RecordType::A, ResponseCode::NXDomain, 3, true),
    ("x.dn", RecordType::CNAME, ResponseCode::NoError, 3, true),
    ("out", RecordType::AAAA, ResponseCode::NoError, 2, false),
];

#[tokio::test]
async fn aliases_are_proven_step_by_step_to_what_stands_at_their_end() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    for zone in ["lab.example.", "three.example."] {
        for (name, kind, rcode, answers, secure) in ALIASES {
            let answer = office.exchange(query_edns(&format!("{name}.{zone}"), kind, 1232, true)).await;
            let got = (answer.metadata.response_code, answer.answers.len(), answer.metadata.authentic_data);
            assert_eq!(got, (rcode, answers, secure), "{name}.{zone} {kind}: {answer}");
            let negative = !answer.answers.iter().any(|record| record.record_type() == kind);
            let soa = answer.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
            assert_eq!(soa, negative, "{name}.{zone} {kind}: {answer}");
        }
    }
    let root = office.exchange(query_edns(".", RecordType::DS, 1232, true)).await;
    assert_eq!((root.metadata.response_code, root.answers.len()), (ResponseCode::NoError, 0));
}

#[tokio::test]
async fn what_is_taken_from_the_end_of_an_alias_is_missed() {
    let (server, _bind, _zones, key) = zones().await;
    let without_end = |message: &mut Message| {
        if message.queries[0].query_type() != RecordType::A {
            return;
        }
        message.answers.retain(|record| record.name.to_ascii().to_lowercase().starts_with("alias."));
        message.authorities.clear();
    };
    let denied = |message: &mut Message| {
        if message.queries[0].query_type() == RecordType::A {
            message.metadata.response_code = ResponseCode::NXDomain;
        }
    };
    let elsewhere = |message: &mut Message| {
        for record in &mut message.answers {
            if let RData::CNAME(target) = &mut record.data {
                target.0 = Name::from_ascii("evil.open.lab.example.").unwrap();
            }
        }
    };
    type Change = Box<dyn Fn(&mut Message) + Send>;
    let rows: [(&str, &str, Change); 5] = [
        ("alias.lab.example.", "its end is gone", Box::new(without_end)),
        ("alias.lab.example.", "its end is denied", Box::new(denied)),
        ("one.many.three.example.", "what is there is denied", Box::new(denied)),
        ("www.lab.example.", "what is there is denied", Box::new(denied)),
        ("x.dn.lab.example.", "the alias is not what the DNAME says", Box::new(elsewhere)),
    ];
    for (name, what, change) in rows {
        let address = between(&server, change).await;
        let office =
            office(&server, &key, |config| config.upstreams = vec![address.to_string().parse().unwrap()]).await;
        let answer = office.exchange(query_edns(name, RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{name}: {what}: {answer}");
    }
}

#[tokio::test]
async fn bogus_answers_are_withheld_with_a_reason() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let rows = [
        ("wrong.lab.example.", BOGUS, "203.0.113.11"),
        ("unsigned.lab.example.", NO_SIGNATURE, "203.0.113.12"),
        ("www.old.example.", EXPIRED, "203.0.113.10"),
    ];
    for (name, code, truth) in rows {
        for turn in ["asked", "remembered"] {
            let answer = office.exchange(query_edns(name, RecordType::A, 1232, false)).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{name} {turn}");
            assert!(answer.answers.is_empty() && reason(&answer) == Some(code), "{name} {turn}: {answer}");
        }
        // Who checks for itself gets everything (RFC 4035 section 3.2.2).
        let mut checking = query_edns(name, RecordType::A, 1232, true);
        checking.metadata.checking_disabled = true;
        let answer = office.exchange(checking).await;
        assert_eq!(answer.answers[0].data.to_string(), truth, "{name}");
        assert!(!answer.metadata.authentic_data);
    }
    assert_eq!(office.ask("www.lab.example.", RecordType::A).await.answers.len(), 1, "the zone is not lost");
}

#[tokio::test]
async fn what_nobody_signed_resolves_unsigned() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let names = ["www.open.lab.example.", "www.open.three.example.", "out.lab.example.", "www.plain.example."];
    for name in names {
        let answer = office.exchange(query_edns(name, RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}: {answer}");
        let found = answer.answers.iter().any(|record| record.data.to_string() == "203.0.113.10");
        assert!(found && !answer.metadata.authentic_data, "{name}: {answer}");
    }
    let missing = office.ask("nobody.open.lab.example.", RecordType::A).await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn exempted_zones_resolve_though_they_are_broken() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |config| {
        config.dnssec_exempt = vec![gate_core::HostName::parse(b"old.example").unwrap()];
    })
    .await;
    let answer = office.exchange(query_edns("www.old.example.", RecordType::A, 1232, true)).await;
    assert_eq!(answer.answers[0].data.to_string(), "203.0.113.10");
    assert!(!answer.metadata.authentic_data);
}

/// A key of the root as a pack carries it, made of its DNSKEY record; tag and digest are bind's own.
fn packed(folder: &Path, record: &str) -> ZoneKey {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |file: &PathBuf| {
        file.extension().is_some_and(|end| end == "key") && std::fs::read_to_string(file).unwrap().contains(record)
    };
    let file = files.into_iter().find(is_it).unwrap();
    let ds = run(folder, "dnssec-dsfromkey", &["-2", file.to_str().unwrap()]);
    let fields: Vec<_> = ds.split_whitespace().skip(3).map(str::to_owned).collect();
    let [tag, algorithm, _, digest @ ..] = fields.as_slice() else { panic!("{ds}") };
    ZoneKey {
        zone: ".".to_owned(),
        tag: tag.parse().unwrap(),
        algorithm: algorithm.parse().unwrap(),
        digest: digest.concat(),
        key: record.split_whitespace().skip(6).collect(),
    }
}

/// A key that nothing is signed by.
fn another(folder: &Path) -> ZoneKey {
    let name = run(folder, "dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "."]);
    packed(folder, &record(folder, name.trim()))
}

#[tokio::test]
async fn keys_of_a_pack_replace_others_while_it_runs() {
    let (server, _bind, zones, key) = zones().await;
    let ours = packed(zones.path(), &key);
    let other = another(zones.path());
    // The internet's own keys, which the lab's root does not have.
    let office = office(&server, &key, |config| config.dnssec_anchors = Vec::new()).await;
    let asked = async |name: &str| {
        let answer = office.exchange(query_edns(name, RecordType::A, 1232, true)).await;
        (answer.metadata.response_code, answer.metadata.authentic_data)
    };
    let (bogus, secure) = ((ResponseCode::ServFail, false), (ResponseCode::NoError, true));
    assert_eq!(office.dns.keys().origin, KeyOrigin::Builtin);
    assert_eq!(asked("www.lab.example.").await, bogus);
    office.dns.see_keys("the pack 1", std::slice::from_ref(&ours)).unwrap();
    assert_eq!(office.dns.keys().origin, KeyOrigin::Given("the pack 1".to_owned()));
    assert_eq!(office.dns.keys().keys, [format!(". {}", ours.tag)]);
    assert_eq!(asked("www.lab.example.").await, secure, "at once, though it was bogus a moment ago");

    let wrong = ZoneKey { tag: ours.tag ^ 1, ..other.clone() };
    let error = office.dns.see_keys("the pack 2", &[ours.clone(), wrong]).unwrap_err().to_string();
    assert!(error.contains(&format!("its tag is {}", other.tag)), "{error}");
    assert_eq!(asked("www.three.example.").await, secure, "what is refused changes nothing");

    office.dns.see_keys("the pack 3", std::slice::from_ref(&other)).unwrap();
    assert_eq!(asked("alias.three.example.").await, bogus, "the root is signed by no such key");
    assert_eq!(asked("www.lab.example.").await, secure, "what was checked when it came stays in the cache");
    office.dns.see_keys("the pack 4", &[other, ours]).unwrap();
    assert_eq!(asked("alias.lab.example.").await, secure, "one of the two is enough, as while keys roll over");
}

#[tokio::test]
async fn the_owners_keys_hold_against_a_packs() {
    let (server, _bind, zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let other = another(zones.path());
    office.dns.see_keys("a pack", &[other]).unwrap();
    assert_eq!(office.dns.keys().origin, KeyOrigin::Settings);
    let answer = office.exchange(query_edns("www.lab.example.", RecordType::A, 1232, true)).await;
    assert!(answer.metadata.authentic_data);
}

/// An upstream that knows the answer and leaves signatures out, as many a router does.
async fn stripping() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.set("www.three.example", RecordType::A, answers(vec![a("www.three.example.", 300, "203.0.113.10")]));
    upstream
}

#[tokio::test]
async fn an_upstream_that_strips_signatures_is_found_out() {
    let (server, _bind, _zones, key) = zones().await;
    let stripper = stripping().await;
    let both = |config: &mut Config| config.upstreams.insert(0, stripper.address.to_string().parse().unwrap());
    let office_both = office(&server, &key, both).await;
    let answer = office_both.exchange(query_edns("www.three.example.", RecordType::A, 1232, true)).await;
    assert!(answer.metadata.authentic_data && signatures(&answer) == 1, "the other one is asked: {answer}");
    assert_eq!(
        office_both.dns.upstreams().iter().map(|state| state.strips_signatures).collect::<Vec<_>>(),
        [true, false]
    );

    // What is checked is asked for once, and once more if it proves nothing.
    let rows = [(Dnssec::Validate, ResponseCode::NoError, 1), (Dnssec::Strict, ResponseCode::ServFail, 2)];
    for (mode, rcode, times) in rows {
        let alone = office(&server, &key, |config| {
            config.upstreams = vec![stripper.address.to_string().parse().unwrap()];
            config.dnssec = mode;
        })
        .await;
        let before = stripper.heard("www.three.example", RecordType::A);
        let answer = alone.exchange(query_edns("www.three.example.", RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, rcode, "{mode:?}");
        assert_eq!(stripper.heard("www.three.example", RecordType::A) - before, times, "{mode:?}");
        assert!(!answer.metadata.authentic_data);
        assert!(alone.dns.upstreams()[0].strips_signatures, "status tells");
    }
}

#[tokio::test]
async fn an_answer_is_explained() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let rows = [
        ("www.lab.example", "NOERROR", "secure", "asked of the internet", None),
        ("www.plain.example", "NOERROR", "insecure", "asked of the internet", None),
        ("www.old.example", "SERVFAIL", "bogus", "asked of the internet", Some(EXPIRED)),
        ("nobody.lab.example", "NXDOMAIN", "secure", "asked of the internet", None),
        ("api.acme.example", "NOERROR", "local", "steered: it is a name of acme", None),
        ("x.invalid", "NXDOMAIN", "local", "special", None),
    ];
    for (name, rcode, dnssec, rule, reason) in rows {
        let told = office.dns.explain((name, "a"), crate::office::ip("192.168.7.9"), true).await.unwrap();
        let code = told.reason.as_ref().map(|(code, _)| *code);
        assert_eq!((told.rcode.as_str(), told.dnssec.as_str(), code), (rcode, dnssec, reason), "{name}: {told:?}");
        assert!(told.rule.starts_with(rule), "{name}: {told:?}");
        assert_eq!(told.asked.is_empty(), dnssec == "local", "{name}: {told:?}");
    }
    let stranger = office.dns.explain(("www.lab.example", "A"), crate::office::ip("203.0.113.9"), true).await;
    assert!(stranger.unwrap_err().to_string().contains("no local subnet"));
}

#[tokio::test]
async fn a_dead_upstream_does_not_delay_the_look_for_signatures() {
    let (server, _bind, _zones, key) = zones().await;
    // Nobody reads from it.
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let both =
        |config: &mut Config| config.upstreams.insert(0, dead.local_addr().unwrap().to_string().parse().unwrap());
    let office = office(&server, &key, both).await;
    let asked = tokio::time::Instant::now();
    let answer = office.exchange(query_edns("www.lab.example.", RecordType::A, 1232, true)).await;
    assert!(answer.metadata.authentic_data, "{answer}");
    assert!(asked.elapsed() < Duration::from_millis(1000), "{:?}", asked.elapsed());
}
