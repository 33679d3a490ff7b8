//! Answers that go through aliases, taken apart: each alias, and what stands at the end of them, is an answer to a question of
//! its own and has to be proven for itself (RFC 4035 section 5.4, RFC 6672 section 5.3).
//!
//! The validator proves single answers; of one that ends with "no" behind an alias it wants the proof at the first name, where
//! there is none, and of one whose end was taken away it misses nothing.

use hickory_proto::dnssec::rdata::{DNSSECRData, RRSIG};
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::parse::{self, Answer, HEADER, Question, Wanted, message};

/// Aliases that are followed; nobody's names need as many.
const STEPS: usize = 16;
/// Different aliases of one name that are looked at.
const ALIASES: usize = 4;
/// Bytes of all parts of an answer, as many times as its own: some records belong to several, but not all to each.
const COPIES: usize = 4;

/// One answer within another.
pub(super) struct Part {
    pub(super) question: Question,
    pub(super) name: Name,
    pub(super) answer: Answer,
    /// The alias that follows from it if it is a DNAME, and where that leads; nobody signs it (RFC 6672 section 3.1).
    pub(super) made: Option<(Name, Name)>,
}

/// Takes an answer apart if it begins with an alias, in the order in which aliases are followed; `Err` when they lead in a
/// circle, too far, or not where their DNAME says.
pub(super) fn parts(raw: &Answer, question: &Question, name: &Name) -> Result<Option<Vec<Part>>, ()> {
    let message = message::read(raw.message()).ok_or(())?;
    let kind = RecordType::from(question.kind);
    let room = COPIES * (raw.message().len() + HEADER);
    let mut walk = Walk { message: &message, question, parts: Vec::new(), room };
    let (mut at, mut seen) = (name.to_lowercase(), Vec::new());
    loop {
        let Some(target) = walk.alias(&at) else {
            if walk.parts.is_empty() {
                return Ok(None);
            }
            walk.end(&at, kind)?;
            break;
        };
        let signed = walk.is_signed(&at, RecordType::CNAME);
        match walk.dname(&at).filter(|_| !signed) {
            Some((owner, substitute)) => {
                if substituted(&at, &owner, &substitute) != Some(target.clone()) {
                    return Err(());
                }
                walk.single(&owner, RecordType::DNAME)?;
                walk.parts.last_mut().ok_or(())?.made = Some((at.clone(), target.clone()));
                if kind == RecordType::CNAME {
                    walk.is_there()?;
                    break;
                }
            }
            None if kind == RecordType::CNAME => {
                // The alias itself was asked for.
                if walk.parts.is_empty() {
                    return Ok(None);
                }
                walk.is_there()?;
                walk.single(&at, kind)?;
                break;
            }
            None => walk.single(&at, RecordType::CNAME)?,
        }
        seen.push(at);
        at = target;
        if seen.len() > STEPS || seen.contains(&at) {
            return Err(());
        }
    }
    Ok(Some(walk.parts))
}

struct Walk<'a> {
    message: &'a Message,
    question: &'a Question,
    parts: Vec<Part>,
    /// Bytes that further parts may have.
    room: usize,
}

impl Walk<'_> {
    /// Where the alias at a name leads.
    fn alias(&self, at: &Name) -> Option<Name> {
        self.message.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(target) if record.name == *at => Some(target.0.to_lowercase()),
            _ => None,
        })
    }

    /// The DNAME above a name, and what it puts in its place.
    fn dname(&self, at: &Name) -> Option<(Name, Name)> {
        self.message.answers.iter().find_map(|record| {
            let is_above = record.name.zone_of(at) && record.name != *at;
            // Its data has the form of an alias's.
            let target = if record.record_type() == RecordType::DNAME { name_of(&record.data) } else { None };
            target.filter(|_| is_above).map(|target| (record.name.to_lowercase(), target))
        })
    }

    fn signatures<'a>(&'a self, at: &'a Name, kind: RecordType) -> impl Iterator<Item = (&'a Record, &'a RRSIG)> {
        self.message.answers.iter().filter(move |record| record.name == *at).filter_map(move |record| {
            rrsig(record).filter(|rrsig| rrsig.input().type_covered == kind).map(|rrsig| (record, rrsig))
        })
    }

    fn is_signed(&self, at: &Name, kind: RecordType) -> bool {
        self.signatures(at, kind).next().is_some()
    }

    /// Of a record that is there nobody can say that its name is not: that would be nobody's word but the upstream's.
    fn is_there(&self) -> Result<(), ()> {
        (self.message.metadata.response_code == ResponseCode::NoError).then_some(()).ok_or(())
    }

    /// A part whose record set is there.
    fn single(&mut self, at: &Name, kind: RecordType) -> Result<(), ()> {
        let data = self.message.answers.iter().filter(|record| record.name == *at && record.record_type() == kind);
        // A set has no record twice, and no name two aliases (RFC 2181 sections 5 and 10.1), but upstreams repeat them; what a
        // zone signed with more in it than that is not proven.
        let mut answers: Vec<Record> = Vec::new();
        for record in data {
            if !answers.iter().any(|other| other.data == record.data) {
                answers.push(record.clone());
            }
            if answers.len() == ALIASES && matches!(kind, RecordType::CNAME | RecordType::DNAME) {
                break;
            }
        }
        answers.extend(self.signatures(at, kind).map(|(record, _)| record.clone()));
        // What a wildcard made needs the proof that nothing else is there; all else needs none.
        let expanded = |rrsig: &RRSIG| rrsig.input().num_labels < at.num_labels();
        let signer = self.signatures(at, kind).map(|(_, rrsig)| rrsig).find(|rrsig| expanded(rrsig));
        let signer = signer.map(|rrsig| rrsig.input().signer_name.clone());
        let authorities = signer.map_or_else(Vec::new, |zone| self.authorities(|other| *other == zone));
        self.push(at, kind, answers, authorities, ResponseCode::NoError)
    }

    /// What stands where no alias leads on.
    fn end(&mut self, at: &Name, kind: RecordType) -> Result<(), ()> {
        let there = self.message.answers.iter().any(|record| record.name == *at && record.record_type() == kind);
        if there {
            self.is_there()?;
            return self.single(at, kind);
        }
        let authorities = self.authorities(|zone| zone.zone_of(at));
        self.push(at, kind, Vec::new(), authorities, self.message.metadata.response_code)
    }

    /// Records of the authority section that a wanted zone signed, and those that nobody did.
    fn authorities(&self, wanted: impl Fn(&Name) -> bool) -> Vec<Record> {
        let all = &self.message.authorities;
        let signer = |record: &Record| {
            let of = |other: &Record| {
                let covered = rrsig(other)?;
                let same = other.name == record.name && covered.input().type_covered == record.record_type();
                same.then(|| covered.input().signer_name.clone())
            };
            rrsig(record).map(|rrsig| rrsig.input().signer_name.clone()).or_else(|| all.iter().find_map(of))
        };
        all.iter().filter(|record| signer(record).is_none_or(|zone| wanted(&zone))).cloned().collect()
    }

    fn push(
        &mut self,
        at: &Name,
        kind: RecordType,
        answers: Vec<Record>,
        authorities: Vec<Record>,
        code: ResponseCode,
    ) -> Result<(), ()> {
        let mut message = Message::new(0, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.add_query(Query::query(at.clone(), kind));
        (message.answers, message.authorities) = (answers, authorities);
        let folded = parse::Name::of_labels(at.iter()).folded().into();
        let question = Question { name: folded, kind: kind.into(), ..self.question.clone() };
        let bytes = message.to_vec().map_err(|_| ())?;
        self.room = self.room.checked_sub(bytes.len()).ok_or(())?;
        let answer = Answer::read(&bytes, Wanted { id: 0, question: &question }).map_err(|_| ())?;
        self.parts.push(Part { question, name: at.clone(), answer, made: None });
        Ok(())
    }
}

fn rrsig(record: &Record) -> Option<&RRSIG> {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(rrsig)) => Some(rrsig),
        _ => None,
    }
}

/// The name that a record's data is, where it is one that the library does not read for itself.
fn name_of(data: &RData) -> Option<Name> {
    use hickory_proto::serialize::binary::{BinDecodable, BinEncodable};
    let bytes = data.to_bytes().ok()?;
    Name::from_bytes(&bytes).ok().map(|name| name.to_lowercase())
}

/// A name with its end put in place (RFC 6672 section 2.2).
fn substituted(name: &Name, owner: &Name, substitute: &Name) -> Option<Name> {
    let own = usize::from(name.num_labels()).checked_sub(usize::from(owner.num_labels()))?;
    let labels = name.iter().take(own).chain(substitute.iter());
    Name::from_labels(labels).ok().map(|name| name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;

    use super::substituted;

    /// RFC 6672 section 2.2, table 1.
    #[test]
    fn names_are_substituted_as_in_the_standards_table() {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let rows = [
            ("a.example.com.", "example.com.", "example.net.", "a.example.net."),
            ("a.b.example.com.", "example.com.", "example.net.", "a.b.example.net."),
            ("foo.bar.example.com.", "bar.example.com.", "example.net.", "foo.example.net."),
            ("cyc.example.com.", "example.com.", "example.com.", "cyc.example.com."),
            ("shortloop.x.", "x.", ".", "shortloop."),
        ];
        for (asked, owner, substitute, expected) in rows {
            assert_eq!(substituted(&name(asked), &name(owner), &name(substitute)), Some(name(expected)), "{asked}");
        }
    }
}
