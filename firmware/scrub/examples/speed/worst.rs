//! The worst inputs that can be thought of: every anchor, lead and example of every rule, over and over.

use std::collections::BTreeSet;
use std::time::Duration;

use gate_scrub::{BUILTIN, BodyKind, Limits, Scanner};

use super::timed;

/// Bytes of one hostile body.
const SIZE: usize = 32 << 10;

/// The dearest input.
pub(crate) struct Worst {
    /// Times the cost of clean text, byte for byte.
    pub(crate) ratio: f64,
    pub(crate) name: String,
    /// How many inputs were refused because their work passed the limit.
    pub(crate) refused: usize,
}

/// The dearest input beside clean text, which costs `clean` nanoseconds a byte.
pub(crate) fn worst(scanner: &Scanner, clean: f64) -> Worst {
    let mut worst = Worst { ratio: 0.0, name: String::new(), refused: 0 };
    for (name, body) in hostile() {
        let scan = || scanner.body(BodyKind::Text, &body, &Limits::default());
        let (first, result) = timed(scan);
        worst.refused += usize::from(result.is_err());
        let ratio = |time: Duration| time.as_nanos() as f64 / body.len() as f64 / clean;
        if ratio(first) <= worst.ratio {
            continue;
        }
        let again = (0..5).map(|_| timed(scan).0).min().map_or(0.0, ratio);
        if again > worst.ratio {
            (worst.ratio, worst.name) = (again, name);
        }
    }
    worst
}

/// Bodies with a name that says what they repeat.
fn hostile() -> Vec<(String, Vec<u8>)> {
    let mut pieces: BTreeSet<(String, String)> = BTreeSet::new();
    let mut add = |name: &str, piece: &str| {
        for glue in ["", " ", "1", "a", "-", "\n", "=", "\""] {
            pieces.insert((format!("{name} with {glue:?}"), format!("{piece}{glue}")));
        }
    };
    for text in BUILTIN.iter().map(|(_, text)| text) {
        let Ok(file) = text.parse::<toml::Table>() else { continue };
        for rule in file.get("rule").and_then(toml::Value::as_array).into_iter().flatten() {
            let strings = |key: &str| rule.get(key).and_then(toml::Value::as_array).cloned().unwrap_or_default();
            let id = rule.get("id").and_then(toml::Value::as_str).unwrap_or_default();
            for key in ["anchors", "match", "no_match"] {
                for (at, value) in strings(key).iter().enumerate() {
                    let text = value.as_str().or_else(|| value.get("text")?.as_str()).unwrap_or_default();
                    add(&format!("{id} {key} {at}"), text);
                }
            }
        }
    }
    let simple = [
        "1",
        "12",
        "1234 ",
        "1234-5678 ",
        "0 ",
        "1.1.1.1",
        "00",
        "+1 ",
        "4111 1111 1111 1111 ",
        "(212) 555-0100 ",
        "a@",
        "@",
        "a.b@c.d",
        "://a:b@",
        "%25",
        "%41",
        "\\",
        "\\u0041",
        "\\\\n",
        "\u{200B}",
        "ａ",
        "é",
        "{\"a\":",
        "[[",
        "\"\\\"",
        "QUFB",
        "UVVGQlFVRkI=",
        "6161",
        "{\"a\":\"{\\\"b\\\":1}\"} ",
        "eyJ",
        "A",
        "aA1",
        "-----BEGIN ",
        "key ",
        "=",
        ":",
    ];
    simple.iter().for_each(|piece| add(&format!("{piece:?}"), piece));
    let repeat = |piece: String| piece.repeat(SIZE.div_ceil(piece.len())).into_bytes();
    pieces.into_iter().map(|(name, piece)| (name, repeat(piece))).collect()
}
