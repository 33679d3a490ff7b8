//! `nanogate run`: prepares the data folder, starts the four workers, and brings back whichever dies.
//!
//! ```text
//!   supervisor ──┬── steer   CAP_NET_ADMIN: the kernel's rule set
//!                ├── dns     the LAN's questions
//!                ├── proxy   AI traffic
//!                └── admin   page, API, live feed
//! ```
//!
//! It is the one writer of policy: it validates the owner's file and hands the workers a copy, so that a worker that is
//! started again finds the last good one, whatever the owner's file says by then. Settings they get from its memory, and there
//! is a copy of all else that they begin with: they come back even where the disk is gone (see [`crate::papers`]).
//!
//! The supervisor holds every socket: what arrives while a worker is started again waits for it.
//!
//! A worker that is there and does nothing is replaced like one that died: see [`crate::heartbeat`].
//!
//! Workers share nothing but files: none of them waits for another, so the death or starvation of one costs none of
//! the others an answer. A worker whose supervisor has died sees the end of its standard input and drains.

mod button;
mod desk;
mod keeper;
mod notes;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use caps::Capability;
use gate_audit::{ChainWriter, Waiting};
use gate_core::{Journal, ProcessState};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::cli::ProcessName;
use crate::config::{Config, waiting};
use crate::papers::{Kept, Left};
use crate::run_state::RunState;
use crate::worker::{Stamp, follow_file, follow_policy};
use crate::{CommandError, Outcome, fence, packs, process, provision, setup, sockets, worker};

use self::desk::Desk;
use self::keeper::{Keeper, Order};

/// Leaf certificates live 7 days at most; the admin page's is looked at this often.
const RENEWAL: Duration = Duration::from_secs(3600);
/// What workers begin with is looked at this often: a policy, a pack or an account may have changed.
const LOOK: Duration = Duration::from_secs(2);

/// Runs until SIGTERM or SIGINT.
pub(crate) fn run(file: &Path) -> Result<Outcome, CommandError> {
    let text = Config::read(file).map_err(CommandError::input)?;
    let config = Config::of_text(file, &text).map_err(CommandError::input)?;
    worker::start_log(&config.log);
    worker::check(&config)?;
    may_steer(&config)?;
    let key = provision::begin(&config)?;
    process::confine_supervisor(config.process.supervisors_user().as_deref()).map_err(CommandError::internal)?;
    fence::raise_around_all(&config).map_err(CommandError::internal)?;
    let journal = Arc::new(worker::open_journal_with(&config, provision::SUPERVISOR, key)?);
    if let Some(taken) = setup::take_password(&config.data) {
        notes::password(&*journal, taken);
    }
    let claim_code = provision::complete(&config)?;
    provision::keep_settings(&config.data, &text)?;
    // Looked at before it is read, so that a pack that arrives between is noticed.
    let seen = worker::stamp(&packs::installed_file(&config.data));
    let (pack, news) = packs::activate(&config)?;
    if news || pack.error.is_some() {
        notes::pack(&*journal, &pack);
    }
    if let Some(code) = claim_code {
        let own_name = config.own_name().map_err(CommandError::input)?;
        println!("claim code: {code}   (for the first sign-in at https://{own_name}/)");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(CommandError::internal)?;
    let kept = Kept::new(&config, text);
    runtime.block_on(supervise(file, (config, kept), journal, seen))
}

/// Without the capability the `steer` worker would die again and again, and AI traffic go past the puck meanwhile.
fn may_steer(config: &Config) -> Result<(), CommandError> {
    if config.steer.enabled && !process::may(Capability::CAP_NET_ADMIN) {
        return Err(CommandError::Input(
            "steer.enabled: writing the kernel's rules needs CAP_NET_ADMIN: start nanogate as root, or with that \
             capability, or set steer.enabled = false"
                .to_owned(),
        ));
    }
    Ok(())
}

async fn supervise(
    file: &Path,
    (config, kept): (Config, Arc<Kept>),
    journal: Arc<ChainWriter>,
    mut seen: Option<Stamp>,
) -> Result<Outcome, CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::internal)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::internal)?;
    let state = Arc::new(RunState::start(&config).map_err(CommandError::internal)?);
    notes::process(&*journal, provision::SUPERVISOR, std::process::id(), ProcessState::Started);

    let mut desk = Desk::open(&config, journal.clone());
    let (orders, _) = broadcast::channel(16);
    let mut keepers = Vec::new();
    let mut link = if sockets::are_linked(&config) { BTreeMap::from(sockets::link()?) } else { BTreeMap::new() };
    // Whether the proxy's journal takes no records, for the page.
    let unrecorded = watch::channel(false).0;
    for name in ProcessName::ALL {
        if name == ProcessName::Steer && !config.steer.enabled {
            continue;
        }
        let mut sockets = sockets::open(&config, name)?;
        sockets.extend(link.remove(&name));
        let (journal, state, switch, button) =
            (journal.clone(), state.clone(), desk.switch.follow(), desk.button.follow());
        let (file, kept) = (file.to_owned(), kept.clone());
        let unrecorded = (unrecorded.clone(), unrecorded.subscribe());
        let left = Left::new(Waiting::most_bytes(&config.journal.options(name.as_str())));
        let left = left.map_err(CommandError::internal)?;
        keepers.push(Keeper { name, file, kept, left, sockets, journal, state, switch, button, unrecorded });
    }
    // Nobody is started before every socket is ours.
    let mut workers = JoinSet::new();
    for keeper in keepers {
        workers.spawn(keeper.keep(orders.subscribe()));
    }
    let mut renewal = tokio::time::interval(RENEWAL);
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let never = CancellationToken::new();
    let mut follow = std::pin::pin!(follow_policy(config.policy_file(), never, |policy, text| {
        for warning in worker::policy_warnings(&policy).unwrap_or_default() {
            tracing::warn!(warning, "the policy says something that cannot come true");
        }
        match provision::activate_policy(&config, text) {
            Ok(()) => {
                tracing::info!("the new policy is in force");
                true
            }
            Err(error) => {
                tracing::error!(%error, "the new policy could not be handed to the workers; it is tried again");
                false
            }
        }
    }));
    let installed = packs::installed_file(&config.data);
    let mut repack = std::pin::pin!(follow_file(Some(&installed), CancellationToken::new(), async || {
        // What lay there at the start is in force already.
        let now = worker::stamp(&installed);
        if seen.take() != now || now.is_none() {
            activate_pack(&config, &*journal).await;
        }
    }));
    let root = provision::ca_file(&config.data);
    let mut root_seen = worker::stamp(&root);
    let mut recertify = std::pin::pin!(follow_file(Some(&root), CancellationToken::new(), async || {
        // One that cannot be seen any more is no other one: whoever were started again without the card would not come back.
        let now = worker::stamp(&root);
        if now.is_none() || std::mem::replace(&mut root_seen, now) == now {
            return;
        }
        tracing::info!("another certificate authority is in force");
        if let Err(error) = provision::renew_admin_certificate(&config) {
            tracing::error!(%error, "the admin page's certificate could not be renewed");
        }
        // Both read the authority before they give up their privileges.
        for name in [ProcessName::Proxy, ProcessName::Admin] {
            let _ = orders.send(Order::StartAgain(name));
        }
    }));
    let wanted = provision::wanted_file(&config.data);
    let mut succeed = std::pin::pin!(follow_file(Some(&wanted), CancellationToken::new(), async || {
        match provision::activate_wanted(&config) {
            Ok(None) => {}
            Ok(Some(authority)) => notes::authority(&*journal, Ok(authority.fingerprint_sha256())),
            Err(error) => notes::authority(&*journal, Err(error.to_string())),
        }
    }));
    let mut readable = fence::dns_folders(&config.dns);
    let mut regroup = std::pin::pin!(follow_file(Some(file), CancellationToken::new(), async || {
        if regroup(file, &config, &mut readable) {
            let _ = orders.send(Order::StartAgain(ProcessName::Dns));
        }
    }));
    loop {
        tokio::select! {
            () = &mut regroup => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            () = desk.work() => {}
            () = &mut follow => {}
            () = &mut repack => {}
            () = &mut recertify => {}
            () = &mut succeed => {}
            _ = look.tick() => {
                let kept = kept.clone();
                tokio::spawn(async move {
                    let _ = kept.look().await;
                });
            }
            _ = renewal.tick() => match provision::renew_admin_certificate(&config) {
                Ok(false) => {}
                Ok(true) => { let _ = orders.send(Order::StartAgain(ProcessName::Admin)); }
                Err(error) => tracing::error!(%error, "the admin page's certificate could not be renewed"),
            },
        }
    }
    let _ = orders.send(Order::Drain);
    while workers.join_next().await.is_some() {}
    notes::process(&*journal, provision::SUPERVISOR, std::process::id(), ProcessState::Stopped);
    Ok(Outcome::Done)
}

/// Reads the owner's file again for the groups of clients; its other keys count from the next start. Whether the `dns`
/// worker has to start again, because a list lies where its fence, which stands since its start, lets it read nothing.
fn regroup(file: &Path, config: &Config, readable: &mut BTreeSet<PathBuf>) -> bool {
    let read = || {
        let text = Config::read(file)?;
        Config::of_text(file, &text).map(|config| (text, config.dns.groups))
    };
    let groups = match read() {
        Ok((text, groups)) => {
            tell_waiting(config, &text);
            groups
        }
        Err(error) => {
            tracing::error!(%error, "the new configuration is not used; the last good groups stay in force");
            return false;
        }
    };
    if let Err(error) = provision::activate_groups(&config.data, &groups) {
        tracing::error!(%error, "the groups of clients could not be handed to the dns process");
        return false;
    }
    let wanted = fence::dns_folders(&gate_dns::Config { groups, ..config.dns.clone() });
    let beyond = !wanted.is_subset(readable);
    if beyond {
        *readable = wanted;
    }
    beyond
}

/// Says which of the owner's changes count from the next start only: who has sent SIGHUP may think that all do.
fn tell_waiting(config: &Config, text: &str) {
    let started = std::fs::read_to_string(provision::settings_file(&config.data)).unwrap_or_default();
    let keys = waiting(&started, text);
    if !keys.is_empty() {
        tracing::warn!(keys = keys.join(", "), "changed in the configuration file, and in force from the next start");
    }
    if let Err(error) = provision::keep_waiting(&config.data, &keys) {
        tracing::error!(%error, "what waits for the next start could not be noted for `nanogate status`");
    }
}

/// Chooses the pack in force again; the workers follow it by themselves.
async fn activate_pack(config: &Config, journal: &dyn Journal) {
    let config = config.clone();
    match tokio::task::spawn_blocking(move || packs::activate(&config)).await {
        Ok(Ok((pack, true))) => notes::pack(journal, &pack),
        Ok(Ok((_, false))) => {}
        Ok(Err(error)) => tracing::error!(%error, "the pack could not be handed to the workers"),
        Err(error) => tracing::error!(%error, "the pack could not be checked"),
    }
}
