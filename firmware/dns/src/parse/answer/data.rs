//! Whether what a record holds has the form of its type. Clients read it with code that is not ours, some of it in printers
//! and televisions: what is bent goes no further.

use std::ops::Range;

use super::super::wire::{Record, class, kind, skip_name, u16_at};

/// Keys of service parameters whose form matters here: they hold addresses (RFC 9460 section 7.3).
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// One part of what a record holds.
#[derive(Clone, Copy, Debug)]
enum Part {
    /// So many bytes.
    Bytes(usize),
    /// Perhaps compressed: servers do so where they should not, and those who ask understand it.
    Name,
    /// A length and as many bytes.
    Text,
    /// Texts to the end, one at least.
    Texts,
    /// Service parameters to the end (RFC 9460 section 2.2).
    Parameters,
    /// Anything to the end.
    Rest,
}

use Part::{Bytes, Name, Parameters, Rest, Text, Texts};

/// The form of the types that clients read; any other type is bytes to everybody on the way (RFC 3597).
fn form(kind: u16) -> &'static [Part] {
    match kind {
        kind::A => &[Bytes(4)],
        kind::AAAA | kind::LOC => &[Bytes(16)],
        kind::NS | kind::CNAME | kind::PTR | kind::DNAME => &[Name],
        kind::SOA => &[Name, Name, Bytes(20)],
        kind::HINFO => &[Text, Text],
        kind::MX => &[Bytes(2), Name],
        kind::TXT => &[Texts],
        kind::SRV => &[Bytes(6), Name],
        kind::NAPTR => &[Bytes(4), Text, Text, Text, Name],
        kind::DS | kind::DNSKEY => &[Bytes(4), Rest],
        kind::RRSIG => &[Bytes(18), Name, Rest],
        kind::NSEC => &[Name, Rest],
        kind::NSEC3 => &[Bytes(4), Text, Text, Rest],
        kind::TLSA => &[Bytes(3), Rest],
        kind::SVCB | kind::HTTPS => &[Bytes(2), Name, Parameters],
        kind::CAA => &[Bytes(1), Text, Rest],
        _ => &[Rest],
    }
}

/// Whether a record of a message holds exactly the parts of its type.
pub(super) fn is_whole(bytes: &[u8], record: &Record) -> bool {
    let Range { start, end } = record.rdata.clone();
    // Nothing of a part may stand behind the record.
    let bytes = &bytes[..end];
    let whole = || form(record.kind).iter().try_fold(start, |at, part| part.pass(bytes, at));
    record.class != class::IN || whole() == Some(end)
}

impl Part {
    /// The end of the part that starts at `at`.
    fn pass(self, bytes: &[u8], at: usize) -> Option<usize> {
        let text = |at: usize| Some(at + 1 + usize::from(*bytes.get(at)?)).filter(|end| *end <= bytes.len());
        match self {
            Bytes(count) => Some(at + count).filter(|end| *end <= bytes.len()),
            Name => skip_name(bytes, at),
            Text => text(at),
            Texts => {
                let mut end = text(at)?;
                while end < bytes.len() {
                    end = text(end)?;
                }
                Some(end)
            }
            Parameters => parameters(bytes, at),
            Rest => Some(bytes.len()),
        }
    }
}

/// Passes keys with their values, each key higher than the one before.
fn parameters(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut before = None;
    while at < bytes.len() {
        let (key, length) = (u16_at(bytes, at)?, usize::from(u16_at(bytes, at + 2)?));
        let whole = match key {
            IPV4_HINT => length > 0 && length % 4 == 0,
            IPV6_HINT => length > 0 && length % 16 == 0,
            _ => true,
        };
        at += 4 + length;
        if !whole || at > bytes.len() || before.is_some_and(|before| before >= key) {
            return None;
        }
        before = Some(key);
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::{is_whole, skip_name};
    use crate::parse::wire::Record;

    /// A record at the end of a header and the name `a.example`, which it may point to.
    fn whole(kind: u16, class: u8, data: &[u8]) -> bool {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        let head = [[0; 12].as_slice(), b"\x01a\x07example\x00\xc0\x0c", &kind.to_be_bytes(), &[0, class, 0, 0, 0, 9]];
        // More follows, of which no record may take a part for its own.
        let message = [head.concat().as_slice(), &length, data, b"\x00\x01\x02\x03\x00"].concat();
        is_whole(&message, &Record::read(&message, 23).unwrap())
    }

    #[test]
    fn what_has_the_form_of_its_type_is_told_from_what_has_not() {
        let soa = |numbers: &[u8]| [b"\xc0\x0c\x01x\xc0\x0e".as_slice(), numbers].concat();
        let (good, short) = (soa(&[7; 20]), soa(&[7; 19]));
        let signature = |name: &[u8]| [[7; 18].as_slice(), name, b"signature"].concat();
        let rows: &[(u16, &[u8], bool)] = &[
            (1, b"\xcb\x00\x71\x01", true),
            (1, b"\xcb\x00\x71", false),
            (1, b"\xcb\x00\x71\x01\x02", false),
            (1, b"", false),
            (28, &[1; 16], true),
            (28, &[1; 4], false),
            (5, b"\xc0\x0c", true),
            (5, b"\x03www\xc0\x0e", true),
            (5, b"\x03www\xc0\x0e\x00", false),
            (5, b"\x03www", false),
            (5, b"\x3fwww", false),
            (5, b"\xc0\x23", false),
            (5, b"\xc0", false),
            (5, b"\x80w", false),
            (2, b"", false),
            (6, &good, true),
            (6, &short, false),
            (15, b"\x00\x0a\xc0\x0c", true),
            (15, b"\x00\x0a\x04mail\x07exam", false),
            (15, b"\x00", false),
            (33, b"\x00\x01\x00\x02\x13\xc4\x00", true),
            (33, b"\x00\x01\x00\x02\x13\xc4", false),
            (16, b"\x01x\x00", true),
            (16, b"\x01x\x02y", false),
            (16, b"", false),
            (13, b"\x01x\x01y", true),
            (13, b"\x01x", false),
            (35, b"\x00\x01\x00\x02\x01s\x00\x00\xc0\x0c", true),
            (35, b"\x00\x01\x00\x02\x01s\x00\xc0\x0c", false),
            (46, &signature(b"\x00"), true),
            (46, &signature(b"\x3f"), false),
            (47, b"\xc0\x0c\x00\x01\x40", true),
            (50, b"\x01\x00\x00\x01\x00\x02hh", true),
            (50, b"\x01\x00\x00\x01\x00\x09hh", false),
            (257, b"\x00\x05issueca.example", true),
            (257, b"\x00\x05iss", false),
            (65, b"\x00\x01\x00", true),
            (65, b"\x00\x01\x00\x00\x03\x00\x02\x01\xbb\x00\x04\x00\x04\xcb\x00\x71\x01", true),
            (65, b"\x00\x01\x00\x00\x04\x00\x04\xcb\x00\x71\x01\x00\x03\x00\x02\x01\xbb", false),
            (65, b"\x00\x01\x00\x00\x03\x00\x02\x01", false),
            (65, b"\x00\x01\x00\x00\x03\x00", false),
            (64, b"\x00\x01\x00\x00\x04\x00\x03\xcb\x00\x71", false),
            (64, b"\x00\x01\x00\x00\x06\x00\x00", false),
            (64, b"\x00", false),
            (65_280, b"anything", true),
            (65_280, b"", true),
        ];
        for (kind, data, expected) in rows {
            assert_eq!(whole(*kind, 1, data), *expected, "{kind} {data:x?}");
        }
        assert!(whole(1, 3, b"another class has other forms"));
    }

    #[test]
    fn pointers_to_pointers_are_not_followed_for_long() {
        let name = |pointers: usize| {
            let chain: Vec<u8> = (0..pointers).flat_map(|at| (0xc00c_u16 + 2 * at as u16).to_be_bytes()).collect();
            let message = [[0; 12].as_slice(), b"\x00\x00", &chain].concat();
            skip_name(&message, message.len() - 2)
        };
        assert_eq!(name(127), Some(14 + 2 * 127));
        assert_eq!((name(128), name(8000)), (None, None));
    }
}
