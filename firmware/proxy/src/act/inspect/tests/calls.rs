//! gRPC and Connect: messages leave one by one, judged, and a refusal ends the call in its own status.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use gate_core::{Action, Reason};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;

use super::bodies::KEY;
use super::support::{ClientBody, Got, HOST, Office, Provider, head, stream};

/// What the provider heard, and whether it was told that this is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Heard {
    bytes: Vec<u8>,
    whole: bool,
}

/// A provider that sends everything back as it comes, and ends with trailers.
async fn echo() -> (Office, Arc<Mutex<Heard>>) {
    let heard = Arc::<Mutex<Heard>>::default();
    let keep = Arc::clone(&heard);
    let provider = Provider::raw(HOST, &["h2"], move |tls| {
        let keep = Arc::clone(&keep);
        let service = service_fn(move |request| answer(request, Arc::clone(&keep)));
        Box::pin(async move {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = builder.serve_connection(TokioIo::new(tls), service).await;
        })
    });
    (Office::new(provider.await), heard)
}

async fn answer(request: Request<Incoming>, heard: Arc<Mutex<Heard>>) -> Result<Response<ClientBody>, Infallible> {
    let content_type = request.headers()["content-type"].clone();
    let (sender, answer) = stream();
    let mut body = request.into_body();
    tokio::spawn(async move {
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return };
            let Ok(data) = frame.into_data() else { continue };
            heard.lock().bytes.extend_from_slice(&data);
            let _ = sender.send(Frame::data(data));
        }
        heard.lock().whole = true;
        let trailers =
            HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"))]);
        let _ = sender.send(Frame::trailers(trailers));
    });
    Ok(Response::builder().header("content-type", content_type).body(answer).unwrap())
}

fn request(content_type: &str, body: ClientBody) -> Request<ClientBody> {
    let head =
        head(true, Method::POST, "/chat.Chat/Talk").header("content-type", content_type).header("te", "trailers");
    head.header("grpc-encoding", "gzip").header("connect-content-encoding", "gzip").body(body).unwrap()
}

/// A message of protobuf with one text.
fn message(text: &str) -> Vec<u8> {
    let mut length = text.len();
    let mut out = vec![0x12];
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    [&out, text.as_bytes()].concat()
}

fn envelope(flags: u8, message: &[u8]) -> Bytes {
    [&[flags], (message.len() as u32).to_be_bytes().as_slice(), message].concat().into()
}

fn packed(message: &[u8]) -> Bytes {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(message).unwrap();
    envelope(1, &writer.finish().unwrap())
}

/// The whole answer to a call that says only this.
async fn called(office: &Office, content_type: &str, body: impl Into<Bytes>) -> Got {
    let (sender, frames) = stream();
    sender.send(Frame::data(body.into())).unwrap();
    drop(sender);
    office.h2().await.send(request(content_type, frames)).await
}

/// The status of gRPC, wherever it stands.
fn status(got: &Got) -> (String, String) {
    let fields = got.trailers.as_ref().unwrap_or(&got.headers);
    let text = |name: &str| fields.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    (text("grpc-status"), text("grpc-message"))
}

#[tokio::test]
async fn two_sides_talk_at_once_and_trailers_pass() {
    let (office, heard) = echo().await;
    let (sender, frames) = stream();
    let mut client = office.h2().await;
    // The answer begins before the client has said anything.
    let mut response = client.start(request("application/grpc", frames)).await;
    let mut said = Vec::new();
    for turn in 0..20 {
        let message = message(&format!("turn {turn}"));
        let envelope = if turn % 2 == 0 { envelope(0, &message) } else { packed(&message) };
        // However it is cut, it arrives whole.
        for piece in envelope.chunks(1 + turn) {
            sender.send(Frame::data(Bytes::copy_from_slice(piece))).unwrap();
        }
        let mut back = Vec::new();
        while back.len() < envelope.len() {
            back.extend_from_slice(&response.frame().await.unwrap().unwrap().into_data().unwrap());
        }
        assert_eq!(back, envelope);
        said.extend_from_slice(&envelope);
    }
    drop(sender);
    let end = response.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(end["grpc-status"], "0");
    assert_eq!(*heard.lock(), Heard { bytes: said, whole: true });
    let record = office.record();
    assert_eq!((record.decision, record.reason.clone(), record.stream), (Action::Allow, None, true));
    assert_eq!(record.request_bytes, (0..20).map(|turn| message(&format!("turn {turn}")).len() as u64).sum::<u64>());
}

#[tokio::test]
async fn what_would_be_redacted_is_refused_and_nothing_of_it_leaves() {
    let secret = message(&format!("key {KEY}"));
    let nested = [&[0x0a, secret.len() as u8], secret.as_slice()].concat();
    let bodies = [envelope(0, &secret), packed(&secret), packed(&nested)];
    for body in bodies {
        let (office, heard) = echo().await;
        let got = called(&office, "application/grpc+proto", body).await;
        let (code, text) = status(&got);
        assert_eq!((got.status.as_u16(), code.as_str()), (200, "7"), "{got:?}");
        assert!(text.starts_with("Nano-Gate: api_key pattern detected"), "{text}");
        assert_eq!(*heard.lock(), Heard::default());
        let record = office.record();
        assert_eq!((record.decision, record.reason), (Action::Deny, Some(Reason::FrozenContent)));
        assert_eq!(record.findings.len(), 1);
        assert!(record.request_bytes >= secret.len() as u64);
    }
}

#[tokio::test]
async fn a_refusal_in_the_middle_ends_both_directions() {
    let (office, heard) = echo().await;
    let (sender, frames) = stream();
    let mut client = office.h2().await;
    let mut response = client.start(request("application/grpc", frames)).await;
    let clean = envelope(0, &message("hello"));
    sender.send(Frame::data(clean.clone())).unwrap();
    assert_eq!(response.frame().await.unwrap().unwrap().into_data().unwrap(), clean);
    sender.send(Frame::data(envelope(0, &message(KEY)))).unwrap();
    let end = response.frame().await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(end["grpc-status"], "7");
    assert_eq!(end["nanogate-code"], "nanogate_blocked");
    assert_eq!(*heard.lock(), Heard { bytes: clean.to_vec(), whole: false });
    assert_eq!(office.record().decision, Action::Deny);
    // The connection is none the worse for it.
    let got = Got::from(client.start(request("application/grpc", Empty::new().boxed())).await).await;
    assert_eq!(status(&got).0, "0");
}

#[tokio::test]
async fn a_panic_while_a_message_is_judged_is_a_refusal_and_told() {
    let (office, heard) = echo().await;
    // Its head is judged before its messages are: both may break.
    let (sender, frames) = stream();
    let mut client = office.h2().await;
    let answer = client.start(request("application/grpc+json", frames)).await;
    office.judge.panics.store(true, std::sync::atomic::Ordering::SeqCst);
    sender.send(Frame::data(envelope(0, b"{}"))).unwrap();
    let got = Got::from(answer).await;
    assert_eq!(status(&got).0, "13", "{got:?}");
    assert_eq!(*heard.lock(), Heard::default());
    let record = office.record();
    assert_eq!((record.decision, record.reason), (Action::Deny, Some(Reason::Internal)));
    let got = called(&office, "application/grpc+json", envelope(0, b"{}")).await;
    assert_eq!(status(&got).0, "13", "{got:?}");
}

#[tokio::test]
async fn a_call_that_nobody_reads_holds_up_no_other_stream() {
    let service = service_fn(|request: Request<Incoming>| async move {
        if request.uri().path() == "/chat.Chat/Talk" {
            std::mem::forget(request.into_body());
            return Ok::<_, Infallible>(Response::new(Empty::new().boxed()));
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok(Response::new(http_body_util::Full::new(body).boxed()))
    });
    let provider = Provider::raw(HOST, &["h2"], move |tls| {
        Box::pin(async move {
            let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.initial_stream_window_size(64 * 1024).initial_connection_window_size(1 << 20);
            let _ = builder.serve_connection(TokioIo::new(tls), service).await;
        })
    });
    let office = Office::new(provider.await);
    let (mut client, (sender, frames)) = (office.h2().await, stream());
    for _ in 0..25 {
        sender.send(Frame::data(envelope(0, &message(&"a word ".repeat(4600))))).unwrap();
    }
    let mut calling = client.sender.clone();
    let call = tokio::spawn(async move { calling.send_request(request("application/grpc", frames)).await });
    // Long enough to fill what lies between; less would only ask for less.
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    let body = format!(r#"{{"messages":[{{"content":"{}"}}]}}"#, "a word ".repeat(15_000));
    for _ in 0..3 {
        let answer = client.send(super::support::post(true, "/v1/chat/completions", body.clone()));
        let answer = tokio::time::timeout(std::time::Duration::from_secs(20), answer).await.expect("it waits");
        assert_eq!((answer.status.as_u16(), answer.body.len()), (200, body.len()));
    }
    drop((call, sender));
}

#[tokio::test]
async fn connect_is_told_in_its_last_envelope() {
    let (office, heard) = echo().await;
    let body = format!(r#"{{"text":"key {KEY}"}}"#);
    let got = called(&office, "application/connect+json", envelope(0, body.as_bytes())).await;
    assert_eq!(
        (got.status.as_u16(), &got.headers["content-type"], got.body[0]),
        (200, &HeaderValue::from_static("application/connect+json"), 2)
    );
    let end = String::from_utf8(got.body[5..].to_vec()).unwrap();
    assert!(end.contains(r#""code":"permission_denied""#) && end.contains("Nano-Gate: "), "{end}");
    assert_eq!(*heard.lock(), Heard::default());
}

#[tokio::test]
async fn a_bare_message_is_judged_like_any_body() {
    let (office, heard) = echo().await;
    let got = called(&office, "application/proto", message(KEY)).await;
    assert_eq!(
        (got.status.as_u16(), &got.headers["content-type"]),
        (403, &HeaderValue::from_static("application/json"))
    );
    assert!(got.body.starts_with(br#"{"code":"permission_denied","message":"Nano-Gate: "#), "{got:?}");
    let clean = message("hello");
    assert_eq!(called(&office, "application/proto", clean.clone()).await.body, clean);
    assert_eq!(*heard.lock(), Heard { bytes: clean, whole: true });
}

#[tokio::test]
async fn what_is_no_message_is_refused() {
    let bomb = packed(&message(&"a".repeat(40 << 20)));
    let rows: [(&[u8], &str); 8] = [
        (b"\0\0\0\0\x09short", "3"),
        (b"\0\0\0", "3"),
        (b"\x80\0\0\0\0", "3"),
        (b"\x02\0\0\0\x02{}", "3"),
        (b"\x01\0\0\0\x03\x1f\x8b\x08", "3"),
        (b"\0\xff\xff\xff\xff", "8"),
        (b"\0\0\0\0\x04\xff\xff\xff\xff", "3"),
        (&bomb, "8"),
    ];
    for (body, code) in rows {
        let (office, heard) = echo().await;
        let got = called(&office, "application/grpc", body.to_vec()).await;
        assert_eq!(status(&got).0, code, "{:?} {got:?}", &body[..5]);
        assert_eq!(*heard.lock(), Heard::default());
        assert_eq!(office.record().decision, Action::Deny);
    }
}
