use gate_core::{Mode, Reason};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::*;

#[tokio::test]
async fn plain_http_is_sent_to_https_and_never_forwarded() {
    let to = |place: &str| format!("308 Permanent Redirect|Location: https://{place}");
    let rows: &[(&str, String, Mode, Reason)] = &[
        (
            "POST /v1/chat?x=1 HTTP/1.1\r\nHost: API.openai.com:80\r\nContent-Length: 9\r\n\r\nmy secret",
            to("api.openai.com/v1/chat?x=1\r\n"),
            Mode::Refused,
            Reason::Redirected,
        ),
        ("GET / HTTP/1.0\r\nHost: nanogate.lan\r\n\r\n", to("nanogate.lan/\r\n"), Mode::Admin, Reason::Redirected),
        ("GET /a HTTP/1.1\r\nHost: 192.0.2.53\r\n\r\n", to("192.0.2.53/a\r\n"), Mode::Admin, Reason::Redirected),
        ("GET / HTTP/1.1\r\nHost: 192.0.2.99\r\n\r\n", "421 ".into(), Mode::Refused, Reason::NotInCatalogue),
        ("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "421 ".into(), Mode::Refused, Reason::NotInCatalogue),
        ("GET / HTTP/1.1\r\n\r\n", "400 ".into(), Mode::Refused, Reason::BadRequest),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 ".into(), Mode::Refused, Reason::BadRequest),
        ("\x16\x03\x01", "400 ".into(), Mode::Refused, Reason::BadRequest),
    ];
    for (request, expected, mode, reason) in rows {
        let office = office().open().await;
        let mut client = TcpStream::connect(office.plain).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_all(&mut client).await).unwrap();
        drop(client);
        let (status, header) = expected.split_once('|').unwrap_or((expected, ""));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(header), "{request}: {answer}");
        assert!(!answer.contains("secret"));
        let record = office.record().await;
        assert_eq!((record.mode, record.reason.as_ref()), (*mode, Some(reason)), "{request}");
        assert_eq!((record.bytes_up, record.bytes_down), (request.len() as u64, answer.len() as u64));
    }
}

#[tokio::test]
async fn a_head_that_never_ends_is_given_up() {
    let office = office().open().await;
    let mut client = TcpStream::connect(office.plain).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: api.openai.com\r\n").await.unwrap();
    assert_eq!(read_all(&mut client).await, b"");
    assert_eq!(office.record().await.reason, Some(Reason::HelloTimeout));
}

#[tokio::test]
async fn who_types_the_address_is_told_what_to_do_next() {
    for host in ["192.0.2.53", "nanogate.local"] {
        let office = office().open().await;
        let mut client = TcpStream::connect(office.plain).await.unwrap();
        client.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let answer = String::from_utf8(read_all(&mut client).await).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(&format!("https://{host}/")) && answer.contains("claim code"), "{answer}");
        drop(client);
        assert_eq!(office.record().await.mode, Mode::Admin);
    }
}

#[tokio::test]
async fn who_looks_for_the_connect_proxy_is_told_the_way() {
    for (host, way) in [("192.0.2.53", "192.0.2.53"), ("nanogate.lan:80", "nanogate.lan")] {
        for explicit in [false, true] {
            let office = office().open().await;
            let at = if explicit { office.explicit } else { office.plain };
            let mut client = TcpStream::connect(at).await.unwrap();
            client.write_all(format!("GET /proxy.pac HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
            let answer = String::from_utf8(read_all(&mut client).await).unwrap();
            assert!(
                answer.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/x-ns-proxy-autoconfig\r\n"),
                "{answer}"
            );
            assert!(answer.contains(&format!("\"PROXY {way}:8080\"")), "{answer}");
            assert!(answer.contains("\"api.openai.com\": 1"), "{answer}");
            drop(client);
            let record = office.record().await;
            assert_eq!((record.mode, record.reason), (Mode::Admin, None));
        }
    }
    let office = office().open().await;
    let mut client = TcpStream::connect(office.explicit).await.unwrap();
    client.write_all(b"GET http://a.example/proxy.pac HTTP/1.1\r\nHost: a.example\r\n\r\n").await.unwrap();
    let answer = String::from_utf8(read_all(&mut client).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}
