use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use super::chain::{Chain, Standing, Zone, proofs};
use super::denial::{Denial, Denied};
use super::rrset::{Signed, Work, rrsig, sets};
use super::source::Source;
use super::{ancestor, labels, now};
use crate::act::exchange::ExchangeError;
use crate::parse::{Answer, Explanation, message};

/// What the chain of trust says of an answer (RFC 4035 section 4.3).
#[derive(Debug)]
pub(super) enum Verdict {
    /// What the zone signed of it, and nothing else.
    Secure(Box<Message>),
    Insecure,
    Bogus(Explanation),
}

/// Judges an answer that no alias is a part of. It is insecure only where the chain itself shows that nobody signs the name that
/// was asked for: nothing that stands in the answer can show that.
pub(super) async fn judge(
    chain: &Chain,
    source: &Source,
    (name, kind): (&Name, RecordType),
    raw: &Answer,
    work: &Work,
) -> Result<Verdict, ExchangeError> {
    // A message that was read takes many times its own size, so none is held while upstreams are asked: whoever owns a zone
    // decides how long that takes, and anybody in the office can ask for it.
    let read = || message::read(raw.message());
    // DS records are the parent's to tell.
    let own = if kind == RecordType::DS { ancestor(name, labels(name).saturating_sub(1)) } else { name.clone() };
    // Who is said to have signed it is where the zone is likely to be, which saves questions; it is not believed.
    let Some(likely) = read().map(|message| signer(&message, &own)) else {
        return Ok(Verdict::Bogus(Explanation::Bogus));
    };
    let likely = likely.filter(|signer| chain.reaches(signer));
    let mut tried = None;
    for end in likely.iter().chain([&own]) {
        match chain.walk(source, end, work).await? {
            Standing::Unsigned => return Ok(Verdict::Insecure),
            Standing::Broken => {}
            Standing::Signed(zone) if tried.as_ref() == Some(&zone.name) => {}
            Standing::Signed(zone) => match read().and_then(|message| prove(&zone, (name, kind), &message, work)) {
                Some(Proven::Secure(message)) => return Ok(Verdict::Secure(message)),
                Some(Proven::Unsigned) => return Ok(Verdict::Insecure),
                None => tried = Some(zone.name.clone()),
            },
        }
    }
    Ok(Verdict::Bogus(read().map_or(Explanation::Bogus, |message| why(&message))))
}

/// The lowest zone above a name (or the name itself) that is said to have signed something of an answer.
fn signer(message: &Message, name: &Name) -> Option<Name> {
    let records = message.answers.iter().chain(&message.authorities);
    let signers = records.filter_map(rrsig).map(|rrsig| &rrsig.input().signer_name);
    signers.filter(|signer| signer.zone_of(name)).max_by_key(|signer| labels(signer)).map(Name::to_lowercase)
}

enum Proven {
    Secure(Box<Message>),
    Unsigned,
}

/// Proves an answer by the keys of one zone.
fn prove(zone: &Zone, (name, kind): (&Name, RecordType), message: &Message, work: &Work) -> Option<Proven> {
    if !zone.name.zone_of(name) {
        return None;
    }
    let is_nxdomain = message.metadata.response_code == ResponseCode::NXDomain;
    let sets = sets(&message.answers);
    let asked = sets.iter().find(|set| set.kind == kind && set.owner == *name);
    let denial = || {
        let (records, _) = proofs(message, zone, work);
        (Denial::of(&zone.name, records.iter()), records)
    };
    let (answers, authorities, denied) = match asked {
        // Of a record that is there nobody can say that its name is not.
        Some(_) if is_nxdomain => return None,
        Some(set) => {
            let Signed { records, expanded } = zone.signed(set, work)?;
            match expanded {
                None => (records, Vec::new(), Denied::Proven),
                Some(labels) => {
                    let (denial, proofs) = denial();
                    (records, proofs, denial.of_closer(name, labels))
                }
            }
        }
        None => {
            let (denial, proofs) = denial();
            let denied = if is_nxdomain { denial.of_name(name) } else { denial.of_kind(name, kind) };
            (Vec::new(), proofs, denied)
        }
    };
    match denied {
        Denied::No => None,
        Denied::Unsigned => Some(Proven::Unsigned),
        Denied::Proven => {
            let mut proven = message.clone();
            (proven.answers, proven.authorities) = (answers, authorities);
            proven.additionals.clear();
            Some(Proven::Secure(Box::new(proven)))
        }
    }
}

/// Why an answer is bogus, as far as its own signatures tell.
fn why(message: &Message) -> Explanation {
    let telling = if message.answers.is_empty() { &message.authorities } else { &message.answers };
    // Times are serial numbers that wrap (RFC 4034 section 3.1.5); the signed difference is what counts.
    let passed = |time: u32| now().wrapping_sub(time) as i32;
    let signatures: Vec<_> = telling.iter().filter_map(rrsig).collect();
    if signatures.is_empty() {
        Explanation::NoSignature
    } else if signatures.iter().all(|rrsig| passed(rrsig.input().sig_expiration.get()) > 0) {
        Explanation::SignatureExpired
    } else if signatures.iter().all(|rrsig| passed(rrsig.input().sig_inception.get()) < 0) {
        Explanation::SignatureNotYetValid
    } else {
        Explanation::Bogus
    }
}
