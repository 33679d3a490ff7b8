use std::time::Duration;

use gate_core::HostName;
use gate_dns::{LookupError, Timeouts, Upstreams};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::office::ip;
use crate::upstream::{Upstream, Zone, a, aaaa, answers, cname, soa};

fn host(name: &str) -> HostName {
    HostName::parse(name.as_bytes()).unwrap()
}

async fn resolver() -> (Upstream, Upstreams) {
    let upstream = Upstream::start().await;
    let timeouts = Timeouts { each: Duration::from_millis(200), total: Duration::from_millis(500), in_flight: 64 };
    let upstreams = Upstreams::new(&[upstream.address.to_string().parse().unwrap()], timeouts);
    (upstream, upstreams)
}

#[tokio::test]
async fn both_families_are_found_and_aliases_followed() {
    let (server, upstreams) = resolver().await;
    let v4 = vec![
        cname("api.acme.example.", 60, "edge.example."),
        cname("edge.example.", 60, "pop.example."),
        a("pop.example.", 60, "203.0.113.1"),
        a("other.example.", 60, "203.0.113.66"),
    ];
    server.set("api.acme.example", RecordType::A, answers(v4));
    server.set("api.acme.example", RecordType::AAAA, answers(vec![aaaa("api.acme.example.", 60, "2001:db8::1")]));
    let found = upstreams.addresses(&host("api.acme.example")).await.unwrap();
    assert_eq!(found, [ip("203.0.113.1"), ip("2001:db8::1")]);
    let again = upstreams.addresses(&host("api.acme.example")).await.unwrap();
    assert_eq!((again, server.asked().0), (found, 2), "remembered");
}

#[tokio::test]
async fn one_family_is_enough() {
    let (server, upstreams) = resolver().await;
    server.set("half.example", RecordType::A, answers(vec![a("half.example.", 60, "203.0.113.1")]));
    server.set("half.example", RecordType::AAAA, Zone { silent: true, ..Zone::default() });
    assert_eq!(upstreams.addresses(&host("half.example")).await.unwrap(), [ip("203.0.113.1")]);
}

#[tokio::test]
async fn what_an_answer_may_hold_is_capped() {
    let (server, upstreams) = resolver().await;
    let many = (0..=255).map(|last| a("many.example.", 60, &format!("203.0.113.{last}"))).collect();
    server.set("many.example", RecordType::A, Zone { tcp_only: true, ..answers(many) });
    assert_eq!(upstreams.addresses(&host("many.example")).await.unwrap().len(), 64);

    let chain = |length: usize| {
        let alias = |i: usize| cname(&format!("c{i}.example."), 60, &format!("c{}.example.", i + 1));
        let end = a(&format!("c{length}.example."), 60, "203.0.113.1");
        answers((0..length).map(alias).chain([end]).collect())
    };
    server.set("c0.example", RecordType::A, chain(16));
    assert_eq!(upstreams.addresses(&host("c0.example")).await.unwrap(), [ip("203.0.113.1")]);
    let (server, upstreams) = resolver().await;
    server.set("c0.example", RecordType::A, chain(17));
    assert!(upstreams.addresses(&host("c0.example")).await.is_err());
}

#[tokio::test]
async fn hosts_remembered_are_capped() {
    let (server, upstreams) = resolver().await;
    for number in 0..=2048 {
        let name = format!("h{number}.example");
        server.set(&name, RecordType::A, answers(vec![a(&format!("{name}."), 60, "203.0.113.1")]));
        upstreams.addresses(&host(&name)).await.unwrap();
    }
    let asked = server.asked().0;
    upstreams.addresses(&host("h2048.example")).await.unwrap();
    assert_eq!(server.asked().0, asked, "the youngest is remembered");
    upstreams.addresses(&host("h0.example")).await.unwrap();
    assert_eq!(server.asked().0, asked + 2, "the oldest made room");
}

#[tokio::test]
async fn failures_say_what_failed_and_are_believed_for_a_moment() {
    let (server, upstreams) = resolver().await;
    let name = || host("none.example");
    for kind in [RecordType::A, RecordType::AAAA] {
        server.set("none.example", kind, Zone { authorities: vec![soa("example.", 60, 60)], ..Zone::default() });
        server.set("broken.example", kind, Zone { rcode: Some(ResponseCode::ServFail), ..Zone::default() });
        server.set("hole.example", kind, Zone { silent: true, ..Zone::default() });
        server.set("circle.example", kind, answers(vec![cname("circle.example.", 60, "circle.example.")]));
    }
    assert_eq!(upstreams.addresses(&name()).await, Err(LookupError::NoAddress { host: name() }));
    let asked = server.asked().0;
    assert_eq!(upstreams.addresses(&name()).await, Err(LookupError::NoAddress { host: name() }));
    assert_eq!(server.asked().0, asked);
    let missing = upstreams.addresses(&host("missing.example")).await.unwrap_err();
    assert_eq!(missing.to_string(), "missing.example does not exist");
    let circle = upstreams.addresses(&host("circle.example")).await.unwrap_err();
    assert_eq!(circle.to_string(), "circle.example has no address");
    let broken = upstreams.addresses(&host("broken.example")).await.unwrap_err().to_string();
    assert!(broken.contains("response code 2"), "{broken}");
    let hole = upstreams.addresses(&host("hole.example")).await.unwrap_err().to_string();
    assert!(hole.contains("did not answer in time"), "{hole}");
}

#[tokio::test]
async fn equal_lookups_are_made_once_and_survive_their_caller() {
    let (server, upstreams) = resolver().await;
    let zone = Zone { delay: Duration::from_millis(100), ..answers(vec![a("slow.example.", 60, "203.0.113.1")]) };
    server.set("slow.example", RecordType::A, zone);
    let name = host("slow.example");
    let gone = tokio::time::timeout(Duration::from_millis(20), upstreams.addresses(&name)).await;
    assert!(gone.is_err());
    let (one, two) = tokio::join!(upstreams.addresses(&name), upstreams.addresses(&name));
    assert_eq!((one.unwrap(), two.unwrap()), (vec![ip("203.0.113.1")], vec![ip("203.0.113.1")]));
    assert_eq!(server.asked().0, 2, "one A, one AAAA");
}
