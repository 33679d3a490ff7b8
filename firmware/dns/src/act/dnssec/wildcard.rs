//! Answers that a wildcard made up, in zones with NSEC records (RFC 4035 section 5.3.4).
//!
//! hickory-net 0.26 wants a record that covers the wildcard itself; where the wildcard's own record covers the asked name,
//! as it does when nothing lies between them, it finds none and calls the answer bogus. So that verdict is looked at again.

use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC, RRSIG};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record};

/// Whether every answer is signed and, where a wildcard made it up, proven to have no closer match.
pub(super) fn is_proven(message: &Message) -> bool {
    let signatures: Vec<_> =
        message.answers.iter().filter(|record| record.proof.is_secure()).filter_map(rrsig).collect();
    let data = || message.answers.iter().filter(|record| rrsig(record).is_none());
    let all_signed = data().count() > 0 && data().all(|record| record.proof.is_secure());
    let expanded = || signatures.iter().filter(|(owner, rrsig)| rrsig.input().num_labels < owner.num_labels());
    all_signed && expanded().count() > 0 && expanded().all(|(owner, rrsig)| has_no_closer_match(owner, rrsig, message))
}

/// The name one label longer than the wildcard's parent must not exist: then nothing between it and the owner does.
fn has_no_closer_match(owner: &Name, rrsig: &RRSIG, message: &Message) -> bool {
    let next_closer = owner.trim_to(usize::from(rrsig.input().num_labels) + 1);
    let zone = &rrsig.input().signer_name;
    message.authorities.iter().filter(|record| record.proof.is_secure()).any(|record| {
        let RData::DNSSEC(DNSSECRData::NSEC(nsec)) = &record.data else { return false };
        zone.zone_of(&record.name) && zone.zone_of(&next_closer) && covers(&record.name, nsec, zone, &next_closer)
    })
}

/// Whether a name lies between the record's owner and the next name of the zone (RFC 4034 section 4.1.1). A next name
/// below it would mean that it exists, with nothing at it.
fn covers(owner: &Name, nsec: &NSEC, zone: &Name, name: &Name) -> bool {
    let next = nsec.next_domain_name();
    let is_last = next == zone;
    // A delegation's record says nothing of what lies below it (RFC 6840 section 4.1).
    let below_cut = nsec.is_ancestor_delegation() && owner.zone_of(name);
    owner < name && (is_last || name < next) && !name.zone_of(next) && !below_cut
}

fn rrsig(record: &Record) -> Option<(&Name, &RRSIG)> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => Some((&record.name, rrsig)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::dnssec::rdata::NSEC;
    use hickory_proto::rr::{Name, RecordType};

    use super::covers;

    #[test]
    fn a_record_covers_what_lies_between() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let rows = [
            ("*.wild.example.", "www.example.", "any.wild.example.", true),
            ("*.wild.example.", "m.wild.example.", "z.wild.example.", false),
            ("*.wild.example.", "deep.any.wild.example.", "any.wild.example.", false),
            ("zz.example.", "example.", "zzz.example.", true),
            ("any.wild.example.", "www.example.", "any.wild.example.", false),
        ];
        for (owner, next, asked, expected) in rows {
            let nsec = NSEC::new(name(next), [RecordType::A]);
            assert_eq!(
                covers(&name(owner), &nsec, &name("example."), &name(asked)),
                expected,
                "{owner} {next} {asked}"
            );
        }
        let cut = NSEC::new(name("www.example."), [RecordType::NS]);
        assert!(!covers(&name("sub.example."), &cut, &name("example."), &name("a.sub.example.")));
    }
}
