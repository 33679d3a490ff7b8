//! Requests that are not what they seem.

use std::sync::atomic::Ordering;

use gate_core::{Action, Reason};
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::relay::CLEAN;
use super::support::{HOST, Office, Provider, TestJudge, get, head, post, reply};
use crate::config::Config;

async fn office() -> Office {
    Office::new(Provider::http(&["http/1.1", "h2"], |_| reply("{}")).await)
}

/// Sends raw bytes and reads until the connection closes.
async fn raw(office: &Office, bytes: &str) -> String {
    let mut tls = office.connect(&["http/1.1"]).await.tls;
    tls.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(std::time::Duration::from_secs(3), tls.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn another_host_is_misdirected_and_the_connection_lives_on() {
    let office_h1 = office().await;
    let mut client = office_h1.h1().await;
    let mut stray = post(false, "/v1/chat/completions", CLEAN);
    stray.headers_mut().insert("host", "evil.example".parse().unwrap());
    client.send(stray).await.refusal(421);
    assert_eq!(client.send(get(false, "/v1/models")).await.status.as_u16(), 200);

    let office_h2 = office().await;
    let mut client = office_h2.h2().await;
    let stray = Request::builder().uri("https://evil.example/v1/models").body(Empty::new().boxed()).unwrap();
    client.send(stray).await.refusal(421);
    let mut two = get(true, "/v1/models");
    two.headers_mut().insert("host", "evil.example".parse().unwrap());
    client.send(two).await.refusal(421);
    assert_eq!(client.send(get(true, "/v1/models")).await.status.as_u16(), 200);

    for (office, refused) in [(office_h1, 1), (office_h2, 2)] {
        let records = office.journal.requests();
        assert!(records[..refused].iter().all(|record| record.reason == Some(Reason::HostMismatch)));
        assert_eq!(office.provider.only().uri.path(), "/v1/models");
    }
}

#[tokio::test]
async fn a_panic_while_a_prompt_is_judged_is_a_refusal_and_told() {
    for (h2, filler) in [(false, 10), (true, 10), (false, 40_000), (true, 40_000)] {
        let office = Office::new(Provider::http(&["http/1.1", "h2"], |_| reply("{}")).await);
        let body = format!(r#"{{"model":"gpt-4o","messages":[{{"content":"{}"}}]}}"#, "word ".repeat(filler));
        office.judge.panics.store(true, Ordering::SeqCst);
        let (bad, good) = (post(h2, "/v1/chat/completions", body), post(h2, "/v1/chat/completions", CLEAN));
        if h2 {
            let mut client = office.h2().await;
            client.send(bad).await.refusal(500);
            office.judge.panics.store(false, Ordering::SeqCst);
            assert_eq!(client.send(good).await.status.as_u16(), 200, "the connection lives on");
        } else {
            let mut client = office.h1().await;
            client.send(bad).await.refusal(500);
            office.judge.panics.store(false, Ordering::SeqCst);
            assert_eq!(client.send(good).await.status.as_u16(), 200, "the connection lives on");
        }
        assert_eq!(office.provider.only().body, CLEAN, "nothing of it left");
        let record = &office.journal.requests()[0];
        assert_eq!((record.decision, record.reason.clone()), (Action::Deny, Some(Reason::Internal)));
    }
}

#[tokio::test]
async fn ambiguous_heads_never_reach_the_provider() {
    let rows = [
        (format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"), "400"),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(), "400"),
        (format!("GET https://evil.example/ HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"), "421"),
        (format!("GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"), "400"),
        (
            format!(
                "POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n0\r\n\r\n"
            ),
            "400",
        ),
        (format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), "400"),
        (format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"), "400"),
        (format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "400"),
        (format!("POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: +2\r\n\r\nab"), "400"),
        (format!("GET / HTTP/1.1\r\nHost: {HOST}\r\n folded: 1\r\n\r\n"), "400"),
        (format!("CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n"), "403"),
    ];
    let office = office().await;
    for (bytes, status) in rows {
        let answer = raw(&office, &bytes).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes:?} -> {answer:?}");
    }
    assert!(office.provider.seen.lock().is_empty());
}

#[tokio::test]
async fn two_lengths_leave_as_one_and_end_the_connection() {
    let office = office().await;
    let smuggled = format!(
        "POST /v1/a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n\
         GET /v1/smuggled HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
    );
    raw(&office, &smuggled).await;
    let seen = office.provider.only();
    assert_eq!((&seen.body[..], &seen.headers["content-length"]), (&b"{}"[..], &"2".parse().unwrap()));
    assert!(!seen.headers.contains_key("transfer-encoding"));
}

#[tokio::test]
async fn upgrades_and_tunnels_are_refused_in_both_protocols() {
    let office_h1 = office().await;
    for protocol in ["websocket", "h2c"] {
        let request = format!(
            "GET /v1/realtime HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, close\r\nUpgrade: {protocol}\r\n\r\n"
        );
        let answer = raw(&office_h1, &request).await;
        assert!(answer.starts_with("HTTP/1.1 426 ") && answer.contains("nanogate_blocked"), "{answer}");
    }
    let office_h2 = office().await;
    let mut client = office_h2.h2().await;
    let tunnel = Request::builder().method(Method::CONNECT).uri(format!("{HOST}:443")).body(Empty::new().boxed());
    client.send(tunnel.unwrap()).await.refusal(403);
    for office in [office_h1, office_h2] {
        assert!(office.provider.seen.lock().is_empty());
        let records = office.journal.requests();
        assert!(!records.is_empty() && records.iter().all(|record| record.reason == Some(Reason::BadRequest)));
    }
}

#[tokio::test]
async fn a_member_stated_twice_is_refused() {
    let office = office().await;
    let twice = r#"{"model":"gpt-4o","messages":[],"messages":[{"role":"user","content":"x"}]}"#;
    office.h1().await.send(post(false, "/v1/chat/completions", twice)).await.refusal(400);
    assert_eq!(office.record().reason, Some(Reason::BadRequest));
    assert!(office.provider.seen.lock().is_empty());
}

#[tokio::test]
async fn a_policy_that_changes_holds_for_the_next_request_of_an_open_connection() {
    let office = office().await;
    let mut client = office.h1().await;
    assert_eq!(client.send(get(false, "/v1/models")).await.status.as_u16(), 200);
    office.judge.frozen.store(true, Ordering::SeqCst);
    client.send(get(false, "/v1/models")).await.refusal(403);
    assert_eq!(office.journal.requests()[1].reason, Some(Reason::Policy("freeze".to_owned())));
    office.provider.only();
}

#[tokio::test]
async fn a_rule_against_the_request_as_a_whole_denies_it() {
    let judge = TestJudge { banned_model: Some("gpt-4o"), ..TestJudge::default() };
    let provider = Provider::http(&["http/1.1"], |_| reply("{}")).await;
    let office = Office::with(provider, Config::default(), judge);
    office.h1().await.send(post(false, "/v1/chat/completions", CLEAN)).await.refusal(403);
    let record = office.record();
    assert_eq!((record.decision, record.reason), (Action::Deny, Some(Reason::Policy("models".to_owned()))));
}

#[tokio::test]
async fn without_a_journal_nothing_passes_and_what_passed_has_no_end() {
    let office = office().await;
    let mut client = office.h1().await;
    office.journal.broken.store(true, Ordering::SeqCst);
    // The first request passed before anyone could know; its answer is withheld.
    assert!(client.try_start(get(false, "/v1/models")).await.is_err());
    let mut client = office.h1().await;
    client.send(get(false, "/v1/models")).await.refusal(503);
    client.send(get(false, "/v1/models")).await.refusal(503);
    assert_eq!(office.provider.seen.lock().len(), 1, "nothing leaves that cannot be recorded");
    office.journal.broken.store(false, Ordering::SeqCst);
    client.send(get(false, "/v1/models")).await.refusal(503);
    assert_eq!(client.send(get(false, "/v1/models")).await.status.as_u16(), 200, "it heals by itself");
}

#[tokio::test]
async fn a_secret_in_a_trailer_is_refused() {
    let office = office().await;
    let (sender, body) = super::support::stream();
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-note", super::bodies::KEY.parse().unwrap());
    sender.send(hyper::body::Frame::data("{}".into())).unwrap();
    sender.send(hyper::body::Frame::trailers(trailers)).unwrap();
    drop(sender);
    office.h2().await.send(head(true, Method::POST, "/v1/x").body(body).unwrap()).await.refusal(403);
    assert!(office.provider.seen.lock().is_empty());
}
