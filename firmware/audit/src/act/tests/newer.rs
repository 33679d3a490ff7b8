//! After a trial that went back, records stand in the chain that this program has no words for.

use std::fs;
use std::path::Path;

use gate_core::{Journal, Position};
use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use tempfile::TempDir;

use crate::decide::{Chain, read_record};
use crate::parse::{Fault, Header};
use crate::testing::{
    append, append_raw, damaged_files, edit, event, framed, frames, key, newer_payloads, open, options, read_all,
    record, segments,
};
use crate::{FollowError, Follower, Options, Records, Report, VerifyError, verify};

fn sound(dir: &Path) -> Report {
    let report = verify(dir, Some(&key().public())).unwrap();
    assert_eq!((report.repairs, report.broken, report.lost, damaged_files(dir)), (0, 0, 0, 0), "{report:?}");
    assert_eq!(report.torn_tail, None);
    report
}

fn newest(dir: &Path) -> std::path::PathBuf {
    segments(dir).pop().unwrap()
}

/// The numbers that a reader sees, and how many it stepped over.
fn seen(dir: &Path) -> (Vec<u64>, u64) {
    let mut records = Records::open(dir, Position(0));
    let numbers = records.by_ref().map(|read| read.unwrap().0.0).collect();
    (numbers, records.newer())
}

#[test]
fn they_are_kept_and_the_writer_goes_on_behind_them() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..5);
    for payload in newer_payloads() {
        append_raw(&newest(dir.path()), &payload);
    }
    append_raw(&newest(dir.path()), &postcard::to_stdvec(&read_all(dir.path())[0].1).unwrap());
    let before = fs::read(newest(dir.path())).unwrap();
    let report = sound(dir.path());
    assert_eq!((report.records, report.newer, report.unsigned), (10, 4, 5));
    append(&open(dir.path(), options()), 10..15);
    assert!(fs::read(newest(dir.path())).unwrap().starts_with(&before), "not a byte is cut");
    let report = sound(dir.path());
    assert_eq!((report.records, report.newer, report.unsigned), (15, 4, 0), "they are signed for like the others");
    assert_eq!(seen(dir.path()), (vec![0, 1, 2, 3, 4, 9, 10, 11, 12, 13, 14], 4));
}

#[test]
fn a_write_torn_behind_them_is_all_that_is_cut() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..5);
    newer_payloads().iter().for_each(|payload| append_raw(&newest(dir.path()), payload));
    let whole = fs::read(newest(dir.path())).unwrap();
    edit(&newest(dir.path()), |bytes| bytes.extend([64, 0, 0, 0, 1, 2, 3]));
    append(&open(dir.path(), options()), 9..12);
    assert!(fs::read(newest(dir.path())).unwrap().starts_with(&whole));
    let report = verify(dir.path(), Some(&key().public())).unwrap();
    assert_eq!((report.records, report.newer, report.repairs, report.lost), (12, 4, 1, 0));
}

#[test]
fn one_that_begins_a_segment_is_known_by_its_header() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..5);
    let first = fs::read(newest(dir.path())).unwrap();
    let header = Header::decode(first[..128].try_into().unwrap()).unwrap();
    let hash = first[first.len() - 32..].try_into().unwrap();
    let next = Chain::new(header.chain, 5, hash, key().public()).header();
    fs::write(dir.path().join("00000000000000000005.seg"), next.encode()).unwrap();
    append_raw(&newest(dir.path()), b"newer");
    append(&open(dir.path(), options()), 6..8);
    assert_eq!((sound(dir.path()).segments, sound(dir.path()).newer), (2, 1));
    assert_eq!(seen(dir.path()), (vec![0, 1, 2, 3, 4, 6, 7], 1));
}

#[test]
fn any_changed_byte_of_one_is_damage() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..3);
    append_raw(&newest(dir.path()), b"newer");
    let original = fs::read(newest(dir.path())).unwrap();
    let frame = frames(&original).pop().unwrap();
    for at in frame {
        let mut changed = original.clone();
        changed[at] ^= 1;
        fs::write(newest(dir.path()), changed).unwrap();
        // A length that points beyond the end is what a torn write looks like, and is cut as one.
        let verified = verify(dir.path(), None);
        assert!(verified.map_or(true, |report| report.torn_tail.is_some() && report.newer == 0), "byte {at}");
        assert_eq!(seen_with_damage(dir.path()).1, 0, "byte {at}");
    }
}

fn seen_with_damage(dir: &Path) -> (Vec<FollowError>, u64) {
    let mut records = Records::open(dir, Position(0));
    let damage = records.by_ref().filter_map(Result::err).collect();
    (damage, records.newer())
}

/// The right sum alone is no proof: the chain has to have it there.
#[test]
fn one_that_does_not_follow_from_the_frame_before_is_damage() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..3);
    let place = fs::metadata(newest(dir.path())).unwrap().len();
    edit(&newest(dir.path()), |bytes| bytes.extend(framed(&[7; 32], 3, b"newer")));
    assert!(matches!(verify(dir.path(), None), Err(VerifyError::Bad { seq: 3, why: Fault::Chain, .. })));
    let (damage, newer) = seen_with_damage(dir.path());
    assert!(matches!(damage[..], [FollowError::Damaged { offset, .. }] if offset == place), "{damage:?}");
    assert_eq!(newer, 0);
    append(&open(dir.path(), options()), 3..5);
    let report = verify(dir.path(), None).unwrap();
    assert_eq!((report.records, report.newer, report.repairs, damaged_files(dir.path())), (5, 0, 1, 1));
}

#[test]
fn whoever_follows_sees_what_comes_behind_them() {
    let dir = TempDir::new().unwrap();
    let mut follower = Follower::new(dir.path());
    append(&open(dir.path(), options()), 0..3);
    assert_eq!(follower.poll(10).unwrap().len(), 3);
    for payload in newer_payloads() {
        append_raw(&newest(dir.path()), &payload);
        assert_eq!(follower.poll(10).unwrap(), [], "nothing to show, and nothing wrong");
    }
    assert_eq!((follower.newer(), follower.damaged_end().is_none()), (4, true));
    append(&open(dir.path(), options()), 7..9);
    let more: Vec<_> =
        follower.poll(10).unwrap().into_iter().map(|(position, record)| (position.0, record.event)).collect();
    assert_eq!(more, [(7, event(7)), (8, event(8))]);
    let mut last = Follower::at_end(dir.path(), 4).unwrap();
    assert_eq!((last.poll(10).unwrap().len(), last.newer()), (2, 2), "numbers count, read or not");
}

#[test]
fn they_are_pruned_like_the_others() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..3);
    append_raw(&newest(dir.path()), b"newer");
    let writer = open(dir.path(), Options { max_total_bytes: Options::least_total(4096), ..options() });
    append(&writer, 4..6000);
    writer.close().unwrap();
    let report = sound(dir.path());
    assert!(report.pruned > 4 && report.newer == 0, "{report:?}");
}

proptest! {
    // Each case opens the journal twice, and disks are slow.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_mixture_is_cut_and_no_damage_in_it_is_missed(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..12),
        at in any::<prop::sample::Index>(),
        bit in 0..8_u8,
    ) {
        let dir = TempDir::new().unwrap();
        append(&open(dir.path(), options()), 0..1);
        let path = newest(dir.path());
        let known = postcard::to_stdvec(&read_all(dir.path())[0].1).unwrap();
        for payload in &payloads {
            append_raw(&path, payload);
            append_raw(&path, &known);
        }
        let newer = payloads.iter().filter(|payload| read_record(payload).is_none()).count() as u64;
        let (next, before) = (1 + 2 * payloads.len() as u64, fs::read(&path).unwrap());
        open(dir.path(), options()).append(&event(next)).unwrap();
        let after = fs::read(&path).unwrap();
        prop_assert!(after.starts_with(&before));
        let report = sound(dir.path());
        prop_assert_eq!((report.records, report.newer), (next + 1, newer));
        let (numbers, stepped_over) = seen(dir.path());
        prop_assert_eq!((numbers.len() as u64, stepped_over), (next + 1 - newer, newer));

        let first = frames(&before)[record(0)].end;
        let at = first + at.index(before.len() - first);
        edit(&path, |bytes| bytes[at] ^= 1 << bit);
        prop_assert!(verify(dir.path(), None).is_err(), "byte {}", at);
        drop(open(dir.path(), options()));
        let said = matches!(verify(dir.path(), None), Err(VerifyError::Lost { .. }));
        prop_assert!(said, "the repair tells what it took");
    }
}
