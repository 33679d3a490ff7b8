use proptest::prelude::*;

use super::*;

fn name(text: &str, port: Option<u16>) -> Authority {
    Authority { host: Host::Name(HostName::parse(text.as_bytes()).unwrap()), port }
}

fn address(text: &str, port: Option<u16>) -> Authority {
    Authority { host: Host::Address(text.parse().unwrap()), port }
}

#[test]
fn reads_every_form_of_target() {
    let rows: &[(&str, Authority, &str)] = &[
        (
            "CONNECT api.openai.com:443 HTTP/1.1\r\nHost: api.openai.com:443\r\n\r\n",
            name("api.openai.com", Some(443)),
            "/",
        ),
        ("CONNECT API.openai.com.:443 HTTP/1.0\r\n\r\n", name("api.openai.com", Some(443)), "/"),
        ("CONNECT [2001:db8::1]:443 HTTP/1.1\r\n\r\n", address("2001:db8::1", Some(443)), "/"),
        ("CONNECT 192.0.2.1:443 HTTP/1.1\r\n\r\n", address("192.0.2.1", Some(443)), "/"),
        ("GET /a?b=c HTTP/1.1\r\nhOST: a.example\r\nX: y\r\n\r\n", name("a.example", None), "/a?b=c"),
        ("GET HTTP://a.example/x HTTP/1.1\r\nHost: a.example:80\r\n\r\n", name("a.example", None), "/x"),
        ("GET http://a.example:80 HTTP/1.1\r\nHost: a.example\r\n\r\n", name("a.example", Some(80)), "/"),
        ("OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n", address("::1", None), "/"),
    ];
    for (raw, authority, path) in rows {
        let head = parse(raw.as_bytes()).unwrap().unwrap();
        assert_eq!((&head.authority, &*head.path, head.len), (authority, *path, raw.len()), "{raw}");
        for len in 0..raw.len() {
            assert_eq!(parse(&raw.as_bytes()[..len]), Ok(None), "{raw} at {len}");
        }
    }
}

#[test]
fn refuses_what_names_no_host_or_two() {
    let rows: &[(&str, HeadError)] = &[
        ("\x16\x03\x01", HeadError::NotHttp),
        ("GET / HTTP/2.0\r\n\r\n", HeadError::NotHttp),
        ("GET / HTTP/1.1\r\n\r\n", HeadError::Host),
        ("GET / HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n", HeadError::Host),
        ("GET / HTTP/1.1\r\nHost: \r\n\r\n", HeadError::Authority),
        ("GET / HTTP/1.1\r\nHost: user@a.example\r\n\r\n", HeadError::Authority),
        ("GET / HTTP/1.1\r\nHost: a.example:https\r\n\r\n", HeadError::Authority),
        ("GET / HTTP/1.1\r\nHost: a.example:99999\r\n\r\n", HeadError::Authority),
        ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HeadError::Authority),
        ("GET / HTTP/1.1\r\nHost: 127.1\r\n\r\n", HeadError::Authority),
        ("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", HeadError::Mismatch),
        ("CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n", HeadError::Mismatch),
        ("GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n", HeadError::NotHttp),
        ("GET ftp HTTP/1.1\r\nHost: a.example\r\n\r\n", HeadError::NotHttp),
    ];
    for (raw, error) in rows {
        assert_eq!(parse(raw.as_bytes()), Err(*error), "{raw}");
    }
}

#[test]
fn tells_whether_a_body_is_to_be_waited_for() {
    for (fields, follows) in [
        ("", false),
        ("Content-Length: 0\r\n", false),
        ("content-length: 00\r\n", false),
        ("Content-Length: 10\r\n", true),
        ("Content-Length: 0\r\nContent-Length: 10\r\n", true),
        ("Content-Length:\r\n", true),
        ("Transfer-Encoding: chunked\r\n", true),
        ("Content-Length: 2000000\r\nExpect: 100-Continue\r\n", false),
        ("Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", false),
        ("Content-Length: 10\r\nExpect: something-else\r\n", true),
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n");
        assert_eq!(parse(head.as_bytes()).unwrap().unwrap().body_follows, follows, "{fields}");
    }
}

#[test]
fn heads_are_capped_in_bytes_and_headers() {
    let padded = |bytes: usize| format!("GET / HTTP/1.1\r\nHost: a.example\r\nX: {}\r\n\r\n", "x".repeat(bytes));
    let room = MAX_HEAD - padded(0).len();
    assert!(parse(padded(room).as_bytes()).unwrap().is_some());
    assert_eq!(parse(padded(room + 1).as_bytes()), Err(HeadError::TooLarge));
    assert_eq!(parse(&padded(room + 100).as_bytes()[..MAX_HEAD]), Err(HeadError::TooLarge), "before its end arrives");
    let many = |count: usize| format!("GET / HTTP/1.1\r\nHost: a.example\r\n{}\r\n", "X: y\r\n".repeat(count - 1));
    assert!(parse(many(MAX_HEADERS).as_bytes()).unwrap().is_some());
    assert_eq!(parse(many(MAX_HEADERS + 1).as_bytes()), Err(HeadError::TooLarge));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..300), text in "\\PC{0,60}") {
        let _ = parse(&raw);
        let _ = parse(format!("CONNECT {text} HTTP/1.1\r\nHost: {text}\r\n\r\n").as_bytes());
        let _ = Authority::parse(text.as_bytes());
    }
}

#[test]
fn only_request_closes_whatever_the_client_wished() {
    const GET: &str = "GET / HTTP/1.1\r\nHost: a.example\r\n";
    let rows = [
        ("", "Connection: close\r\n"),
        ("Connection: keep-alive\r\nX: 1\r\n", "X: 1\r\nConnection: close\r\n"),
        ("connection:keep-alive\nCONNECTION: x\r\nX: 1\n", "X: 1\nConnection: close\r\n"),
        ("Proxy-Connection: keep-alive\r\nKeep-Alive: 5\r\n", "Connection: close\r\n"),
        ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n", "Connection: close\r\n"),
        ("Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n", "Connection: close\r\n"),
        (
            "Upgrade: WebSocket\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
            "Upgrade: WebSocket\r\nConnection: close, Upgrade\r\n",
        ),
    ];
    for (before, after) in rows {
        let head = format!("{GET}{before}\r\n");
        assert_eq!(parse(head.as_bytes()).unwrap().unwrap().len, head.len(), "{before}");
        let only = String::from_utf8(only_request(head.as_bytes())).unwrap();
        assert_eq!(only, format!("{GET}{after}\r\n"));
        assert_eq!(parse(only.as_bytes()).unwrap().unwrap().len, only.len());
    }
}
