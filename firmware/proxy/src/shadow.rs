//! AI that no list knows, where something of it can be seen: its name where a connection is only passed on, and requests that
//! go in the clear. Nothing is refused for that; it is told of.

use std::net::IpAddr;
use std::num::NonZeroUsize;

use gate_core::{Event, HostName, ShadowEvent, ShadowSign, UnixMicros};
use lru::LruCache;
use parking_lot::Mutex;

use crate::shared::Shared;

/// Clients with names that are remembered; what is beyond is told of again.
const REMEMBERED: usize = 1024;

/// How long the same is not told again.
const QUIET_MICROS: u64 = 3600 * 1_000_000;

/// Who was told of, with what, and when.
pub(crate) struct Shadows(Mutex<LruCache<(IpAddr, HostName, bool), UnixMicros>>);

impl Default for Shadows {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(REMEMBERED).expect("the cap is above zero"))))
    }
}

impl Shadows {
    /// Whether it is time to tell of this, which counts as told then.
    fn is_due(&self, client: IpAddr, host: &HostName, by: ShadowSign, now: UnixMicros) -> bool {
        let key = (client, host.clone(), by == ShadowSign::Request);
        let mut told = self.0.lock();
        // A clock that was set back must not keep anything quiet for years.
        let recent = |at: &UnixMicros| at.0 <= now.0 && now.0 - at.0 < QUIET_MICROS;
        if told.get(&key).is_some_and(recent) {
            return false;
        }
        told.put(key, now);
        true
    }
}

/// Tells of a client that talks to a name like that, unless it was told of lately.
pub(crate) fn tell(shared: &Shared, connection: u64, client: IpAddr, host: &HostName, by: ShadowSign) {
    let client = client.to_canonical();
    if !shared.shadows.is_due(client, host, by, shared.now()) {
        return;
    }
    let event = ShadowEvent { connection, client, host: host.as_str().to_owned(), by };
    // A failure is counted and logged by `append`; what is not AI for sure goes on.
    let _ = shared.append(&Event::Shadow(event));
}

#[cfg(test)]
mod tests {
    use gate_core::{HostName, ShadowSign, UnixMicros};

    use super::{QUIET_MICROS, Shadows};

    #[test]
    fn the_same_is_told_once_an_hour() {
        let shadows = Shadows::default();
        let (client, host) = ("192.0.2.10".parse().unwrap(), HostName::parse(b"api.x.ai").unwrap());
        let due = |by, at| shadows.is_due(client, &host, by, UnixMicros(at));
        assert!(due(ShadowSign::Name, 10) && !due(ShadowSign::Name, QUIET_MICROS));
        assert!(due(ShadowSign::Request, 11), "a request says more than a name");
        assert!(due(ShadowSign::Name, 10 + QUIET_MICROS));
        assert!(due(ShadowSign::Name, 5), "the clock was set back");
    }
}
