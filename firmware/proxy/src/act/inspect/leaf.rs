//! Leaf certificates, each minted once and kept ready together with the TLS configuration it serves.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gate_core::{HostName, UnixMicros};
use lru::LruCache;
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio::sync::OnceCell;

use crate::ports::{Mint, MintError};

/// A leaf lives at most 7 days; one is handed out for a single day, so that no connection ever meets one about to
/// expire. A clock that jumps, as a board without a battery's does at boot, also ends the day.
const FRESH_MICROS: u64 = 24 * 3600 * 1_000_000;

/// The protocol agreed with the server, which the client is given too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpn {
    /// The server chose none; HTTP/1.1 is meant.
    Absent,
    Http1,
    Http2,
}

/// Why there is no certificate to show.
#[derive(Debug, Error)]
pub(super) enum LeafError {
    #[error(transparent)]
    Mint(#[from] MintError),
    #[error("the minted certificate does not work: {0}")]
    Tls(#[from] rustls::Error),
    #[error("the task that minted the certificate died")]
    Task,
}

/// The cache: bounded, and one slot per name so that concurrent first hits wait for one mint.
pub(super) struct Leaves {
    slots: Mutex<LruCache<HostName, Slot>>,
    provider: Arc<CryptoProvider>,
}

#[derive(Clone)]
struct Slot {
    since: UnixMicros,
    leaf: Arc<OnceCell<Leaf>>,
}

/// One server configuration for each protocol, in the order of [`Alpn`].
#[derive(Clone)]
struct Leaf([Arc<ServerConfig>; 3]);

impl Alpn {
    /// The protocols a client offered that are read here, in its order.
    pub(super) fn offer(offered: &[Vec<u8>]) -> Vec<Vec<u8>> {
        offered.iter().filter(|name| Self::known(name).is_some()).cloned().collect()
    }

    /// What the server chose. **Invariant:** TLS admits only what was offered, so `None` is a fault of ours.
    pub(super) fn chosen(name: Option<&[u8]>) -> Option<Self> {
        name.map_or(Some(Self::Absent), Self::known)
    }

    fn known(name: &[u8]) -> Option<Self> {
        match name {
            b"h2" => Some(Self::Http2),
            b"http/1.1" => Some(Self::Http1),
            _ => None,
        }
    }

    /// The protocol that is spoken, agreed or assumed.
    pub(super) fn spoken(self) -> &'static str {
        self.as_str().unwrap_or("http/1.1")
    }

    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Http1 => Some("http/1.1"),
            Self::Http2 => Some("h2"),
        }
    }
}

impl Leaves {
    pub(super) fn new(cap: usize) -> Self {
        let cap = NonZeroUsize::new(cap).unwrap_or(NonZeroUsize::MIN);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        Self { slots: Mutex::new(LruCache::new(cap)), provider }
    }

    /// The configuration to meet a client with. Mints when there is no fresh leaf; concurrent callers share one mint.
    pub(super) async fn config(
        &self,
        mint: &Arc<dyn Mint>,
        host: &HostName,
        alpn: Alpn,
        now: UnixMicros,
    ) -> Result<Arc<ServerConfig>, LeafError> {
        let slot = self.slot(host, now);
        let leaf = slot.leaf.get_or_try_init(|| self.mint(Arc::clone(mint), host.clone())).await?;
        Ok(Arc::clone(&leaf.0[alpn as usize]))
    }

    fn slot(&self, host: &HostName, now: UnixMicros) -> Slot {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(host).filter(|slot| slot.is_fresh(now)) {
            return slot.clone();
        }
        let slot = Slot { since: now, leaf: Arc::default() };
        slots.put(host.clone(), slot.clone());
        slot
    }

    async fn mint(&self, mint: Arc<dyn Mint>, host: HostName) -> Result<Leaf, LeafError> {
        // Generating and signing take a good part of a millisecond on a small board.
        let key = tokio::task::spawn_blocking(move || mint.leaf(&host)).await.map_err(|_| LeafError::Task)??;
        let config = |alpn: Alpn| self.server_config(Arc::clone(&key), alpn);
        Ok(Leaf([config(Alpn::Absent)?, config(Alpn::Http1)?, config(Alpn::Http2)?]))
    }

    fn server_config(&self, key: Arc<CertifiedKey>, alpn: Alpn) -> Result<Arc<ServerConfig>, LeafError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(key)));
        config.alpn_protocols = alpn.as_str().map(|name| name.as_bytes().to_vec()).into_iter().collect();
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        // One ticket is enough for a client that reuses its connection; each costs a record in the first flight.
        config.send_tls13_tickets = 1;
        Ok(Arc::new(config))
    }
}

impl Slot {
    fn is_fresh(&self, now: UnixMicros) -> bool {
        now >= self.since && now.0 - self.since.0 < FRESH_MICROS
    }
}

/// The name was read and judged before TLS began, so there is only one certificate to show.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
