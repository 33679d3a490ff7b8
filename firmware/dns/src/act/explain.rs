//! Explaining an answer to a person: what `nanogate dns query` prints.

use std::net::IpAddr;
use std::time::Duration;

use gate_core::DnsOutcome;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query as Asked};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name as AskedName, RecordType};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, timeout};

use super::upstream::UpstreamState;
use super::{Act, Age, Freshness, Kept, Transport, reply};
use crate::decide::{
    Decision, Local, View, decide, is_local, is_pucks, manner, special_words, steered_entry, withheld,
};
use crate::parse::{Answer, EXTENDED_ERROR, Explanation, Query, Rcode, Security, Unserved, kind};

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
        self.take_names().await;
        self.read_lists(false).await;
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
        self.lists_looked_at(&query).await;
        let view = self.view().clone();
        let group = view.groups.rules(query.manner.group).name.clone();
        let start = Instant::now();
        if let Decision::Local(local) = decide(&query, &self.config, &view) {
            let message = reply::local(&query, &local, self.config.steer_ttl_seconds, Transport::Tcp);
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
        // Of providers nothing is given that is over, and no try is spared.
        let watched = steered_entry(&query, &view.catalogue).is_some();
        let mut explained = match kept {
            Some(Kept { answer, age, state: Freshness::Fresh | Freshness::Due }) => {
                self.judged(&query, &view, (&answer, Age::Seconds(age)), "from the cache")
            }
            Some(Kept { answer, state: Freshness::Resting, .. }) if self.may_be_stale(&answer, watched) => {
                let way = "from the cache, though it is over: no upstream answered a moment ago";
                self.judged(&query, &view, (&answer, Age::Stale), way)
            }
            Some(Kept { answer, state: Freshness::Stale, .. }) if self.may_be_stale(&answer, watched) => {
                self.ask_for_a_while(&query, &view, &answer).await
            }
            // What failed a moment ago is not asked again at once.
            None if !fresh
                && !watched
                && let Some(failure) = self.failures.get(&query.question(), self.clock.now()) =>
            {
                const WAY: &str = "it failed a moment ago and is not asked again for some seconds";
                match failure {
                    Some(answer) => self.judged(&query, &view, (&answer, Age::Seconds(0)), WAY),
                    None => failed(&query, WAY.to_owned()),
                }
            }
            _ => self.ask_and_explain(&query, &view).await.0,
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

    /// As a client is answered for whom there is an answer that is over: it is given when the upstreams take too long.
    async fn ask_for_a_while(&self, query: &Query, view: &View, over: &Answer) -> Explained {
        let longest = Duration::from_millis(self.config.stale_wait_ms);
        match timeout(longest, self.ask_and_explain(query, view)).await {
            Ok((explained, true)) => explained,
            given => {
                let way = "from the cache, though it is over: no upstream answered in time";
                let asked = given.map(|(explained, _)| explained.asked).unwrap_or_default();
                Explained { asked, ..self.judged(query, view, (over, Age::Stale), way) }
            }
        }
    }

    /// Asks past the cache; also says whether that told anything that a client gets in place of what is over.
    async fn ask_and_explain(&self, query: &Query, view: &View) -> (Explained, bool) {
        let question = query.question();
        let (way, states) = self.routes.describe(&question, &self.config);
        let before = states();
        let (mut explained, tells) =
            match self.routes.ask(&question, query.manner.silent, &self.config, &view.identity).await {
                Ok(answer) => {
                    let tells = answer.is_conclusive() || answer.is_bogus();
                    (self.judged(query, view, (&answer, Age::Seconds(0)), way), tells)
                }
                Err(error) => (failed(query, format!("{way}; no upstream answered: {error}")), false),
            };
        let since = |(now, then): (UpstreamState, UpstreamState)| UpstreamState {
            answered: now.answered - then.answered,
            unanswered: now.unanswered - then.unanswered,
            ..now
        };
        let asked = states().into_iter().zip(before).map(since);
        explained.asked = asked.filter(|state| state.answered + state.unanswered > 0).collect();
        if explained.asked.is_empty() && explained.dnssec == "bogus" {
            explained.rule =
                format!("{way} a moment ago: what was bogus then is for some seconds, without asking again");
        }
        (explained, tells)
    }

    /// What an upstream's answer becomes for the client.
    fn judged(&self, query: &Query, view: &View, (answer, age): (&Answer, Age), way: &str) -> Explained {
        if let Some(local) = withheld(query, answer, &self.config, view) {
            let message = reply::local(query, &local, self.config.steer_ttl_seconds, Transport::Tcp);
            let rule = match &local.outcome {
                DnsOutcome::Steered { vendor } => {
                    format!("{way}, and withheld: it leads to a name of {vendor}, around the puck")
                }
                _ if local.why == Some(Explanation::OtherResolver) => {
                    format!("{way}, and refused: it leads to a public resolver for encrypted DNS (dns.encrypted_dns)")
                }
                _ => format!("{way}, and blocked: it leads to a name that a block list holds"),
            };
            return Explained { dnssec: "local".to_owned(), ..explained(rule, &message) };
        }
        let message = reply::relayed(query, answer, age, self.config.cache_seconds, Transport::Tcp);
        Explained { dnssec: dnssec(answer).to_owned(), ..explained(way.to_owned(), &message) }
    }
}

fn read(name: &str, kind: &str) -> Result<Query, ExplainError> {
    // With other letters it goes over the wire as IDNA writes it (RFC 5891).
    let asked = if name.is_ascii() { AskedName::from_ascii(name) } else { AskedName::from_utf8(name) };
    let asked = asked.map_err(|_| ExplainError::Name(name.to_owned()))?;
    let kind = record_type(kind).ok_or_else(|| ExplainError::Kind(kind.to_owned()))?;
    let mut message = Message::new(0, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.metadata.authentic_data = true;
    // Reasons are for those who know of extensions.
    message.set_edns(Edns::new());
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
        DnsOutcome::Own => match view.names.source(query).filter(|_| !is_pucks(query, view)) {
            Some(source) => format!("a name of the office, from {source}"),
            None => "this device's own name or address".to_owned(),
        },
        _ if local.why == Some(Explanation::OtherResolver) => {
            "refused: it is a public resolver for encrypted DNS (dns.encrypted_dns)".to_owned()
        }
        _ if local.why == Some(Explanation::Blocked) => {
            let list = view.groups.rules(query.manner.group).blocks(query.name.folded()).cloned();
            format!("blocked by {}", list.unwrap_or_default())
        }
        _ if query.kind == kind::ANY => {
            "special: who asks for everything is answered with a word (RFC 8482)".to_owned()
        }
        _ => special_words(query, view),
    }
}

/// Nobody answered.
fn failed(query: &Query, rule: String) -> Explained {
    let message = reply::code(query, Rcode::ServFail, Some(Explanation::NoUpstream));
    Explained { dnssec: "unchecked".to_owned(), ..explained(rule, &message) }
}

/// What a client is sent, in words.
fn explained(rule: String, message: &[u8]) -> Explained {
    let mut message = Message::from_vec(message).ok();
    message.iter_mut().for_each(respell);
    let records = message.iter().flat_map(|message| &message.answers).map(ToString::to_string).collect();
    let reason = message.as_ref().and_then(reason);
    let rcode = message.map_or_else(|| "SERVFAIL".to_owned(), |message| code(message.metadata.response_code.into()));
    Explained { rule, rcode, records, reason, ..Explained::default() }
}

/// Writes the asked name as it was asked for: upstreams may have heard it in another spelling.
fn respell(message: &mut Message) {
    let Some(asked) = message.queries.first().map(|query| query.name().clone()) else { return };
    for record in message.answers.iter_mut().filter(|record| record.name == asked) {
        record.name = asked.clone();
    }
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

/// The extended error (RFC 8914) and its words, if it has any.
fn reason(message: &Message) -> Option<(u16, String)> {
    let option = message.edns.as_ref()?.option(EdnsCode::from(EXTENDED_ERROR))?;
    let EdnsOption::Unknown(_, data) = option else { return None };
    let (code, text) = data.split_first_chunk()?;
    Some((u16::from_be_bytes(*code), String::from_utf8_lossy(text).into_owned()))
}
