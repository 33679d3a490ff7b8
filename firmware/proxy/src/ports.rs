use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gate_core::{Catalogue, Clock, HostName, Journal, Judge, OrigDst};
use gate_scrub::Scanner;
use ipnet::IpNet;
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio::net::TcpStream;

use crate::act::inspect::ValueHash;
use crate::decide::Passes;

/// What the proxy needs from the rest of the house; the daemon supplies all of it.
#[derive(Clone)]
pub struct Ports {
    pub resolve: Arc<dyn Resolve>,
    pub original: Arc<dyn OriginalDestination>,
    pub mint: Arc<dyn Mint>,
    pub journal: Arc<dyn Journal>,
    pub clock: Arc<dyn Clock>,
    /// Makes placeholders; the same after a restart, so that what was said under the old ones, and signed for by a provider,
    /// stays true.
    pub placeholder_key: ValueHash,
    /// Tells accounts at providers apart; the same after a restart, since policies name what it makes.
    pub account_key: ValueHash,
    /// Replaced by the daemon when policy, packs or the puck's own addresses change; read once per connection and
    /// once per request.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
}

/// Everything that may change while the proxy runs, as one immutable value.
#[derive(Clone)]
pub struct Snapshot {
    pub judge: Arc<dyn Judge>,
    pub catalogue: Arc<Catalogue>,
    pub scanner: Scanner,
    pub place: Place,
    pub passes: Arc<Passes>,
}

/// Where the puck stands in the network.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The puck's own names, such as `nanogate.lan`; they lead to the admin page.
    pub own_names: Vec<HostName>,
    /// The puck's own addresses on every interface.
    pub own_addresses: Vec<IpAddr>,
    /// Subnets whose clients are served. **Invariant:** an empty list serves nobody.
    pub local: Vec<IpNet>,
    /// The admin listener, which expects a PROXY protocol v1 line; `None`: there is no admin page to hand over to.
    pub admin: Option<SocketAddr>,
}

/// A boxed future, so that the traits here stay object-safe.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Resolves names at the real upstream resolvers, never through our own steered view.
pub trait Resolve: Send + Sync + 'static {
    /// Every address of the name, in the order of preference.
    fn resolve<'a>(&'a self, host: &'a HostName) -> Answer<'a, Result<Vec<IpAddr>, ResolveError>>;
}

/// Why a name has no address.
#[derive(Debug, Error)]
pub enum ResolveError {
    #[error("{0} has no address")]
    NoAddress(HostName),
    #[error("no upstream resolver answered for {host}: {what}")]
    Failed { host: HostName, what: String },
}

/// Tells where a redirected connection was meant to go.
pub trait OriginalDestination: Send + Sync + 'static {
    /// The destination before the kernel's redirect; a socket that was not redirected gives its own local address.
    fn of(&self, stream: &TcpStream) -> io::Result<OrigDst>;
}

/// Issues leaf certificates under the local certificate authority.
pub trait Mint: Send + Sync + 'static {
    /// Whether the authority may vouch for a name at all. A client can only be watched at one that it may not.
    fn may_vouch(&self, host: &HostName) -> bool;

    /// A leaf for this one name, valid for at most seven days. Every call mints a new one.
    fn leaf(&self, host: &HostName) -> Result<Arc<CertifiedKey>, MintError>;
}

/// Why no leaf certificate could be issued.
#[derive(Debug, Error)]
pub enum MintError {
    #[error("the local CA may not vouch for {0}")]
    NotPermitted(HostName),
    #[error("no certificate for {host}: {what}")]
    Failed { host: HostName, what: String },
}
