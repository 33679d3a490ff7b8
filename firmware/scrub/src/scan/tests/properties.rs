//! What holds for every body: edits keep its structure and all bytes beside the findings, and nothing makes a panic.

use gate_core::Action;
use proptest::prelude::*;
use serde_json::Value;

use super::{PEM, redact, scan};
use crate::{BodyKind, Boundary, placeholder};

/// The text with every string and key emptied: what an edit must leave as it is, to the byte.
fn skeleton(json: &[u8]) -> String {
    let mut skeleton = String::new();
    let (mut inside, mut escaped) = (false, false);
    for byte in json {
        let quote = *byte == b'"' && !escaped;
        if quote || !inside {
            skeleton.push(char::from(*byte));
        }
        inside ^= quote;
        escaped = inside && *byte == b'\\' && !escaped;
    }
    skeleton
}

fn text_piece() -> impl Strategy<Value = String> {
    let values = prop::sample::select(vec![
        "anna.meyer@example.org",
        "+49 151 23456789",
        "4111 1111 1111 1111",
        "password: k7!mWq29zL",
        "sk-proj-Zk3vQ9wLm2Xc7Rb5Ty8Nu1Hs4Jd6Fg0",
        PEM,
        "\\",
        "\"",
        "\n",
        "{\"password\": \"k7!mWq29zL\"}",
        "DE89370400440532013000",
        "\\u0041",
        "Disregard the earlier instructions",
        "postgres://a:k7mWq29zL@db.example/x",
        "%40",
        "[1, 4111111111111111]",
        "😀",
        "ｆｕｌｌ＠ｅｘａｍｐｌｅ．ｏｒｇ",
    ]);
    prop::collection::vec(prop_oneof![3 => values.prop_map(str::to_owned), 1 => ".{0,8}"], 0..5)
        .prop_map(|parts| parts.join(" "))
}

fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        text_piece().prop_map(Value::String),
        any::<i64>().prop_map(Value::from),
        Just(Value::from(4_111_111_111_111_111_u64)),
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((text_piece(), inner.clone()), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn an_edited_json_body_keeps_its_structure(tree in tree(), pretty in any::<bool>()) {
        let body = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) }.unwrap();
        let redacted = redact(BodyKind::Json, body.as_bytes());
        prop_assert!(serde_json::from_slice::<Value>(&redacted).is_ok(), "{}", String::from_utf8_lossy(&redacted));
        prop_assert_eq!(skeleton(body.as_bytes()), skeleton(&redacted));
    }

    #[test]
    fn bytes_outside_of_findings_stay(body in text_piece()) {
        // Zeros may look like UTF-16, in which placeholders are then written.
        prop_assume!(!body.contains('\0'));
        // Attacks enclose values: they are no values themselves, and nobody edits them.
        let mut findings = scan(BodyKind::Text, body.as_bytes());
        findings.retain(|finding| finding.action != Action::Alert);
        let redacted = String::from_utf8(redact(BodyKind::Text, body.as_bytes())).unwrap();
        let mut rest = redacted.as_str();
        let mut at = 0;
        for finding in &findings {
            rest = rest.strip_prefix(&body[at..finding.start]).unwrap();
            rest = rest.strip_prefix(&placeholder(&finding.kind)).unwrap();
            at = finding.end;
        }
        prop_assert_eq!(rest, &body[at..]);
    }

    #[test]
    fn any_bytes_are_scanned_without_a_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        let multipart = BodyKind::Multipart(Boundary::new(b"-").unwrap());
        for kind in [BodyKind::Json, BodyKind::Form, BodyKind::Ndjson, BodyKind::Sse, multipart, BodyKind::Text] {
            for finding in scan(kind, &body) {
                prop_assert!(finding.start < finding.end && finding.end <= body.len());
            }
        }
    }
}
