//! Who may connect, how long, how often; what every answer carries.

use std::time::{Duration, Instant};

use gate_admin::Config;
use gate_core::{AdminEvent, Event};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Browser, Door};

const FROM_THE_LAN: &str = "PROXY TCP4 192.0.2.10 192.0.2.53 50000 443\r\n";

/// Resolves when the other side closed.
async fn closed(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> Duration {
    let started = Instant::now();
    let mut rest = Vec::new();
    let outcome = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut rest)).await;
    assert!(outcome.is_ok(), "it stayed open");
    started.elapsed()
}

#[tokio::test]
async fn a_handed_over_connection_is_its_clients() {
    let door = Door::open().await;
    let stream = door.hand_over(FROM_THE_LAN).await.unwrap();
    let answer = Browser::new(&door).send_over(stream, Method::GET, "/ca/nanogate.pem", None).await;
    assert_eq!(answer.status, StatusCode::OK);
    let events = door.records(1).await;
    let [Event::Admin(AdminEvent { client: Some(client), command, ok: true, .. })] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((client.to_string().as_str(), command.as_str()), ("192.0.2.10", "ca_download"));
}

#[tokio::test]
async fn strangers_and_liars_are_turned_away_before_tls() {
    let door = Door::open().await;
    for line in ["PROXY TCP4 198.51.100.7 192.0.2.53 50000 443\r\n", "PROXY UNKNOWN\r\n", "GET / HTTP/1.1\r\n"] {
        assert!(door.hand_over(line).await.is_err(), "{line}");
    }
    let mut public = TcpStream::connect(door.https).await.unwrap();
    public.write_all(FROM_THE_LAN.as_bytes()).await.unwrap();
    assert!(door.handshake(public, &[]).await.is_err(), "the public door takes no line");
}

#[tokio::test]
async fn http_2_is_spoken_too() {
    let door = Door::open().await;
    let stream = door.handshake(TcpStream::connect(door.https).await.unwrap(), &[b"h2"]).await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io).await.unwrap();
    tokio::spawn(connection);
    let uri = "https://localhost/healthz";
    let request = http::Request::get(uri).body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!((response.status(), response.version()), (StatusCode::OK, http::Version::HTTP_2));
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok\n");
}

#[tokio::test]
async fn silent_and_slow_connections_end() {
    let config = Config { handshake_ms: 300, header_ms: 300, idle_seconds: 1, ..Config::default() };
    let door = Door::open_with(config).await;
    let mut no_line = TcpStream::connect(door.handover).await.unwrap();
    let mut no_tls = TcpStream::connect(door.https).await.unwrap();
    let mut no_request = door.connect().await;
    let mut half_a_head = door.connect().await;
    half_a_head.write_all(b"GET / HTTP/1.1\r\nHost: local").await.unwrap();
    let tcp = TcpStream::connect(door.https).await.unwrap();
    let mut silent_h2 = door.handshake(tcp, &[b"h2"]).await.unwrap();
    let (a, b, c, d, e) = tokio::join!(
        closed(&mut no_line),
        closed(&mut no_tls),
        closed(&mut no_request),
        closed(&mut half_a_head),
        closed(&mut silent_h2)
    );
    for took in [a, b, c, d, e] {
        assert!(took < Duration::from_secs(6), "{took:?}");
    }
}

#[tokio::test]
async fn one_client_cannot_take_every_connection() {
    let config = Config { max_connections: 4, max_connections_per_client: 2, ..Config::default() };
    let door = Door::open_with(config).await;
    let one = door.hand_over(FROM_THE_LAN).await.unwrap();
    let _two = door.hand_over(FROM_THE_LAN).await.unwrap();
    assert!(door.hand_over(FROM_THE_LAN).await.is_err(), "two are enough");
    assert!(door.hand_over("PROXY TCP4 192.0.2.11 192.0.2.53 50000 443\r\n").await.is_ok(), "others still come in");
    drop(one);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(door.hand_over(FROM_THE_LAN).await.is_ok(), "a place given back is free again");
}

#[tokio::test]
async fn a_command_given_up_half_way_leaves_its_one_record() {
    let door = Door::open_with(Config { request_seconds: 1, ..Config::default() }).await;
    let mut stream = door.connect().await;
    let head = "POST /api/v1/sign-in HTTP/1.1\r\nHost: localhost\r\nX-Nanogate: 1\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{\"password\":";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let read = stream.read(&mut answer).await.unwrap();
    assert!(answer[..read].starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer[..read]));
    let events = door.records(1).await;
    let [Event::Admin(AdminEvent { command, ok: false, detail: Some(detail), .. })] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((command.as_str(), detail.as_str()), ("sign_in", "it was given up half-way"));
}

#[tokio::test]
async fn everything_ends_within_five_seconds_of_the_stop() {
    let mut door = Door::open().await;
    let owner = door.owner().await;
    let stream = owner.begin(door.connect().await, Method::GET, "/api/v1/events", None).await;
    let cookie = owner.cookie.clone();
    assert!(cookie.is_some() && stream.status() == StatusCode::OK);
    let _silent = door.connect().await;
    let _no_tls = TcpStream::connect(door.https).await.unwrap();
    door.stop.cancel();
    let started = Instant::now();
    tokio::time::timeout(Duration::from_secs(6), &mut door.served).await.expect("it ends").unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(TcpStream::connect(door.https).await.is_err(), "and nobody listens");
}

#[tokio::test]
async fn every_answer_is_guarded() {
    let door = Door::open().await;
    for path in ["/", "/icon.svg", "/healthz", "/api/v1/session", "/api/v1/overview", "/nowhere", "/api/openapi.json"] {
        let answer = Browser::new(&door).get(path).await;
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer", "{path}");
        assert!(answer.headers.contains_key("cache-control"), "{path}");
        assert!(!answer.headers.contains_key("access-control-allow-origin"), "{path}");
    }
}

#[tokio::test]
async fn mistakes_get_a_problem_document() {
    let door = Door::open().await;
    let mut browser = Browser::new(&door);
    assert_eq!(browser.get("/api/v2/status").await.problem(), "not-found");
    let answer = browser.send(Method::PUT, "/api/v1/status", None).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method"));
    assert!(answer.headers.contains_key("allow"));
    let answer = browser.send(Method::POST, "/api/v1/sign-in", Some("x".repeat(20_000))).await;
    assert_eq!((answer.status, answer.problem().as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
}

#[tokio::test]
async fn the_authority_is_given_to_every_device_of_the_office() {
    let door = Door::open().await;
    for (file, kind) in [
        ("nanogate.pem", "application/x-pem-file"),
        ("nanogate.crt", "application/x-x509-ca-cert"),
        ("nanogate.mobileconfig", "application/x-apple-aspen-config"),
    ] {
        let answer = Browser::new(&door).get(&format!("/ca/{file}")).await;
        assert_eq!((answer.status, answer.headers["content-type"].to_str().unwrap()), (StatusCode::OK, kind));
        assert!(answer.headers["content-disposition"].to_str().unwrap().contains(file));
    }
    let about = Browser::new(&door).get("/api/v1/ca").await.json();
    assert_eq!(about["fingerprint_sha256"].as_str().unwrap().len(), 95);
    assert_eq!(door.commands().len(), 3, "each download is one command");
}
