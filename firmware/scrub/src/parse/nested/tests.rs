use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::Run;
use crate::accept::ScanError;
use crate::lanes::{Marks, Wanted};
use crate::parse::Nesting;

fn runs(text: &[u8], split: usize) -> impl Iterator<Item = Run> {
    let marks = Marks::of(text, &Wanted::default());
    super::runs(text, &marks, split).collect::<Vec<_>>().into_iter()
}

fn nesting() -> Nesting {
    Nesting { max_depth: 16, max_decoded: 1 << 20, decoded: 0 }
}

fn decoded(text: &str) -> Vec<String> {
    runs(text.as_bytes(), 0)
        .filter_map(|run| run.decode(text.as_bytes(), &mut nesting()).unwrap())
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .collect()
}

const SECRET: &str =
    "the password of the router is k7!mWq29zL, and nobody else must ever learn of it, not even my own mother";

fn wrapped(text: &str, columns: usize, end: &str) -> String {
    let encoded = STANDARD.encode(text);
    let lines: Vec<&str> = encoded.as_bytes().chunks(columns).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

#[test]
fn runs_are_those_that_spell_text() {
    let rows: [(&str, &[&str]); 14] = [
        ("x = 'aGVsbG8gd29ybGQsIGhlbGxv'", &["hello world, hello"]),
        ("aGVsbG8gd29ybGQsIGhlbGxvIQ==", &["hello world, hello!"]),
        ("aGVsbG8gd29ybGQsIGhlbGxvIQ", &["hello world, hello!"]),
        ("fn5-fn5-fn5-aGVsbG8gd29ybGQ_Pz8_", &["~~~~~~~~~hello world????"]),
        ("68656c6c6f20776f726c64202d2068656c6c6f", &["hello world - hello"]),
        ("0x68656C6C6F20776F726C64", &["hello world"]),
        ("https://x.example/q/aGVsbG8gd29ybGQsIGhlbGxv", &["hello world, hello"]),
        ("pw: azchbVdxMjk=", &["k7!mWq29"]),
        ("pw: azchbVdxMjk", &["k7!mWq29"]),
        ("c1f7a93e5d0b8642fe7b19a5d3c8e06f42b7d91a", &[]),
        ("a_very_long_identifier_in_some_code_base", &[]),
        ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ", &[]),
        ("short aGVsbG8", &[]),
        ("firmware/scrub/src/parse/nested/coding.rs and 20260808T081500Z", &[]),
    ];
    for (text, expected) in rows {
        assert_eq!(decoded(text), expected, "{text}");
    }
}

#[test]
fn a_run_goes_on_in_the_next_line() {
    for columns in [48, 60, 64, 70, 75, 76] {
        for end in ["\n", "\r\n", "\n    ", "\n\t"] {
            let text = format!("data:\n{}\n-- \nThanks", wrapped(SECRET, columns, end));
            assert_eq!(decoded(&text), [SECRET], "{columns} {end:?}");
        }
    }
    let before_a_word = format!("{}\nMeyer123\n", wrapped(&SECRET[..48], 64, "\n"));
    assert_eq!(decoded(&before_a_word), [&SECRET[..48]]);
}

#[test]
fn two_lines_of_their_own_are_two_runs() {
    let text = "aGVsbG8gd29ybGQsIGhlbGxv\naGVsbG8gd29ybGQsIGhlbGxv";
    assert_eq!(decoded(text), ["hello world, hello", "hello world, hello"]);
}

#[test]
fn a_run_is_split_where_it_was_cut() {
    let text = b"aGVsbG8gd29ybGQsIGhlbGxvaGVsbG8gd29ybGQsIGhlbGxv";
    let ranges: Vec<_> = runs(text, 24).map(|run| run.range).collect();
    assert_eq!(ranges, [0..24, 24..48]);
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

fn zlib(text: &[u8], level: u32) -> Vec<u8> {
    let mut writer = ZlibEncoder::new(Vec::new(), Compression::new(level));
    writer.write_all(text).unwrap();
    writer.finish().unwrap()
}

#[test]
fn compressed_text_is_unpacked() {
    let named = {
        let mut writer =
            flate2::GzBuilder::new().filename("a.txt").comment("c").extra("x").write(Vec::new(), Compression::fast());
        writer.write_all(SECRET.as_bytes()).unwrap();
        writer.finish().unwrap()
    };
    let text = SECRET.as_bytes();
    for packed in [gzip(text), named, zlib(text, 0), zlib(text, 1), zlib(text, 6), zlib(text, 9)] {
        assert_eq!(decoded(&format!("x {} y", STANDARD_NO_PAD.encode(&packed))), [SECRET]);
    }
    let cut = gzip(text);
    let cut = decoded(&STANDARD.encode(&cut[..cut.len() - 20]));
    assert!(SECRET.starts_with(cut[0].as_str()) && cut[0].len() > 40, "{cut:?}");
}

#[test]
fn what_is_unpacked_has_a_limit() {
    let bomb = STANDARD.encode(gzip(&vec![b' '; 4 << 20]));
    let run = runs(bomb.as_bytes(), 0).next().unwrap();
    assert_eq!(run.decode(bomb.as_bytes(), &mut nesting()), Err(ScanError::Budget { limit: 1 << 20 }));
    let binary: Vec<u8> = (0..4 << 20_u32).map(|n: u32| (n.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
    let binary = STANDARD.encode(gzip(&binary));
    let run = runs(binary.as_bytes(), 0).next().unwrap();
    assert_eq!(run.decode(binary.as_bytes(), &mut nesting()), Ok(None), "no text, and not unpacked to its end");
}

#[test]
fn a_run_at_the_end_of_a_text_may_grow() {
    let line = wrapped(&SECRET[..48], 64, "");
    let rows = [
        (line.clone(), true),
        (format!("{line}\n"), true),
        (format!("{line}\r\n"), true),
        (format!("{line}\n  QUFB"), true),
        (format!("{line} "), false),
        (format!("{line}\n-- "), false),
        (format!("{line}. "), false),
    ];
    for (text, grows) in rows {
        let run = runs(text.as_bytes(), 0).next().unwrap();
        assert_eq!(run.may_grow(text.as_bytes()), grows, "{text:?}");
    }
}
