//! The walk from a question to its answer: the cache, a place among those who wait, an upstream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gate_core::{DnsOutcome, Reason};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::exchange::ExchangeError;
use super::route::Full;
use super::upstream::on_behalf;
use super::{Act, Age, Done, Freshness, Kept, LARGE_FROM, Reply, Step, Transport, Waiting, addresses};
use crate::NetworkMode;
use crate::decide::{Decision, View, decide, manner, steered_entry, steered_target, withheld};
use crate::parse::{Answer, Explanation, Query, Question, Rcode, Security, kind};

/// Longest wait until the kernel redirects an address that was not known before.
const IN_FORCE: Duration = Duration::from_millis(500);

/// What is kept may not be given yet.
struct Held;

impl Act {
    /// How long copies of an answer may be given without looking whether it should be asked for again.
    pub(crate) fn copied_seconds(&self, answer: &Answer, age: u32) -> u32 {
        if !answer.is_conclusive() {
            // A failure holds for a moment, whatever lifetime its records tell.
            return 0;
        }
        self.cache.lock().undue_seconds(answer).saturating_sub(age)
    }

    /// What can be answered at once, or a place among those who wait.
    pub(crate) fn answer(
        &self,
        query: Query,
        transport: Transport,
        client: IpAddr,
        watched: bool,
        view: &View,
    ) -> Step {
        let held = self.awaits_lists(&query, view);
        let kept = if held { Some(Err(Held)) } else { self.cached(&query, transport, view, watched) };
        match kept {
            Some(Ok(step)) => step,
            Some(Err(Held)) => self.admit(query, transport, client, (watched, true)),
            None => self.admit(query, transport, client, (watched, false)),
        }
    }

    /// The kept answer, if there is one that is better than waiting for an upstream; held where it may not go yet.
    fn cached(&self, query: &Query, transport: Transport, view: &View, watched: bool) -> Option<Result<Step, Held>> {
        let question = query.question();
        let kept = self.cache.lock().get(&question, self.clock.now());
        let Some(Kept { answer, age, state }) = kept else {
            return self.failed_lately(query, transport, watched).map(|done| Ok(Step::Done(done)));
        };
        let age = match state {
            Freshness::Fresh | Freshness::Due => Age::Seconds(age),
            Freshness::Resting if self.may_be_stale(&answer, watched) => Age::Stale,
            Freshness::Stale | Freshness::Resting => return None,
        };
        if !self.learnt.is_in_force(self.learn(query, &answer, view)) {
            return Some(Err(Held));
        }
        let done = self.relay(query.clone(), answer, age, transport, DnsOutcome::Cached);
        Some(Ok(if state == Freshness::Due { Step::Due(done, question) } else { Step::Done(done) }))
    }

    /// The failure of a moment ago; never a provider's, for which no try is spared.
    fn failed_lately(&self, query: &Query, transport: Transport, watched: bool) -> Option<Done> {
        let failure = self.failures.get(&query.question(), self.clock.now()).filter(|_| !watched)?;
        Some(match failure {
            Some(answer) => self.relay(query.clone(), answer, Age::Seconds(0), transport, DnsOutcome::Cached),
            None => failed(query.clone()),
        })
    }

    /// Gives a question its place among those that wait, or says why there is none.
    fn admit(&self, query: Query, transport: Transport, client: IpAddr, (watched, held): (bool, bool)) -> Step {
        if self.circles.hears(&query.name) {
            let reply = Some(Reply::Code(query, Rcode::Refused, Some(Explanation::Circle)));
            return Step::Done(Done { reply, outcome: DnsOutcome::Special });
        }
        // A router asks for everybody behind it.
        let counted = Some(client).filter(|client| !self.is_router(*client));
        let (slot, seat) = match self.routes.place(&query.name, query.manner.way, counted, &self.config) {
            Ok(place) => place,
            Err(Full::All) => return Step::Done(self.stale_or(query, transport, watched || held, crowded)),
            Err(Full::Client) => return Step::Done(self.refuse(query, transport, watched || held)),
        };
        Step::Waiting(Waiting { query, client, transport, watched, held, _slot: slot, _seat: seat })
    }

    fn refuse(&self, query: Query, transport: Transport, watched: bool) -> Done {
        let refused = |query| Done {
            reply: Some(Reply::Code(query, Rcode::Refused, Some(Explanation::TooManyWaiting))),
            outcome: DnsOutcome::Refused(Reason::RateLimited),
        };
        self.stale_or(query, transport, watched, refused)
    }

    /// Asks the upstreams, once for all who ask the same. `cut` ends the wait when the daemon must go. With a stale answer
    /// at hand nobody waits for longer than people notice (RFC 8767 section 5); the upstreams are waited for all the same.
    pub(crate) async fn resolve(
        self: Arc<Self>,
        mut waiting: Waiting,
        tasks: &TaskTracker,
        cut: &CancellationToken,
    ) -> Done {
        if waiting.held
            && let Some(done) = self.release(&mut waiting).await
        {
            return done;
        }
        let Waiting { query, client, transport, watched, .. } = &waiting;
        let question = query.question();
        let work = || Arc::clone(&self).fetch(question.clone(), (Some(*client), query.manner.silent), cut.clone());
        let asking = self.flights.join(question.clone(), tasks, work);
        let stale = self.stale(&question, *watched);
        let longest = Duration::from_millis(self.config.stale_wait_ms);
        let answer = match stale {
            None => asking.await.unwrap_or(Err(Explanation::NoUpstream)),
            Some(_) => match timeout(longest, asking).await {
                Ok(Some(Ok(answer))) if answer.is_conclusive() || answer.is_bogus() => Ok(answer),
                Ok(Some(Err(Explanation::Crowded))) => Err(Explanation::Crowded),
                _ => Err(Explanation::NoUpstream),
            },
        };
        match (answer, stale) {
            (Ok(answer), _) => {
                self.relay_in_force(query, answer, Age::Seconds(0), *transport, DnsOutcome::Forwarded).await
            }
            (Err(why), Some(answer)) => {
                // Where nobody was asked, nobody failed.
                if why != Explanation::Crowded {
                    self.cache.lock().failed(&question, self.clock.now());
                }
                self.relay(query.clone(), answer, Age::Stale, *transport, DnsOutcome::Cached)
            }
            (Err(why), None) => failed_because(query.clone(), why),
        }
    }

    /// Judges a question anew that was held until what it is judged by was there; nothing if an upstream must be asked.
    async fn release(&self, waiting: &mut Waiting) -> Option<Done> {
        self.lists_looked_at(&waiting.query).await;
        let Waiting { query, client, transport, watched, .. } = waiting;
        let view = self.view().clone();
        query.manner = manner(query, *client, &self.config, &view);
        if let Decision::Local(local) = decide(query, &self.config, &view) {
            return Some(Done::local(query.clone(), local));
        }
        let Kept { answer, age, state } = self.cache.lock().get(&query.question(), self.clock.now())?;
        let age = match state {
            Freshness::Fresh | Freshness::Due => Age::Seconds(age),
            Freshness::Resting if self.may_be_stale(&answer, *watched) => Age::Stale,
            Freshness::Stale | Freshness::Resting => return None,
        };
        Some(self.relay_in_force(query, answer, age, *transport, DnsOutcome::Cached).await)
    }

    /// Passes an answer on once connections to its addresses are redirected, if it is one to be redirected; AI fails closed.
    async fn relay_in_force(
        &self,
        query: &Query,
        answer: Arc<Answer>,
        age: Age,
        transport: Transport,
        outcome: DnsOutcome,
    ) -> Done {
        let change = self.learn(query, &answer, &self.view());
        if self.learnt.in_force(change, IN_FORCE).await {
            return self.relay(query.clone(), answer, age, transport, outcome);
        }
        warn!(change, "an answer about AI is withheld: nobody has said that its addresses are redirected");
        let reply = Reply::Code(query.clone(), Rcode::ServFail, Some(Explanation::NotRedirected));
        Done { reply: Some(reply), outcome: DnsOutcome::Failed }
    }

    /// Asks for what will soon be over, without anybody waiting for it.
    pub(crate) fn prefetch(
        self: &Arc<Self>,
        question: Question,
        tasks: &TaskTracker,
        cut: &CancellationToken,
        runtime: &Handle,
    ) {
        let Ok(place) = Arc::clone(&self.prefetches).try_acquire_owned() else { return };
        // Nobody knows any more who asked first.
        let fetching = Arc::clone(self).fetch(question.clone(), (None, true), cut.clone());
        let work = || async move {
            let answer = fetching.await;
            drop(place);
            answer
        };
        self.flights.start(question, tasks, runtime, work);
    }

    /// An answer that is over, but better than none.
    fn stale(&self, question: &Question, watched: bool) -> Option<Arc<Answer>> {
        let kept = self.cache.lock().get(question, self.clock.now())?;
        let is_over = matches!(kept.state, Freshness::Stale | Freshness::Resting);
        (is_over && self.may_be_stale(&kept.answer, watched)).then_some(kept.answer)
    }

    /// Never a provider's, nor one that leads to a provider: the address must be the true one of now.
    pub(super) fn may_be_stale(&self, answer: &Answer, watched: bool) -> bool {
        let leads = || steered_target(&answer.targets(), &self.view.load().catalogue).is_some();
        !(watched || answer.may_lead_on() && leads())
    }

    fn stale_or(&self, query: Query, transport: Transport, watched: bool, other: impl FnOnce(Query) -> Done) -> Done {
        match self.stale(&query.question(), watched) {
            Some(answer) => self.relay(query, answer, Age::Stale, transport, DnsOutcome::Cached),
            None => other(query),
        }
    }

    /// Asks the upstreams on behalf of a client, which is `silent` where no log may name the question.
    pub(super) async fn fetch(
        self: Arc<Self>,
        question: Question,
        (client, silent): (Option<IpAddr>, bool),
        cut: CancellationToken,
    ) -> Result<Arc<Answer>, Explanation> {
        // On its own: each layer around it would hold its place twice, and many questions may be on their way.
        let asking = on_behalf(client, Box::pin(self.ask(&question, silent)));
        let result = cut.run_until_cancelled(asking).await.ok_or(Explanation::NoUpstream)?.map(Arc::new);
        let now = self.clock.now();
        self.failures.keep(&question, &result, now);
        let failed = || self.cache.lock().failed(&question, now);
        match &result {
            Ok(answer) if answer.is_conclusive() => self.cache.lock().put(&question, answer, now),
            // Forged or broken on purpose or not, it must not look like an upstream that is merely down.
            Ok(answer) if answer.is_bogus() => {}
            Ok(_) => failed(),
            // Nobody was asked, so that there is nothing to rest from.
            Err(ExchangeError::Busy) => debug!("no seat for a question to an upstream"),
            Err(error) => {
                debug!(%error, "no upstream answered");
                failed();
            }
        }
        result.map_err(|error| match error {
            ExchangeError::Busy => Explanation::Crowded,
            _ => Explanation::NoUpstream,
        })
    }

    async fn ask(&self, question: &Question, silent: bool) -> Result<Answer, ExchangeError> {
        let view = self.view.load_full();
        let answer = self.routes.ask(question, silent, &self.config, &view.identity).await?;
        if answer.security() == Security::Bogus {
            debug!("an answer does not fit its signatures and is withheld");
        }
        Ok(answer)
    }

    fn relay(&self, query: Query, answer: Arc<Answer>, age: Age, transport: Transport, outcome: DnsOutcome) -> Done {
        if let Some(local) = withheld(&query, &answer, &self.config, &self.view.load()) {
            return Done::local(query, local);
        }
        let outcome = if answer.is_withheld() { DnsOutcome::Special } else { outcome };
        let size = answer.message().len();
        let mut memory = None;
        if transport == Transport::Tcp && size > LARGE_FROM {
            let permits = u32::try_from(size).expect("a message is at most 64 KiB");
            match Arc::clone(&self.large).try_acquire_many_owned(permits) {
                Ok(permit) => memory = Some(permit),
                Err(_) => return failed(query),
            }
        }
        Done { reply: Some(Reply::Relayed { query, answer, age, _memory: memory }), outcome }
    }

    /// Gateway mode: remembers where a steered name leads, before the client knows. Returns the change that must be in force
    /// before it may; 0, which always is, where there is none.
    fn learn(&self, query: &Query, answer: &Answer, view: &View) -> u64 {
        let addresses = matches!(query.kind, kind::A | kind::AAAA) && self.config.mode == NetworkMode::Gateway;
        // A group that is not steered teaches nothing either: its own way stays free until others ask.
        let taught = addresses && query.manner.steered;
        let leads = || answer.may_lead_on() && steered_target(&answer.targets(), &view.catalogue).is_some();
        if !taught || !(steered_entry(query, &view.catalogue).is_some() || leads()) {
            return 0;
        }
        let change = self.learn_addresses(&query.name.text(), answer);
        // Without anybody who redirects there is nobody to wait for.
        if self.config.confirm_learnt { change } else { 0 }
    }

    pub(super) fn learn_addresses(&self, name: &str, answer: &Answer) -> u64 {
        let lifetime = Duration::from_secs(answer.lifetime().unwrap_or_default().into());
        self.learnt.add(Some(&name.to_ascii_lowercase()), &addresses(answer), lifetime, Instant::now())
    }
}

fn failed(query: Query) -> Done {
    failed_because(query, Explanation::NoUpstream)
}

fn crowded(query: Query) -> Done {
    failed_because(query, Explanation::Crowded)
}

fn failed_because(query: Query, why: Explanation) -> Done {
    let reply = Reply::Code(query, Rcode::ServFail, Some(why));
    Done { reply: Some(reply), outcome: DnsOutcome::Failed }
}
