//! Explaining an answer to a person: what `nanogate dns query` prints.

use std::net::IpAddr;
use std::time::Duration;

use gate_core::DnsOutcome;
use hickory_proto::op::{Message, MessageType, OpCode, Query as Asked};
use hickory_proto::rr::{Name as AskedName, RecordType};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::Instant;

use super::upstream::UpstreamState;
use super::{Act, Freshness, Kept, Transport};
use crate::decide::{Decision, Local, View, decide, is_local, manner, withheld};
use crate::parse::{Answer, Explanation, Query, Security, Unserved, kind};

/// How a question is answered, and why.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Explained {
    /// What decides: a rule of this resolver, a forwarded zone, or nothing but the internet.
    pub rule: String,
    /// The group whose rules hold, if its client is in one.
    pub group: Option<String>,
    /// What the cache holds of it, if it was looked at and holds anything.
    pub cache: Option<InCache>,
    pub rcode: String,
    /// Records of the answer section, as in zone files.
    pub records: Vec<String>,
    /// `secure`, `insecure`, `bogus` or `unchecked`; `local` where nothing was asked.
    pub dnssec: String,
    /// The EDE code of a refusal (RFC 8914), and its words if it has any.
    pub reason: Option<(u16, String)>,
    pub took: Duration,
    /// The upstreams that were asked for it, keys and delegations included, and how often each answered and not.
    pub asked: Vec<UpstreamState>,
}

/// An answer that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InCache {
    /// Seconds since it came.
    pub age: u32,
    /// Seconds that it still holds; 0 when it is over.
    pub left: u32,
    /// What becomes of it.
    pub state: CacheState,
}

/// What becomes of an answer that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheState {
    /// It is given.
    Fresh,
    /// It is given, and asked for again because it ends soon.
    Due,
    /// It is over, and given only if no upstream answers in time.
    Stale,
    /// It is over and given, because no upstream answered a moment ago.
    Resting,
}

/// Why nothing can be explained.
#[derive(Debug, Error)]
pub enum ExplainError {
    #[error("`{0}` is no domain name")]
    Name(String),
    #[error("`{0}` is no type of record, such as A, AAAA, MX, TXT or TYPE65")]
    Kind(String),
    #[error("such questions are refused: {0}")]
    Refused(&'static str),
}

impl Act {
    /// Reads the files that rules come from, for an explanation without anybody who serves.
    pub(crate) async fn read_all(&self) {
        self.see_names(self.read_names().await);
        self.read_lists().await;
    }

    /// Answers one question as for a client and says how: from the cache unless it is to be `fresh`, and then past it.
    pub(crate) async fn explain(
        &self,
        (name, kind): (&str, &str),
        client: IpAddr,
        fresh: bool,
    ) -> Result<Explained, ExplainError> {
        let mut query = read(name, kind)?;
        let view = self.view().clone();
        if !is_local(client, &self.config, &view) {
            return Err(ExplainError::Refused("the client lies in no local subnet"));
        }
        query.manner = manner(&query, client, &self.config, &view);
        let group = view.groups.rules(query.manner.group).name.clone();
        let start = Instant::now();
        if let Decision::Local(local) = decide(&query, &self.config, &view) {
            let message = super::reply::local(&query, &local, self.config.steer_ttl_seconds, Transport::Tcp);
            let rule = rule(&local, &query, &view);
            return Ok(Explained {
                group,
                dnssec: "local".to_owned(),
                took: start.elapsed(),
                ..explained(rule, &message)
            });
        }
        let kept = (!fresh).then(|| self.cache.lock().get(&query.question(), self.clock.now())).flatten();
        let cache = kept.as_ref().map(|kept| self.in_cache(kept));
        let mut explained = match kept {
            Some(kept) if matches!(kept.state, Freshness::Fresh | Freshness::Due) => {
                self.judged(&query, &view, &kept.answer, "from the cache")
            }
            // What failed a moment ago is not asked again at once.
            None if !fresh && let Some(failure) = self.failures.get(&query.question(), self.clock.now()) => {
                const WAY: &str = "it failed a moment ago and is not asked again before that";
                match failure {
                    Some(answer) => self.judged(&query, &view, &answer, WAY),
                    None => Explained { dnssec: "unchecked".to_owned(), ..explained(WAY.to_owned(), &[]) },
                }
            }
            _ => self.ask_and_explain(&query, &view).await,
        };
        (explained.group, explained.cache, explained.took) = (group, cache, start.elapsed());
        Ok(explained)
    }

    fn in_cache(&self, kept: &Kept) -> InCache {
        let state = match kept.state {
            Freshness::Fresh => CacheState::Fresh,
            Freshness::Due => CacheState::Due,
            Freshness::Stale => CacheState::Stale,
            Freshness::Resting => CacheState::Resting,
        };
        let seconds = self.cache.lock().seconds(&kept.answer);
        InCache { age: kept.age, left: seconds.saturating_sub(kept.age), state }
    }

    async fn ask_and_explain(&self, query: &Query, view: &View) -> Explained {
        let question = query.question();
        let (way, states) = self.routes.describe(&question, &self.config);
        let before = states();
        let mut explained = match self.routes.ask(&question, query.manner.silent, &self.config, &view.identity).await {
            Ok(answer) => self.judged(query, view, &answer, way),
            Err(error) => {
                let rule = format!("{way}; no upstream answered: {error}");
                Explained { dnssec: "unchecked".to_owned(), ..explained(rule, &[]) }
            }
        };
        let since = |(now, then): (UpstreamState, UpstreamState)| UpstreamState {
            answered: now.answered - then.answered,
            unanswered: now.unanswered - then.unanswered,
            ..now
        };
        let asked = states().into_iter().zip(before).map(since);
        explained.asked = asked.filter(|state| state.answered + state.unanswered > 0).collect();
        explained
    }

    /// What an upstream's answer becomes for the client.
    fn judged(&self, query: &Query, view: &View, answer: &Answer, way: &str) -> Explained {
        if let Some(local) = withheld(query, answer, &self.config, view) {
            let message = super::reply::local(query, &local, self.config.steer_ttl_seconds, Transport::Tcp);
            let rule = match &local.outcome {
                DnsOutcome::Steered { vendor } => {
                    format!("{way}, and withheld: it leads to a name of {vendor}, around the puck")
                }
                _ => format!("{way}, and blocked: it leads to a name that a block list holds"),
            };
            return Explained { dnssec: "local".to_owned(), ..explained(rule, &message) };
        }
        let (dnssec, reason) = (dnssec(answer).to_owned(), reason(answer));
        Explained { dnssec, reason, ..explained(way.to_owned(), answer.message()) }
    }
}

fn read(name: &str, kind: &str) -> Result<Query, ExplainError> {
    let asked = AskedName::from_ascii(name).map_err(|_| ExplainError::Name(name.to_owned()))?;
    let kind = record_type(kind).ok_or_else(|| ExplainError::Kind(kind.to_owned()))?;
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    message.add_query(Asked::query(asked, kind));
    let bytes = message.to_vec().map_err(|_| ExplainError::Name(name.to_owned()))?;
    let why =
        |unserved: Unserved| unserved.reply.and_then(|reply| reply.why).map_or("it cannot be read", Explanation::text);
    Query::read(&bytes).map_err(|unserved| ExplainError::Refused(why(unserved)))
}

/// A type by its name, its number, or as RFC 3597 section 5 writes those without a name.
fn record_type(text: &str) -> Option<RecordType> {
    let text = text.to_ascii_uppercase();
    let number = text.strip_prefix("TYPE").unwrap_or(&text).parse::<u16>();
    number.map(RecordType::from).ok().or_else(|| text.parse().ok())
}

fn rule(local: &Local, query: &Query, view: &View) -> String {
    match &local.outcome {
        DnsOutcome::Steered { vendor } => format!("steered: it is a name of {vendor}"),
        DnsOutcome::Own => "a name of the office: the puck's own, a hosts file, a lease or an announcement".to_owned(),
        _ if local.why == Some(Explanation::Blocked) => {
            let list = view.groups.rules(query.manner.group).blocks(query.name.folded()).cloned();
            format!("blocked by {}", list.unwrap_or_default())
        }
        _ if query.kind == kind::ANY => {
            "special: who asks for everything is answered with a word (RFC 8482)".to_owned()
        }
        _ => "special: a canary, or a name without a server on the internet".to_owned(),
    }
}

fn explained(rule: String, message: &[u8]) -> Explained {
    let message = Message::from_vec(message).ok();
    let records = message.iter().flat_map(|message| &message.answers).map(ToString::to_string).collect();
    let rcode = message.map_or_else(|| "SERVFAIL".to_owned(), |message| code(message.metadata.response_code.into()));
    Explained { rule, rcode, records, ..Explained::default() }
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
fn reason(answer: &Answer) -> Option<(u16, String)> {
    let (code, text) = answer.extended_error()?.get(4..)?.split_first_chunk()?;
    Some((u16::from_be_bytes(*code), String::from_utf8_lossy(text).into_owned()))
}
