use std::sync::Arc;
use std::time::SystemTime;

use hickory_net::DnsError;
use hickory_net::NetError;
use hickory_net::proto::dnssec::Proof;
use hickory_net::proto::dnssec::rdata::{DNSSECRData, NSEC3, RRSIG};
use hickory_proto::op::{DnsResponse, Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::wildcard;
use crate::parse::{Answer, Explanation};

/// What the chain of trust says of an answer (RFC 4035 section 4.3).
#[derive(Debug)]
pub(super) enum Verdict {
    Secure(Box<Message>),
    Insecure,
    Bogus(Explanation),
}

/// Sums the verdicts on single record sets up; `is_checked` says which owners are checked at all.
pub(super) fn judge(
    checked: Result<DnsResponse, NetError>,
    is_checked: impl Fn(&Name) -> bool,
    raw: &Arc<Answer>,
) -> Verdict {
    let response = match checked {
        Ok(response) => response,
        Err(NetError::Dns(DnsError::Nsec { proof: Proof::Insecure, .. })) => return Verdict::Insecure,
        Err(NetError::Dns(DnsError::Nsec { response, .. })) if wildcard::is_proven(&response) => *response,
        Err(_) => return Verdict::Bogus(why(raw)),
    };
    let message = Message::from(response);
    // A "yes" is proven by its answers, a "no" by what stands beside it.
    let telling = if message.answers.is_empty() { &message.authorities } else { &message.answers };
    let proof = |record: &Record| if is_checked(&record.name) { record.proof } else { Proof::Insecure };
    let proofs = telling.iter().filter(|record| signature(record).is_none()).map(proof);
    match proofs.min().unwrap_or(Proof::Insecure) {
        // Of a record that is there nobody can say that its name is not.
        Proof::Secure if is_nxdomain(&message) && !message.answers.is_empty() => Verdict::Bogus(Explanation::Bogus),
        Proof::Secure if rests_on_opt_out(&message) => Verdict::Insecure,
        Proof::Secure => Verdict::Secure(Box::new(message)),
        Proof::Insecure => Verdict::Insecure,
        Proof::Bogus | Proof::Indeterminate => Verdict::Bogus(why(raw)),
    }
}

/// Whether a "no", or that a wildcard may speak, is proven by a range of names in which there may be unsigned delegations: then
/// it must not be called authentic (RFC 5155 section 9.2).
fn rests_on_opt_out(message: &Message) -> bool {
    let nsec3s = || {
        message.authorities.iter().filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => Some(nsec3),
            _ => None,
        })
    };
    let expanded = message
        .answers
        .iter()
        .any(|record| signature(record).is_some_and(|rrsig| rrsig.input().num_labels < record.name.num_labels()));
    // A delegation without DS either has a record of its own, or lies in such a range.
    let is_there = |nsec3: &NSEC3| {
        let has = |kind| nsec3.type_bit_maps().any(|one| one == kind);
        has(RecordType::NS) && !has(RecordType::SOA)
    };
    let asks_ds = message.queries.first().is_some_and(|query| query.query_type() == RecordType::DS);
    let no_ds = message.answers.is_empty() && asks_ds && !nsec3s().any(is_there);
    (is_nxdomain(message) || expanded || no_ds) && nsec3s().any(NSEC3::opt_out)
}

fn is_nxdomain(message: &Message) -> bool {
    message.metadata.response_code == ResponseCode::NXDomain
}

/// Why an answer is bogus, as far as its own signatures tell.
fn why(raw: &Answer) -> Explanation {
    let Ok(message) = Message::from_vec(raw.message()) else { return Explanation::Bogus };
    let telling = if message.answers.is_empty() { &message.authorities } else { &message.answers };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    // Times are serial numbers that wrap (RFC 4034 section 3.1.5); the signed difference is what counts.
    let passed = |time: u32| (now as u32).wrapping_sub(time) as i32;
    let signatures: Vec<_> = telling.iter().filter_map(signature).collect();
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

fn signature(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => Some(rrsig),
        _ => None,
    }
}
