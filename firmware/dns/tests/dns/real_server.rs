//! Against unbound, which is not ours: what it serves arrives unchanged through the resolver.

use gate_core::HostName;
use gate_dns::{Timeouts, Upstreams};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::lab::unbound;
use crate::office::{Office, ip, query, query_edns, read_tcp, write_tcp};

/// What of an answer must be the same, in an order that does not depend on rotation.
fn essence(message: &Message) -> (ResponseCode, Vec<String>, Vec<String>) {
    let sorted = |records: &[hickory_proto::rr::Record]| {
        let mut texts: Vec<_> = records.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    (message.metadata.response_code, sorted(&message.answers), sorted(&message.authorities))
}

#[tokio::test]
async fn answers_of_a_real_server_arrive_unchanged() {
    let unbound = unbound("").await;
    let address = unbound.address.to_string();
    let office = Office::open_with(|config| config.upstreams = vec![address.parse().unwrap()]).await;
    let rows = [
        ("www.lab.example.", RecordType::A, 2),
        ("www.lab.example.", RecordType::AAAA, 1),
        ("mail.lab.example.", RecordType::MX, 1),
        ("_sip._tcp.lab.example.", RecordType::SRV, 1),
        ("lab.example.", RecordType::SOA, 1),
        ("www.lab.example.", RecordType::MX, 0),
        ("missing.lab.example.", RecordType::A, 0),
    ];
    for (name, kind, count) in rows {
        for turn in ["forwarded", "cached"] {
            let asked = query_edns(name, kind, 1232, false);
            let (direct, through) = (unbound.ask(&asked).unwrap(), office.exchange(asked).await);
            assert_eq!(essence(&through), essence(&direct), "{name} {kind} {turn}");
            assert_eq!(through.answers.len(), count, "{name} {kind}");
        }
    }
    let counters = office.dns.counters();
    assert_eq!((counters.forwarded, counters.cached), (7, 7));
}

#[tokio::test]
async fn a_real_server_is_asked_again_over_tcp_for_long_answers() {
    let unbound = unbound("").await;
    let address = unbound.address.to_string();
    let office = Office::open_with(|config| config.upstreams = vec![address.parse().unwrap()]).await;
    let mut stream = office.connect().await;
    write_tcp(&mut stream, &query("big.lab.example.", RecordType::TXT).to_vec().unwrap()).await;
    assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 20);
    assert!(office.ask("big.lab.example.", RecordType::TXT).await.metadata.truncation);
}

#[tokio::test]
async fn the_proxys_lookups_find_both_families_at_a_real_server() {
    let unbound = unbound("").await;
    let upstreams = Upstreams::new(&[unbound.address.to_string().parse().unwrap()], Timeouts::default());
    let mut found = upstreams.addresses(&HostName::parse(b"www.lab.example").unwrap()).await.unwrap();
    found.sort();
    assert_eq!(found, [ip("203.0.113.10"), ip("203.0.113.11"), ip("2001:db8::10")]);
    let missing = upstreams.addresses(&HostName::parse(b"missing.lab.example").unwrap()).await;
    assert_eq!(missing.unwrap_err().to_string(), "missing.lab.example does not exist");
}
