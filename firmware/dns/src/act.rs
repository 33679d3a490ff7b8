//! Answering: from what is known here, from the cache, or through an upstream.

mod answer;
mod cache;
mod circle;
mod dnssec;
mod doubt;
mod exchange;
mod explain;
mod failures;
mod fetch;
mod files;
mod flight;
mod learn;
mod lists;
mod lookup;
pub(crate) mod mdns;
mod ready;
mod refresh;
pub(crate) mod reply;
mod route;
mod seats;
mod seldom;
mod state;
mod upstream;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use gate_core::{Catalogue, Clock, DnsOutcome, Reason};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Group;
use crate::decide::{Local, Names, View};
use crate::parse::{Answer, Explanation, Query, Question, Rcode, Rejection};
use crate::{Config, Identity};

use circle::Circles;
use failures::Failures;
use fetch::Fetcher;
use files::Told;
use lists::Desk;
use mdns::Heard;
use route::Routes;

pub use cache::CacheFileError;
pub(crate) use cache::{Cache, Freshness, Kept, load, save};
pub(crate) use dnssec::take_apart;
pub use exchange::TrustError;
pub use explain::{CacheState, ExplainError, Explained, InCache};
pub(crate) use flight::Flights;
pub(crate) use learn::Learnt;
pub use learn::{Destinations, LEARN_NAMES_CAP};
pub(crate) use lookup::addresses;
pub use mdns::Flood;
pub(crate) use ready::{Ready, Sought};
pub(crate) use reply::{Age, PAYLOAD, Transport, is_truncated};
pub(crate) use seats::{Seat, Seats};
pub use state::{GroupState, KeyOrigin, KeyState, ListState};
pub(crate) use upstream::Asker;
pub use upstream::{Crowd, LookupError, Timeouts, UpstreamState, Upstreams};

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
    failures: Failures,
    pub(crate) flights: Flights<Question, Result<Arc<Answer>, Explanation>>,
    pub(crate) learnt: Learnt,
    routes: Routes,
    circles: Circles,
    desk: Desk,
    heard: Mutex<Heard>,
    told: Mutex<Told>,
    fetcher: Fetcher,
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
    client: IpAddr,
    transport: Transport,
    /// The name is a provider's: its answers are never older than they say.
    watched: bool,
    /// Its rules, or the redirection of its addresses, were not in force when it came.
    held: bool,
    _slot: OwnedSemaphorePermit,
    _seat: Option<Seat>,
}

impl Act {
    pub(crate) fn new(
        config: Config,
        view: View,
        asker: Arc<Asker>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, TrustError> {
        let routes = Routes::new(&config, asker)?;
        let (asker, trust) = routes.own();
        let act = Self {
            fetcher: Fetcher::new(asker, trust),
            circles: Circles::default(),
            routes,
            heard: Mutex::default(),
            told: Mutex::default(),
            desk: Desk::new(config.groups.clone()),
            view: ArcSwap::from_pointee(view),
            routers: ArcSwap::default(),
            generation: AtomicU64::new(0),
            cache: Mutex::new(Cache::new(&config)),
            failures: Failures::new(),
            flights: Flights::new(),
            learnt: Learnt::new(Duration::from_secs(config.learn_seconds.into()), config.learn_addresses),
            clock,
            large: Arc::new(Semaphore::new(LARGE_BYTES)),
            prefetches: Arc::new(Semaphore::new(PREFETCHES)),
            config,
        };
        act.judge_by_desk();
        Ok(act)
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

    /// Puts other groups in place, at once and also for what is in the cache. Their lists are read a moment later where they
    /// are new.
    pub(crate) fn see_groups(&self, groups: Vec<Group>) {
        self.routes.see_groups(&groups, &self.config);
        self.desk.see(groups);
        self.judge_by_desk();
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

    /// Now, in seconds since 1970.
    pub(crate) fn seconds(&self) -> u64 {
        self.clock.now().0 / 1_000_000
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

#[cfg(test)]
mod tests;
