//! Bytes to a question, and an upstream's bytes to an answer that can be kept.

mod answer;
mod extended;
pub(crate) mod message;
mod name;
mod wire;

use serde::{Deserialize, Serialize};

pub(crate) use answer::{Answer, AnswerError, Marks, Security, Wanted, has_opt, is_mail};
pub(crate) use extended::{EXTENDED_ERROR, Explanation};
pub(crate) use name::Name;
pub(crate) use wire::{COOKIE, HEADER, Rcode, class, flag, kind};

/// What a client asked: one question of class IN in a standard query.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) id: u16,
    pub(crate) recursion_desired: bool,
    /// The client understands the AD bit (RFC 6840 section 5.7).
    pub(crate) authentic_data: bool,
    pub(crate) checking_disabled: bool,
    pub(crate) name: Name,
    pub(crate) kind: u16,
    pub(crate) edns: Option<Edns>,
    pub(crate) manner: Manner,
}

/// How a client is answered, by the group that it is in. What was read from a message has that of everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// The number of the group, 0 for everybody else.
    pub(crate) group: u8,
    /// Which upstreams are asked, see [`Question::way`].
    pub(crate) way: u64,
    /// Names of AI providers lead to the puck.
    pub(crate) steered: bool,
    /// No record names what was asked.
    pub(crate) silent: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { group: 0, way: 0, steered: true, silent: false }
    }
}

/// What the OPT record of a query says (RFC 6891).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edns {
    pub(crate) payload: u16,
    pub(crate) dnssec_ok: bool,
    pub(crate) cookie: Option<Cookie>,
}

/// A COOKIE option (RFC 7873 section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cookie {
    pub(crate) client: [u8; 8],
    /// Absent if the client has none, or one that cannot be ours.
    pub(crate) server: Option<[u8; 16]>,
}

/// What makes two questions equal: one answer serves all of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Question {
    /// Folded wire form.
    pub(crate) name: Box<[u8]>,
    pub(crate) kind: u16,
    pub(crate) dnssec_ok: bool,
    pub(crate) checking_disabled: bool,
    /// Which upstreams are asked: what others say about the same name is another answer. 0: those that all share.
    pub(crate) way: u64,
}

/// A message that is not a question we serve.
#[derive(Clone, Debug)]
pub(crate) struct Unserved {
    /// What to say; `None` is silence, for what is no query at all and must never be answered back and forth.
    pub(crate) reply: Option<Rejection>,
    /// The question as far as it was read, for the record.
    pub(crate) question: Option<(Name, u16)>,
}

/// A reply that carries nothing but its code, and for those who understand it why.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    pub(crate) id: u16,
    pub(crate) opcode: u8,
    pub(crate) recursion_desired: bool,
    pub(crate) rcode: Rcode,
    /// The question as far as it could be read: name, type and class.
    pub(crate) question: Option<(Name, u16, u16)>,
    /// Whoever sent OPT gets one back (RFC 6891 section 6.1.1).
    pub(crate) edns: Option<Edns>,
    pub(crate) why: Option<Explanation>,
}

impl Rejection {
    /// Says no to a message with such a header.
    fn new(header: &wire::Header, rcode: Rcode) -> Self {
        let recursion_desired = header.has(flag::RD);
        let (id, opcode) = (header.id, header.opcode());
        Self { id, opcode, recursion_desired, rcode, question: None, edns: None, why: None }
    }

    /// Says no to a question that was understood.
    pub(crate) fn of(query: &Query, rcode: Rcode, why: Explanation) -> Self {
        let question = Some((query.name.clone(), query.kind, class::IN));
        let (id, recursion_desired, edns) = (query.id, query.recursion_desired, query.edns);
        Self { id, opcode: 0, recursion_desired, rcode, question, edns, why: Some(why) }
    }

    /// The message that it answers, as far as it was read.
    fn unserved(self) -> Unserved {
        let question = self.question.as_ref().map(|(name, kind, _)| (name.clone(), *kind));
        Unserved { reply: Some(self), question }
    }
}

impl Query {
    /// Reads a message as it came from a client.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unserved> {
        let Some(header) = wire::Header::read(bytes).filter(|header| !header.has(flag::QR)) else {
            return Err(Unserved { reply: None, question: None });
        };
        let reject = |rcode| Rejection::new(&header, rcode);
        // Other operations begin with the same section (RFC 1996 section 3.7, RFC 2136 section 2), which may hold more.
        let other = header.opcode() != 0;
        let refusal = if other { Rcode::NotImp } else { Rcode::FormErr };
        let single = header.counts[..3] == [1, 0, 0];
        let question = single.then(|| wire::read_question(bytes, HEADER)).flatten();
        let (name, kind, class, end) = question.ok_or_else(|| reject(refusal).unserved())?;
        let asked = Rejection { question: Some((name.clone(), kind, class)), ..reject(refusal) };
        let edns = read_edns(bytes, end, header.counts[3]);
        let told = |rcode, why| Rejection { rcode, edns: edns.ok().flatten(), why: Some(why), ..asked.clone() };
        if other {
            // What it asked to do is nobody's question.
            return Err(Unserved { question: None, ..told(refusal, Explanation::OtherOpcode).unserved() });
        }
        match edns {
            Err(rcode) => Err(Rejection { rcode, ..asked }.unserved()),
            Ok(_) if class != class::IN => Err(told(Rcode::Refused, Explanation::OtherClass).unserved()),
            Ok(edns) => match kind {
                // OPT and type 0 are no types of records; the others only mean something between servers (RFC 2930, RFC 8945),
                // or are transfers and mail types long gone.
                0 | kind::OPT => Err(told(Rcode::FormErr, Explanation::NoKind).unserved()),
                kind::IXFR | kind::AXFR => Err(told(Rcode::NotImp, Explanation::Transfer).unserved()),
                kind::TKEY..=kind::MAILA => Err(told(Rcode::NotImp, Explanation::NoKind).unserved()),
                _ => Ok(Self {
                    id: header.id,
                    recursion_desired: header.has(flag::RD),
                    authentic_data: header.has(flag::AD),
                    checking_disabled: header.has(flag::CD),
                    name,
                    kind,
                    edns,
                    manner: Manner::default(),
                }),
            },
        }
    }

    pub(crate) fn dnssec_ok(&self) -> bool {
        self.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    pub(crate) fn question(&self) -> Question {
        Question {
            name: self.name.folded().into(),
            kind: self.kind,
            dnssec_ok: self.dnssec_ok(),
            checking_disabled: self.checking_disabled,
            way: self.manner.way,
        }
    }
}

/// Walks the additional section of a query, which may hold one OPT record and nothing we look at besides.
fn read_edns(bytes: &[u8], start: usize, count: u16) -> Result<Option<Edns>, Rcode> {
    let mut found = None;
    let mut at = start;
    for _ in 0..count {
        let record = wire::Record::read(bytes, at).ok_or(Rcode::FormErr)?;
        at = record.rdata.end;
        if record.kind != kind::OPT {
            continue;
        }
        if found.is_some() || bytes[record.start] != 0 {
            return Err(Rcode::FormErr);
        }
        let [_, version, flags, _] = record.ttl.to_be_bytes();
        if version != 0 {
            return Err(Rcode::BadVers);
        }
        let cookie = read_cookie(&bytes[record.rdata]).ok_or(Rcode::FormErr)?;
        found = Some(Edns { payload: record.class, dnssec_ok: flags & 0x80 != 0, cookie });
    }
    if at == bytes.len() { Ok(found) } else { Err(Rcode::FormErr) }
}

/// Walks the options of an OPT record, which may hold one cookie; nothing where they do not fit or the cookie has a length
/// that none has.
fn read_cookie(mut options: &[u8]) -> Option<Option<Cookie>> {
    let mut found = None;
    while !options.is_empty() {
        let code = wire::u16_at(options, 0)?;
        let end = 4 + usize::from(wire::u16_at(options, 2)?);
        let data = options.get(4..end)?;
        options = &options[end..];
        if code == COOKIE && found.is_none() {
            let (client, server) = data.split_first_chunk().filter(|(_, server)| matches!(server.len(), 0 | 8..=32))?;
            found = Some(Cookie { client: *client, server: server.try_into().ok() });
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests;
