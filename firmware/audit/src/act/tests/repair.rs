//! What a writer makes of files that a power cut, a bad card or a hand has changed.

use std::fs;
use std::path::Path;

use gate_core::{Journal, Position};
use tempfile::TempDir;

use crate::testing::{
    append, assert_holds, copy_dir, damaged_files, edit, event, frames, key, open, options, read_all, record, segments,
};
use crate::{ChainWriter, OpenError, Options, Records, Report, VerifyError, read_head, verify};

/// Ten records, a synced head, ten more in the page cache only; then the writer died.
fn died(dir: &Path) {
    let writer = open(dir, Options { segment_bytes: 1 << 20, ..options() });
    append(&writer, 0..10);
    writer.flush().unwrap();
    append(&writer, 10..20);
    let copy = dir.with_extension("copy");
    copy_dir(dir, &copy);
    drop(writer);
    fs::remove_dir_all(dir).unwrap();
    fs::rename(copy, dir).unwrap();
}

/// Opens and closes the journal once and verifies it.
fn reopened(dir: &Path) -> Report {
    open(dir, options()).close().unwrap();
    verify(dir, Some(&key().public())).unwrap()
}

/// The same for a journal that cannot be whole again: it says no now, after more records, and after another start.
fn reopened_broken(dir: &Path, lost_here: u64) -> Report {
    open(dir, options()).close().unwrap();
    let first = broken(dir, lost_here);
    let writer = open(dir, options());
    for number in 0..100 {
        writer.append(&event(number)).unwrap();
    }
    writer.close().unwrap();
    assert_eq!(broken(dir, lost_here).records, first.records + 100);
    first
}

fn broken(dir: &Path, lost_here: u64) -> Report {
    match verify(dir, Some(&key().public())).unwrap_err() {
        VerifyError::Lost { lost, report, .. } => {
            assert_eq!((lost, report.repairs, report.broken), (lost_here, 1, 1));
            *report
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_to_the_last_whole_record() {
    let parent = TempDir::new().unwrap();
    let (origin, dir) = (parent.path().join("origin"), parent.path().join("dir"));
    died(&origin);
    let bytes = fs::read(&segments(&origin)[0]).unwrap();
    let frames = frames(&bytes);
    // A head, ten records, the synced head; what comes after it was never synced.
    // Two records byte by byte and the others at their borders: each round syncs, and disks are slow.
    let borders = frames[14..].iter().flat_map(|frame| [frame.end - 1, frame.end]);
    for end in (frames[11].end..=frames[13].end).chain(borders) {
        copy_dir(&origin, &dir);
        edit(&segments(&dir)[0], |bytes| bytes.truncate(end));
        let whole = frames.iter().filter(|frame| frame.end <= end).count() as u64 - 2;
        let clean = frames.iter().any(|frame| frame.end == end);
        assert_eq!(verify(&dir, None).unwrap().torn_tail.is_none(), clean, "cut at {end}");
        let report = reopened(&dir);
        assert_eq!((report.records, report.repairs), (whole, u64::from(!clean)), "cut at {end}");
        assert_eq!((report.lost, damaged_files(&dir)), (0, 0), "a torn write is no evidence");
        fs::remove_dir_all(&dir).unwrap();
    }
}

/// After a power cut a file may have its new length and zeros for what was not written, from any sector on or from where
/// it ended before.
#[test]
fn a_tail_of_zeros_is_a_torn_write() {
    let parent = TempDir::new().unwrap();
    let (origin, dir) = (parent.path().join("origin"), parent.path().join("dir"));
    died(&origin);
    let bytes = fs::read(&segments(&origin)[0]).unwrap();
    let frames = frames(&bytes);
    let sectors = (1..bytes.len() / 512 + 1).map(|sector| sector * 512).filter(|at| *at > frames[11].end);
    for from in frames[12..].iter().map(|frame| frame.start).chain(sectors) {
        copy_dir(&origin, &dir);
        edit(&segments(&dir)[0], |bytes| {
            bytes[from..].fill(0);
            bytes.extend([0; 600]);
        });
        let whole = frames.iter().filter(|frame| frame.end <= from).count() as u64 - 2;
        assert!(verify(&dir, None).unwrap().torn_tail.is_some(), "zeros from {from}");
        assert!(Records::open(&dir, Position(0)).all(|read| read.is_ok()), "zeros from {from}");
        let report = reopened(&dir);
        assert_eq!((report.records, report.repairs, report.lost), (whole, 1, 0), "zeros from {from}");
        assert_eq!(damaged_files(&dir), 0, "a torn write is no evidence");
        fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn a_changed_byte_before_zeros_is_no_torn_write() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("dir");
    died(&dir);
    edit(&segments(&dir)[0], |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    assert!(verify(&dir, None).is_err());
    assert_eq!(damaged_files(&dir), 0);
    reopened(&dir);
    assert_eq!(damaged_files(&dir), 1);
}

#[test]
fn a_repaired_chain_goes_on_with_the_next_number() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("dir");
    died(&dir);
    edit(&segments(&dir)[0], |bytes| bytes.truncate(bytes.len() - 1));
    let writer = open(&dir, options());
    append(&writer, 19..25);
    writer.close().unwrap();
    assert_holds(&dir, 0..25);
    assert_eq!(verify(&dir, None).unwrap().repairs, 1);
}

#[test]
fn garbage_after_the_synced_part_is_cut_and_kept_for_people() {
    for garbage in [
        [vec![1; 70_000], vec![0; 5000]].concat(),
        vec![0xff; 5000],
        b"\x40\0\0\0garbage that is long enough to be a frame of sixty-four bytes, or so".to_vec(),
    ] {
        let parent = TempDir::new().unwrap();
        let dir = parent.path().join("dir");
        died(&dir);
        edit(&segments(&dir)[0], |bytes| bytes.extend(&garbage));
        assert!(verify(&dir, None).is_err());
        let report = reopened(&dir);
        assert_eq!((report.records, report.repairs, report.lost), (20, 1, 0));
        assert_eq!(damaged_files(&dir), 1);
    }
}

#[test]
fn damage_before_the_synced_head_is_signed_for_as_loss() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("dir");
    died(&dir);
    let segment = &segments(&dir)[0];
    let fourth = frames(&fs::read(segment).unwrap())[record(4)].clone();
    edit(segment, |bytes| bytes[fourth.start + 20] ^= 1);
    let error = verify(&dir, None).unwrap_err().to_string();
    assert!(error.contains(&format!("record 4, byte {}: the checksum is wrong", fourth.start)), "{error}");
    // The head promised ten; what came after it was promised to nobody.
    let report = reopened_broken(&dir, 6);
    assert_eq!((report.records, report.lost), (4, 6));
    let error = verify(&dir, None).unwrap_err().to_string();
    let place = format!("record 4, byte {}: a repair cut off 6 records that a signed head had promised", fourth.start);
    assert!(error.contains(&place), "{error}");
    assert_eq!(damaged_files(&dir), 1);
    let positions: Vec<u64> = read_all(&dir).iter().map(|(position, _)| position.0).take(6).collect();
    assert_eq!(positions, [0, 1, 2, 3, 10, 11], "no number is used twice");
}

#[test]
fn damaged_pieces_are_capped() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("dir");
    died(&dir);
    for round in 0..8 {
        let newest = segments(&dir).pop().unwrap();
        edit(&newest, |bytes| bytes.extend([0xff; 100]));
        let writer = open(&dir, options());
        writer.append(&event(round)).unwrap();
        writer.close().unwrap();
    }
    assert_eq!(damaged_files(&dir), 4);
    assert_eq!(verify(&dir, None).unwrap().repairs, 8);
}

#[test]
fn a_segment_that_was_only_just_begun_is_begun_again() {
    for length in [0, 1, 127] {
        let dir = TempDir::new().unwrap();
        append(&open(dir.path(), options()), 0..30);
        let next = dir.path().join("00000000000000000030.seg");
        fs::write(&next, &fs::read(&segments(dir.path())[0]).unwrap()[..length]).unwrap();
        assert!(verify(dir.path(), None).unwrap().torn_tail.is_some());
        let report = reopened(dir.path());
        assert_eq!((report.records, report.repairs), (30, 0), "nothing was in it");
        assert!(!next.exists());
    }
}

#[test]
fn a_newest_segment_with_a_broken_header_is_put_away_and_admitted() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..100);
    let newest = segments(dir.path()).pop().unwrap();
    let first: u64 = newest.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    edit(&newest, |bytes| bytes[30] ^= 1);
    let report = reopened_broken(dir.path(), 100 - first);
    assert_eq!((report.records, report.lost), (first, 100 - first));
    assert_eq!(damaged_files(dir.path()), 1);
    assert!(read_all(dir.path()).iter().any(|(position, _)| position.0 == 100), "the numbers go on after the promised");
}

#[test]
fn a_folder_with_only_its_head_left_says_what_is_lost() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..100);
    let chain = read_head(dir.path()).unwrap().unwrap().chain;
    for segment in segments(dir.path()) {
        fs::remove_file(segment).unwrap();
    }
    assert!(verify(dir.path(), None).unwrap_err().to_string().contains("before the head signed at record 100"));
    let report = reopened_broken(dir.path(), 100);
    assert_eq!((report.records, report.lost), (0, 100));
    assert_eq!(read_head(dir.path()).unwrap().unwrap().chain, chain, "it is the same chain");
    assert_eq!(read_all(dir.path())[0].0, Position(100));
}

#[test]
fn a_signed_head_in_the_cut_promises_even_if_the_head_file_is_older_or_gone() {
    for keep_head_file in [true, false] {
        let parent = TempDir::new().unwrap();
        let dir = parent.path().join("dir");
        let writer = open(&dir, Options { segment_bytes: 1 << 20, ..options() });
        append(&writer, 0..10);
        writer.flush().unwrap();
        let older = fs::read(dir.join("head")).unwrap();
        append(&writer, 10..20);
        writer.close().unwrap();
        if keep_head_file {
            fs::write(dir.join("head"), older).unwrap();
        } else {
            fs::remove_file(dir.join("head")).unwrap();
        }
        // The head after twenty records still stands in the file when record 14 is changed.
        let segment = &segments(&dir)[0];
        edit(segment, |bytes| {
            let fifteenth = frames(bytes)[record(14) + 1].start;
            bytes[fifteenth + 20] ^= 1;
        });
        assert_eq!(reopened_broken(&dir, 6).records, 14, "head file kept: {keep_head_file}");
    }
}

#[test]
fn records_forged_before_a_promised_head_are_not_blessed_by_its_removal() {
    let parent = TempDir::new().unwrap();
    let dir = parent.path().join("dir");
    append(&open(&dir, Options { segment_bytes: 1 << 20, ..options() }), 0..10);
    // Only the last head is taken away: every record has its number, and none is proved any more.
    edit(&segments(&dir)[0], |bytes| {
        let last = frames(bytes).pop().unwrap();
        bytes.truncate(last.start);
    });
    assert_eq!(reopened_broken(&dir, 0).records, 10);
}

#[test]
fn a_removed_head_file_is_said_for_ever() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..100);
    fs::remove_file(dir.path().join("head")).unwrap();
    assert_eq!(reopened_broken(dir.path(), 0).records, 100);
}

#[test]
fn a_head_file_by_somebody_else_is_not_believed() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    append(&open(dir.path(), options()), 0..10);
    let stranger = gate_seal::DeviceKey::generate().unwrap();
    let writer = ChainWriter::open(other.path(), options(), stranger, crate::testing::Ticking::new()).unwrap();
    append(&writer, 0..90);
    writer.close().unwrap();
    fs::copy(other.path().join("head"), dir.path().join("head")).unwrap();
    assert!(verify(dir.path(), None).is_err());
    // Its ninety records are not believed, and that ours is gone is not forgotten.
    assert_eq!(reopened_broken(dir.path(), 0).records, 10);
}

#[test]
fn a_newer_format_is_left_alone() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..10);
    let segment = segments(dir.path()).remove(0);
    edit(&segment, |bytes| {
        bytes[8] = 9;
        let sum = crc32fast::hash(&bytes[..124]);
        bytes[124..128].copy_from_slice(&sum.to_le_bytes());
    });
    let before = fs::read(&segment).unwrap();
    let error = ChainWriter::open(dir.path(), options(), key(), crate::testing::Ticking::new()).err().unwrap();
    assert!(matches!(error, OpenError::Version { version: 9, .. }));
    assert_eq!(fs::read(&segment).unwrap(), before);
}

#[test]
fn a_crash_right_after_a_rotation_needs_no_repair() {
    let (dir, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let writer = open(dir.path(), options());
    let mut number = 0;
    while segments(dir.path()).len() < 2 {
        append(&writer, number..number + 1);
        number += 1;
    }
    // What the thread does: the newest head on disk is now the one that ended the first segment.
    writer.shared.sync().unwrap();
    assert_eq!(read_head(dir.path()).unwrap().unwrap().seq, number - 1);
    copy_dir(dir.path(), copy.path());
    let report = reopened(copy.path());
    assert_eq!((report.records, report.repairs), (number, 0));
    // The same, with nothing in the new segment yet.
    let second = segments(copy.path()).pop().unwrap();
    fs::copy(dir.path().join("head"), copy.path().join("head")).unwrap();
    edit(&second, |bytes| bytes.truncate(128));
    let report = reopened(copy.path());
    assert_eq!((report.records, report.repairs), (number - 1, 0));
}
