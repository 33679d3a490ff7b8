//! Proofs that something does not exist, made of a zone's signed NSEC records (RFC 4035 section 5.4) or NSEC3 records
//! (RFC 5155 section 8).

mod nsec;
mod nsec3;

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::rr::{Name, RData, Record, RecordType, RecordTypeSet};

use nsec::Range;
use nsec3::Hashed;

/// What the records prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    Proven,
    /// There may be a delegation of an unsigned zone there: it must not be called authentic (RFC 5155 section 9.2). Also where
    /// the proof would cost more than a zone may ask for (RFC 9276 section 3.2).
    Unsigned,
    No,
}

/// What a name is to the zone above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The zone goes on.
    Inside,
    /// It does not exist, nor does anything below it.
    Nowhere,
    /// Another zone begins there, which nobody signed.
    Unsigned,
    Unproven,
}

/// The proofs that come with an answer. A zone has one kind or the other.
pub(super) struct Denial {
    ranges: Vec<Range>,
    hashed: Hashed,
}

impl Denial {
    /// Of a zone's records, whose signatures were found to be right.
    pub(super) fn of<'a>(zone: &Name, records: impl Iterator<Item = &'a Record> + Clone) -> Self {
        let ranges = records.clone().filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC(nsec)) => Range::of(zone, &record.name, nsec),
            _ => None,
        });
        Self { ranges: ranges.collect(), hashed: Hashed::of(zone, records) }
    }

    /// That a name is there and has no records of a type.
    pub(super) fn of_kind(&self, name: &Name, kind: RecordType) -> Denied {
        self.either(nsec::of_kind(&self.ranges, name, kind), || self.hashed.of_kind(name, kind))
    }

    /// That a name is not there, and that no wildcard stands for it.
    pub(super) fn of_name(&self, name: &Name) -> Denied {
        self.either(nsec::of_name(&self.ranges, name), || self.hashed.of_name(name))
    }

    /// That a name is not there, nor anything between it and the wildcard that stands for it, which has so many labels beside
    /// its star.
    pub(super) fn of_closer(&self, name: &Name, labels: usize) -> Denied {
        self.either(nsec::of_closer(&self.ranges, name, labels), || self.hashed.of_closer(name, labels))
    }

    /// What a name without DS records is.
    pub(super) fn place(&self, name: &Name) -> Place {
        match nsec::place(&self.ranges, name) {
            Place::Unproven => self.hashed.place(name),
            place => place,
        }
    }

    fn either(&self, by_name: bool, by_hash: impl Fn() -> Denied) -> Denied {
        if by_name { Denied::Proven } else { by_hash() }
    }
}

/// What a record of a name's types proves of one of them.
fn lacks(types: &RecordTypeSet, is_root: bool, kind: RecordType) -> bool {
    let has = |kind| types.iter().any(|one| one == kind);
    if has(kind) || has(RecordType::CNAME) {
        return false;
    }
    match kind {
        // What the zone itself says at its apex is nothing of what its parent says there.
        RecordType::DS => !has(RecordType::SOA) || is_root,
        // And what the parent says of a delegation is nothing of what the zone has there (RFC 6840 section 4.1).
        _ => !is_cut(types),
    }
}

/// Whether another zone begins at a name.
fn is_cut(types: &RecordTypeSet) -> bool {
    let has = |kind| types.iter().any(|one| one == kind);
    has(RecordType::NS) && !has(RecordType::SOA)
}

/// Whether what lies below a name is not for its record to tell (RFC 6840 section 4.1).
fn ends_at(types: &RecordTypeSet) -> bool {
    is_cut(types) || types.iter().any(|one| one == RecordType::DNAME)
}

/// What a name with such types is to its zone, if no DS records are there.
fn place_of(types: &RecordTypeSet) -> Place {
    let has = |kind| types.iter().any(|one| one == kind);
    match (has(RecordType::DS) || has(RecordType::SOA), has(RecordType::NS)) {
        (true, _) => Place::Unproven,
        (false, true) => Place::Unsigned,
        (false, false) => Place::Inside,
    }
}
