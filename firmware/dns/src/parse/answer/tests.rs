use super::{Answer, AnswerError, Wanted};
use crate::parse::{Name, Question};

const ID: u16 = 0x1234;
const A: &[u8] = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04\xcb\x00\x71\x01";
const SOA: &[u8] = b"\xc0\x0e\x00\x06\x00\x01\x00\x00\x03\x84\x00\x16\x00\x00\x00\x00\x00\x01\x00\x00\x00\x02\
                     \x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x3c";
const OPT: &[u8] = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00";

fn question() -> Question {
    Question {
        name: Name::of_text("a.example").folded().into(),
        kind: 1,
        dnssec_ok: false,
        checking_disabled: false,
        way: 0,
    }
}

fn message(flags: u16, counts: [u16; 4], records: &[&[u8]]) -> Vec<u8> {
    let mut bytes = ID.to_be_bytes().to_vec();
    bytes.extend(flags.to_be_bytes());
    bytes.extend(counts.iter().flat_map(|count| count.to_be_bytes()));
    bytes.extend_from_slice(b"\x01a\x07example\x00\x00\x01\x00\x01");
    bytes.extend(records.concat());
    bytes
}

fn read(bytes: &[u8]) -> Result<Answer, AnswerError> {
    Answer::read(bytes, Wanted { id: ID, question: &question() })
}

#[test]
fn lifetimes_are_those_of_the_shortest_record_and_of_the_soa() {
    let short = [&A[..9], &[9], &A[10..]].concat();
    let endless = [&A[..6], &[0xff], &A[7..]].concat();
    /// Flags, counts, records, and the lifetime.
    type Row<'a> = (u16, [u16; 4], &'a [&'a [u8]], Option<u32>);
    let rows: &[Row<'_>] = &[
        (0x8180, [1, 1, 0, 0], &[A], Some(300)),
        (0x8180, [1, 2, 0, 0], &[A, &short], Some(265)),
        (0x8180, [1, 1, 0, 0], &[&endless], Some(0)),
        (0x8180, [1, 0, 1, 0], &[SOA], Some(60)),
        (0x8183, [1, 0, 1, 0], &[SOA], Some(60)),
        (0x8180, [1, 1, 1, 1], &[A, SOA, OPT], Some(60)),
        (0x8183, [1, 0, 0, 0], &[], None),
        (0x8183, [1, 1, 0, 0], &[A], None),
        (0x8180, [1, 0, 0, 1], &[OPT], None),
        (0x8182, [1, 0, 1, 0], &[SOA], None),
    ];
    for (flags, counts, records, lifetime) in rows {
        let answer = read(&message(*flags, *counts, records)).unwrap();
        assert_eq!(answer.lifetime(), *lifetime, "{flags:x} {counts:?}");
    }
}

#[test]
fn answers_come_without_what_nobody_asked_for_and_know_their_aliases() {
    let of = |kind: u8, data: &[u8]| {
        [b"\xc0\x0c\x00".as_slice(), &[kind], &A[4..11], &[u8::try_from(data.len()).unwrap()], data].concat()
    };
    let (mx, cname, signature) = (of(15, b"\x00\x0a\xc0\x0c"), of(5, b"\xc0\x0e"), of(46, &[0; 30]));
    let question = Question { kind: 15, ..question() };
    let ask = |counts, records: &[&[u8]], dnssec_ok, authorities: u16| {
        let mut bytes = message(0x8180, counts, records);
        bytes[24] = 15;
        let question = Question { dnssec_ok, ..question.clone() };
        let answer = Answer::read(&bytes, Wanted { id: ID, question: &question }).unwrap();
        let left = usize::from(counts[1] + authorities);
        let mut kept = message(0x8180, [1, counts[1], authorities, 0], &records[..left]);
        kept[24] = 15;
        assert_eq!(answer.message(), kept);
        assert_eq!(answer.ttls().count(), left);
        answer.is_direct()
    };
    assert!(ask([1, 1, 0, 2], &[&mx, A, OPT], false, 0));
    assert!(ask([1, 2, 1, 1], &[&mx, &signature, SOA, A], false, 0));
    assert!(ask([1, 2, 1, 1], &[&mx, &signature, SOA, A], true, 1));
    assert!(ask([1, 0, 1, 0], &[SOA], false, 1));
    assert!(!ask([1, 1, 1, 0], &[&cname, SOA], false, 1));
    assert!(!ask([1, 2, 0, 1], &[&cname, &mx, OPT], false, 0));
    assert!(!ask([1, 2, 0, 0], &[&mx, A], false, 0));
}

#[test]
fn records_of_names_that_nobody_asked_about_are_left_out() {
    let rest = &A[2..];
    let of = |name: &[u8]| [name, rest].concat();
    let bank = of(b"\x04bank\x07example\x00");
    let alias = [b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x01\x2c\x00\x04\x01b\xc0\x0e".as_slice()].concat();
    let end = of(b"\x01b\xc0\x0e");
    let answers = |records: &[&[u8]]| {
        let count = u16::try_from(records.len()).unwrap();
        read(&message(0x8180, [1, count, 0, 0], records)).unwrap().message()[7]
    };
    assert_eq!(answers(&[A, &bank]), 1);
    assert_eq!(answers(&[&bank, A, &bank]), 1);
    assert_eq!(answers(&[&end, &alias, &bank]), 2, "whatever their order");
    assert_eq!(answers(&[&alias, &end]), 2);
    assert_eq!(answers(&[&bank]), 1, "an answer of others says so as a whole");
}

#[test]
fn opt_is_cut_off_and_its_extended_error_kept() {
    let error = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x0e\x00\x0a\x00\x02xx\x00\x0f\x00\x04\x00\x12no";
    let answer = read(&message(0x8180, [1, 1, 0, 1], &[A, error])).unwrap();
    assert_eq!(answer.message(), message(0x8180, [1, 1, 0, 0], &[A]));
    assert_eq!(answer.extended_error(), Some(b"\x00\x0f\x00\x04\x00\x12no".as_slice()));
    assert_eq!(answer.ttls().count(), 1);

    // What stands around an OPT record goes with it, and its lifetimes are not patched into nowhere.
    let answer = read(&message(0x8180, [1, 1, 0, 3], &[A, A, OPT, A])).unwrap();
    assert_eq!(answer.message(), message(0x8180, [1, 1, 0, 0], &[A]));
    assert_eq!(answer.ttls().count(), 1);

    let long = [b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\xcc\x00\x0f\x00\xc8".as_slice(), &[b'x'; 200]].concat();
    assert_eq!(read(&message(0x8180, [1, 0, 0, 1], &[&long])).unwrap().extended_error(), None);
    let torn = b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x05\x00\x0f\x00\xc8x";
    assert_eq!(read(&message(0x8180, [1, 0, 0, 1], &[torn])).unwrap().extended_error(), None);
}

#[test]
fn what_answers_something_else_is_foreign_and_what_is_broken_says_so() {
    let good = message(0x8180, [1, 1, 0, 0], &[A]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let with_length = |length: u8| {
        message(0x8180, [1, 1, 0, 0], &[&[&A[..11], &[length], &A[12..12 + usize::from(length)]].concat()])
    };
    let short_soa = [&A[..3], &[6], &A[4..11], &[3], &A[12..15]].concat();
    let rows = [
        ("another identifier", with(1, 0), AnswerError::Foreign),
        ("a question", with(2, 0x01), AnswerError::Foreign),
        ("another opcode", with(2, 0x91), AnswerError::Foreign),
        ("another name", with(13, b'b'), AnswerError::Foreign),
        ("another type", with(24, 28), AnswerError::Foreign),
        ("another class", with(26, 3), AnswerError::Foreign),
        ("no question", with(5, 0), AnswerError::Foreign),
        ("a stump", good[..11].to_vec(), AnswerError::Foreign),
        ("truncated", with(2, 0x83), AnswerError::Truncated),
        ("a record that is not there", with(7, 2), AnswerError::Malformed),
        ("data beyond the end", with(38, 5), AnswerError::Malformed),
        ("a name that points at itself", with(28, 0x1b), AnswerError::Malformed),
        ("an address of three bytes", with_length(3), AnswerError::Malformed),
        ("an alias that leads nowhere", with(30, 5), AnswerError::Malformed),
        ("a name that points into a label", with(28, 0x0d), AnswerError::Malformed),
        ("a SOA without its last field", message(0x8180, [1, 0, 1, 0], &[&short_soa]), AnswerError::Malformed),
        ("two OPT", message(0x8180, [1, 0, 0, 2], &[OPT, OPT]), AnswerError::Malformed),
        (
            "extended code",
            message(0x8180, [1, 0, 0, 1], &[&[&OPT[..5], &[1], &OPT[6..]].concat()]),
            AnswerError::Malformed,
        ),
    ];
    for (what, bytes, error) in rows {
        assert_eq!(read(&bytes).unwrap_err(), error, "{what}");
    }
    // The spelling of the question may differ: some servers fold it.
    assert!(read(&with(13, b'A')).is_ok());
}

#[test]
fn the_asked_name_is_found_where_it_is_written_out_again() {
    let rest = &A[2..];
    let whole = [b"\x01A\x07eXample\x00".as_slice(), rest].concat();
    let part = [b"\x01A\xc0\x0e".as_slice(), rest].concat();
    let answer = read(&message(0x8180, [1, 4, 1, 1], &[A, &whole, &part, &whole, &whole, OPT])).unwrap();
    let start = 27 + A.len();
    let expected = [(start, 10), (start + whole.len(), 2), (start + whole.len() + part.len(), 10)];
    assert_eq!(answer.owners().collect::<Vec<_>>(), expected);
    assert_eq!(read(&message(0x8180, [1, 1, 0, 0], &[A])).unwrap().owners().count(), 0);
}

#[test]
fn every_cut_and_every_flipped_bit_is_survived() {
    let good = message(0x8180, [1, 1, 1, 1], &[A, SOA, OPT]);
    for at in 0..good.len() {
        let _ = read(&good[..at]);
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(answer) = read(&bytes) {
                assert!(answer.ttls().all(|ttl| ttl + 4 <= answer.message().len()));
                assert!(answer.owners().all(|(at, length)| at + length <= answer.message().len()));
                let _ = crate::act::addresses(&answer);
            }
        }
    }
}
