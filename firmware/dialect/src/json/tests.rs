use proptest::prelude::{any, proptest};

use super::{Token, Tokens, unescaped, word};

fn tokens(text: &str) -> Vec<Token> {
    Tokens::new(text.as_bytes()).collect()
}

#[test]
fn offsets_are_those_of_the_bytes() {
    use Token::{Bare, Close, Key, Open, Text};
    let rows = [
        (r#"{"a" : "b"}"#, vec![Open { object: true, at: 0 }, Key(1..4), Text(7..10), Close { end: 11 }]),
        ("[1, -2e3]", vec![Open { object: false, at: 0 }, Bare(1..2), Bare(4..8), Close { end: 9 }]),
        (r#""a\"b\\""#, vec![Text(0..8)]),
        ("\u{feff}null", vec![Bare(3..7)]),
        // Broken off, or never JSON.
        (r#"{"a": "b"#, vec![Open { object: true, at: 0 }, Key(1..4), Text(6..8)]),
        ("\"a\\", vec![Text(0..3)]),
        ("a\u{0}b", vec![Bare(0..1), Bare(1..2), Bare(2..3)]),
        ("]", vec![Close { end: 1 }]),
        ("", vec![]),
    ];
    for (text, expected) in rows {
        assert_eq!(tokens(text), expected, "{text:?}");
    }
}

#[test]
fn words_are_compared_unescaped() {
    assert_eq!(word(br#""signature""#).as_deref(), Some("signature"));
    assert_eq!(word(br#""sign\u0061ture""#).as_deref(), Some("signature"));
    for not_a_word in [&b"true"[..], b"\"broken off", b"\"\\q\"", b"\"\xff\"", &[b'"'; 600]] {
        assert_eq!(word(not_a_word), None, "{not_a_word:?}");
    }
}

#[test]
fn what_is_escaped_is_what_it_stands_for() {
    let rows = [
        ("", ""),
        ("plain \u{e9}", "plain \u{e9}"),
        (r#"\"\\\/\b\f\n\r\t"#, "\"\\/\u{8}\u{c}\n\r\t"),
        (r"\u0041\u00e9\u20AC\u002fz", "A\u{e9}\u{20ac}/z"),
        (r"\ud83d\ude00!", "\u{1f600}!"),
        // Broken: half a pair, no number, an end too early, no escape of JSON.
        (r"\ud83d!", "\u{fffd}!"),
        (r"\ud83d\u0041", "\u{fffd}A"),
        (r"\ude00\ud83d", "\u{fffd}\u{fffd}"),
        (r"\u+041z", "\u{fffd}+041z"),
        (r"\u00", "\u{fffd}00"),
        (r"\x\", "x"),
    ];
    for (inside, said) in rows {
        assert_eq!(String::from_utf8(unescaped(inside.as_bytes()).collect()).unwrap(), said, "{inside}");
    }
}

proptest! {
    #[test]
    fn strings_are_read_as_others_read_them(text in any::<String>()) {
        let quoted = serde_json::to_string(&text).unwrap();
        let inside = &quoted.as_bytes()[1..quoted.len() - 1];
        assert_eq!(unescaped(inside).collect::<Vec<u8>>(), text.into_bytes());
    }
}
