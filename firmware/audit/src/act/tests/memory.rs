//! Records that wait in memory for a disk that takes none.

use std::fs;
use std::path::Path;

use gate_core::{Event, Journal, JournalError, Position, UnixMicros};
use tempfile::TempDir;

use crate::testing::{START, append, event, key, open, options, read_all};
use crate::{ChainWriter, Options, Waiting, verify};

/// What the bound is in these tests: about twenty records.
const ROOM: usize = 2048;

#[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
fn rest() {
    std::thread::sleep(std::time::Duration::from_millis(1100));
}

/// A writer with ten records, whose disk then fails: the head file cannot be replaced while its new name is a folder.
fn failing(dir: &Path, memory_bytes: usize) -> ChainWriter {
    let writer = open(dir, Options { segment_bytes: 1 << 20, memory_bytes, ..options() });
    append(&writer, 0..10);
    fs::create_dir(dir.join("head.new")).unwrap();
    assert!(writer.flush().is_err());
    writer
}

#[test]
fn what_waits_can_be_handed_on_and_nothing_else_is_taken() {
    let (dir, allowed) = (TempDir::new().unwrap(), Options { memory_bytes: ROOM, ..options() });
    let mut waiting = Waiting::new(&allowed).unwrap();
    let kept = (0..100).filter(|number| waiting.append(&event(*number), UnixMicros(START)).is_ok()).count();
    let mut bytes = Vec::new();
    waiting.write_to(&mut bytes).unwrap();
    assert!(bytes.len() <= Waiting::most_bytes(&allowed));
    assert!(Waiting::read_from(&Options { memory_bytes: ROOM / 2, ..options() }, &bytes[..]).is_none(), "too much");
    assert!(Waiting::read_from(&allowed, &bytes[..bytes.len() - 1]).is_none());
    let mut other = bytes.clone();
    let name = other.windows(3).position(|window| window == b"n0.").unwrap();
    other[name] = 0xff;
    assert!(Waiting::read_from(&allowed, &other[..]).is_none(), "no record");
    let writer = open(dir.path(), options());
    writer.recall(Waiting::read_from(&allowed, &bytes[..]).unwrap()).unwrap();
    writer.close().unwrap();
    let (names, notes) = told(dir.path());
    assert_eq!(names, (0..kept).map(|number| format!("n{number}.example")).collect::<Vec<_>>());
    let refused = 100 - kept;
    assert!(notes[0].contains(&format!("{kept} records waited")) && notes[0].contains(&format!("{refused} more")));
}

fn take_back(dir: &Path) {
    fs::remove_dir(dir.join("head.new")).unwrap();
}

/// The names asked for, and what is said of memory.
fn told(dir: &Path) -> (Vec<String>, Vec<String>) {
    let (mut names, mut notes) = (Vec::new(), Vec::new());
    for (_, record) in read_all(dir) {
        match record.event {
            Event::Dns(dns) => names.push(dns.name),
            Event::Admin(admin) => notes.push(format!("{} {} {}", admin.command, admin.ok, admin.detail.unwrap())),
            other => panic!("{other:?}"),
        }
    }
    (names, notes)
}

#[test]
fn what_waited_follows_in_order_and_the_journal_says_so() {
    let dir = TempDir::new().unwrap();
    let writer = failing(dir.path(), ROOM);
    append(&writer, 10..15);
    rest();
    append(&writer, 15..16);
    let times = |dir: &Path| read_all(dir).iter().map(|(_, record)| record.at.0).collect::<Vec<_>>();
    let before = times(dir.path());
    take_back(dir.path());
    rest();
    assert_eq!(writer.append(&event(16)).unwrap(), Position(17), "what waited and what is said of it come first");
    writer.close().unwrap();
    let (names, notes) = told(dir.path());
    assert_eq!(names, (0..17).map(|number| format!("n{number}.example")).collect::<Vec<_>>());
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("journal_in_memory true 6 records waited in memory"), "{notes:?}");
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert_eq!((report.records, report.lost, report.torn_tail.is_none()), (18, 0, true), "{report:?}");
    assert!(report.repairs >= 1, "the interruption itself is signed for");
    let after = times(dir.path());
    assert_eq!(after[..before.len()], before);
    assert!(after.is_sorted(), "each has the time at which it happened");
}

#[test]
fn past_the_bound_records_are_refused_and_counted() {
    let dir = TempDir::new().unwrap();
    let writer = failing(dir.path(), ROOM);
    let taken = (0..100).filter(|number| writer.append(&event(10 + number)).is_ok()).count();
    assert!((10..50).contains(&taken), "{taken} fit");
    assert!(matches!(writer.append(&event(0)), Err(JournalError::Closed)));
    take_back(dir.path());
    rest();
    writer.append(&event(1)).unwrap();
    writer.close().unwrap();
    let (names, notes) = told(dir.path());
    assert_eq!(names.len(), 10 + taken + 1);
    let wanted = format!("{taken} records waited");
    assert!(
        notes[0].contains(" false ") && notes[0].contains(&wanted) && notes[0].contains("were refused"),
        "{notes:?}"
    );
    verify(dir.path(), Some(&key().public())).unwrap();
}

#[test]
fn the_thread_brings_them_to_disk_without_another_append() {
    let dir = TempDir::new().unwrap();
    let quick = std::time::Duration::from_millis(50);
    let options = Options { segment_bytes: 1 << 20, memory_bytes: ROOM, sync_interval: quick, ..options() };
    let writer = open(dir.path(), options);
    append(&writer, 0..5);
    fs::create_dir(dir.path().join("head.new")).unwrap();
    assert!(writer.flush().is_err());
    append(&writer, 5..8);
    take_back(dir.path());
    rest();
    rest();
    assert_eq!(told(dir.path()).0.len(), 8);
    drop(writer);
}

#[test]
fn the_end_of_the_process_is_the_last_try() {
    let dir = TempDir::new().unwrap();
    let writer = failing(dir.path(), ROOM);
    append(&writer, 10..12);
    take_back(dir.path());
    rest();
    writer.close().unwrap();
    assert_eq!(told(dir.path()).0.len(), 12);
}

#[test]
fn what_waited_for_a_chain_to_be_opened_comes_first_in_it() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..3);
    let allowed = Options { segment_bytes: 1 << 20, memory_bytes: ROOM, ..options() };
    assert!(Waiting::new(&options()).is_none(), "without leave nothing waits");
    let mut waiting = Waiting::new(&allowed).unwrap();
    let taken = (3..100).filter(|number| waiting.append(&event(*number), UnixMicros(START + number)).is_ok()).count();
    assert!((10..50).contains(&taken) && waiting.count() == taken, "{taken} fit");
    let writer = open(dir.path(), allowed);
    writer.recall(waiting).unwrap();
    writer.append(&event(100)).unwrap();
    writer.close().unwrap();
    let (names, notes) = told(dir.path());
    let wanted = (0..3).chain(3..3 + taken as u64).chain([100]).map(|number| format!("n{number}.example"));
    assert_eq!(names, wanted.collect::<Vec<_>>());
    assert!(notes[0].starts_with(&format!("journal_in_memory false {taken} records waited in memory")), "{notes:?}");
    verify(dir.path(), Some(&key().public())).unwrap();
}
