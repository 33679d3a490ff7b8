use gate_core::HostError;
use proptest::prelude::*;

use super::{Hello, HelloError, Limits, frame, parse};

const LIMITS: Limits = Limits { max_bytes: 64 * 1024, max_records: 64 };

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../testdata/", $name, ".bin"))
    };
}

fn read(raw: &[u8]) -> Hello {
    parse(raw, LIMITS).expect("parses").expect("is whole")
}

fn refusal(raw: &[u8]) -> HelloError {
    parse(raw, LIMITS).expect_err("is refused")
}

/// A ClientHello message with these extensions, each `(type, data)`.
fn message(extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    let mut all = Vec::new();
    for (kind, data) in extensions {
        all.extend(kind.to_be_bytes());
        all.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        all.extend_from_slice(data);
    }
    body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
    body.extend(all);
    with_header(&body)
}

fn with_header(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_be_bytes();
    [&[1], &len[1..], body].concat()
}

/// Cuts a message into records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    let record = |part: &[u8]| [&[22, 3, 1][..], &u16::try_from(part.len()).unwrap().to_be_bytes(), part].concat();
    message.chunks(size).flat_map(record).collect()
}

fn server_name(name: &[u8]) -> Vec<u8> {
    let len = u16::try_from(name.len()).unwrap();
    [&(len + 3).to_be_bytes()[..], &[0], &len.to_be_bytes(), name].concat()
}

fn sni_of(name: &[u8]) -> Option<Result<String, HostError>> {
    let hello = read(&records(&message(&[(0, &server_name(name))]), 1 << 14));
    hello.sni.map(|sni| sni.map(|host| host.to_string()))
}

#[test]
fn reads_what_real_clients_send() {
    type Row<'a> = (&'a [u8], Option<&'a str>, &'a [&'a str], u16, bool);
    let rows: &[Row<'_>] = &[
        (fixture!("chromium"), Some("api.openai.com"), &["h2", "http/1.1"], 0x0304, true),
        (fixture!("curl"), Some("api.openai.com"), &["h2", "http/1.1"], 0x0304, false),
        (fixture!("curl_ip"), None, &["h2", "http/1.1"], 0x0304, false),
        (fixture!("java"), Some("api.openai.com"), &[], 0x0304, false),
        (fixture!("node"), Some("api.openai.com"), &["h2", "http/1.1"], 0x0304, false),
        (fixture!("openssl_s_client"), Some("api.openai.com"), &["h2", "http/1.1"], 0x0304, false),
        (fixture!("openssl_no_sni"), None, &[], 0x0304, false),
        (fixture!("openssl_tls12"), Some("api.openai.com"), &[], 0x0303, false),
        (fixture!("python"), Some("api.openai.com"), &[], 0x0304, false),
        (fixture!("wget_gnutls"), Some("localhost"), &[], 0x0304, false),
    ];
    for (raw, host, alpn, version, ech) in rows {
        let hello = read(raw);
        let name = hello.sni.map(|sni| sni.unwrap().to_string());
        assert_eq!(name.as_deref(), *host);
        assert_eq!(hello.alpn, alpn.iter().map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(hello.versions[0], *version);
        assert_eq!(hello.ech, *ech);
    }
}

#[test]
fn reads_what_rustls_sends_with_a_post_quantum_key_share() {
    let mut client = rustls::ClientConnection::new(
        crate::trust::upstream(None).unwrap(),
        rustls_pki_types::ServerName::try_from("api.anthropic.com").unwrap(),
    )
    .unwrap();
    let mut raw = Vec::new();
    client.write_tls(&mut raw).unwrap();
    assert!(raw.len() > 1200, "the ML-KEM share is missing: {} bytes", raw.len());
    assert_eq!(read(&raw).sni.unwrap().unwrap().as_str(), "api.anthropic.com");
}

#[test]
fn every_prefix_asks_for_more() {
    for raw in [&fixture!("curl")[..], &records(fixture!("chromium")[5..].as_ref(), 40)[..]] {
        for len in 0..raw.len() {
            assert_eq!(parse(&raw[..len], LIMITS), Ok(None), "at {len}");
        }
        assert!(parse(raw, LIMITS).unwrap().is_some());
    }
}

#[test]
fn bytes_after_the_hello_in_records_of_their_own_are_left_alone() {
    let hello = records(&message(&[]), 1 << 14);
    let with_early_data = [&hello[..], &[23, 3, 3, 0, 4, 1, 2, 3, 4]].concat();
    assert_eq!(read(&with_early_data), read(&hello));
}

#[test]
fn one_record_is_borrowed() {
    assert!(matches!(frame(fixture!("curl"), LIMITS), Ok(Some(std::borrow::Cow::Borrowed(_)))));
}

#[test]
fn folds_names_and_names_bad_ones() {
    let rows: &[(&[u8], Result<&str, HostError>)] = &[
        (b"API.OpenAI.com", Ok("api.openai.com")),
        (b"api.openai.com.", Ok("api.openai.com")),
        (b"", Err(HostError::Empty)),
        (b"127.0.0.1", Err(HostError::IpLiteral)),
        (b"::1", Err(HostError::Byte)),
        (b"api.openai.com\0.evil.example", Err(HostError::Byte)),
        ("b\u{fc}cher.example".as_bytes(), Err(HostError::Byte)),
    ];
    for (name, expected) in rows {
        assert_eq!(sni_of(name), Some(expected.map(str::to_owned)), "{name:?}");
    }
}

#[test]
fn refuses_what_is_not_a_client_hello() {
    let good = message(&[]);
    let hello = |extensions: &[(u16, &[u8])]| records(&message(extensions), 1 << 14);
    let name = server_name(b"a.example");
    let two_names = [&[0, 24, 0, 0, 9][..], b"a.example", &[0, 0, 9], b"b.example"].concat();
    let malformed = HelloError::Malformed;
    let rows: Vec<(Vec<u8>, HelloError)> = vec![
        (b"GET / HTTP/1.1\r\n".to_vec(), HelloError::NotTls),
        (b"SSH-2.0-x".to_vec(), HelloError::NotTls),
        (vec![0x80, 0x2e, 1, 0, 2], HelloError::NotTls),
        (vec![21, 3, 3, 0, 2, 2, 40], HelloError::NotTls),
        (vec![22, 2], HelloError::NotTls),
        (vec![22, 3, 1, 0, 0], malformed("an empty handshake record")),
        (vec![22, 3, 1, 0x40, 1], malformed("a record longer than 16384 bytes")),
        (vec![22, 3, 1, 0, 4, 2, 0, 0, 0], malformed("the first message is not a ClientHello")),
        (records(&[&good[..], &[20, 0, 0, 0]].concat(), 1 << 14), malformed("bytes after the message in its record")),
        ([&records(&good[..9], 9)[..], &[23, 3, 3, 0, 1, 0]].concat(), HelloError::NotTls),
        (vec![22, 3, 1, 0, 4, 1, 1, 0, 0], HelloError::TooLarge),
        (records(&with_header(&[3, 3]), 99), malformed("random")),
        (hello(&[(0, &name), (0, &name)]), malformed("a repeated extension")),
        (hello(&[(0xfe0d, &[]), (16, &[0, 3, 2, b'h', b'2']), (0xfe0d, &[])]), malformed("a repeated extension")),
        (hello(&[(0, &two_names)]), malformed("more than one server name")),
        (hello(&[(0, &[])]), malformed("server name list")),
        (hello(&[(0, &[0, 0])]), malformed("server name type")),
        (hello(&[(0, &[0, 4, 1, 0, 1, b'a'])]), malformed("a server name that is not a host name")),
        (hello(&[(0, &[&name[..], &[0]].concat())]), malformed("bytes after the server name list")),
        (hello(&[(16, &[0, 0])]), malformed("an empty protocol list")),
        (hello(&[(16, &[0, 1, 0])]), malformed("an empty protocol name")),
        (hello(&[(43, &[0])]), malformed("an empty version list")),
        (hello(&[(43, &[3, 3, 4, 3])]), malformed("version")),
    ];
    for (raw, expected) in rows {
        assert_eq!(refusal(&raw), expected, "{raw:02x?}");
    }
}

#[test]
fn a_hello_without_extensions_names_nobody() {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x00, 0x2f, 1, 0]);
    let hello = read(&records(&with_header(&body), 1 << 14));
    let print = hello.print.clone();
    assert_eq!(hello, Hello { sni: None, alpn: vec![], versions: vec![0x0303], ech: false, print });
}

#[test]
fn grease_is_skipped_everywhere() {
    let hello = read(&records(
        &message(&[
            (0x1a1a, &[]),
            (16, &[0, 6, 2, 0x2a, 0x2a, 2, b'h', b'2']),
            (43, &[4, 0x7a, 0x7a, 3, 4]),
            (0xdada, &[0]),
        ]),
        1 << 14,
    ));
    assert_eq!((hello.alpn, hello.versions), (vec![b"h2".to_vec()], vec![0x0304]));
}

#[test]
fn caps_hold_to_the_byte_and_to_the_record() {
    let filler = vec![0; 900];
    let message = message(&[(21, &filler)]);
    let whole = records(&message, 1 << 14);
    let cap = |max_bytes, max_records| Limits { max_bytes, max_records };
    assert!(parse(&whole, cap(whole.len(), 1)).unwrap().is_some());
    assert_eq!(parse(&whole, cap(whole.len() - 1, 1)), Err(HelloError::TooLarge));
    assert_eq!(parse(&whole[..20], cap(whole.len() - 1, 1)), Err(HelloError::TooLarge), "known before it arrives");

    let size = message.len().div_ceil(8);
    let eight = records(&message, size);
    assert!(parse(&eight, cap(1 << 16, 8)).unwrap().is_some());
    assert_eq!(parse(&eight, cap(1 << 16, 7)), Err(HelloError::TooLarge));
}

#[test]
fn extensions_and_protocols_are_capped() {
    let many: Vec<(u16, &[u8])> = (100..229).map(|kind| (kind, &[][..])).collect();
    assert!(parse(&records(&message(&many[1..]), 1 << 14), LIMITS).unwrap().is_some());
    assert_eq!(refusal(&records(&message(&many), 1 << 14)), HelloError::Malformed("more than 128 extensions"));
    let names = |count: usize| {
        let list = [1, b'x'].repeat(count);
        [&u16::try_from(list.len()).unwrap().to_be_bytes()[..], &list].concat()
    };
    assert_eq!(read(&records(&message(&[(16, &names(64))]), 1 << 14)).alpn.len(), 64);
    let refused = refusal(&records(&message(&[(16, &names(65))]), 1 << 14));
    assert_eq!(refused, HelloError::Malformed("more than 64 protocols"));
}

proptest! {
    #[test]
    fn any_cut_into_records_reads_the_same(cuts in proptest::collection::vec(1usize..2013, 0..60)) {
        let whole = fixture!("chromium");
        let message = &whole[5..];
        let mut edges: Vec<usize> = cuts.into_iter().chain([0, message.len()]).collect();
        edges.sort_unstable();
        edges.dedup();
        let cut: Vec<u8> = edges.windows(2).flat_map(|edge| records(&message[edge[0]..edge[1]], 1 << 14)).collect();
        prop_assert_eq!(read(&cut), read(whole));
    }

    #[test]
    fn no_bytes_make_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = parse(&raw, LIMITS);
        let _ = parse(&records(&raw, 1 << 14), LIMITS);
        let _ = parse(&records(&with_header(&raw), 50), LIMITS);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(at in 0usize..2018, value in any::<u8>(), len in 0usize..2018) {
        let mut raw = fixture!("chromium").to_vec();
        raw[at] = value;
        let _ = parse(&raw, LIMITS);
        let _ = parse(&raw[..len], LIMITS);
    }
}
