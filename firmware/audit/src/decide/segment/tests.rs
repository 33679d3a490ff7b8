use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::{ProptestConfig, any, prop, prop_assert, prop_assert_eq, proptest};
use tempfile::TempDir;

use super::super::read_record;
use super::{BadSegment, read_segment};
use crate::parse::{Fault, HEADER_LEN};
use crate::record::export;
use crate::record::export::tests::samples;
use crate::testing::{event, frames, key, open, options, read_all, segments};
use crate::{Records, verify};
use gate_core::{Event, Journal, Position, Record, Usage};

/// A segment with one record of every kind and twenty more.
fn segment() -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let writer = open(dir.path(), crate::Options { segment_bytes: 1 << 20, head_records: 6, ..options() });
    for sample in samples() {
        writer.append(&sample.event).unwrap();
    }
    (8..28).for_each(|number| assert_eq!(writer.append(&event(number)).unwrap().0, number));
    writer.close().unwrap();
    fs::read(&segments(dir.path())[0]).unwrap()
}

#[test]
fn hands_out_every_record() {
    let mut seen: Vec<Record> = Vec::new();
    assert_eq!(
        read_segment(&segment(), |position, record| {
            assert_eq!(position.0, seen.len() as u64);
            seen.push(record.unwrap().clone());
        }),
        Ok(28)
    );
    assert!(seen.iter().zip(samples()).all(|(seen, sample)| seen.event == sample.event));
}

#[test]
fn bytes_that_are_no_segment_are_refused() {
    let none = |bytes: &[u8]| read_segment(bytes, |_, _| unreachable!()).unwrap_err().why;
    assert_eq!(none(&[]), Fault::Torn { have: 0, want: HEADER_LEN });
    assert_eq!(none(&[0; 4096]), Fault::Header);
}

/// postcard counts variants and fields. If this fails, somebody moved one: old journals would be misread.
#[test]
fn the_bytes_of_records_never_change() {
    let bytes: Vec<u8> = samples().iter().flat_map(|record| postcard::to_stdvec(record).unwrap()).collect();
    let path = testdata("records.v2");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(bytes, fs::read(&path).unwrap());
}

fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata").join(name)
}

/// The samples as the journal was before the tokens of requests were told apart: what was not known then is not known now.
fn samples_before() -> Vec<Record> {
    let mut samples = samples();
    for record in &mut samples {
        if let Event::Request(request) = &mut record.event {
            let Usage { input, output, .. } = request.usage.unwrap();
            request.usage = Some(Usage { input, output, ..Usage::default() });
            (request.cost, request.attachments, request.more_attachments) = (None, Vec::new(), 0);
        }
    }
    samples
}

#[test]
fn records_of_the_first_shape_are_still_read() {
    let bytes = fs::read(testdata("records.v1")).unwrap();
    let mut rest = bytes.as_slice();
    for sample in samples_before() {
        let (record, after) = postcard::take_from_bytes::<Record>(rest).unwrap();
        assert_eq!(record, sample);
        rest = after;
    }
    assert_eq!(rest, b"");
}

#[test]
fn a_journal_of_the_first_shape_verifies_is_listed_exported_and_goes_on() {
    let dir = TempDir::new().unwrap();
    crate::testing::copy_dir(&testdata("journal.v1"), dir.path());
    let is_sound = || verify(dir.path(), Some(&key().public())).unwrap();
    let report = is_sound();
    assert_eq!(report.records, 8);
    let events = |records: Vec<(Position, Record)>| -> Vec<Event> {
        records.into_iter().map(|(_, record)| record.event).collect()
    };
    let before: Vec<Event> = samples_before().into_iter().map(|record| record.event).collect();
    assert_eq!(events(read_all(dir.path())), before);
    let mut out = Vec::new();
    let rows = export::jsonl(&mut out, "test", Records::open(dir.path(), Position(0))).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!((rows, text.matches("\"request\":{").count()), (8, 1), "{text}");
    let writer = open(dir.path(), options());
    samples().iter().for_each(|sample| assert!(writer.append(&sample.event).is_ok()));
    writer.close().unwrap();
    assert_eq!(is_sound().records, 16);
    assert_eq!(events(read_all(dir.path()))[8..], samples().into_iter().map(|record| record.event).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_change_is_seen_and_none_panics(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 1..40)) {
        let original = segment_once();
        let mut bytes = original.clone();
        let at = at.index(bytes.len());
        let end = (at + with.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&with[..end - at]);
        let whole = read_segment(&bytes, |_, _| {});
        prop_assert_eq!(whole.is_ok(), bytes == *original);
        if let Err(BadSegment { offset, .. }) = whole {
            // The fault is in the frame that was changed, or in the header.
            prop_assert!(offset as usize <= end);
        }
    }

    #[test]
    fn hostile_frames_with_right_checksums_never_panic(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..5)) {
        let mut bytes = segment_once()[..HEADER_LEN].to_vec();
        for mut body in bodies {
            if let Some(kind) = body.first_mut() {
                *kind = 1 + *kind % 2;
            }
            bytes.extend((body.len() as u32).to_le_bytes());
            bytes.extend(crc32fast::hash(&body).to_le_bytes());
            bytes.extend(body);
        }
        let refused = read_segment(&bytes, |_, _| {}).is_err();
        prop_assert!(refused);
    }

    #[test]
    fn hostile_records_in_a_right_chain_never_panic(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut bytes = segment_once()[..HEADER_LEN].to_vec();
        let previous: [u8; 32] = bytes[36..68].try_into().unwrap();
        let linked = [&[1], &0_u64.to_le_bytes()[..], &payload].concat();
        let body = [&linked[..], &super::super::link(&previous, &linked)].concat();
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(crc32fast::hash(&body).to_le_bytes());
        bytes.extend(body);
        let known = read_record(&payload).is_some();
        // Whoever put it there in its right place was a writer, though maybe a newer one.
        let read = read_segment(&bytes, |position, record| assert_eq!((position.0, record.is_some()), (0, known)));
        prop_assert_eq!(read, Ok(1));
    }
}

fn segment_once() -> &'static Vec<u8> {
    static SEGMENT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let segment = SEGMENT.get_or_init(segment);
    assert!(frames(segment).len() > 30);
    segment
}
