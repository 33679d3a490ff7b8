use std::sync::Arc;

use proptest::prelude::*;

use super::{FormatError, HEADER, MAX_FILES, MAX_PACK_BYTES, PackSource};
use crate::accept::Limits;
use crate::pack::tests::RULE as RULES;
use crate::pack::{BUILTIN, Draft, MAX_MEMORY, Pack, PackError};
use crate::scan::Scanner;

const MANIFEST: &str = "name = \"acme\"\nversion = \"2026.11.1\"\n";

const ALLOWED: &str = "[[sample]]\nname = \"n\"\nsource = \"s\"\nvalues = [\"acme_7d1f0c5e\"]\n";

fn source(files: &[(&str, &str)]) -> Result<PackSource, PackError> {
    let owned = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
    PackSource::from_files(files.iter().map(owned), vec![1, 2, 3])
}

fn small() -> PackSource {
    source(&[("pack.toml", MANIFEST), ("kb1/a.toml", RULES), ("allow.toml", ALLOWED)]).unwrap()
}

/// Bytes with a header of their own length.
fn framed(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap().to_le_bytes();
    [b"NANOPACK".as_slice(), &1_u16.to_le_bytes(), &len, body].concat()
}

#[test]
fn a_pack_survives_the_file() {
    let bytes = small().to_bytes();
    assert_eq!(PackSource::from_bytes(&bytes).unwrap(), small());
    let pack = Arc::new(Pack::from_bytes(&bytes, &[]).unwrap());
    assert_eq!((pack.info().name.as_str(), pack.info().version.to_string().as_str()), ("acme", "2026.11.1"));
    assert_eq!((pack.rules().count(), pack.allowed()), (1, 1));
    assert!(pack.failing_examples().is_empty());
    let found = |text: &str| Scanner::new(pack.clone()).text(text.as_bytes(), &Limits::default()).unwrap().len();
    assert_eq!((found("acme_7d1f0c5f"), found("acme_7d1f0c5e")), (1, 0));
}

#[test]
fn the_order_of_files_does_not_matter() {
    let other = source(&[("allow.toml", ALLOWED), ("kb1/a.toml", RULES), ("pack.toml", MANIFEST)]).unwrap();
    assert_eq!(other.to_bytes(), small().to_bytes());
}

#[test]
fn the_builtin_rules_fit_a_pack_and_find_the_same() {
    let source = PackSource::builtin();
    let bytes = source.to_bytes();
    assert!(bytes.len() < MAX_PACK_BYTES / 4, "{} bytes", bytes.len());
    let (read, carried) = (Pack::from_bytes(&bytes, &[]).unwrap(), Pack::compile(BUILTIN.iter().copied()).unwrap());
    assert_eq!(read.info(), carried.info());
    // The order of rules decides between equals, so it is part of what a pack means.
    assert!(read.rules().eq(carried.rules()));
    assert_eq!(read.allowed(), carried.allowed());
    assert!(read.allowed() > 100);
}

#[test]
fn what_is_behind_the_pack_is_its_owner_s() {
    let bytes = small().to_bytes();
    let signed = [bytes.as_slice(), b"signature"].concat();
    assert_eq!(PackSource::split(&signed).unwrap(), (bytes.as_slice(), b"signature".as_slice()));
    assert_eq!(PackSource::from_bytes(&signed).unwrap_err(), FormatError::Damaged("bytes follow its end"));
}

#[test]
fn every_cut_and_every_flipped_bit_of_the_frame_is_refused() {
    let bytes = small().to_bytes();
    for end in 0..bytes.len() {
        assert!(PackSource::from_bytes(&bytes[..end]).is_err(), "cut at {end}");
    }
    for bit in 0..HEADER * 8 {
        let mut bytes = bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(PackSource::from_bytes(&bytes).is_err(), "bit {bit}");
    }
}

#[test]
fn hostile_lengths_are_named_or_end_early() {
    let huge = [b"NANOPACK".as_slice(), &1_u16.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
    assert!(matches!(PackSource::from_bytes(&huge).unwrap_err(), FormatError::TooLarge { .. }));
    let newer = [b"NANOPACK".as_slice(), &2_u16.to_le_bytes(), &[0; 4]].concat();
    assert_eq!(PackSource::from_bytes(&newer).unwrap_err(), FormatError::Format(2));
    assert_eq!(PackSource::from_bytes(b"PK\x03\x04").unwrap_err(), FormatError::Magic);
    // A name, a version, and 2^63 files in a body of a few bytes.
    let body = [b"\x01a\x051.2.3".as_slice(), &[0xff; 9], &[0x7f]].concat();
    assert_eq!(PackSource::from_bytes(&framed(&body)).unwrap_err(), FormatError::Damaged("its body cannot be read"));
    // The same number in two bytes is another file for the same pack.
    let right = [b"\x01a\x051.2.3".as_slice(), &[0], &[0]].concat();
    assert!(PackSource::from_bytes(&framed(&right)).is_ok());
    let twice = [b"\x01a\x051.2.3".as_slice(), &[0x80, 0], &[0]].concat();
    assert!(matches!(PackSource::from_bytes(&framed(&twice)).unwrap_err(), FormatError::Damaged(_)));
}

#[test]
fn sources_that_are_no_pack_say_why() {
    let long = "a".repeat(3 << 20);
    let rows: [(&[(&str, &str)], &str); 8] = [
        (&[("a.toml", RULES)], "there is no `pack.toml`"),
        (&[("pack.toml", "name = \"a\"")], "pack.toml:1: missing field `version`"),
        (&[("pack.toml", "name = \"A b\"\nversion = \"1.2.3\"")], "pack.toml:1: `name` has 1 to 64"),
        (&[("pack.toml", "name = \"a\"\nversion = \"1.2\"")], "pack.toml:2: a version is three numbers"),
        (&[("pack.toml", MANIFEST), ("A.toml", RULES)], "the path `A.toml`"),
        (&[("pack.toml", MANIFEST), ("a.toml", ""), ("a.toml", "")], "two files have the path `a.toml`"),
        (&[("pack.toml", MANIFEST), ("a.toml", &long)], "is more than 2097152"),
        (&[("pack.toml", MANIFEST), ("allow.toml", ALLOWED), ("a.toml", "kb = 1")], ""),
    ];
    for (files, says) in rows {
        match source(files) {
            Ok(source) => assert!(says.is_empty() && source.compile(&[]).is_err(), "{says}"),
            Err(error) => assert!(!says.is_empty() && error.to_string().contains(says), "{error}"),
        }
    }
    let many: Vec<(String, String)> = (0..=MAX_FILES).map(|n| (format!("{n:04}.toml"), String::new())).collect();
    let manifest = [("pack.toml".to_owned(), MANIFEST.to_owned())];
    assert!(PackSource::from_files(many.into_iter().chain(manifest), Vec::new()).is_err());
}

#[test]
fn every_mistake_is_named_at_once() {
    let bad = RULES.replace("{8}", "{8");
    let files = [
        ("pack.toml", MANIFEST),
        ("a.toml", bad.as_str()),
        ("b.toml", &RULES.replace("kind =", "kinds =")),
        ("c.toml", &RULES.replace("acme-key", "other-key").replace("high", "highest")),
        ("d.toml", RULES),
        ("allow.toml", "[[sample]]\nname = \"n\"\nsource = \"s\"\nvalues = [\"short\"]\n"),
    ];
    let errors = source(&files).unwrap().compile_all(&[]).unwrap_err();
    let starts =
        ["a.toml:4: rule `acme-key`: `pattern`", "allow.toml:4: a value has", "b.toml:7: ", "c.toml:8: ", "d.toml:4: "];
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), starts.len(), "{texts:#?}");
    for start in starts {
        assert!(texts.iter().any(|text| text.starts_with(start)), "{start}: {texts:#?}");
    }
}

#[test]
fn a_pack_that_compiles_to_too_much_is_refused() {
    let rule = RULES.split_once("[[rule]]").unwrap().1;
    let anchor = |number: usize| format!("\"{}{number:04}\"", "q".repeat(40));
    let anchors = (0..4000).map(anchor).collect::<Vec<_>>().join(", ");
    let rules = format!("kb = \"kb1-secrets\"\n[[rule]]{}", rule.replace("\"acme_\"", &anchors));
    let error = source(&[("pack.toml", MANIFEST), ("a.toml", &rules)]).unwrap().compile(&[]).unwrap_err();
    assert!(error.to_string().contains("more than 163840 bytes of anchors"), "{error}");
    for (memory, says) in [(MAX_MEMORY, "more than 25165824 bytes of automata"), (MAX_MEMORY - (64 << 10), "")] {
        let mut draft = Draft::default();
        draft.memory = memory;
        draft.add_file("a.toml", RULES, &[]);
        let error = draft.finish().err().map(|errors| errors[0].to_string()).unwrap_or_default();
        assert!(error.contains(says) && error.is_empty() == says.is_empty(), "{error}");
    }
}

#[test]
fn the_allow_list_holds_what_manuals_print() {
    let pack = Arc::new(Pack::compile(BUILTIN.iter().copied()).unwrap());
    let scanner = Scanner::new(pack);
    let found = |text: &str| scanner.text(text.as_bytes(), &Limits::default()).unwrap();
    for text in [
        "pay with card 4242 4242 4242 4242 in test mode",
        "card number: 5105-1051-0510-5100",
        "card=378282246310005",
        "export AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "iban GB82 WEST 1234 5698 7654 32",
        "token 110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
    ] {
        assert!(found(text).is_empty(), "{text}: {:?}", found(text));
    }
    // One digit further, and what people try out.
    for text in ["pay with card 4242 4242 4242 4259 now", "card 4111 1111 1111 1111"] {
        assert_eq!(found(text).len(), 1, "{text}: {:?}", found(text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn changed_packs_never_panic(at in 0..400_usize, byte: u8, cut in 0..900_usize) {
        let mut bytes = small().to_bytes();
        let place = at % bytes.len();
        bytes[place] = byte;
        bytes.truncate(bytes.len().min(cut + 100));
        if let Ok(source) = PackSource::from_bytes(&bytes) {
            prop_assert_eq!(source.to_bytes(), bytes);
            let _ = source.compile_all(&[]);
        }
    }

    #[test]
    fn bytes_behind_a_header_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Pack::from_bytes(&framed(&body), &[]);
    }
}
