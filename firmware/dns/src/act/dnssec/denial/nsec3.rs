//! Proofs by ranges of hashed names.

use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC3};
use hickory_proto::rr::{Name, RData, Record, RecordType, RecordTypeSet};

use super::{Denied, Place, ends_at, is_cut, lacks, place_of};
use crate::act::dnssec::{ancestor, labels, wildcard_of};

/// Rounds that are counted for a zone; with more of them it is as good as unsigned (RFC 9276 section 3.2). Unbound and BIND draw
/// the line at 150 and 50.
const ROUNDS: u16 = 100;
/// Bytes of a hash (SHA-1 is the only one there is).
const HASH: usize = 20;

type Hash = Vec<u8>;

/// A zone's records of hashed names, as many as came.
pub(super) struct Hashed {
    zone: Name,
    salt: Vec<u8>,
    rounds: u16,
    ranges: Vec<Range>,
}

struct Range {
    owner: Hash,
    next: Hash,
    types: RecordTypeSet,
    opt_out: bool,
}

impl Range {
    fn covers(&self, hash: &[u8]) -> bool {
        let (owner, next) = (self.owner.as_slice(), self.next.as_slice());
        if owner < next { owner < hash && hash < next } else { hash > owner || hash < next }
    }
}

/// The longest name above another that is there.
struct Encloser<'a> {
    name: Name,
    /// What shows that the next longer one is not.
    gap: &'a Range,
}

impl Hashed {
    pub(super) fn of<'a>(zone: &Name, records: impl Iterator<Item = &'a Record>) -> Self {
        let mut hashed = Self { zone: zone.clone(), salt: Vec::new(), rounds: 0, ranges: Vec::new() };
        for record in records {
            if let RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) = &record.data {
                hashed.add(&record.name, nsec3);
            }
        }
        hashed
    }

    /// Records of one chain go together; those of another, and those with flags that nobody knows, are left out (RFC 5155
    /// section 8.2).
    fn add(&mut self, owner: &Name, nsec3: &NSEC3) {
        if self.ranges.is_empty() {
            (self.salt, self.rounds) = (nsec3.salt().to_vec(), nsec3.iterations());
        }
        let of_chain = self.salt == nsec3.salt() && self.rounds == nsec3.iterations();
        let of_zone = labels(owner) == labels(&self.zone) + 1 && self.zone.zone_of(owner);
        let owner = owner.iter().next().and_then(unhexed);
        let next = nsec3.next_hashed_owner_name().to_vec();
        if let Some(owner) = owner.filter(|_| of_chain && of_zone && nsec3.flags() & !1 == 0 && next.len() == HASH) {
            self.ranges.push(Range { owner, next, types: nsec3.type_set().clone(), opt_out: nsec3.opt_out() });
        }
    }

    fn hash(&self, name: &Name) -> Option<Hash> {
        let hash = Nsec3HashAlgorithm::SHA1.hash(&self.salt, name, self.rounds).ok()?;
        Some(hash.as_ref().to_vec())
    }

    fn at(&self, name: &Name) -> Option<&Range> {
        let hash = self.hash(name)?;
        self.ranges.iter().find(|range| range.owner == hash)
    }

    fn gap(&self, name: &Name) -> Option<&Range> {
        let hash = self.hash(name)?;
        self.ranges.iter().find(|range| range.covers(&hash))
    }

    /// RFC 5155 section 8.3.
    fn encloser(&self, name: &Name) -> Option<Encloser<'_>> {
        let (count, range, above) = (labels(&self.zone)..labels(name)).rev().find_map(|count| {
            let above = ancestor(name, count);
            self.at(&above).map(|range| (count, range, above))
        })?;
        if ends_at(&range.types) {
            return None;
        }
        let gap = self.gap(&ancestor(name, count + 1))?;
        Some(Encloser { name: above, gap })
    }

    fn is_dear(&self) -> bool {
        !self.ranges.is_empty() && self.rounds > ROUNDS
    }

    /// RFC 5155 sections 8.5 to 8.7.
    pub(super) fn of_kind(&self, name: &Name, kind: RecordType) -> Denied {
        if self.is_dear() {
            return Denied::Unsigned;
        }
        if let Some(range) = self.at(name) {
            return if lacks(&range.types, name.is_root(), kind) { Denied::Proven } else { Denied::No };
        }
        let Some(encloser) = self.encloser(name) else { return Denied::No };
        let by_wildcard = self
            .at(&wildcard_of(&encloser.name))
            .is_some_and(|wildcard| lacks(&wildcard.types, false, kind) && !is_cut(&wildcard.types));
        match encloser.gap.opt_out {
            true if by_wildcard || kind == RecordType::DS => Denied::Unsigned,
            false if by_wildcard => Denied::Proven,
            _ => Denied::No,
        }
    }

    /// RFC 5155 section 8.4.
    pub(super) fn of_name(&self, name: &Name) -> Denied {
        if self.is_dear() {
            return Denied::Unsigned;
        }
        let gaps = self.encloser(name).filter(|encloser| self.gap(&wildcard_of(&encloser.name)).is_some());
        gaps.map_or(Denied::No, |encloser| by(encloser.gap))
    }

    /// RFC 5155 section 8.8.
    pub(super) fn of_closer(&self, name: &Name, labels: usize) -> Denied {
        if self.is_dear() {
            return Denied::Unsigned;
        }
        self.gap(&ancestor(name, labels + 1)).map_or(Denied::No, by)
    }

    /// RFC 5155 section 8.9.
    pub(super) fn place(&self, name: &Name) -> Place {
        if self.is_dear() {
            return Place::Unsigned;
        }
        if let Some(range) = self.at(name) {
            return place_of(&range.types);
        }
        match self.encloser(name) {
            Some(encloser) if encloser.gap.opt_out => Place::Unsigned,
            Some(_) => Place::Nowhere,
            None => Place::Unproven,
        }
    }
}

fn by(gap: &Range) -> Denied {
    if gap.opt_out { Denied::Unsigned } else { Denied::Proven }
}

/// The bytes of a hash from its text, in base 32 with the digits first (RFC 4648 section 7).
fn unhexed(label: &[u8]) -> Option<Hash> {
    let (mut bits, mut held, mut hash) = (0_u32, 0, Vec::with_capacity(HASH));
    for character in label {
        let value = match character.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'a'..=b'v' => letter - b'a' + 10,
            _ => return None,
        };
        (bits, held) = ((bits << 5 | u32::from(value)) & 0xfff, held + 5);
        if held >= 8 {
            held -= 8;
            hash.push((bits >> held) as u8);
        }
    }
    (hash.len() == HASH && held == 0).then_some(hash)
}
