//! What is found in a body is taken out of it, and nothing else.

use std::io::Write;

use gate_core::{Action, Reason};
use http::Method;
use http_body_util::{BodyExt, Full};
use tokio::io::AsyncWriteExt;

use super::support::{HOST, Office, Provider, Seen, head, post, reply};
use crate::config::Config;

use super::relay::CLEAN;

pub(super) const KEY: &str = "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdoaWprbG1ub3BxcnN0dXY";
pub(super) const PEM: &str = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\\n-----END PRIVATE KEY-----";

async fn office() -> Office {
    Office::new(Provider::http(&["http/1.1", "h2"], |_| reply("{}")).await)
}

fn chat(content: &str) -> String {
    format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":"{content}"}}]}}"#)
}

async fn received(body: String) -> Seen {
    let office = office().await;
    let got = office.h2().await.send(post(true, "/v1/chat/completions", body)).await;
    assert_eq!(got.status.as_u16(), 200, "{got:?}");
    let seen = office.provider.only();
    assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
    assert_eq!(office.record().decision, Action::Redact);
    seen
}

#[tokio::test]
async fn mail_and_key_are_redacted_wherever_they_stand_and_nothing_else_changes() {
    let rows = [
        r#"{ "model":"gpt-4o" , "n": 1.00,"messages":[{"role":"user","content":"I am SECRET, ok?"}],"z":1 }"#,
        r#"{"messages":[{"role":"system","content":"Key: SECRET"},{"role":"user","content":"hi"}]}"#,
        r#"{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\"to\":\"SECRET\",\"n\":1.50}"}}]}]}"#,
        r#"{"messages":[{"role":"user","content":[{"type":"text","text":"caf\u00e9 SECRET"}]}],"tools":[]}"#,
    ];
    for (secret, placeholder) in [("anna.meyer@acme-office.de", "[REDACTED_EMAIL]"), (KEY, "[REDACTED_API_KEY]")] {
        for row in rows {
            let seen = received(row.replace("SECRET", secret)).await;
            assert_eq!(String::from_utf8_lossy(&seen.body), row.replace("SECRET", placeholder));
        }
    }
}

#[tokio::test]
async fn the_record_counts_findings_and_holds_no_value() {
    let office = office().await;
    let body = chat(&format!("{KEY} and again {KEY}, anna.meyer@acme-office.de"));
    office.h1().await.send(post(false, "/v1/chat/completions", body.clone())).await;
    let record = office.record();
    let counts: Vec<_> = record.findings.iter().map(|count| (count.kind.as_str(), count.count)).collect();
    assert_eq!(counts, [("api_key", 2), ("email", 1)]);
    assert_eq!(record.findings[0].first_offset, body.find(KEY).unwrap() as u64);
    assert_eq!(record.findings[0].keyed_hash.len(), 16);
    let text = format!("{record:?}");
    assert!(!text.contains(KEY) && !text.contains("anna"), "{text}");
    assert!(record.added_micros > 0);
}

pub(super) fn encoded(coding: &str, plain: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        "deflate" => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(plain).unwrap();
            out
        }
        _ => zstd::encode_all(plain, 3).unwrap(),
    }
}

fn coded(coding: &str, body: Vec<u8>) -> http::Request<super::support::ClientBody> {
    let builder = head(false, Method::POST, "/v1/chat/completions").header("content-type", "application/json");
    builder.header("content-encoding", coding).body(Full::new(body.into()).boxed()).unwrap()
}

#[tokio::test]
async fn an_encoded_body_goes_out_as_it_came_or_edited_and_plain() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let office = office().await;
        let mut client = office.h1().await;
        let clean = encoded(coding, CLEAN.as_bytes());
        client.send(coded(coding, clean.clone())).await;
        client.send(coded(coding, encoded(coding, chat(KEY).as_bytes()))).await;
        let seen = office.provider.seen.lock();
        assert_eq!((&seen[0].body[..], &seen[0].headers["content-encoding"]), (&clean[..], &coding.parse().unwrap()));
        assert_eq!(seen[1].body, chat("[REDACTED_API_KEY]"), "{coding}");
        assert!(!seen[1].headers.contains_key("content-encoding"));
        assert_eq!(office.journal.requests()[0].request_bytes, CLEAN.len() as u64, "decoded bytes");
    }
}

#[tokio::test]
async fn bombs_and_unreadable_codings_are_refused_and_the_connection_lives_on() {
    let office = office().await;
    let mut client = office.h1().await;
    let bomb = vec![b' '; 8 << 20];
    let trailing = [encoded("gzip", CLEAN.as_bytes()), b"{}".to_vec()].concat();
    let rows = [
        ("gzip", encoded("gzip", &bomb), 413, Reason::BodyTooLarge),
        ("zstd", encoded("zstd", &bomb), 413, Reason::BodyTooLarge),
        ("gzip", trailing, 415, Reason::BadEncoding),
        ("gzip", CLEAN.into(), 415, Reason::BadEncoding),
        ("gzip, gzip", encoded("gzip", &encoded("gzip", CLEAN.as_bytes())), 415, Reason::BadEncoding),
        ("compress", CLEAN.into(), 415, Reason::BadEncoding),
    ];
    let wanted: Vec<_> = rows.iter().map(|row| Some(row.3.clone())).collect();
    for (coding, body, status, _) in rows {
        client.send(coded(coding, body)).await.refusal(status);
    }
    client.send(post(false, "/v1/chat/completions", CLEAN)).await;
    let mut reasons: Vec<_> = office.journal.requests().into_iter().map(|record| record.reason).collect();
    assert_eq!(reasons.pop(), Some(None), "the clean one after them");
    assert_eq!(reasons, wanted);
    assert_eq!(office.provider.only().body, CLEAN);
}

#[tokio::test]
async fn a_private_key_is_refused_in_the_providers_shape_and_the_connection_lives_on() {
    for h2 in [false, true] {
        let office = office().await;
        let bad = post(h2, "/v1/chat/completions", chat(PEM));
        let good = post(h2, "/v1/chat/completions", CLEAN);
        let refused = if h2 {
            let mut client = office.h2().await;
            let refused = client.send(bad).await;
            assert_eq!(client.send(good).await.status.as_u16(), 200);
            refused
        } else {
            let mut client = office.h1().await;
            let refused = client.send(bad).await;
            assert_eq!(client.send(good).await.status.as_u16(), 200);
            refused
        };
        assert_eq!(refused.refusal(403), "Nano-Gate: private_key pattern detected");
        let text = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(!text.contains("MIGH"), "no echo");
        assert_eq!(office.provider.only().body, CLEAN, "nothing of the refused request left");
        let record = &office.journal.requests()[0];
        assert_eq!(record.reason, Some(Reason::Finding("private_key".to_owned())));
        assert_eq!((record.decision, record.status), (Action::Deny, Some(403)));
        assert_eq!(record.findings[0].action, Action::Deny);
    }
}

#[tokio::test]
async fn signed_content_is_refused_rather_than_edited() {
    let thinking = format!(
        r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"{KEY}","signature":"c2ln"}}]}}]}}"#
    );
    let frozen = post(false, "/v1/messages", thinking);
    let signed = |body: String| {
        let builder = head(false, Method::POST, "/v1/chat/completions");
        let builder = builder.header("authorization", "AWS4-HMAC-SHA256 Credential=x, Signature=y");
        builder.body(Full::new(body.into()).boxed()).unwrap()
    };
    let length = KEY.len();
    let part = format!("--x\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{KEY}\r\n--x--\r\n");
    let multipart = form("multipart/form-data; boundary=x", part.into());
    let office = office().await;
    let mut client = office.h1().await;
    for request in [frozen, signed(chat(KEY)), multipart] {
        let got = client.send(request).await;
        assert_eq!(got.status.as_u16(), 403, "{got:?}");
        assert!(!String::from_utf8_lossy(&got.body).contains(KEY));
    }
    assert!(office.journal.requests().iter().all(|record| record.reason == Some(Reason::FrozenContent)));
    assert_eq!(client.send(signed(CLEAN.to_owned())).await.status.as_u16(), 200);
    assert_eq!(office.provider.only().body, CLEAN, "a clean signed body passes");
}

fn form(content_type: &str, body: Vec<u8>) -> http::Request<super::support::ClientBody> {
    let builder = head(false, Method::POST, "/v1/files").header("content-type", content_type);
    builder.body(Full::new(body.into()).boxed()).unwrap()
}

#[tokio::test]
async fn each_part_of_a_form_is_redacted_where_it_stands() {
    let parts = concat!(
        "--a b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n",
        "--a b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n",
        "Content-Type: application/jsonl\r\n\r\n{\"messages\":[{\"content\":\"SECRET\"}]}\n{\"n\":1.50}\n\r\n",
        "--a b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"x.png\"\r\n\r\nPIXELS\r\n--a b--\r\n",
    );
    let office = office().await;
    let body = |secret: &str| -> Vec<u8> {
        let (before, after) = parts.split_once("PIXELS").unwrap();
        [before.replace("SECRET", secret).as_bytes(), b"\x89PNG\r\n\x1a\n\0\xFF", after.as_bytes()].concat()
    };
    let got = office.h1().await.send(form("multipart/form-data; boundary=\"a b\"", body(KEY))).await;
    assert_eq!(got.status.as_u16(), 200, "{got:?}");
    let seen = office.provider.only();
    assert_eq!(seen.body, body("[REDACTED_API_KEY]"));
    assert_eq!(seen.headers["content-length"], seen.body.len().to_string());
    assert_eq!(seen.headers["content-type"], "multipart/form-data; boundary=\"a b\"");
    assert_eq!(office.record().decision, Action::Redact);
}

#[tokio::test]
async fn a_file_of_conversations_and_a_stored_prompt_pass() {
    let office = office().await;
    let lines = "{\"messages\":[{\"role\":\"user\"}]}\n{\"messages\":[{\"role\":\"user\"}]}\n";
    let part = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.jsonl\"\r\n\r\n";
    let upload = format!("{part}{lines}\r\n--x--\r\n");
    let stored = r#"{"model":"gpt-5","prompt":{"id":"pmpt_1"},"input":"hi"}"#;
    let rows = [
        form("multipart/form-data; boundary=x", upload.into()),
        form("application/jsonl", lines.into()),
        form("text/markdown", format!("Two snippets:\n{lines}").into()),
        post(false, "/v1/responses", stored),
    ];
    let mut client = office.h1().await;
    for request in rows {
        let got = client.send(request).await;
        assert_eq!(got.status.as_u16(), 200, "{got:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_said_to_be_two_things_is_refused() {
    for h2 in [false, true] {
        let office = office().await;
        let builder = head(h2, Method::POST, "/v1/chat/completions");
        let builder = builder.header("content-type", "application/json").header("content-type", "image/png");
        let request = builder.body(Full::new(CLEAN.into()).boxed()).unwrap();
        let got = if h2 { office.h2().await.send(request).await } else { office.h1().await.send(request).await };
        got.refusal(400);
        assert!(office.provider.seen.lock().is_empty());
    }
}

#[tokio::test]
async fn fields_of_others_are_scanned_and_those_of_sdks_pass() {
    let office = office().await;
    let mut client = office.h1().await;
    let own = [
        ("authorization", format!("Bearer {KEY}")),
        ("x-api-key", KEY.to_owned()),
        ("api-key", KEY.to_owned()),
        ("cookie", format!("session={KEY}")),
        ("openai-organization", "org-Zm9vYmFyYmF6cXV4MTIz".to_owned()),
        ("anthropic-beta", "prompt-caching-2024-07-31".to_owned()),
        ("x-stainless-retry-count", "0".to_owned()),
        ("user-agent", "OpenAI/Python 1.99.0".to_owned()),
        ("x-conversation", "68a1f0c9-d27e-448b-9c55-0d1e2f3a4b5c".to_owned()),
    ];
    let with = |name: &str, value: &str| {
        let builder = head(false, Method::POST, "/v1/chat/completions").header(name, value);
        builder.body(Full::new(CLEAN.into()).boxed()).unwrap()
    };
    for (name, value) in &own {
        assert_eq!(client.send(with(name, value)).await.status.as_u16(), 200, "{name}");
    }
    for (name, value) in [("x-note", format!("use {KEY}")), ("x-user", "anna.meyer@acme-office.de".to_owned())] {
        let got = client.send(with(name, &value)).await;
        assert_eq!(got.status.as_u16(), 403, "{name}");
        assert!(!String::from_utf8_lossy(&got.body).contains(&value));
    }
    let records = office.journal.requests();
    assert_eq!(records.last().unwrap().reason, Some(Reason::Finding("email".to_owned())));
    assert_eq!(office.provider.seen.lock().len(), own.len(), "what is refused does not leave");
}

#[tokio::test]
async fn path_and_query_are_scanned_but_the_providers_own_key_passes() {
    let office = office().await;
    let mut client = office.h1().await;
    let rows = [
        (format!("/v1/models?key={KEY}"), 200),
        (format!("/v1/models?note={KEY}"), 403),
        (format!("/v1/users/{KEY}"), 403),
        ("/v1/users?q=anna.meyer%40acme-office.de".to_owned(), 403),
    ];
    for (path, status) in &rows {
        let got = client.send(super::support::get(false, path)).await;
        assert_eq!(got.status.as_u16(), *status, "{path}");
    }
    let own = Method::from_bytes(b"OUR-MERGER").unwrap();
    let prose = head(false, own, "/v1/our%20merger%20with%20acme").body(Full::new(CLEAN.into()).boxed()).unwrap();
    assert_eq!(client.send(prose).await.status.as_u16(), 200);
    let records = office.journal.requests();
    assert_eq!(records.last().unwrap().target, "* /v1/*");
    for record in records {
        assert!(!record.target.contains("sk-proj"), "{}", record.target);
    }
}

#[tokio::test]
async fn a_large_body_is_judged_whole() {
    let office = office().await;
    let filler = "All work and no play makes Jack a dull boy. ".repeat(20_000);
    let body = chat(&format!("{filler} {KEY} {filler}"));
    assert_eq!(office.h2().await.send(post(true, "/v1/chat/completions", body.clone())).await.status.as_u16(), 200);
    assert_eq!(office.provider.only().body, body.replace(KEY, "[REDACTED_API_KEY]"));
}

#[tokio::test]
async fn a_body_over_its_cap_is_refused_before_it_is_read() {
    let config = || Config { body_cap_bytes: 64 * 1024, ..Config::default() };
    let provider = || Provider::http(&["http/1.1", "h2"], |_| reply("{}"));
    // Announced: the answer comes although the client is still sending.
    let office = Office::with(provider().await, config(), super::support::TestJudge::default());
    let mut connected = office.connect(&["http/1.1"]).await;
    let start = format!("POST /v1/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000000\r\n\r\n");
    connected.tls.write_all(start.as_bytes()).await.unwrap();
    connected.tls.write_all(&vec![b'a'; 300_000]).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut connected.tls, &mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
    assert!(answer.ends_with(b"}"), "whole");
    // Not announced.
    for h2 in [false, true] {
        let office = Office::with(provider().await, config(), super::support::TestJudge::default());
        let (sender, body) = super::support::stream();
        for _ in 0..20 {
            sender.send(hyper::body::Frame::data(vec![b'a'; 8 * 1024].into())).unwrap();
        }
        drop(sender);
        let request = head(h2, Method::POST, "/v1/x").body(body).unwrap();
        let got = if h2 { office.h2().await.send(request).await } else { office.h1().await.send(request).await };
        got.refusal(413);
        assert_eq!(office.record().reason, Some(Reason::BodyTooLarge));
        assert!(office.record().request_bytes > 64 * 1024, "as much as came: {:?}", office.record());
        assert!(office.provider.seen.lock().is_empty());
    }
}
