//! Caps: the frame, the segment, the folder, the disk.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use gate_core::{Journal, JournalError, Position};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::testing::{append, assert_holds, event, event_of, frames, key, open, options, read_all, segments};
use crate::{FRAME_CAP, Options, verify};

fn frame_sizes(segment: &Path) -> Vec<usize> {
    let bytes = fs::read(segment).unwrap();
    frames(&bytes).iter().map(ExactSizeIterator::len).collect()
}

#[test]
fn a_record_beyond_the_frame_cap_is_refused_and_harms_nothing() {
    let dir = TempDir::new().unwrap();
    let writer = open(dir.path(), options());
    append(&writer, 0..1);
    let mut largest = FRAME_CAP;
    let too_large = loop {
        match writer.append(&event_of(largest)) {
            Ok(position) => break position,
            Err(JournalError::TooLarge { size, cap }) => assert!(size == cap + 1 || largest > FRAME_CAP - 64, "{size}"),
            Err(other) => panic!("{other}"),
        }
        largest -= 1;
    };
    assert_eq!(too_large, Position(1));
    append(&writer, 2..4);
    writer.close().unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().records, 4);
    let longest = segments(dir.path()).iter().flat_map(|path| frame_sizes(path)).max();
    assert_eq!(longest, Some(8 + FRAME_CAP), "the cap itself fits");
}

#[test]
fn segments_end_near_their_size() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..500);
    let sizes: Vec<u64> = segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).collect();
    assert!(sizes.len() > 5);
    assert!(sizes[..sizes.len() - 1].iter().all(|size| (4096..4096 + 512).contains(size)), "{sizes:?}");
}

#[test]
fn the_folder_stays_below_its_cap_and_the_rest_verifies() {
    let dir = TempDir::new().unwrap();
    let total = Options::least_total(4096) + 8192;
    let writer = open(dir.path(), Options { max_total_bytes: total, ..options() });
    append(&writer, 0..5000);
    writer.flush().unwrap();
    let size = || segments(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>();
    assert!(size() <= total, "{} of {total}", size());
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert!(report.pruned > 1000 && report.pruned + report.records == 5000, "{report:?}");
    assert_holds(dir.path(), report.pruned..5000);
    drop(writer);
    let writer = open(dir.path(), Options { max_total_bytes: total, ..options() });
    append(&writer, 5000..9000);
    drop(writer);
    let later = verify(dir.path(), Some(&key().public())).unwrap();
    assert!(later.pruned > report.pruned && size() <= total, "{later:?}");
}

#[test]
fn dropping_more_than_the_tombstone_says_is_noticed() {
    let dir = TempDir::new().unwrap();
    let total = Options::least_total(4096);
    append(&open(dir.path(), Options { max_total_bytes: total, ..options() }), 0..5000);
    fs::remove_file(&segments(dir.path())[0]).unwrap();
    let error = verify(dir.path(), None).unwrap_err().to_string();
    assert!(error.contains("no tombstone accounts for them"), "{error}");
}

#[test]
fn a_crash_between_tombstone_and_removal_leaves_a_journal_that_verifies() {
    let dir = TempDir::new().unwrap();
    let total = Options::least_total(4096);
    let writer = open(dir.path(), Options { max_total_bytes: total, ..options() });
    let mut number = 0;
    let mut before = Vec::new();
    // Keep a copy of each segment, until the first ones are dropped.
    while segments(dir.path()).first().is_none_or(|first| first.ends_with("00000000000000000000.seg")) {
        append(&writer, number..number + 40);
        number += 40;
        before =
            segments(dir.path()).iter().map(|path| (path.clone(), fs::read(path).unwrap())).chain(before).collect();
        writer.flush().unwrap();
    }
    drop(writer);
    for (path, bytes) in before.into_iter().filter(|(path, _)| !path.exists()) {
        fs::write(path, bytes).unwrap();
    }
    let report = verify(dir.path(), None).unwrap();
    assert_eq!((report.pruned, report.records), (0, number));
}

#[test]
fn a_slow_sync_cannot_pile_up_segments() {
    let dir = TempDir::new().unwrap();
    // The thread never gets to it: what is dropped is dropped by the appends themselves.
    let total = Options::least_total(4096);
    let writer = open(dir.path(), Options { max_total_bytes: total, ..options() });
    for number in 0..8000 {
        writer.append(&event(number)).unwrap();
        if number % 100 == 0 {
            let count = segments(dir.path()).len() as u64;
            assert!(count <= total / 4096 + 10, "{count} segments");
        }
    }
}

const DIR: &str = "GATE_AUDIT_FULL_DIR";
const HEAL_DIR: &str = "GATE_AUDIT_HEAL_DIR";

/// The child, whose files may not grow beyond a limit: as on a full disk, part of a write goes through, then none.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let writer = open(Path::new(&dir), Options { segment_bytes: 1 << 20, ..options() });
    let mut taken = 0;
    let error = loop {
        match writer.append(&event(taken)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, JournalError::Io(_)), "{error}");
    assert!(matches!(writer.append(&event(0)), Err(JournalError::Closed)), "it stays closed");
    assert!(matches!(writer.flush(), Err(JournalError::Closed)));
    fs::write(Path::new(&dir).join("taken"), taken.to_string()).unwrap();
}

#[test]
fn a_full_disk_closes_the_chain_and_leaves_a_clean_tail() {
    let dir = TempDir::new().unwrap();
    // SIGXFSZ ignored, so that the write itself fails; 24 blocks of 512 or 1024 bytes.
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 24; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "act::tests::limits::child", "--test-threads=1"])
        .env(DIR, dir.path())
        .process_group(0)
        .status()
        .unwrap();
    assert!(status.success());
    let taken: u64 = fs::read_to_string(dir.path().join("taken")).unwrap().parse().unwrap();
    let report = verify(dir.path(), None).unwrap();
    assert!(taken > 50 && report.records == taken && report.torn_tail.is_none(), "{taken}: {report:?}");
    let writer = open(dir.path(), options());
    append(&writer, taken..taken + 5);
    writer.close().unwrap();
    assert_eq!(read_all(dir.path()).len() as u64, taken + 5);
    assert_eq!(verify(dir.path(), None).unwrap().repairs, 0, "there was nothing to repair");
}

#[expect(clippy::disallowed_methods, reason = "there is no runtime here")]
fn rest() {
    thread::sleep(Duration::from_millis(1100));
}

/// The child whose disk gets room again: the chain goes on by itself, with the same writer.
#[test]
fn child_with_room_again() {
    let Some(dir) = std::env::var_os(HEAL_DIR) else { return };
    let writer = open(Path::new(&dir), Options { segment_bytes: 1 << 20, ..options() });
    let mut taken = 0;
    while writer.append(&event(taken)).is_ok() {
        taken += 1;
    }
    let (_, most) = getrlimit(Resource::RLIMIT_FSIZE).unwrap();
    rest();
    assert!(matches!(writer.append(&event(0)), Err(JournalError::Io(_))), "it tried, and there is no room yet");
    setrlimit(Resource::RLIMIT_FSIZE, most, most).unwrap();
    assert!(matches!(writer.append(&event(0)), Err(JournalError::Closed)), "it rests before it tries again");
    rest();
    append(&writer, taken..taken + 500);
    writer.close().unwrap();
    fs::write(Path::new(&dir).join("taken"), (taken + 500).to_string()).unwrap();
}

#[test]
fn a_chain_goes_on_by_itself_once_there_is_room_and_admits_the_interruption() {
    let dir = TempDir::new().unwrap();
    let status = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -S -f 24; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "act::tests::limits::child_with_room_again", "--test-threads=1"])
        .env(HEAL_DIR, dir.path())
        .process_group(0)
        .status()
        .unwrap();
    assert!(status.success());
    let taken: u64 = fs::read_to_string(dir.path().join("taken")).unwrap().parse().unwrap();
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert_eq!((report.records, report.repairs, report.lost), (taken, 1, 0), "{report:?}");
    assert_holds(dir.path(), 0..taken);
}

#[test]
fn a_failed_sync_is_mended_with_its_bytes_written_again() {
    let dir = TempDir::new().unwrap();
    let writer = open(dir.path(), Options { segment_bytes: 1 << 20, ..options() });
    append(&writer, 0..10);
    // The head file cannot be replaced while its new name is a folder.
    fs::create_dir(dir.path().join("head.new")).unwrap();
    assert!(matches!(writer.flush(), Err(JournalError::Io(_))));
    assert!(matches!(writer.append(&event(10)), Err(JournalError::Closed)));
    assert!(matches!(writer.shared.sync(), Err(JournalError::Closed)), "no later head may promise what is in doubt");
    rest();
    assert!(matches!(writer.append(&event(10)), Err(JournalError::Io(_))), "it is as broken as before");
    fs::remove_dir(dir.path().join("head.new")).unwrap();
    rest();
    append(&writer, 10..20);
    writer.close().unwrap();
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert_eq!((report.records, report.lost, report.torn_tail.is_none()), (20, 0, true), "{report:?}");
    assert!(report.repairs >= 1);
}
