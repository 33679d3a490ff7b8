//! DNSSEC: whether an answer is what the owner of its zone signed (RFC 4035).
//!
//! The chain of keys is hickory's to check; here is what a resolver does with the verdict. Upstreams are asked with CD, so
//! that they hand over what is bogus too and the reason can be told.

mod alias;
mod proofs;
mod rewrite;
mod source;
mod verdict;
mod wildcard;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use hickory_net::dnssec::DnssecDnsHandle;
use hickory_net::proto::dnssec::Proof;
use hickory_net::xfer::{DnsHandle, FirstAnswer};
use hickory_proto::op::{DnsRequest, DnsRequestOptions, Message, Query};
use hickory_proto::rr::{Name as ZoneName, RecordType};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::doubt::Doubt;
use super::exchange::ExchangeError;
use super::flight::Flights;
use super::upstream::{Asker, Signatures};
use crate::Config;
use crate::config::{Anchors, Dnssec};
use crate::parse::{Answer, Explanation, Name, Question, Security, kind};

use alias::{Part, Parts};
pub(crate) use proofs::Proofs;
use source::Source;
use verdict::{Verdict, judge};

/// How often it is looked whether upstreams hand out signatures, when they do…
const LOOK: Duration = Duration::from_secs(300);
/// … and when they do not, or none answered.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// 2025-01-01. A clock before it has not been set since power came: no signature is valid then, and the clock could never
/// be set because the names of time servers would not resolve.
const CLOCK_UNSET: u64 = 1_735_689_600;
/// RRsets whose verdict is remembered.
const VERDICTS: usize = 4096;
/// Bogus questions remembered, and for how long: the owner of the zone may be mending it.
const BOGUS: usize = 256;
const BOGUS_HOLD: Duration = Duration::from_secs(10);

/// Asks upstreams and checks what they say.
pub(crate) struct Validator {
    asker: Arc<Asker>,
    source: Source,
    chain: ArcSwap<Chain>,
    /// Zones that are not checked although they are signed (RFC 7646).
    exempt: Vec<ZoneName>,
    /// Answers that cannot be checked because every upstream strips signatures are withheld.
    strict: bool,
    looks: TaskTracker,
    doubt: Doubt,
}

/// What hangs on the keys that are trusted to begin with, and goes with them.
struct Chain {
    handle: DnssecDnsHandle<Source>,
    /// Zones with such keys.
    anchored: Vec<ZoneName>,
    /// Whether upstreams hand out signatures, and until when that holds.
    looked: Mutex<Option<(Signatures, Instant)>>,
    looking: Flights<(), Signatures>,
    /// What was bogus a moment ago, and why: each try costs several questions.
    bogus: Mutex<LruCache<Question, (Explanation, Instant)>>,
}

impl Chain {
    fn new(source: &Source, anchors: Anchors) -> Self {
        let handle = DnssecDnsHandle::with_trust_anchor(source.clone(), anchors.keys).validation_cache_size(VERDICTS);
        let bogus = Mutex::new(LruCache::sparse(NonZeroUsize::new(BOGUS).expect("not zero")));
        Self { handle, anchored: anchors.names, looked: Mutex::default(), looking: Flights::new(), bogus }
    }

    async fn look(&self, asker: &Asker) -> Signatures {
        let Some(zone) = self.anchored.first() else { return Signatures::Unknown };
        let name = Name::of_text(zone.to_ascii().trim_end_matches('.')).folded().into();
        let question = Question { name, kind: kind::DNSKEY, dnssec_ok: true, checking_disabled: true, way: 0 };
        let found = asker.look_for_signatures(&question).await;
        let hold = if found == Signatures::Present { LOOK } else { LOOK_AGAIN };
        let before = self.looked.lock().replace((found, Instant::now() + hold));
        if found == Signatures::Stripped && before.is_none_or(|(before, _)| before != found) {
            warn!("every upstream strips DNSSEC signatures: answers cannot be checked");
        }
        found
    }
}

impl Validator {
    /// `None` when validation is off.
    pub(crate) fn new(
        config: &Config,
        anchors: Anchors,
        asker: Arc<Asker>,
        way: u64,
        proofs: Arc<Proofs>,
    ) -> Option<Self> {
        if config.dnssec == Dnssec::Off {
            return None;
        }
        let source = Source::new(Arc::clone(&asker), way, proofs);
        let exempt = config.dnssec_exempt.iter().filter_map(|zone| ZoneName::from_ascii(zone.as_str()).ok());
        Some(Self {
            chain: ArcSwap::from_pointee(Chain::new(&source, anchors)),
            source,
            exempt: exempt.map(|zone| zone.to_lowercase()).map(fully_qualified).collect(),
            strict: config.dnssec == Dnssec::Strict,
            looks: TaskTracker::new(),
            asker,
            doubt: Doubt::while_there_is(config.clock_unsure.as_deref()),
        })
    }

    /// Whether the clock can be asked if a signature is valid.
    fn clock_is_set(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.is_ok_and(|now| now.as_secs() > CLOCK_UNSET) && !self.doubt.lasts()
    }

    /// Trusts other keys from the next question on. Verdicts by the old ones are forgotten, and so are the zones' keys that
    /// upstreams have told: they may be older than these.
    pub(crate) fn trust(&self, anchors: Anchors) {
        self.source.forget();
        self.chain.store(Arc::new(Chain::new(&self.source, anchors)));
    }

    /// The answer in the form that the question asks for; "no" with a reason when it is bogus.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer, ExchangeError> {
        let Some(name) = zone_name(&question.name) else { return self.unchecked(question).await };
        // One question is judged by one set of keys to its end.
        let chain = self.chain.load_full();
        // Nobody stands above the root who could sign for it.
        let above_root = name.is_root() && question.kind == kind::DS;
        if question.checking_disabled || above_root || !self.is_checked(&chain, &name) || !self.clock_is_set() {
            return self.unchecked(question).await;
        }
        if self.signatures(&chain).await == Signatures::Stripped && !self.strict {
            return self.unchecked(question).await;
        }
        if let Some((reason, _)) = chain.bogus.lock().get(question).filter(|(_, until)| Instant::now() < *until) {
            return Ok(rewrite::bogus(question, *reason));
        }
        let raw = self.source.hold(whole(question)).await?;
        if !raw.is_conclusive() {
            return Ok(Answer::clone(&raw).marked(Security::Unchecked));
        }
        self.check(&chain, question, name, &raw).await
    }

    async fn check(
        &self,
        chain: &Chain,
        question: &Question,
        name: ZoneName,
        raw: &Arc<Answer>,
    ) -> Result<Answer, ExchangeError> {
        let verdict = match alias::parts(raw, &whole(question), &name) {
            Ok(None) => self.verdict(chain, name, question.kind, raw).await,
            Ok(Some(parts)) => self.verdict_on_parts(chain, parts, raw).await,
            Err(()) => Verdict::Bogus(Explanation::Bogus),
        };
        debug!(name = %Name::read(&question.name).map(|name| name.text()).unwrap_or_default(), ?verdict, "checked");
        Ok(match verdict {
            Verdict::Secure(message) => {
                rewrite::signed(message, question).unwrap_or_else(|| rewrite::bogus(question, Explanation::Bogus))
            }
            Verdict::Insecure => rewrite::unsigned(raw, question),
            Verdict::Bogus(reason) => {
                chain.bogus.lock().put(question.clone(), (reason, Instant::now() + BOGUS_HOLD));
                rewrite::bogus(question, reason)
            }
        })
    }

    async fn verdict(&self, chain: &Chain, name: ZoneName, kind: u16, raw: &Arc<Answer>) -> Verdict {
        let query = Query::query(name, RecordType::from(kind));
        let mut options = DnsRequestOptions::default();
        (options.use_edns, options.edns_set_dnssec_ok) = (true, true);
        let checked = chain.handle.send(DnsRequest::from_query(query, options)).first_answer().await;
        judge(checked, |owner| self.is_checked(chain, owner), raw)
    }

    /// An answer through aliases is what the least of its parts is.
    async fn verdict_on_parts(&self, chain: &Chain, parts: Parts, raw: &Arc<Answer>) -> Verdict {
        let Ok(mut message) = Message::from_vec(raw.message()) else { return Verdict::Bogus(Explanation::Bogus) };
        let (mut answers, mut authorities, mut insecure) = (Vec::new(), Vec::new(), false);
        for Part { question, name, answer } in parts.parts {
            let held = self.source.have(question.clone(), Arc::new(answer));
            if !self.is_checked(chain, &name) {
                insecure = true;
                continue;
            }
            match self.verdict(chain, name, question.kind, &held).await {
                Verdict::Secure(part) => {
                    answers.extend(part.answers);
                    authorities.extend(part.authorities);
                }
                Verdict::Insecure => insecure = true,
                Verdict::Bogus(why) => return Verdict::Bogus(why),
            }
        }
        if insecure {
            return Verdict::Insecure;
        }
        answers.extend(parts.made.into_iter().map(|mut record| {
            record.proof = Proof::Secure;
            record
        }));
        (message.answers, message.authorities) = (answers, authorities);
        Verdict::Secure(Box::new(message))
    }

    async fn unchecked(&self, question: &Question) -> Result<Answer, ExchangeError> {
        Ok(self.source.asker().ask(question).await?.marked(Security::Unchecked))
    }

    /// Whether the chain of trust covers a name: it lies below a trusted key, and in no exempted zone.
    fn is_checked(&self, chain: &Chain, name: &ZoneName) -> bool {
        chain.anchored.iter().any(|zone| zone.zone_of(name)) && !self.exempt.iter().any(|zone| zone.zone_of(name))
    }

    /// Whether upstreams hand out signatures. That is looked at again from time to time, and nobody waits for it who can go
    /// by what was found before: an upstream may have died meanwhile.
    async fn signatures(&self, chain: &Arc<Chain>) -> Signatures {
        let known = *chain.looked.lock();
        let look = || {
            let (chain, asker) = (Arc::clone(chain), Arc::clone(&self.asker));
            async move { chain.look(&asker).await }
        };
        match known {
            Some((known, until)) if Instant::now() < until => known,
            None | Some((Signatures::Unknown, _)) => {
                chain.looking.join((), &self.looks, look).await.unwrap_or(Signatures::Unknown)
            }
            Some((known, _)) => {
                chain.looking.start((), &self.looks, &Handle::current(), look);
                known
            }
        }
    }
}

/// The question that everything is checked by: with signatures, and with what the upstream thinks bogus.
fn whole(question: &Question) -> Question {
    Question { dnssec_ok: true, checking_disabled: true, ..question.clone() }
}

fn zone_name(wire: &[u8]) -> Option<ZoneName> {
    use hickory_proto::serialize::binary::BinDecodable;
    ZoneName::from_bytes(wire).ok()
}

fn fully_qualified(mut name: ZoneName) -> ZoneName {
    name.set_fqdn(true);
    name
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Signatures, Validator};
    use crate::Config;
    use crate::act::upstream::Asker;
    use crate::config::Anchors;

    #[tokio::test]
    async fn nobody_waits_for_a_look_who_knows_what_was_found_before() {
        let (_socket, asker) = Asker::unheard();
        let anchors = Anchors::read(&[]).unwrap();
        let validator = Validator::new(&Config::default(), anchors, Arc::new(asker), 0, Arc::default()).unwrap();
        let chain = validator.chain.load_full();
        for known in [Signatures::Present, Signatures::Stripped] {
            *chain.looked.lock() = Some((known, Instant::now()));
            let asked = Instant::now();
            assert_eq!(validator.signatures(&chain).await, known);
            assert_eq!(validator.signatures(&chain).await, known);
            assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
            assert_eq!(chain.looking.len(), 1, "one look for all");
        }
        assert_eq!(validator.looks.len(), 1);
        *chain.looked.lock() = None;
        assert_eq!(validator.signatures(&chain).await, Signatures::Unknown, "there is nothing to go by");
    }
}
