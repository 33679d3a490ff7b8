//! Clients that do not take our certificate.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gate_core::{Event, FallbackCause, FallbackChange, Reason};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

use super::super::distrust;
use super::support::{Ca, H1, HOST, Office, Provider, get, reply};
use crate::meter::Meter;

async fn office() -> Office {
    Office::new(Provider::http(&["http/1.1", "h2"], |_| reply("{}")).await)
}

/// A client that knows another authority sends an alert.
async fn refuse(office: &Office) {
    let (near, serving) = office.serve(&["http/1.1"]).await;
    let connector = TlsConnector::from(Arc::new(Ca::new("somebody").client(&["http/1.1"])));
    assert!(connector.connect(ServerName::try_from(HOST).unwrap(), near).await.is_err());
    assert_eq!(serving.await.unwrap().reason, Some(Reason::ClientHandshake));
}

/// One that looks at the certificate after the handshake, and goes.
async fn look_and_go(office: &Office, alpn: &str) {
    let mut connected = office.connect(&[alpn]).await;
    connected.tls.shutdown().await.unwrap();
    let _ = connected.tls.read(&mut [0; 64]).await;
    drop(connected.tls);
    connected.serving.await.unwrap();
}

/// One that hangs up in the middle of the handshake, after so many bytes of the answer at least.
async fn hang_up(office: &Office, after: usize) {
    let (mut near, serving) = office.serve(&["http/1.1"]).await;
    let config = Arc::new(office.mint.ca.client(&["http/1.1"]));
    let mut client = rustls::ClientConnection::new(config, ServerName::try_from(HOST).unwrap()).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    near.write_all(&hello).await.unwrap();
    let mut answer = vec![0; after];
    near.read_exact(&mut answer).await.unwrap();
    drop(near);
    assert_eq!(serving.await.unwrap().reason, Some(Reason::ClientHandshake));
}

#[tokio::test]
async fn two_alerts_let_the_client_be_watched_and_say_so_in_the_journal() {
    let office = office().await;
    refuse(&office).await;
    assert!(office.fallbacks().is_empty());
    refuse(&office).await;
    let fallback = office.fallbacks().remove(0);
    assert_eq!((fallback.host.as_str(), fallback.cause), (HOST, FallbackCause::Alert(48)));
    let events = office.journal.events.lock().clone();
    let began = events.iter().find_map(|event| match event {
        Event::Fallback(event) => Some(event.change.clone()),
        _ => None,
    });
    assert_eq!(began, Some(FallbackChange::Began { cause: FallbackCause::Alert(48), until: fallback.until }));
}

#[tokio::test]
async fn hanging_up_counts_only_once_the_certificate_was_seen() {
    let office = office().await;
    hang_up(&office, 600).await;
    hang_up(&office, 600).await;
    assert_eq!(office.fallbacks()[0].cause, FallbackCause::Closed);
    let meter = Meter::new(tokio::time::Instant::now());
    let gone = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    meter.add_down(150);
    assert_eq!(distrust::cause(&gone(), &meter), None, "a short answer holds no certificate");
    meter.add_down(900);
    assert_eq!(distrust::cause(&gone(), &meter), Some(FallbackCause::Closed));
    assert_eq!(distrust::cause(&std::io::ErrorKind::TimedOut.into(), &meter), None, "silence is no refusal");
}

#[tokio::test]
async fn looking_at_the_certificate_and_going_counts_in_both_protocols() {
    for alpn in ["http/1.1", "h2"] {
        let office = office().await;
        look_and_go(&office, alpn).await;
        assert!(office.fallbacks().is_empty());
        look_and_go(&office, alpn).await;
        assert_eq!(office.fallbacks().len(), 1, "{alpn}");
    }
}

#[tokio::test]
async fn a_client_that_sent_a_request_may_open_connections_for_nothing() {
    let office = office().await;
    let mut client = H1::new(office.connect(&["http/1.1"]).await).await;
    assert_eq!(client.send(get(false, "/v1/models")).await.status.as_u16(), 200);
    for _ in 0..4 {
        look_and_go(&office, "http/1.1").await;
    }
    assert!(office.fallbacks().is_empty());
    refuse(&office).await;
    refuse(&office).await;
    assert_eq!(office.fallbacks().len(), 1, "an alert is meant");
}

#[tokio::test]
async fn the_strict_and_those_without_a_journal_stay_refused() {
    let office = office().await;
    office.judge.strict.store(true, Ordering::SeqCst);
    for _ in 0..4 {
        refuse(&office).await;
    }
    assert!(office.fallbacks().is_empty());
    office.judge.strict.store(false, Ordering::SeqCst);
    refuse(&office).await;
    assert!(office.fallbacks().is_empty(), "what was refused under a strict policy did not count");
    office.journal.broken.store(true, Ordering::SeqCst);
    refuse(&office).await;
    assert!(office.fallbacks().is_empty(), "nothing stands that is not recorded");
}
