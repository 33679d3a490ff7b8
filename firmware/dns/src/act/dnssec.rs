//! DNSSEC: whether an answer is what the owner of its zone signed (RFC 4035).
//!
//! Signatures and digests are hickory's to compute; the way from a trusted key to an answer, and what proves that there is
//! none, is walked here. Upstreams are asked with CD, so that they hand over what is bogus too and the reason can be told.

mod alias;
mod chain;
mod denial;
mod proofs;
mod rewrite;
mod rrset;
mod source;
mod verdict;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name as ZoneName, RData, Record, RecordType};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::doubt::Doubt;
use super::exchange::ExchangeError;
use super::flight::Flights;
use super::upstream::{Asker, Signatures};
use crate::Config;
use crate::config::{Anchors, Dnssec};
use crate::parse::{Answer, Explanation, Name, Question, Security, kind, message};

use alias::Part;
use chain::Chain;
use denial::Denial;
pub(crate) use proofs::Proofs;
use rrset::Work;
use source::Source;
use verdict::Verdict;

/// How often it is looked whether upstreams hand out signatures, when they do…
const LOOK: Duration = Duration::from_secs(300);
/// … and when they do not, or none answered.
const LOOK_AGAIN: Duration = Duration::from_secs(30);
/// 2025-01-01. A clock before it has not been set since power came: no signature is valid then, and the clock could never
/// be set because the names of time servers would not resolve.
const CLOCK_UNSET: u64 = 1_735_689_600;
/// Bogus questions remembered, and for how long: the owner of the zone may be mending it.
const BOGUS: usize = 256;
const BOGUS_HOLD: Duration = Duration::from_secs(10);

/// An answer of so many bytes is large, as next to none is; and so many of them are checked at once. More are refused: they
/// would be held for as long as a zone's servers keep silent, and one message may have 64 KiB.
const LARGE: usize = 8 * 1024;
const LARGE_AT_ONCE: usize = 16;

/// Asks upstreams and checks what they say.
pub(crate) struct Validator {
    asker: Arc<Asker>,
    source: Source,
    trust: ArcSwap<Trust>,
    /// Zones that are not checked although they are signed (RFC 7646).
    exempt: Vec<ZoneName>,
    /// Answers that cannot be checked because every upstream strips signatures are withheld.
    strict: bool,
    looks: TaskTracker,
    doubt: Doubt,
    /// Places for large answers that are being checked.
    large: Semaphore,
}

/// What hangs on the keys that are trusted to begin with, and goes with them.
struct Trust {
    chain: Chain,
    /// Whether upstreams hand out signatures, and until when that holds.
    looked: Mutex<Option<(Signatures, Instant)>>,
    looking: Flights<(), Signatures>,
    /// What was bogus a moment ago, and why: each try costs several questions.
    bogus: Mutex<LruCache<Question, (Explanation, Instant)>>,
}

impl Trust {
    fn new(anchors: Anchors) -> Self {
        let bogus = Mutex::new(LruCache::sparse(NonZeroUsize::new(BOGUS).expect("not zero")));
        Self { chain: Chain::new(anchors), looked: Mutex::default(), looking: Flights::new(), bogus }
    }

    async fn look(&self, asker: &Asker) -> Signatures {
        let Some(zone) = self.chain.anchored.first() else { return Signatures::Unknown };
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
            trust: ArcSwap::from_pointee(Trust::new(anchors)),
            source,
            exempt: exempt.map(|zone| zone.to_lowercase()).map(fully_qualified).collect(),
            strict: config.dnssec == Dnssec::Strict,
            looks: TaskTracker::new(),
            large: Semaphore::new(LARGE_AT_ONCE),
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
        self.trust.store(Arc::new(Trust::new(anchors)));
    }

    /// The answer in the form that the question asks for; "no" with a reason when it is bogus.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer, ExchangeError> {
        let Some(name) = zone_name(&question.name) else { return self.unchecked(question).await };
        // One question is judged by one set of keys to its end.
        let trust = self.trust.load_full();
        // Nobody stands above the root who could sign for it.
        let above_root = name.is_root() && question.kind == kind::DS;
        if question.checking_disabled || above_root || !self.is_checked(&trust, &name) || !self.clock_is_set() {
            return self.unchecked(question).await;
        }
        if self.signatures(&trust).await == Signatures::Stripped && !self.strict {
            return self.unchecked(question).await;
        }
        if let Some((reason, _)) = trust.bogus.lock().get(question).filter(|(_, until)| Instant::now() < *until) {
            return Ok(rewrite::bogus(question, *reason));
        }
        let mut raw = self.source.asker().ask(&whole(question)).await?;
        if !raw.is_conclusive() {
            return Ok(raw.marked(Security::Unchecked));
        }
        let Some(_room) = self.room_for(&raw) else { return Err(ExchangeError::Busy) };
        let mut verdict = self.judge(&trust, question, &name, &raw, &Work::new(false)).await?;
        // It may be one upstream's fault, or a moment's (RFC 4035 section 4.7).
        if matches!(verdict, Verdict::Bogus(_))
            && let Ok(other) = self.source.asker().ask_elsewhere(&whole(question)).await
            && other.is_conclusive()
        {
            let Some(_more) = self.room_for(&other) else { return Err(ExchangeError::Busy) };
            raw = other;
            verdict = self.judge(&trust, question, &name, &raw, &Work::new(true)).await?;
        }
        debug!(name = %Name::read(&question.name).map(|name| name.text()).unwrap_or_default(), ?verdict, "checked");
        Ok(match verdict {
            Verdict::Secure(message) => {
                rewrite::signed(message, question).unwrap_or_else(|| rewrite::bogus(question, Explanation::Bogus))
            }
            Verdict::Insecure => rewrite::unsigned(&raw, question),
            Verdict::Bogus(reason) => {
                trust.bogus.lock().put(question.clone(), (reason, Instant::now() + BOGUS_HOLD));
                rewrite::bogus(question, reason)
            }
        })
    }

    /// Room for a large answer while it is checked, which takes as long as the owner of its zone likes; small ones need none.
    fn room_for(&self, raw: &Answer) -> Option<Option<SemaphorePermit<'_>>> {
        match raw.message().len() {
            0..LARGE => Some(None),
            _ => self.large.try_acquire().ok().map(Some),
        }
    }

    async fn judge(
        &self,
        trust: &Trust,
        question: &Question,
        name: &ZoneName,
        raw: &Answer,
        work: &Work,
    ) -> Result<Verdict, ExchangeError> {
        match alias::parts(raw, &whole(question), name) {
            Ok(None) => self.verdict(trust, (name, question.kind), raw, work).await,
            Ok(Some(parts)) => self.verdict_on_parts(trust, parts, raw, work).await,
            Err(()) => Ok(Verdict::Bogus(Explanation::Bogus)),
        }
    }

    async fn verdict(
        &self,
        trust: &Trust,
        (name, kind): (&ZoneName, u16),
        raw: &Answer,
        work: &Work,
    ) -> Result<Verdict, ExchangeError> {
        // Nobody signs signatures (RFC 4035 section 2.2).
        if kind == kind::RRSIG && !raw.is_negative() {
            return Ok(Verdict::Insecure);
        }
        verdict::judge(&trust.chain, &self.source, (name, RecordType::from(kind)), raw, work).await
    }

    /// An answer through aliases is what the least of its parts is.
    async fn verdict_on_parts(
        &self,
        trust: &Trust,
        parts: Vec<Part>,
        raw: &Answer,
        work: &Work,
    ) -> Result<Verdict, ExchangeError> {
        let (mut answers, mut authorities, mut insecure) = (Vec::new(), Vec::new(), false);
        for Part { question, name, answer, made } in parts {
            if !self.is_checked(trust, &name) {
                insecure = true;
                continue;
            }
            match self.verdict(trust, (&name, question.kind), &answer, work).await? {
                Verdict::Secure(part) => {
                    answers.extend(part.answers);
                    authorities.extend(part.authorities);
                    // Behind its DNAME and before where it leads: clients that walk an answer once do not turn back. The
                    // upstream's own has the spelling that we made up for it, and a lifetime that nobody signed.
                    let lifetime = answers.last().map_or(0, |record| record.ttl);
                    answers.extend(
                        made.map(|(alias, target)| Record::from_rdata(alias, lifetime, RData::CNAME(CNAME(target)))),
                    );
                }
                Verdict::Insecure => insecure = true,
                Verdict::Bogus(why) => return Ok(Verdict::Bogus(why)),
            }
        }
        if insecure {
            return Ok(Verdict::Insecure);
        }
        let Some(mut message) = message::read(raw.message()) else { return Ok(Verdict::Bogus(Explanation::Bogus)) };
        (message.answers, message.authorities) = (answers, authorities);
        message.additionals.clear();
        Ok(Verdict::Secure(Box::new(message)))
    }

    async fn unchecked(&self, question: &Question) -> Result<Answer, ExchangeError> {
        Ok(self.source.asker().ask(question).await?.marked(Security::Unchecked))
    }

    /// Whether the chain of trust covers a name: it lies below a trusted key, and in no exempted zone.
    fn is_checked(&self, trust: &Trust, name: &ZoneName) -> bool {
        trust.chain.reaches(name) && !self.exempt.iter().any(|zone| zone.zone_of(name))
    }

    /// Whether upstreams hand out signatures. That is looked at again from time to time, and nobody waits for it who can go
    /// by what was found before: an upstream may have died meanwhile.
    async fn signatures(&self, trust: &Arc<Trust>) -> Signatures {
        let known = *trust.looked.lock();
        let look = || {
            let (trust, asker) = (Arc::clone(trust), Arc::clone(&self.asker));
            async move { trust.look(&asker).await }
        };
        match known {
            // Those that were found to hand them out are all broken by now.
            Some((Signatures::Present, _)) if !self.asker.has_signer() => {
                trust.looking.join((), &self.looks, look).await.unwrap_or(Signatures::Unknown)
            }
            Some((known, until)) if Instant::now() < until => known,
            None | Some((Signatures::Unknown, _)) => {
                trust.looking.join((), &self.looks, look).await.unwrap_or(Signatures::Unknown)
            }
            Some((known, _)) => {
                trust.looking.start((), &self.looks, &Handle::current(), look);
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

/// What is done with an answer before a key is looked at, and with its proofs as if a zone had signed them. For the fuzzer.
pub(crate) fn take_apart(answer: &Answer, question: &Question) {
    let Some(name) = zone_name(&question.name) else { return };
    let _ = alias::parts(answer, &whole(question), &name);
    let Some(message) = message::read(answer.message()) else { return };
    for zone in (0..=labels(&name)).rev().take(3).map(|count| ancestor(&name, count)) {
        let denial = Denial::of(&zone, message.authorities.iter());
        denial.of_kind(&name, question.kind.into());
        denial.of_name(&name);
        denial.place(&name);
        denial.of_closer(&name, labels(&zone));
    }
}

/// All labels of a name, a wildcard's star among them.
fn labels(name: &ZoneName) -> usize {
    name.iter().count()
}

/// The last so many labels of a name.
fn ancestor(name: &ZoneName, count: usize) -> ZoneName {
    name.trim_to(count)
}

fn wildcard_of(name: &ZoneName) -> ZoneName {
    // Of a name that is too long for another label there is no wildcard either.
    name.prepend_label("*").unwrap_or_else(|_| name.clone())
}

/// Seconds since 1970, as signatures have them: a serial number that wraps (RFC 4034 section 3.1.5).
fn now() -> u32 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs() as u32)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{LARGE_AT_ONCE, Signatures, Validator};
    use crate::Config;
    use crate::act::upstream::Asker;
    use crate::config::Anchors;
    use crate::parse::{Answer, Question, Wanted, kind};

    #[tokio::test]
    async fn nobody_waits_for_a_look_who_knows_what_was_found_before() {
        let (_socket, asker) = Asker::unheard();
        let anchors = Anchors::read(&[]).unwrap();
        let validator = Validator::new(&Config::default(), anchors, Arc::new(asker), 0, Arc::default()).unwrap();
        let trust = validator.trust.load_full();
        for known in [Signatures::Present, Signatures::Stripped] {
            *trust.looked.lock() = Some((known, Instant::now()));
            let asked = Instant::now();
            assert_eq!(validator.signatures(&trust).await, known);
            assert_eq!(validator.signatures(&trust).await, known);
            assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
            assert_eq!(trust.looking.len(), 1, "one look for all");
        }
        assert_eq!(validator.looks.len(), 1);
        *trust.looked.lock() = None;
        assert_eq!(validator.signatures(&trust).await, Signatures::Unknown, "there is nothing to go by");
    }
    #[tokio::test]
    async fn few_large_answers_are_held_at_once() {
        let (_socket, asker) = Asker::unheard();
        let anchors = Anchors::read(&[]).unwrap();
        let validator = Validator::new(&Config::default(), anchors, Arc::new(asker), 0, Arc::default()).unwrap();
        let question =
            Question { name: [0].into(), kind: kind::TXT, dnssec_ok: false, checking_disabled: false, way: 0 };
        let answer = |records: u16| {
            let mut message = vec![0, 0, 0x80, 0x80, 0, 1];
            message.extend_from_slice(&records.to_be_bytes());
            message.extend_from_slice(&[0, 0, 0, 0, 0, 0, 16, 0, 1]);
            (0..records).for_each(|_| message.extend_from_slice(&[0, 0, 16, 0, 1, 0, 0, 0, 9, 0, 2, 1, b'x']));
            Answer::read(&message, Wanted { id: 0, question: &question }).unwrap()
        };
        let (small, large) = (answer(1), answer(2000));
        let held: Vec<_> = (0..LARGE_AT_ONCE).map(|_| validator.room_for(&large).unwrap()).collect();
        assert!(validator.room_for(&large).is_none());
        assert!(validator.room_for(&small).is_some());
        drop(held);
        assert!(validator.room_for(&large).is_some());
    }
}
