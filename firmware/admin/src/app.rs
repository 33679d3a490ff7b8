use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gate_core::{Clock, Journal, UnixMicros};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::config::{Config, Site};
use crate::decide::password::Passwords;
use crate::decide::sessions::Sessions;
use crate::decide::throttle::{Commands, Guesses};
use crate::live::Live;
use crate::ports::{CaInfo, Fallbacks, Inspector, PolicyView, Status, Succession};
use crate::state::Accounts;

/// What every handler shares.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) site: Site,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) passwords: Passwords,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) guesses: Mutex<Guesses>,
    pub(crate) commands: Mutex<Commands>,
    pub(crate) policy_changes: Mutex<()>,
    pub(crate) inspections: Arc<Semaphore>,
    pub(crate) live: Live,
    pub(crate) meters: Meters,
    pub(crate) inspector: Arc<dyn Inspector>,
    pub(crate) status: Arc<dyn Status>,
    pub(crate) policy: Arc<dyn PolicyView>,
    pub(crate) fallbacks: Arc<dyn Fallbacks>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ca: Arc<CaInfo>,
    pub(crate) succession: Arc<dyn Succession>,
    pub(crate) button: watch::Receiver<bool>,
}

/// What the admin process counts about itself, for `/metrics`.
#[derive(Debug, Default)]
pub(crate) struct Meters {
    /// Connections that never came to speak: not local, past a cap, or without a TLS handshake.
    pub(crate) refused_connections: Meter,
    /// Commands turned away by a rate limit before they were read.
    pub(crate) throttled_commands: Meter,
    /// Inspections that ended in `deny` because their time was up.
    pub(crate) late_inspections: Meter,
    pub(crate) requests: Meter,
    /// Records that the journal did not take.
    pub(crate) lost_records: Meter,
}

/// One number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Meter(AtomicU64);

impl Meter {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl App {
    pub(crate) fn new(config: Config, site: Site, accounts: Arc<Accounts>, ports: AppPorts) -> Self {
        Self {
            passwords: Passwords::new(),
            sessions: Mutex::new(Sessions::new(config.session_idle_seconds, config.max_sessions)),
            guesses: Mutex::new(Guesses::new(Instant::now())),
            commands: Mutex::new(Commands::new(config.commands_per_minute)),
            policy_changes: Mutex::default(),
            inspections: Arc::new(Semaphore::new(config.inspect_concurrency)),
            live: Live::new(&config),
            meters: Meters::default(),
            inspector: ports.inspector,
            status: ports.status,
            policy: ports.policy,
            fallbacks: ports.fallbacks,
            journal: ports.journal,
            clock: ports.clock,
            ca: ports.ca,
            succession: ports.succession,
            button: ports.button,
            config,
            site,
            accounts,
        }
    }

    pub(crate) fn now(&self) -> UnixMicros {
        self.clock.now()
    }
}

/// [`crate::Ports`] without the feed, which belongs to the task that follows it.
pub(crate) struct AppPorts {
    pub(crate) inspector: Arc<dyn Inspector>,
    pub(crate) status: Arc<dyn Status>,
    pub(crate) policy: Arc<dyn PolicyView>,
    pub(crate) fallbacks: Arc<dyn Fallbacks>,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ca: Arc<CaInfo>,
    pub(crate) succession: Arc<dyn Succession>,
    pub(crate) button: watch::Receiver<bool>,
}
