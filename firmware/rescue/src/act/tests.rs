use std::cell::RefCell;
use std::fs::File;
use std::io::Cursor;
use std::path::Path;

use super::{InstallError, install};
use crate::testing::{BOARD, SEQUENCE, key, keys, manifest, payload, sign, update};
use crate::{CHUNK, FormatError, Keys, Place, Refusal, Source, SourceError, Stick};

/// Whole pieces and a part of one.
const LENGTH: usize = 2 * CHUNK + 3 * 512;
const OLD: u8 = 0xa5;

/// A slot with something else on it, some sectors larger than the payload.
struct Bench {
    _folder: tempfile::TempDir,
    slot: File,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("slot");
        std::fs::write(&file, vec![OLD; LENGTH + 2048]).expect("fresh");
        let slot = File::options().read(true).write(true).open(file).expect("there");
        Self { _folder: folder, slot }
    }

    fn content(&self) -> Vec<u8> {
        let mut content = vec![0; LENGTH + 2048];
        std::os::unix::fs::FileExt::read_exact_at(&self.slot, &mut content, 0).expect("readable");
        content
    }

    fn untouched(&self) -> bool {
        self.content().iter().all(|byte| *byte == OLD)
    }
}

fn place() -> Place {
    Place { board: BOARD.to_owned(), floor: SEQUENCE, failed: Vec::new(), capacity: (LENGTH + 2048) as u64 }
}

/// A source that gives other bytes each time it is opened.
struct Fickle(RefCell<Vec<Vec<u8>>>);

impl Fickle {
    fn of(mut files: Vec<Vec<u8>>) -> Self {
        files.reverse();
        Self(RefCell::new(files))
    }
}

impl Source for Fickle {
    type Reader = Cursor<Vec<u8>>;

    fn open(&self) -> Result<(Self::Reader, u64), SourceError> {
        let file = self.0.borrow_mut().pop().expect("opened too often");
        let length = file.len() as u64;
        Ok((Cursor::new(file), length))
    }
}

fn offer(file: &[u8]) -> Fickle {
    Fickle::of(vec![file.to_vec(), file.to_vec()])
}

fn trusted() -> Keys {
    keys(&key(1))
}

#[test]
fn a_good_file_from_a_stick_is_on_the_slot_afterwards() {
    let (bench, folder) = (Bench::new(), tempfile::tempdir().expect("a scratch folder"));
    let payload = payload(LENGTH);
    std::fs::write(folder.path().join("new.update"), update(&payload, &key(1))).expect("fresh");
    let file = Stick::list(folder.path()).expect("readable").remove(0);
    assert_eq!(file.path(), Path::new(&folder.path().join("new.update")));
    let taken = install(&file, &trusted(), &place(), &bench.slot).expect("taken");
    assert_eq!(taken, manifest(&payload));
    let content = bench.content();
    assert_eq!(content[..LENGTH], payload);
    assert!(content[LENGTH..].iter().all(|byte| *byte == OLD), "what lies behind the image is left alone");
}

#[test]
fn what_is_not_good_is_refused_and_nothing_is_written() {
    let good = update(&payload(LENGTH), &key(1));
    let changed = |at: usize| {
        let mut file = good.clone();
        file[at] ^= 1;
        file
    };
    let large = vec![3; LENGTH + 4096];
    let mut lies = sign(&manifest(&payload(LENGTH)), &key(1)).to_bytes().expect("short");
    lies.extend_from_slice(&payload(LENGTH + 7)[7..]);
    let refuse = |file: &[u8], place: &Place| {
        let bench = Bench::new();
        let error = install(&offer(file), &trusted(), place, &bench.slot).expect_err("it must not be taken");
        assert!(bench.untouched(), "{error}");
        error
    };
    let here = place();
    assert!(matches!(refuse(&update(&payload(LENGTH), &key(2)), &here), InstallError::Format(FormatError::Signature)));
    assert!(matches!(refuse(&changed(80), &here), InstallError::Format(FormatError::Signature)));
    assert!(matches!(refuse(&changed(good.len() - 1), &here), InstallError::Piece(2)));
    assert!(matches!(refuse(&lies, &here), InstallError::Piece(0)));
    for cut in [0, 5, 100, good.len() / 2, good.len() - 1] {
        let error = refuse(&good[..cut], &here);
        let named =
            matches!(error, InstallError::Format(FormatError::Short) | InstallError::Refused(Refusal::Length { .. }));
        assert!(named, "cut at {cut}: {error}");
    }
    assert!(matches!(refuse(&[&good[..], b"x"].concat(), &here), InstallError::Refused(Refusal::Length { .. })));
    assert!(matches!(refuse(&update(&large, &key(1)), &here), InstallError::Refused(Refusal::Large { .. })));
    let newer = Place { floor: SEQUENCE + 1, ..here.clone() };
    assert!(matches!(refuse(&good, &newer), InstallError::Refused(Refusal::Older { .. })));
    let tried = Place { failed: vec![SEQUENCE], ..here };
    assert!(matches!(refuse(&good, &tried), InstallError::Refused(Refusal::Failed)));
}

#[test]
fn a_stick_that_changes_its_mind_never_gets_a_byte_of_its_own_written() {
    let good = update(&payload(LENGTH), &key(1));
    let mut second = good.clone();
    let last = second.len() - 1;
    second[last] ^= 1;
    let bench = Bench::new();
    let fickle = Fickle::of(vec![good.clone(), second]);
    let error = install(&fickle, &trusted(), &place(), &bench.slot).expect_err("refused");
    assert!(matches!(error, InstallError::Piece(2)));
    let content = bench.content();
    assert!(content[..512].iter().all(|byte| *byte == 0), "a slot that was written in part does not start");
    assert!(content[2 * CHUNK..].iter().all(|byte| *byte == OLD), "the changed piece was not written");

    let bench = Bench::new();
    let fickle = Fickle::of(vec![good, update(&vec![9; LENGTH], &key(1))]);
    let error = install(&fickle, &trusted(), &place(), &bench.slot).expect_err("refused");
    assert!(matches!(error, InstallError::Changed) && bench.untouched());
}
