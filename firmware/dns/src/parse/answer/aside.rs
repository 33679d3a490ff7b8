//! What comes with an answer and was not asked for. Who forwards it vouches for it, and whoever stands behind may keep it: an
//! upstream, or somebody on the way to it, could put any name's address there.

use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::addresses::TARGETS_MAX;
use crate::parse::message;

/// A message with those records of its answer section alone that belong to the asked name or its aliases; nothing where all do,
/// or none: such an answer says nothing, and that is for others to tell.
pub(super) fn without_foreign(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut message = message::read(bytes)?;
    let mut ours = vec![message.queries.first()?.name().clone()];
    while let Some(target) = message.answers.iter().find_map(|record| target(record, ours.last()?)) {
        if ours.contains(&target) {
            break;
        }
        if ours.len() > TARGETS_MAX {
            // Too long to be passed on at all.
            return None;
        }
        ours.push(target);
    }
    let count = message.answers.len();
    // A zone may be an alias as a whole (RFC 6672).
    let above = |record: &Record| is_dname(record) && ours.iter().any(|name| record.name.zone_of(name));
    message.answers.retain(|record| ours.contains(&record.name) || above(record));
    let some = (1..count).contains(&message.answers.len());
    some.then(|| message.to_vec().ok()).flatten()
}

/// Where the alias at a name leads.
fn target(record: &Record, at: &Name) -> Option<Name> {
    match &record.data {
        RData::CNAME(target) if record.name == *at => Some(target.0.clone()),
        _ => None,
    }
}

/// A DNAME or its signature.
fn is_dname(record: &Record) -> bool {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => rrsig.input().type_covered == RecordType::DNAME,
        _ => record.record_type() == RecordType::DNAME,
    }
}
