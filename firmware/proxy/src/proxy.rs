use std::sync::Arc;
use std::time::Duration;

use gate_core::{Event, FallbackChange};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::{Listeners, Reception};
use crate::config::Config;
use crate::corridor::Door;
use crate::counters::CountersSnapshot;
use crate::fallback::Fallback;
use crate::ports::Ports;
use crate::shared::{ProxyError, Shared};
use crate::switch::Switch;

/// What a task gets, after the grace period, to reach its next await and write its record.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The proxy: made once, served once, asked for its counters by anyone.
#[derive(Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
}

impl Proxy {
    /// Checks the configuration and loads the trust anchors; opens nothing.
    pub fn new(config: Config, ports: Ports) -> Result<Self, ProxyError> {
        Shared::new(config, ports).map(|shared| Self { shared: Arc::new(shared) })
    }

    /// What was counted so far.
    pub fn counters(&self) -> CountersSnapshot {
        self.shared.counters.snapshot()
    }

    /// Turns the switch. When this returns no AI connection starts otherwise than it says, and those that a freeze cuts are
    /// on their way to their records.
    pub fn turn(&self, switch: Switch) {
        self.shared.switch.turn(switch);
    }

    /// Clients that are watched because they do not take our certificate, the newest first.
    pub fn fallbacks(&self) -> Vec<Fallback> {
        self.shared.fallbacks.list(self.shared.now())
    }

    /// Tells of every change of [`Self::fallbacks`] but their running out.
    pub fn fallback_changes(&self) -> watch::Receiver<u64> {
        self.shared.fallbacks.changes()
    }

    /// Lets stand again what stood before a restart. It was recorded when it began.
    pub fn restore_fallbacks(&self, kept: Vec<Fallback>) {
        self.shared.fallbacks.restore(kept, self.shared.now());
    }

    /// Has a client inspected again, at once: what was open by its fall-back is cut. Whether there was one of this name.
    pub fn revoke_fallback(&self, id: &str) -> bool {
        let Some(fallback) = self.shared.fallbacks.revoke(id) else { return false };
        // A failure is counted and logged by `append`; the revocation counts all the same.
        let _ = self.shared.append(&Event::Fallback(fallback.event(FallbackChange::Revoked)));
        true
    }

    /// Serves until `stop` is cancelled. Then nothing new is let in, open connections get `drain_seconds` to finish,
    /// and what is still open is cut. When this returns, every connection has its record.
    pub async fn serve(&self, listeners: Listeners, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let reception = Arc::new(Reception::new(Arc::clone(&self.shared), tasks.clone()));
        let Listeners { tls, http, explicit } = listeners;
        let doors = [(Door::Tls, tls), (Door::Http, http), (Door::Explicit, explicit)];
        for (door, listeners) in doors {
            for listener in listeners {
                tasks.spawn(Arc::clone(&reception).serve(door, listener));
            }
        }
        stop.cancelled().await;
        self.drain(&tasks).await;
    }

    async fn drain(&self, tasks: &TaskTracker) {
        self.shared.stopping.cancel();
        tasks.close();
        let grace = Duration::from_secs(self.shared.config.drain_seconds);
        if timeout(grace, tasks.wait()).await.is_ok() {
            return;
        }
        tracing::info!(open = self.shared.counters.snapshot().open, "the grace period is over");
        self.shared.closing.cancel();
        if timeout(LAST_WORDS, tasks.wait()).await.is_err() {
            tracing::error!(tasks = tasks.len(), "tasks did not end");
        }
    }
}
