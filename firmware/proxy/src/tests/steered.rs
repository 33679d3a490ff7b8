use std::time::Duration;

use gate_core::{Mode, Reason, Verdict};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::*;

const API: &str = "api.openai.com";

#[tokio::test]
async fn a_watched_connection_is_relayed_untouched_and_recorded() {
    let (provider, port) = server().await;
    let office = office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = port).open().await;
    let mut client = office.knock().await;
    let hello = hello_for(API);
    client.write_all(&hello).await.unwrap();
    let mut far = next(&provider).await;
    assert_eq!(read_some(&mut far, hello.len()).await, hello);
    far.write_all(b"server hello").await.unwrap();
    assert_eq!(read_some(&mut client, 12).await, b"server hello");
    client.write_all(b"bye").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut far).await, b"bye");
    drop(far);
    assert_eq!(read_all(&mut client).await, b"");

    let record = office.record().await;
    assert_eq!((record.mode, record.reason), (Mode::Watched, None));
    assert_eq!((record.host.as_deref(), record.vendor.as_deref()), (Some(API), Some("openai")));
    assert_eq!((record.bytes_up, record.bytes_down), (hello.len() as u64 + 3, 12));
    assert_eq!(record.client, client.local_addr().unwrap());
    assert_eq!(record.dst, OWN.parse().ok());
    assert!(record.connect_micros.unwrap() <= record.duration_micros);
    let counters = office.proxy.counters();
    assert_eq!((counters.open, counters.watched, counters.bytes_down), (0, 1, 12));
}

/// Says `bytes` to the proxy; what comes back until the close, and the one record.
async fn refused(office: Office, bytes: &[u8]) -> (Vec<u8>, gate_core::ConnectionEvent) {
    let office = office.open().await;
    let mut client = office.knock().await;
    client.write_all(bytes).await.unwrap();
    let answer = read_all(&mut client).await;
    drop(client);
    (answer, office.record().await)
}

#[tokio::test]
async fn what_cannot_be_understood_or_is_not_allowed_is_refused_with_an_alert() {
    let policy = || Reason::Policy("night".to_owned());
    let no = move |_: &gate_core::ConnectionFacts<'_>| Verdict::Refuse(policy());
    let empty_records = [22, 3, 1, 0, 0];
    let oversized = [22, 3, 1, 0x40, 0, 1, 1, 0, 0];
    let nowhere = hello_for("www.example.org");
    let rows: Vec<(Office, &[u8], Vec<u8>, Reason)> = vec![
        (office(), b"GET / HTTP/1.1\r\n\r\n", vec![], Reason::NotTls),
        (office(), &empty_records, alert(50), Reason::BadHello),
        (office(), &oversized, alert(50), Reason::HelloTooLarge),
        (office(), &[22, 3, 1, 0, 9, 1], vec![], Reason::HelloTimeout),
        (office(), include_bytes!("../../testdata/openssl_no_sni.bin"), alert(112), Reason::NoSni),
        (office().dst(ELSEWHERE), include_bytes!("../../testdata/curl_ip.bin"), alert(112), Reason::NoSni),
        (office(), &nowhere, alert(112), Reason::NotInCatalogue),
        (office().judge(no), include_bytes!("../../testdata/curl.bin"), alert(49), Reason::Policy("night".into())),
        (office(), include_bytes!("../../testdata/curl.bin"), alert(80), Reason::Unresolvable),
        (
            office().name(API, &["10.0.0.1", "::ffff:127.0.0.1"]),
            include_bytes!("../../testdata/curl.bin"),
            alert(49),
            Reason::SsrfGuard,
        ),
        (
            office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = 1),
            include_bytes!("../../testdata/curl.bin"),
            alert(80),
            Reason::UpstreamUnreachable,
        ),
    ];
    for (office, bytes, answer, reason) in rows {
        let (got, record) = refused(office, bytes).await;
        assert_eq!((record.mode, record.reason.as_ref()), (Mode::Refused, Some(&reason)));
        assert_eq!(got, answer, "{reason:?}");
        assert_eq!((record.bytes_up, record.bytes_down), (bytes.len() as u64, answer.len() as u64), "{reason:?}");
        assert_eq!(record.connect_micros, None);
    }
}

#[tokio::test]
async fn a_refusal_is_heard_by_a_client_that_keeps_sending() {
    let office = office().open().await;
    let mut client = office.knock().await;
    client.write_all(&hello_for("www.example.org")).await.unwrap();
    client.write_all(&[0; 9000]).await.unwrap();
    assert_eq!(read_all(&mut client).await, alert(112));
}

#[tokio::test]
async fn a_hello_in_single_bytes_and_records_is_understood() {
    let (provider, port) = server().await;
    let office = office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = port).open().await;
    let hello = hello_for(API);
    let size = (hello.len() - 5).div_ceil(60);
    let records: Vec<u8> = hello[5..]
        .chunks(size)
        .flat_map(|part| [&[22, 3, 1, 0, u8::try_from(part.len()).unwrap()][..], part].concat())
        .collect();
    let mut client = office.knock().await;
    client.set_nodelay(true).unwrap();
    for byte in &records {
        client.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(read_some(&mut next(&provider).await, records.len()).await, records);
}

#[tokio::test]
async fn in_gateway_mode_names_that_are_not_ai_pass_to_where_they_resolve() {
    let (other, port) = server().await;
    let office = office()
        .dst(ELSEWHERE)
        .name("www.example.org", &["127.0.0.1"])
        .judge(|_| Verdict::Terminate)
        .config(|config| config.upstream_port = port)
        .open()
        .await;
    let mut client = office.knock().await;
    client.write_all(&hello_for("www.example.org")).await.unwrap();
    drop(next(&other).await);
    drop(client);
    let record = office.record().await;
    assert_eq!((record.mode, record.vendor), (Mode::Passed, None));
    assert_eq!(office.proxy.counters().passed, 1);
}

/// The hello with an Encrypted Client Hello: whether a real one or noise, nobody can see.
fn with_ech(mut hello: Vec<u8>) -> Vec<u8> {
    let extension = [&[0xfe, 0x0d, 0, 8][..], &[0; 8]].concat();
    let suites = 5 + 4 + 2 + 32 + 1 + usize::from(hello[43]);
    let methods = suites + 2 + usize::from(u16::from_be_bytes([hello[suites], hello[suites + 1]]));
    let extensions = methods + 1 + usize::from(hello[methods]);
    // The record, the low bytes of the message's three, the extensions.
    for at in [3, 7, extensions] {
        let length = u16::from_be_bytes([hello[at], hello[at + 1]]) + u16::try_from(extension.len()).unwrap();
        hello[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    hello.extend_from_slice(&extension);
    hello
}

#[tokio::test]
async fn a_covered_name_passes_only_where_it_leads_to_the_address_that_was_meant() {
    let rows: [(&[&str], bool); 4] = [
        (&["127.0.0.1", "203.0.113.1"], true),
        (&["127.0.0.1", "203.0.113.99"], true),
        (&["127.0.0.1", "203.0.114.1"], false),
        (&["127.0.0.1"], false),
    ];
    for (addresses, passes) in rows {
        let (other, port) = server().await;
        let office = office().dst(ELSEWHERE).name("www.example.org", addresses);
        let office = office.config(|config| config.upstream_port = port).open().await;
        let mut client = office.knock().await;
        client.write_all(&with_ech(hello_for("www.example.org"))).await.unwrap();
        if passes {
            drop(next(&other).await);
        } else {
            assert_eq!(read_all(&mut client).await, alert(112), "{addresses:?}");
        }
        drop(client);
        let record = office.record().await;
        let expected = if passes { (Mode::Passed, None) } else { (Mode::Refused, Some(Reason::NotInCatalogue)) };
        assert_eq!((record.mode, record.reason), expected, "{addresses:?}");
        let counters = office.proxy.counters();
        assert_eq!((counters.passed_with_ech, counters.refused_with_ech), (u64::from(passes), u64::from(!passes)));
    }
}

#[tokio::test]
async fn our_own_name_and_no_name_are_handed_to_the_admin_listener() {
    let (admin, _) = server().await;
    let office = office().admin(admin.local_addr().unwrap()).open().await;
    let no_name = include_bytes!("../../testdata/curl_ip.bin").to_vec();
    for hello in [hello_for("nanogate.lan"), no_name] {
        let mut client = office.knock().await;
        client.write_all(&hello).await.unwrap();
        let mut far = next(&admin).await;
        let me = client.local_addr().unwrap();
        let line = format!("PROXY TCP4 127.0.0.1 192.0.2.53 {} 443\r\n", me.port());
        assert_eq!(read_some(&mut far, line.len()).await, line.as_bytes());
        assert_eq!(read_some(&mut far, hello.len()).await, hello);
        far.write_all(b"page").await.unwrap();
        drop(far);
        assert_eq!(read_all(&mut client).await, b"page");
    }
    for record in office.records(2).await {
        assert_eq!((record.mode, record.reason, record.bytes_down), (Mode::Admin, None, 4));
    }
}

#[tokio::test]
async fn an_unredirected_socket_counts_as_our_own() {
    let office = office().open().await;
    *office.dst.lock() = Some(office.steered);
    let mut client = office.knock().await;
    client.write_all(&hello_for("www.example.org")).await.unwrap();
    assert_eq!(read_all(&mut client).await, alert(112));
    *office.dst.lock() = None;
    let mut client = office.knock().await;
    client.write_all(&hello_for("www.example.org")).await.unwrap();
    assert_eq!(read_all(&mut client).await, alert(112));
    for record in office.records(2).await {
        assert_eq!(record.reason, Some(Reason::NotInCatalogue));
    }
}

#[tokio::test]
async fn a_client_that_does_not_finish_is_recorded_as_gone_or_late() {
    let office = office().open().await;
    // This machine's own look whether the door opens leaves no record.
    drop(office.knock().await);
    office.knock().await.write_all(&[22, 3, 1]).await.unwrap();
    let record = office.record().await;
    assert_eq!((record.reason, record.bytes_up), (Some(Reason::ClientGone), 3));
    let _silent: TcpStream = office.knock().await;
    let records = office.records(2).await;
    assert_eq!(records.len(), 2);
    assert_eq!(records[1].reason, Some(Reason::HelloTimeout));
    assert!(records[1].duration_micros >= 400_000, "{}", records[1].duration_micros);
}

#[tokio::test]
async fn a_broken_exchange_says_who_broke_it() {
    let (provider, port) = server().await;
    let office = office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = port).open().await;
    let mut client = office.knock().await;
    let hello = hello_for(API);
    client.write_all(&hello).await.unwrap();
    let mut far = next(&provider).await;
    read_some(&mut far, hello.len()).await;
    socket2::SockRef::from(&far).set_linger(Some(Duration::ZERO)).unwrap();
    drop(far);
    let record = office.record().await;
    assert_eq!((record.mode, record.reason), (Mode::Watched, Some(Reason::UpstreamReset)));
}
