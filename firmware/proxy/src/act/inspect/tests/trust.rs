//! Who is believed: the provider by its certificate, we by ours.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gate_core::{HostName, Mode, Reason};
use rustls_pki_types::ServerName;
use tokio::io::AsyncReadExt;
use tokio_rustls::TlsConnector;

use super::super::leaf::{Alpn, Leaves};
use super::support::{Ca, HOST, Office, Provider, TestMint, get, reply};
use crate::decide::Pass;
use crate::ports::Mint;

#[tokio::test]
async fn a_revoked_token_asks_nothing_more_on_what_it_opened() {
    let pass = |hash| Pass { name: "ci-1".into(), hash: [hash; 32] };
    for h2 in [true, false] {
        let mut office = Office::new(Provider::http(&["h2", "http/1.1"], |_| reply("{}")).await);
        office.pass = Some(pass(1));
        office.tokens(&[pass(1), pass(2)]);
        let statuses = if h2 {
            let mut client = office.h2().await;
            let before = client.send(get(true, "/")).await.status;
            // Another token of the same name is not the one that was shown.
            office.tokens(&[pass(2)]);
            client.send(get(true, "/")).await.refusal(403);
            before
        } else {
            let mut client = office.h1().await;
            let before = client.send(get(false, "/")).await.status;
            office.tokens(&[pass(2)]);
            client.send(get(false, "/")).await.refusal(403);
            before
        };
        assert_eq!(statuses.as_u16(), 200);
        office.provider.only();
        let requests = office.journal.requests();
        assert_eq!(requests[1].reason, Some(Reason::Unauthenticated), "{requests:?}");
    }
}

#[tokio::test]
async fn a_provider_with_a_wrong_certificate_fails_the_clients_handshake() {
    let wrong_name = Provider::raw("evil.example", &["h2"], |_| Box::pin(async {})).await;
    let mut wrong_ca = Provider::raw(HOST, &["h2"], |_| Box::pin(async {})).await;
    wrong_ca.ca = Ca::new("another");
    let mut not_yet = Ca::new("provider");
    not_yet.since = 4000;
    let not_yet = Provider::raw_with(not_yet, HOST, &["h2"], |_| Box::pin(async {})).await;
    for provider in [wrong_name, wrong_ca, not_yet] {
        let office = Office::new(provider);
        let (near, serving) = office.serve(&["h2"]).await;
        let connector = TlsConnector::from(Arc::new(office.mint.ca.client(&["h2"])));
        let error = connector.connect(ServerName::try_from(HOST).unwrap(), near).await.unwrap_err();
        assert!(error.to_string().contains("BadCertificate"), "{error}");
        let closed = serving.await.unwrap();
        assert_eq!((closed.mode, closed.reason), (Mode::Refused, Some(Reason::UpstreamCertificate)));
        assert_eq!(office.mint.mints.load(Ordering::SeqCst), 0, "the client was shown nothing");
    }
}

#[tokio::test]
async fn a_provider_that_speaks_no_tls_fails_the_clients_handshake() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut provider = Provider::raw(HOST, &[], |_| Box::pin(async {})).await;
    provider.addr = listener.local_addr().unwrap();
    let office = Office::new(provider);
    let (near, serving) = office.serve(&[]).await;
    let (mut tcp, _) = listener.accept().await.unwrap();
    tokio::spawn(async move {
        let _ = tokio::io::AsyncWriteExt::write_all(&mut tcp, b"SSH-2.0-OpenSSH_9.2\r\n").await;
        let _ = tcp.read(&mut [0; 1024]).await;
    });
    let connector = TlsConnector::from(Arc::new(office.mint.ca.client(&[])));
    assert!(connector.connect(ServerName::try_from(HOST).unwrap(), near).await.is_err());
    assert_eq!(serving.await.unwrap().reason, Some(Reason::UpstreamHandshake));
}

#[tokio::test]
async fn without_a_certificate_to_show_nothing_begins() {
    let office = Office::new(Provider::http(&["h2"], |_| reply("{}")).await);
    office.mint.locked.store(true, Ordering::SeqCst);
    let (near, serving) = office.serve(&["h2"]).await;
    let connector = TlsConnector::from(Arc::new(office.mint.ca.client(&["h2"])));
    assert!(connector.connect(ServerName::try_from(HOST).unwrap(), near).await.is_err());
    let closed = serving.await.unwrap();
    assert_eq!((closed.mode, closed.reason), (Mode::Refused, Some(Reason::Internal)));
    // It is asked again for the next one.
    office.mint.locked.store(false, Ordering::SeqCst);
    assert_eq!(office.h2().await.send(get(true, "/")).await.status.as_u16(), 200);
}

#[tokio::test]
async fn the_client_gets_the_providers_protocol_and_no_other() {
    let rows: [(&[&str], &[&str], Option<&str>); 6] = [
        (&["h2", "http/1.1"], &["h2", "http/1.1"], Some("h2")),
        (&["h2", "http/1.1"], &["http/1.1"], Some("http/1.1")),
        (&["h2", "http/1.1"], &[], None),
        (&["http/1.1"], &["h2", "http/1.1"], Some("http/1.1")),
        (&[], &["h2", "http/1.1"], None),
        (&["http/1.0"], &["http/1.1"], None),
    ];
    for (client, provider, want) in rows {
        let office = Office::new(Provider::http(provider, |_| reply("{}")).await);
        let connected = office.connect(client).await;
        let agreed = connected.tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed.as_deref(), want.map(str::as_bytes), "{client:?} to {provider:?}");
        if want != Some("h2") {
            let mut h1 = super::support::H1::new(connected).await;
            assert_eq!(h1.send(get(false, "/")).await.status.as_u16(), 200, "{client:?} to {provider:?}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_is_recorded_as_such() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let (near, serving) = office.serve(&["http/1.1"]).await;
    let connector = TlsConnector::from(Arc::new(Ca::new("somebody").client(&["http/1.1"])));
    assert!(connector.connect(ServerName::try_from(HOST).unwrap(), near).await.is_err());
    let closed = serving.await.unwrap();
    assert_eq!((closed.mode, closed.reason), (Mode::Inspected, Some(Reason::ClientHandshake)));
}

fn mint() -> (Arc<TestMint>, Arc<dyn Mint>) {
    let mint = Arc::new(TestMint { ca: Ca::new("office"), mints: 0.into(), locked: false.into() });
    (Arc::clone(&mint), mint)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_first_hits_at_once_mint_one_leaf() {
    let (count, mint) = mint();
    let leaves = Arc::new(Leaves::new(8));
    let asking: Vec<_> = (0..50)
        .map(|n| {
            let (leaves, mint) = (Arc::clone(&leaves), Arc::clone(&mint));
            let alpn = if n % 2 == 0 { Alpn::Http2 } else { Alpn::Http1 };
            let host = HostName::parse(HOST.as_bytes()).unwrap();
            tokio::spawn(async move { leaves.config(&mint, &host, alpn, gate_core::UnixMicros(1)).await.is_ok() })
        })
        .collect();
    for asked in asking {
        assert!(asked.await.unwrap());
    }
    assert_eq!(count.mints.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_leaf_is_minted_anew_after_a_day_and_when_the_clock_jumps_back() {
    const DAY: u64 = 24 * 3600 * 1_000_000;
    let (count, mint) = mint();
    let leaves = Leaves::new(8);
    let host = HostName::parse(HOST.as_bytes()).unwrap();
    for (now, mints) in [(DAY, 1), (2 * DAY - 1, 1), (2 * DAY, 2), (0, 3)] {
        leaves.config(&mint, &host, Alpn::Http1, gate_core::UnixMicros(now)).await.unwrap();
        assert_eq!(count.mints.load(Ordering::SeqCst), mints, "at {now}");
    }
}

#[tokio::test]
async fn no_more_leaves_are_kept_than_told() {
    let (count, mint) = mint();
    let leaves = Leaves::new(2);
    for name in ["a.example", "b.example", "c.example", "c.example", "a.example"] {
        let host = HostName::parse(name.as_bytes()).unwrap();
        leaves.config(&mint, &host, Alpn::Absent, gate_core::UnixMicros(1)).await.unwrap();
    }
    assert_eq!(count.mints.load(Ordering::SeqCst), 4, "the one used longest ago gave way");
}

#[tokio::test]
async fn a_second_connection_resumes_the_first() {
    let office = Office::new(Provider::http(&["http/1.1"], |_| reply("{}")).await);
    let connector = TlsConnector::from(Arc::new(office.mint.ca.client(&["http/1.1"])));
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let (near, serving) = office.serve(&["http/1.1"]).await;
        let tls = connector.connect(ServerName::try_from(HOST).unwrap(), near).await.unwrap();
        let connected = super::support::Connected { tls, serving };
        let (resumed, mut client) = {
            let kind = connected.tls.get_ref().1.handshake_kind();
            (kind, super::support::H1::new(connected).await)
        };
        client.send(get(false, "/")).await;
        kinds.push(resumed);
    }
    assert_eq!(kinds, [Some(rustls::HandshakeKind::Full), Some(rustls::HandshakeKind::Resumed)]);
}
