use std::fs;

use gate_core::{Journal, Position};
use tempfile::TempDir;

use super::{FollowError, Follower, Records};
use crate::testing::{append, edit, event, frames, open, options, record, segments};
use crate::{Options, verify};

/// What a poll without news gives.
const NONE: [u64; 0] = [];

fn numbers(follower: &mut Follower, max: usize) -> Vec<u64> {
    let records = follower.poll(max).unwrap();
    for (position, record) in &records {
        assert_eq!(record.event, event(position.0));
    }
    records.iter().map(|(position, _)| position.0).collect()
}

#[test]
fn sees_each_record_once_across_rotations() {
    let dir = TempDir::new().unwrap();
    let mut follower = Follower::new(dir.path());
    assert_eq!(numbers(&mut follower, 10), NONE, "there is no journal yet");
    let writer = open(dir.path(), options());
    assert_eq!(numbers(&mut follower, 10), NONE, "there is no record yet");
    let mut seen = Vec::new();
    for step in 0..50 {
        append(&writer, step * 7..step * 7 + 7);
        if step % 3 == 0 {
            seen.extend(numbers(&mut follower, 5));
        }
    }
    seen.extend(numbers(&mut follower, usize::MAX));
    assert!(seen.into_iter().eq(0..350));
    assert!(segments(dir.path()).len() > 3);
    assert_eq!(numbers(&mut follower, 10), NONE);
    append(&writer, 350..351);
    assert_eq!(numbers(&mut follower, 10), [350]);
}

#[test]
fn never_gives_more_than_asked_for() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..100);
    let mut follower = Follower::new(dir.path());
    assert_eq!(numbers(&mut follower, 0), NONE);
    for start in 0..10 {
        assert!(numbers(&mut follower, 10).into_iter().eq(start * 10..start * 10 + 10));
    }
}

#[test]
fn starts_at_the_end_or_anywhere() {
    let dir = TempDir::new().unwrap();
    assert_eq!(numbers(&mut Follower::at_end(dir.path(), 5).unwrap(), 10), NONE);
    append(&open(dir.path(), options()), 0..200);
    for last_n in [0, 1, 30, 90, 199, 200, 1000] {
        let mut follower = Follower::at_end(dir.path(), last_n).unwrap();
        assert!(numbers(&mut follower, usize::MAX).into_iter().eq(200 - last_n.min(200)..200), "{last_n}");
    }
    assert!(numbers(&mut Follower::from(dir.path(), Position(123)), usize::MAX).into_iter().eq(123..200));
    let mut beyond = Follower::from(dir.path(), Position(202));
    assert_eq!(numbers(&mut beyond, 10), NONE);
    append(&open(dir.path(), options()), 200..204);
    assert_eq!(numbers(&mut beyond, 10), [202, 203]);
}

#[test]
fn the_end_is_found_when_the_newest_segment_has_no_record() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..20);
    let bytes = fs::read(&segments(dir.path())[0]).unwrap();
    let next = dir.path().join("00000000000000000020.seg");
    for length in [0, 50, 128] {
        fs::write(&next, &bytes[..length]).unwrap();
        assert_eq!(numbers(&mut Follower::at_end(dir.path(), 2).unwrap(), 10), [18, 19], "{length}");
    }
}

#[test]
fn a_half_written_record_is_waited_for() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..5);
    let segment = segments(dir.path()).remove(0);
    let whole = fs::read(&segment).unwrap();
    let last = frames(&whole)[record(4)].clone();
    let mut follower = Follower::new(dir.path());
    for end in [last.start, last.start + 1, last.start + 8, last.end - 1] {
        edit(&segment, |bytes| *bytes = whole[..end].to_vec());
        assert!(!numbers(&mut follower, 10).contains(&4), "cut at {end}");
    }
    edit(&segment, |bytes| *bytes = whole);
    assert_eq!(numbers(&mut follower, 10), [4]);
}

#[test]
fn a_repair_under_its_feet_neither_repeats_nor_hides_records() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..10);
    let mut follower = Follower::new(dir.path());
    assert_eq!(numbers(&mut follower, 100).len(), 10);
    // Two records and the last head are cut away, as if they had never reached the disk.
    let segment = segments(dir.path()).remove(0);
    edit(&segment, |bytes| bytes.truncate(frames(bytes)[record(8)].start));
    assert_eq!(numbers(&mut follower, 100), NONE);
    let writer = open(dir.path(), options());
    for number in 10..15 {
        assert_eq!(writer.append(&event(number)).unwrap(), Position(number), "no number is used twice");
    }
    assert_eq!(numbers(&mut follower, 100), [10, 11, 12, 13, 14]);
}

#[test]
fn a_torn_end_in_the_middle_of_reading_is_stepped_over_once_repaired() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..10);
    let segment = segments(dir.path()).remove(0);
    edit(&segment, |bytes| bytes.extend([64, 0, 0, 0, 1, 2, 3]));
    let mut follower = Follower::new(dir.path());
    assert_eq!(numbers(&mut follower, 100).len(), 10);
    assert_eq!(numbers(&mut follower, 100), NONE, "it may still be written");
    append(&open(dir.path(), options()), 10..12);
    assert_eq!(numbers(&mut follower, 100), [10, 11]);
}

/// Polls to the end: the numbers of the records, and where damage was said.
fn all(dir: &std::path::Path) -> (Vec<u64>, Vec<(std::path::PathBuf, u64)>) {
    let (mut seen, mut damage) = (Vec::new(), Vec::new());
    for record in Records::open(dir, Position(0)) {
        match record {
            Ok((position, record)) => {
                assert_eq!(record.event, event(position.0));
                seen.push(position.0);
            }
            Err(FollowError::Damaged { file, offset, .. }) => damage.push((file, offset)),
            Err(other) => panic!("{other}"),
        }
    }
    (seen, damage)
}

#[test]
fn damage_is_said_once_and_stepped_over_to_the_next_record() {
    // A byte of the content, of the length, and so much of the length that it points beyond the end.
    for (byte, bit) in [(12, 1), (0, 1), (0, 0x80), (2, 1), (3, 1)] {
        let dir = TempDir::new().unwrap();
        append(&open(dir.path(), options()), 0..100);
        let names = segments(dir.path());
        let (mut damage, mut missing) = (Vec::new(), Vec::new());
        for (segment, skip) in [(0, record(3)), (names.len() - 1, 0)] {
            edit(&names[segment], |bytes| {
                let place = frames(bytes)[skip].clone();
                missing.push(u64::from_le_bytes(bytes[place.start + 9..place.start + 17].try_into().unwrap()));
                bytes[place.start + byte] ^= bit;
                damage.push((names[segment].clone(), place.start as u64));
            });
        }
        let (seen, said) = all(dir.path());
        assert!(seen.into_iter().eq((0..100).filter(|number| !missing.contains(number))), "byte {byte}");
        assert_eq!(said, damage, "byte {byte}");
        let mut live = Follower::new(dir.path());
        assert_eq!(numbers(&mut live, 100), [0, 1, 2], "first what was read");
        assert!(matches!(live.poll(100), Err(FollowError::Damaged { file, .. }) if file == names[0]));
        assert_eq!(numbers(&mut live, 2), [4, 5]);
        assert_eq!(Follower::at_end(dir.path(), 1).unwrap().next, 99);
    }
}

#[test]
fn a_damaged_end_is_said_by_whoever_does_not_wait_for_more() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..10);
    let segment = segments(dir.path()).remove(0);
    let mut end = 0;
    edit(&segment, |bytes| {
        end = frames(bytes).last().unwrap().start;
        bytes[end + 20] ^= 1;
    });
    assert_eq!(all(dir.path()), ((0..10).collect(), vec![(segment.clone(), end as u64)]));
    let mut live = Follower::new(dir.path());
    assert_eq!(numbers(&mut live, 100).len(), 10);
    assert_eq!(numbers(&mut live, 100), NONE, "it may still be written");
    // Said as soon as something stands behind it.
    edit(&segment, |bytes| bytes.extend_from_within(frames(bytes)[record(2)].clone()));
    assert!(matches!(live.poll(100), Err(FollowError::Damaged { offset, .. }) if offset == end as u64));
    assert_eq!(numbers(&mut live, 100), NONE);
}

#[test]
fn records_behind_a_damaged_header_are_read_and_the_header_is_said() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..150);
    let names = segments(dir.path());
    edit(&names[1], |bytes| bytes[9] ^= 1);
    assert_eq!(all(dir.path()), ((0..150).collect(), vec![(names[1].clone(), 0)]));
}

#[test]
fn a_segment_of_a_newer_format_is_said_and_stepped_over() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..150);
    let names = segments(dir.path());
    edit(&names[1], |bytes| {
        bytes[8] = 9;
        let sum = crc32fast::hash(&bytes[..124]);
        bytes[124..128].copy_from_slice(&sum.to_le_bytes());
    });
    let (second, third) = (first_of(&names[1]), first_of(&names[2]));
    assert_eq!(all(dir.path()), ((0..second).chain(third..150).collect(), vec![(names[1].clone(), 0)]));
}

fn first_of(segment: &std::path::Path) -> u64 {
    segment.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

#[test]
fn pruning_under_its_feet_shows_as_a_gap() {
    let dir = TempDir::new().unwrap();
    let writer = open(dir.path(), Options { max_total_bytes: Options::least_total(4096), ..options() });
    append(&writer, 0..10);
    let mut follower = Follower::new(dir.path());
    assert_eq!(numbers(&mut follower, 5), [0, 1, 2, 3, 4]);
    append(&writer, 10..6000);
    writer.flush().unwrap();
    let kept = verify(dir.path(), None).unwrap().pruned;
    let seen = numbers(&mut follower, usize::MAX);
    let first_segment = seen.iter().take_while(|number| **number < kept).count() as u64;
    assert!(first_segment > 0, "an open file is read to its end");
    assert!(seen.into_iter().eq((5..5 + first_segment).chain(kept..6000)));
}

#[test]
fn another_chain_in_the_same_folder_is_followed_from_its_beginning() {
    let dir = TempDir::new().unwrap();
    append(&open(dir.path(), options()), 0..10);
    let mut follower = Follower::new(dir.path());
    assert_eq!(numbers(&mut follower, 100).len(), 10);
    for entry in fs::read_dir(dir.path()).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    assert_eq!(numbers(&mut follower, 100), NONE);
    append(&open(dir.path(), options()), 0..3);
    assert_eq!(numbers(&mut follower, 100), [0, 1, 2]);
}

#[test]
fn follows_a_busy_writer_without_loss() {
    let dir = TempDir::new().unwrap();
    let writer = open(dir.path(), Options { head_records: 10, ..options() });
    std::thread::scope(|scope| {
        scope.spawn(|| append(&writer, 0..5000));
        let (mut follower, mut next) = (Follower::new(dir.path()), 0);
        while next < 5000 {
            for number in numbers(&mut follower, 64) {
                assert_eq!(number, next);
                next += 1;
            }
        }
    });
}
