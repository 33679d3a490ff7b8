//! WebSockets through the inspect path.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gate_core::{Action, FileKind, Reason};
use http::{HeaderValue, Request};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::super::socket::frame::Opcode;
use super::support::{BoxFuture, ClientBody, HOST, Office, Peer, Provider, TestJudge, get, reply};
use crate::config::Config;
use crate::session::Closed;

type ServerTls = tokio_rustls::server::TlsStream<TcpStream>;
type ClientEnd = Peer<tokio_rustls::client::TlsStream<TcpStream>>;
type ServerEnd = Peer<ServerTls>;

const KEY: &str = "sk-proj-hXJklg2TcF6qjcANF3Pf0";

/// An office with an open socket, and both of its ends.
struct Line {
    office: Office,
    client: ClientEnd,
    server: ServerEnd,
    /// What the server was asked.
    asked: String,
    serving: JoinHandle<Closed>,
}

async fn line() -> Line {
    line_with(Config::default(), TestJudge::default()).await
}

async fn line_with(config: Config, judge: TestJudge) -> Line {
    let (tell, mut told) = mpsc::unbounded_channel();
    let serve = move |tls| -> BoxFuture {
        let tell = tell.clone();
        Box::pin(async move { drop(tell.send(Peer::server(tls).await)) })
    };
    let provider = Provider::raw(HOST, &["http/1.1"], serve).await;
    let office = Office::with(provider, config, judge);
    let connected = office.connect(&["http/1.1"]).await;
    let client = Peer::client(connected.tls, HOST).await;
    let (server, asked) = told.recv().await.unwrap();
    Line { office, client, server, asked, serving: connected.serving }
}

#[tokio::test]
async fn clean_messages_pass_in_both_directions_and_end_in_one_record() {
    let mut line = line().await;
    let asked = line.asked.to_ascii_lowercase();
    assert!(asked.starts_with("get /v1/realtime?model=gpt-realtime http/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("upgrade: websocket\r\n") && asked.contains("sec-websocket-protocol: realtime\r\n"),
        "{asked}"
    );
    assert!(!asked.contains("extensions") && !asked.contains("keep-alive"), "{asked}");
    for number in 0..3 {
        line.client.text(&format!("{{\"type\":\"response.create\",\"n\":{number}}}")).await;
        assert_eq!(line.server.next_text().await, format!("{{\"type\":\"response.create\",\"n\":{number}}}"));
        line.server.send(Opcode::Text, false, "{\"a\":").await;
        line.server.send(Opcode::Continuation, true, "1}").await;
        assert_eq!(line.client.next_text().await, "{\"a\":", "frames of the server pass as they are");
        assert_eq!(line.client.next().await.unwrap(), (Opcode::Continuation, b"1}".to_vec()));
    }
    line.client.send(Opcode::Close, true, b"\x03\xe8bye").await;
    assert_eq!(line.server.next().await.unwrap(), (Opcode::Close, b"\x03\xe8".to_vec()), "reasons stay here");
    line.server.send(Opcode::Close, true, b"\x03\xe8").await;
    assert_eq!(line.client.goodbye().await, (1000, String::new()));
    assert_eq!(line.serving.await.unwrap().reason, None);
    let record = line.office.record();
    assert_eq!((record.status, record.reason, record.decision), (Some(101), None, Action::Allow));
    assert_eq!((record.target.as_str(), record.request_bytes, record.response_bytes), ("GET /v1/realtime", 96, 21));
}

#[tokio::test]
async fn what_is_found_is_redacted_wherever_it_is_cut() {
    let text = format!("{{\"type\":\"input\",\"text\":\"the key is {KEY}, use it\"}}");
    for cut in [1, 40, text.find("hXJ").unwrap(), text.len() - 1] {
        let mut line = line().await;
        line.client.send(Opcode::Text, false, &text[..cut]).await;
        line.client.send(Opcode::Ping, true, "beat").await;
        line.client.send(Opcode::Continuation, false, "").await;
        line.client.send(Opcode::Continuation, true, &text[cut..]).await;
        assert_eq!(line.client.next().await.unwrap(), (Opcode::Pong, b"beat".to_vec()));
        assert_eq!(line.server.next().await.unwrap(), (Opcode::Ping, Vec::new()), "without what it carried");
        let got = line.server.next_text().await;
        assert!(!got.contains("hXJk") && got.starts_with("{\"type\":\"input\",\"text\":\"the key is "), "{got}");
        let record = line.office.record();
        assert_eq!((record.decision, record.findings[0].kind.as_str()), (Action::Redact, "api_key"), "told at once");
    }
}

#[tokio::test]
async fn what_is_denied_ends_the_socket_with_a_reason_and_none_of_it_leaves() {
    let secret = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49\\n-----END PRIVATE KEY-----";
    let mut line = line().await;
    line.client.text("{\"ok\":1}").await;
    assert_eq!(line.server.next_text().await, "{\"ok\":1}");
    line.client.text(&format!("{{\"text\":\"{secret}\"}}")).await;
    let (code, reason) = line.client.goodbye().await;
    assert_eq!(code, 1008);
    assert!(reason.starts_with("Nano-Gate: ") && reason.contains("private_key"), "{reason}");
    assert_eq!(line.server.goodbye().await.0, 1001);
    assert_eq!(line.serving.await.unwrap().reason, Some(Reason::Finding("private_key".to_owned())));
    let records = line.office.journal.requests();
    assert_eq!(records.iter().map(|record| record.decision).collect::<Vec<_>>(), [Action::Deny, Action::Allow]);
    assert_eq!(records[0].reason, Some(Reason::Finding("private_key".to_owned())));
}

#[tokio::test]
async fn voice_is_sound_and_files_that_are_only_told_of_are_told_of_once() {
    let samples = "ERER".repeat(40);
    let voice = format!(r#"{{"type":"input_audio_buffer.append","audio":"{samples}"}}"#);
    let image = format!(r#"{{"content":[{{"image_url":"data:;base64,{samples}"}}]}}"#);
    let keyed = format!(r#"{{"content":[{{"image_url":"data:;base64,{samples}","text":"{KEY}"}}]}}"#);
    let judge = TestJudge { unknown: Some(Action::Alert), ..TestJudge::default() };
    let mut line = line_with(Config::default(), judge).await;
    for message in std::iter::repeat_n(&voice, 20).chain(std::iter::repeat_n(&image, 20)) {
        line.client.text(message).await;
        assert_eq!(line.server.next_text().await, *message);
    }
    line.client.text(&keyed).await;
    assert!(!line.server.next_text().await.contains("hXJk"));
    line.client.send(Opcode::Close, true, b"\x03\xe8").await;
    assert_eq!(line.server.next().await.unwrap().0, Opcode::Close);
    line.server.send(Opcode::Close, true, b"\x03\xe8").await;
    assert_eq!(line.client.goodbye().await.0, 1000);
    assert_eq!(line.serving.await.unwrap().reason, None);
    let records = line.office.journal.requests();
    let decisions: Vec<Action> = records.iter().map(|record| record.decision).collect();
    assert_eq!(decisions, [Action::Alert, Action::Redact, Action::Allow], "found beside a file, it is told of");
    assert_eq!(records[0].reason, Some(Reason::Policy("uploads".to_owned())));
    let all = &records[2];
    let kinds = |kind| all.attachments.iter().filter(|file| file.kind == kind).count();
    assert_eq!((kinds(FileKind::Audio), kinds(FileKind::Unknown), all.more_attachments), (20, 12, 9));
}

#[tokio::test]
async fn voice_passes_where_what_is_unknown_is_denied() {
    let samples = "ERER".repeat(40);
    let judge = TestJudge { unknown: Some(Action::Deny), ..TestJudge::default() };
    let mut line = line_with(Config::default(), judge).await;
    let voice = format!(r#"{{"type":"input_audio_buffer.append","audio":"{samples}"}}"#);
    line.client.text(&voice).await;
    assert_eq!(line.server.next_text().await, voice);
    line.client.text(&format!(r#"{{"content":[{{"image_url":"{samples}"}}]}}"#)).await;
    assert_eq!(line.client.goodbye().await.0, 1008);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused() {
    let unmasked: &[u8] = b"\x81\x02{}";
    let bent: [(&str, Vec<u8>, u16); 8] = [
        ("unmasked", unmasked.to_vec(), 1002),
        ("a reserved bit", b"\xc1\x80\0\0\0\0".to_vec(), 1002),
        ("an unknown opcode", b"\x83\x80\0\0\0\0".to_vec(), 1002),
        ("a long ping", b"\x89\xfe\x00\x7e\0\0\0\0".to_vec(), 1002),
        ("nothing to go on", b"\x80\x80\0\0\0\0".to_vec(), 1002),
        ("a message within another", b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0".to_vec(), 1002),
        ("binary", b"\x82\x81\0\0\0\0x".to_vec(), 1008),
        ("no UTF-8", b"\x81\x82\0\0\0\0\xff\xfe".to_vec(), 1007),
    ];
    for (what, bytes, code) in bent {
        let mut line = line().await;
        line.client.raw(&bytes).await;
        assert_eq!(line.client.goodbye().await.0, code, "{what}");
        let closed = line.serving.await.unwrap();
        assert!(matches!(closed.reason, Some(Reason::BadRequest | Reason::BadEncoding)), "{what}: {closed:?}");
        assert_eq!(line.server.goodbye().await.0, 1001, "{what}: nothing else reaches the server");
    }
}

#[tokio::test]
async fn long_messages_end_at_their_cap_and_short_ones_pass_at_any_length() {
    let mut line = line_with(Config { body_cap_bytes: 100_000, ..Config::default() }, TestJudge::default()).await;
    for length in [0, 125, 126, 65_535, 65_536, 99_990] {
        let text = "a".repeat(length);
        line.client.text(&text).await;
        assert_eq!(line.server.next_text().await.len(), length);
    }
    line.client.send(Opcode::Text, false, "a".repeat(60_000)).await;
    line.client.send(Opcode::Continuation, true, "a".repeat(60_000)).await;
    assert_eq!(line.client.goodbye().await.0, 1009);
    assert_eq!(line.serving.await.unwrap().reason, Some(Reason::BodyTooLarge));
}

#[tokio::test]
async fn a_panic_while_a_message_is_judged_ends_the_socket() {
    let mut line = line().await;
    line.office.judge.panics.store(true, Ordering::SeqCst);
    line.client.text("{}").await;
    assert_eq!(line.client.goodbye().await.0, 1011);
    assert_eq!(line.server.goodbye().await.0, 1001);
    assert_eq!(line.serving.await.unwrap().reason, Some(Reason::Internal));
}

#[tokio::test]
async fn a_message_that_trickles_is_given_up_although_it_never_stops() {
    let Line { office, mut client, server, mut serving, .. } = line().await;
    client.send(Opcode::Text, false, "a").await;
    // Small steps: where nothing else is to be done the clock jumps to the next of them.
    tokio::time::pause();
    for _ in 0..900 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if serving.is_finished() {
            let closed = (&mut serving).await.unwrap();
            assert_eq!(closed.reason, Some(Reason::ClientReset));
            drop((office, server));
            return;
        }
        client.send(Opcode::Continuation, false, "a").await;
    }
    panic!("after a minute and a half it still holds its budget");
}

#[tokio::test]
async fn only_what_the_server_asked_for_goes_back_in_a_pong() {
    let mut line = line().await;
    line.client.send(Opcode::Pong, true, "smuggled").await;
    line.server.send(Opcode::Ping, true, "asked").await;
    assert_eq!(line.client.next().await.unwrap(), (Opcode::Ping, b"asked".to_vec()));
    line.client.send(Opcode::Pong, true, "asked").await;
    assert_eq!(line.server.next().await.unwrap(), (Opcode::Pong, b"asked".to_vec()));
    line.client.send(Opcode::Pong, true, "asked").await;
    line.client.text("{}").await;
    assert_eq!(line.server.next_text().await, "{}", "once");
}

#[tokio::test]
async fn a_policy_that_changes_and_a_journal_that_fails_end_an_open_socket() {
    let mut line = line().await;
    line.office.judge.frozen.store(true, Ordering::SeqCst);
    line.client.text("{}").await;
    assert_eq!(line.client.goodbye().await.0, 1008);
    assert_eq!(line.serving.await.unwrap().reason, Some(Reason::Policy("freeze".to_owned())));

    let mut line = self::line().await;
    line.office.journal.broken.store(true, Ordering::SeqCst);
    line.client.text(&format!("{{\"text\":\"{KEY}\"}}")).await;
    assert_eq!(line.client.goodbye().await.0, 1011);
    assert_eq!(line.server.goodbye().await.0, 1001, "what could not be recorded has not left");
}

#[tokio::test]
async fn a_server_that_goes_while_the_client_speaks_still_says_good_bye() {
    for _ in 0..8 {
        let Line { mut client, mut server, .. } = line().await;
        server.send(Opcode::Close, true, b"\x03\xe8bye").await;
        drop(server);
        client.text("{}").await;
        assert_eq!(client.goodbye().await, (1000, "bye".to_owned()));
    }
}

#[tokio::test]
async fn a_side_that_breaks_off_ends_the_other() {
    let Line { office, mut client, server, serving, .. } = line().await;
    drop(server);
    assert_eq!(client.goodbye().await.0, 1001);
    assert_eq!(serving.await.unwrap().reason, Some(Reason::UpstreamReset));
    assert_eq!(office.record().reason, Some(Reason::UpstreamReset));

    let Line { office, client, mut server, serving, .. } = line().await;
    drop(client);
    assert_eq!(server.goodbye().await.0, 1001);
    assert_eq!(serving.await.unwrap().reason, Some(Reason::ClientReset));
    assert_eq!(office.record().reason, Some(Reason::ClientReset));
}

/// A request for a WebSocket.
fn wish(target: &str) -> Request<ClientBody> {
    let fields = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];
    let mut request = get(false, target);
    for (name, value) in fields {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    request
}

#[tokio::test]
async fn a_server_that_agrees_to_more_than_was_asked_is_not_believed_and_one_that_declines_is_heard() {
    let answers = [
        (
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
            502,
        ),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502),
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403),
    ];
    for (answer, status) in answers {
        let serve = move |mut tls: ServerTls| -> BoxFuture {
            Box::pin(async move {
                let mut head = vec![0; 4096];
                let _ = tls.read(&mut head).await.unwrap();
                tls.write_all(answer.as_bytes()).await.unwrap();
                let _ = tls.read(&mut head).await;
            })
        };
        let office = Office::new(Provider::raw(HOST, &["http/1.1"], serve).await);
        let mut client = office.h1().await;
        let got = client.send(wish("/v1/realtime")).await;
        assert_eq!(got.status.as_u16(), status, "{answer}");
    }
}

#[tokio::test]
async fn a_secret_in_the_target_is_refused_before_the_server_hears_of_it() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let mut client = office.h1().await;
    client.send(wish(&format!("/v1/realtime?note={KEY}"))).await.refusal(403);
    assert!(office.provider.seen.lock().is_empty());
}
