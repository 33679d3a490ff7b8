mod crash;
mod limits;
mod memory;
mod newer;
mod repair;

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{fs, thread};

use gate_core::{Journal, Position};
use gate_seal::DeviceKey;
use tempfile::TempDir;

use super::{ChainWriter, OpenError, Options};
use crate::testing::{Ticking, append, assert_holds, event, key, open, options, read_all, segments};
use crate::{read_head, verify};

#[test]
fn what_was_appended_is_there_at_once_and_after_reopening() {
    let dir = TempDir::new().unwrap();
    for round in 0..4 {
        let writer = open(dir.path(), options());
        append(&writer, round * 50..round * 50 + 50);
        assert_holds(dir.path(), 0..round * 50 + 50);
    }
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert_eq!((report.records, report.unsigned, report.repairs, report.lost), (200, 0, 0, 0));
    assert!(report.segments > 2 && report.heads_verified >= 4 && report.trusted_key, "{report:?}");
    assert!(report.first_at < report.last_at && report.torn_tail.is_none());
}

#[test]
fn records_carry_the_time_of_their_append() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..3);
    let times: Vec<u64> = read_all(dir.path()).iter().map(|(_, record)| record.at.0 - crate::testing::START).collect();
    // The first look at the clock was for the head with which the chain begins.
    assert_eq!(times, [1_000_000, 2_000_000, 3_000_000]);
}

#[test]
fn many_threads_share_a_writer() {
    let dir = TempDir::new().unwrap();
    let writer = Arc::new(open(dir.path(), options()));
    let threads: Vec<_> = (0..8).map(|_| Arc::clone(&writer)).collect();
    thread::scope(|scope| {
        for writer in &threads {
            scope.spawn(move || (0..200).map(|_| writer.append(&event(7)).unwrap()).max());
        }
    });
    drop((writer, threads));
    assert_eq!(verify(dir.path(), None).unwrap().records, 1600);
    assert!(read_all(dir.path()).iter().map(|(position, _)| position.0).eq(0..1600));
}

#[test]
fn a_second_writer_is_kept_out_until_the_first_is_gone() {
    let dir = TempDir::new().unwrap();
    let first = open(dir.path(), options());
    let second = || ChainWriter::open(dir.path(), options(), key(), Ticking::new());
    assert!(matches!(second(), Err(OpenError::Locked { .. })));
    first.close().unwrap();
    assert!(second().is_ok());
}

#[test]
fn heads_come_by_number_and_at_the_end() {
    let dir = TempDir::new().unwrap();
    let writer = open(dir.path(), Options { head_records: 10, segment_bytes: 1 << 20, ..options() });
    append(&writer, 0..25);
    let heads = || verify(dir.path(), None).map(|report| (report.heads_verified, report.unsigned)).unwrap();
    // Only the head with which the chain began is on disk for certain.
    assert_eq!((heads(), read_head(dir.path()).unwrap().unwrap().seq), ((3, 5), 0));
    writer.flush().unwrap();
    assert_eq!(heads(), (4, 0));
    assert_eq!(read_head(dir.path()).unwrap().unwrap().seq, 25);
    append(&writer, 25..26);
    assert_eq!(heads(), (4, 1));
    writer.close().unwrap();
    assert_eq!(heads(), (5, 0));
    open(dir.path(), options()).close().unwrap();
    assert_eq!(heads(), (5, 0), "a writer that wrote nothing signs nothing");
}

#[test]
fn heads_come_by_time_and_reach_the_disk() {
    let dir = TempDir::new().unwrap();
    let timed =
        Options { sync_interval: Duration::from_millis(5), head_interval: Duration::from_millis(20), ..options() };
    let writer = open(dir.path(), timed);
    append(&writer, 0..1);
    let until = Instant::now() + Duration::from_secs(20);
    while read_head(dir.path()).unwrap().is_none_or(|head| head.seq != 1) {
        assert!(Instant::now() < until, "no head came");
        thread::yield_now();
    }
    let heads = verify(dir.path(), None).unwrap().heads_verified;
    writer.close().unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().heads_verified, heads, "no record came, so no head did");
}

#[test]
fn the_group_may_read_and_nobody_else() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("journal/proxy");
    let writer = open(&dir, options());
    append(&writer, 0..200);
    writer.close().unwrap();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&dir), 0o750);
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        if !path.ends_with("lock") {
            assert_eq!(mode(&path), 0o640, "{}", path.display());
        }
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o2777)).unwrap();
    drop(open(&dir, options()));
    assert_eq!(mode(&dir), 0o2750, "the bit that hands the group down stays");
}

#[test]
fn another_key_goes_on_in_a_segment_of_its_own() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..3);
    let other = DeviceKey::generate().unwrap();
    let public = other.public();
    let writer = ChainWriter::open(dir.path(), options(), other, Ticking::new()).unwrap();
    assert_eq!(writer.append(&event(3)).unwrap(), Position(3));
    writer.close().unwrap();
    assert_holds(dir.path(), 0..4);
    assert_eq!(segments(dir.path()).len(), 2);
    assert_eq!(verify(dir.path(), None).unwrap().records, 4);
    assert!(verify(dir.path(), Some(&public)).is_err(), "the first part is by another key");
}

#[test]
fn options_are_checked_before_anything_is_touched() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("journal");
    let bad = Options { segment_bytes: 1, ..options() };
    let error = ChainWriter::open(&dir, bad, key(), Ticking::new()).err().unwrap();
    assert!(matches!(error, OpenError::Options { key: "segment_bytes", .. }));
    assert!(!dir.exists());
}
