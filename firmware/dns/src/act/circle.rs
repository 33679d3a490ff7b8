//! Finding out whether an upstream asks us: the puck's own lease may name the puck as its resolver, or the router forwards
//! back what it is asked. Each question would then go round until it is too old.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Act, UpstreamState};
use crate::config::Zone;
use crate::parse::Name;

const EXAMPLE: &[u8] = b"\x07example\x00";

/// Names that nobody else asks for, one for each upstream that is being tried, and whether they came back.
#[derive(Default)]
pub(crate) struct Circles {
    armed: Mutex<HashMap<Box<[u8]>, bool>>,
}

impl Circles {
    /// A name to ask an upstream for: inside the zone that it is asked about, and for the root below `example` (RFC 2606),
    /// which resolvers pass on like any other.
    pub(super) fn arm(&self, zone: &Zone) -> Option<Name> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).ok()?;
        let mut label = String::from("nanogate-circle-");
        for byte in random {
            write!(label, "{byte:02x}").ok()?;
        }
        let zone = if zone.is_root() { EXAMPLE } else { zone.wire() };
        let length = u8::try_from(label.len()).expect("a short label");
        // Below a very long zone there is no room for it.
        let name = Name::read(&[&[length], label.as_bytes(), zone].concat())?;
        self.armed.lock().insert(name.folded().into(), false);
        Some(name)
    }

    /// Whether the name came back.
    pub(super) fn disarm(&self, name: &Name) -> bool {
        self.armed.lock().remove(name.folded()).unwrap_or(false)
    }

    /// Whether a client asks for such a name, which is then known to have come back.
    pub(crate) fn hears(&self, name: &Name) -> bool {
        self.armed.lock().get_mut(name.folded()).is_some_and(|heard| {
            *heard = true;
            true
        })
    }
}

impl Act {
    /// Tries every upstream now and then, until `stop`.
    pub(crate) async fn look_for_circles(self: Arc<Self>, stop: CancellationToken) {
        if self.config.probe_seconds == 0 {
            return;
        }
        let mut ticks = interval(Duration::from_secs(self.config.probe_seconds.into()));
        let mut blocked = false;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            if stop.run_until_cancelled(self.routes.look_for_circles(&self.circles)).await.is_none() {
                return;
            }
            let now = UpstreamState::is_port_53_blocked(&self.routes.states(0));
            if now != blocked {
                warn!(
                    blocked = now,
                    "plain DNS is silent everywhere while encrypted upstreams answer: is port 53 blocked?"
                );
                blocked = now;
            }
        }
    }
}
