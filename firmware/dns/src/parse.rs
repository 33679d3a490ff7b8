//! Bytes to a question, and an upstream's bytes to an answer that can be kept.

mod answer;
mod name;
mod wire;

use serde::{Deserialize, Serialize};

pub(crate) use answer::{Answer, AnswerError, Security, Wanted, is_mail};
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

/// A reply that carries nothing but its code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rejection {
    pub(crate) id: u16,
    pub(crate) opcode: u8,
    pub(crate) recursion_desired: bool,
    pub(crate) rcode: Rcode,
}

impl Query {
    /// Reads a message as it came from a client.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Unserved> {
        let Some(header) = wire::Header::read(bytes).filter(|header| !header.has(flag::QR)) else {
            return Err(Unserved { reply: None, question: None });
        };
        let reject = |rcode, question| Unserved {
            reply: Some(Rejection {
                id: header.id,
                opcode: header.opcode(),
                recursion_desired: header.has(flag::RD),
                rcode,
            }),
            question,
        };
        if header.opcode() != 0 {
            return Err(reject(Rcode::NotImp, None));
        }
        if header.counts[..3] != [1, 0, 0] {
            return Err(reject(Rcode::FormErr, None));
        }
        let (name, kind, class, end) =
            wire::read_question(bytes, HEADER).ok_or_else(|| reject(Rcode::FormErr, None))?;
        let question = || Some((name.clone(), kind));
        if class != class::IN {
            return Err(reject(Rcode::Refused, question()));
        }
        let edns = read_edns(bytes, end, header.counts[3]).map_err(|rcode| reject(rcode, question()))?;
        match kind {
            // OPT and type 0 are no types of records; the others are transfers and mail types long gone.
            0 | kind::OPT => Err(reject(Rcode::FormErr, question())),
            kind::IXFR..=kind::MAILA => Err(reject(Rcode::NotImp, question())),
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
