//! The worst inputs that can be thought of: every anchor, lead and example of every rule, over and over.

use std::collections::BTreeSet;
use std::time::Duration;

use gate_scrub::{BUILTIN, BodyKind, Limits, ScanError, Scanner};

use super::timed;

/// Bytes of one hostile body.
pub(crate) const SIZE: usize = 32 << 10;

/// Inputs that a report shows.
pub(crate) const SHOWN: usize = 40;

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
    for (name, piece) in hostile() {
        let (ratio, refused) = ratio(scanner, clean, &piece, worst.ratio);
        worst.refused += usize::from(refused);
        if ratio > worst.ratio {
            (worst.ratio, worst.name) = (ratio, name);
        }
    }
    worst
}

/// Prints the dearest inputs and their share of the cost of clean text.
pub(crate) fn report(scanner: &Scanner, clean: f64) {
    let mut all: Vec<(f64, String)> =
        hostile().into_iter().map(|(name, piece)| (ratio(scanner, clean, &piece, 10.0).0, name)).collect();
    all.sort_unstable_by(|one, other| other.0.total_cmp(&one.0));
    all.iter().take(SHOWN).for_each(|(ratio, name)| println!("{ratio:>8.1}  {name}"));
}

/// What a piece costs over and over beside clean text, and whether the scan is refused. Measured again and again where it
/// is more than `enough` at first.
fn ratio(scanner: &Scanner, clean: f64, piece: &str, enough: f64) -> (f64, bool) {
    // Made one by one: all of them together would fill gigabytes.
    let body = body(piece, SIZE);
    let scan = || scanner.body(BodyKind::Text, &body, &Limits::default());
    let (first, result) = timed(scan);
    let ratio = |time: Duration| time.as_nanos() as f64 / body.len() as f64 / clean;
    let again = if ratio(first) > enough { (0..5).map(|_| timed(scan).0).min() } else { None };
    (ratio(again.unwrap_or(first).min(first)), result.is_err())
}

/// A piece over and over, at least `size` bytes of it.
pub(crate) fn body(piece: &str, size: usize) -> Vec<u8> {
    piece.repeat(size.div_ceil(piece.len().max(1))).into_bytes()
}

/// Prints how many steps a byte of each file takes, when it is repeated so often that what every scan is granted does not
/// count: what [`Limits::max_work`] must not be below.
pub(crate) fn work(scanner: &Scanner, files: &[String]) -> std::io::Result<()> {
    const ENOUGH: usize = 4 << 20;
    for file in files {
        let text = std::fs::read(file)?;
        let body = text.repeat(ENOUGH.div_ceil(text.len().max(1)));
        let is_too_little = |max_work: &usize| {
            let limits = Limits { max_work: *max_work, ..Limits::default() };
            matches!(scanner.body(BodyKind::Text, &body, &limits), Err(ScanError::Work { .. }))
        };
        let (mut low, mut high) = (0, 1 << 12);
        while low < high {
            let middle = (low + high) / 2;
            if is_too_little(&middle) { low = middle + 1 } else { high = middle }
        }
        println!("{low:>8}  {file}");
    }
    Ok(())
}

/// What bodies repeat, with a name that says so.
pub(crate) fn hostile() -> BTreeSet<(String, String)> {
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
    pieces.retain(|(_, piece)| !piece.is_empty());
    pieces
}
