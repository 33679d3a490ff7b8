use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

/// Most names told beside the addresses, all together: some hundred are steered, and wildcards hold any number.
pub const LEARN_NAMES_CAP: usize = 2048;
/// Names told of one address.
const NAMES_OF_ONE: usize = 16;

/// Gateway mode: what steered names lead to, as it is handed to whoever redirects connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Destinations {
    /// Which life of the resolver this is of; a random number.
    pub life: u64,
    /// Grows with every change of the addresses in one life; 0: none was published yet.
    pub sequence: u64,
    /// The addresses that are redirected, and the steered names that were answered with each, as far as they are told.
    pub addresses: BTreeMap<IpAddr, BTreeSet<String>>,
}

/// Gateway mode: the addresses that steered names resolved to lately, for nftables to redirect.
///
/// Time is monotonic here, unlike in the cache: were the wall clock set forward at boot, every address would expire at
/// once and AI traffic would go past.
pub(crate) struct Learnt {
    known: Mutex<Known>,
    hold: Duration,
    most: usize,
    published: watch::Sender<Arc<Destinations>>,
    /// The last change of this life that is known to be in force.
    in_force: watch::Sender<u64>,
}

#[derive(Default)]
struct Known {
    addresses: HashMap<IpAddr, Address>,
    /// Names told, all together.
    names: usize,
    /// Which change of the addresses was the last.
    sequence: u64,
    /// A name came to an address that was known.
    named: bool,
}

struct Address {
    until: Instant,
    /// The change that brought it.
    since: u64,
    names: BTreeSet<String>,
}

impl Learnt {
    pub(crate) fn new(hold: Duration, most: usize) -> Self {
        // Without randomness two lives could be taken for one, which costs a fresh address a moment at most.
        let life = getrandom::u64().unwrap_or_default();
        let first = Arc::new(Destinations { life, ..Destinations::default() });
        let known = Mutex::default();
        Self { known, hold, most, published: watch::channel(first).0, in_force: watch::channel(0).0 }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Destinations>> {
        self.published.subscribe()
    }

    /// Remembers addresses that were just answered for a name. When the set is full, the one that was answered longest ago
    /// makes room. Returns the change with which all of them are published.
    pub(crate) fn add<'a>(
        &self,
        name: Option<&str>,
        addresses: impl IntoIterator<Item = &'a IpAddr>,
        lifetime: Duration,
        now: Instant,
    ) -> u64 {
        let mut known = self.known.lock();
        let (until, next) = (now + lifetime.max(self.hold), known.sequence + 1);
        let mut since = 0;
        for address in addresses {
            since = since.max(known.see(*address, until, self.most));
            if let Some(name) = name {
                known.name(*address, name);
            }
        }
        if since == next {
            self.publish(&mut known, next);
        }
        since
    }

    /// Takes over what an earlier process had learnt.
    pub(crate) fn remember(&self, earlier: &Destinations, now: Instant) {
        let mut known = self.known.lock();
        let (until, next) = (now + self.hold, known.sequence + 1);
        for (address, names) in &earlier.addresses {
            known.see(*address, until, self.most);
            names.iter().for_each(|name| known.name(*address, name));
        }
        self.publish(&mut known, next);
    }

    /// Forgets what has expired, and tells the names that were not told yet.
    pub(crate) fn expire(&self, now: Instant) {
        let mut known = self.known.lock();
        let before = known.addresses.len();
        let over: Vec<_> =
            known.addresses.iter().filter(|(_, one)| one.until <= now).map(|(address, _)| *address).collect();
        over.into_iter().for_each(|address| known.forget(address));
        if known.addresses.len() != before || known.named {
            let next = known.sequence + 1;
            self.publish(&mut known, next);
        }
    }

    fn publish(&self, known: &mut Known, sequence: u64) {
        (known.sequence, known.named) = (sequence, false);
        let addresses = known.addresses.iter().map(|(address, one)| (*address, one.names.clone())).collect();
        self.published.send_modify(|before| {
            *before = Arc::new(Destinations { life: before.life, sequence, addresses });
        });
    }

    /// Takes note that a change is in force, unless it is one of another life.
    pub(crate) fn confirm(&self, life: u64, sequence: u64) {
        if life == self.published.borrow().life {
            self.in_force.send_if_modified(|known| {
                let news = *known < sequence;
                *known = sequence.max(*known);
                news
            });
        }
    }

    /// Whether a change is known to be in force.
    pub(crate) fn is_in_force(&self, change: u64) -> bool {
        change <= *self.in_force.borrow()
    }

    /// Waits until it is, but not for ever.
    pub(crate) async fn in_force(&self, change: u64, longest: Duration) -> bool {
        let mut known = self.in_force.subscribe();
        matches!(timeout(longest, known.wait_for(|known| change <= *known)).await, Ok(Ok(_)))
    }

    pub(crate) fn len(&self) -> usize {
        self.known.lock().addresses.len()
    }
}

impl Known {
    /// Holds an address until then; the change that brought it.
    fn see(&mut self, address: IpAddr, until: Instant, most: usize) -> u64 {
        if let Some(known) = self.addresses.get_mut(&address) {
            known.until = until.max(known.until);
            return known.since;
        }
        if self.addresses.len() >= most {
            let oldest = self.addresses.iter().min_by_key(|(_, one)| one.until).map(|(address, _)| *address);
            oldest.into_iter().for_each(|oldest| self.forget(oldest));
        }
        let since = self.sequence + 1;
        self.addresses.insert(address, Address { until, since, names: BTreeSet::new() });
        since
    }

    /// Notes a name of an address, while there is room.
    fn name(&mut self, address: IpAddr, name: &str) {
        let Some(known) = self.addresses.get_mut(&address) else { return };
        if known.names.len() < NAMES_OF_ONE && self.names < LEARN_NAMES_CAP && !known.names.contains(name) {
            known.names.insert(name.into());
            self.names += 1;
            self.named = true;
        }
    }

    fn forget(&mut self, address: IpAddr) {
        if let Some(known) = self.addresses.remove(&address) {
            self.names -= known.names.len();
        }
    }
}

#[cfg(test)]
mod tests;
