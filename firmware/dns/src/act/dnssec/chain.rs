//! The way down from a trusted key to the zone of a name (RFC 4035 section 5).
//!
//! ```text
//!   trusted key ── DNSKEY of "." ── DS of "example." ── DNSKEY of "example." ── …
//!                                     └── no DS, and NS: nothing below is signed
//! ```
//!
//! The way is walked from above, by DS records, which the zones above answer for, and it ends where a zone is found that nobody
//! signed: what the servers below that say of keys and delegations is asked of none of them, as it proves nothing.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::dnssec::{DigestType, PublicKey, TrustAnchors};
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;

use super::denial::{Denial, Place};
use super::rrset::{RecordSet, Signed, Work, sets};
use super::source::Source;
use super::{ancestor, labels, now};
use crate::act::exchange::ExchangeError;
use crate::config::Anchors;

/// Names whose place in the tree of zones is remembered.
const PLACES: usize = 1000;
/// How long, whatever the records say.
const KEEP_MIN: Duration = Duration::from_secs(10);
const KEEP_MAX: Duration = Duration::from_secs(3600);
/// Keys and digests of one zone that are looked at, and zones and names on one way down; honest ones have a handful.
const KEYS: usize = 32;
/// Bytes of all keys of one zone; they are remembered, and a dozen of the longest that are in use have half as many.
const KEY_BYTES: usize = 8 * 1024;
const DIGESTS: usize = 16;
const STEPS: usize = 32;

/// A zone and its keys.
pub(super) struct Zone {
    pub(super) name: Name,
    keys: Vec<DNSKEY>,
}

impl Zone {
    /// A set as this zone signed it.
    pub(super) fn signed(&self, set: &RecordSet, work: &Work) -> Option<Signed> {
        set.signed_by(&self.name, self.keys.iter(), work, now())
    }
}

/// Where the way down leads.
#[derive(Clone)]
pub(super) enum Standing {
    /// To a zone that signs what it says.
    Signed(Arc<Zone>),
    /// To a zone that nobody signed, which those above have signed.
    Unsigned,
    /// Into a gap: something on the way is missing or false.
    Broken,
}

/// What one name on the way is.
#[derive(Clone)]
enum Step {
    Zone(Arc<Zone>),
    Inside,
    Nowhere,
    Unsigned,
    Broken,
}

/// What hangs on the keys that are trusted to begin with.
pub(super) struct Chain {
    keys: Arc<TrustAnchors>,
    /// Zones with such keys.
    pub(super) anchored: Vec<Name>,
    steps: Mutex<LruCache<Name, (Step, Instant)>>,
}

impl Chain {
    pub(super) fn new(anchors: Anchors) -> Self {
        let steps = LruCache::sparse(NonZeroUsize::new(PLACES).expect("not zero"));
        Self { keys: anchors.keys, anchored: anchors.names, steps: Mutex::new(steps) }
    }

    /// Whether a name lies below a trusted key.
    pub(super) fn reaches(&self, name: &Name) -> bool {
        self.anchored.iter().any(|zone| zone.zone_of(name))
    }

    /// Walks to the zone that a name lies in, which may be the name itself.
    pub(super) async fn walk(&self, source: &Source, name: &Name, work: &Work) -> Result<Standing, ExchangeError> {
        let Some(begin) = self.anchored.iter().filter(|zone| zone.zone_of(name)).max_by_key(|zone| labels(zone)) else {
            return Ok(Standing::Unsigned);
        };
        let Step::Zone(mut zone) = self.step(source, None, begin, work).await? else { return Ok(Standing::Broken) };
        for count in (labels(begin) + 1..=labels(name)).take(STEPS + 1) {
            if count > labels(begin) + STEPS {
                return Ok(Standing::Broken);
            }
            match self.step(source, Some(&zone), &ancestor(name, count), work).await? {
                Step::Zone(below) => zone = below,
                Step::Inside => {}
                Step::Nowhere => break,
                Step::Unsigned => return Ok(Standing::Unsigned),
                Step::Broken => return Ok(Standing::Broken),
            }
        }
        Ok(Standing::Signed(zone))
    }

    /// One name, seen from the zone above it; without one its keys are those that are trusted to begin with.
    async fn step(
        &self,
        source: &Source,
        above: Option<&Zone>,
        name: &Name,
        work: &Work,
    ) -> Result<Step, ExchangeError> {
        if let Some((step, _)) = self.steps.lock().get(name).filter(|(_, until)| Instant::now() < *until) {
            return Ok(step.clone());
        }
        let (step, lifetime) = match above {
            None => self.anchor(source, name, work).await?,
            Some(zone) => delegation(source, zone, name, work).await?,
        };
        if matches!(step, Step::Broken) {
            source.doubt(name);
        } else {
            let lifetime = Duration::from_secs(lifetime.into()).clamp(KEEP_MIN, KEEP_MAX);
            self.steps.lock().put(name.to_lowercase(), (step.clone(), Instant::now() + lifetime));
        }
        Ok(step)
    }

    async fn anchor(&self, source: &Source, name: &Name, work: &Work) -> Result<(Step, u32), ExchangeError> {
        let owner = name.into();
        zone(source, name, work, |key| self.keys.contains_with_name(key.public_key(), &owner)).await
    }
}

/// A zone whose keys are signed by one that is trusted.
async fn zone(
    source: &Source,
    name: &Name,
    work: &Work,
    is_trusted: impl Fn(&DNSKEY) -> bool,
) -> Result<(Step, u32), ExchangeError> {
    let Some(message) = source.ask(name, RecordType::DNSKEY, work).await? else { return Ok((Step::Broken, 0)) };
    let sets = sets(&message.answers);
    let own = sets.iter().find(|set| set.kind == RecordType::DNSKEY && set.owner == *name);
    let Some(own) = own.filter(|set| set.records.len() <= KEYS) else { return Ok((Step::Broken, 0)) };
    let keys = || own.records.iter().filter_map(key);
    let trusted: Vec<&DNSKEY> = keys().filter(|key| key.zone_key() && is_trusted(key)).collect();
    let Some(signed) = own.signed_by(name, trusted.iter().copied(), work, now()) else { return Ok((Step::Broken, 0)) };
    let keys: Vec<DNSKEY> = signed.data().filter_map(key).cloned().collect();
    if keys.iter().map(|key| key.public_key().public_bytes().len()).sum::<usize>() > KEY_BYTES {
        return Ok((Step::Broken, 0));
    }
    Ok((Step::Zone(Arc::new(Zone { name: name.to_lowercase(), keys })), signed.lifetime()))
}

/// What the zone above a name says of it.
enum Told {
    /// By a key with one of these digests it signs itself.
    Keys(Vec<DS>),
    Step(Step),
}

/// What lies at a name, as the zone above tells by DS records or their absence.
async fn delegation(source: &Source, above: &Zone, name: &Name, work: &Work) -> Result<(Step, u32), ExchangeError> {
    let Some(message) = source.ask(name, RecordType::DS, work).await? else { return Ok((Step::Broken, 0)) };
    let (told, lifetime) = told(&message, above, name, work);
    // It is not held while the zone's keys are asked for.
    drop(message);
    match told {
        Told::Step(step) => Ok((step, lifetime)),
        Told::Keys(known) => {
            let (step, keys) = zone(source, name, work, |key| known.iter().any(|ds| is_of(ds, name, key))).await?;
            Ok((step, keys.min(lifetime)))
        }
    }
}

fn told(message: &Message, above: &Zone, name: &Name, work: &Work) -> (Told, u32) {
    let answers = sets(&message.answers);
    if let Some(set) = answers.iter().find(|set| set.kind == RecordType::DS && set.owner == *name) {
        let Some(signed) = above.signed(set, work).filter(|signed| signed.expanded.is_none()) else {
            return (Told::Step(Step::Broken), 0);
        };
        let known = known(signed.data().filter_map(digest).take(DIGESTS).collect());
        // Signed in a way that nobody here can check is as good as not at all (RFC 4035 section 5.2).
        let told = if known.is_empty() { Told::Step(Step::Unsigned) } else { Told::Keys(known) };
        return (told, signed.lifetime());
    }
    if answers.iter().any(|set| is_alias(set, name) && above.signed(set, work).is_some()) {
        // No zone begins at an alias (RFC 1034 section 3.6.2).
        return (Told::Step(Step::Inside), 0);
    }
    let (records, lifetime) = proofs(message, above, work);
    let step = match Denial::of(&above.name, records.iter()).place(name) {
        Place::Inside => Step::Inside,
        Place::Nowhere => Step::Nowhere,
        Place::Unsigned => Step::Unsigned,
        Place::Unproven => Step::Broken,
    };
    (Told::Step(step), lifetime)
}

/// What a zone signed of an answer's authority section, and how long that may be believed.
pub(super) fn proofs(message: &Message, zone: &Zone, work: &Work) -> (Vec<Record>, u32) {
    let wanted = [RecordType::SOA, RecordType::NSEC, RecordType::NSEC3];
    let sets = sets(&message.authorities);
    let signed: Vec<_> =
        sets.iter().filter(|set| wanted.contains(&set.kind)).filter_map(|set| zone.signed(set, work)).collect();
    // Nobody makes up proofs by a wildcard.
    let signed = signed.into_iter().filter(|set| set.expanded.is_none());
    let (mut records, mut lifetime) = (Vec::new(), u32::MAX);
    for set in signed {
        lifetime = lifetime.min(set.lifetime());
        records.extend(set.records);
    }
    (records, lifetime)
}

fn is_alias(set: &RecordSet, name: &Name) -> bool {
    match set.kind {
        RecordType::CNAME => set.owner == *name,
        RecordType::DNAME => set.owner != *name && set.owner.zone_of(name),
        _ => false,
    }
}

/// Digests by which a key can be known here; a weak one does not count beside a better one (RFC 4509 section 3).
fn known(mut digests: Vec<&DS>) -> Vec<DS> {
    let whole = |ds: &DS| match ds.digest_type() {
        DigestType::SHA1 => ds.digest().len() == 20,
        DigestType::SHA256 => ds.digest().len() == 32,
        DigestType::SHA384 => ds.digest().len() == 48,
        _ => false,
    };
    digests.retain(|ds| ds.algorithm().is_supported() && ds.digest_type().is_supported() && whole(ds));
    if digests.iter().any(|ds| ds.digest_type() != DigestType::SHA1) {
        digests.retain(|ds| ds.digest_type() != DigestType::SHA1);
    }
    digests.into_iter().cloned().collect()
}

fn is_of(ds: &DS, name: &Name, key: &DNSKEY) -> bool {
    ds.algorithm() == key.public_key().algorithm()
        && key.calculate_key_tag().is_ok_and(|tag| tag == ds.key_tag())
        && ds.covers(name, key).unwrap_or(false)
}

fn key(record: &Record) -> Option<&DNSKEY> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(key),
        _ => None,
    }
}

fn digest(record: &Record) -> Option<&DS> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::DS(ds)) => Some(ds),
        _ => None,
    }
}
