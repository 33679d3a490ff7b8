//! The admin door: the page and the API through which people and programs look at the puck and tell it what to do.
//!
//! ```text
//!  office ──TLS──────────────────┐
//!                                ▼
//!  proxy ──PROXY line + TLS──▶ accept ─▶ parse ─▶ decide ─▶ act ─────▶ record
//!          (loopback only)     local?    JSON,    session,  claim,     one line for
//!                              caps      cookie   token,    tokens,    each command
//!                                                 throttle  inspect
//!                                                             ▲
//!  journals of all processes ──────── live ───────────────────┘  overview, records, events
//! ```
//!
//! HTTPS only, and only for the office's own subnets. The caller binds the sockets and brings the certificate; what
//! this room needs from others it names in [`Ports`].
//!
//! **Invariant:** every command (claim, sign-in, sign-out, token, download, inspection) ends in exactly one record; a
//! command whose record cannot be written is not answered as done.
//!
//! **Invariant:** an inspection that fails, is late or cannot be recorded is a `deny`.
//!
//! **Invariant:** no password, code, token or inspected text is in a log line, an error or the state file.
//!
//! **Invariant:** every table, queue, body, wait and number of connections is bounded by [`Config`] or a constant.

// The corridor, in its order.
mod accept;

mod parse;

mod decide;

mod act;

mod record;

// What its stations share.
mod app;
mod config;
mod live;
mod ports;
mod problem;
mod state;

use std::sync::Arc;

use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;

use crate::app::{App, AppPorts};

pub use accept::Listeners;
pub use config::{Config, ConfigError, Site};
pub use decide::{HashedPassword, HashedPasswordError};
pub use ports::{
    BlockListStatus, CaCertificate, CaInfo, Content, Direction, FallbackError, FallbackStatus, Fallbacks, Feed,
    FeedEntry, FeedError, InspectAnswer, InspectRequest, Inspector, PackStatus, PolicyError, PolicyText, PolicyView,
    Polled, Ports, ProcessStatus, Shortfalls, Status, StatusReport, Succession, UpstreamStatus,
};
pub use state::{Accounts, AccountsError, ClaimCode, FileError, PROXY_TOKENS, ProxyToken, Scope, Token, TokenSecret};

/// The admin door, ready to be opened.
pub struct Admin {
    app: Arc<App>,
    feed: Box<dyn Feed>,
}

impl Admin {
    /// Puts everything together; nothing runs before [`Self::serve`].
    pub fn new(config: Config, site: Site, accounts: Arc<Accounts>, ports: Ports) -> Result<Self, ConfigError> {
        config.check()?;
        let Ports { feed, inspector, status, policy, fallbacks, journal, clock, ca, succession, button } = ports;
        let ports = AppPorts { inspector, status, policy, fallbacks, journal, clock, ca, succession, button };
        Ok(Self { app: Arc::new(App::new(config, site, accounts, ports)), feed })
    }

    /// Serves until `stop`, then returns within five seconds with every task ended. `tls` brings the certificate; the
    /// protocols are set here.
    pub async fn serve(self, listeners: Listeners, tls: ServerConfig, stop: CancellationToken) {
        let Self { app, feed } = self;
        let router = act::router(&app);
        let sessions = Arc::clone(&app);
        let alive = move |key| sessions.sessions.lock().lives(key, sessions.now());
        let follower = Arc::clone(&app);
        let follow = async {
            follower.live.follow(feed, Arc::clone(&follower.clock), alive, stop.clone()).await;
        };
        tokio::join!(follow, accept::serve(app, router, listeners, tls, stop.clone()));
    }
}
