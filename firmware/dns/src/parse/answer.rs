mod addresses;
mod aside;
mod data;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use self::aside::without_foreign;
use self::data::is_whole;
use super::wire::{self, Header, Record, flag, kind, read_name, u32_at, written_out};
use super::{EXTENDED_ERROR, Explanation, HEADER, Name, Question, Rcode, class};

/// Longest EDE option passed on, the only one of an upstream's options that is, so that a short answer stays short.
const EXTENDED_ERROR_MAX: usize = 128;

/// An upstream's answer, kept as it came but for what nobody asked for: only what belongs to one client (identifier, spelling
/// of the question, remaining lifetimes, OPT) is replaced when it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// The message without its additional section, and without the authority section where that tells nothing.
    message: Box<[u8]>,
    /// Where the lifetimes stand.
    ttls: Box<[u16]>,
    /// Where the question's name, or the start of it, is written out once more as the name of a record, and how many bytes of
    /// it. Each client sees its own spelling there too: what the upstream repeats is the spelling that we made up for it.
    owners: Box<[(u16, u8)]>,
    /// Length of the header and the question.
    head: usize,
    rcode: u8,
    /// The answer section holds records of the asked type and their signatures only.
    direct: bool,
    /// Seconds this may be kept; `None` when nothing in it says so.
    lifetime: Option<u32>,
    extended_error: Option<Box<[u8]>>,
    /// It holds signatures or proofs of absence.
    signatures: bool,
    security: Security,
}

/// What is known of an answer's signatures (RFC 4035 section 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Security {
    /// Nobody looked here; the upstream may have.
    #[default]
    Unchecked,
    Secure,
    Insecure,
    Bogus,
}

/// What of a kept message is not copied to a client as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks<'a> {
    /// Where the lifetimes stand, which are counted down.
    pub(crate) ttls: &'a [u16],
    /// Where the question's name is written out behind the question, and how many bytes of its start: each client's own.
    pub(crate) owners: &'a [(u16, u8)],
}

/// What an answer is checked against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) id: u16,
    pub(crate) question: &'a Question,
}

/// Why bytes from an upstream are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum AnswerError {
    /// Not ours: perhaps forged, so keep waiting for the true one.
    #[error("it answers another question")]
    Foreign,
    #[error("it cannot be read")]
    Malformed,
    #[error("it is cut short")]
    Truncated,
    /// Nothing but a header: servers that cannot read a question do not repeat it.
    #[error("it does not understand the question (response code {rcode})")]
    Bare { rcode: u8 },
}

impl Answer {
    /// Reads an upstream's message and checks that it answers what was asked.
    pub(crate) fn read(bytes: &[u8], wanted: Wanted<'_>) -> Result<Self, AnswerError> {
        let header = Header::read(bytes).ok_or(AnswerError::Foreign)?;
        let ours = header.id == wanted.id && header.has(flag::QR) && header.opcode() == 0;
        let rcode = header.rcode();
        if ours && header.counts == [0; 4] && [Rcode::FormErr as u8, Rcode::NotImp as u8].contains(&rcode) {
            return Err(AnswerError::Bare { rcode });
        }
        let ours = ours && header.counts[0] == 1;
        let question = wire::read_question(bytes, HEADER).filter(|_| ours).ok_or(AnswerError::Foreign)?;
        let (name, kind, class, head) = question;
        if *name.folded() != *wanted.question.name || kind != wanted.question.kind || class != class::IN {
            return Err(AnswerError::Foreign);
        }
        if header.has(flag::TC) {
            return Err(AnswerError::Truncated);
        }
        let mut reader = Reader::new(bytes, &name, head);
        let Read { opt, answers, authorities } = reader.sections(&header, kind).ok_or(AnswerError::Malformed)?;
        if reader.others
            && let Some(own) = without_foreign(bytes)
        {
            return Self::read(&own, wanted);
        }
        let negative = header.counts[1] == 0 || rcode == Rcode::NxDomain as u8;
        let keepable = rcode == Rcode::NoError as u8 || rcode == Rcode::NxDomain as u8;
        // Beside an answer the authority section matters to those alone who check signatures.
        let complete = reader.found && rcode == Rcode::NoError as u8 && !wanted.question.dnssec_ok;
        let message = if complete { cut(bytes, answers, 2) } else { cut(bytes, authorities, 3) };
        reader.ttls.retain(|at| usize::from(*at) < message.len());
        reader.owners.retain(|(at, _)| usize::from(*at) < message.len());
        Ok(Self {
            // RFC 2308 section 5: a negative answer without SOA is not kept.
            lifetime: reader.lifetime.filter(|_| keepable && (!negative || reader.soa)),
            message,
            ttls: reader.ttls.into(),
            owners: reader.owners.into(),
            head,
            rcode,
            direct: reader.direct,
            signatures: reader.signatures,
            security: Security::Unchecked,
            extended_error: opt.and_then(|opt| extended_error(&bytes[opt.rdata])),
        })
    }

    /// "Server failure" for a reason of our own.
    pub(crate) fn failure(question: &Question, why: Explanation) -> Self {
        Self::failure_with(question, Some(why.option().into()))
    }

    /// "Server failure" with an EDE option.
    pub(crate) fn failure_with(question: &Question, extended_error: Option<Box<[u8]>>) -> Self {
        let mut message = vec![0; HEADER];
        message[2..4].copy_from_slice(&(flag::QR | flag::RA | Rcode::ServFail as u16).to_be_bytes());
        message[5] = 1;
        message.extend_from_slice(&question.name);
        message.extend([question.kind, class::IN].iter().flat_map(|word| word.to_be_bytes()));
        Self {
            head: message.len(),
            message: message.into(),
            ttls: Box::default(),
            owners: Box::default(),
            rcode: Rcode::ServFail as u8,
            direct: true,
            lifetime: None,
            extended_error,
            signatures: false,
            security: Security::Unchecked,
        }
    }

    /// With the asked name as it is spelled in `name`, instead of as we made its spelling up for the upstream.
    pub(crate) fn spelled(mut self, name: &[u8]) -> Self {
        match self.message.get_mut(HEADER..HEADER + name.len()) {
            Some(own) if own.eq_ignore_ascii_case(name) => own.copy_from_slice(name),
            _ => return self,
        }
        for (at, length) in &self.owners {
            let (at, length) = (usize::from(*at), usize::from(*length));
            self.message[at..at + length].copy_from_slice(&name[..length]);
        }
        self
    }

    /// With the verdict on its signatures, of which the AD bit is the short form.
    pub(crate) fn marked(mut self, security: Security) -> Self {
        self.security = security;
        let bit = flag::AD.to_be_bytes()[1];
        self.message[3] &= !bit;
        if security == Security::Secure {
            self.message[3] |= bit;
        }
        self
    }

    pub(crate) fn security(&self) -> Security {
        self.security
    }

    /// Whether it holds signatures or proofs of absence, which only validators want.
    pub(crate) fn has_signatures(&self) -> bool {
        self.signatures
    }

    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        let extended = self.extended_error.as_ref().map_or(0, |option| option.len());
        size_of::<Self>() + self.message.len() + size_of_val(&*self.ttls) + size_of_val(&*self.owners) + extended
    }

    pub(crate) fn head(&self) -> usize {
        self.head
    }

    pub(crate) fn rcode(&self) -> u8 {
        self.rcode
    }

    /// Whether the upstream did its job: it said that the name, or the record, exists or not.
    pub(crate) fn is_conclusive(&self) -> bool {
        self.rcode == Rcode::NoError as u8 || self.is_nxdomain()
    }

    /// Whether it says that what there is does not fit its signatures (RFC 8914 section 4, the codes of DNSSEC).
    pub(crate) fn is_bogus(&self) -> bool {
        let code = self.extended_error().and_then(|option| option.get(4..6));
        code.is_some_and(|code| matches!(code, [0, 5..=12])) && !self.is_conclusive()
    }

    /// Whether it stands for one that was withheld here, because of where it leads.
    pub(crate) fn is_withheld(&self) -> bool {
        let is = |why: Explanation| self.extended_error() == Some(&*why.option());
        !self.is_conclusive() && [Explanation::Inside, Explanation::TooManyAliases].into_iter().any(is)
    }

    pub(crate) fn is_nxdomain(&self) -> bool {
        self.rcode == Rcode::NxDomain as u8
    }

    /// Whether it says that something does not exist.
    pub(crate) fn is_negative(&self) -> bool {
        self.message[6..8] == [0, 0] || self.is_nxdomain()
    }

    /// Whether the asked name itself has the answer: no alias on the way, nothing of another type beside it.
    pub(crate) fn is_direct(&self) -> bool {
        self.direct
    }

    /// Whether it may lead on to other names: by an alias, or as where a service is (RFC 9460 section 2).
    pub(crate) fn may_lead_on(&self) -> bool {
        let service = |asked| matches!(asked, kind::SVCB | kind::HTTPS);
        !self.direct || wire::u16_at(&self.message, self.head - 4).is_some_and(service)
    }

    pub(crate) fn lifetime(&self) -> Option<u32> {
        self.lifetime
    }

    pub(crate) fn extended_error(&self) -> Option<&[u8]> {
        self.extended_error.as_deref()
    }

    /// The places where copies differ.
    pub(crate) fn marks(&self) -> Marks<'_> {
        Marks { ttls: &self.ttls, owners: &self.owners }
    }

    /// Where in the message the lifetimes stand.
    pub(crate) fn ttls(&self) -> impl Iterator<Item = usize> {
        self.ttls.iter().map(|at| usize::from(*at))
    }

    /// Where in the message the question's name is written out again, and how many bytes of its start.
    pub(crate) fn owners(&self) -> impl Iterator<Item = (usize, usize)> {
        self.owners.iter().map(|(at, length)| (usize::from(*at), usize::from(*length)))
    }

    /// Whether it says something of the name that `question` asks for.
    pub(crate) fn asks(&self, question: &Question) -> bool {
        self.message
            .get(HEADER..HEADER + question.name.len())
            .is_some_and(|name| name.eq_ignore_ascii_case(&question.name))
    }

    /// Whether this may be sent to those who ask `question`, for an answer that comes from a file and not from
    /// [`Answer::read`]: it answers that question, and all places in it lie within it.
    pub(crate) fn serves(&self, question: &Question) -> bool {
        let asked = wire::read_question(&self.message, HEADER).is_some_and(|(name, kind, class, end)| {
            *name.folded() == *question.name && kind == question.kind && class == class::IN && end == self.head
        });
        let short = self.message.len() <= usize::from(u16::MAX) && self.rcode <= 0xf;
        let ttls = self.ttls().all(|at| at >= self.head && at + 4 <= self.message.len());
        let name = question.name.len();
        let owner = |(at, length)| at >= self.head && at + length <= self.message.len() && length <= name;
        let option = self.extended_error().is_none_or(|option| option.len() <= EXTENDED_ERROR_MAX);
        asked && short && ttls && self.owners().all(owner) && option
    }
}

/// Whether a message has an OPT record; not where it cannot be read.
pub(crate) fn has_opt(bytes: &[u8]) -> bool {
    let scan = || {
        let header = Header::read(bytes)?;
        let (.., mut at) = wire::read_question(bytes, HEADER)?;
        let records: usize = header.counts[1..].iter().map(|count| usize::from(*count)).sum();
        for _ in 0..records {
            let record = Record::read(bytes, at)?;
            if record.kind == kind::OPT {
                return Some(());
            }
            at = record.rdata.end;
        }
        None
    };
    scan().is_some()
}

/// What was found on the way through the sections.
struct Read {
    opt: Option<Record>,
    /// Where the answer section ends.
    answers: usize,
    /// Where the authority section ends.
    authorities: usize,
}

struct Reader<'a> {
    bytes: &'a [u8],
    asked: &'a Name,
    at: usize,
    ttls: Vec<u16>,
    owners: Vec<(u16, u8)>,
    lifetime: Option<u32>,
    soa: bool,
    direct: bool,
    /// The answer section has a record of the asked type…
    found: bool,
    /// … and one of another name than the asked one.
    others: bool,
    signatures: bool,
}

impl<'a> Reader<'a> {
    /// At the end of the question, which is for the name `asked`.
    fn new(bytes: &'a [u8], asked: &'a Name, at: usize) -> Self {
        Self {
            bytes,
            asked,
            at,
            ttls: Vec::new(),
            owners: Vec::new(),
            lifetime: None,
            soa: false,
            direct: true,
            found: false,
            others: false,
            signatures: false,
        }
    }

    fn sections(&mut self, header: &Header, asked: u16) -> Option<Read> {
        let [_, answers, authorities, additionals] = header.counts;
        let mut opt = None;
        for _ in 0..answers {
            let owner = self.at;
            let kind = self.record()?;
            self.direct &= kind == asked || kind == kind::RRSIG;
            self.found |= kind == asked;
            self.others = self.others || !self.is_asked(owner);
        }
        let answers = self.at;
        for _ in 0..authorities {
            self.record()?;
        }
        let authorities = self.at;
        for _ in 0..additionals {
            let record = Record::read(self.bytes, self.at)?;
            if record.kind != kind::OPT {
                self.record()?;
                continue;
            }
            self.at = record.rdata.end;
            // High bits of the response code or a later version: not an answer we can pass on.
            let [high, version, ..] = record.ttl.to_be_bytes();
            if opt.is_some() || high != 0 || version != 0 {
                return None;
            }
            opt = Some(record);
        }
        Some(Read { opt, answers, authorities })
    }

    /// Whether the name at `start` is the asked one.
    fn is_asked(&self, start: usize) -> bool {
        const TO_THE_QUESTION: [u8; 2] = (0xc000 | HEADER as u16).to_be_bytes();
        self.bytes[start..].starts_with(&TO_THE_QUESTION)
            || read_name(self.bytes, start).is_some_and(|owner| owner.folded() == self.asked.folded())
    }

    /// Passes one record; its type.
    fn record(&mut self) -> Option<u16> {
        let record = Record::read(self.bytes, self.at).filter(|record| is_whole(self.bytes, record))?;
        self.at = record.rdata.end;
        self.see_owner(record.start);
        self.ttls.push(u16::try_from(record.ttl_at).ok()?);
        // RFC 2181 section 8: a lifetime with the top bit set is none.
        let mut lifetime = if record.ttl > i32::MAX as u32 { 0 } else { record.ttl };
        self.signatures |= matches!(record.kind, kind::RRSIG | kind::NSEC | kind::NSEC3);
        if record.kind == kind::SOA {
            // RFC 2308 section 5: the last field says how long a "no" holds.
            let minimum = record.rdata.end.checked_sub(4).filter(|at| *at >= record.rdata.start)?;
            lifetime = lifetime.min(u32_at(self.bytes, minimum)?);
            self.soa = true;
        }
        self.lifetime = Some(self.lifetime.map_or(lifetime, |so_far| so_far.min(lifetime)));
        Some(record.kind)
    }

    /// Notes where the asked name is written out as the name of a record.
    fn see_owner(&mut self, start: usize) {
        let length = written_out(self.bytes, start);
        // Most servers only point to the question.
        if length > 0 && self.is_asked(start) {
            let at = u16::try_from(start).ok().zip(u8::try_from(length).ok());
            self.owners.extend(at);
        }
    }
}

/// The message up to the end of one of its sections. The additional section always goes: its OPT record speaks of the hop to the
/// upstream (RFC 6891 section 6.1.1), and whoever misses an address there asks for it, which brings the address under the rules.
fn cut(bytes: &[u8], end: usize, sections: usize) -> Box<[u8]> {
    let mut message: Box<[u8]> = bytes[..end].into();
    message[4 + 2 * sections..HEADER].fill(0);
    message
}

/// These are answered truly for steered names too.
pub(crate) fn is_mail(kind: u16) -> bool {
    matches!(kind, kind::MX | kind::TXT)
}

fn extended_error(mut options: &[u8]) -> Option<Box<[u8]>> {
    while let [a, b, c, d, rest @ ..] = options {
        let length = usize::from(u16::from_be_bytes([*c, *d]));
        if u16::from_be_bytes([*a, *b]) == EXTENDED_ERROR {
            return options.get(..4 + length).filter(|option| option.len() <= EXTENDED_ERROR_MAX).map(Into::into);
        }
        options = rest.get(length..)?;
    }
    None
}

#[cfg(test)]
mod tests;
