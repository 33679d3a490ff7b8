use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::{Source, SourceError, Url, UrlError, Web};

/// A server that answers one request with these bytes and closes, or holds the line open.
fn server(answer: Vec<u8>, hold: Option<Duration>) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let url = format!("http://{}/a.update", listener.local_addr().expect("bound")).parse().expect("an address");
    std::thread::spawn(move || {
        let (mut client, _) = listener.accept().expect("a client");
        let mut request = [0; 512];
        let length = client.read(&mut request).expect("a request");
        assert!(request[..length].starts_with(b"GET /a.update HTTP/1.1\r\nHost: 127.0.0.1:"));
        let _ = client.write_all(&answer);
        std::thread::sleep(hold.unwrap_or_default());
    });
    url
}

fn open(answer: &str) -> Result<(String, u64), SourceError> {
    let (mut body, length) = Web::new(server(answer.as_bytes().to_vec(), None), Vec::new()).open()?;
    let mut text = String::new();
    body.read_to_string(&mut text)?;
    Ok((text, length))
}

#[test]
fn the_body_follows_the_head_and_has_its_length() {
    let (text, length) = open("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").expect("an answer");
    assert_eq!((text.as_str(), length), ("hello", 5));
}

#[test]
fn an_answer_that_does_not_say_how_long_it_is_or_is_none_is_refused() {
    for answer in [
        "HTTP/1.1 200 OK\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "SSH-2.0-x\r\n\r\n",
        "",
    ] {
        assert!(matches!(open(answer), Err(SourceError::Answer)), "{answer:?}");
    }
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(9000));
    assert!(matches!(open(&endless), Err(SourceError::Answer | SourceError::Io(_))));
    assert!(matches!(open("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), Err(SourceError::Status(404))));
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let silent = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe".to_vec(), Some(Duration::from_secs(5)));
    let (mut body, _) =
        Web { url: silent, resolvers: Vec::new(), longest: Duration::from_millis(200) }.open().expect("a head");
    let begun = std::time::Instant::now();
    assert!(body.read_to_end(&mut Vec::new()).is_err());
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn hosts_are_addresses_or_names_and_paths_cannot_split_a_request() {
    assert!("http://192.0.2.1/a".parse::<Url>().is_ok());
    assert!("http://192.0.2.1:8000/a.update?x=1".parse::<Url>().is_ok());
    assert!("http://updates.example.com:8000/a.update".parse::<Url>().is_ok());
    for text in [
        "https://192.0.2.1/a",
        "http://192.0.2/a",
        "http://192.0.2.1:0/a",
        "http://192.0.2.1:+80/a",
        "http://exa_mple.com/a",
        "http://user@example.com/a",
        "http://192.0.2.1",
        "http://192.0.2.1/a b",
        "http://192.0.2.1/a\r\nX: y",
        "",
    ] {
        assert_eq!(text.parse::<Url>(), Err(UrlError), "{text:?}");
    }
    assert_eq!(format!("http://192.0.2.1/{}", "a".repeat(600)).parse::<Url>(), Err(UrlError));
}
