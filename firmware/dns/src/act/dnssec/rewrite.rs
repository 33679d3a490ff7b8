//! Answers with and without what only validators need.

use hickory_proto::op::Message;
use hickory_proto::rr::{Record, RecordType};

use crate::parse::{Answer, Explanation, Question, Security, Wanted, message};

/// A checked answer, of which only what was checked is left, so that AD says the truth about all of it (RFC 4035 section 3.2.3).
pub(super) fn signed(mut message: Box<Message>, question: &Question) -> Option<Answer> {
    if !message.answers.is_empty() {
        // Only proofs of what is not there may be needed beside an answer, and only by who checks them; and how long the "no"
        // holds in which an alias ends.
        let asked = RecordType::from(question.kind);
        let ends_with_no = !message.answers.iter().any(|record| record.record_type() == asked);
        let is_kept = |kind| is_proof(kind) || ends_with_no && kind == RecordType::SOA;
        message.authorities.retain(|record| is_kept(record.record_type()));
    }
    strip(&mut message, question);
    read(&mut message, question, Security::Secure)
}

/// An answer that nobody signed, as the client wants it: unchanged, unless it holds what the client did not ask for.
pub(super) fn unsigned(raw: &Answer, question: &Question) -> Answer {
    let unchanged = || raw.clone().marked(Security::Insecure);
    if question.dnssec_ok || !raw.has_signatures() {
        return unchanged();
    }
    let Some(mut message) = message::read(raw.message()) else { return unchanged() };
    strip(&mut message, question);
    read(&mut message, question, Security::Insecure).unwrap_or_else(unchanged)
}

/// "Server failure" with the reason.
pub(super) fn bogus(question: &Question, why: Explanation) -> Answer {
    Answer::failure(question, why).marked(Security::Bogus)
}

fn is_proof(kind: RecordType) -> bool {
    matches!(kind, RecordType::RRSIG | RecordType::NSEC | RecordType::NSEC3)
}

/// Without DO nobody gets DNSSEC records but who asks for them by type (RFC 4035 section 3.2.1).
fn strip(message: &mut Message, question: &Question) {
    if question.dnssec_ok {
        return;
    }
    let keep = |record: &Record| !is_proof(record.record_type()) || u16::from(record.record_type()) == question.kind;
    message.answers.retain(keep);
    message.authorities.retain(keep);
    message.additionals.retain(keep);
}

fn read(message: &mut Message, question: &Question, security: Security) -> Option<Answer> {
    message.metadata.id = 0;
    message.edns = None;
    let bytes = message.to_vec().ok()?;
    Some(Answer::read(&bytes, Wanted { id: 0, question }).ok()?.marked(security))
}
