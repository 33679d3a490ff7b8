//! What is clean goes through as it is, both ways, at once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gate_core::{Action, Usage};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Frame;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::UnboundedSender;

use super::support::{Got, HOST, Office, Provider, Seen, body_of, get, head, post, reply, stream};

pub(super) const CLEAN: &str =
    r#"{ "model" : "gpt-4o", "temperature":1.0e0, "messages":[{"role":"user","content":"Why is the sky blue?"}] }"#;
const ANSWER: &str =
    r#"{"choices":[{"message":{"content":"Rayleigh."}}],"usage":{"prompt_tokens":9,"completion_tokens":3}}"#;

fn answer(_: Seen) -> Response<super::support::ProviderBody> {
    let mut response = reply(ANSWER);
    response.headers_mut().insert("alt-svc", HeaderValue::from_static("h3=\":443\""));
    response.headers_mut().insert("x-request-id", HeaderValue::from_static("req_1"));
    response
}

#[tokio::test]
async fn a_clean_prompt_arrives_as_it_was_sent_and_is_recorded() {
    for h2 in [false, true] {
        let office = Office::new(Provider::http(if h2 { &["h2"] } else { &["http/1.1"] }, answer).await);
        let request = post(h2, "/v1/chat/completions?beta=1", CLEAN);
        let (got, closed) = if h2 {
            let mut client = office.h2().await;
            (client.send(request).await, client.close().await)
        } else {
            let mut client = office.h1().await;
            (client.send(request).await, client.close().await)
        };
        assert_eq!((got.status, &got.body[..]), (StatusCode::OK, ANSWER.as_bytes()));
        assert_eq!(got.headers["x-request-id"], "req_1");
        assert!(!got.headers.contains_key("alt-svc"));

        let seen = office.provider.only();
        assert_eq!(
            (seen.body, seen.uri.path_and_query().unwrap().as_str()),
            (CLEAN.into(), "/v1/chat/completions?beta=1")
        );
        assert_eq!(seen.headers["content-length"], CLEAN.len().to_string());

        let record = office.record();
        assert_eq!((record.connection, record.target.as_str()), (Some(7), "POST /v1/chat/completions"));
        assert_eq!((record.model.as_deref(), record.decision), (Some("gpt-4o"), Action::Allow));
        assert_eq!((record.request_bytes, record.response_bytes), (CLEAN.len() as u64, ANSWER.len() as u64));
        assert_eq!((record.status, record.usage), (Some(200), Some(Usage { input: 9, output: 3, ..Usage::default() })));
        assert_eq!(record.cost.map(|cost| cost.micros), Some(53), "9 × 2.5 and 3 × 10 millionths");
        assert!(record.findings.is_empty() && record.first_byte_micros <= Some(record.duration_micros));
        assert_eq!((closed.reason, closed.alpn.as_deref()), (None, Some(if h2 { "h2" } else { "http/1.1" })));
    }
}

pub(super) type Sender = Arc<Mutex<Option<UnboundedSender<Frame<Bytes>>>>>;

/// A provider whose answers the test feeds.
pub(super) async fn fed(alpn: &[&str]) -> (Office, Sender) {
    let sender = Sender::default();
    let keep = Arc::clone(&sender);
    let provider = Provider::http(alpn, move |_| {
        let (sender, body) = stream();
        *keep.lock() = Some(sender);
        Response::builder().header("content-type", "text/event-stream").body(body).unwrap()
    });
    (Office::new(provider.await), sender)
}

pub(super) fn event(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn every_event_passes_while_the_next_is_pending_and_the_record_comes_before_the_end() {
    const USAGE: &str = "data: {\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}\n\n";
    for h2 in [false, true] {
        let (office, sender) = fed(if h2 { &["h2"] } else { &["http/1.1"] }).await;
        let request = post(h2, "/v1/chat/completions", CLEAN);
        let response = if h2 { office.h2().await.start(request).await } else { office.h1().await.start(request).await };
        let mut body = response.into_body();
        let sender = sender.lock().take().unwrap();
        for text in ["data: {\"n\":1}\n\n", "data: {\"n\":2}\n\n", USAGE] {
            sender.send(event(text)).unwrap();
            let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await.unwrap().unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), text);
            assert!(office.journal.requests().is_empty(), "the answer has not ended");
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("x-last", HeaderValue::from_static("1"));
        sender.send(Frame::trailers(trailers)).unwrap();
        drop(sender);
        let last = body.frame().await;
        assert_eq!(
            office.record().usage,
            Some(Usage { input: 1, output: 2, ..Usage::default() }),
            "recorded before the end was seen"
        );
        if h2 {
            assert_eq!(last.unwrap().unwrap().into_trailers().unwrap()["x-last"], "1");
        }
    }
}

#[tokio::test]
async fn trailers_go_both_ways() {
    for h2 in [false, true] {
        let provider = Provider::http(if h2 { &["h2"] } else { &["http/1.1"] }, |_| {
            let (sender, body) = stream();
            let mut trailers = HeaderMap::new();
            trailers.insert("x-check", HeaderValue::from_static("down"));
            sender.send(event("answer")).unwrap();
            sender.send(Frame::trailers(trailers)).unwrap();
            Response::builder().header("trailer", "x-check").body(body).unwrap()
        });
        let office = Office::new(provider.await);
        let (sender, body) = stream();
        let mut trailers = HeaderMap::new();
        trailers.insert("x-check", HeaderValue::from_static("up"));
        sender.send(event("{}")).unwrap();
        sender.send(Frame::trailers(trailers)).unwrap();
        drop(sender);
        let request = head(h2, Method::POST, "/v1/x").header("te", "trailers").header("trailer", "x-check");
        let request = request.body(body).unwrap();
        let got = if h2 { office.h2().await.send(request).await } else { office.h1().await.send(request).await };
        assert_eq!(got.trailers.unwrap()["x-check"], "down", "h2: {h2}");
        let seen = office.provider.only();
        assert_eq!((seen.body, &seen.trailers.unwrap()["x-check"]), ("{}".into(), &HeaderValue::from_static("up")));
    }
}

#[tokio::test]
async fn answers_without_a_body_are_recorded_too() {
    let provider = Provider::http(&["http/1.1"], |seen| {
        let status = if seen.method == Method::HEAD { 200 } else { 204 };
        let builder = Response::builder().status(status);
        let builder = if status == 200 { builder.header("content-length", "1234") } else { builder };
        builder.body(body_of("")).unwrap()
    });
    let office = Office::new(provider.await);
    let mut client = office.h1().await;
    let mut request = get(false, "/v1/files/1");
    *request.method_mut() = Method::HEAD;
    let got = client.send(request).await;
    assert_eq!((got.status.as_u16(), &got.headers["content-length"]), (200, &HeaderValue::from_static("1234")));
    assert_eq!(client.send(get(false, "/v1/files/1")).await.status.as_u16(), 204);
    let statuses: Vec<_> = office.journal.requests().iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Some(200), Some(204)]);
    assert!(!office.provider.seen.lock()[1].headers.contains_key("content-length"), "a GET gets no length");
}

#[tokio::test]
async fn a_client_that_waits_for_100_continue_gets_it() {
    let office = Office::new(Provider::http(&["http/1.1"], answer).await);
    let mut tls = office.connect(&["http/1.1"]).await.tls;
    let head = format!(
        "POST /v1/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        CLEAN.len()
    );
    tls.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    tls.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    tls.write_all(CLEAN.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    tls.read_to_end(&mut rest).await.unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n") && rest.ends_with(ANSWER.as_bytes()));
    assert!(!office.provider.only().headers.contains_key("expect"));
}

#[tokio::test]
async fn one_connection_carries_many_streams_at_once() {
    let office = Office::new(Provider::http(&["h2"], |seen| reply_with(seen.uri.path())).await);
    let client = office.h2().await;
    let ask = |n: usize| {
        let mut sender = client.sender.clone();
        async move {
            let response = sender.send_request(get(true, &format!("/v1/{n}"))).await.unwrap();
            Got::from(response).await.body
        }
    };
    let asked: Vec<_> = (0..100).map(|n| tokio::spawn(ask(n))).collect();
    for (n, answer) in asked.into_iter().enumerate() {
        assert_eq!(answer.await.unwrap(), format!("/v1/{n}"));
    }
    assert_eq!((*office.provider.connections.lock(), office.journal.requests().len()), (1, 100));
}

fn reply_with(text: &str) -> Response<super::support::ProviderBody> {
    Response::new(body_of(text.to_owned()))
}

#[tokio::test]
async fn http1_heads_keep_the_spelling_they_came_with() {
    let provider = Provider::raw(HOST, &["http/1.1"], |mut tls| {
        Box::pin(async move {
            let mut request = vec![0; 8192];
            let n = tls.read(&mut request).await.unwrap();
            let head = String::from_utf8_lossy(&request[..n]).into_owned();
            let spelled =
                head.contains("\r\nX-Stainless-OS: Linux\r\n") && head.contains("\r\nHost: api.openai.com\r\n");
            let answer = format!("HTTP/1.1 200 OK\r\nX-Spelled-OK: {spelled}\r\nContent-Length: 0\r\n\r\n");
            let _ = tls.write_all(answer.as_bytes()).await;
        })
    });
    let office = Office::new(provider.await);
    let mut tls = office.connect(&["http/1.1"]).await.tls;
    let head = format!("GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Stainless-OS: Linux\r\nConnection: close\r\n\r\n");
    tls.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tls.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.contains("\r\nX-Spelled-OK: true\r\n"), "{answer}");
}
