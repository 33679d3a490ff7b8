use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Mutex;

use gate_scrub::BodyKind;
use indicatif::ProgressBar;

use super::{FileScanner, LARGE, Located, Skip, WHOLE};
use crate::command::scan::filter::Filter;
use crate::worker;

fn scanner() -> FileScanner {
    FileScanner {
        scanner: worker::scanner_with(&[]).unwrap(),
        filter: Filter::default(),
        progress: ProgressBar::hidden(),
        large: Mutex::new(()),
    }
}

/// `(line, column, end_line, end_column, start, end)` of everything that is found.
fn places(kind: BodyKind, input: impl Read) -> Result<Vec<[usize; 6]>, Skip> {
    let mut places = Vec::new();
    let place = |at: Located| {
        let finding = at.finding;
        [at.start.line, at.start.column, at.end_line, at.end_column, finding.start, finding.end]
    };
    scanner().input(kind, input, &mut |found: Vec<Located>| {
        places.extend(found.into_iter().map(place));
        ControlFlow::Continue(())
    })?;
    Ok(places)
}

const MAIL: &str = "anna.meyer@example.org";

/// What `places` must say of every mail address in a text.
fn expected(text: &str) -> Vec<[usize; 6]> {
    let place = |at: usize| {
        let before = &text[..at];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        [line, column, line, column + MAIL.len(), at, at + MAIL.len()]
    };
    text.match_indices(MAIL).map(|(at, _)| place(at)).collect()
}

#[test]
fn lines_and_columns_are_those_of_the_text() {
    let text = format!("first\nsecond\nGrüße an {MAIL} bitte,\r\n{MAIL}\n\n  {MAIL}");
    assert_eq!(places(BodyKind::Text, text.as_bytes()).unwrap(), expected(&text));
    assert_eq!(expected(&text).len(), 3);
}

#[test]
fn long_text_is_scanned_in_pieces_to_the_same_end() {
    let filler = "the quick brown für fox jumps over the lazy dog and on, ".repeat(900);
    let one_line = format!("{filler}{MAIL} ").repeat(26);
    let lines = format!("{}\n{MAIL}\n", filler.replace(", ", ",\n")).repeat(26);
    for text in [one_line, lines] {
        assert!(text.len() > WHOLE + (200 << 10), "{}", text.len());
        let found = places(BodyKind::Text, text.as_bytes()).unwrap();
        assert_eq!(found.len(), 26);
        assert_eq!(found, expected(&text));
    }
}

#[test]
fn long_rows_are_scanned_a_few_at_a_time() {
    let row = format!("{{\"id\": 1, \"text\": \"{}\"}}\n", "harmless words of some length, ".repeat(300));
    let text = format!("{}{{\"text\": \"{MAIL}\"}}\n", row.repeat(60)).repeat(4);
    assert!(text.len() > 2 * WHOLE);
    assert_eq!(places(BodyKind::Ndjson, text.as_bytes()).unwrap(), expected(&text));
    let unended = text.trim_end();
    assert_eq!(places(BodyKind::Ndjson, unended.as_bytes()).unwrap(), expected(unended));
}

#[test]
fn json_is_read_by_its_structure_and_longer_json_as_text() {
    let json = format!("{{\"text\": \"{}\", \"mail\": \"anna.meyer\\u0040example.org\"}}", "x ".repeat(WHOLE / 2));
    let at = json.find("anna").unwrap();
    let found = places(BodyKind::Json, json.as_bytes()).unwrap();
    assert_eq!(found.iter().map(|place| (place[4], place[5])).collect::<Vec<_>>(), [(at, json.len() - 2)]);
    let longer = format!("{{\"text\": \"{}\", \"mail\": \"{MAIL}\"}}", "words ".repeat(LARGE / 6));
    assert!(longer.len() > LARGE);
    assert_eq!(places(BodyKind::Json, longer.as_bytes()).unwrap(), expected(&longer));
}

#[test]
fn binary_is_told_from_utf16() {
    assert_eq!(places(BodyKind::Text, &b"MZ\0\0"[..]), Err(Skip::Binary));
    let units: Vec<u8> = format!("\u{FEFF}zwei\nan {MAIL}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let found = places(BodyKind::Text, units.as_slice()).unwrap();
    assert_eq!(found.iter().map(|place| [place[0], place[1], place[2], place[3]]).collect::<Vec<_>>(), [[2, 4, 2, 26]]);
}

#[test]
fn a_file_that_stops_being_readable_is_not_clean() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    for len in [3, WHOLE + 9] {
        let input = io::repeat(b'a').take(len as u64).chain(Broken);
        assert_eq!(places(BodyKind::Text, input), Err(Skip::Failed("the disk is gone".to_owned())));
    }
}
