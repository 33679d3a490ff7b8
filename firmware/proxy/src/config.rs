#[cfg(test)]
mod tests;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use gate_core::HostName;
use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

/// The `[proxy]` table of the daemon's configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Addresses for steered TLS connections, where the kernel's redirect leads. Default: `["0.0.0.0:8443"]`.
    pub listen: Vec<SocketAddr>,
    /// Addresses for steered plain HTTP, which is only ever redirected to https. Default: `["0.0.0.0:8081"]`.
    pub http_listen: Vec<SocketAddr>,
    /// Addresses of the CONNECT proxy. Default: `["0.0.0.0:8080"]`.
    pub explicit_listen: Vec<SocketAddr>,
    /// PEM file with trust anchors for upstream TLS, beside the built-in Mozilla ones. Default: none.
    pub extra_roots: Option<PathBuf>,
    /// Ranges that may be dialled although the SSRF guard refuses them, in CIDR form. Default: none.
    pub allow_ranges: Vec<IpNet>,
    /// Port dialled for TLS at the provider. Default: 443.
    pub upstream_port: u16,
    /// Port dialled for plain HTTP that the CONNECT proxy passes on. Default: 80.
    pub upstream_http_port: u16,
    /// Names that servers show in place of the real one when Encrypted Client Hello is in use; a hello with both such
    /// a name and the extension hides where it goes and is refused. Default: `["cloudflare-ech.com"]`.
    pub ech_public_names: Vec<String>,
    /// Whether connections to public resolvers that take encrypted questions are refused. Not a key of this table: the daemon
    /// sets it from `dns.encrypted_dns`.
    #[serde(skip)]
    pub refuse_resolvers: bool,
    /// Time for the whole ClientHello or request head to arrive, in milliseconds. Default: 3000.
    pub hello_timeout_ms: u64,
    /// Largest ClientHello with its record headers, in bytes. Default: 65536.
    pub hello_max_bytes: usize,
    /// Most TLS records a ClientHello may be spread over. Default: 64.
    pub hello_max_records: usize,
    /// Time to resolve a name and connect to any of its addresses, in milliseconds. Default: 10000.
    pub connect_timeout_ms: u64,
    /// A connection without a byte in either direction is closed after this many seconds. Default: 600.
    pub idle_seconds: u64,
    /// How long a connection to a provider that an inspected client left, with nothing open on it, is kept for the next one of
    /// the same client, in seconds, at most 60; 0 keeps none. Default: 15.
    pub upstream_idle_seconds: u64,
    /// Open connections in total; more wait in the kernel's backlog. Default: 2048.
    pub max_connections: usize,
    /// Open connections of one client address; more are closed at once. Default: 64.
    pub max_connections_per_client: usize,
    /// Open tunnels of one name, wherever its connections come from; more are refused. Names are those that clients of the
    /// CONNECT proxy prove by a token or certificate. Default: 64.
    pub max_tunnels_per_name: usize,
    /// PEM file with the authorities whose certificates clients of the CONNECT proxy may show in TLS. Default: none.
    pub client_roots: Option<PathBuf>,
    /// Time that open connections get to finish when the daemon stops, in seconds, at most 4. Default: 3.
    pub drain_seconds: u64,
    /// Largest request body that is inspected, as sent and as decoded, in bytes. Default: 33554432 (32 MiB).
    pub body_cap_bytes: usize,
    /// All request bodies held for inspection together, in bytes, at least twice the largest one: no client gets more
    /// than half. Default: 201326592 (192 MiB).
    pub body_budget_bytes: usize,
    /// Longest wait for a part of that budget, in milliseconds. Default: 2000.
    pub body_budget_wait_ms: u64,
    /// How many bytes one byte of a compressed body may become. Default: 100.
    pub max_ratio: usize,
    /// Leaf certificates kept ready. Default: 512.
    pub leaf_cache: usize,
    /// How long the value behind a placeholder is kept after it was last sent, in hours. Default: 24.
    pub placeholder_hours: u64,
    /// Values behind placeholders kept for one client and provider; the one unused for longest gives way. Default: 4096.
    pub placeholders_per_client: usize,
}

/// Why a `[proxy]` table cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("proxy.{key} must be between {min} and {max}, not {value}")]
    Range { key: &'static str, min: u64, max: u64, value: u64 },
    #[error("proxy.body_budget_bytes ({budget}) is smaller than twice proxy.body_cap_bytes ({cap})")]
    BudgetBelowCap { budget: usize, cap: usize },
    #[error("proxy.ech_public_names: `{0}` is not a host name")]
    EchName(String),
}

impl Default for Config {
    fn default() -> Self {
        let any = |port| vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))];
        Self {
            listen: any(8443),
            http_listen: any(8081),
            explicit_listen: any(8080),
            extra_roots: None,
            allow_ranges: Vec::new(),
            upstream_port: 443,
            upstream_http_port: 80,
            ech_public_names: vec!["cloudflare-ech.com".to_owned()],
            refuse_resolvers: false,
            hello_timeout_ms: 3000,
            hello_max_bytes: 64 * 1024,
            hello_max_records: 64,
            connect_timeout_ms: 10_000,
            idle_seconds: 600,
            upstream_idle_seconds: 15,
            max_connections: 2048,
            max_connections_per_client: 64,
            max_tunnels_per_name: 64,
            client_roots: None,
            drain_seconds: 3,
            body_cap_bytes: 32 * 1024 * 1024,
            body_budget_bytes: 192 * 1024 * 1024,
            body_budget_wait_ms: 2000,
            max_ratio: 100,
            leaf_cache: 512,
            placeholder_hours: 24,
            placeholders_per_client: 4096,
        }
    }
}

impl Config {
    /// Refuses values that would switch a cap off or make no sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let wide = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        let rows = [
            ("upstream_port", 1, 65_535, u64::from(self.upstream_port)),
            ("upstream_http_port", 1, 65_535, u64::from(self.upstream_http_port)),
            ("hello_timeout_ms", 100, 60_000, self.hello_timeout_ms),
            ("hello_max_bytes", 1024, 65_536, wide(self.hello_max_bytes)),
            ("hello_max_records", 1, 64, wide(self.hello_max_records)),
            ("connect_timeout_ms", 100, 120_000, self.connect_timeout_ms),
            ("idle_seconds", 1, 86_400, self.idle_seconds),
            ("upstream_idle_seconds", 0, 60, self.upstream_idle_seconds),
            ("max_connections", 1, 1_000_000, wide(self.max_connections)),
            ("max_connections_per_client", 1, 1_000_000, wide(self.max_connections_per_client)),
            ("max_tunnels_per_name", 1, 1_000_000, wide(self.max_tunnels_per_name)),
            ("drain_seconds", 0, 4, self.drain_seconds),
            // A budget is counted in a semaphore whose permits are handed out as u32.
            ("body_cap_bytes", 1024, 1 << 30, wide(self.body_cap_bytes)),
            ("body_budget_bytes", 1024, u64::from(u32::MAX), wide(self.body_budget_bytes)),
            ("body_budget_wait_ms", 0, 60_000, self.body_budget_wait_ms),
            ("max_ratio", 2, 100_000, wide(self.max_ratio)),
            ("leaf_cache", 1, 100_000, wide(self.leaf_cache)),
            ("placeholder_hours", 1, 168, self.placeholder_hours),
            ("placeholders_per_client", 1, 65_536, wide(self.placeholders_per_client)),
        ];
        for (key, min, max, value) in rows {
            if !(min..=max).contains(&value) {
                return Err(ConfigError::Range { key, min, max, value });
            }
        }
        if self.body_budget_bytes / 2 < self.body_cap_bytes {
            return Err(ConfigError::BudgetBelowCap { budget: self.body_budget_bytes, cap: self.body_cap_bytes });
        }
        self.ech_names().map(drop)
    }

    pub(crate) fn ech_names(&self) -> Result<Vec<HostName>, ConfigError> {
        let parse = |name: &String| HostName::parse(name.as_bytes()).map_err(|_| ConfigError::EchName(name.clone()));
        self.ech_public_names.iter().map(parse).collect()
    }

    pub(crate) fn hello_timeout(&self) -> Duration {
        Duration::from_millis(self.hello_timeout_ms)
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    pub(crate) fn upstream_idle(&self) -> Duration {
        Duration::from_secs(self.upstream_idle_seconds)
    }
}
