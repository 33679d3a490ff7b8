use serde_json::{Value, json};

use super::{scan_bytes, scan_rows};
use crate::{Outcome, worker};

fn rows(input: &str) -> (Outcome, Vec<Value>) {
    let scanner = worker::scanner_with(&[]).unwrap();
    let mut out = Vec::new();
    let outcome = scan_rows(&scanner, input.as_bytes(), &mut out).unwrap();
    let lines = String::from_utf8(out).unwrap();
    (outcome, lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn rows_keep_their_order_and_ids() {
    let (outcome, out) =
        rows("{\"id\":1,\"text\":\"hello\"}\n\n{\"id\":\"b\",\"text\":\"write to anna.meyer@example.org\"}\n");
    assert_eq!(outcome, Outcome::No);
    assert_eq!(out[0], json!({"id": 1, "verdict": "allow", "findings": [], "redacted": "hello"}));
    assert_eq!(out[1]["id"], "b");
    assert_eq!(out[1]["verdict"], "redact");
    assert_eq!(out[1]["redacted"], "write to [REDACTED_EMAIL]");
    let finding = &out[1]["findings"][0];
    assert_eq!((finding["start"].as_u64(), finding["end"].as_u64()), (Some(9), Some(31)));
    for key in ["rule", "kind", "kb", "confidence", "action", "why"] {
        assert!(!finding[key].is_null(), "{key} is missing");
    }
}

#[test]
fn a_row_that_is_none_is_named() {
    let scanner = worker::scanner_with(&[]).unwrap();
    let error = scan_rows(&scanner, &b"{\"id\":1,\"text\":\"a\"}\n{\"id\":2}\n"[..], Vec::new()).unwrap_err();
    assert!(error.to_string().starts_with("<stdin>:2: "), "{error}");
}

#[test]
fn line_and_column_count_characters() {
    let scanner = worker::scanner_with(&[]).unwrap();
    let text = "first\nsecond\nGrüße an anna.meyer@example.org bitte\n";
    let scanned = scan_bytes(&scanner, "a.txt".to_owned(), text.as_bytes()).unwrap();
    assert_eq!(scanned.found.iter().map(|found| (found.line, found.column)).collect::<Vec<_>>(), [(3, 10)]);
}

#[test]
fn what_was_named_and_not_scanned_is_not_clean() {
    let dir = std::env::temp_dir().join(format!("nanogate-scan-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let file = dir.join(name);
        std::fs::write(&file, bytes).unwrap();
        file
    };
    let binary = write("a.bin", b"\0\x01\x02");
    let clean = write("b.txt", b"hello");
    let units: Vec<u8> = "write to anna.meyer@example.org".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = write("c.txt", &[b"\xff\xfe", units.as_slice()].concat());
    let scan = |paths: Vec<std::path::PathBuf>| {
        super::scan(&crate::cli::ScanArgs { paths, jsonl: false, format: crate::cli::ScanFormat::Json })
    };
    assert_eq!(scan(vec![clean]).unwrap(), Outcome::Done);
    assert!(scan(vec![binary]).unwrap_err().to_string().contains("could not be scanned"));
    assert_eq!(scan(vec![utf16]).unwrap(), Outcome::No);
    assert_eq!(scan(vec![dir.clone()]).unwrap(), Outcome::No, "in a folder a binary file is only counted");
    std::fs::remove_dir_all(dir).unwrap();
}
