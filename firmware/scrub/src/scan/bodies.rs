//! Bodies of several parts: found and edited where they stand, their structure kept.

use super::tests::{SCANNER, redact, scan};
use crate::{BodyKind, Boundary, Limits};

const KEY: &str = "sk-proj-Zk3vQ9wLm2Xc7Rb5Ty8Nu1Hs4Jd6Fg0Pa9We3Kq7";

fn form(boundary: &str) -> BodyKind {
    BodyKind::Multipart(Boundary::new(boundary.as_bytes()).unwrap())
}

#[test]
fn each_part_of_a_form_is_edited_by_itself() {
    let body = concat!(
        "--XX\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nk7!mWq29zL\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\n",
        "Content-Type: application/json\r\n\r\n{\"mail\": \"\\u0061nna@example.org\", \"n\": \"KEY\"}\r\n",
        "--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"b.jsonl\"\r\n\r\n{\"a\":\"KEY\"}\n{\"a\":\"b\"}\n\r\n",
        "--XX--\r\n",
    )
    .replace("KEY", KEY);
    let redacted = String::from_utf8(redact(form("XX"), body.as_bytes())).unwrap();
    let expected = body
        .replace(KEY, "[REDACTED_API_KEY]")
        .replace("\\u0061nna@example.org", "[REDACTED_EMAIL]")
        .replace("k7!mWq29zL", "[REDACTED_PASSWORD]");
    assert_eq!(redacted, expected);
}

#[test]
fn a_value_does_not_reach_across_a_boundary() {
    let body = "--b\r\n\r\npassword:\r\n--b\r\n\r\nk7!mWq29zL\r\n--b--";
    assert_eq!(scan(form("b"), body.as_bytes()), []);
}

#[test]
fn a_part_in_utf16_is_read() {
    let wide: Vec<u8> = "\u{FEFF}mail anna@example.org now".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let body = [b"--b\r\nContent-Type: text/plain\r\n\r\n", &wide[..], b"\r\n--b--"].concat();
    let scanned = SCANNER.scan(form("b"), &body, &Limits::default()).unwrap();
    let findings = scanned.findings;
    assert_eq!((findings.len(), scanned.bound.len()), (1, 1), "found, and not edited");
    let value: Vec<u8> = "anna@example.org".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(body[findings[0].start..findings[0].end], value);
}

/// However it is cut into parts: what goes beyond the cap is left unread, and told as text that nobody read.
#[test]
fn no_more_utf16_is_read_than_its_cap() {
    let wide: Vec<u8> = "\u{FEFF}mail anna@example.org now".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let filler = [&[0xFF, 0xFE][..], &b"x\0".repeat((crate::MAX_WIDE - 2 - wide.len()) / 2)].concat();
    let part = |content: &[u8]| [b"--b\r\nContent-Type: application/octet-stream\r\n\r\n", content, b"\r\n"].concat();
    let scan = |parts: &[&[u8]]| {
        let parts: Vec<u8> = parts.iter().flat_map(|content| part(content)).collect();
        let body = [&parts[..], b"--b--"].concat();
        let scanned = SCANNER.scan(form("b"), &body, &Limits::default()).unwrap();
        (scanned.findings.len(), scanned.opaque.iter().map(|part| part.said_to_be_text).collect::<Vec<_>>())
    };
    assert_eq!(scan(&[&filler, &wide]), (1, vec![]));
    assert_eq!(scan(&[&filler, b"\xFF\xFEx\0", &wide]), (0, vec![true]), "the last goes beyond it");
    assert_eq!(scan(&[&b"\xFF\xFEx\0".repeat(crate::MAX_WIDE), &wide]).1, [true], "a later one that fits is read");
}

#[test]
fn what_may_not_be_edited_is_told() {
    let image = b"\x89PNG\r\n\x1a\n\0\0 sk-proj-Zk3vQ9wLm2Xc7Rb5Ty8Nu1Hs4Jd6Fg0Pa9We3Kq7 \xFF";
    let body = [
        &b"--b\r\nContent-Type: image/png\r\n\r\n"[..],
        image,
        b"\r\n--b\r\nContent-Length: 16\r\n\r\nanna@example.org\r\n--b--",
    ]
    .concat();
    let scanned = SCANNER.scan(form("b"), &body, &Limits::default()).unwrap();
    assert_eq!(scanned.findings.len(), 2);
    assert!(scanned.opaque[0].range.contains(&scanned.findings[0].start));
    assert_eq!(scanned.bound.len(), 1);
    assert_eq!(scanned.bound[0], scanned.findings[1].start..scanned.findings[1].end);
}

#[test]
fn events_are_edited_and_stay_events() {
    let body = "event: delta\ndata: {\"text\": \"\\u0061nna@example.org\"}\n\ndata: mail\ndata: bob@example.org\n\ndata: [DONE]\n\n";
    let redacted = String::from_utf8(redact(BodyKind::Sse, body.as_bytes())).unwrap();
    let expected =
        body.replace("\\u0061nna@example.org", "[REDACTED_EMAIL]").replace("bob@example.org", "[REDACTED_EMAIL]");
    assert_eq!(redacted, expected);
}
