//! The `steer` worker: the only one with a capability. It renders, applies, and in gateway mode follows the addresses
//! that `dns` learns.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use caps::Capability;
use gate_core::{Event, Journal};
use gate_dns::EncryptedDns;
use gate_steer::{Desired, RuleSet};
use tokio_util::sync::CancellationToken;

use super::destinations::{Follower, SteerEnd};
use super::late_journal::{LateJournal, Without};
use crate::cli::ProcessName;
use crate::config::{Config, Mode};
use crate::papers::Papers;
use crate::sockets::{Inherited, are_linked};
use crate::{CommandError, Outcome, fence, process, provision, worker};

/// How often the learnt addresses are looked at although nobody said that there are new ones.
const LOOK: Duration = Duration::from_secs(1);
/// How often the kernel is asked whether the rules still stand: somebody may have flushed them.
const WATCH: Duration = Duration::from_secs(10);

pub(super) fn run(config: &Config, mut papers: Papers) -> Result<Outcome, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    let link = are_linked(config).then(|| Inherited::take().link()).transpose()?;
    let key = provision::kept_device_key(config, &papers)?;
    process::confine(&config.process.of(ProcessName::Steer), &[Capability::CAP_NET_ADMIN])
        .map_err(CommandError::internal)?;
    let without = Without::look(config, ProcessName::Steer, &papers);
    fence::raise(config, ProcessName::Steer).map_err(CommandError::internal)?;
    let journal = Arc::new(LateJournal::begin(config, ProcessName::Steer, Ok(key), &mut papers)?);
    let stop = CancellationToken::new();
    worker::watch_supervisor(stop.clone());
    let result = worker::serve(&runtime, &stop, journal.clone(), async {
        let link = link.map(SteerEnd::new).transpose().map_err(CommandError::internal)?;
        let comes_back = without.follow(config, ProcessName::Steer, &journal, &stop);
        let keep = async {
            let kept = keep_rules(config, &*journal, link.as_ref(), &stop).await;
            stop.cancel();
            kept
        };
        tokio::join!(keep, comes_back).0
    });
    worker::close(runtime, journal);
    result
}

/// The rule set that the configuration and the learnt addresses ask for.
pub(crate) fn rule_set(config: &Config, destinations: BTreeSet<IpAddr>) -> Result<RuleSet, CommandError> {
    let port = |listen: &[std::net::SocketAddr], key| {
        listen
            .first()
            .map(std::net::SocketAddr::port)
            .ok_or_else(|| CommandError::Input(format!("{key} must name an address, or steer.enabled must be false")))
    };
    let desired = Desired {
        table: config.steer.table.clone(),
        mode: match config.mode {
            Mode::Dns => gate_steer::Mode::Dns,
            Mode::Gateway => gate_steer::Mode::Gateway,
        },
        own: config.identity.addresses.clone(),
        proxy_port: port(&config.proxy.listen, "proxy.listen")?,
        http_port: port(&config.proxy.http_listen, "proxy.http_listen")?,
        destinations,
        resolvers: resolvers(config)?,
        interfaces: config.steer.interfaces.clone(),
        capture_dns: config.steer.capture_dns.then(|| port(&config.dns.listen, "dns.listen")).transpose()?,
    };
    gate_steer::render(&desired).map_err(CommandError::input)
}

/// The addresses of public resolvers that the office refuses.
fn resolvers(config: &Config) -> Result<BTreeSet<IpAddr>, CommandError> {
    if config.mode != Mode::Gateway || config.encrypted_dns() != EncryptedDns::Refuse {
        return Ok(BTreeSet::new());
    }
    Ok(worker::catalogue()?.resolvers().collect())
}

/// Puts the rules in place and keeps them there. They stay when this ends: AI traffic fails closed without us.
async fn keep_rules(
    config: &Config,
    journal: &dyn Journal,
    link: Option<&SteerEnd>,
    stop: &CancellationToken,
) -> Result<(), CommandError> {
    let file = provision::destinations_file(&config.data);
    let mut learnt = Follower::start(file, || in_force(config));
    apply(config, journal, learnt.addresses())?;
    // The kernel's table was read back: what it should hold it holds.
    let tell = |learnt: &Follower| {
        if let (Some(link), Some(number)) = (link, learnt.number()) {
            link.tell(number);
        }
    };
    tell(&learnt);
    let mut watch = tokio::time::interval_at(tokio::time::Instant::now() + WATCH, WATCH);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = news(link), if config.mode == Mode::Gateway => {
                if learnt.look() {
                    apply(config, journal, learnt.addresses())?;
                }
                tell(&learnt);
            }
            _ = watch.tick() => {
                let expected = rule_set(config, learnt.addresses().clone())?;
                if gate_steer::list(&config.steer.table).ok().as_ref() != Some(&expected) {
                    tracing::warn!("the kernel's rules are not ours any more; putting them back");
                    apply(config, journal, learnt.addresses())?;
                }
            }
        }
    }
}

/// Waits until there may be something new to learn. A client dials what it has just resolved, and waits for this.
async fn news(link: Option<&SteerEnd>) {
    let rung = async {
        match link {
            Some(link) => link.rung().await.unwrap_or_else(|error| tracing::warn!(%error, "the link to dns")),
            None => std::future::pending().await,
        }
    };
    let _ = tokio::time::timeout(LOOK, rung).await;
}

fn apply(config: &Config, journal: &dyn Journal, destinations: &BTreeSet<IpAddr>) -> Result<(), CommandError> {
    let outcome = gate_steer::apply(&rule_set(config, destinations.clone())?);
    let event = Event::Steer(gate_steer::event(&config.steer.table, &outcome));
    // The rules close doors: they stand whether that could be noted or not.
    if let Err(error) = journal.append(&event) {
        tracing::error!(%error, "the journal does not know of the rules");
    }
    outcome.map(|_| ()).map_err(CommandError::internal)
}

/// The destinations that an earlier process put into the kernel.
fn in_force(config: &Config) -> BTreeSet<IpAddr> {
    match gate_steer::list(&config.steer.table) {
        Ok(rules) => rules.destinations(),
        Err(gate_steer::ReadError::NoTable { .. }) => BTreeSet::new(),
        Err(error) => {
            tracing::warn!(%error, "the kernel's destinations cannot be read");
            BTreeSet::new()
        }
    }
}
