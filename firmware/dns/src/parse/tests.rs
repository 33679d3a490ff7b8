use super::{Edns, Query, Rcode};

/// `header` is flags and the four counts; then the question for `a.example`, then `rest`.
fn message(header: [u16; 5], rest: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xab, 0xcd];
    bytes.extend(header.iter().flat_map(|word| word.to_be_bytes()));
    bytes.extend_from_slice(b"\x01A\x07eXample\x00\x00\x01\x00\x01");
    bytes.extend_from_slice(rest);
    bytes
}

const OPT: &[u8] = &[0, 0, 41, 0x10, 0, 0, 0, 0x80, 0, 0, 0];

#[test]
fn a_question_is_read_with_its_flags_and_options() {
    let query = Query::read(&message([0x0130, 1, 0, 0, 1], OPT)).unwrap();
    assert_eq!((query.id, query.kind, query.name.text().as_str()), (0xabcd, 1, "a.example"));
    assert!(query.recursion_desired && query.authentic_data && query.checking_disabled);
    assert_eq!(query.edns, Some(Edns { payload: 4096, dnssec_ok: true, cookie: None }));
    assert_eq!(query.name.sent(), b"\x01A\x07eXample\x00");

    let plain = Query::read(&message([0, 1, 0, 0, 0], b"")).unwrap();
    assert!(!plain.recursion_desired && !plain.authentic_data && !plain.checking_disabled && !plain.dnssec_ok());
    assert_eq!(plain.edns, None);
}

#[test]
fn spelling_makes_no_other_question_but_dnssec_and_checking_do() {
    let read = |bytes: &[u8]| Query::read(bytes).unwrap().question();
    let mut lower = message([0, 1, 0, 0, 0], b"");
    lower.make_ascii_lowercase();
    lower[..2].copy_from_slice(&[1, 2]);
    let plain = read(&message([0, 1, 0, 0, 0], b""));
    assert_eq!(read(&lower), plain);
    assert_ne!(read(&message([0x10, 1, 0, 0, 0], b"")), plain);
    assert_ne!(read(&message([0, 1, 0, 0, 1], OPT)), plain);
}

#[test]
fn other_records_behind_the_question_are_stepped_over() {
    // A TSIG-like record with a compressed name before OPT.
    let rest = [b"\xc0\x0c\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x02xy", OPT].concat();
    assert_eq!(Query::read(&message([0, 1, 0, 0, 2], &rest)).unwrap().edns.unwrap().payload, 4096);
    // A pointer that leads forward, or to itself, would never end.
    for pointer in [b"\xc0\x1b", b"\xc0\x1c", b"\xc0\xff", b"\xc0\x00"] {
        let rest = [pointer.as_slice(), b"\x00\xfa\x00\xff\x00\x00\x00\x00\x00\x02xy"].concat();
        let unserved = Query::read(&message([0, 1, 0, 0, 1], &rest)).unwrap_err();
        assert_eq!(unserved.reply.unwrap().rcode, Rcode::FormErr, "{pointer:?}");
    }
}
