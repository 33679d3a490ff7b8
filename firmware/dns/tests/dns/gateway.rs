use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use gate_core::DnsOutcome;
use gate_dns::{Destinations, NetworkMode};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tokio::time::{Instant, timeout};

use crate::edns::{option, with_option};
use crate::office::{Office, PATIENCE, SILENCE, ip};
use crate::upstream::{Upstream, Zone, a, aaaa, answers, cname};

fn gateway(upstream: Upstream) -> Office {
    Office::open_behind(upstream, |config| config.mode = NetworkMode::Gateway)
}

#[tokio::test]
async fn gateway_mode_learns_where_steered_names_lead() {
    let upstream = Upstream::start().await;
    let chain = vec![
        cname("eu.chat.acme.example.", 60, "edge.cdn.example."),
        a("edge.cdn.example.", 60, "203.0.113.1"),
        a("edge.cdn.example.", 60, "203.0.113.2"),
        // What a hostile upstream would like to have redirected.
        a("bank.example.", 60, "203.0.113.66"),
    ];
    upstream.set("eu.chat.acme.example", RecordType::A, answers(chain));
    let v6 = vec![aaaa("eu.chat.acme.example.", 60, "2001:db8::1")];
    upstream.set("eu.chat.acme.example", RecordType::AAAA, answers(v6));
    upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 60, "203.0.113.9")]));

    let office = gateway(upstream);
    let destinations = office.dns.destinations();
    let answer = office.ask("eu.chat.acme.example.", RecordType::A).await;
    assert_eq!(answer.answers.len(), 3, "names resolve truly: {answer}");
    assert_eq!(
        destinations.borrow().addresses.keys().copied().collect::<Vec<_>>(),
        [ip("203.0.113.1"), ip("203.0.113.2")]
    );
    office.ask("EU.chat.acme.example.", RecordType::AAAA).await;
    office.ask("www.example.", RecordType::A).await;
    assert_eq!(destinations.borrow().addresses.len(), 3);
    assert!(destinations.borrow().addresses.contains_key(&ip("2001:db8::1")));
    assert_eq!(office.dns.counters().learnt, 3);
}

#[tokio::test]
async fn gateway_mode_hides_what_would_lead_past_the_proxy() {
    let office = Office::open_mode(NetworkMode::Gateway).await;
    let answer = office.ask("api.acme.example.", RecordType::HTTPS).await;
    assert!(answer.answers.is_empty() && answer.authorities.len() == 1, "{answer}");
    assert_eq!(office.records(1).await[0].outcome, DnsOutcome::Steered { vendor: "acme".to_owned() });
    assert_eq!(office.upstream.heard("api.acme.example", RecordType::HTTPS), 0);
}

#[tokio::test]
async fn a_cached_answer_is_learnt_again() {
    let upstream = Upstream::start().await;
    upstream.set("x.chat.acme.example", RecordType::A, answers(vec![a("x.chat.acme.example.", 600, "203.0.113.1")]));
    let office = gateway(upstream);
    office.ask("x.chat.acme.example.", RecordType::A).await;
    let mut destinations = office.dns.destinations();
    destinations.mark_unchanged();
    office.ask("x.chat.acme.example.", RecordType::A).await;
    assert_eq!(office.records(2).await[1].outcome, DnsOutcome::Cached);
    assert!(!destinations.has_changed().unwrap(), "a known address is no news for nftables");
    assert_eq!(destinations.borrow().addresses.len(), 1);
}

#[tokio::test]
async fn dns_mode_learns_nothing() {
    let office = Office::open().await;
    office.ask("api.acme.example.", RecordType::A).await;
    assert!(office.dns.destinations().borrow().addresses.is_empty());
}

#[tokio::test]
async fn the_catalogues_names_are_learnt_though_nobody_asks() {
    let upstream = Upstream::start().await;
    upstream.set("api.acme.example", RecordType::A, answers(vec![a("api.acme.example.", 1, "203.0.113.1")]));
    upstream.set("api.acme.example", RecordType::AAAA, answers(vec![aaaa("api.acme.example.", 1, "2001:db8::1")]));
    upstream.set("cdn.acme.example", RecordType::A, answers(vec![a("cdn.acme.example.", 1, "203.0.113.9")]));
    let office = Office::open_behind(upstream, |config| {
        config.mode = NetworkMode::Gateway;
        config.learn_refresh_seconds = 1;
    });
    let mut destinations = office.dns.destinations();
    let both = [ip("2001:db8::1"), ip("203.0.113.1")];
    let has =
        |set: &Arc<Destinations>| both.iter().all(|ip| set.addresses.contains_key(ip)) && set.addresses.len() == 2;
    timeout(PATIENCE, destinations.wait_for(has)).await.unwrap().unwrap();

    // The provider moves, and the next round notices.
    office.upstream.set("api.acme.example", RecordType::A, answers(vec![a("api.acme.example.", 1, "203.0.113.2")]));
    office.clock.set_seconds(1_800_000_010);
    timeout(PATIENCE, destinations.wait_for(|set| set.addresses.contains_key(&ip("203.0.113.2"))))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(destinations.borrow().addresses.len(), 3, "who still uses the old address is still redirected");
    assert_eq!(office.upstream.heard("cdn.acme.example", RecordType::A), 0, "shared names are not ours to redirect");
    assert_eq!(office.dns.counters().questions(), 0, "records are of clients' questions");
    assert!(office.close().await < Duration::from_secs(5));
}

#[tokio::test]
async fn a_round_that_failed_is_soon_made_again() {
    let upstream = Upstream::start().await;
    for kind in [RecordType::A, RecordType::AAAA] {
        upstream.set("api.acme.example", kind, Zone { rcode: Some(ResponseCode::ServFail), ..Zone::default() });
    }
    let office = Office::open_behind(upstream, |config| {
        config.mode = NetworkMode::Gateway;
        config.learn_refresh_seconds = 1;
    });
    let mut destinations = office.dns.destinations();
    assert!(timeout(SILENCE, destinations.changed()).await.is_err(), "nothing is learnt of a failure");
    office.upstream.set("api.acme.example", RecordType::A, answers(vec![a("api.acme.example.", 1, "203.0.113.1")]));
    timeout(PATIENCE, destinations.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_an_earlier_process_had_learnt_is_held() {
    let office = gateway(Upstream::start().await);
    let names = BTreeSet::from(["api.acme.example".to_owned()]);
    let addresses = BTreeMap::from([(ip("203.0.113.1"), names), (ip("2001:db8::1"), BTreeSet::new())]);
    office.dns.remember(&Destinations { addresses: addresses.clone(), ..Destinations::default() });
    assert_eq!(office.dns.destinations().borrow().addresses, addresses);
    assert_eq!(office.dns.counters().learnt, 2);
}

/// Answers about AI wait for the word that their addresses are redirected.
fn confirmed(upstream: Upstream) -> Office {
    Office::open_behind(upstream, |config| {
        (config.mode, config.confirm_learnt) = (NetworkMode::Gateway, true);
        config.learn_refresh_seconds = 600;
    })
}

#[tokio::test]
async fn a_new_address_reaches_nobody_before_it_is_redirected() {
    let upstream = Upstream::start().await;
    for name in ["x.chat.acme.example", "y.chat.acme.example"] {
        upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
    }
    upstream.set("www.example", RecordType::A, answers(vec![a("www.example.", 60, "203.0.113.9")]));
    let office = confirmed(upstream);
    let destinations = office.dns.destinations();
    let asked = Instant::now();
    let answer = office.ask("x.chat.acme.example.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "AI fails closed");
    assert!(asked.elapsed() >= Duration::from_millis(500), "{:?}", asked.elapsed());
    let set = destinations.borrow().clone();
    assert_eq!(set.addresses[&ip("203.0.113.1")].iter().collect::<Vec<_>>(), ["x.chat.acme.example"]);
    let told = office.send(&with_option("x.chat.acme.example.", 10, b"clientid")).await.unwrap();
    assert_eq!(option(&told, 15).unwrap(), b"\0\0connections to its addresses do not go through this device yet");
    let www = office.ask("www.example.", RecordType::A).await;
    assert_eq!(www.answers.len(), 1, "what is not AI waits for nothing");

    let asking = office.ask("x.chat.acme.example.", RecordType::A);
    let confirming = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        office.dns.confirm(set.life, set.sequence);
    };
    let (answer, ()) = tokio::join!(asking, confirming);
    assert_eq!(answer.answers.len(), 1, "the kept answer goes the moment that it may");
    for name in ["x.chat.acme.example.", "y.chat.acme.example."] {
        let asked = Instant::now();
        assert_eq!(office.ask(name, RecordType::A).await.answers.len(), 1, "{name}");
        assert!(asked.elapsed() < Duration::from_millis(400), "an address that is redirected waits for nothing");
    }
    assert!(office.close().await < Duration::from_secs(5));
}
