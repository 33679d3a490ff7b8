use super::multipart;
use crate::accept::Boundary;
use crate::parse::{Nesting, Reading, Source};

fn read(body: &[u8], boundary: &str) -> Option<Reading> {
    let mut nesting = Nesting { max_depth: 16, max_decoded: 1 << 16, decoded: 0 };
    let mut out = Reading::default();
    let boundary = Boundary::new(boundary.as_bytes()).unwrap();
    multipart(Source::origin(body), 0..body.len(), &boundary, &mut nesting, &mut out).unwrap().then_some(out)
}

fn text(reading: &Reading) -> &str {
    std::str::from_utf8(&reading.text.text).unwrap()
}

#[test]
fn each_part_is_read_as_what_it_is() {
    let body = concat!(
        "before\r\n",
        "--XX \r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nk7!mWq29zL\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n{\"a\":\"b\\n\"}\n{\"n\":\"c\"}\n\r\n",
        "--XX\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\na=b%40c\r\n",
        "--XXY is no boundary\r\n",
        "--XX--\r\nafter",
    );
    let reading = read(body.as_bytes(), "XX").unwrap();
    let expected = concat!(
        "before\n",
        "Content-Disposition: form-data; name=\"password\"\r\n\r\n\npassword: k7!mWq29zL\n",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n\n\"a\": \"b\n\"\n\"n\": \"c\"\n\n",
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n\na=b@c\r\n--XXY is no boundary\n",
        "after\n",
    );
    assert_eq!(text(&reading), expected);
    assert!(reading.opaque.is_empty() && reading.bound.is_empty());
    let start = text(&reading).find("k7!").unwrap();
    assert_eq!(&body[reading.text.map.origin(start, start + 10).unwrap()], "k7!mWq29zL");
}

/// Head and content of a part, how many opaque and bound parts that makes, and whether text was promised.
type Row = (&'static str, &'static [u8], (usize, usize), bool);

#[test]
fn parts_that_are_no_text_and_parts_of_stated_length_are_told() {
    let rows: [Row; 8] = [
        ("Content-Type: image/png", b"\x89PNG\r\n\x1a\n\0", (1, 0), false),
        ("Content-Type: text/plain", b"gr\xFCn", (1, 0), true),
        ("Content-Type: application/json", b"{\0\0\0", (1, 0), true),
        ("Content-Type: image/svg+xml; charset=utf-7", b"a+AEA-b", (1, 0), true),
        ("Content-Type: application/zip", b"PK\x03\x04 file", (1, 0), false),
        ("Content-Type: image/png", b"text after all", (0, 0), false),
        ("content-length: 5", b"hello", (0, 1), false),
        ("Content-Transfer-Encoding: base64", b"aGVsbG8=", (0, 1), false),
    ];
    for (head, content, expected, said) in rows {
        let body = [b"--b\r\n", head.as_bytes(), b"\r\n\r\n", content, b"\r\n--b--"].concat();
        let reading = read(&body, "b").unwrap();
        assert_eq!((reading.opaque.len(), reading.bound.len()), expected, "{head}");
        let part = reading.opaque.first().map(|opaque| opaque.range.clone()).or(reading.bound.first().cloned());
        assert!(part.is_none_or(|range| body[range] == *content), "{head}");
        assert_eq!(reading.opaque.first().is_some_and(|opaque| opaque.said_to_be_text), said, "{head}");
    }
}

#[test]
fn broken_bodies_are_read_all_the_same() {
    let rows = [
        ("--b\r\nno end of the head", "no end of the head"),
        ("--b", ""),
        ("--b--", ""),
        ("--b\r\n\r\ncut", "cut"),
        ("--b\n\nbare line feeds\n--b--\n", "bare line feeds"),
        ("--b\r\n--b\r\n--b--", ""),
    ];
    for (body, seen) in rows {
        let reading = read(body.as_bytes(), "b").unwrap();
        assert_eq!(text(&reading).trim(), seen, "{body:?}");
    }
    assert!(read(b"no boundary at all -- b", "b").is_none());
    assert!(read(b"not at a line's start --b\r\n", "b").is_none());
}

#[test]
fn a_boundary_comes_from_the_content_type() {
    let of = |content_type: &str| Boundary::of(content_type).map(|boundary| boundary.as_bytes().to_vec());
    let rows: [(&str, Option<&[u8]>); 9] = [
        ("multipart/form-data; boundary=x", Some(b"x")),
        ("Multipart/Mixed; charset=utf-8; Boundary=\"a b'c\"", Some(b"a b'c")),
        ("multipart/form-data;boundary=----WebKitFormBoundaryAb1", Some(b"----WebKitFormBoundaryAb1")),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary=\"a\\\"b\"", None),
        ("text/plain; boundary=x", None),
        ("multipart/form-data; boundary=é", None),
    ];
    for (content_type, boundary) in rows {
        assert_eq!(of(content_type).as_deref(), boundary, "{content_type}");
    }
    assert!(Boundary::new(&[b'a'; 70]).is_some() && Boundary::new(&[b'a'; 71]).is_none());
}
