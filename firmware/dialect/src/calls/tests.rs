use proptest::prelude::{any, prop, prop_assert, proptest};
use serde_json::{Value, json};

use super::{Call, CallEnd, Codec, ENVELOPE_HEAD, Envelope, Follower, MessageError, message_text};

/// A field of a stated length.
fn field(number: u8, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let mut out = vec![number << 3 | 2];
    let mut length = value.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    [&out, value].concat()
}

fn texts(message: &[u8]) -> Vec<String> {
    serde_json::from_slice(&message_text(message, 1 << 20).unwrap().json).unwrap()
}

#[test]
fn a_request_names_its_protocol() {
    let rows = [
        (Some("application/grpc"), false, Some((true, Codec::Proto))),
        (Some("Application/gRPC+proto; charset=x"), false, Some((true, Codec::Proto))),
        (Some("application/grpc+json"), false, Some((true, Codec::Json))),
        (Some("application/grpc+thrift"), false, Some((true, Codec::Proto))),
        (Some("application/grpc-web+proto"), false, Some((true, Codec::Proto))),
        (Some("application/grpc-web-text"), false, Some((false, Codec::Proto))),
        (Some("application/connect+json"), false, Some((true, Codec::Json))),
        (Some("application/proto"), false, Some((false, Codec::Proto))),
        (Some("application/json"), true, Some((false, Codec::Json))),
        (None, true, Some((false, Codec::Json))),
        (Some("application/json"), false, None),
        (None, false, None),
    ];
    for (content_type, connect, want) in rows {
        let call = Call::of(content_type, connect);
        assert_eq!(call.map(|call| (call.is_enveloped(), call.codec())), want, "{content_type:?}");
    }
}

#[test]
fn an_envelope_says_length_and_packing_and_nothing_else() {
    let head = |flags: u8| Envelope::parse([flags, 0, 0, 1, 2]);
    assert_eq!(head(0), Some(Envelope { packed: false, length: 258 }));
    assert_eq!(head(1), Some(Envelope { packed: true, length: 258 }));
    for flags in [2, 3, 0x80, 0x81, 0xff] {
        assert_eq!(head(flags), None, "{flags}");
    }
}

#[test]
fn an_answer_is_followed_however_it_is_cut() {
    let answer = [&[0, 0, 0, 0, 3, 1, 2, 3][..], &[2, 0, 0, 0, 0], &[0, 0, 0, 0, 1, 9]].concat();
    let ends = [0, 8, 13, 19];
    for cut in 0..=answer.len() {
        let mut follower = Follower::default();
        follower.push(&answer[..cut]);
        assert_eq!(follower.is_between(), ends.contains(&cut), "{cut}");
        follower.push(&answer[cut..]);
        assert!(follower.is_between());
    }
}

#[test]
fn every_text_is_found_at_every_depth_beside_numbers_and_groups() {
    let inner = [field(1, "user"), field(4, "Grüße \"an\"\nalle"), vec![0x10, 0x96, 1]].concat();
    let message = [
        vec![0x08, 0x2a],
        vec![0x0d, 1, 2, 3, 4],
        vec![0x11, 1, 2, 3, 4, 5, 6, 7, 8],
        field(2, &inner),
        vec![0x1b],
        field(5, "in a group"),
        vec![0x1c],
        field(6, ""),
    ]
    .concat();
    let found = texts(&message);
    for want in ["user", "Grüße \"an\"\nalle", "in a group"] {
        assert!(found.iter().any(|text| text == want), "{want}: {found:?}");
    }
    let deep = (0..40).fold(field(1, "deep"), |message, _| field(3, message));
    assert!(texts(&deep).contains(&"deep".to_owned()));
}

#[test]
fn what_reads_as_a_message_by_chance_is_still_read_as_text() {
    // `\n`, a length that is a letter, and so many characters: a message of one field, and a text that begins with a line's end.
    let text = format!("\n0{}", "sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MGFiY2RlZmdo");
    assert_eq!(text.len(), 2 + 0x30);
    let found = texts(&field(1, &text));
    assert!(found.contains(&text) && found.contains(&text[2..].to_owned()), "{found:?}");
    // Marks at its end that make a text a message do not hide it.
    let found = texts(&field(1, "hello there\x08\x01"));
    assert!(found.iter().any(|text| text.starts_with("hello there")), "{found:?}");
}

#[test]
fn bytes_that_are_no_text_are_told_and_their_words_kept() {
    let found = message_text(&field(1, b"\xff\xfe\0password=hunter22\0\x01\x80ab"), 1 << 20).unwrap();
    assert!(found.opaque && !found.packed);
    assert_eq!(serde_json::from_slice::<Vec<String>>(&found.json).unwrap(), ["password=hunter22"]);
    let packed = message_text(&field(1, b"\x1f\x8b\x08\0\xff\xff"), 1 << 20).unwrap();
    assert!(packed.opaque && packed.packed);
    assert_eq!(message_text(b"", 16).unwrap().json, b"[]");
}

#[test]
fn what_is_broken_too_deep_or_too_long_is_an_error() {
    for broken in [
        &b"\x0a\x05hi"[..],
        b"\x0f\x01",
        b"\x02a",
        b"\x80",
        b"\x0d\x01",
        b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    ] {
        assert_eq!(message_text(broken, 64), Err(MessageError::NoMessage), "{broken:?}");
    }
    let deep = (0..60).fold(field(1, "deep"), |message, _| field(3, message));
    assert_eq!(message_text(&deep, 1 << 20), Err(MessageError::TooDeep));
    assert_eq!(message_text(&field(1, "a".repeat(100)), 64), Err(MessageError::TooMuch));
}

#[test]
fn a_refusal_is_told_in_the_protocols_own_form() {
    let call = |content_type| Call::of(Some(content_type), false).unwrap();
    let grpc = call("application/grpc").refusal(403, "Größe: 100%");
    assert_eq!((grpc.status, grpc.content_type, grpc.body.len()), (200, "application/grpc", 0));
    let status = ("grpc-status", "7".to_owned());
    let message = ("grpc-message", "Nano-Gate: Gr%C3%B6%C3%9Fe: 100%25".to_owned());
    let code = ("nanogate-code", "nanogate_blocked".to_owned());
    assert_eq!(grpc.fields, [status, message, code]);
    assert_eq!(call("application/grpc+proto").end(403, "Größe: 100%"), Some(CallEnd::Trailers(grpc.fields)));

    let want = json!({
        "error": { "code": "unavailable", "message": "Nano-Gate: why" },
        "metadata": { "nanogate-code": ["nanogate_blocked"] },
    });
    let stream = call("application/connect+json").refusal(503, "why");
    assert_eq!((stream.status, stream.content_type, stream.body[0]), (200, "application/connect+json", 2));
    assert_eq!(serde_json::from_slice::<Value>(&stream.body[ENVELOPE_HEAD..]).unwrap(), want);
    assert_eq!(call("application/connect+proto").end(503, "why"), Some(CallEnd::Data(stream.body)));

    let unary = call("application/proto").refusal(403, "why");
    assert_eq!((unary.status, unary.content_type), (403, "application/json"));
    let want = json!({ "code": "permission_denied", "message": "Nano-Gate: why" });
    assert_eq!(serde_json::from_slice::<Value>(&unary.body).unwrap(), want);

    let Some(CallEnd::Data(web)) = call("application/grpc-web").end(413, "why") else { panic!("an envelope") };
    assert_eq!(web[0], 0x80);
    assert!(web[ENVELOPE_HEAD..].starts_with(b"grpc-status: 8\r\ngrpc-message: Nano-Gate: why\r\n"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_within_bounds(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(found) = message_text(&bytes, 1000) {
            prop_assert!(found.json.len() <= 1008);
            prop_assert!(serde_json::from_slice::<Vec<String>>(&found.json).is_ok());
        }
    }

    #[test]
    fn any_text_is_found_however_deep_and_beside_what(
        text in "[ -~äß]{1,80}",
        other in prop::collection::vec(any::<u8>(), 0..40),
        depth in 0_usize..10,
    ) {
        let message = [field(1, &text), field(2, &other)].concat();
        let message = (0..depth).fold(message, |message, _| field(3, message));
        prop_assert!(texts(&message).contains(&text));
    }
}
