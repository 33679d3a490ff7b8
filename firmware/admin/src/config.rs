use std::net::SocketAddr;
use std::time::Duration;

use gate_core::HostName;
use ipnet::IpNet;
use serde::Deserialize;
use thiserror::Error;

/// The `[admin]` table of the configuration. The daemon binds the two kinds of listeners and passes them in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where the page and the API listen, HTTPS only. Default `["0.0.0.0:9443", "[::]:9443"]`.
    pub listen: Vec<SocketAddr>,
    /// Where the proxy hands over `https://nanogate.<domain>/` from port 443; must be a loopback address. Default
    /// `"127.0.0.1:9444"`.
    pub handover_listen: SocketAddr,
    /// Connections at once. Default 256.
    pub max_connections: usize,
    /// Connections at once from one client address. Default 32.
    pub max_connections_per_client: usize,
    /// Time for the TLS handshake, and for the proxy's address line before it, in milliseconds. Default 5000.
    pub handshake_ms: u64,
    /// Time for the head of a request, in milliseconds. Default 5000.
    pub header_ms: u64,
    /// Time for a whole request but a live stream, in seconds. Default 10.
    pub request_seconds: u64,
    /// A connection without a request is closed after this many seconds. Default 60.
    pub idle_seconds: u64,
    /// Commands (sign-in, token, download) that one client may send in a minute; the first so many at once. Default 60.
    pub commands_per_minute: u32,
    /// Largest body of a command, in bytes. Default 16384.
    pub command_body_bytes: usize,
    /// Largest body of `/api/v1/inspect`, in bytes. Default 1048576.
    pub inspect_body_bytes: usize,
    /// Time for one inspection once its body is read, in milliseconds; past it the answer is `deny`. Default 15.
    pub inspect_deadline_ms: u64,
    /// Inspections at once; others wait, inside their deadline. Default 4.
    pub inspect_concurrency: usize,
    /// A session ends after this many seconds without a request. Default 43200 (12 hours), which is also the most.
    pub session_idle_seconds: u64,
    /// Sessions at once; a new one ends the one unused the longest. Default 64.
    pub max_sessions: usize,
    /// How often the journals are read for the live feed, in milliseconds. Default 250.
    pub feed_poll_ms: u64,
    /// Records kept for the page, for each kind of record. Default 500.
    pub recent_records: usize,
    /// Live streams at once. Default 16.
    pub max_subscribers: usize,
    /// Records that may wait for one live stream before it is dropped as too slow. Default 256.
    pub subscriber_queue: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 9443)), SocketAddr::from(([0u16; 8], 9443))],
            handover_listen: SocketAddr::from(([127, 0, 0, 1], 9444)),
            max_connections: 256,
            max_connections_per_client: 32,
            handshake_ms: 5000,
            header_ms: 5000,
            request_seconds: 10,
            idle_seconds: 60,
            commands_per_minute: 60,
            command_body_bytes: 16 << 10,
            inspect_body_bytes: 1 << 20,
            inspect_deadline_ms: 15,
            inspect_concurrency: 4,
            session_idle_seconds: MAX_SESSION_IDLE_SECONDS,
            max_sessions: 64,
            feed_poll_ms: 250,
            recent_records: 500,
            max_subscribers: 16,
            subscriber_queue: 256,
        }
    }
}

/// The longest idle time a session may be given: half a day, so that yesterday's open page asks again.
const MAX_SESSION_IDLE_SECONDS: u64 = 12 * 3600;

/// A value that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error("admin.{key}: must be from {least} to {most}, not {value}")]
    Range { key: &'static str, value: u64, least: u64, most: u64 },
    #[error("admin.handover_listen: must be a loopback address, not {0}")]
    Handover(SocketAddr),
}

impl Config {
    /// Refuses values that would switch a limit off or make it meaningless.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !self.handover_listen.ip().to_canonical().is_loopback() {
            return Err(ConfigError::Handover(self.handover_listen));
        }
        let rows: [(&'static str, u64, u64, u64); 17] = [
            ("max_connections", self.max_connections as u64, 1, 65536),
            ("max_connections_per_client", self.max_connections_per_client as u64, 1, 65536),
            ("handshake_ms", self.handshake_ms, 100, 60_000),
            ("header_ms", self.header_ms, 100, 60_000),
            ("request_seconds", self.request_seconds, 1, 300),
            ("idle_seconds", self.idle_seconds, 1, 3600),
            ("commands_per_minute", self.commands_per_minute.into(), 1, 6000),
            ("command_body_bytes", self.command_body_bytes as u64, 1024, 1 << 20),
            ("inspect_body_bytes", self.inspect_body_bytes as u64, 1024, 64 << 20),
            ("inspect_deadline_ms", self.inspect_deadline_ms, 1, 10_000),
            ("inspect_concurrency", self.inspect_concurrency as u64, 1, 256),
            ("session_idle_seconds", self.session_idle_seconds, 60, MAX_SESSION_IDLE_SECONDS),
            ("max_sessions", self.max_sessions as u64, 1, 4096),
            ("feed_poll_ms", self.feed_poll_ms, 10, 10_000),
            ("recent_records", self.recent_records as u64, 1, 10_000),
            ("max_subscribers", self.max_subscribers as u64, 1, 1024),
            ("subscriber_queue", self.subscriber_queue as u64, 1, 10_000),
        ];
        match rows.into_iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
            Some((key, value, least, most)) => Err(ConfigError::Range { key, value, least, most }),
            None => Ok(()),
        }
    }

    pub(crate) fn inspect_deadline(&self) -> Duration {
        Duration::from_millis(self.inspect_deadline_ms)
    }
}

/// Where this puck stands: what the daemon knows from other parts of its configuration.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// The subnets that are served, the same as for DNS; the machine itself always is.
    pub local: Vec<IpNet>,
    /// The puck's own names; a request for any other name is refused, so that no foreign page can rebind to it.
    pub names: Vec<HostName>,
}

#[cfg(test)]
mod tests {
    use super::{Config, ConfigError};

    #[test]
    fn the_defaults_hold() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn a_limit_cannot_be_switched_off() {
        let config = Config { max_connections: 0, ..Config::default() };
        assert!(matches!(config.check(), Err(ConfigError::Range { key: "max_connections", .. })));
        let config = Config { session_idle_seconds: 43201, ..Config::default() };
        assert!(matches!(config.check(), Err(ConfigError::Range { key: "session_idle_seconds", .. })));
    }

    #[test]
    fn the_handover_stays_on_the_machine() {
        let config = Config { handover_listen: "192.0.2.53:8444".parse().unwrap(), ..Config::default() };
        assert!(matches!(config.check(), Err(ConfigError::Handover(_))));
    }
}
