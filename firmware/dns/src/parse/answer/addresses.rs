use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::Name;
use super::super::wire::{HEADER, Header, Record, kind, read_name, read_question, u16_at};
use super::Answer;

/// Keys of service parameters that hold addresses (RFC 9460 section 14.3.2).
const IPV4_HINT: u16 = 4;
const IPV6_HINT: u16 = 6;

/// Most names that an answer may lead to: nobody follows so many aliases, and each is looked up in every list.
pub(super) const TARGETS_MAX: usize = 32;
/// Longest chain of aliases followed inside one answer.
const ALIASES_MAX: usize = 16;

impl Answer {
    /// Whether it leads to more names than anybody looks at.
    pub(crate) fn leads_too_far(&self) -> bool {
        let many = Header::read(&self.message).is_some_and(|header| usize::from(header.counts[1]) > TARGETS_MAX);
        many && self.targets().len() > TARGETS_MAX
    }

    /// The names that the answer leads on to: by an alias, or as where a service is (RFC 9460 section 2).
    pub(crate) fn targets(&self) -> Vec<Name> {
        let mut found = Vec::new();
        let Some(header) = Header::read(&self.message) else { return found };
        let mut at = self.head;
        for _ in 0..header.counts[1] {
            let Some(record) = Record::read(&self.message, at) else { break };
            at = record.rdata.end;
            let start = match record.kind {
                kind::CNAME => record.rdata.start,
                // A priority stands before it.
                kind::SVCB | kind::HTTPS => record.rdata.start + 2,
                _ => continue,
            };
            let target = read_name(&self.message[..at], start).filter(|name| *name.folded() != [0]);
            found.extend(target);
        }
        found
    }

    /// The name that the aliases of the answer end with, unless it has a record of the asked type there: whoever gave the
    /// answer may not know that name.
    pub(crate) fn open_end(&self, asked: u16) -> Option<Name> {
        if self.is_direct() {
            return None;
        }
        let (mut owner, ..) = read_question(&self.message, HEADER)?;
        let records = self.answer_records()?;
        for followed in 0..ALIASES_MAX {
            let mut here = records.iter().filter(|(name, ..)| name.folded() == owner.folded());
            if here.clone().any(|(_, kind, _)| *kind == asked) {
                return None;
            }
            let Some(target) = here.find_map(|(.., target)| target.clone()) else {
                return (followed > 0).then_some(owner);
            };
            owner = target;
        }
        None
    }

    /// Whether its answer section holds records, and none of the asked name: such an answer says nothing, whatever it may be
    /// meant to make somebody keep.
    pub(crate) fn is_of_others(&self) -> bool {
        let of_others = || {
            let (asked, ..) = read_question(&self.message, HEADER)?;
            let mut at = self.head;
            let count = Header::read(&self.message)?.counts[1];
            for _ in 0..count {
                let record = Record::read(&self.message, at)?;
                let owner = read_name(&self.message, record.start)?;
                // A zone may be an alias as a whole (RFC 6672).
                if owner.folded() == asked.folded() || record.kind == kind::DNAME && asked.is_below(&owner) {
                    return None;
                }
                at = record.rdata.end;
            }
            (count > 0).then_some(())
        };
        of_others().is_some()
    }

    /// Owner and type of each record of the answer section, and what an alias stands for.
    fn answer_records(&self) -> Option<Vec<(Name, u16, Option<Name>)>> {
        let mut found = Vec::new();
        let mut at = self.head;
        for _ in 0..Header::read(&self.message)?.counts[1] {
            let record = Record::read(&self.message, at)?;
            at = record.rdata.end;
            let alias = (record.kind == kind::CNAME).then(|| read_name(&self.message[..at], record.rdata.start));
            found.push((read_name(&self.message, record.start)?, record.kind, alias.flatten()));
        }
        Some(found)
    }

    /// Every address that any record of the message gives, also as a hint of a service (RFC 9460 section 7.3).
    pub(crate) fn all_addresses(&self) -> Vec<IpAddr> {
        let mut found = Vec::new();
        let Some(header) = Header::read(&self.message) else { return found };
        let records: usize = header.counts[1..].iter().map(|count| usize::from(*count)).sum();
        let mut at = self.head;
        for _ in 0..records {
            let Some(record) = Record::read(&self.message, at) else { break };
            at = record.rdata.end;
            let rdata = &self.message[record.rdata];
            match record.kind {
                kind::A => found.extend(v4s(rdata)),
                kind::AAAA => found.extend(v6s(rdata)),
                kind::SVCB | kind::HTTPS => found.extend(hints(rdata).unwrap_or_default()),
                _ => {}
            }
        }
        found
    }
}

fn v4s(bytes: &[u8]) -> impl Iterator<Item = IpAddr> {
    bytes.as_chunks::<4>().0.iter().map(|octets| Ipv4Addr::from(*octets).into())
}

fn v6s(bytes: &[u8]) -> impl Iterator<Item = IpAddr> {
    // ::ffff:192.168.0.1 leads to where 192.168.0.1 does.
    bytes.as_chunks::<16>().0.iter().map(|octets| IpAddr::V6(Ipv6Addr::from(*octets)).to_canonical())
}

/// Priority, target, then parameters: key, length, value.
fn hints(rdata: &[u8]) -> Option<Vec<IpAddr>> {
    let mut at = 2;
    while *rdata.get(at)? != 0 {
        at += 1 + usize::from(rdata[at]);
    }
    at += 1;
    let mut found = Vec::new();
    while let (Some(key), Some(length)) = (u16_at(rdata, at), u16_at(rdata, at + 2)) {
        let value = rdata.get(at + 4..at + 4 + usize::from(length))?;
        at += 4 + value.len();
        match key {
            IPV4_HINT => found.extend(v4s(value)),
            IPV6_HINT => found.extend(v6s(value)),
            _ => {}
        }
    }
    Some(found)
}
