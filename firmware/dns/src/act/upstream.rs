use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use gate_core::HostName;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::debug;

use super::exchange::{self, ExchangeError};
use super::lookup::Hosts;
use crate::parse::{Answer, AnswerError, Question};
use crate::{Config, Upstream};

/// Tries per upstream before a question fails.
const ROUNDS: usize = 2;
/// How long an upstream that failed is asked last.
const PENALTY: Duration = Duration::from_secs(10);
/// TCP exchanges at once: each may hold 64 KiB.
const TCP_EXCHANGES: usize = 32;

/// How long upstreams are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one try.
    pub each: Duration,
    /// For all tries of one question.
    pub total: Duration,
    /// Questions in flight; more fail at once.
    pub in_flight: usize,
}

impl From<&Config> for Timeouts {
    fn from(config: &Config) -> Self {
        Self {
            each: Duration::from_millis(config.upstream_try_ms),
            total: Duration::from_millis(config.upstream_total_ms),
            in_flight: config.upstream_concurrency,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::from(&Config::default())
    }
}

/// Why a name has no addresses.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LookupError {
    #[error("{host} does not exist")]
    NoSuchName { host: HostName },
    #[error("{host} has no address")]
    NoAddress { host: HostName },
    #[error("{host} could not be resolved: {why}")]
    Upstream { host: HostName, why: String },
}

/// The resolvers that know the true answers. Knows nothing of steering, so the proxy dials through it.
pub struct Upstreams {
    asker: Arc<Asker>,
    hosts: Hosts,
}

impl Upstreams {
    /// In order of preference.
    pub fn new(upstreams: &[Upstream], timeouts: Timeouts) -> Self {
        Self { asker: Arc::new(Asker::new(upstreams, timeouts)), hosts: Hosts::new() }
    }

    /// The addresses of a host, IPv4 first: A and AAAA are asked at the same time, names and failures are remembered
    /// for a short while, and equal lookups are made once.
    pub async fn addresses(&self, host: &HostName) -> Result<Vec<IpAddr>, LookupError> {
        self.hosts.addresses(host, &self.asker).await
    }

    pub(crate) fn asker(&self) -> Arc<Asker> {
        Arc::clone(&self.asker)
    }
}

/// Asks upstreams until one answers.
pub(crate) struct Asker {
    servers: Vec<Server>,
    timeouts: Timeouts,
    in_flight: Semaphore,
    tcp: Semaphore,
}

struct Server {
    address: SocketAddr,
    /// When it failed last, unless it has answered since.
    failed: Mutex<Option<Instant>>,
}

impl Server {
    fn is_suspect(&self, now: Instant) -> bool {
        self.failed.lock().is_some_and(|failed| now.duration_since(failed) < PENALTY)
    }
}

impl Asker {
    fn new(upstreams: &[Upstream], timeouts: Timeouts) -> Self {
        let server = |Upstream::Plain(address): &Upstream| Server { address: *address, failed: Mutex::default() };
        Self {
            servers: upstreams.iter().map(server).collect(),
            in_flight: Semaphore::new(timeouts.in_flight.min(Semaphore::MAX_PERMITS)),
            tcp: Semaphore::new(TCP_EXCHANGES),
            timeouts,
        }
    }

    /// The first conclusive answer, else the last inconclusive one (such as SERVFAIL), else the last failure.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer, ExchangeError> {
        let _slot = self.in_flight.try_acquire().map_err(|_| ExchangeError::Busy)?;
        let deadline = Instant::now() + self.timeouts.total;
        let mut outcome = Err(ExchangeError::Timeout);
        for server in self.order() {
            let left = deadline.saturating_duration_since(Instant::now()).min(self.timeouts.each);
            if left.is_zero() {
                break;
            }
            let tried = timeout(left, self.exchange(server, question)).await.unwrap_or(Err(ExchangeError::Timeout));
            match tried {
                Ok(answer) if answer.is_conclusive() => {
                    *server.failed.lock() = None;
                    return Ok(answer);
                }
                Ok(answer) => outcome = Ok(answer),
                Err(error) => {
                    debug!(upstream = %server.address, %error, "an upstream gave no answer");
                    *server.failed.lock() = Some(Instant::now());
                    // An answer that says SERVFAIL is worth more than a later silence.
                    outcome = outcome.or(Err(error));
                }
            }
        }
        outcome
    }

    /// The servers as often as they may be tried: those that work first, in the order of the configuration.
    fn order(&self) -> Vec<&Server> {
        let now = Instant::now();
        let (suspect, healthy): (Vec<_>, Vec<_>) = self.servers.iter().partition(|server| server.is_suspect(now));
        let round: Vec<_> = healthy.into_iter().chain(suspect).collect();
        round.repeat(ROUNDS)
    }

    async fn exchange(&self, server: &Server, question: &Question) -> Result<Answer, ExchangeError> {
        match exchange::udp(server.address, question).await {
            Err(ExchangeError::Answer(AnswerError::Truncated)) => {
                let _slot = self.tcp.acquire().await.map_err(|_| ExchangeError::Busy)?;
                exchange::tcp(server.address, question).await
            }
            other => other,
        }
    }
}
