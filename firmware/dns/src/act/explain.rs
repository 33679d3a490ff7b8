//! Explaining an answer to a person: what `nanogate dns query` prints.

use std::net::IpAddr;
use std::time::Duration;

use gate_core::DnsOutcome;
use hickory_proto::op::{Message, MessageType, OpCode, Query as Asked};
use hickory_proto::rr::{Name as AskedName, RecordType};
use thiserror::Error;
use tokio::time::Instant;

use super::upstream::UpstreamState;
use super::{Act, Transport};
use crate::decide::{Decision, Local, decide, is_local};
use crate::parse::{Answer, Query, Security};

/// How a question is answered, and why.
#[derive(Clone, Debug)]
pub struct Explained {
    /// What decides: a rule of this resolver, a forwarded zone, or nothing but the internet.
    pub rule: String,
    pub rcode: String,
    /// Records of the answer section, as in zone files.
    pub records: Vec<String>,
    /// `secure`, `insecure`, `bogus` or `unchecked`; `local` where nothing was asked.
    pub dnssec: &'static str,
    /// The EDE code of a refusal (RFC 8914).
    pub reason: Option<u16>,
    pub took: Duration,
    /// The upstreams that were asked for it, keys and delegations included, and how often each answered and not.
    pub asked: Vec<UpstreamState>,
}

/// Why nothing can be explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    #[error("`{0}` is no domain name")]
    Name(String),
    #[error("`{0}` is no type of record, such as A, AAAA, MX or TXT")]
    Kind(String),
    #[error("such questions are refused: {0}")]
    Refused(&'static str),
}

impl Act {
    /// Answers one question as for a client, past the cache, and says how. Names of hosts are read from their files first.
    pub(crate) async fn explain(&self, name: &str, kind: &str, client: IpAddr) -> Result<Explained, ExplainError> {
        let query = read(name, kind)?;
        if !is_local(client, &self.config, &self.view()) {
            return Err(ExplainError::Refused("the client lies in no local subnet"));
        }
        self.see_names(self.read_names().await);
        if !self.config.block_lists.is_empty() {
            self.read_lists().await;
        }
        let start = Instant::now();
        if let Decision::Local(local) = decide(&query, &self.config, &self.view()) {
            let message = super::reply::local(&query, &local, self.config.steer_ttl_seconds, Transport::Tcp);
            return Ok(explained(rule(&local), &message, "local", None, start.elapsed()));
        }
        let question = query.question();
        let (way, states) = self.routes.describe(&question, &self.config);
        let before = states();
        let answered = self.routes.ask(&question, &self.config).await;
        let took = start.elapsed();
        let mut explained = match answered {
            Ok(answer) => explained(way, answer.message(), dnssec(&answer), reason(&answer), took),
            Err(error) => {
                let rule = format!("{way}; no upstream answered: {error}");
                explained(rule, &[], "unchecked", None, took)
            }
        };
        let since = |(now, then): (UpstreamState, UpstreamState)| UpstreamState {
            answered: now.answered - then.answered,
            unanswered: now.unanswered - then.unanswered,
            ..now
        };
        let asked = states().into_iter().zip(before).map(since);
        explained.asked = asked.filter(|state| state.answered + state.unanswered > 0).collect();
        Ok(explained)
    }
}

fn read(name: &str, kind: &str) -> Result<Query, ExplainError> {
    let asked = AskedName::from_ascii(name).map_err(|_| ExplainError::Name(name.to_owned()))?;
    let kind = kind.to_ascii_uppercase().parse::<RecordType>().map_err(|_| ExplainError::Kind(kind.to_owned()))?;
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    message.add_query(Asked::query(asked, kind));
    let bytes = message.to_vec().map_err(|_| ExplainError::Name(name.to_owned()))?;
    Query::read(&bytes).map_err(|_| ExplainError::Refused("such types are never answered"))
}

fn rule(local: &Local) -> String {
    match &local.outcome {
        DnsOutcome::Steered { vendor } => format!("steered: it is a name of {vendor}"),
        DnsOutcome::Own => "a name of the office: the puck's own, a hosts file or a lease".to_owned(),
        _ => "special: a canary, a blocked name, or one without a server on the internet".to_owned(),
    }
}

fn explained(rule: String, message: &[u8], dnssec: &'static str, reason: Option<u16>, took: Duration) -> Explained {
    let message = Message::from_vec(message).ok();
    let records = message.iter().flat_map(|message| &message.answers).map(ToString::to_string).collect();
    let rcode = message.map_or_else(|| "SERVFAIL".to_owned(), |message| code(message.metadata.response_code.into()));
    Explained { rule, rcode, records, dnssec, reason, took, asked: Vec::new() }
}

fn code(rcode: u16) -> String {
    let known = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    known.get(usize::from(rcode)).map_or_else(|| rcode.to_string(), ToString::to_string)
}

fn dnssec(answer: &Answer) -> &'static str {
    match answer.security() {
        Security::Secure => "secure",
        Security::Insecure => "insecure",
        Security::Bogus => "bogus",
        Security::Unchecked => "unchecked",
    }
}

/// Code and length stand before it.
fn reason(answer: &Answer) -> Option<u16> {
    let option = answer.extended_error()?;
    Some(u16::from_be_bytes([*option.get(4)?, *option.get(5)?]))
}
