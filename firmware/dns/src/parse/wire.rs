//! The few parts of a DNS message that must be touched without decoding it (RFC 1035 section 4).

use std::ops::Range;

use super::Name;

/// Length of the fixed part.
pub(crate) const HEADER: usize = 12;

/// Most pointers that a name is put together by, one for each of its labels: a chain of pointers to pointers through a whole
/// message would be followed again for each record.
const HOPS: usize = 127;

/// The EDNS option that carries cookies (RFC 7873 section 4).
pub(crate) const COOKIE: u16 = 10;

/// Bits of the header's second 16-bit word.
pub(crate) mod flag {
    pub(crate) const QR: u16 = 0x8000;
    pub(crate) const TC: u16 = 0x0200;
    pub(crate) const RD: u16 = 0x0100;
    pub(crate) const RA: u16 = 0x0080;
    pub(crate) const AD: u16 = 0x0020;
    pub(crate) const CD: u16 = 0x0010;
}

/// Types of records (and of questions) that are treated in their own way.
pub(crate) mod kind {
    pub(crate) const A: u16 = 1;
    pub(crate) const NS: u16 = 2;
    pub(crate) const CNAME: u16 = 5;
    pub(crate) const SOA: u16 = 6;
    pub(crate) const PTR: u16 = 12;
    pub(crate) const HINFO: u16 = 13;
    pub(crate) const MX: u16 = 15;
    pub(crate) const TXT: u16 = 16;
    pub(crate) const AAAA: u16 = 28;
    pub(crate) const LOC: u16 = 29;
    pub(crate) const SRV: u16 = 33;
    pub(crate) const NAPTR: u16 = 35;
    pub(crate) const DNAME: u16 = 39;
    pub(crate) const OPT: u16 = 41;
    pub(crate) const DS: u16 = 43;
    pub(crate) const RRSIG: u16 = 46;
    pub(crate) const NSEC: u16 = 47;
    pub(crate) const DNSKEY: u16 = 48;
    pub(crate) const NSEC3: u16 = 50;
    pub(crate) const TLSA: u16 = 52;
    pub(crate) const SVCB: u16 = 64;
    pub(crate) const HTTPS: u16 = 65;
    pub(crate) const TKEY: u16 = 249;
    pub(crate) const IXFR: u16 = 251;
    pub(crate) const AXFR: u16 = 252;
    pub(crate) const MAILA: u16 = 254;
    pub(crate) const ANY: u16 = 255;
    pub(crate) const CAA: u16 = 257;
}

pub(crate) mod class {
    pub(crate) const IN: u16 = 1;
}

/// Response codes that are sent or looked for (RFC 1035, RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rcode {
    NoError = 0,
    FormErr = 1,
    ServFail = 2,
    NxDomain = 3,
    NotImp = 4,
    Refused = 5,
    BadVers = 16,
}

/// The fixed part of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) id: u16,
    flags: u16,
    /// Records of the question, answer, authority and additional sections.
    pub(super) counts: [u16; 4],
}

impl Header {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let word = |index: usize| u16_at(bytes, index * 2);
        Some(Self { id: word(0)?, flags: word(1)?, counts: [word(2)?, word(3)?, word(4)?, word(5)?] })
    }

    pub(super) fn has(&self, bit: u16) -> bool {
        self.flags & bit != 0
    }

    pub(super) fn opcode(&self) -> u8 {
        u8::try_from(self.flags >> 11 & 0xf).expect("four bits fit")
    }

    pub(super) fn rcode(&self) -> u8 {
        u8::try_from(self.flags & 0xf).expect("four bits fit")
    }
}

/// Name, type, class, and where the section ends.
pub(super) fn read_question(bytes: &[u8], at: usize) -> Option<(Name, u16, u16, usize)> {
    let name = Name::read(bytes.get(at..)?)?;
    let end = at + name.sent().len();
    Some((name, u16_at(bytes, end)?, u16_at(bytes, end + 2)?, end + 4))
}

/// Where one resource record and its parts stand.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) start: usize,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) ttl: u32,
    pub(super) ttl_at: usize,
    pub(super) rdata: Range<usize>,
}

impl Record {
    pub(super) fn read(bytes: &[u8], start: usize) -> Option<Self> {
        let fixed = skip_name(bytes, start)?;
        let length = usize::from(u16_at(bytes, fixed + 8)?);
        let rdata = fixed + 10..fixed + 10 + length;
        bytes.get(rdata.clone())?;
        Some(Self {
            start,
            kind: u16_at(bytes, fixed)?,
            class: u16_at(bytes, fixed + 2)?,
            ttl: u32_at(bytes, fixed + 4)?,
            ttl_at: fixed + 4,
            rdata,
        })
    }
}

/// A name that may be compressed.
pub(super) fn read_name(bytes: &[u8], start: usize) -> Option<Name> {
    let (mut wire, mut at, mut before) = (Vec::with_capacity(64), start, start);
    // A name of more bytes is none, so this ends.
    while wire.len() <= 255 {
        let length = *bytes.get(at)?;
        match length {
            0 => {
                wire.push(0);
                return Name::read(&wire);
            }
            1..=63 => {
                let end = at + 1 + usize::from(length);
                wire.extend_from_slice(bytes.get(at..end)?);
                at = end;
            }
            0xc0.. => {
                let target = usize::from(u16_at(bytes, at)? & 0x3fff);
                if !(HEADER..before).contains(&target) {
                    return None;
                }
                (at, before) = (target, target);
            }
            _ => return None,
        }
    }
    None
}

/// The end of a name that may be compressed, if all of it can be read: [`read_name`] without the name.
pub(super) fn skip_name(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut before, mut length, mut end, mut hops) = (start, start, 0, None, 0);
    // As long as a name can be, without the root.
    while length < 255 && hops <= HOPS {
        let label = *bytes.get(at)?;
        match label {
            0 => return Some(end.unwrap_or(at + 1)),
            1..=63 => {
                length += 1 + usize::from(label);
                at += 1 + usize::from(label);
            }
            0xc0.. => {
                end = end.or(Some(at + 2));
                let target = usize::from(u16_at(bytes, at)? & 0x3fff);
                if !(HEADER..before).contains(&target) {
                    return None;
                }
                (at, before, hops) = (target, target, hops + 1);
            }
            _ => return None,
        }
    }
    None
}

/// How many bytes at the start of a name stand there as they are, before a pointer or the root.
pub(super) fn written_out(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(label @ 1..=63) = bytes.get(at) {
        at += 1 + usize::from(*label);
    }
    at - start
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
