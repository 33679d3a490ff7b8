use super::{Token, Tokens, word};

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
