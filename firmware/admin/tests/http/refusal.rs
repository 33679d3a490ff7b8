//! A refusal arrives whole, however much the client was still sending.

use std::time::Duration;

use bytes::Bytes;
use gate_admin::{Config, Scope};
use gate_core::UnixMicros;
use http::{Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::Door;

/// Posts `size` bytes over HTTP/2 in several frames, as a client would that gives up when its stream is reset before
/// everything is sent (curl 7.88 does); answers the status and the body.
async fn post(door: &Door, path: &str, token: &str, size: usize) -> Result<(StatusCode, String), h2::Error> {
    let stream = door.handshake(TcpStream::connect(door.https).await.unwrap(), &[b"h2"]).await.unwrap();
    let (mut client, connection) = h2::client::handshake(stream).await?;
    tokio::spawn(connection);
    let request = Request::post(format!("https://localhost{path}"))
        .header("content-type", "application/json")
        .header("x-nanogate", "1")
        .header("authorization", format!("Bearer {token}"));
    let (answer, mut body) = client.send_request(request.body(()).unwrap(), false)?;
    let mut left = size;
    while left > 0 {
        body.reserve_capacity(left.min(16 << 10));
        let room = std::future::poll_fn(|context| body.poll_capacity(context)).await;
        let room = room.unwrap_or_else(|| Err(h2::Reason::CANCEL.into()))?;
        body.send_data(Bytes::from(vec![b' '; room]), room == left)?;
        left -= room;
        // The answer to the head has every chance to overtake the body.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (head, mut answer) = answer.await?.into_parts();
    let mut text = Vec::new();
    while let Some(piece) = answer.data().await {
        text.extend_from_slice(&piece?);
    }
    Ok((head.status, String::from_utf8(text).unwrap()))
}

#[tokio::test]
async fn a_refusal_over_http_2_outlives_a_large_body() {
    let config = Config { commands_per_minute: 4, inspect_body_bytes: 300 << 10, ..Config::default() };
    let door = Door::open_with(config).await;
    let (_, metrics) = door.accounts.create_token("prometheus", &[Scope::Metrics], UnixMicros(0)).unwrap();
    let (_, inspect) = door.accounts.create_token("edge", &[Scope::Inspect], UnixMicros(0)).unwrap();
    let (metrics, inspect) = (metrics.to_string(), inspect.to_string());
    let size = 256 << 10;
    for (path, token, size, status, word) in [
        ("/api/v1/inspect", "ngt_wrong", size, 401, "unauthorized"),
        ("/api/v1/inspect", &metrics, size, 403, "scope"),
        ("/api/v1/inspect", &inspect, 2 * size, 413, "too-large"),
        ("/api/v1/tokens", "", size, 401, "unauthorized"),
        ("/api/v1/sign-in", "", size, 413, "too-large"),
        ("/api/v1/sign-in", "", size, 429, "rate-limited"),
        ("/api/v2/status", "", size, 404, "not-found"),
        ("/healthz", "", size, 405, "method"),
    ] {
        let (seen, body) =
            post(&door, path, token, size).await.unwrap_or_else(|error| panic!("{path} {word}: {error}"));
        assert_eq!(seen.as_u16(), status, "{path}: {body}");
        assert!(body.contains(&format!("urn:nanogate:problem:{word}\"")), "{path}: {body}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_refused_at_once() {
    let door = Door::open().await;
    let mut stream = door.connect().await;
    let head = "POST /api/v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Expect: 100-continue\r\nContent-Length: 500000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 1024];
    let read = timeout(Duration::from_secs(1), stream.read(&mut answer)).await.expect("nothing is waited for").unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer[..read]));
}

#[tokio::test]
async fn a_body_that_never_ends_does_not_hold_its_refusal() {
    let door = Door::open().await;
    let mut stream = door.connect().await;
    let head =
        "POST /api/v1/inspect HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500000\r\n\r\nbut no more than this";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 1024];
    let read = timeout(Duration::from_secs(6), stream.read(&mut answer)).await.expect("it has an end").unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 401 "), "{}", String::from_utf8_lossy(&answer[..read]));
}
