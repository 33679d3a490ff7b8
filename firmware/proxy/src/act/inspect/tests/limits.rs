//! What one client, or all together, cannot use up.

use std::sync::Arc;
use std::time::Duration;

use gate_core::Reason;
use http::Method;
use hyper::body::Frame;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::relay::CLEAN;
use super::support::{Ca, HOST, Office, Provider, TestJudge, get, head, post, reply, stream};
use crate::config::Config;

async fn office(config: Config) -> Office {
    Office::with(Provider::http(&["http/1.1", "h2"], |_| reply("{}")).await, config, TestJudge::default())
}

const BUDGET: usize = 256 * 1024;

#[tokio::test]
async fn above_the_budget_a_body_waits_and_is_then_refused() {
    let config =
        Config { body_budget_bytes: BUDGET, body_cap_bytes: BUDGET / 2, body_budget_wait_ms: 200, ..Config::default() };
    let office = office(config).await;
    let (sender, body) = stream();
    sender.send(Frame::data(vec![b' '; 60 * 1024].into())).unwrap();
    let mut holder = office.h2().await;
    let holding = tokio::spawn(async move {
        holder.send(head(true, Method::POST, "/v1/hold").body(body).unwrap()).await.status.as_u16()
    });
    while office.shared.bodies.pool.available_permits() == BUDGET {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let rest = u32::try_from(office.shared.bodies.pool.available_permits()).unwrap();
    let rest = office.shared.bodies.pool.acquire_many(rest).await.unwrap();
    let mut client = office.h1().await;
    let got = client.send(post(false, "/v1/chat/completions", CLEAN)).await;
    got.refusal(503);
    assert_eq!(got.headers["retry-after"], "1");
    assert_eq!(office.journal.requests()[0].reason, Some(Reason::OutOfBudget));
    drop(sender);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!holding.is_finished(), "the large one waits for what its scan needs");
    drop(rest);
    assert_eq!(holding.await.unwrap(), 200);
    let mut client = office.h1().await;
    assert_eq!(client.send(post(false, "/v1/chat/completions", CLEAN)).await.status.as_u16(), 200);
    drop(client);
    for _ in 0..200 {
        if office.shared.bodies.pool.available_permits() == BUDGET {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} of {BUDGET} came back", office.shared.bodies.pool.available_permits());
}

#[tokio::test]
async fn a_body_that_the_provider_does_not_read_is_paid_for() {
    const LARGE: usize = 16 << 20;
    for alpn in ["http/1.1", "h2"] {
        let ca = Ca::new("provider");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(ca.server(HOST, &[alpn])));
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let _tls = acceptor.accept(tcp).await.unwrap();
            let _ = gone.await;
        });
        let config = Config { body_budget_bytes: 4 * LARGE, body_cap_bytes: LARGE, ..Config::default() };
        let provider = Provider { ca, addr, seen: Arc::default(), connections: Arc::default() };
        let office = Office::with(provider, config, TestJudge::default());
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{}"}}]}}"#, "a ".repeat(LARGE / 4));
        let request = post(alpn == "h2", "/v1/chat/completions", body);
        let sending = if alpn == "h2" {
            let mut client = office.h2().await;
            tokio::spawn(async move { client.send(request).await })
        } else {
            let mut client = office.h1().await;
            tokio::spawn(async move { client.send(request).await })
        };
        let pool = &office.shared.bodies.pool;
        let gathered = async || pool.available_permits() <= 4 * LARGE - LARGE / 2;
        for _ in 0..500 {
            if gathered().await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Longer than it takes to judge it and to fill what the kernel keeps of a connection.
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(gathered().await, "{alpn}: {} of {} are free while it waits", pool.available_permits(), 4 * LARGE);
        drop(go);
        let _ = sending.await;
        for _ in 0..500 {
            if pool.available_permits() == 4 * LARGE {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(pool.available_permits(), 4 * LARGE, "{alpn}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let office = office(Config { idle_seconds: 1, ..Config::default() }).await;
    for alpn in ["http/1.1", "h2"] {
        let mut connected = office.connect(&[alpn]).await;
        // TLS alone, without a byte of HTTP; what the server says first is read until it hangs up.
        let mut said = Vec::new();
        let hanging_up = tokio::io::AsyncReadExt::read_to_end(&mut connected.tls, &mut said);
        let _ = tokio::time::timeout(Duration::from_secs(5), hanging_up).await.unwrap();
        assert_eq!(connected.serving.await.unwrap().reason, Some(Reason::IdleTimeout), "{alpn}");
    }
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_and_a_client_that_only_waits_is_not() {
    let office = office(Config::default()).await;
    let mut quiet = office.h1().await;
    let mut slow = office.connect(&["http/1.1"]).await;
    assert_eq!(quiet.send(get(false, "/v1/models")).await.status.as_u16(), 200);
    let mut uploading = office.h1().await;
    let (sender, body) = stream();
    let upload =
        tokio::spawn(async move { uploading.send(head(false, Method::POST, "/v1/x").body(body).unwrap()).await });
    // Small steps: where nothing else is to be done the clock jumps to the next of them.
    tokio::time::pause();
    for step in 0..300 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = tokio::io::AsyncWriteExt::write_all(&mut slow.tls, b"G").await;
        sender.send(Frame::data(vec![b' '; 8192].into())).unwrap();
        assert!(step > 80 || !slow.serving.is_finished(), "{step}");
    }
    assert!(slow.serving.is_finished(), "after half a minute it still holds its place");
    assert_eq!(slow.serving.await.unwrap().reason, Some(Reason::IdleTimeout));
    tokio::time::resume();
    drop(sender);
    assert_eq!(upload.await.unwrap().status.as_u16(), 200, "a body has its own pace");
    assert_eq!(quiet.send(get(false, "/v1/models")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn an_exchange_cut_for_idleness_is_not_blamed_on_the_client() {
    let silent = Provider::http(&["http/1.1", "h2"], |_| {
        let (sender, body) = stream();
        std::mem::forget(sender);
        http::Response::new(body)
    });
    let config = Config { idle_seconds: 1, ..Config::default() };
    let office = Office::with(silent.await, config, TestJudge::default());
    let (mut h1, mut h2) = (office.h1().await, office.h2().await);
    let answers = [h1.start(get(false, "/v1/a")).await, h2.start(get(true, "/v1/b")).await];
    for mut answer in answers {
        let end = http_body_util::BodyExt::frame(answer.body_mut());
        let end = tokio::time::timeout(Duration::from_secs(5), end).await.unwrap();
        assert!(end.is_some_and(|frame| frame.is_err()));
    }
    for closed in [h1.serving.await.unwrap(), h2.serving.await.unwrap()] {
        assert_eq!(closed.reason, Some(Reason::IdleTimeout));
    }
    let reasons: Vec<_> = office.journal.requests().into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons, [Some(Reason::IdleTimeout), Some(Reason::IdleTimeout)]);
}

#[tokio::test]
async fn a_client_has_no_more_streams_open_than_told() {
    let silent = Provider::http(&["h2"], |_| {
        let (sender, body) = stream();
        std::mem::forget(sender);
        http::Response::new(body)
    });
    let office = Office::with(silent.await, Config::default(), TestJudge::default());
    let client = office.h2().await;
    let mut open = Vec::new();
    for _ in 0..super::super::limits::STREAMS + 20 {
        let mut sender = client.sender.clone();
        open.push(tokio::spawn(async move { sender.send_request(get(true, "/v1/models")).await }));
    }
    let arrived = || office.provider.seen.lock().len();
    while arrived() < super::super::limits::STREAMS as usize {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(arrived(), super::super::limits::STREAMS as usize);
}

#[tokio::test]
async fn a_head_over_its_cap_is_refused() {
    let office = office(Config::default()).await;
    let long = |h2| {
        let builder = head(h2, Method::GET, "/v1/models").header("x-long", "a".repeat(16 * 1024));
        builder.body(http_body_util::BodyExt::boxed(http_body_util::Empty::new())).unwrap()
    };
    let (mut h1, mut h2) = (office.h1().await, office.h2().await);
    assert_eq!(h1.send(long(false)).await.status.as_u16(), 431);
    // An HTTP/2 client may know the cap and not send it at all.
    let status = h2.sender.send_request(long(true)).await.map(|answer| answer.status().as_u16());
    assert!(status.as_ref().is_err() || status.as_ref().is_ok_and(|status| *status == 431), "{status:?}");
    assert!(office.provider.seen.lock().is_empty());
}

#[tokio::test]
async fn a_large_body_being_judged_holds_up_no_other_stream() {
    let (open, gate) = std::sync::mpsc::channel();
    let judge = TestJudge { gate: parking_lot::Mutex::new(Some(gate)), ..TestJudge::default() };
    let provider = Provider::http(&["h2"], |_| reply("{}")).await;
    let office = Office::with(provider, Config::default(), judge);
    let client = office.h2().await;
    let large = format!(r#"{{"model":"slow","messages":[{{"content":"{}"}}]}}"#, "word ".repeat(20_000));
    let mut sender = client.sender.clone();
    let judging = tokio::spawn(async move {
        let response = sender.send_request(post(true, "/v1/chat/completions", large)).await;
        response.unwrap().status()
    });
    while office.judge.gate.lock().is_some() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut other = client.sender.clone();
    assert_eq!(other.send_request(get(true, "/v1/models")).await.unwrap().status(), 200);
    assert!(!judging.is_finished(), "the small request did not wait for the large one");
    open.send(()).unwrap();
    assert_eq!(judging.await.unwrap(), 200);
}
