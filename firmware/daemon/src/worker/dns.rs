//! The `dns` worker: gate-dns on its sockets, and in gateway mode the addresses it learns for `steer`.

mod answers;
pub(crate) mod control;
mod groups;
pub(crate) mod keys;
mod neighbours;
mod routers;
mod state;
mod warnings;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use gate_core::SystemClock;
use gate_dns::{Destinations, Dns, Dnssec, Identity, NetworkMode, bind_mdns};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::destinations::{self, DestinationsError, DnsEnd};
use super::late_journal::{LateJournal, Without};
use crate::cli::ProcessName;
use crate::config::{Config, Mode};
use crate::packs::Keys;
use crate::papers::Papers;
use crate::sockets::{Inherited, are_linked};
use crate::{CommandError, Outcome, fence, process, provision, worker};

use self::warnings::Warnings;

pub(super) fn run(config: &Config, mut papers: Papers) -> Result<Outcome, CommandError> {
    // Groups may have changed since the supervisor's start, and the fence below lets read what they name.
    let config = &groups::in_force(config, &papers);
    let mut sockets = Inherited::take();
    let (tcp, linked) = (config.dns.listen.len(), are_linked(config));
    let udp = sockets.left().saturating_sub(tcp + usize::from(linked));
    let (udp, tcp) = (sockets.udp(udp)?, sockets.tcp(tcp)?);
    let link = linked.then(|| sockets.link()).transpose()?;
    // Without it no record is kept, but everybody is answered: whoever pulled the card out wants to go on working.
    let key = provision::kept_device_key(config, &papers);
    papers.forget_keys(config);
    process::confine(&config.process.of(ProcessName::Dns), &[]).map_err(CommandError::internal)?;
    let without = Without::look(config, ProcessName::Dns, &papers);
    fence::raise(config, ProcessName::Dns).map_err(CommandError::internal)?;
    let journal = Arc::new(LateJournal::begin(config, ProcessName::Dns, key, &mut papers)?);

    let identity = identity(config)?;
    let catalogue = Arc::new(worker::catalogue()?);
    let (extra_roots, _open) = papers.roots(provision::active_roots(config))?;
    let own = gate_dns::Config { extra_roots, ..settings(config) };
    let dns =
        Dns::new(own, catalogue, identity, journal.clone(), Arc::new(SystemClock)).map_err(CommandError::input)?;
    let mut trusted = None;
    let handed = provision::keys_file(&config.data);
    keys::trust(&dns, &handed, papers.read(&handed).and_then(|bytes| Keys::parse(&bytes)), &mut trusted);
    let file = provision::destinations_file(&config.data);
    let gateway = config.mode == Mode::Gateway;
    if gateway {
        // A disk that hangs is not asked; what is written once it goes on must not lack what was there.
        let kept = || papers.kept(&file).map(destinations::parse);
        let earlier = if papers.hangs { kept() } else { Some(destinations::read(&file)) };
        if let Some(earlier) = earlier {
            remember(&dns, &file, earlier);
        }
    }
    let hangs = papers.hangs;
    drop(papers);
    let (dns, kept) = (Arc::new(dns), provision::answers_file(&config.data));
    if !hangs {
        answers::load(&dns, &kept);
    }
    let warnings = Warnings::new(provision::warnings_file(&config.data));
    // The room answers from threads of its own; this one waits for upstreams and serves TCP.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    let stop = CancellationToken::new();
    worker::watch_supervisor(stop.clone());
    let result = worker::serve(&runtime, &stop, journal.clone(), async {
        let link = link.map(DnsEnd::new).transpose().map_err(CommandError::internal)?;
        let publish = async {
            if gateway {
                tokio::join!(publish(&dns, file, link.as_ref(), &stop), hear(&dns, link.as_ref(), &stop));
            }
        };
        let serve = dns.serve(udp, worker::listen(tcp)?, stop.clone());
        let keep = answers::keep(&dns, &kept, &stop);
        let comes_back = without.follow(config, ProcessName::Dns, &journal, &stop);
        tokio::join!(serve, publish, keep, comes_back, look_around(&dns, config, trusted, &warnings, &stop));
        Ok(())
    });
    answers::save(&dns, &kept);
    drop(dns);
    worker::close(runtime, journal);
    result
}

/// Everything beside the answers: who is there, what the owner wants, how it all does.
async fn look_around(
    dns: &Arc<Dns>,
    config: &Config,
    trusted: Option<Keys>,
    warnings: &Warnings,
    stop: &CancellationToken,
) {
    let (local, own) = (config.local_subnets(), &config.identity.addresses);
    let (state, ask) = (provision::dns_file(&config.data), provision::dns_socket(&config.data));
    let rules = (config.dns.dnssec != Dnssec::Off, config.encrypted_dns());
    let (owners, keys) = (provision::groups_file(&config.data), provision::keys_file(&config.data));
    tokio::join!(
        routers::follow(dns, warnings, stop),
        neighbours::follow(dns, &local, own, stop),
        groups::follow(dns, &owners, stop),
        keys::follow(dns, &keys, trusted, stop),
        state::follow(dns, &state, warnings, rules, stop),
        control::serve(dns, &ask, stop),
        dns.listen_mdns(mdns_sockets(config), stop.clone()),
    );
}

/// A socket for each of the puck's networks. Where there is none, hosts are only known by the files.
fn mdns_sockets(config: &Config) -> Vec<UdpSocket> {
    let own = config.identity.addresses.iter().filter(|_| config.dns.mdns);
    let v4 = own.filter_map(|address| match address {
        IpAddr::V4(v4) => Some(*v4),
        IpAddr::V6(_) => None,
    });
    let open = |address| {
        let opened = bind_mdns(address);
        opened.inspect_err(|error| tracing::info!(%error, %address, "hosts that name themselves are not heard")).ok()
    };
    v4.filter_map(open).collect()
}

/// Who the puck is on the LAN.
pub(crate) fn identity(config: &Config) -> Result<Identity, CommandError> {
    let own_names = config.own_names().map_err(CommandError::input)?;
    Ok(Identity { addresses: config.identity.addresses.clone(), own_names, subnets: config.own_subnets() })
}

/// The room's own settings with what the rest of the file says about it.
pub(crate) fn settings(config: &Config) -> gate_dns::Config {
    let mode = match config.mode {
        Mode::Dns => NetworkMode::Dns,
        Mode::Gateway => NetworkMode::Gateway,
    };
    gate_dns::Config {
        mode,
        encrypted_dns: Some(config.encrypted_dns()),
        extra_roots: provision::active_roots(config),
        confirm_learnt: are_linked(config),
        lists_folder: Some(provision::lists_folder(&config.data)),
        block_names: block_names(config.process.of(ProcessName::Dns).memory_mib),
        ..config.dns.clone()
    }
}

/// How many names of block lists fit twice into the process's memory, beside all else that it does: while a list is replaced,
/// the old and the new one are there.
fn block_names(memory_mib: u64) -> usize {
    const ALL_ELSE_MIB: u64 = 56;
    const NAME: u64 = 6;
    usize::try_from((memory_mib.saturating_sub(ALL_ELSE_MIB) << 20) / (2 * NAME)).unwrap_or(usize::MAX)
}

/// Clients go on using addresses that an earlier process gave them: what it had learnt must stay redirected.
fn remember(dns: &Dns, file: &Path, earlier: Result<Destinations, DestinationsError>) {
    match earlier {
        Ok(earlier) => dns.remember(&earlier),
        Err(error) if error.is_missing() => {}
        Err(error) => tracing::error!(%error, file = %file.display(), "the addresses learnt before cannot be read"),
    }
}

/// How often it is said again that there is something new, as long as nobody says that it is in force.
const RING_AGAIN: Duration = Duration::from_secs(1);

/// Writes every new set of addresses, whole, for the `steer` worker, and tells it; nothing before there is something new. It
/// happens beside the thread that answers, and sets that come meanwhile are written as one. Clients wait for it, so nothing
/// here waits for the disk.
async fn publish(dns: &Dns, file: PathBuf, link: Option<&DnsEnd>, stop: &CancellationToken) {
    let (mut set, mut on_disk) = (dns.destinations(), None);
    if set.borrow().sequence > 0 {
        // What an earlier process had learnt has a new number.
        set.mark_changed();
    }
    while let Some(Ok(())) = stop.run_until_cancelled(set.changed()).await {
        let (set, to) = (set.borrow_and_update().clone(), file.clone());
        let written = tokio::task::spawn_blocking(move || destinations::write(&to, &set)).await;
        match written.map_err(std::io::Error::from).flatten() {
            Ok(new) => {
                link.into_iter().for_each(DnsEnd::ring);
                // What comes while the disk is busy it has a little later.
                if on_disk.as_ref().is_none_or(JoinHandle::is_finished) {
                    on_disk = Some(tokio::task::spawn_blocking(move || new.sync_all()));
                }
            }
            Err(error) => {
                tracing::error!(%error, file = %file.display(), "the steered addresses could not be written");
            }
        }
    }
}

/// Hears which sets are in force, and asks again where nothing is heard: whoever redirects may have started again.
async fn hear(dns: &Dns, link: Option<&DnsEnd>, stop: &CancellationToken) {
    let Some(link) = link else { return };
    let (set, mut last) = (dns.destinations(), 0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            heard = link.in_force() => match heard {
                Ok((life, sequence)) => {
                    if life == set.borrow().life {
                        last = sequence;
                    }
                    dns.confirm(life, sequence);
                }
                Err(error) => {
                    tracing::warn!(%error, "the link to steer");
                    tokio::time::sleep(RING_AGAIN).await;
                }
            },
            () = tokio::time::sleep(RING_AGAIN) => {
                if set.borrow().sequence != last {
                    link.ring();
                }
            }
        }
    }
}
