use gate_core::DnsOutcome;
use gate_dns::NetworkMode;
use hickory_proto::rr::RecordType;

use crate::office::{Office, ip};
use crate::upstream::{a, aaaa, answers, cname};

#[tokio::test]
async fn gateway_mode_learns_where_steered_names_lead() {
    let office = Office::open_mode(NetworkMode::Gateway).await;
    let destinations = office.dns.destinations();
    let chain = vec![
        cname("api.acme.example.", 60, "edge.cdn.example."),
        a("edge.cdn.example.", 60, "203.0.113.1"),
        a("edge.cdn.example.", 60, "203.0.113.2"),
        // What a hostile upstream would like to have redirected.
        a("bank.example.", 60, "203.0.113.66"),
    ];
    office.upstream.set("api.acme.example", RecordType::A, answers(chain));
    office.upstream.set(
        "api.acme.example",
        RecordType::AAAA,
        answers(vec![aaaa("api.acme.example.", 60, "2001:db8::1")]),
    );
    office.upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 60, "203.0.113.9")]));

    let answer = office.ask("api.acme.example.", RecordType::A).await;
    assert_eq!(answer.answers.len(), 4, "names resolve truly: {answer}");
    assert_eq!(destinations.borrow().iter().copied().collect::<Vec<_>>(), [ip("203.0.113.1"), ip("203.0.113.2")]);
    office.ask("API.acme.example.", RecordType::AAAA).await;
    office.ask("www.example.", RecordType::A).await;
    assert_eq!(destinations.borrow().len(), 3);
    assert!(destinations.borrow().contains(&ip("2001:db8::1")));
    assert_eq!(office.dns.counters().learnt, 3);
}

#[tokio::test]
async fn gateway_mode_hides_what_would_lead_past_the_proxy() {
    let office = Office::open_mode(NetworkMode::Gateway).await;
    let answer = office.ask("api.acme.example.", RecordType::HTTPS).await;
    assert!(answer.answers.is_empty() && answer.authorities.len() == 1, "{answer}");
    assert_eq!(office.records(1).await[0].outcome, DnsOutcome::Steered { vendor: "acme".to_owned() });
    assert_eq!(office.upstream.asked(), (0, 0));
}

#[tokio::test]
async fn a_cached_answer_is_learnt_again() {
    let office = Office::open_mode(NetworkMode::Gateway).await;
    office.upstream.set("api.acme.example", RecordType::A, answers(vec![a("api.acme.example.", 600, "203.0.113.1")]));
    office.ask("api.acme.example.", RecordType::A).await;
    let mut destinations = office.dns.destinations();
    destinations.mark_unchanged();
    office.ask("api.acme.example.", RecordType::A).await;
    assert_eq!(office.records(2).await[1].outcome, DnsOutcome::Cached);
    assert!(!destinations.has_changed().unwrap(), "a known address is no news for nftables");
    assert_eq!(destinations.borrow().len(), 1);
}

#[tokio::test]
async fn dns_mode_learns_nothing() {
    let office = Office::open().await;
    office.ask("api.acme.example.", RecordType::A).await;
    assert!(office.dns.destinations().borrow().is_empty());
}
