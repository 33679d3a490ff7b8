//! One way to break a journal per test, and the first bad record that `verify` names.

use std::fs;
use std::path::Path;

use gate_seal::DeviceKey;
use tempfile::TempDir;

use super::{VerifyError, verify};
use crate::parse::Fault;
use crate::testing::{append, copy_dir, edit, frames, key, open, options, record, segments};
use crate::{Options, read_head};

/// A closed journal of three segments.
fn journal() -> TempDir {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), Options { head_records: 40, ..options() }), 0..100);
    assert_eq!(segments(dir.path()).len(), 3);
    dir
}

/// What is wrong, in which file, at which record.
fn bad(dir: &Path) -> (String, u64, Fault) {
    match verify(dir, None).unwrap_err() {
        VerifyError::Bad { file, seq, why, .. } => (file.file_name().unwrap().to_string_lossy().into_owned(), seq, why),
        other => panic!("{other}"),
    }
}

/// Changes the list of frames of one segment.
fn rearrange(path: &Path, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    edit(path, |bytes| {
        let mut pieces: Vec<Vec<u8>> = frames(bytes).into_iter().map(|range| bytes[range].to_vec()).collect();
        change(&mut pieces);
        bytes.truncate(128);
        bytes.extend(pieces.concat());
    });
}

#[test]
fn every_flipped_bit_is_seen() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), Options { head_records: 7, ..options() }), 0..45);
    assert_eq!(segments(dir.path()).len(), 2);
    verify(dir.path(), Some(&key().public())).unwrap();
    for path in segments(dir.path()).into_iter().chain([dir.path().join("head")]) {
        let original = fs::read(&path).unwrap();
        for at in 0..original.len() {
            let mut flipped = original.clone();
            flipped[at] ^= 1 << (at % 8);
            fs::write(&path, flipped).unwrap();
            assert!(verify(dir.path(), None).is_err(), "byte {at} of {}", path.display());
        }
        fs::write(&path, original).unwrap();
    }
    verify(dir.path(), Some(&key().public())).unwrap();
}

#[test]
fn a_removed_record_is_named() {
    let dir = journal();
    rearrange(&segments(dir.path())[0], |frames| drop(frames.remove(record(5))));
    assert_eq!(bad(dir.path()), ("00000000000000000000.seg".into(), 5, Fault::Sequence { expected: 5, found: 6 }));
}

#[test]
fn swapped_and_doubled_records_are_named() {
    let dir = journal();
    rearrange(&segments(dir.path())[0], |frames| frames.swap(record(7), record(8)));
    assert_eq!(bad(dir.path()).1, 7);
    let dir = journal();
    rearrange(&segments(dir.path())[0], |frames| frames.insert(record(9), frames[record(9)].clone()));
    assert_eq!(bad(dir.path()), ("00000000000000000000.seg".into(), 10, Fault::Sequence { expected: 10, found: 9 }));
}

#[test]
fn a_record_from_another_chain_breaks_the_chain() {
    let (dir, other) = (journal(), journal());
    let foreign = fs::read(&segments(other.path())[0]).unwrap();
    let foreign = foreign[frames(&foreign)[record(3)].clone()].to_vec();
    rearrange(&segments(dir.path())[0], |frames| frames[record(3)] = foreign);
    assert_eq!(bad(dir.path()), ("00000000000000000000.seg".into(), 3, Fault::Chain));
}

#[test]
fn a_forger_without_the_key_fails_at_the_next_head() {
    let dir = journal();
    let path = segments(dir.path()).remove(0);
    // Drops record 5 and puts everything after it in order again: numbers, hashes, checksums.
    edit(&path, |bytes| {
        let pieces: Vec<Vec<u8>> = frames(bytes).into_iter().map(|range| bytes[range].to_vec()).collect();
        let mut hash: [u8; 32] = bytes[36..68].try_into().unwrap();
        bytes.truncate(128);
        for (index, mut frame) in pieces.into_iter().enumerate().filter(|(index, _)| *index != record(5)) {
            if index > record(5) {
                let seq = u64::from_le_bytes(frame[9..17].try_into().unwrap()) - 1;
                frame[9..17].copy_from_slice(&seq.to_le_bytes());
            }
            let end = frame.len();
            hash = super::super::link(&hash, &frame[8..end - 32]);
            frame[end - 32..].copy_from_slice(&hash);
            let sum = crc32fast::hash(&frame[8..]);
            frame[4..8].copy_from_slice(&sum.to_le_bytes());
            bytes.extend(frame);
        }
    });
    let (file, seq, why) = bad(dir.path());
    assert_eq!((file.as_str(), why), ("00000000000000000000.seg", Fault::Signature));
    assert_eq!(seq, 39, "the first head stands after record 39");
}

#[test]
fn a_missing_segment_is_named() {
    let dir = journal();
    let names = segments(dir.path());
    fs::remove_file(&names[1]).unwrap();
    let (file, _, why) = bad(dir.path());
    assert_eq!(file, names[2].file_name().unwrap().to_string_lossy());
    assert!(matches!(why, Fault::Sequence { .. }), "{why}");

    let dir = journal();
    fs::remove_file(&segments(dir.path())[0]).unwrap();
    assert_eq!(bad(dir.path()).2, Fault::FrontMissing);

    let dir = journal();
    let last = segments(dir.path()).pop().unwrap();
    fs::remove_file(last).unwrap();
    let error = verify(dir.path(), None).unwrap_err();
    assert!(matches!(error, VerifyError::Truncated { head: 100, .. }), "{error}");
}

#[test]
fn renamed_and_foreign_segments_are_named() {
    let dir = journal();
    let names = segments(dir.path());
    fs::rename(&names[2], dir.path().join("00000000000000009999.seg")).unwrap();
    assert!(matches!(bad(dir.path()).2, Fault::Name { found: 9999, .. }));

    let (dir, other) = (journal(), journal());
    fs::copy(&segments(other.path())[1], &segments(dir.path())[1]).unwrap();
    assert_eq!(bad(dir.path()).2, Fault::OtherChain);
}

#[test]
fn a_cut_before_the_last_signed_head_is_noticed_wherever_it_is() {
    let dir = journal();
    let last = segments(dir.path()).pop().unwrap();
    let original = fs::read(&last).unwrap();
    let frames = frames(&original);
    for end in frames[..frames.len() - 1].iter().map(|frame| frame.end).chain(frames.last().map(|last| last.end - 1)) {
        fs::write(&last, &original[..end]).unwrap();
        let error = verify(dir.path(), None).unwrap_err();
        assert!(matches!(error, VerifyError::Truncated { head: 100, .. }), "cut at {end}: {error}");
    }
}

#[test]
fn the_head_file_must_be_there_and_whole() {
    let dir = journal();
    let head = dir.path().join("head");
    let original = fs::read(&head).unwrap();
    fs::remove_file(&head).unwrap();
    assert!(matches!(verify(dir.path(), None), Err(VerifyError::HeadFileMissing { .. })));
    for broken in [&original[..original.len() - 1], &[], &[original.as_slice(), b"x"].concat()] {
        fs::write(&head, broken).unwrap();
        assert!(matches!(verify(dir.path(), None), Err(VerifyError::HeadFile { .. })));
        assert!(read_head(dir.path()).is_err());
    }
}

#[test]
fn an_older_head_file_than_the_chain_is_fine() {
    let (dir, older) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    append(&open(dir.path(), options()), 0..10);
    copy_dir(dir.path(), older.path());
    append(&open(dir.path(), options()), 10..20);
    fs::copy(older.path().join("head"), dir.path().join("head")).unwrap();
    assert_eq!(verify(dir.path(), None).unwrap().records, 20);
    // The other way round it is a truncation.
    append(&open(dir.path(), options()), 20..30);
    fs::copy(dir.path().join("head"), older.path().join("head")).unwrap();
    assert!(matches!(verify(older.path(), None), Err(VerifyError::Truncated { head: 30, .. })));
}

#[test]
fn another_key_is_not_trusted() {
    let dir = journal();
    let stranger = DeviceKey::generate().unwrap().public();
    let error = verify(dir.path(), Some(&stranger)).unwrap_err();
    assert!(matches!(error, VerifyError::Bad { why: Fault::OtherSigner, .. }), "{error}");
}

#[test]
fn a_folder_without_a_journal_is_no_valid_journal() {
    let dir = TempDir::new().unwrap();
    assert!(matches!(verify(dir.path(), None), Err(VerifyError::NoJournal { .. })));
    assert!(matches!(verify(&dir.path().join("none"), None), Err(VerifyError::NoJournal { .. })));
    fs::write(
        dir.path().join("00000000000000000000.seg"),
        b"not a segment, but as long as a header has to be: ".repeat(4),
    )
    .unwrap();
    assert_eq!(bad(dir.path()), ("00000000000000000000.seg".into(), 0, Fault::Header));
}

#[test]
fn the_head_for_witnesses_names_chain_place_and_signer() {
    let dir = journal();
    let head = read_head(dir.path()).unwrap().unwrap();
    assert_eq!((head.seq, head.signer, head.signature.len()), (100, key().public().id(), 128));
    assert_eq!((head.chain.len(), head.hash.len()), (32, 64));
}

#[test]
fn a_journal_verifies_while_it_is_written_and_pruned() {
    let dir = TempDir::new().unwrap();
    let busy = Options {
        max_total_bytes: Options::least_total(4096),
        sync_interval: std::time::Duration::from_millis(1),
        head_records: 8,
        ..options()
    };
    let writer = open(dir.path(), busy);
    append(&writer, 0..1);
    writer.flush().unwrap();
    std::thread::scope(|scope| {
        let appending = scope.spawn(|| append(&writer, 1..20_000));
        let mut verified = 0;
        while !appending.is_finished() {
            let report = verify(dir.path(), Some(&key().public())).unwrap();
            verified += u32::from(report.records > 0);
        }
        assert!(verified > 0);
    });
}
