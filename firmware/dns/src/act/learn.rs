use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

/// Gateway mode: the addresses that steered names resolved to lately, for nftables to redirect.
///
/// Time is monotonic here, unlike in the cache: were the wall clock set forward at boot, every address would expire at
/// once and AI traffic would go past.
pub(crate) struct Learnt {
    expiry: Mutex<HashMap<IpAddr, Instant>>,
    hold: Duration,
    most: usize,
    published: watch::Sender<Arc<BTreeSet<IpAddr>>>,
}

impl Learnt {
    pub(crate) fn new(hold: Duration, most: usize) -> Self {
        Self { expiry: Mutex::default(), hold, most, published: watch::channel(Arc::default()).0 }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.published.subscribe()
    }

    /// Remembers addresses that were just answered. When the set is full, the one that was answered longest ago makes
    /// room.
    pub(crate) fn add<'a>(&self, addresses: impl IntoIterator<Item = &'a IpAddr>, lifetime: Duration, now: Instant) {
        let mut expiry = self.expiry.lock();
        let until = now + lifetime.max(self.hold);
        let mut changed = false;
        for address in addresses {
            if let Some(known) = expiry.get_mut(address) {
                *known = until.max(*known);
                continue;
            }
            if expiry.len() >= self.most {
                let oldest = expiry.iter().min_by_key(|(_, until)| **until).map(|(address, _)| *address);
                oldest.map(|oldest| expiry.remove(&oldest));
            }
            expiry.insert(*address, until);
            changed = true;
        }
        if changed {
            self.publish(&expiry);
        }
    }

    /// Forgets what has expired.
    pub(crate) fn expire(&self, now: Instant) {
        let mut expiry = self.expiry.lock();
        let before = expiry.len();
        expiry.retain(|_, until| *until > now);
        if expiry.len() != before {
            self.publish(&expiry);
        }
    }

    fn publish(&self, expiry: &HashMap<IpAddr, Instant>) {
        self.published.send_replace(Arc::new(expiry.keys().copied().collect()));
    }

    pub(crate) fn len(&self) -> usize {
        self.expiry.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::Learnt;

    fn ip(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn holds_addresses_at_least_as_long_as_configured() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let learnt = Learnt::new(10 * second, 100);
        let seen = learnt.subscribe();
        learnt.add(&[ip(1), ip(2)], second, start);
        learnt.add(&[ip(2)], 30 * second, start);
        assert_eq!(seen.borrow().iter().copied().collect::<Vec<_>>(), [ip(1), ip(2)]);
        learnt.expire(start + 9 * second);
        assert_eq!(learnt.len(), 2);
        learnt.expire(start + 11 * second);
        assert_eq!(seen.borrow().iter().copied().collect::<Vec<_>>(), [ip(2)]);
        learnt.expire(start + 31 * second);
        assert!(seen.borrow().is_empty());
    }

    #[test]
    fn is_bounded_and_keeps_the_youngest() {
        let start = Instant::now();
        let learnt = Learnt::new(Duration::from_secs(10), 3);
        for last in 1..=5 {
            learnt.add(&[ip(last)], Duration::ZERO, start + Duration::from_secs(u64::from(last)));
        }
        assert_eq!(learnt.subscribe().borrow().iter().copied().collect::<Vec<_>>(), [ip(3), ip(4), ip(5)]);
    }

    #[test]
    fn tells_subscribers_only_of_changes() {
        let learnt = Learnt::new(Duration::from_secs(10), 3);
        let mut seen = learnt.subscribe();
        learnt.add(&[ip(1)], Duration::ZERO, Instant::now());
        assert!(seen.has_changed().unwrap());
        seen.mark_unchanged();
        learnt.add(&[ip(1)], Duration::ZERO, Instant::now());
        learnt.expire(Instant::now());
        assert!(!seen.has_changed().unwrap());
    }
}
