use std::net::IpAddr;
use std::sync::Arc;

use gate_core::{Catalogue, DnsOutcome};
use gate_dns::NetworkMode;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use crate::office::{Office, PUCK, PUCK_V6, identity, ip, query, query_edns};
use crate::upstream::{Zone, a, aaaa, answers, cname, mx, soa, txt};

fn addresses(message: &Message) -> Vec<IpAddr> {
    let address = |data: &RData| match data {
        RData::A(a) => IpAddr::V4(a.0),
        RData::AAAA(aaaa) => IpAddr::V6(aaaa.0),
        other => panic!("{other} is no address"),
    };
    message.answers.iter().map(|record| address(&record.data)).collect()
}

fn assert_nodata(message: &Message, apex: &str, ttl: u32) {
    assert_eq!(message.metadata.response_code, ResponseCode::NoError, "{message}");
    assert!(message.answers.is_empty(), "{message}");
    assert_soa(message, apex, ttl);
}

fn assert_soa(message: &Message, apex: &str, ttl: u32) {
    let [soa] = message.authorities.as_slice() else { panic!("one SOA: {message}") };
    let RData::SOA(data) = &soa.data else { panic!("a SOA: {soa}") };
    assert_eq!((soa.name.to_ascii().as_str(), soa.ttl, data.minimum), (apex, ttl, ttl));
}

#[tokio::test]
async fn steered_names_lead_to_the_puck_and_nowhere_else() {
    let office = Office::open().await;
    for name in ["api.acme.example.", "API.Acme.eXample.", "eu.chat.acme.example."] {
        let answer = office.ask(name, RecordType::A).await;
        assert_eq!(addresses(&answer), [ip(PUCK)], "{name}");
        assert_eq!((answer.answers[0].ttl, answer.answers[0].name.to_ascii().as_str()), (30, name));
        assert!(answer.metadata.recursion_available && !answer.metadata.authentic_data);
        let others = [
            RecordType::AAAA,
            RecordType::HTTPS,
            RecordType::SVCB,
            RecordType::CNAME,
            RecordType::NS,
            RecordType::SOA,
            RecordType::DS,
            RecordType::RRSIG,
            RecordType::DNSKEY,
            RecordType::ANY,
            RecordType::Unknown(65_400),
        ];
        for kind in others {
            assert_nodata(&office.ask(name, kind).await, name, 30);
        }
    }
    assert_eq!(office.upstream.asked(), (0, 0), "no upstream hears of steered names");
    for record in office.records(36).await {
        assert_eq!(record.outcome, DnsOutcome::Steered { vendor: "acme".to_owned() });
        assert_eq!((record.rcode, record.client), (Some(0), ip("127.0.0.1")));
        assert!(["api.acme.example", "eu.chat.acme.example"].contains(&record.name.as_str()), "{record:?}");
    }
}

#[tokio::test]
async fn mail_to_a_vendor_arrives() {
    let office = Office::open().await;
    let name = "api.acme.example.";
    let zone = Zone {
        answers: vec![mx(name, 300, name), mx(name, 300, "mail.acme.example.")],
        authorities: vec![soa("acme.example.", 60, 60)],
        additionals: vec![a(name, 300, "203.0.113.1"), aaaa(name, 300, "2001:db8::1")],
        ..Zone::default()
    };
    office.upstream.set("api.acme.example", RecordType::MX, zone);
    office.upstream.set("api.acme.example", RecordType::TXT, answers(txt(name, 300, 200)));
    for outcome in [DnsOutcome::Forwarded, DnsOutcome::Cached] {
        for kind in [RecordType::MX, RecordType::TXT] {
            let answer = office.exchange(query_edns(name, kind, 1232, false)).await;
            assert!(!answer.answers.is_empty() && answer.answers.iter().all(|r| r.record_type() == kind), "{answer}");
            assert!(answer.additionals.is_empty(), "no true address comes with it: {answer}");
        }
        assert!(office.last_records(2).await.iter().all(|record| record.outcome == outcome));
    }
    assert_eq!(addresses(&office.ask(name, RecordType::A).await), [ip(PUCK)]);
    let answer = office.ask("eu.chat.acme.example.", RecordType::MX).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "the upstream's word: {answer}");
}

#[tokio::test]
async fn an_alias_does_not_come_with_the_mail_of_a_steered_name() {
    let office = Office::open().await;
    let name = "api.acme.example.";
    let chain = || vec![cname(name, 300, "edge.cdn.example."), mx("edge.cdn.example.", 300, "mail.cdn.example.")];
    let beside = || vec![mx(name, 300, name), a(name, 300, "203.0.113.1")];
    office.upstream.set("api.acme.example", RecordType::MX, answers(chain()));
    office.upstream.set("api.acme.example", RecordType::TXT, answers(beside()));
    for _ in 0..2 {
        for kind in [RecordType::MX, RecordType::TXT] {
            assert_nodata(&office.ask(name, kind).await, name, 30);
        }
    }
    office.upstream.set("www.example", RecordType::MX, answers(vec![cname("www.example.", 300, "edge.cdn.example.")]));
    assert_eq!(office.ask("www.example.", RecordType::MX).await.answers.len(), 1, "others keep theirs");
}

#[tokio::test]
async fn services_of_a_steered_name_are_steered_too() {
    let office = Office::open().await;
    let name = "_8443._https.api.acme.example.";
    assert_nodata(&office.ask(name, RecordType::HTTPS).await, name, 30);
    assert_nodata(&office.ask("_dns.api.acme.example.", RecordType::SVCB).await, "_dns.api.acme.example.", 30);
    // The same labels ask for nothing of the kind with another type, and are the upstream's to deny.
    let answer = office.ask(name, RecordType::TXT).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn dnssec_is_dropped_from_steered_answers() {
    let office = Office::open().await;
    let mut asked = query_edns("api.acme.example.", RecordType::A, 4096, true);
    asked.metadata.authentic_data = true;
    asked.metadata.checking_disabled = true;
    let answer = office.exchange(asked).await;
    assert_eq!(addresses(&answer), [ip(PUCK)]);
    assert!(!answer.metadata.authentic_data && answer.metadata.checking_disabled);
    let edns = answer.edns.unwrap();
    assert!(edns.flags().dnssec_ok);
    assert_eq!(edns.max_payload(), 1232);
}

#[tokio::test]
async fn aaaa_is_answered_only_in_the_scope_of_a() {
    let office = Office::open_with(|config| config.steer_ipv6 = true).await;
    let answer = office.ask("api.acme.example.", RecordType::AAAA).await;
    assert_eq!(addresses(&answer), [ip(PUCK_V6)], "unique local beside private, never link-local");

    let mut public = identity();
    public.addresses = vec![ip(PUCK), ip("2001:db8::53")];
    office.dns.replace(crate::office::catalogue(), public);
    let answer = office.ask("api.acme.example.", RecordType::AAAA).await;
    assert_nodata(&answer, "api.acme.example.", 30);
}

#[tokio::test]
async fn names_that_are_not_steered_resolve() {
    let office = Office::open().await;
    office.upstream.set("cdn.acme.example", RecordType::A, answers(vec![a("cdn.acme.example.", 60, "203.0.113.7")]));
    let answer = office.ask("cdn.acme.example.", RecordType::A).await;
    assert_eq!(addresses(&answer), [ip("203.0.113.7")], "shared names never steer");

    let chain = vec![cname("www.example.", 60, "cdn.acme.example."), a("cdn.acme.example.", 60, "203.0.113.8")];
    office.upstream.set("www.example", RecordType::A, answers(chain));
    let answer = office.ask("www.example.", RecordType::A).await;
    assert_eq!(answer.answers.len(), 2, "nor do their other names: {answer}");

    // A dot inside a label makes another name of it, on which nothing is hung.
    let mut odd = query("api.acme.example.", RecordType::A).to_vec().unwrap();
    assert_eq!(&odd[12..21], b"\x03api\x04acme");
    odd.splice(12..21, *b"\x08api.acme");
    let answer = Message::from_vec(&office.send(&odd).await.unwrap()).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(office.records(3).await[2].name, "api\\.acme.example");
}

#[tokio::test]
async fn canaries_say_that_this_network_resolves_for_itself() {
    let office = Office::open().await;
    for name in ["use-application-dns.net.", "Mask.iCloud.com.", "mask-h2.icloud.com."] {
        for kind in [RecordType::A, RecordType::AAAA, RecordType::HTTPS] {
            let answer = office.ask(name, kind).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
            assert_soa(&answer, name, 30);
        }
    }
    assert_nodata(&office.ask("resolver.arpa.", RecordType::SVCB).await, "resolver.arpa.", 30);
    assert_nodata(&office.ask("_dns.resolver.arpa.", RecordType::SVCB).await, "resolver.arpa.", 30);
    assert_eq!(office.upstream.asked(), (0, 0));
    assert!(office.records(11).await.iter().all(|record| record.outcome == DnsOutcome::Special));
}

#[tokio::test]
async fn the_puck_answers_for_its_own_name_and_addresses() {
    let office = Office::open().await;
    let name = "nanogate.office.example.";
    assert_eq!(addresses(&office.ask(name, RecordType::A).await), [ip(PUCK)]);
    assert_eq!(addresses(&office.ask(name, RecordType::AAAA).await), [ip(PUCK_V6)]);
    assert_nodata(&office.ask(name, RecordType::HTTPS).await, name, 30);
    let v6 = format!("3.5{}.7.0.0.0.0.0.d.f.ip6.arpa.", ".0".repeat(22));
    for reverse in ["53.7.168.192.in-addr.arpa.", &v6] {
        let answer = office.ask(reverse, RecordType::PTR).await;
        let [pointer] = answer.answers.as_slice() else { panic!("one pointer for {reverse}: {answer}") };
        assert_eq!(pointer.data.to_string(), name);
    }
    assert_nodata(&office.ask("53.7.168.192.in-addr.arpa.", RecordType::A).await, "53.7.168.192.in-addr.arpa.", 30);
    assert!(office.records(6).await.iter().all(|record| record.outcome == DnsOutcome::Own));
    assert_eq!(office.upstream.asked(), (0, 0));
    let other = office.ask("54.7.168.192.in-addr.arpa.", RecordType::PTR).await;
    assert_eq!(
        (other.metadata.response_code, office.upstream.asked().0),
        (ResponseCode::NXDomain, 0),
        "the internet knows no private addresses"
    );
}

#[tokio::test]
async fn a_new_catalogue_counts_at_once_and_above_the_cache() {
    let office = Office::open().await;
    office.upstream.set("new.example", RecordType::A, answers(vec![a("new.example.", 600, "203.0.113.9")]));
    assert_eq!(addresses(&office.ask("new.example.", RecordType::A).await), [ip("203.0.113.9")]);
    let text = r#"
        id = "new"
        name = "New AI"
        steer = true
        host = [{ name = "new.example", kind = "api", confidence = "official" }]
    "#;
    let catalogue = Catalogue::from_toml([("new.toml", text)]).unwrap();
    office.dns.replace(Arc::new(catalogue), identity());
    assert_eq!(addresses(&office.ask("new.example.", RecordType::A).await), [ip(PUCK)]);
}

#[tokio::test]
async fn explicit_mode_steers_nothing() {
    let office = Office::open_mode(NetworkMode::Explicit).await;
    office.upstream.set("api.acme.example", RecordType::A, answers(vec![a("api.acme.example.", 60, "203.0.113.7")]));
    assert_eq!(addresses(&office.ask("api.acme.example.", RecordType::A).await), [ip("203.0.113.7")]);
    assert!(office.dns.destinations().borrow().addresses.is_empty(), "and redirects nothing");
}

#[tokio::test]
async fn everything_is_answered_with_a_word() {
    let office = Office::open().await;
    let answer = office.ask("www.example.", RecordType::ANY).await;
    assert_eq!(answer.answers[0].record_type(), RecordType::HINFO, "{answer}");
    assert_eq!(office.upstream.asked(), (0, 0));
    let mut unwanted = query("www.example.", RecordType::AXFR);
    assert_eq!(office.send(&unwanted.to_vec().unwrap()).await.unwrap()[3] & 0xf, 4);
    unwanted.metadata.recursion_desired = false;
    assert_eq!(office.send(&unwanted.to_vec().unwrap()).await.unwrap()[2] & 1, 0, "RD comes back as it was sent");
}
