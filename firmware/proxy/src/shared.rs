use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gate_core::{Event, HostName, JournalError, Position, Reason, UnixMicros};
use tokio_util::sync::CancellationToken;

use crate::accept::clients::Clients;
use crate::act::inspect;
use crate::act::splice::Pipes;
use crate::act::veil::Veil;
use crate::config::{Config, ConfigError};
use crate::counters::Counters;
use crate::fallback::Fallbacks;
use crate::ports::{Ports, Snapshot};
use crate::shadow::Shadows;
use crate::switch::{self, Switch, Switchboard};
use crate::trust::{self, TrustError};

/// What every connection task holds: one per proxy, behind an `Arc`.
pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) ports: Ports,
    pub(crate) counters: Counters,
    /// Clients that are watched because they do not take our certificate.
    pub(crate) fallbacks: Fallbacks,
    /// The global budget for buffered bodies, and each client's share of it.
    pub(crate) bodies: inspect::Budget,
    /// Verifies providers. The inspect path clones it to set ALPN; clones share the resumption store.
    pub(crate) upstream_tls: Arc<rustls::ClientConfig>,
    /// `ech_public_names` of the configuration, parsed.
    pub(crate) ech_public_names: Vec<HostName>,
    /// Kernel pipes between two uses.
    pub(crate) pipes: Pipes,
    /// What all connections to the proxy by TLS share.
    pub(crate) veil: Veil,
    /// Open tunnels of clients that have proven a name.
    pub(crate) tunnels: Arc<Clients<Arc<str>>>,
    /// What looks like AI and was told of.
    pub(crate) shadows: Shadows,
    /// What all inspected connections share.
    pub(crate) inspect: inspect::State,
    /// Cancelled first: finish what is open, start nothing new.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when the grace period is over: every task ends at its next await.
    pub(crate) closing: CancellationToken,
    /// What stands above the policy.
    pub(crate) switch: Switchboard,
    /// The last append failed, or none can be made: AI traffic fails closed until one succeeds.
    journal_broken: AtomicBool,
}

impl Shared {
    pub(crate) fn new(config: Config, ports: Ports) -> Result<Self, ProxyError> {
        config.validate()?;
        let upstream_tls = trust::upstream(config.extra_roots.as_deref())?;
        Ok(Self {
            bodies: inspect::Budget::new(config.body_budget_bytes),
            upstream_tls,
            ech_public_names: config.ech_names()?,
            pipes: Pipes::default(),
            veil: Veil::new(config.client_roots.as_deref())?,
            tunnels: Arc::new(Clients::new(config.max_tunnels_per_name)),
            inspect: inspect::State::new(&config, &ports),
            counters: Counters::default(),
            shadows: Shadows::default(),
            fallbacks: Fallbacks::new(),
            stopping: CancellationToken::new(),
            closing: CancellationToken::new(),
            switch: Switchboard::default(),
            // A journal that cannot be opened would let the first connections pass, which end in its records.
            journal_broken: AtomicBool::new(!ports.journal.is_open()),
            config,
            ports,
        })
    }

    /// The snapshot to judge by now.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.ports.snapshot.load_full()
    }

    /// The time for policy and the journal.
    pub(crate) fn now(&self) -> UnixMicros {
        self.ports.clock.now()
    }

    /// Appends a record, and remembers whether the journal takes records.
    pub(crate) fn append(&self, event: &Event) -> Result<Position, JournalError> {
        let result = self.ports.journal.append(event);
        match &result {
            Ok(_) => self.journal_broken.store(false, Ordering::Relaxed),
            Err(error) => {
                self.journal_broken.store(true, Ordering::Relaxed);
                self.counters.journal_failures.add(1);
                tracing::error!(%error, "a record was not taken; AI traffic is refused until one is");
            }
        }
        result
    }

    /// Why open connections are being cut, if they are.
    pub(crate) fn cutting(&self) -> Option<Reason> {
        let frozen = || (self.switch.stands() == Switch::Frozen).then(switch::freeze);
        self.closing.is_cancelled().then_some(Reason::Shutdown).or_else(frozen)
    }

    /// Whether records are not taken. Nothing may be let through that could not be recorded.
    pub(crate) fn journal_broken(&self) -> bool {
        self.journal_broken.load(Ordering::Relaxed)
    }
}

/// Why the proxy cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Trust(#[from] TrustError),
}
