mod check;
mod dnssec;
mod forward;
mod group;
mod list;
mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;

use gate_core::HostName;
use ipnet::IpNet;
use serde::Deserialize;

pub use check::{ConfigError, is_too_wide};
pub(crate) use dnssec::Anchors;
pub use dnssec::{Dnssec, KeyError, check_keys};
pub(crate) use forward::forward_of;
pub use forward::{Forward, Zone};
pub(crate) use group::way;
pub use group::{Group, Net};
pub(crate) use list::ListHost;
pub use list::{List, ListUrl};
pub use upstream::{Protocol, Upstream, UpstreamError};

/// Most addresses that can be learnt: what the kernel's rule set takes in one transaction. Were more allowed, some that
/// are learnt would not be redirected.
pub const LEARN_ADDRESSES_CAP: usize = 8192;

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
    /// Addresses and ports listened on, UDP and TCP alike; answers leave from the address that was asked.
    /// Default: `["0.0.0.0:53", "[::]:53"]`.
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
    /// all keys of another zone. Empty: those of the pack in force, which carries the root's as IANA publishes them.
    pub dnssec_anchors: Vec<String>,
    /// A file that is there as long as nobody has said what time it is: meanwhile certificates of upstreams may be newer than
    /// the clock, and signatures of zones are not checked. Whoever makes it takes it away in time. Default: none.
    pub clock_unsure: Option<PathBuf>,
    /// Zones that are not checked although they are signed (RFC 7646), because their owner broke them. Default: none.
    pub dnssec_exempt: Vec<HostName>,
    /// Zones that a server of the office is asked about: the router's names, Active Directory, reverse zones. Default: none.
    pub forward: Vec<Forward>,
    /// Files in the form of hosts(5) that name the office's hosts; read again when they change. Default: none.
    pub hosts_files: Vec<PathBuf>,
    /// Files of leases that dnsmasq writes. Default: none.
    pub leases_files: Vec<PathBuf>,
    /// Lists of names that are answered with "no such name": hosts files, lists of domains, adblock syntax for whole names.
    /// Files are read again when they change, `https://` addresses are fetched from time to time. Default: none.
    pub block_lists: Vec<List>,
    /// How often a list with an address is looked for a newer version; 0: only at the start. Default: 86400 seconds.
    pub block_lists_seconds: u32,
    /// Where fetched lists are kept. Not a key of this table: the daemon sets it.
    #[serde(skip)]
    pub lists_folder: Option<PathBuf>,
    /// Most names of all lists together. Not a key of this table: the daemon sets it to what its memory holds twice.
    #[serde(skip)]
    pub block_names: usize,
    /// Clients that are answered in a way of their own. Default: none.
    pub groups: Vec<Group>,
    /// What becomes of questions for public resolvers that take encrypted ones. Default: none, which the daemon takes as
    /// `"refuse"` in gateway mode with `steer.capture_dns`, and as `"report"` elsewhere.
    pub encrypted_dns: Option<EncryptedDns>,
    /// How long a device may be on the wire without asking anything before that is told; 0: it never is. Default: 900
    /// seconds.
    pub never_asks_seconds: u32,
    /// Whether names that hosts announce by multicast DNS are answered too, as `NAME.local` and `NAME.<domain>`. Default:
    /// true.
    pub mdns: bool,
    /// Withhold answers that lead from a name of the internet to a private address, also by way of a translator or tunnel, or
    /// into a subnet of this office. Default: true.
    pub rebinding_guard: bool,
    /// Zones whose answers may lead inside all the same. Default: none.
    pub rebinding_exempt: Vec<Zone>,
    /// Subnets whose clients are answered, besides those of the puck's own interfaces. Default: RFC 1918, unique local,
    /// link-local and loopback addresses.
    pub local_subnets: Vec<IpNet>,
    /// How long clients may keep a steered or own answer: 1 to 86400 seconds. Default: 30.
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
    /// Questions in flight to upstreams; beyond that whoever has most of them gives up its oldest. Default: 512.
    pub upstream_concurrency: usize,
    /// Client questions waiting for an upstream; no client gets more than eight times what is free. Default: 2048.
    pub pending: usize,
    /// Questions of one client waiting for an upstream; more are refused. Default: 256.
    pub pending_per_client: usize,
    /// Questions of one client each second, twice as many at once; what is over it is dropped. 0: no limit. It never applies
    /// to the network's router, which may forward for everybody. Default: 1000.
    pub client_questions_per_second: u32,
    /// TCP connections open at once; when all are, the one that is idle longest gives way to a new one. Default: 128.
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
    /// Gateway mode: whether answers about AI wait until [`Dns::confirm`](crate::Dns::confirm) says that their addresses are
    /// redirected. Not a key of this table: the daemon sets it.
    #[serde(skip)]
    pub confirm_learnt: bool,
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
            block_lists_seconds: 86_400,
            lists_folder: None,
            block_names: crate::decide::NAMES_MAX,
            groups: Vec::new(),
            encrypted_dns: None,
            never_asks_seconds: 900,
            mdns: true,
            rebinding_guard: true,
            rebinding_exempt: Vec::new(),
            dnssec: Dnssec::default(),
            dnssec_anchors: Vec::new(),
            clock_unsure: None,
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
            confirm_learnt: false,
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

/// What becomes of questions for public resolvers that take encrypted ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncryptedDns {
    /// They are answered, and told of their device.
    #[default]
    Report,
    /// There are no such names here.
    Refuse,
}

/// What the journal keeps of questions that are not steered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JournalQuestions {
    #[default]
    Count,
    Each,
}

impl EncryptedDns {
    /// The word of the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Refuse => "refuse",
        }
    }
}

impl Config {
    /// Whether names of public resolvers that take encrypted questions are withheld.
    pub(crate) fn refuses_resolvers(&self) -> bool {
        self.encrypted_dns == Some(EncryptedDns::Refuse)
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
    use super::Config;

    #[test]
    fn a_wrong_key_or_value_is_named() {
        let read = |text: &str| toml::from_str::<Config>(text).unwrap_err().to_string();
        assert!(read("upstream = []").contains("unknown field `upstream`"));
        assert!(read("upstreams = [\"quic://dns.example\"]").contains("`quic://IP#NAME`"));
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
    }
}
