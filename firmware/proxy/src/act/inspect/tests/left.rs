//! Connections to the provider that outlive the client's, and those that must not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::left::Heir;
use super::relay::{CLEAN, event, fed};
use super::support::{HOST, Office, Peer, Provider, TestJudge, get, post, reply};
use crate::config::Config;
use crate::decide::Pass;

/// A connection of its own that asks once; the provider's connections so far.
async fn ask(office: &Office, h2: bool) -> u32 {
    let request = post(h2, "/v1/chat/completions", CLEAN);
    let (got, closed) = if h2 {
        let mut client = office.h2().await;
        (client.send(request).await, client.close().await)
    } else {
        let mut client = office.h1().await;
        (client.send(request).await, client.close().await)
    };
    assert_eq!((got.status.as_u16(), closed.reason), (200, None));
    *office.provider.connections.lock()
}

async fn office(alpn: &[&str]) -> Office {
    Office::new(Provider::http(alpn, |_| reply("{}")).await)
}

fn protocol(h2: bool) -> &'static [&'static str] {
    if h2 { &["h2"] } else { &["http/1.1"] }
}

#[tokio::test]
async fn a_clients_next_connection_goes_on_with_what_the_last_one_left() {
    for h2 in [false, true] {
        let office = office(protocol(h2)).await;
        for _ in 0..3 {
            assert_eq!(ask(&office, h2).await, 1, "h2: {h2}");
        }
        assert_eq!(office.provider.seen.lock().len(), 3);
        assert_eq!(office.journal.requests().len(), 3);
    }
}

#[tokio::test]
async fn nobody_goes_on_with_anothers() {
    for h2 in [false, true] {
        let mut office = office(protocol(h2)).await;
        assert_eq!(ask(&office, h2).await, 1);
        office.from = "192.0.2.12".parse().unwrap();
        assert_eq!(ask(&office, h2).await, 2, "another address");
        let pass = Pass { hash: [1; 32], name: "ci-runner".into() };
        office.tokens(std::slice::from_ref(&pass));
        office.pass = Some(pass);
        assert_eq!(ask(&office, h2).await, 3, "another name at the CONNECT proxy, and another snapshot");
        assert_eq!(ask(&office, h2).await, 3, "the same again");
        office.pass = None;
        assert_eq!(ask(&office, h2).await, 4, "no name, at the same address");
    }
}

#[tokio::test]
async fn what_was_begun_under_another_policy_is_left_to_nobody() {
    let office = office(&["http/1.1"]).await;
    assert_eq!(ask(&office, false).await, 1);
    office.tokens(&[]);
    assert_eq!(ask(&office, false).await, 2, "replaced between two connections");
    let mut open = office.h1().await;
    assert_eq!(open.send(get(false, "/v1/models")).await.status.as_u16(), 200);
    office.tokens(&[]);
    assert_eq!(open.close().await.reason, None);
    assert_eq!(ask(&office, false).await, 3, "replaced while it was open");
}

#[tokio::test]
async fn only_to_where_the_name_leads_now_and_for_the_same_protocols() {
    let office = office(&["http/1.1"]).await;
    assert_eq!(ask(&office, false).await, 1);
    let (shelf, now) = (&office.shared.inspect.shelf, office.shared.now());
    let heir = |alpn: &[&str]| Heir::of(&office.session(alpn));
    assert!(shelf.take(&heir(&["http/1.1"]), |_| false, now).is_none(), "the name leads elsewhere");
    assert!(shelf.take(&heir(&["h2", "http/1.1"]), |_| true, now).is_none(), "the client offers more");
    assert!(shelf.take(&heir(&["http/1.1"]), |peer| peer == office.provider.addr, now).is_some());
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_met_anew() {
    let office = office(&["http/1.1"]).await;
    assert_eq!(ask(&office, false).await, 1);
    let year_4100 = 67_216_000_000_000_000;
    office.clock.0.store(year_4100, Ordering::SeqCst);
    assert_eq!(ask(&office, false).await, 2);
}

#[tokio::test]
async fn an_answer_that_was_not_read_to_its_end_leaves_nothing() {
    for h2 in [false, true] {
        let (office, sender) = fed(protocol(h2)).await;
        let request = post(h2, "/v1/chat/completions", CLEAN);
        let (mut one, mut two) = (None, None);
        let response = if h2 {
            two.insert(office.h2().await).start(request).await
        } else {
            one.insert(office.h1().await).start(request).await
        };
        let sender = sender.lock().take().unwrap();
        // Clients that leave at this mark are in order, but the body goes on.
        sender.send(event("data: [DONE]\n\n")).unwrap();
        let mut body = response.into_body();
        assert!(body.frame().await.unwrap().is_ok());
        drop(body);
        let closed = match (one, two) {
            (Some(client), _) => client.close().await,
            (_, Some(client)) => client.close().await,
            _ => unreachable!("one of them asked"),
        };
        assert_eq!(closed.reason, None);
        drop(sender);
        assert!(office.left(protocol(h2)).is_none(), "h2: {h2}");
    }
}

#[tokio::test]
async fn what_became_a_websocket_or_broke_leaves_nothing() {
    let provider = Provider::raw(HOST, &["http/1.1"], |tls| {
        Box::pin(async move {
            let (mut peer, _) = Peer::server(tls).await;
            let _ = peer.next().await;
        })
    });
    let office = Office::new(provider.await);
    let connected = office.connect(&["http/1.1"]).await;
    let mut peer = Peer::client(connected.tls, HOST).await;
    peer.send(super::super::socket::frame::Opcode::Close, true, 1000u16.to_be_bytes()).await;
    drop(peer);
    let _ = connected.serving.await.unwrap();
    assert!(office.left(&["http/1.1"]).is_none(), "a socket");

    let provider = Provider::raw(HOST, &["http/1.1"], |mut tls| {
        Box::pin(async move {
            let _ = tls.read(&mut [0; 8192]).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf an answer").await;
        })
    });
    let office = Office::new(provider.await);
    let mut client = office.h1().await;
    let mut body = client.start(get(false, "/v1/models")).await.into_body();
    while body.frame().await.is_some_and(|frame| frame.is_ok()) {}
    let _ = client.close().await;
    assert!(office.left(&["http/1.1"]).is_none(), "half an answer");
}

#[tokio::test]
async fn one_that_the_server_closed_meanwhile_is_not_used() {
    let provider = Provider::raw(HOST, &["http/1.1"], |mut tls| {
        Box::pin(async move {
            let _ = tls.read(&mut [0; 8192]).await;
            let _ = tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            // Longer than the client needs to leave.
            tokio::time::sleep(Duration::from_millis(200)).await;
            let _ = tls.shutdown().await;
        })
    });
    let office = Office::new(provider.await);
    for round in 1..=3 {
        assert_eq!(ask(&office, false).await, round);
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
}

#[tokio::test]
async fn it_is_kept_for_the_configured_time_and_for_so_many() {
    for (seconds, connections) in [(0, 2), (1, 2), (60, 1)] {
        let provider = Provider::http(&["http/1.1"], |_| reply("{}")).await;
        let config = Config { upstream_idle_seconds: seconds, ..Config::default() };
        let office = Office::with(provider, config, TestJudge::default());
        assert_eq!(ask(&office, false).await, 1);
        tokio::time::sleep(Duration::from_millis(1200)).await;
        assert_eq!(ask(&office, false).await, connections, "{seconds} s");
    }
    let office = office(&["http/1.1"]).await;
    let mut open = Vec::new();
    for _ in 0..12 {
        let mut client = office.h1().await;
        assert_eq!(client.send(get(false, "/v1/models")).await.status.as_u16(), 200);
        open.push(client);
    }
    for client in open {
        assert_eq!(client.close().await.reason, None);
    }
    let kept = std::iter::from_fn(|| office.left(&["http/1.1"])).count();
    assert_eq!((*office.provider.connections.lock(), kept), (12, 8));
}

#[tokio::test]
async fn a_client_that_resets_when_it_has_its_answer_leaves_as_much_and_one_in_the_middle_nothing() {
    for (length, is_left) in [(2, true), (100, false)] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{{}}");
        let provider = Provider::raw(HOST, &["http/1.1"], move |mut tls| {
            let head = head.clone();
            Box::pin(async move {
                let _ = tls.read(&mut [0; 8192]).await;
                let _ = tls.write_all(head.as_bytes()).await;
                let _ = tls.read(&mut [0; 8192]).await;
            })
        });
        let office = Office::new(provider.await);
        let mut connected = office.connect(&["http/1.1"]).await;
        let ask = format!("GET /v1/models HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        connected.tls.write_all(ask.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"{}") {
            assert!(connected.tls.read_buf(&mut heard).await.unwrap() > 0, "{heard:?}");
        }
        connected.tls.get_ref().0.set_zero_linger().unwrap();
        drop(connected.tls);
        let _ = connected.serving.await.unwrap();
        assert_eq!(office.left(&["http/1.1"]).is_some(), is_left, "{length} bytes announced");
    }
}

#[tokio::test]
async fn a_daemon_that_stops_keeps_nothing() {
    let office = office(&["http/1.1"]).await;
    assert_eq!(ask(&office, false).await, 1);
    office.shared.stopping.cancel();
    tokio::task::yield_now().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(office.left(&["http/1.1"]).is_none());
}
