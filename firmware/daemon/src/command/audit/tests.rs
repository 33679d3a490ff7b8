use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use gate_audit::{ChainWriter, JournalConfig, Report};
use gate_core::{Event, Journal as _, ProcessEvent, ProcessState, SystemClock};
use gate_seal::DeviceKey;
use tempfile::TempDir;

use super::left_out;
use super::verify::{verify_to, words};
use crate::cli::JournalArgs;
use crate::{CommandError, Outcome, provision};

/// A journal as a device leaves it, whose supervisor started `dns` twice.
fn journal() -> TempDir {
    let root = TempDir::new().unwrap();
    let key = DeviceKey::generate().unwrap();
    let pem = key.to_pkcs8_pem().unwrap();
    fs::write(root.path().join(provision::DEVICE_PUBLIC), key.public().to_pem().unwrap()).unwrap();
    for process in [provision::SUPERVISOR, "dns"] {
        let options = JournalConfig::default().options(process);
        let key = DeviceKey::from_pkcs8_pem(&pem).unwrap();
        let writer = ChainWriter::open(&root.path().join(process), options, key, Arc::new(SystemClock)).unwrap();
        for name in [process, "dns", "dns"] {
            let event =
                ProcessEvent { process: name.into(), pid: 7, state: ProcessState::Started, version: "1".into() };
            writer.append(&Event::Process(event)).unwrap();
        }
        writer.close().unwrap();
    }
    root
}

fn args(root: &Path) -> JournalArgs {
    JournalArgs { config: None, dir: Some(root.to_owned()), process: None, key: None, json: false }
}

/// The answer and what was printed.
fn verified(args: &JournalArgs) -> (Outcome, String) {
    let mut out = Vec::new();
    let outcome = verify_to(&mut out, args).unwrap();
    (outcome, String::from_utf8(out).unwrap())
}

#[test]
fn audit_verify_says_whose_key_it_used() {
    let root = journal();
    let (outcome, text) = verified(&args(root.path()));
    assert_eq!(outcome, Outcome::Done);
    assert!(text.starts_with("dns: ok, 3 records in 1 segment, 2 signed heads\n"), "{text}");
    assert!(text.ends_with("--key FILE checks with one that was kept elsewhere\n"), "{text}");
    let key = Some(root.path().join(provision::DEVICE_PUBLIC));
    assert_eq!(verified(&JournalArgs { key: key.clone(), ..args(root.path()) }).1.lines().count(), 2);
    for (key, trusted) in [(key, true), (None, false)] {
        let (_, rows) = verified(&JournalArgs { key, json: true, ..args(root.path()) });
        let rows: Vec<serde_json::Value> = rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
        assert!(rows.len() == 2 && rows.iter().all(|row| row["report"]["trusted_key"] == trusted), "{rows:?}");
    }
}

#[test]
fn audit_verify_misses_a_chain_that_the_supervisor_started() {
    let root = journal();
    for file in ["00000000000000000000.seg", "lock"] {
        fs::remove_file(root.path().join("dns").join(file)).unwrap();
    }
    let (outcome, text) = verified(&args(root.path()));
    assert_eq!(outcome, Outcome::No);
    assert!(text.contains("dns: BAD, ") && text.contains("before the head signed at record 3"), "{text}");
    fs::remove_file(root.path().join("dns/head")).unwrap();
    for emptied in [true, false] {
        let (outcome, text) = verified(&args(root.path()));
        assert_eq!(outcome, Outcome::No);
        assert!(text.contains("supervisor: ok") && text.contains("/dns: missing"), "{text}");
        let only = verified(&JournalArgs { process: Some("dns".into()), json: true, ..args(root.path()) });
        assert!(only.0 == Outcome::No && only.1.contains(r#""ok":false"#) && only.1.lines().count() == 1, "{only:?}");
        if emptied {
            fs::remove_dir(root.path().join("dns")).unwrap();
        }
    }
}

#[test]
fn records_of_a_newer_program_are_counted_and_an_export_without_them_is_not_whole() {
    let report = Report { records: 12, newer: 2, segments: 1, heads_verified: 2, ..Report::default() };
    assert_eq!(words(&report), "12 records in 1 segment, 2 signed heads, 2 records of a newer program");
    for (newer, whole) in [(0, Outcome::Done), (1, Outcome::No), (12, Outcome::No)] {
        let mut outcome = Outcome::Done;
        left_out(&mut outcome, "proxy", newer).unwrap();
        assert_eq!(outcome, whole);
    }
}

/// Writes as the supervisor does, into a chain that is there or not; `end` is what ends the run.
fn run(root: &Path, names: &[&str], end: impl FnOnce(ChainWriter)) {
    let pem = fs::read(root.join("device.pem")).unwrap();
    let key = DeviceKey::from_pkcs8_pem(std::str::from_utf8(&pem).unwrap()).unwrap();
    let options = JournalConfig::default().options(provision::SUPERVISOR);
    let writer = ChainWriter::open(&root.join(provision::SUPERVISOR), options, key, Arc::new(SystemClock)).unwrap();
    for name in names {
        let state = ProcessState::Started;
        let event = ProcessEvent { process: (*name).into(), pid: 7, state, version: "1".into() };
        writer.append(&Event::Process(event)).unwrap();
    }
    end(writer);
}

#[test]
fn audit_verify_misses_no_chain_whose_start_a_power_cut_left_alone() {
    let root = TempDir::new().unwrap();
    let root = root.path();
    let key = DeviceKey::generate().unwrap();
    fs::write(root.join("device.pem"), key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
    fs::write(root.join(provision::DEVICE_PUBLIC), key.public().to_pem().unwrap()).unwrap();
    let segment = root.join(provision::SUPERVISOR).join("00000000000000000000.seg");
    // What a cut leaves: the records that were written so far, and no head of the end.
    let cut = |writer: ChainWriter| {
        let mut bytes = fs::read(&segment).unwrap();
        writer.close().unwrap();
        bytes.extend([0; 7]);
        fs::write(&segment, bytes).unwrap();
    };
    let said = || verified(&args(root));
    run(root, &[provision::SUPERVISOR, "admin"], cut);
    fs::remove_file(root.join(provision::SUPERVISOR).join("head")).unwrap();
    // The next start signs for the repair; the power goes again before the process has a chain.
    run(root, &[provision::SUPERVISOR], cut);
    let heads = gate_audit::heads(root.join(provision::SUPERVISOR)).unwrap();
    assert_eq!(heads, [gate_core::Position(0)], "one that began the chain, none that a repair asked for");
    assert!(!said().1.contains("missing"), "{}", said().1);
    // A run that stood long enough for a head of its own is believed.
    run(root, &[provision::SUPERVISOR, "admin"], |writer| writer.close().unwrap());
    assert!(said().1.contains("/admin: missing"), "{}", said().1);
}

#[test]
fn a_journal_of_nobody_is_no_answer() {
    let root = TempDir::new().unwrap();
    assert!(matches!(verify_to(Vec::new(), &args(root.path())), Err(CommandError::Input(_))));
    let other = JournalArgs { process: Some("proxy".into()), ..args(journal().path()) };
    assert!(matches!(verify_to(Vec::new(), &other), Err(CommandError::Input(_))));
}

/// Whoever reads takes nothing.
struct Closed;

impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn audit_verify_into_a_closed_pipe_is_quiet_and_still_answers() {
    let root = journal();
    assert_eq!(verify_to(Closed, &args(root.path())).unwrap(), Outcome::Done);
    fs::remove_file(root.path().join("supervisor/00000000000000000000.seg")).unwrap();
    assert_eq!(verify_to(Closed, &args(root.path())).unwrap(), Outcome::No);
}
