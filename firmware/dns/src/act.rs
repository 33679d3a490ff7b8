//! Answering: from what is known here, from the cache, or through an upstream.

mod cache;
mod circle;
mod dnssec;
mod exchange;
mod explain;
mod files;
mod flight;
mod learn;
mod lookup;
mod ready;
mod refresh;
pub(crate) mod reply;
mod route;
mod seats;
mod upstream;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use gate_core::{Catalogue, Clock, DnsOutcome, Reason};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::debug;

use crate::decide::{Blocked, Local, Names, View, steered_entry, withheld};
use crate::parse::{Answer, Query, Question, Rcode, Rejection, Security, kind};
use crate::{Config, Identity, NetworkMode};

use circle::Circles;
use exchange::ExchangeError;
use route::{Full, Routes};

pub use cache::CacheFileError;
pub(crate) use cache::{Cache, Freshness, Kept, load, save};
pub use exchange::TrustError;
pub use explain::{ExplainError, Explained};
pub(crate) use flight::Flights;
pub(crate) use learn::Learnt;
pub(crate) use lookup::addresses;
pub(crate) use ready::Ready;
pub(crate) use reply::{Age, Explanation, PAYLOAD, Transport, is_truncated};
pub(crate) use seats::{Seat, Seats};
pub(crate) use upstream::Asker;
pub use upstream::{LookupError, Timeouts, UpstreamState, Upstreams};

/// Memory of large answers that wait for slow TCP clients, all together.
const LARGE_BYTES: usize = 4 << 20;
/// Names that are asked for again before anybody waits for them, at once: clients come first.
const PREFETCHES: usize = 64;
/// Answers up to here are not counted against it: the caps on waiting questions bound them.
const LARGE_FROM: usize = 4096;

/// Everything that answers; shared by all tasks.
pub(crate) struct Act {
    pub(crate) config: Config,
    view: ArcSwap<View>,
    routers: ArcSwap<BTreeSet<IpAddr>>,
    /// Counts the views: what was made in one is worth nothing in the next.
    generation: AtomicU64,
    pub(crate) cache: Mutex<Cache>,
    pub(crate) flights: Flights<Question, Option<Arc<Answer>>>,
    pub(crate) learnt: Learnt,
    routes: Routes,
    circles: Circles,
    pub(crate) clock: Arc<dyn Clock>,
    large: Arc<Semaphore>,
    prefetches: Arc<Semaphore>,
}

/// What is sent back, written out only when it is this client's turn, so that waiting costs little memory.
pub(crate) enum Reply {
    Rejection(Rejection),
    Code(Query, Rcode, Option<Explanation>),
    Local(Query, Local),
    Relayed { query: Query, answer: Arc<Answer>, age: Age, _memory: Option<OwnedSemaphorePermit> },
}

/// A reply, and what the record says of it.
pub(crate) struct Done {
    pub(crate) reply: Option<Reply>,
    pub(crate) outcome: DnsOutcome,
}

/// How far a question came without waiting.
pub(crate) enum Step {
    Done(Done),
    /// Done, and to be asked again before its answer ends.
    Due(Done, Question),
    Waiting(Waiting),
}

/// A question that waits for an upstream, with its places in the limits.
pub(crate) struct Waiting {
    query: Query,
    transport: Transport,
    /// The name is a provider's: its answers are never older than they say.
    watched: bool,
    _slot: OwnedSemaphorePermit,
    _seat: Seat,
}

impl Act {
    pub(crate) fn new(
        config: Config,
        view: View,
        asker: Arc<Asker>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TrustError> {
        Ok(Self {
            circles: Circles::default(),
            routes: Routes::new(&config, asker)?,
            view: ArcSwap::from_pointee(view),
            routers: ArcSwap::default(),
            generation: AtomicU64::new(0),
            cache: Mutex::new(Cache::new(&config)),
            flights: Flights::new(),
            learnt: Learnt::new(Duration::from_secs(config.learn_seconds.into()), config.learn_addresses),
            clock,
            large: Arc::new(Semaphore::new(LARGE_BYTES)),
            prefetches: Arc::new(Semaphore::new(PREFETCHES)),
            config,
        })
    }

    /// What everyone judges by now.
    pub(crate) fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// Puts another view in place.
    pub(crate) fn see(&self, catalogue: Arc<Catalogue>, identity: Identity) {
        self.change(|view| View { catalogue: Arc::clone(&catalogue), identity: identity.clone(), ..view.clone() });
    }

    /// Puts other names of hosts in place.
    pub(crate) fn see_names(&self, names: Names) {
        let names = Arc::new(names);
        self.change(|view| View { names: Arc::clone(&names), ..view.clone() });
    }

    /// Puts other block lists in place, at once and also for what is in the cache.
    pub(crate) fn see_blocked(&self, blocked: Blocked) {
        let blocked = Arc::new(blocked);
        self.change(|view| View { blocked: Arc::clone(&blocked), ..view.clone() });
    }

    fn change(&self, change: impl Fn(&View) -> View) {
        self.view.rcu(|view| change(view));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Puts the routers' addresses in place.
    pub(crate) fn see_routers(&self, routers: BTreeSet<IpAddr>) {
        if **self.routers.load() != routers {
            self.routers.store(Arc::new(routers));
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether a client is a router, which may ask for many.
    pub(crate) fn is_router(&self, client: IpAddr) -> bool {
        self.routers.load().contains(&client)
    }

    /// The number of the view in place.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// How each upstream does.
    pub(crate) fn upstreams(&self) -> Vec<UpstreamState> {
        self.routes.states()
    }

    /// Now, in seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.clock.now().0 / 1_000_000
    }

    /// How long copies of an answer may be given without looking whether it should be asked for again.
    pub(crate) fn copied_seconds(&self, answer: &Answer, age: u32) -> u32 {
        self.cache.lock().undue_seconds(answer).saturating_sub(age)
    }

    /// The kept answer, if there is one that is better than waiting for an upstream.
    pub(crate) fn cached(&self, query: &Query, transport: Transport, view: &View, watched: bool) -> Option<Step> {
        let question = query.question();
        let Kept { answer, age, state } = self.cache.lock().get(&question, self.clock.now())?;
        let age = match state {
            Freshness::Fresh | Freshness::Due => Age::Seconds(age),
            Freshness::Resting if !watched => Age::Stale,
            Freshness::Stale | Freshness::Resting => return None,
        };
        if age != Age::Stale {
            self.learn(query, &answer, view);
        }
        let done = self.relay(query.clone(), answer, age, transport, DnsOutcome::Cached);
        Some(if state == Freshness::Due { Step::Due(done, question) } else { Step::Done(done) })
    }

    /// Gives a question its place among those that wait, or says why there is none.
    pub(crate) fn admit(&self, query: Query, transport: Transport, client: IpAddr, watched: bool) -> Step {
        if self.circles.hears(&query.name) {
            let reply = Some(Reply::Code(query, Rcode::Refused, None));
            return Step::Done(Done { reply, outcome: DnsOutcome::Special });
        }
        let (slot, seat) = match self.routes.place(&query.name, client, &self.config) {
            Ok(place) => place,
            Err(Full::All) => return Step::Done(self.stale_or(query, transport, watched, failed)),
            Err(Full::Client) => return Step::Done(self.refuse(query, transport, watched)),
        };
        Step::Waiting(Waiting { query, transport, watched, _slot: slot, _seat: seat })
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
        waiting: Waiting,
        tasks: &TaskTracker,
        cut: &CancellationToken,
    ) -> Done {
        let Waiting { query, transport, watched, .. } = &waiting;
        let question = query.question();
        let work = || Arc::clone(&self).fetch(question.clone(), cut.clone());
        let asking = self.flights.join(question.clone(), tasks, work);
        let stale = self.stale(&question, *watched);
        let longest = Duration::from_millis(self.config.stale_wait_ms);
        let answer = match stale {
            None => asking.await.flatten(),
            Some(_) => timeout(longest, asking)
                .await
                .ok()
                .flatten()
                .flatten()
                .filter(|answer| answer.is_conclusive() || answer.is_bogus()),
        };
        match (answer, stale) {
            (Some(answer), _) => {
                self.learn(query, &answer, &self.view.load());
                self.relay(query.clone(), answer, Age::Seconds(0), *transport, DnsOutcome::Forwarded)
            }
            (None, Some(answer)) => {
                self.cache.lock().failed(&question, self.clock.now());
                self.relay(query.clone(), answer, Age::Stale, *transport, DnsOutcome::Cached)
            }
            (None, None) => failed(query.clone()),
        }
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
        let fetching = Arc::clone(self).fetch(question.clone(), cut.clone());
        let work = || async move {
            let answer = fetching.await;
            drop(place);
            answer
        };
        self.flights.start(question, tasks, runtime, work);
    }

    /// An answer that is over, but better than none; never a provider's, whose address must be the true one of now.
    fn stale(&self, question: &Question, watched: bool) -> Option<Arc<Answer>> {
        let kept = self.cache.lock().get(question, self.clock.now()).filter(|_| !watched)?;
        matches!(kept.state, Freshness::Stale | Freshness::Resting).then_some(kept.answer)
    }

    fn stale_or(&self, query: Query, transport: Transport, watched: bool, other: impl FnOnce(Query) -> Done) -> Done {
        match self.stale(&query.question(), watched) {
            Some(answer) => self.relay(query, answer, Age::Stale, transport, DnsOutcome::Cached),
            None => other(query),
        }
    }

    async fn fetch(self: Arc<Self>, question: Question, cut: CancellationToken) -> Option<Arc<Answer>> {
        match cut.run_until_cancelled(self.ask(&question)).await? {
            Ok(answer) if answer.is_conclusive() => {
                self.cache.lock().put(&question, &answer, self.clock.now());
                Some(Arc::new(answer))
            }
            // Forged or broken on purpose or not, it must not look like an upstream that is merely down.
            Ok(answer) if answer.is_bogus() => Some(Arc::new(answer)),
            Ok(answer) => {
                self.cache.lock().failed(&question, self.clock.now());
                Some(Arc::new(answer))
            }
            Err(error) => {
                debug!(%error, "no upstream answered");
                self.cache.lock().failed(&question, self.clock.now());
                None
            }
        }
    }

    async fn ask(&self, question: &Question) -> Result<Answer, ExchangeError> {
        let answer = self.routes.ask(question, &self.config).await?;
        if answer.security() == Security::Bogus {
            debug!("an answer does not fit its signatures and is withheld");
        }
        Ok(answer)
    }

    fn relay(&self, query: Query, answer: Arc<Answer>, age: Age, transport: Transport, outcome: DnsOutcome) -> Done {
        if let Some(local) = withheld(&query, &answer, &self.config, &self.view.load()) {
            return Done::local(query, local);
        }
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

    /// Gateway mode: remembers where a steered name leads, before the client knows.
    fn learn(&self, query: &Query, answer: &Answer, view: &View) {
        let addresses = matches!(query.kind, kind::A | kind::AAAA) && self.config.mode == NetworkMode::Gateway;
        if addresses && steered_entry(query, &view.catalogue).is_some() {
            self.learn_addresses(answer);
        }
    }

    fn learn_addresses(&self, answer: &Answer) {
        let lifetime = Duration::from_secs(answer.lifetime().unwrap_or_default().into());
        self.learnt.add(&addresses(answer), lifetime, Instant::now());
    }

    /// Writes a reply out.
    pub(crate) fn render(&self, reply: &Reply, transport: Transport) -> Vec<u8> {
        match reply {
            Reply::Rejection(rejection) => reply::rejection(rejection),
            Reply::Code(query, rcode, why) => reply::code(query, *rcode, *why),
            Reply::Local(query, local) => reply::local(query, local, self.config.steer_ttl_seconds, transport),
            Reply::Relayed { query, answer, age, .. } => {
                reply::relayed(query, answer, *age, self.config.cache_seconds, transport)
            }
        }
    }
}

impl Done {
    pub(crate) fn local(query: Query, local: Local) -> Self {
        Self { outcome: local.outcome.clone(), reply: Some(Reply::Local(query, local)) }
    }

    pub(crate) fn refused(reply: Option<Rejection>, reason: Reason) -> Self {
        Self { reply: reply.map(Reply::Rejection), outcome: DnsOutcome::Refused(reason) }
    }

    /// The response code, unless nothing is sent.
    pub(crate) fn rcode(&self) -> Option<u8> {
        Some(match self.reply.as_ref()? {
            Reply::Rejection(rejection) => rejection.rcode as u8,
            Reply::Code(_, rcode, _) => *rcode as u8,
            Reply::Local(_, local) => local.rcode as u8,
            Reply::Relayed { answer, .. } => answer.rcode(),
        })
    }
}

fn failed(query: Query) -> Done {
    let reply = Reply::Code(query, Rcode::ServFail, Some(Explanation::NoUpstream));
    Done { reply: Some(reply), outcome: DnsOutcome::Failed }
}

#[cfg(test)]
mod tests;
