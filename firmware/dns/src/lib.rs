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
//! mode they resolve truly and their addresses are published for nftables, which a client's answer waits for, and the
//! catalogue's names are resolved from time to time even if no client asks. [`Upstreams`] is the way around our own
//! view: the proxy resolves through it what it dials.
//!
//! Each UDP socket has a thread of its own, which takes questions and sends answers many at a time. What it has answered
//! from the cache once it copies from then on, without reading the question further than its name; there may be a socket
//! for each core, among which the kernel shares the clients out.
//!
//! **Invariant:** every datagram and every TCP message ends in exactly one record: its own if it was steered for the first
//! time in its minute, else that of its client's minute. A journal that fails or stalls costs records, which are counted, and
//! never an answer.
//!
//! **Invariant:** special, own, steered and cached answers wait for nothing: they are made between receiving and sending
//! on the socket's own thread. Only questions for an upstream become tasks, and those that are held for a moment because a
//! block list is being read or the kernel does not redirect an address yet; all are capped, per client too.
//!
//! **Invariant:** in `dns` mode no answer about a steered name leads elsewhere, whatever the type or the spelling: no
//! CNAME, no address but ours, no HTTPS or SVCB record; nor does one about another name that leads to a steered one.
//! Upstreams are asked for its MX and TXT records only, because mail to such a domain must arrive.
//!
//! Upstreams are asked over UDP, TLS, HTTPS or QUIC, a second one beside the first when that is slower than usual. Answers are
//! checked against their zones' signatures; names that the office's own servers know are asked of those.
//!
//! **Invariant:** no answer of the internet's upstreams that leads inside reaches a client, nor one that does not fit its
//! signatures, unless the client checks for itself (CD), the zone is exempted, or every upstream strips signatures.
//!
//! Names are asked for whole: this resolver forwards, and hiding labels from a server that is to find the answer would hide the
//! question. QNAME minimisation (RFC 9156) is for those who walk down from the root, here the upstreams; DNS over TLS, HTTPS and
//! QUIC hide the whole question from everybody between, and forwarded zones never leave the office.
//!
//! Groups of clients may have upstreams, block lists, steering and silence of their own. What holds for a client is looked up
//! above the cache: a change is in force for the next question, and an answer of one group's upstreams never reaches another.
//! Names that lead around this resolver, canaries, and devices that never ask are told of their device beside its questions.
//! Names of public resolvers that take encrypted questions are withheld where the owner wants that, also behind an alias; the
//! first of its minute has a record of its own. The office's own zones and what the puck itself asks are not concerned.
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
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gate_core::{Catalogue, Clock, Journal, ZoneKey};
use parking_lot::Mutex;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use accept::{BindError, Sockets, bind, bind_mdns};
pub use act::{
    CacheFileError, CacheState, Crowd, Destinations, ExplainError, Explained, Flood, GroupState, InCache, KeyOrigin,
    KeyState, LEARN_NAMES_CAP, ListState, LookupError, Timeouts, TrustError, UpstreamState, Upstreams,
};
pub use config::{
    Config, ConfigError, Dnssec, EncryptedDns, Forward, Group, JournalQuestions, KeyError, LEARN_ADDRESSES_CAP, List,
    ListUrl, Net, NetworkMode, Protocol, Upstream, UpstreamError, Zone, check_keys, is_too_wide,
};
pub use decide::Identity;
pub use record::{Counters, Hardware};

#[doc(hidden)]
pub mod fuzz;

use act::Act;
use decide::View;
use record::{Counting, Devices, Recorder};

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
    devices: Arc<Mutex<Devices>>,
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
        let view = View { catalogue, identity, names: Arc::default(), groups: Arc::default() };
        let act = Act::new(config, view, upstreams.asker(), clock)?;
        let silence = Duration::from_secs(act.config.never_asks_seconds.into());
        let devices = Arc::new(Mutex::new(Devices::new(silence)));
        Ok(Self { act: Arc::new(act), journal, counting: Arc::default(), devices })
    }

    /// Answers on sockets that the caller has bound (see [`bind`]) until `stop`; then drains. All tasks have ended when it
    /// returns, which is within 5 seconds of `stop`.
    pub async fn serve(&self, udp: Vec<UdpSocket>, tcp: Vec<TcpListener>, stop: CancellationToken) {
        let counters = (Arc::clone(&self.counting), Arc::clone(&self.devices));
        let recorder = Recorder::start(Arc::clone(&self.journal), &self.act.config, counters);
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

    /// Puts other groups of clients in place, at once and for every question that follows.
    pub fn see_groups(&self, groups: Vec<Group>) {
        self.act.see_groups(groups);
    }

    /// Trusts other keys of zones from the next question on, unless the settings name some; `from` says whose they are. What
    /// is in the cache stays there: it was checked when it came.
    pub fn see_keys(&self, from: &str, keys: &[ZoneKey]) -> Result<(), KeyError> {
        self.act.see_keys(from, keys)
    }

    /// The keys that DNSSEC starts from.
    pub fn keys(&self) -> KeyState {
        self.act.keys()
    }

    /// Who is on the wire, whether or not it asks; call it from time to time.
    pub fn see_wire(&self, seen: &[(Hardware, IpAddr)]) {
        self.devices.lock().see(seen, Instant::now());
    }

    /// Hears which names hosts give themselves on sockets from [`bind_mdns`], until `stop`.
    pub async fn listen_mdns(&self, sockets: Vec<tokio::net::UdpSocket>, stop: CancellationToken) {
        let spoke = |client| self.see_wire(&[(Hardware::Unknown(client), client)]);
        act::mdns::listen(Arc::clone(&self.act), sockets, spoke, stop).await;
    }

    /// Addresses of devices of which it matters whether they are still there: the kernel's table remembers those that left
    /// until somebody sends them something.
    pub fn quiet_devices(&self) -> Vec<IpAddr> {
        self.devices.lock().quiet(Instant::now())
    }

    /// Devices that are on the wire and never ask, as far as that can be told by now.
    pub fn silent_devices(&self) -> Vec<IpAddr> {
        self.devices.lock().silent()
    }

    /// Gateway mode: the addresses that steered names lead to with those names, published before the client gets them.
    pub fn destinations(&self) -> watch::Receiver<Arc<Destinations>> {
        self.act.learnt.subscribe()
    }

    /// Gateway mode: says that connections to the addresses of a set from [`Dns::destinations`], known by its life and its
    /// sequence, are redirected; so are those of all sets before it. With
    /// [`confirm_learnt`](Config::confirm_learnt) clients get new addresses after that.
    pub fn confirm(&self, life: u64, sequence: u64) {
        self.act.learnt.confirm(life, sequence);
    }

    /// Gateway mode: takes over what an earlier process had learnt, as if it had just been answered: clients still use it.
    pub fn remember(&self, earlier: &Destinations) {
        self.act.learnt.remember(earlier, Instant::now());
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

    /// Reads the files that names and lists come from, as [`Dns::serve`] does by itself: for [`Dns::explain`] without it.
    pub async fn read_files(&self) {
        self.act.read_all().await;
    }

    /// Answers one question, a name and a type of record, as for a client and says what decided. What is in the cache counts
    /// unless the answer is to be `fresh`.
    pub async fn explain(
        &self,
        question: (&str, &str),
        client: IpAddr,
        fresh: bool,
    ) -> Result<Explained, ExplainError> {
        self.act.explain(question, client, fresh).await
    }

    /// How each upstream does, in the order of the configuration.
    pub fn upstreams(&self) -> Vec<UpstreamState> {
        self.act.upstreams()
    }

    /// How each server of the office's zones does, in the order of the configuration.
    pub fn forwards(&self) -> Vec<UpstreamState> {
        self.act.forwards()
    }

    /// Whether more was asked in the last minute than upstreams may be asked at once, and who asked most of it.
    pub fn crowd(&self) -> Option<Crowd> {
        self.act.crowd()
    }

    /// Whether questions found no place to wait for an upstream in the last minute, and who had most that waited.
    pub fn shortage(&self) -> Option<Crowd> {
        self.act.shortage()
    }

    /// Whether hosts that named themselves by multicast DNS were left out lately.
    pub fn flood(&self) -> Option<Flood> {
        self.act.flood()
    }

    /// Every group of clients, in the order in which they are looked through.
    pub fn groups(&self) -> Vec<GroupState> {
        self.act.groups()
    }

    /// Every block list that somebody is answered by.
    pub fn lists(&self) -> Vec<ListState> {
        self.act.list_states()
    }

    /// Files that should name hosts of the office and cannot be read, and why.
    pub fn file_faults(&self) -> Vec<(PathBuf, String)> {
        self.act.file_faults()
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
