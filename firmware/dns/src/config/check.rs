//! What the types of the configuration cannot say.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use thiserror::Error;

use super::{Anchors, Config, Forward, Group, LEARN_ADDRESSES_CAP, Upstream, group};
use crate::accept::SOCKETS_MAX;

/// A day: what has been over for longer is more likely wrong than useful (RFC 8767 section 5 suggests one to three).
const STALE_SECONDS_MAX: u32 = 86_400;
/// A day: an answer that leads to the puck should not outlive the wish that it did by more.
const STEER_TTL_MAX: usize = 86_400;
/// A list server is asked at most so often, in seconds.
const LIST_SECONDS_MIN: u32 = 60;

/// Questions in flight: each has a socket or two, of the 16384 files that a process may open.
const IN_FLIGHT_MAX: usize = 2048;
/// Nobody waits for an answer for longer.
const WAIT_MS_MAX: usize = 60_000;
/// Questions that wait: each takes some kilobytes.
const PENDING_MAX: usize = 8192;
/// Connections: each has a file and takes some kilobytes.
const CONNECTIONS_MAX: usize = 4096;
/// Questions of a connection that are answered at once.
const PIPELINE_MAX: usize = 1024;
/// Records that wait for the journal; their places are reserved at the start.
const QUEUE_MAX: usize = 65_536;
/// Networks that are not the internet's: an office may use all of one.
const NOT_THE_INTERNETS: [&str; 9] = [
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "198.18.0.0/15",
    "fc00::/7",
    "fe80::/10",
];
/// The largest networks of the internet that belong to one office.
const WIDEST: (u8, u8) = (16, 32);

/// Whether strangers live in a network.
pub fn is_too_wide(subnet: &IpNet) -> bool {
    let private = || NOT_THE_INTERNETS.iter().any(|net| net.parse::<IpNet>().is_ok_and(|net| net.contains(subnet)));
    let widest = if subnet.addr().is_ipv4() { WIDEST.0 } else { WIDEST.1 };
    subnet.prefix_len() < widest && !private()
}

/// Why a configuration cannot be used; `key` is the full name of the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("dns.{key} must be at least 1")]
    Zero { key: &'static str },
    #[error("dns.{key} must be at most {most}")]
    TooLarge { key: &'static str, most: usize },
    #[error(
        "dns.upstream_total_ms must be at least dns.upstream_try_ms ({each}): all tries take no less time than one"
    )]
    Impatient { each: u64 },
    #[error(
        "dns.local_subnets: {subnet} is wider than any office, so strangers would be answered, and use this resolver to attack \
         others; name the office's own networks"
    )]
    Open { subnet: String },
    #[error("dns.block_lists_seconds must be 0 or at least {LIST_SECONDS_MIN}")]
    TooOften,
    #[error("dns.dnssec_anchors: `{text}` is not a DNSKEY record such as `. IN DNSKEY 257 3 8 …` to start from: {why}")]
    Anchor { text: String, why: String },
    #[error("dns.forward: an entry needs at least one zone and one upstream")]
    EmptyForward,
    #[error("dns.forward: the zone {zone} stands there twice, so that it could not be told who is asked about it")]
    ZoneTwice { zone: String },
    #[error("dns.groups: `{name}`: {why}")]
    Group { name: String, why: &'static str },
    #[error("dns.upstreams is empty: names that are not steered could not be resolved")]
    NoUpstream,
    #[error("{key}: {upstream} stands there twice, and to ask one server twice is no second chance")]
    UpstreamTwice { key: String, upstream: Upstream },
    #[error("{key}: {upstream} is this resolver itself, so every question would go round in a circle")]
    Loop { key: String, upstream: Upstream },
}

impl ConfigError {
    /// Which of the values that stand under the key is wrong, where there may be several.
    pub fn value(&self) -> Option<&str> {
        match self {
            Self::Anchor { text: value, .. }
            | Self::ZoneTwice { zone: value }
            | Self::Group { name: value, .. }
            | Self::Open { subnet: value } => Some(value),
            _ => None,
        }
    }
}

impl Config {
    /// Checks what the types cannot say; `own` are the puck's addresses.
    pub fn check(&self, own: &[IpAddr]) -> Result<(), ConfigError> {
        self.check_counts()?;
        if self.upstreams.is_empty() {
            return Err(ConfigError::NoUpstream);
        }
        Anchors::read(&self.dnssec_anchors)?;
        if self.forward.iter().any(|one| one.upstreams.is_empty() || one.zones.is_empty()) {
            return Err(ConfigError::EmptyForward);
        }
        let mut zones = HashSet::new();
        if let Some(zone) = self.forward.iter().flat_map(|one| &one.zones).find(|zone| !zones.insert(zone.wire())) {
            return Err(ConfigError::ZoneTwice { zone: zone.to_string() });
        }
        group::check(&self.groups)?;
        let all = self.upstreams_by_key();
        let twice = |all: &[Upstream]| {
            all.iter().enumerate().find(|(at, one)| all[..*at].contains(one)).map(|(_, one)| one.clone())
        };
        if let Some((key, upstream)) = all.iter().find_map(|(key, all)| Some((key.clone(), twice(all)?))) {
            return Err(ConfigError::UpstreamTwice { key, upstream });
        }
        let own = all.into_iter().find_map(|(key, all)| Some((key, all.iter().find(|one| self.is_self(one, own))?)));
        match own {
            Some((key, upstream)) => Err(ConfigError::Loop { key, upstream: upstream.clone() }),
            None => Ok(()),
        }
    }

    /// What is said and cannot come true; `local` are the subnets whose clients are answered.
    pub fn warnings(&self, local: &[IpNet]) -> Vec<String> {
        let words = |group: &Group| {
            format!(
                "dns.groups: `{}`: none of its clients lies in a subnet that is answered (dns.local_subnets)",
                group.name
            )
        };
        group::outside(&self.groups, local).map(words).collect()
    }

    fn upstreams_by_key(&self) -> Vec<(String, &[Upstream])> {
        let forward = |one: &Forward| format!("dns.forward of {}", one.zones[0]);
        let forwards = self.forward.iter().map(|one| (forward(one), &*one.upstreams));
        let groups = self.groups.iter().map(|one| (format!("dns.groups: `{}`", one.name), &*one.upstreams));
        forwards.chain(groups).chain([("dns.upstreams".to_owned(), &*self.upstreams)]).collect()
    }

    fn check_counts(&self) -> Result<(), ConfigError> {
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
            ("steer_ttl_seconds", self.steer_ttl_seconds.into()),
            ("journal_queue", self.journal_queue as u64),
            ("journal_count_seconds", self.journal_count_seconds.into()),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Err(ConfigError::Zero { key });
        }
        let most = [
            ("learn_addresses", self.learn_addresses, LEARN_ADDRESSES_CAP),
            ("threads", self.threads, SOCKETS_MAX),
            ("steer_ttl_seconds", self.steer_ttl_seconds as usize, STEER_TTL_MAX),
            ("stale_seconds", self.stale_seconds as usize, STALE_SECONDS_MAX as usize),
            ("upstream_concurrency", self.upstream_concurrency, IN_FLIGHT_MAX),
            ("upstream_try_ms", usize::try_from(self.upstream_try_ms).unwrap_or(usize::MAX), WAIT_MS_MAX),
            ("upstream_total_ms", usize::try_from(self.upstream_total_ms).unwrap_or(usize::MAX), WAIT_MS_MAX),
            ("pending", self.pending, PENDING_MAX),
            ("pending_per_client", self.pending_per_client, PENDING_MAX),
            ("tcp_connections", self.tcp_connections, CONNECTIONS_MAX),
            ("tcp_pipeline", self.tcp_pipeline, PIPELINE_MAX),
            ("journal_queue", self.journal_queue, QUEUE_MAX),
        ];
        if let Some((key, _, most)) = most.into_iter().find(|(_, value, most)| value > most) {
            return Err(ConfigError::TooLarge { key, most });
        }
        if self.upstream_total_ms < self.upstream_try_ms {
            return Err(ConfigError::Impatient { each: self.upstream_try_ms });
        }
        if let Some(subnet) = self.local_subnets.iter().find(|subnet| is_too_wide(subnet)) {
            return Err(ConfigError::Open { subnet: subnet.to_string() });
        }
        if (1..LIST_SECONDS_MIN).contains(&self.block_lists_seconds) {
            return Err(ConfigError::TooOften);
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError, LEARN_ADDRESSES_CAP, Upstream};

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
        let hasty = Config { upstream_try_ms: 2000, upstream_total_ms: 1999, ..Config::default() };
        assert!(hasty.check(&own).unwrap_err().to_string().starts_with("dns.upstream_total_ms must be at least"));
        let none = Config { upstreams: Vec::new(), ..Config::default() };
        assert_eq!(none.check(&own), Err(ConfigError::NoUpstream));
        for (upstream, circle) in [("192.0.2.53", true), ("127.0.0.1", true), ("192.0.2.53:5353", false)] {
            let upstream: Upstream = upstream.parse().unwrap();
            let config = Config { upstreams: vec![upstream.clone()], ..Config::default() };
            assert_eq!(config.check(&own).is_err(), circle, "{upstream}");
        }
        let own_forward: Config =
            toml::from_str("forward = [{ zones = [\"corp.example\"], upstreams = [\"192.0.2.53\"] }]").unwrap();
        let told = own_forward.check(&own).unwrap_err().to_string();
        assert!(told.starts_with("dns.forward of corp.example: 192.0.2.53:53 is this resolver itself"), "{told}");
    }

    #[test]
    fn what_would_use_up_memory_or_files_is_refused() {
        let rows = [
            ("pending = 8193", "dns.pending must be at most 8192"),
            ("pending_per_client = 1000000", "dns.pending_per_client must be at most 8192"),
            ("upstream_concurrency = 2049", "dns.upstream_concurrency must be at most 2048"),
            ("upstream_total_ms = 9223372036854775807", "dns.upstream_total_ms must be at most 60000"),
            ("tcp_connections = 100000", "dns.tcp_connections must be at most 4096"),
            ("tcp_pipeline = 100000", "dns.tcp_pipeline must be at most 1024"),
            ("journal_queue = 1000000000", "dns.journal_queue must be at most 65536"),
            ("steer_ttl_seconds = 4294967295", "dns.steer_ttl_seconds must be at most 86400"),
            ("steer_ttl_seconds = 0", "dns.steer_ttl_seconds must be at least 1"),
        ];
        for (text, told) in rows {
            let config: Config = toml::from_str(text).unwrap();
            assert_eq!(config.check(&[]).unwrap_err().to_string(), told);
        }
    }

    #[test]
    fn no_network_of_strangers_is_local() {
        let open = |subnet: &str| {
            let config: Config =
                toml::from_str(&format!("local_subnets = [\"192.168.0.0/16\", \"{subnet}\"]")).unwrap();
            config.check(&[]).map_err(|error| (error.value().map(str::to_owned), error.to_string()))
        };
        for subnet in
            ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "8.0.0.0/8", "10.0.0.0/7", "::/0", "2000::/3", "2001:db8::/31"]
        {
            let (value, told) = open(subnet).unwrap_err();
            assert_eq!(value.as_deref(), Some(subnet));
            assert!(told.starts_with("dns.local_subnets: ") && told.contains("strangers"), "{told}");
        }
        for subnet in
            ["10.0.0.0/8", "198.51.100.0/24", "203.0.0.0/16", "fc00::/7", "fd00::/8", "2001:db8::/32", "::1/128"]
        {
            assert_eq!(open(subnet), Ok(()), "{subnet}");
        }
    }

    #[test]
    fn an_upstream_stands_in_its_list_once() {
        let told = |text: &str| {
            let config: Config = toml::from_str(text).unwrap();
            config.check(&[]).map_err(|error| error.to_string())
        };
        let twice = "192.0.2.1:53 stands there twice, and to ask one server twice is no second chance";
        let group = "name = \"a\"\nclients = [\"192.0.2.7\"]";
        let rows = [
            ("upstreams = [\"192.0.2.1\", \"192.0.2.2\", \"192.0.2.1:53\"]".to_owned(), "dns.upstreams"),
            (
                "forward = [{ zones = [\"corp.example\"], upstreams = [\"192.0.2.1\", \"192.0.2.1\"] }]".to_owned(),
                "dns.forward of corp.example",
            ),
            (format!("[[groups]]\n{group}\nupstreams = [\"192.0.2.1\", \"192.0.2.1\"]"), "dns.groups: `a`"),
        ];
        for (text, key) in rows {
            assert_eq!(told(&text), Err(format!("{key}: {twice}")));
        }
        assert_eq!(told("upstreams = [\"192.0.2.1\", \"tls://192.0.2.1\", \"192.0.2.1:5353\"]"), Ok(()));
    }

    #[test]
    fn a_zone_has_one_place() {
        let zones = |first: &str, second: &str| {
            let one = |zone| format!("{{ zones = [\"{zone}\"], upstreams = [\"192.0.2.1\"] }}");
            let config: Config = toml::from_str(&format!("forward = [{}, {}]", one(first), one(second))).unwrap();
            config.check(&[]).map_err(|error| (error.value().map(str::to_owned), error.to_string()))
        };
        assert_eq!(zones("corp.example", "lab.corp.example"), Ok(()), "the innermost decides");
        let (value, told) = zones("corp.example", "Corp.Example.").unwrap_err();
        assert_eq!(value.as_deref(), Some("corp.example"));
        assert!(told.starts_with("dns.forward: the zone corp.example stands there twice"), "{told}");
    }
}
