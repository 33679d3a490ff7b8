//! The resolvers that know the true answers.

mod asker;
mod health;
mod lane;
mod server;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use gate_core::HostName;
use thiserror::Error;

use super::doubt::Doubt;
use super::exchange::{Trust, TrustError};
use super::lookup::Hosts;
use crate::{Config, Upstream};

pub(crate) use asker::{Asker, Signatures};
pub use health::UpstreamState;
pub use lane::Crowd;
pub(super) use lane::on_behalf;

/// How long upstreams are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For one try.
    pub each: Duration,
    /// For all tries of one question.
    pub total: Duration,
    /// Questions in flight; beyond that whoever has most of them gives up its oldest.
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
    /// In order of preference; encrypted ones must be certified by an authority that Mozilla trusts.
    pub fn new(upstreams: &[Upstream], timeouts: Timeouts) -> Self {
        let trust =
            Trust::new(None, Doubt::while_there_is(None)).expect("the built-in anchors are not read from a file");
        Self::trusting(upstreams, timeouts, &trust)
    }

    /// As the configuration says.
    pub fn configured(config: &Config) -> Result<Self, TrustError> {
        let trust = Trust::new(config.extra_roots.as_deref(), Doubt::while_there_is(config.clock_unsure.as_deref()))?;
        Ok(Self::trusting(&config.upstreams, Timeouts::from(config), &trust))
    }

    fn trusting(upstreams: &[Upstream], timeouts: Timeouts, trust: &Trust) -> Self {
        Self { asker: Arc::new(Asker::new(upstreams, timeouts, trust)), hosts: Hosts::new() }
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
