//! What left as a placeholder comes back to the client that sent it, and to nobody else.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use bytes::Bytes;
use gate_core::{Event, PlaceholdersEvent};
use http::{HeaderMap, Response};
use hyper::body::Frame;

use super::super::vault::Scope;
use super::support::{Got, Office, Provider, ProviderBody, Seen, TestJudge, body_of, post, stream};
use crate::config::Config;

const EMAIL: &str = "anna.meyer@acme-office.de";

fn ask(content: &str) -> String {
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{content}"}}]}}"#)
}

/// What the provider was told in the one message.
fn told(seen: &Seen) -> String {
    let body: serde_json::Value = serde_json::from_slice(&seen.body).unwrap();
    body["messages"][0]["content"].as_str().unwrap().to_owned()
}

async fn office(handler: impl Fn(Seen) -> Response<ProviderBody> + Send + Sync + 'static) -> Office {
    let provider = Provider::http(&["http/1.1", "h2"], handler).await;
    Office::with(provider, Config::default(), TestJudge { reversible: true, ..TestJudge::default() })
}

fn answer(kind: &str, body: impl Into<Bytes>) -> Response<ProviderBody> {
    Response::builder().header("content-type", kind).header("etag", "\"x\"").body(body_of(body)).unwrap()
}

/// An office whose provider says what it was told.
async fn echo() -> Office {
    office(|seen| answer("application/json", format!(r#"{{"said":"{}"}}"#, told(&seen)))).await
}

async fn send(office: &Office, h2: bool, body: String) -> Got {
    let request = post(h2, "/v1/chat/completions", body);
    if h2 { office.h2().await.send(request).await } else { office.h1().await.send(request).await }
}

fn events(office: &Office) -> Vec<PlaceholdersEvent> {
    let only = |event: &Event| match event {
        Event::Placeholders(event) => Some(event.clone()),
        _ => None,
    };
    office.journal.events.lock().iter().filter_map(only).collect()
}

#[tokio::test]
async fn the_provider_gets_a_placeholder_and_the_client_its_value() {
    for h2 in [false, true] {
        let office = echo().await;
        let got = send(&office, h2, ask(&format!("to {EMAIL} and {EMAIL}"))).await;
        assert_eq!(got.body, format!(r#"{{"said":"to {EMAIL} and {EMAIL}"}}"#));
        assert!(!got.headers.contains_key("etag"));
        assert_eq!(got.headers.get("content-length"), None);
        let seen = office.provider.only();
        assert_eq!(seen.headers["accept-encoding"], "identity");
        let token = told(&seen)[3..].split(' ').next().unwrap().to_owned();
        assert!(token.starts_with("NGP_EMAIL_") && !told(&seen).contains("acme"), "{token}");
        let events = events(&office);
        let counts = |counts: &[gate_core::KindCount]| -> Vec<_> {
            counts.iter().map(|one| (one.kind.clone(), one.count)).collect()
        };
        assert_eq!(events.len(), 1);
        assert_eq!(counts(&events[0].replaced), [("email".to_owned(), 2)]);
        assert_eq!(counts(&events[0].restored), [("email".to_owned(), 2)]);
        assert!(!events[0].unedited);
        assert!(!format!("{:?}", office.journal.events.lock()).contains("anna"));
    }
}

#[tokio::test]
async fn what_was_said_before_comes_back_in_a_later_answer_and_a_clean_client_is_not_touched() {
    let office = office(|seen| {
        let said = String::from_utf8_lossy(&seen.body).into_owned();
        answer("text/plain", said)
    })
    .await;
    let first = send(&office, false, ask("hello")).await;
    assert!(first.headers.contains_key("etag") && first.headers.contains_key("content-length"));
    assert!(!office.provider.only().headers.contains_key("accept-encoding"));
    send(&office, false, ask(EMAIL)).await;
    let token = told(&office.provider.seen.lock()[1]);
    let later = send(&office, true, ask(&format!("who is {token}?"))).await;
    assert_eq!(later.body, ask(&format!("who is {EMAIL}?")));
    assert_eq!(events(&office)[1].replaced, []);
    assert_eq!(events(&office)[1].restored[0].count, 1);
}

#[tokio::test]
async fn what_others_sent_and_what_nobody_sent_stays_as_it_is() {
    let office = echo().await;
    send(&office, false, ask(EMAIL)).await;
    let token = told(&office.provider.only());
    let vault = &office.shared.inspect.inspector;
    let foreign = Scope::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99)), None, "openai");
    let foreign = vault.vault().unwrap().replace(&foreign, "email", "else@acme-office.de", Instant::now()).unwrap();
    let changed = format!("{}{}", &token[..token.len() - 1], if token.ends_with('A') { 'B' } else { 'A' });
    let said = format!("{foreign} {changed} {} NGP_EMAIL_AAAAAAAAAAAAA", token.to_lowercase());
    let got = send(&office, false, ask(&said)).await;
    assert_eq!(got.body, format!(r#"{{"said":"{said}"}}"#));
}

#[tokio::test]
async fn a_stream_is_edited_as_it_comes_and_keeps_its_trailers() {
    let (sender, body) = stream();
    let body = parking_lot::Mutex::new(Some(body));
    let office = office(move |_| {
        let head = Response::builder().header("content-type", "text/event-stream");
        head.body(body.lock().take().unwrap()).unwrap()
    })
    .await;
    let request = ask(EMAIL).replacen('{', r#"{"stream":true,"#, 1);
    let mut client = office.h2().await;
    let response = client.start(post(true, "/v1/chat/completions", request)).await;
    let token = told(&office.provider.only());
    let event =
        |text: &str| format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}}}}]}}\n\n");
    let mut body = response.into_body();
    for (said, got) in [("to ", "to "), (&token[..7], ""), (&token[7..], EMAIL), ("N", "")] {
        sender.send(Frame::data(event(said).into())).unwrap();
        let frame = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), event(got));
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("x-end", "yes".parse().unwrap());
    sender.send(Frame::trailers(trailers)).unwrap();
    drop(sender);
    let rest = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
    assert_eq!(rest.into_data().unwrap(), event("N"));
    let last = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
    assert_eq!(last.into_trailers().unwrap()["x-end"], "yes");
    assert_eq!(events(&office)[0].restored[0].count, 1);
}

#[tokio::test]
async fn a_stream_of_plain_text_does_not_wait_for_events() {
    let (sender, body) = stream();
    let body = parking_lot::Mutex::new(Some(body));
    let office = office(move |_| {
        let head = Response::builder().header("content-type", "text/plain");
        head.body(body.lock().take().unwrap()).unwrap()
    })
    .await;
    let request = ask(EMAIL).replacen('{', r#"{"stream":true,"#, 1);
    let mut client = office.h1().await;
    let response = client.start(post(false, "/v1/chat/completions", request)).await;
    let token = told(&office.provider.only());
    let mut body = response.into_body();
    for (said, got) in [("dear ", "dear "), (&*format!("you {}", &token[..3]), "you "), (&token[3..], EMAIL)] {
        sender.send(Frame::data(said.to_owned().into())).unwrap();
        let frame = http_body_util::BodyExt::frame(&mut body).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), got);
    }
}

#[tokio::test]
async fn packed_answers_come_unpacked_and_unknown_ones_as_they_are() {
    let pack = |coding: &str, plain: &[u8]| super::bodies::encoded(coding, plain);
    for coding in ["gzip", "deflate", "br", "zstd", "x-own"] {
        let office = office(move |seen| {
            let said = format!(r#"{{"said":"{}"}}"#, told(&seen));
            let body = if coding == "x-own" { said.into_bytes() } else { pack(coding, said.as_bytes()) };
            let head =
                Response::builder().header("content-type", "application/json").header("content-encoding", coding);
            head.body(body_of(body)).unwrap()
        })
        .await;
        let got = send(&office, true, ask(EMAIL)).await;
        if coding == "x-own" {
            assert_eq!(got.headers["content-encoding"], coding);
            assert!(got.body.starts_with(br#"{"said":"NGP_EMAIL_"#));
            assert!(events(&office)[0].unedited && events(&office)[0].restored.is_empty());
            assert_eq!(office.shared.counters.unedited_answers.get(), 1);
        } else {
            assert_eq!(got.body, format!(r#"{{"said":"{EMAIL}"}}"#), "{coding}");
            assert!(!got.headers.contains_key("content-encoding"));
        }
    }
}

#[tokio::test]
async fn an_answer_whose_coding_breaks_ends_there() {
    let office = office(|seen| {
        let mut body = super::bodies::encoded("gzip", told(&seen).repeat(100).as_bytes());
        let middle = body.len() / 2;
        body[middle..].fill(0xff);
        let head = Response::builder().header("content-type", "text/plain").header("content-encoding", "gzip");
        head.body(body_of(body)).unwrap()
    })
    .await;
    let response = office.h1().await.try_start(post(false, "/v1/chat/completions", ask(EMAIL))).await;
    if let Ok(response) = response {
        assert!(http_body_util::BodyExt::collect(response.into_body()).await.is_err());
    }
    let record = office.record();
    assert_eq!(record.reason, Some(gate_core::Reason::BadEncoding));
}

/// What a client gets of an answer in this coding to a request that left with a placeholder; `None`: it broke off.
async fn unpacked(codings: &'static [&'static str], pack: fn(&str) -> Vec<u8>) -> (Option<Bytes>, Office) {
    let office = office(move |seen| {
        let mut head = Response::builder().header("content-type", "application/json");
        for coding in codings {
            head = head.header("content-encoding", *coding);
        }
        head.body(body_of(pack(&format!(r#"{{"said":"{}"}}"#, told(&seen))))).unwrap()
    })
    .await;
    let response = office.h1().await.try_start(post(false, "/v1/chat/completions", ask(EMAIL))).await;
    let body = match response {
        Ok(response) => http_body_util::BodyExt::collect(response.into_body()).await.ok(),
        Err(_) => None,
    };
    (body.map(http_body_util::Collected::to_bytes), office)
}

#[tokio::test]
async fn two_members_are_one_answer_and_half_a_one_is_none() {
    let (body, _) = unpacked(&["gzip"], |said| {
        let (head, tail) = said.as_bytes().split_at(14);
        [super::bodies::encoded("gzip", head), super::bodies::encoded("gzip", tail)].concat()
    })
    .await;
    assert_eq!(body.unwrap(), format!(r#"{{"said":"{EMAIL}"}}"#));
    fn gzip(said: &str) -> Vec<u8> {
        super::bodies::encoded("gzip", said.as_bytes())
    }
    fn brotli(said: &str) -> Vec<u8> {
        super::bodies::encoded("br", said.as_bytes())
    }
    fn cut(mut body: Vec<u8>) -> Vec<u8> {
        body.pop();
        body
    }
    type Pack = fn(&str) -> Vec<u8>;
    let rows: [(&[&str], Pack, Pack); 2] =
        [(&["gzip"], gzip, |said| cut(gzip(said))), (&["br"], brotli, |said| cut(brotli(said)))];
    for (codings, whole, part) in rows {
        assert!(unpacked(codings, whole).await.0.is_some(), "{codings:?}");
        let (body, office) = unpacked(codings, part).await;
        assert_eq!((body, office.record().reason), (None, Some(gate_core::Reason::BadEncoding)), "{codings:?}");
    }
}

#[tokio::test]
async fn two_lines_of_codings_are_two_codings() {
    let (body, office) = unpacked(&["identity", "gzip"], |said| super::bodies::encoded("gzip", said.as_bytes())).await;
    assert!(body.unwrap().starts_with(b"\x1f\x8b"));
    assert!(events(&office)[0].unedited);
}

#[tokio::test]
async fn a_window_of_eight_mebibytes_is_no_reason_to_break_off() {
    let (body, _) = unpacked(&["zstd"], |said| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(23).unwrap();
        std::io::Write::write_all(&mut encoder, said.as_bytes()).unwrap();
        std::io::Write::flush(&mut encoder).unwrap();
        encoder.finish().unwrap()
    })
    .await;
    assert_eq!(body.unwrap(), format!(r#"{{"said":"{EMAIL}"}}"#));
}
