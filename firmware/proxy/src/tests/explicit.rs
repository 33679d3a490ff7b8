use gate_core::{ConnectionEvent, Mode, Reason, Verdict};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::*;
use crate::act::answer::ESTABLISHED;

const API: &str = "api.openai.com";
const CONNECT_API: &[u8] = b"CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n";

/// Says `bytes` to the CONNECT proxy; all that comes back, and the record.
async fn ask(office: Office, bytes: &[u8]) -> (String, ConnectionEvent) {
    let office = office.open().await;
    let mut client = TcpStream::connect(office.explicit).await.unwrap();
    client.write_all(bytes).await.unwrap();
    let answer = String::from_utf8_lossy(&read_all(&mut client).await).into_owned();
    drop(client);
    (answer, office.record().await)
}

#[tokio::test]
async fn connect_leads_through_the_same_corridor() {
    let (provider, port) = server().await;
    let office = office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = port).open().await;
    let hello = hello_for(API);
    // Some clients wait for the answer, some do not.
    for eager in [false, true] {
        let mut client = TcpStream::connect(office.explicit).await.unwrap();
        let first = if eager { [CONNECT_API, &hello].concat() } else { CONNECT_API.to_vec() };
        client.write_all(&first).await.unwrap();
        assert_eq!(read_some(&mut client, ESTABLISHED.len()).await, ESTABLISHED);
        if !eager {
            client.write_all(&hello).await.unwrap();
        }
        let mut far = next(&provider).await;
        assert_eq!(read_some(&mut far, hello.len()).await, hello);
        far.write_all(b"hi").await.unwrap();
        drop(far);
        assert_eq!(read_all(&mut client).await, b"hi");
    }
    for record in office.records(2).await {
        assert_eq!((record.mode, record.reason, record.dst), (Mode::Watched, None, None));
        assert_eq!(record.bytes_up, (CONNECT_API.len() + hello.len()) as u64);
        assert_eq!(record.bytes_down, ESTABLISHED.len() as u64 + 2);
        assert_eq!(record.vendor.as_deref(), Some("openai"));
    }
}

#[tokio::test]
async fn what_connect_is_not_for_is_answered_in_words() {
    let rows: &[(&str, &str, Reason)] = &[
        ("GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", "405 Method Not Allowed", Reason::BadRequest),
        ("CONNECT a.example:22 HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::BadRequest),
        ("CONNECT a.example:8080 HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::BadRequest),
        ("CONNECT a.example HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::BadRequest),
        ("CONNECT 127.0.0.1:443 HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::BadSni),
        ("CONNECT [::1]:443 HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::BadSni),
        ("CONNECT api.openai.com:80 HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::NotTls),
        ("CONNECT nanogate.lan:80 HTTP/1.1\r\n\r\n", "403 Forbidden", Reason::NotInCatalogue),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n", "400 Bad Request", Reason::BadRequest),
        ("\x00\x03\x01\x00\x05", "400 Bad Request", Reason::BadRequest),
    ];
    for (request, status, reason) in rows {
        let (answer, record) = ask(office(), request.as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
        assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
        assert_eq!((record.mode, record.reason.as_ref()), (Mode::Refused, Some(reason)), "{request}");
    }
    let long = format!("CONNECT a.example:443 HTTP/1.1\r\nX: {}", "x".repeat(9000));
    assert!(ask(office(), long.as_bytes()).await.0.starts_with("HTTP/1.1 431 "));
}

#[tokio::test]
async fn a_denied_name_is_told_so_before_the_tunnel_opens() {
    let office = office().judge(|_| Verdict::Refuse(Reason::Policy("night".to_owned())));
    let (answer, record) = ask(office, CONNECT_API).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("the policy's rule \"night\" refuses it"), "{answer}");
    assert_eq!(record.reason, Some(Reason::Policy("night".to_owned())));
    assert_eq!(record.host.as_deref(), Some(API));
}

#[tokio::test]
async fn the_server_name_must_be_the_one_that_was_asked_for() {
    let established = String::from_utf8_lossy(ESTABLISHED).into_owned();
    for (name, reason) in [("www.example.org", Reason::HostMismatch), (API, Reason::Unresolvable)] {
        let (answer, record) = ask(office(), &[CONNECT_API, &hello_for(name)].concat()).await;
        assert!(answer.starts_with(&established) && answer.len() > established.len(), "{answer:?}");
        assert_eq!((record.mode, record.reason), (Mode::Refused, Some(reason)));
    }
    let (_, record) = ask(office(), &[CONNECT_API, b"SSH-2.0-client\r\n"].concat()).await;
    assert_eq!(record.reason, Some(Reason::NotTls));
}

#[tokio::test]
async fn plain_http_passes_only_to_the_host_of_the_connect() {
    const CONNECT: &str = "CONNECT www.example.org:80 HTTP/1.1\r\n\r\n";
    let (web, port) = server().await;
    let plain = || office().name("www.example.org", &["127.0.0.1"]).config(|config| config.upstream_http_port = port);
    let open = plain().open().await;
    let mut client = TcpStream::connect(open.explicit).await.unwrap();
    let request = "GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
    client.write_all(format!("{CONNECT}{request}").as_bytes()).await.unwrap();
    let mut far = next(&web).await;
    let only = "GET / HTTP/1.1\r\nHost: www.example.org\r\nConnection: close\r\n\r\n";
    assert_eq!(read_some(&mut far, only.len()).await, only.as_bytes());
    drop((far, client));
    assert_eq!(open.record().await.mode, Mode::Passed);

    let inner = format!("{CONNECT}CONNECT www.example.org:443 HTTP/1.1\r\n\r\n");
    let (answer, record) = ask(plain(), inner.as_bytes()).await;
    assert!(answer.contains("HTTP/1.1 400 "), "{answer}");
    assert_eq!(record.reason, Some(Reason::BadRequest));
    let other = format!("{CONNECT}GET / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n");
    let (answer, record) = ask(plain(), other.as_bytes()).await;
    assert!(answer.contains("HTTP/1.1 421 "), "{answer}");
    assert_eq!(record.reason, Some(Reason::HostMismatch));
    let (_, record) = ask(plain(), [CONNECT.as_bytes(), &hello_for(API)].concat().as_slice()).await;
    assert_eq!(record.reason, Some(Reason::BadRequest));
    let (answer, record) = ask(office(), format!("{CONNECT}{request}").as_bytes()).await;
    assert!(answer.contains("HTTP/1.1 502 "), "{answer}");
    assert_eq!(record.reason, Some(Reason::Unresolvable));
}

#[tokio::test]
async fn a_second_request_in_a_plain_tunnel_reaches_no_server() {
    let (web, port) = server().await;
    let office = office().name("www.example.org", &["127.0.0.1"]).config(|config| config.upstream_http_port = port);
    let office = office.open().await;
    // A server as the standard wants it, which also answers for the AI host, as one behind a CDN does.
    let asked = tokio::spawn(async move {
        let (mut far, mut asked, mut raw) = (next(&web).await, Vec::new(), bytes::BytesMut::new());
        while tokio::io::AsyncReadExt::read_buf(&mut far, &mut raw).await.unwrap() > 0 {
            while let Some(head) = crate::parse::head::parse(&raw).unwrap() {
                let last = raw.split_to(head.len).to_ascii_lowercase();
                asked.push(head.authority.host);
                far.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
                if last.windows(17).any(|line| line == b"connection: close") {
                    return asked;
                }
            }
        }
        asked
    });
    let mut client = TcpStream::connect(office.explicit).await.unwrap();
    let first = "CONNECT www.example.org:80 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n";
    client.write_all(first.as_bytes()).await.unwrap();
    read_some(&mut client, ESTABLISHED.len() + "HTTP/1.1 200 OK".len()).await;
    let _ = client.write_all(b"POST / HTTP/1.1\r\nHost: api.openai.com\r\n\r\n").await;
    let _ = client.shutdown().await;
    assert_eq!(asked.await.unwrap(), [crate::parse::head::Host::Name(host("www.example.org"))]);
}
