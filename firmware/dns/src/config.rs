mod dnssec;
mod forward;
mod upstream;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use gate_core::HostName;
use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

use crate::accept::SOCKETS_MAX;
pub(crate) use dnssec::Anchors;
pub use dnssec::Dnssec;
pub(crate) use forward::forward_of;
pub use forward::{Forward, Zone};
pub use upstream::{Protocol, Upstream, UpstreamError};

/// Most addresses that can be learnt: what the kernel's rule set takes in one transaction. Were more allowed, some that
/// are learnt would not be redirected.
pub const LEARN_ADDRESSES_CAP: usize = 8192;
/// A day: what has been over for longer is more likely wrong than useful (RFC 8767 section 5 suggests one to three).
const STALE_SECONDS_MAX: u32 = 86_400;

/// Quad9, plain and, where port 53 is blocked, encrypted.
const DEFAULT_UPSTREAMS: [&str; 4] =
    ["9.9.9.9", "149.112.112.112", "tls://9.9.9.9#dns.quad9.net", "https://9.9.9.9/dns-query#dns.quad9.net"];

/// The `[dns]` table of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How the puck stands in the network. Not a key of this table: the daemon sets it from its own `mode`.
    #[serde(skip)]
    pub mode: NetworkMode,
    /// Addresses and ports listened on, UDP and TCP alike. With more than one address in a subnet name them one by one,
    /// so that answers leave from the address that was asked. Default: `["0.0.0.0:53", "[::]:53"]`.
    pub listen: Vec<SocketAddr>,
    /// UDP sockets for each address, each with a thread of its own; 0: one for each core, at most 4. Default: 0.
    pub threads: usize,
    /// Resolvers that everything else is forwarded to, in order of preference: `ip`, `ip:port`, or `tls://`, `https://` or
    /// `quic://` before them and the name of the certificate behind a `#`. Those that work are asked first, so the
    /// encrypted ones at the end take over where port 53 is blocked.
    /// Default: `["9.9.9.9", "149.112.112.112", "tls://9.9.9.9#dns.quad9.net", "https://9.9.9.9/dns-query#dns.quad9.net"]`.
    pub upstreams: Vec<Upstream>,
    /// PEM file with trust anchors for encrypted upstreams, beside Mozilla's. Not a key of this table: the daemon sets it
    /// from `proxy.extra_roots`.
    #[serde(skip)]
    pub extra_roots: Option<PathBuf>,
    /// How often it is tried whether an upstream asks this resolver in turn, as a router does that uses the puck itself; the
    /// first time at the start, 0: never. Default: 60 seconds.
    pub probe_seconds: u32,
    /// Whether answers are checked against their zones' signatures: `"validate"`, `"strict"` (also withhold answers when
    /// every upstream strips signatures) or `"off"`. Default: `"validate"`.
    pub dnssec: Dnssec,
    /// Keys that are trusted to begin with, as DNSKEY records in the form of zone files: the root's key-signing keys, or
    /// all keys of another zone. Empty: the root's as IANA publishes them.
    pub dnssec_anchors: Vec<String>,
    /// Zones that are not checked although they are signed (RFC 7646), because their owner broke them. Default: none.
    pub dnssec_exempt: Vec<HostName>,
    /// Zones that a server of the office is asked about: the router's names, Active Directory, reverse zones. Default: none.
    pub forward: Vec<Forward>,
    /// Files in the form of hosts(5) that name the office's hosts; read again when they change. Default: none.
    pub hosts_files: Vec<PathBuf>,
    /// Files of leases that dnsmasq writes. Default: none.
    pub leases_files: Vec<PathBuf>,
    /// Files of names that are answered with "no such name": hosts files, lists of domains, adblock syntax for whole names.
    /// Read again when they change. Default: none.
    pub block_lists: Vec<PathBuf>,
    /// Withhold answers that lead from a name of the internet to a private address. Default: true.
    pub rebinding_guard: bool,
    /// Zones whose answers may lead inside all the same. Default: none.
    pub rebinding_exempt: Vec<Zone>,
    /// Subnets whose clients are answered, besides those of the puck's own interfaces. Default: RFC 1918, unique local,
    /// link-local and loopback addresses.
    pub local_subnets: Vec<IpNet>,
    /// How long clients may keep a steered or own answer. Default: 30 seconds.
    pub steer_ttl_seconds: u32,
    /// Answer AAAA of steered names with the puck's IPv6 addresses of the same scope as its IPv4 ones; otherwise there
    /// is no AAAA. Default: false.
    pub steer_ipv6: bool,
    /// Most answers kept. Default: 20000.
    pub cache_entries: usize,
    /// Most memory the kept answers use. Default: 8388608 bytes.
    pub cache_bytes: usize,
    /// Longest time an answer is kept, whatever its own lifetime says. Default: 86400 seconds.
    pub cache_seconds: u32,
    /// Longest time a "no such name" or "no such record" is kept. Default: 3600 seconds.
    pub cache_negative_seconds: u32,
    /// How long after its end an answer may still be given when no upstream answers (RFC 8767), never for names of AI
    /// providers; 0: not at all. Default: 86400 seconds.
    pub stale_seconds: u32,
    /// How long an upstream is waited for when there is such an answer. Default: 1800 milliseconds.
    pub stale_wait_ms: u64,
    /// How long one upstream may take for one try. Default: 1000 milliseconds.
    pub upstream_try_ms: u64,
    /// How long all tries of a question may take together. Default: 3500 milliseconds.
    pub upstream_total_ms: u64,
    /// Questions in flight to upstreams; more fail at once. Default: 512.
    pub upstream_concurrency: usize,
    /// Client questions waiting for an upstream; more fail at once. Default: 2048.
    pub pending: usize,
    /// Questions of one client waiting for an upstream; more are refused. Default: 256.
    pub pending_per_client: usize,
    /// Questions of one client each second, twice as many at once; what is over it is dropped. 0: no limit. It never applies
    /// to the network's router, which may forward for everybody. Default: 1000.
    pub client_questions_per_second: u32,
    /// TCP connections open at once. Default: 128.
    pub tcp_connections: usize,
    /// TCP connections of one client open at once. Default: 16.
    pub tcp_connections_per_client: usize,
    /// Questions of one TCP connection being answered at once. Default: 16.
    pub tcp_pipeline: usize,
    /// A TCP connection without a complete question for this long is closed. Default: 10 seconds.
    pub tcp_idle_seconds: u64,
    /// Gateway mode: most addresses of AI providers remembered, and most that may be set. Default: 8192.
    pub learn_addresses: usize,
    /// Gateway mode: an address is remembered at least this long after it was last answered, because clients keep
    /// using it after its own lifetime. Default: 3600 seconds.
    pub learn_seconds: u32,
    /// Gateway mode: about how often the catalogue's steered names are resolved without being asked for, so that
    /// clients which never ask this resolver are caught too. Default: 600 seconds.
    pub learn_refresh_seconds: u32,
    /// Records waiting for the journal; more are counted as lost. Default: 2048.
    pub journal_queue: usize,
    /// Whether questions that are not steered are counted (`"count"`) or have a record each (`"each"`). A flood of
    /// records pushes older evidence out, and each says what a person looked up. Default: `"count"`.
    pub journal_questions: JournalQuestions,
    /// How often what was counted is recorded, one line for each client. Default: 60 seconds.
    pub journal_count_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            mode: NetworkMode::default(),
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 53)), SocketAddr::from(([0u16; 8], 53))],
            threads: 0,
            upstreams: DEFAULT_UPSTREAMS.map(|text| text.parse().expect("a constant upstream parses")).to_vec(),
            extra_roots: None,
            probe_seconds: 60,
            forward: Vec::new(),
            hosts_files: Vec::new(),
            leases_files: Vec::new(),
            block_lists: Vec::new(),
            rebinding_guard: true,
            rebinding_exempt: Vec::new(),
            dnssec: Dnssec::default(),
            dnssec_anchors: Vec::new(),
            dnssec_exempt: Vec::new(),
            local_subnets: default_local_subnets(),
            steer_ttl_seconds: 30,
            steer_ipv6: false,
            cache_entries: 20_000,
            cache_bytes: 8 << 20,
            cache_seconds: 86_400,
            cache_negative_seconds: 3600,
            stale_seconds: 86_400,
            stale_wait_ms: 1800,
            upstream_try_ms: 1000,
            upstream_total_ms: 3500,
            upstream_concurrency: 512,
            pending: 2048,
            pending_per_client: 256,
            client_questions_per_second: 1000,
            tcp_connections: 128,
            tcp_connections_per_client: 16,
            tcp_pipeline: 16,
            tcp_idle_seconds: 10,
            learn_addresses: LEARN_ADDRESSES_CAP,
            learn_seconds: 3600,
            learn_refresh_seconds: 600,
            journal_queue: 2048,
            journal_questions: JournalQuestions::default(),
            journal_count_seconds: 60,
        }
    }
}

/// How the puck stands in the network (HOUSE.md, "Three ways to stand in the network").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// Steered names are answered with the puck's own address.
    #[default]
    Dns,
    /// Names resolve truly; the addresses of steered names are learnt for nftables.
    Gateway,
    /// Names resolve truly; clients name the proxy themselves.
    Explicit,
}

/// What the journal keeps of questions that are not steered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalQuestions {
    #[default]
    Count,
    Each,
}

/// Why a configuration cannot be used; `key` is the full name of the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("dns.{key} must be at least 1")]
    Zero { key: &'static str },
    #[error("dns.{key} must be at most {most}")]
    TooLarge { key: &'static str, most: usize },
    #[error("dns.dnssec_anchors: `{text}` is not a DNSKEY record such as `. IN DNSKEY 257 3 8 …`: {why}")]
    Anchor { text: String, why: String },
    #[error("dns.forward: an entry needs at least one zone and one upstream")]
    EmptyForward,
    #[error("dns.upstreams is empty: names that are not steered could not be resolved")]
    NoUpstream,
    #[error("dns.upstreams: {upstream} is this resolver itself, so every question would go round in a circle")]
    Loop { upstream: Upstream },
}

impl Config {
    /// Checks what the types cannot say; `own` are the puck's addresses.
    pub fn check(&self, own: &[IpAddr]) -> Result<(), ConfigError> {
        let counts = [
            ("cache_entries", self.cache_entries as u64),
            ("upstream_try_ms", self.upstream_try_ms),
            ("upstream_total_ms", self.upstream_total_ms),
            ("upstream_concurrency", self.upstream_concurrency as u64),
            ("pending", self.pending as u64),
            ("pending_per_client", self.pending_per_client as u64),
            ("tcp_connections", self.tcp_connections as u64),
            ("tcp_connections_per_client", self.tcp_connections_per_client as u64),
            ("tcp_pipeline", self.tcp_pipeline as u64),
            ("tcp_idle_seconds", self.tcp_idle_seconds),
            ("learn_addresses", self.learn_addresses as u64),
            ("learn_refresh_seconds", self.learn_refresh_seconds.into()),
            ("journal_queue", self.journal_queue as u64),
            ("journal_count_seconds", self.journal_count_seconds.into()),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(ConfigError::Zero { key });
        }
        if self.learn_addresses > LEARN_ADDRESSES_CAP {
            return Err(ConfigError::TooLarge { key: "learn_addresses", most: LEARN_ADDRESSES_CAP });
        }
        if self.threads > SOCKETS_MAX {
            return Err(ConfigError::TooLarge { key: "threads", most: SOCKETS_MAX });
        }
        if self.stale_seconds > STALE_SECONDS_MAX {
            return Err(ConfigError::TooLarge { key: "stale_seconds", most: STALE_SECONDS_MAX as usize });
        }
        if self.upstreams.is_empty() {
            return Err(ConfigError::NoUpstream);
        }
        Anchors::read(&self.dnssec_anchors)?;
        if self.forward.iter().any(|one| one.upstreams.is_empty() || one.zones.is_empty()) {
            return Err(ConfigError::EmptyForward);
        }
        let all = self.forward.iter().flat_map(|one| &one.upstreams).chain(&self.upstreams);
        match all.into_iter().find(|upstream| self.is_self(upstream, own)) {
            Some(upstream) => Err(ConfigError::Loop { upstream: upstream.clone() }),
            None => Ok(()),
        }
    }

    fn is_self(&self, upstream: &Upstream, own: &[IpAddr]) -> bool {
        let address = upstream.address;
        let is_own = |ip: IpAddr| own.contains(&ip) || ip.is_loopback();
        self.listen.iter().any(|listen| {
            let same_host = listen.ip() == address.ip() || listen.ip().is_unspecified() && is_own(address.ip());
            same_host && listen.port() == address.port()
        })
    }
}

fn default_local_subnets() -> Vec<IpNet> {
    let texts = [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    ];
    texts.iter().map(|text| text.parse().expect("a constant subnet parses")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, LEARN_ADDRESSES_CAP, Upstream};

    #[test]
    fn a_wrong_key_or_value_is_named() {
        let read = |text: &str| toml::from_str::<Config>(text).unwrap_err().to_string();
        assert!(read("upstream = []").contains("unknown field `upstream`"));
        assert!(read("upstreams = [\"quic://dns.example\"]").contains("`quic://IP#NAME`"));
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }

    #[test]
    fn refuses_limits_of_zero_and_circles() {
        let own = ["192.0.2.53".parse().unwrap()];
        assert_eq!(Config::default().check(&own), Ok(()));
        let zero = Config { pending: 0, ..Config::default() };
        assert_eq!(zero.check(&own), Err(ConfigError::Zero { key: "pending" }));
        let many = Config { learn_addresses: LEARN_ADDRESSES_CAP + 1, ..Config::default() };
        let error = many.check(&own).unwrap_err();
        assert_eq!(error.to_string(), "dns.learn_addresses must be at most 8192");
        let old = Config { stale_seconds: 86_401, ..Config::default() };
        assert_eq!(old.check(&own).unwrap_err().to_string(), "dns.stale_seconds must be at most 86400");
        let threads = Config { threads: 5, ..Config::default() };
        assert_eq!(threads.check(&own).unwrap_err().to_string(), "dns.threads must be at most 4");
        let none = Config { upstreams: Vec::new(), ..Config::default() };
        assert_eq!(none.check(&own), Err(ConfigError::NoUpstream));
        for (upstream, circle) in [("192.0.2.53", true), ("127.0.0.1", true), ("192.0.2.53:5353", false)] {
            let upstream: Upstream = upstream.parse().unwrap();
            let config = Config { upstreams: vec![upstream.clone()], ..Config::default() };
            assert_eq!(config.check(&own).is_err(), circle, "{upstream}");
        }
    }
}
