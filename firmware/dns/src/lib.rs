//! The resolver of the office: it answers, steers, forwards and caches, and every question ends in a record.
//!
//! ```text
//!              LAN clients                                  upstream resolvers
//!                  │ UDP, TCP                                       ▲
//!                  ▼                                                │
//!   accept ──► parse ──► decide ──┬─ special, own, steered ──► act ─┤ (only what is none of these
//!   sockets    question  who, what│                                 │  and not in the cache)
//!   and caps                      └─ everything else ──► cache ─────┘
//!                                                          │
//!                                            record ◄──────┴── the answer has left
//! ```
//!
//! In `dns` mode names of AI providers that the catalogue steers are answered with the puck's own address; in `gateway`
//! mode they resolve truly and their addresses are published for nftables, and the catalogue's names are resolved from
//! time to time even if no client asks. [`Upstreams`] is the way around our own view: the proxy resolves through it what
//! it dials.
//!
//! Each UDP socket has a thread of its own, which takes questions and sends answers many at a time. What it has answered
//! from the cache once it copies from then on, without reading the question further than its name; there may be a socket
//! for each core, among which the kernel shares the clients out.
//!
//! **Invariant:** every datagram and every TCP message ends in exactly one record: its own if it was steered, else that
//! of its client's minute. A journal that fails or stalls costs records, which are counted, and never an answer.
//!
//! **Invariant:** special, own, steered and cached answers wait for nothing: they are made between receiving and sending
//! on the socket's own thread. Only questions for an upstream become tasks, and those are capped, per client too.
//!
//! **Invariant:** in `dns` mode no answer about a steered name leads elsewhere, whatever the type or the spelling: no
//! CNAME, no address but ours, no HTTPS or SVCB record. Upstreams are asked for its MX and TXT records only, because mail
//! to such a domain must arrive.
//!
//! Upstreams are asked over UDP, TLS, HTTPS or QUIC, a second one beside the first when that is slower than usual. Answers are
//! checked against their zones' signatures; names that the office's own servers know are asked of those.
//!
//! **Invariant:** no answer of the internet's upstreams that leads inside reaches a client, nor one that does not fit its
//! signatures, unless the client checks for itself (CD), the zone is exempted, or every upstream strips signatures.
//!
//! **Invariant:** nothing is answered to clients outside the local subnets, and no answer over UDP exceeds 1232 bytes.

mod accept;

mod parse;

mod decide;

mod act;

mod record;

mod config;

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use gate_core::{Catalogue, Clock, Journal};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use accept::{BindError, Sockets, bind};
pub use act::{CacheFileError, ExplainError, Explained, LookupError, Timeouts, TrustError, UpstreamState, Upstreams};
pub use config::{
    Config, ConfigError, Dnssec, Forward, JournalQuestions, LEARN_ADDRESSES_CAP, NetworkMode, Protocol, Upstream,
    UpstreamError, Zone,
};
pub use decide::Identity;
pub use record::Counters;

#[doc(hidden)]
pub mod fuzz;

use act::Act;
use decide::View;
use record::{Counting, Recorder};

/// Why the resolver cannot be prepared.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// The resolver.
pub struct Dns {
    act: Arc<Act>,
    journal: Arc<dyn Journal>,
    counting: Arc<Counting>,
}

impl Dns {
    /// Checks the configuration and prepares everything; nothing runs before [`Dns::serve`].
    pub fn new(
        config: Config,
        catalogue: Arc<Catalogue>,
        identity: Identity,
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        config.check(&identity.addresses)?;
        let upstreams = Upstreams::configured(&config)?;
        let view = View { catalogue, identity, names: Arc::default(), blocked: Arc::default() };
        let act = Act::new(config, view, upstreams.asker(), clock)?;
        Ok(Self { act: Arc::new(act), journal, counting: Arc::default() })
    }

    /// Answers on sockets that the caller has bound (see [`bind`]) until `stop`; then drains. All tasks have ended when it
    /// returns, which is within 5 seconds of `stop`.
    pub async fn serve(&self, udp: Vec<UdpSocket>, tcp: Vec<TcpListener>, stop: CancellationToken) {
        let recorder = Recorder::start(Arc::clone(&self.journal), &self.act.config, Arc::clone(&self.counting));
        accept::serve(Arc::clone(&self.act), Arc::clone(&self.counting), recorder, (udp, tcp), stop).await;
    }

    /// Puts a new catalogue or new addresses of the puck in place, at once and for every question that follows.
    pub fn replace(&self, catalogue: Arc<Catalogue>, identity: Identity) {
        self.act.see(catalogue, identity);
    }

    /// The addresses of the network's routers, which no limit applies to: a router that forwards asks for everybody.
    pub fn see_routers(&self, routers: BTreeSet<IpAddr>) {
        self.act.see_routers(routers);
    }

    /// Gateway mode: the addresses that steered names lead to, published before the client gets them.
    pub fn destinations(&self) -> watch::Receiver<Arc<BTreeSet<IpAddr>>> {
        self.act.learnt.subscribe()
    }

    /// Gateway mode: takes over what an earlier process had learnt, as if it had just been answered: clients still use it.
    pub fn remember(&self, addresses: &BTreeSet<IpAddr>) {
        self.act.learnt.add(addresses, Duration::ZERO, Instant::now());
    }

    /// Writes what is in the cache, for [`Dns::load`] of the next process. Answers go on meanwhile. Returns how many answers
    /// were written.
    pub fn save(&self, to: &mut impl Write) -> io::Result<usize> {
        act::save(&self.act.cache, to)
    }

    /// Takes over what another process had in its cache and what still holds; the cache's own bounds hold as ever. A file
    /// that is damaged is read up to there. Returns how many answers were taken.
    pub fn load(&self, from: &mut impl Read) -> Result<usize, CacheFileError> {
        act::load(&self.act.cache, from, self.act.clock.now())
    }

    /// Answers one question as for a client, past the cache, and says what decided; [`Dns::serve`] need not run.
    pub async fn explain(&self, name: &str, kind: &str, client: IpAddr) -> Result<Explained, ExplainError> {
        self.act.explain(name, kind, client).await
    }

    /// How each upstream does, in the order of the configuration.
    pub fn upstreams(&self) -> Vec<UpstreamState> {
        self.act.upstreams()
    }

    /// What was done since the start and what is held now.
    pub fn counters(&self) -> Counters {
        let (entries, bytes) = self.act.cache.lock().size();
        Counters {
            cache_entries: entries as u64,
            cache_bytes: bytes as u64,
            in_flight: self.act.flights.len() as u64,
            learnt: self.act.learnt.len() as u64,
            ..self.counting.snapshot()
        }
    }
}
