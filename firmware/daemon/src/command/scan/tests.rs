use std::path::{Path, PathBuf};

use clap::Parser;

use super::report::{Report, Totals};
use super::{FileScanner, Filter, Items, Said, scan, tell, work};
use crate::cli::{Cli, ScanArgs, ScanFormat, Verb};
use crate::{Outcome, worker};

/// Arguments as a shell would give them.
fn args(words: &[&str]) -> ScanArgs {
    match Cli::try_parse_from(["nanogate", "scan"].iter().chain(words)).unwrap().verb {
        Verb::Scan(args) => args,
        other => panic!("{other:?}"),
    }
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let file = dir.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, bytes).unwrap();
    file
}

/// What a scan prints, and its totals.
fn printed(format: ScanFormat, threads: usize, words: &[&str]) -> (String, Totals) {
    let args = args(words);
    let scanner = worker::scanner_with(&[]).unwrap();
    let mut out = Vec::new();
    let mut totals = Totals::default();
    let mut report = Report::begin(&mut out, format, false, scanner.pack()).unwrap();
    let shared = std::sync::Arc::new(FileScanner {
        filter: Filter::of(&args, scanner.pack()).unwrap(),
        scanner,
        progress: indicatif::ProgressBar::hidden(),
        large: std::sync::Mutex::new(()),
    });
    let worker = || {
        let shared = shared.clone();
        move |item, outlet: &super::Outlet<Said>| work(&shared, item, outlet)
    };
    let read = |event| tell(&mut report, &mut totals, event);
    super::ordered(threads, Items::of(&args).unwrap(), worker, read).unwrap();
    report.end(&totals).unwrap();
    (String::from_utf8(out).unwrap(), totals)
}

/// A folder with something of everything.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..40 {
        let text = format!("first\nwrite to anna.meyer{number}@example.org\n");
        write(dir.path(), &format!("mails/{number:02}.txt"), text.as_bytes());
    }
    write(dir.path(), "a.bin", b"\0\x01\x02");
    write(dir.path(), "clean.txt", b"hello\n");
    dir
}

#[test]
fn what_is_printed_does_not_depend_on_the_number_of_threads() {
    let dir = folder();
    let path = dir.path().to_str().unwrap();
    for format in [ScanFormat::Text, ScanFormat::Json, ScanFormat::Sarif] {
        let (one, totals) = printed(format, 1, &[path]);
        assert_eq!((totals.findings, totals.files, totals.binary), (40, 41, 1));
        for threads in [2, 5] {
            assert_eq!(printed(format, threads, &[path]).0, one, "{format:?} with {threads} threads");
        }
    }
}

#[test]
fn text_names_file_line_column_and_rule_and_never_the_value() {
    let dir = folder();
    let (text, _) = printed(ScanFormat::Text, 2, &[dir.path().join("mails/07.txt").to_str().unwrap()]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("mails/07.txt:2:10: redact email: E-mail address (email, confidence "), "{text}");
    assert_eq!(lines[1], "1 finding in 1 file scanned");
    for format in [ScanFormat::Text, ScanFormat::Json, ScanFormat::Sarif] {
        let all = printed(format, 2, &[dir.path().to_str().unwrap()]).0;
        assert!(!all.contains("anna.meyer"), "{format:?}: a value was printed");
    }
}

#[test]
fn json_has_a_row_for_each_finding() {
    let dir = folder();
    let (json, _) = printed(ScanFormat::Json, 2, &[dir.path().to_str().unwrap()]);
    let rows: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), 40);
    let place = ["line", "column", "end_line", "end_column", "start", "end"].map(|key| rows[7][key].as_u64().unwrap());
    assert_eq!(place, [2, 10, 2, 33, 15, 38]);
    assert!(rows[7]["file"].as_str().unwrap().ends_with("mails/07.txt") && rows[7]["rule"] == "email");
}

#[test]
fn sarif_has_what_code_hosts_ask_for() {
    let dir = folder();
    let (text, _) = printed(ScanFormat::Sarif, 2, &[dir.path().join("mails").to_str().unwrap()]);
    let sarif: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((sarif["version"].as_str(), sarif["runs"].as_array().unwrap().len()), (Some("2.1.0"), 1));
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!((rules.len(), rules[0]["id"].as_str()), (1, Some("email")));
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 40);
    for result in results {
        assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert_eq!((region["startLine"].as_u64(), region["startColumn"].as_u64()), (Some(2), Some(10)));
    }
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    let clean = printed(ScanFormat::Sarif, 2, &[dir.path().join("clean.txt").to_str().unwrap()]).0;
    let clean: serde_json::Value = serde_json::from_str(&clean).unwrap();
    assert_eq!(clean["runs"][0]["results"], serde_json::json!([]));
}

#[test]
fn findings_can_be_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let file = write(dir.path(), "a.txt", b"mail anna.meyer@example.org, iban DE89 3704 0044 0532 0130 00");
    let file = file.to_str().unwrap();
    let rules = |words: &[&str]| {
        let (json, _) = printed(ScanFormat::Json, 1, &[&[file], words].concat());
        let rule = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["rule"].as_str().unwrap().to_owned();
        json.lines().map(rule).collect::<Vec<_>>()
    };
    assert_eq!(rules(&[]).len(), 2);
    assert_eq!(rules(&["--kb", "kb2-personal"]), ["email"]);
    assert_eq!(rules(&["--kb", "kb2-personal", "--kb", "kb3-payment"]).len(), 2);
    assert_eq!(rules(&["--rule", "email"]), ["email"]);
    assert!(rules(&["--min-confidence", "100", "--rule", "email"]).is_empty());
    let error = scan(&args(&[file, "--rule", "nosuch"])).unwrap_err().to_string();
    assert!(error.contains("`nosuch`"), "{error}");
    assert!(Cli::try_parse_from(["nanogate", "scan", "--kb", "kb9"]).is_err());
    assert!(Cli::try_parse_from(["nanogate", "scan", "--min-confidence", "101"]).is_err());
}

#[test]
fn what_was_named_and_not_scanned_is_not_clean() {
    let dir = tempfile::tempdir().unwrap();
    let binary = write(dir.path(), "a.bin", b"\0\x01\x02");
    let clean = write(dir.path(), "b.txt", b"hello");
    let units: Vec<u8> = "write to anna.meyer@example.org".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = write(dir.path(), "c.txt", &[b"\xff\xfe", units.as_slice()].concat());
    let run = |path: &Path| scan(&args(&["--format", "json", path.to_str().unwrap()]));
    assert_eq!(run(&clean).unwrap(), Outcome::Done);
    assert!(run(&binary).unwrap_err().to_string().contains("could not be scanned"));
    assert_eq!(run(&utf16).unwrap(), Outcome::No);
    assert_eq!(run(dir.path()).unwrap(), Outcome::No, "in a folder a binary file is only counted");
    assert!(run(&dir.path().join("nosuch")).unwrap_err().to_string().contains("nosuch: No such file"));
}
