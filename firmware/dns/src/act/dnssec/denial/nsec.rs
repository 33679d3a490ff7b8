//! Proofs by ranges of names.

use hickory_proto::dnssec::rdata::NSEC;
use hickory_proto::rr::{Name, RecordType, RecordTypeSet};

use super::{Place, ends_at, is_cut, lacks, place_of};
use crate::act::dnssec::{ancestor, labels, wildcard_of};

/// A name, what it has, and the next one (RFC 4034 section 4).
pub(super) struct Range {
    owner: Name,
    next: Name,
    types: RecordTypeSet,
    is_last: bool,
}

impl Range {
    pub(super) fn of(zone: &Name, owner: &Name, nsec: &NSEC) -> Option<Self> {
        let (owner, next) = (owner.to_lowercase(), nsec.next_domain_name().to_lowercase());
        let is_last = next == *zone;
        zone.zone_of(&next).then(|| Self { owner, next, types: nsec.type_set().clone(), is_last })
    }

    /// Whether a name lies between the two.
    fn covers(&self, name: &Name) -> bool {
        let told_elsewhere = ends_at(&self.types) && self.owner.zone_of(name);
        self.owner < *name && (self.is_last || *name < self.next) && !told_elsewhere
    }

    /// Whether a name lies between the two and has nothing below it: otherwise it is there, without records of its own.
    fn excludes(&self, name: &Name) -> bool {
        self.covers(name) && !name.zone_of(&self.next)
    }

    /// The longest name above an excluded one that is there.
    fn encloser(&self, name: &Name) -> Name {
        let common = |other: &Name| (0..=labels(name)).rev().map(|n| ancestor(name, n)).find(|at| at.zone_of(other));
        let (below, above) = (common(&self.owner), common(&self.next));
        below.into_iter().chain(above).max_by_key(labels).unwrap_or_else(Name::root)
    }
}

fn at<'a>(ranges: &'a [Range], name: &Name) -> Option<&'a Range> {
    ranges.iter().find(|range| range.owner == *name)
}

pub(super) fn of_kind(ranges: &[Range], name: &Name, kind: RecordType) -> bool {
    if let Some(range) = at(ranges, name) {
        return lacks(&range.types, name.is_root(), kind);
    }
    ranges.iter().filter(|range| range.covers(name)).any(|range| {
        // It is there because something below it is …
        !range.excludes(name)
            // … or a wildcard stands for it, and has no such records.
            || at(ranges, &wildcard_of(&range.encloser(name)))
                .is_some_and(|wildcard| lacks(&wildcard.types, false, kind) && !is_cut(&wildcard.types))
    })
}

pub(super) fn of_name(ranges: &[Range], name: &Name) -> bool {
    ranges.iter().filter(|range| range.excludes(name)).any(|range| {
        let wildcard = wildcard_of(&range.encloser(name));
        ranges.iter().any(|range| range.excludes(&wildcard))
    })
}

pub(super) fn of_closer(ranges: &[Range], name: &Name, labels: usize) -> bool {
    let closer = ancestor(name, labels + 1);
    ranges.iter().any(|range| range.excludes(&closer))
}

pub(super) fn place(ranges: &[Range], name: &Name) -> Place {
    if let Some(range) = at(ranges, name) {
        return place_of(&range.types);
    }
    match ranges.iter().find(|range| range.covers(name)) {
        Some(range) if range.excludes(name) => Place::Nowhere,
        Some(_) => Place::Inside,
        None => Place::Unproven,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::dnssec::rdata::NSEC;
    use hickory_proto::rr::{Name, RecordType};

    use super::{Range, of_closer, of_kind, of_name, place};
    use crate::act::dnssec::denial::Place;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    /// A zone `example.` as its records list it.
    fn zone(rows: &[(&str, &str, &[RecordType])]) -> Vec<Range> {
        let range = |(owner, next, types): &(&str, &str, &[RecordType])| {
            let nsec = NSEC::new(name(next), types.iter().copied());
            Range::of(&name("example."), &name(owner), &nsec).unwrap()
        };
        rows.iter().map(range).collect()
    }

    fn whole() -> Vec<Range> {
        use RecordType::{A, CNAME, DNAME, DS, MX, NS, SOA};
        zone(&[
            ("example.", "alias.example.", &[SOA, NS, MX]),
            ("alias.example.", "dn.example.", &[CNAME]),
            ("dn.example.", "in.ent.example.", &[DNAME]),
            ("in.ent.example.", "open.example.", &[A]),
            ("open.example.", "shut.example.", &[NS]),
            ("shut.example.", "*.wild.example.", &[NS, DS]),
            ("*.wild.example.", "www.example.", &[A]),
            ("www.example.", "example.", &[A]),
        ])
    }

    #[test]
    fn types_that_are_not_there_are_denied_and_no_others() {
        use RecordType::{A, AAAA, DS, MX, NS, TXT};
        let rows = [
            ("www.example.", AAAA, true),
            ("www.example.", A, false),
            ("www.example.", DS, true),
            ("alias.example.", AAAA, false),
            ("dn.example.", A, true),
            ("x.dn.example.", A, false),
            ("ent.example.", A, true),
            ("open.example.", DS, true),
            ("open.example.", A, false),
            ("open.example.", NS, false),
            ("below.open.example.", A, false),
            ("shut.example.", DS, false),
            ("example.", TXT, true),
            ("example.", MX, false),
            ("example.", DS, false),
            ("any.wild.example.", MX, true),
            ("any.wild.example.", A, false),
            ("nowhere.example.", A, false),
        ];
        for (owner, kind, denied) in rows {
            assert_eq!(of_kind(&whole(), &name(owner), kind), denied, "{owner} {kind}");
        }
    }

    #[test]
    fn names_that_are_not_there_are_denied_and_no_others() {
        let rows = [
            ("nowhere.example.", true),
            ("zzz.example.", true),
            ("a.www.example.", true),
            ("www.example.", false),
            ("ent.example.", false),
            ("any.wild.example.", false),
            ("x.dn.example.", false),
            ("below.open.example.", false),
        ];
        for (owner, denied) in rows {
            assert_eq!(of_name(&whole(), &name(owner)), denied, "{owner}");
        }
        // Without the record that shows that there is no wildcard nothing is proven.
        let half: Vec<_> = whole().into_iter().filter(|range| range.owner != name("example.")).collect();
        assert!(!of_name(&half, &name("nowhere.example.")));
    }

    #[test]
    fn nothing_may_be_closer_than_a_wildcard() {
        let rows = [
            ("any.wild.example.", 2, true),
            ("deep.any.wild.example.", 2, true),
            ("in.ent.example.", 1, false),
            ("www.example.", 1, false),
            ("below.open.example.", 2, false),
        ];
        for (owner, labels, denied) in rows {
            assert_eq!(of_closer(&whole(), &name(owner), labels), denied, "{owner}");
        }
    }

    #[test]
    fn a_name_without_ds_is_a_part_of_the_zone_or_the_end_of_what_is_signed() {
        let rows = [
            ("www.example.", Place::Inside),
            ("ent.example.", Place::Inside),
            ("open.example.", Place::Unsigned),
            ("shut.example.", Place::Unproven),
            ("example.", Place::Unproven),
            ("nowhere.example.", Place::Nowhere),
            ("below.open.example.", Place::Unproven),
        ];
        for (owner, expected) in rows {
            assert_eq!(place(&whole(), &name(owner)), expected, "{owner}");
        }
    }
}
