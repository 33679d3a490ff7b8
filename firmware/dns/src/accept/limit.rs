//! How fast each client may ask. Per address, never per subnet: the neighbour of a broken device keeps its answers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::Door;
use crate::parse::Manner;

/// Clients whose speed is measured one by one; more share one measure. Addresses can be forged, memory cannot.
const CLIENTS: usize = 4096;
/// Clients that one thread remembers; then it looks them up again.
const KNOWN: usize = 1024;
/// A client may ask as much as in this time at once: what a page full of names, or a device that wakes up, needs.
const BURST: Duration = Duration::from_secs(2);
/// A client that is over its limit is told so once, and again only after this long: its own address may be forged.
const TELL: Duration = Duration::from_secs(10);

/// The measures of all clients, shared by all threads.
pub(super) struct Limits {
    clients: Mutex<HashMap<IpAddr, Arc<Measure>>>,
    /// For those for whom there is no room.
    others: Arc<Measure>,
    /// Nanoseconds that each question takes; 0: no limit.
    each: u64,
    start: Instant,
}

/// One client's leaky bucket, as the time at which it will be empty (the generic cell rate algorithm of ATM Forum's
/// Traffic Management 4.0). Nanoseconds since the start.
#[derive(Debug, Default)]
pub(super) struct Measure {
    empty: AtomicU64,
    told: AtomicU64,
}

/// Whether a question is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Welcome,
    /// Too fast, and it has not been told for a while.
    Tell,
    Drop,
}

impl Limits {
    pub(super) fn new(per_second: u32) -> Self {
        let each = 1_000_000_000_u64.checked_div(per_second.into()).unwrap_or(0);
        Self { clients: Mutex::default(), others: Arc::default(), each, start: Instant::now() }
    }

    /// Nanoseconds since the start, never 0.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn is_off(&self) -> bool {
        self.each == 0
    }

    /// The measure of a client.
    fn of(&self, client: IpAddr, now: u64) -> Arc<Measure> {
        let mut clients = self.clients.lock();
        if let Some(known) = clients.get(&client) {
            return Arc::clone(known);
        }
        if clients.len() >= CLIENTS {
            // One that is empty, and in nobody's hands, says nothing any more.
            clients.retain(|_, measure| measure.empty.load(Ordering::Relaxed) > now || Arc::strong_count(measure) > 1);
        }
        if clients.len() >= CLIENTS {
            return Arc::clone(&self.others);
        }
        Arc::clone(clients.entry(client).or_default())
    }

    /// One question more.
    pub(super) fn ask(&self, client: IpAddr) -> Pace {
        if self.is_off() {
            return Pace::Welcome;
        }
        let now = self.now();
        self.of(client, now).ask(now, self.each)
    }
}

impl Measure {
    /// One question more at `now`; each takes `each` nanoseconds.
    fn ask(&self, now: u64, each: u64) -> Pace {
        let most = now + BURST.as_nanos() as u64;
        let fits = |empty: u64| Some(empty.max(now) + each).filter(|empty| *empty <= most);
        if self.empty.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok() {
            return Pace::Welcome;
        }
        let told = self.told.load(Ordering::Relaxed);
        let is_news = told == 0 || now.saturating_sub(told) >= TELL.as_nanos() as u64;
        let mine = is_news && self.told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if mine { Pace::Tell } else { Pace::Drop }
    }
}

/// What one thread knows of the clients it hears from: whether they are ours, and their measures, without a lock.
#[derive(Default)]
pub(super) struct Clients {
    known: HashMap<IpAddr, Known>,
    generation: u64,
}

struct Known {
    local: bool,
    router: bool,
    /// Nothing for those without a limit.
    measure: Option<Arc<Measure>>,
    manner: Manner,
}

/// What becomes of a datagram before it is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Local(Pace, Manner),
    Stranger,
}

impl Clients {
    /// Forgets what was true in another state of the resolver.
    pub(super) fn enter(&mut self, generation: u64) {
        if self.generation != generation || self.known.len() > KNOWN {
            self.known.clear();
            self.generation = generation;
        }
    }

    /// One question more from `client` at `now`.
    pub(super) fn ask(&mut self, door: &Door, client: IpAddr, now: u64) -> Caller {
        let known = self.known.entry(client).or_insert_with(|| {
            let local = door.is_local(client);
            let router = local && door.act.is_router(client);
            let limited = local && !router && !door.limits.is_off();
            let measure = limited.then(|| door.limits.of(client, now));
            Known { local, router, measure, manner: door.act.view().groups.manner_of(client) }
        });
        if known.router {
            door.counting.router_asked();
        }
        match &known.measure {
            _ if !known.local => Caller::Stranger,
            Some(measure) => Caller::Local(measure.ask(now, door.limits.each), known.manner),
            None => Caller::Local(Pace::Welcome, known.manner),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};
    use std::sync::Arc;

    use super::{CLIENTS, Limits, Measure, Pace};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_burst_is_taken_then_the_rate_and_the_rest_is_told_once() {
        let (measure, each) = (Measure::default(), SECOND / 100);
        let at = |now| measure.ask(now, each);
        assert_eq!((0..200).filter(|_| at(1) == Pace::Welcome).count(), 200, "two seconds' worth at once");
        assert_eq!([at(1), at(1), at(2)], [Pace::Tell, Pace::Drop, Pace::Drop]);
        let taken = (1..=1000).filter(|step| at(step * SECOND / 1000) == Pace::Welcome).count();
        assert!((99..=100).contains(&taken), "in the second after it, a second's worth: {taken}");
        assert_eq!(at(11 * SECOND), Pace::Welcome);
        let more: Vec<_> = (0..300).map(|_| at(11 * SECOND)).collect();
        assert_eq!(more.iter().filter(|pace| **pace == Pace::Tell).count(), 1, "told again after ten seconds");
    }

    #[test]
    fn each_address_has_a_measure_and_forged_ones_share_the_last() {
        let limits = Limits::new(1);
        let client = |number: u128| IpAddr::from(Ipv6Addr::from(number));
        let first = limits.of(client(0), 1);
        for number in 1..2 * CLIENTS as u128 {
            limits.of(client(number), 1).ask(1, SECOND);
        }
        assert_eq!(limits.clients.lock().len(), CLIENTS);
        assert!(Arc::ptr_eq(&limits.of(client(1 << 90), 1), &limits.others));
        assert!(Arc::ptr_eq(&limits.of(client(0), 1), &first));
        assert!(!Arc::ptr_eq(&limits.of(client(1 << 90), 10 * SECOND), &limits.others), "idle ones make room");
        assert!(Arc::ptr_eq(&limits.of(client(0), 10 * SECOND), &first), "but not those that are in use");
    }

    #[test]
    fn no_limit_is_none() {
        let limits = Limits::new(0);
        assert!((0..100_000).all(|_| limits.ask(IpAddr::from([192, 0, 2, 1])) == Pace::Welcome));
        assert!(limits.clients.lock().is_empty());
    }
}
