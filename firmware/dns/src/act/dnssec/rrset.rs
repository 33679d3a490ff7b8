//! Record sets and their signatures (RFC 4035 section 5.3).

use std::sync::atomic::{AtomicU32, Ordering};

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, RRSIG};
use hickory_proto::dnssec::{PublicKey, Verifier};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::labels;

/// Signatures that are tried for one answer, with all that its chain needs: an honest one takes ten or twenty, and one that
/// was made to keep us busy as many as it is let (CVE-2023-50387).
const TRIES: u32 = 96;
/// Keys with the same tag that are tried for one signature.
const NAMESAKES: usize = 4;

/// Sets of one section that are told apart; no honest answer has nearly as many.
const SETS: usize = 256;

/// What one try to prove an answer may still cost.
pub(super) struct Work {
    left: AtomicU32,
    /// It is the second try: other upstreams are asked first.
    pub(super) elsewhere: bool,
}

impl Work {
    pub(super) fn new(elsewhere: bool) -> Self {
        Self { left: AtomicU32::new(TRIES), elsewhere }
    }

    fn take(&self) -> Option<()> {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok().map(drop)
    }
}

/// Records of one name and type, with what is said to sign them.
pub(super) struct RecordSet {
    pub(super) owner: Name,
    pub(super) kind: RecordType,
    pub(super) records: Vec<Record>,
    signatures: Vec<Record>,
}

/// A set that its zone signed.
pub(super) struct Signed {
    /// Without whatever else was said to sign it, and with lifetimes that its signature allows.
    pub(super) records: Vec<Record>,
    /// The labels that the wildcard has in common with the name, where one made the set.
    pub(super) expanded: Option<usize>,
}

impl Signed {
    /// Seconds for which it may be believed.
    pub(super) fn lifetime(&self) -> u32 {
        self.records.iter().map(|record| record.ttl).min().unwrap_or_default()
    }

    /// The set itself.
    pub(super) fn data(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(|record| rrsig(record).is_none())
    }
}

/// A section, taken apart.
pub(super) fn sets(section: &[Record]) -> Vec<RecordSet> {
    let mut sets: Vec<RecordSet> = Vec::new();
    let place = |sets: &mut Vec<RecordSet>, owner: &Name, kind: RecordType| {
        sets.iter().position(|set| set.kind == kind && set.owner == *owner).or_else(|| {
            let (owner, records, signatures) = (owner.to_lowercase(), Vec::new(), Vec::new());
            (sets.len() < SETS).then(|| sets.push(RecordSet { owner, kind, records, signatures }))?;
            Some(sets.len() - 1)
        })
    };
    for record in section.iter().filter(|record| record.dns_class == DNSClass::IN) {
        let signature = rrsig(record).map(|rrsig| rrsig.input().type_covered);
        let kind = signature.unwrap_or_else(|| record.record_type());
        let Some(at) = place(&mut sets, &record.name, kind) else { continue };
        let set = &mut sets[at];
        let list = if signature.is_some() { &mut set.signatures } else { &mut set.records };
        // A set has no record twice (RFC 2181 section 5).
        if !list.iter().any(|other| other.data == record.data) {
            list.push(record.clone());
        }
    }
    sets.retain(|set| !set.records.is_empty());
    sets
}

impl RecordSet {
    /// The set as one of the keys of a zone signed it; `None` if none did, or not for now.
    pub(super) fn signed_by<'a>(
        &self,
        zone: &Name,
        keys: impl Iterator<Item = &'a DNSKEY> + Clone,
        work: &Work,
        now: u32,
    ) -> Option<Signed> {
        if !zone.zone_of(&self.owner) {
            return None;
        }
        let lifetime = self.records.iter().map(|record| record.ttl).min()?;
        let mut level = self.records.clone();
        level.iter_mut().for_each(|record| record.ttl = lifetime);
        self.signatures.iter().find_map(|record| {
            let signature = rrsig(record)?;
            let input = signature.input();
            let labels = usize::from(input.num_labels);
            if input.signer_name != *zone || labels > labels_signed(&self.owner) || !holds(signature, now) {
                return None;
            }
            let fits = |key: &&DNSKEY| {
                key.zone_key()
                    && !key.revoke()
                    && key.public_key().algorithm() == input.algorithm
                    && key.calculate_key_tag().is_ok_and(|tag| tag == input.key_tag)
            };
            keys.clone().filter(fits).take(NAMESAKES).find_map(|key| {
                work.take()?;
                key.verify_rrsig(&self.owner, DNSClass::IN, signature, level.iter()).ok()
            })?;
            let left = input.sig_expiration.get().wrapping_sub(now);
            let lifetime = lifetime.min(input.original_ttl).min(left);
            let mut records = level.clone();
            records.push(record.clone());
            records.iter_mut().for_each(|record| record.ttl = lifetime);
            Some(Signed { records, expanded: (labels < labels_signed(&self.owner)).then_some(labels) })
        })
    }
}

/// Labels as signatures count them: without the star of a wildcard (RFC 4034 section 3.1.3).
fn labels_signed(name: &Name) -> usize {
    labels(name) - usize::from(name.iter().next().is_some_and(|label| label == b"*"))
}

/// Whether a signature is valid now; its times are serial numbers that wrap (RFC 4034 section 3.1.5).
fn holds(rrsig: &RRSIG, now: u32) -> bool {
    let passed = |time: u32| now.wrapping_sub(time) as i32;
    passed(rrsig.input().sig_inception.get()) >= 0 && passed(rrsig.input().sig_expiration.get()) <= 0
}

pub(super) fn rrsig(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => Some(rrsig),
        _ => None,
    }
}
