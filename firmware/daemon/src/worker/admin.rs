//! The `admin` worker: gate-admin with its ports filled in. It reads everybody's journals and writes its own.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gate_admin::{
    Accounts, Admin, BlockListStatus, CaCertificate, CaInfo, FallbackError, FallbackStatus, Fallbacks, Feed, FeedEntry,
    FeedError, Listeners, PackStatus, PolicyError, PolicyText, PolicyView, Ports, ProcessStatus, Scope, Site, Status,
    StatusReport, Succession, UpstreamStatus,
};
use gate_audit::Follower;
use gate_core::{Clock, Journal, Judge, Mode, SystemClock};
use gate_policy::Policy;
use gate_proxy::Fallback;
use gate_scrub::PackSource;
use gate_scrub::Scanner;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::ProcessName;
use crate::config::Config;
use crate::papers::{Papers, is_absent};
use crate::provision::{Identity, PageIdentity};
use crate::run_state::{self, DnsList, DnsState, DnsUpstream, Running};
use crate::sockets::Inherited;
use crate::worker::inspect::Inspection;
use crate::worker::late_journal::{LateJournal, Without};
use crate::worker::on_demand::OnDemand;
use crate::worker::reload::{follow_file, follow_policy};
use crate::worker::{fallbacks, shortfalls};
use crate::{CommandError, Outcome, fence, packs, process, provision, worker};

/// What a person has to see to. Without a record nothing is done that has to leave one, signing in among it.
const GONE: &str = "The disk cannot be read: on a puck, the card is gone or broken. Names are answered; AI traffic is \
                    refused unless journal.in_memory_mib allows it. It needs you: put the card back and switch the puck \
                    off and on.";
const SHUT: &str = "The journal takes no records: the disk (on a puck, the card) is full, gone or broken. Names are \
                    answered; AI traffic is refused, and so is a sign-in that cannot be noted. It needs you.";

/// Records of each chain that the page shows at its start.
const FEED_START: u64 = 500;

pub(super) fn run(config: &Config, mut papers: Papers) -> Result<Outcome, CommandError> {
    let mut sockets = Inherited::take();
    let (https, handover) = (sockets.tcp(config.admin.listen.len())?, sockets.tcp(1)?);
    let key = provision::kept_device_key(config, &papers)?;
    let ca = ca_info(config, &papers)?;
    let own_name = config.own_name().map_err(CommandError::input)?;
    let tls = tls(provision::page_identity(config, &papers)?, own_name.to_string())?;
    papers.forget_keys(config);
    process::confine(&config.process.of(ProcessName::Admin), &[]).map_err(CommandError::internal)?;
    let without = Without::look(config, ProcessName::Admin, &papers);
    fence::raise(config, ProcessName::Admin).map_err(CommandError::internal)?;
    let journal = Arc::new(LateJournal::begin(config, ProcessName::Admin, Ok(key), &mut papers)?);
    let known = papers.kept(&provision::accounts_file(&config.data));
    let accounts =
        Accounts::open_or(&provision::admin_state_dir(&config.data), known).map_err(CommandError::internal)?;

    let policy = Arc::new(ArcSwap::from_pointee(worker::policy(config, &papers)?));
    // Looked at before it is read, so that a pack that arrives between is noticed.
    let mut seen = worker::stamp(&packs::active_file(&config.data));
    let rules = Arc::new(OnDemand::new(config, papers.kept(&packs::active_file(&config.data))));
    drop(papers);
    let packs = Arc::new(ArcSwap::from_pointee(pack_status(&rules.source())?));
    if accounts.tokens().map_err(CommandError::internal)?.iter().any(|token| token.scopes.contains(&Scope::Inspect)) {
        rules.prepare();
    }
    let stop = CancellationToken::new();
    let told = worker::watch_supervisor(stop.clone());
    let ports = Ports {
        feed: Box::new(Chains::new(config)),
        inspector: Arc::new(Inspection::new(policy.clone(), rules.clone(), config, told.switch)?),
        status: Arc::new(Report {
            config: config.clone(),
            host: own_name.to_string(),
            packs: packs.clone(),
            journal: journal.clone(),
            unrecorded: told.unrecorded,
        }),
        policy: Arc::new(View { config: config.clone(), policy: policy.clone(), rules: rules.clone() }),
        fallbacks: Arc::new(Standing(config.clone())),
        journal: journal.clone(),
        clock: Arc::new(SystemClock),
        ca: Arc::new(ca),
        succession: Arc::new(Heirs(config.data.clone())),
        button: told.button,
    };
    let site = Site { local: config.local_subnets(), names: config.own_names().map_err(CommandError::input)? };
    let admin = Admin::new(config.admin.clone(), site, Arc::new(accounts), ports).map_err(CommandError::input)?;
    let runtime = worker::runtime(worker::BLOCKING + config.admin.inspect_concurrency)?;
    let result = worker::serve(&runtime, &stop, journal.clone(), async {
        let listeners = Listeners { https: worker::listen(https)?, handover: worker::listen(handover)? };
        let reload = follow_policy(provision::active_policy(config), stop.clone(), |new, _| {
            policy.store(Arc::new(new));
            true
        });
        let active = packs::active_file(&config.data);
        let repack = follow_file(Some(&active), stop.clone(), async || {
            let now = worker::stamp(&active);
            if std::mem::replace(&mut seen, now) == now {
                return;
            }
            let rules = rules.clone();
            let renewed = tokio::task::spawn_blocking(move || {
                rules.renew();
                pack_status(&rules.source())
            });
            match renewed.await.map_err(CommandError::internal).flatten() {
                Ok(status) => packs.store(Arc::new(status)),
                Err(error) => tracing::error!(%error, "the new pack cannot be shown"),
            }
        });
        let comes_back = without.follow(config, ProcessName::Admin, &journal, &stop);
        tokio::join!(admin.serve(listeners, tls, stop.clone()), reload, repack, comes_back);
        Ok(())
    });
    worker::close(runtime, journal);
    result
}

fn ca_info(config: &Config, papers: &Papers) -> Result<CaInfo, CommandError> {
    let authority = provision::authority(config, papers)?;
    let certificate = |authority: &gate_seal::Authority| CaCertificate {
        fingerprint_sha256: authority.fingerprint_sha256(),
        not_after: authority.expires_at(),
        pem: authority.cert_pem(),
        der: authority.cert_der().to_vec(),
        mobileconfig: authority.mobileconfig(&config.domain),
    };
    Ok(CaInfo {
        subject: provision::ca_subject(config),
        permitted_names: authority.permitted_domains().map(str::to_owned).collect(),
        missing_names: provision::missing(&authority, &worker::catalogue()?),
        locked: authority.is_locked(),
        certificate: certificate(&authority),
        next: provision::successor(config, papers)?.as_ref().map(certificate),
    })
}

fn pack_status(source: &PackSource) -> Result<Vec<PackStatus>, CommandError> {
    let mut packs: Vec<PackStatus> = Vec::new();
    for (kb, entries) in source.rules().map_err(CommandError::internal)? {
        packs.push(PackStatus { name: kb.as_str().to_owned(), version: source.info().version.to_string(), entries });
    }
    packs.push(PackStatus {
        name: gate_core::KnowledgeBase::Providers.as_str().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        entries: u32::try_from(packs::PROVIDERS.len()).unwrap_or(u32::MAX),
    });
    Ok(packs)
}

fn tls(identity: PageIdentity, name: String) -> Result<rustls::ServerConfig, CommandError> {
    let faces = Faces { name, by_name: certified(identity.by_name)?, by_address: certified(identity.by_address)? };
    let provider = Arc::new(aws_lc_rs::default_provider());
    Ok(rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(CommandError::internal)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(faces)))
}

fn certified((cert, key): Identity) -> Result<Arc<CertifiedKey>, CommandError> {
    let key = aws_lc_rs::sign::any_ecdsa_type(&PrivateKeyDer::Pkcs8(key)).map_err(CommandError::internal)?;
    Ok(Arc::new(CertifiedKey::new(vec![cert], key)))
}

/// By its name in the office's domain the page stands under the office's authority; by address and as `nanogate.local` on
/// its own, because the authority may not vouch for those.
#[derive(Debug)]
struct Faces {
    name: String,
    by_name: Arc<CertifiedKey>,
    by_address: Arc<CertifiedKey>,
}

impl ResolvesServerCert for Faces {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(if hello.server_name().is_some_and(|asked| asked == self.name) {
            self.by_name.clone()
        } else {
            self.by_address.clone()
        })
    }
}

/// All chains, read round robin.
struct Chains(VecDeque<(Arc<str>, Follower)>);

impl Chains {
    fn new(config: &Config) -> Self {
        let names =
            ProcessName::ALL.map(ProcessName::as_str).into_iter().chain([provision::SUPERVISOR, provision::CONSOLE]);
        Self(
            names
                .map(|name| {
                    let dir = provision::chain_dir(&config.data, name);
                    let follower = Follower::at_end(&dir, FEED_START).unwrap_or_else(|_| Follower::new(&dir));
                    (Arc::from(name), follower)
                })
                .collect(),
        )
    }
}

impl Feed for Chains {
    fn poll(&mut self, max: usize) -> gate_admin::Polled {
        let mut polled = gate_admin::Polled::default();
        for _ in 0..self.0.len() {
            let Some((process, follower)) = self.0.front_mut() else { break };
            let batch = follower.poll(max - polled.entries.len());
            let process = process.clone();
            // Whoever was read last comes last next time, also when it failed.
            self.0.rotate_left(1);
            match batch {
                Ok(batch) => {
                    polled.followed = true;
                    polled.entries.extend(batch.into_iter().map(|(position, record)| FeedEntry {
                        process: process.clone(),
                        position,
                        record,
                    }));
                }
                Err(error) => {
                    polled.failed.push(FeedError { process: process.to_string(), source: Box::new(error) });
                }
            }
            if polled.entries.len() >= max {
                break;
            }
        }
        polled
    }
}

struct View {
    config: Config,
    policy: Arc<ArcSwap<Policy>>,
    rules: Arc<OnDemand>,
}

impl View {
    /// Waits until the supervisor has put a policy in force, which looks four times a second.
    fn is_in_force(&self, text: &str) -> bool {
        let active = provision::active_policy(&self.config);
        let look = |_| {
            #[expect(clippy::disallowed_methods, reason = "the thread is one for files, and may wait")]
            std::thread::sleep(Duration::from_millis(100));
            active.text().is_ok_and(|now| now == text)
        };
        (0..30).any(look)
    }
}

impl PolicyView for View {
    fn mode_of(&self, client: IpAddr) -> Mode {
        self.policy.load().mode_of(client)
    }

    fn text(&self) -> Result<PolicyText, PolicyError> {
        // The owner's file may be out of this process's reach, and the page's may be lost: what is in force of them is not.
        let (page, active) = (provision::page_policy(&self.config.data), provision::active_policy(&self.config).path);
        let of_page = || fs::read_to_string(&page).ok().filter(|_| self.config.policy.is_none());
        let text = match of_page().map_or_else(|| fs::read_to_string(&active), Ok) {
            Err(error) if is_absent(&error, &active) => String::new(),
            text => text.map_err(PolicyError::Disk)?,
        };
        Ok(PolicyText { text, file: self.config.policy.as_ref().map(|file| file.display().to_string()) })
    }

    fn replace(&self, text: &str) -> Result<Vec<String>, PolicyError> {
        if let Some(file) = &self.config.policy {
            return Err(PolicyError::Elsewhere(file.display().to_string()));
        }
        let policy = Policy::from_yaml("policy", text).map_err(|error| PolicyError::Wrong(error.to_string()))?;
        let mut warnings = worker::policy_warnings(&policy).unwrap_or_default();
        match self.rules.source().compile(&[]) {
            Ok(pack) => warnings.extend(worker::finding_warnings(&policy, &Scanner::new(Arc::new(pack)))),
            Err(error) => tracing::error!(%error, "whether the policy's findings exist cannot be told"),
        }
        run_state::replace(&provision::page_policy(&self.config.data), text.as_bytes(), 0o644)
            .map_err(PolicyError::Disk)?;
        if !self.is_in_force(text) {
            warnings.push("It is saved, and not yet in force: the disk does not take it.".to_owned());
        }
        Ok(warnings)
    }
}

/// What the `proxy` worker keeps, read from its file and changed at its socket.
struct Standing(Config);

impl Fallbacks for Standing {
    fn list(&self) -> Vec<FallbackStatus> {
        fallbacks::standing(&self.0.data)
            .into_iter()
            .map(|one| {
                let Fallback { id, client, host, vendor, ja4, runtime, cause, since, until } = one;
                FallbackStatus { id, client, host, vendor, ja4, runtime, cause, since, until }
            })
            .collect()
    }

    fn revoke(&self, id: &str) -> Result<bool, FallbackError> {
        fallbacks::revoke(&self.0.data, id).map_err(FallbackError)
    }
}

/// What the supervisor is asked for by a file, as it is for the policy.
struct Heirs(PathBuf);

impl Succession for Heirs {
    fn ask(&self, fingerprint: &str) -> io::Result<()> {
        run_state::replace(&provision::wanted_file(&self.0), fingerprint.as_bytes(), 0o644)
    }
}

struct Report {
    config: Config,
    host: String,
    packs: Arc<ArcSwap<Vec<PackStatus>>>,
    journal: Arc<LateJournal>,
    unrecorded: watch::Receiver<bool>,
}

impl Status for Report {
    fn report(&self) -> StatusReport {
        let running = Running::read(&self.config.data).ok();
        let started = running.as_ref().map_or(0, |running| running.started_at);
        let dns = DnsState::read(&provision::dns_file(&self.config.data));
        let processes = running.map(|running| running.processes).unwrap_or_default();
        StatusReport {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            mode: self.config.mode.as_str().to_owned(),
            host: self.host.clone(),
            uptime_seconds: SystemClock.now().0.saturating_sub(started) / 1_000_000,
            processes: processes
                .into_iter()
                .map(|process| {
                    let rss_bytes = resident(process.pid);
                    let pid = rss_bytes.is_some().then_some(process.pid);
                    ProcessStatus { name: process.name, pid, rss_bytes, restarts: process.restarts }
                })
                .collect(),
            packs: self.packs.load().to_vec(),
            warnings: self.trouble().into_iter().chain(run_state::warnings(&self.config.data)).collect(),
            upstreams: dns.upstreams.into_iter().map(upstream).collect(),
            block_lists: dns.lists.into_iter().map(block_list).collect(),
            shortfalls: shortfalls::read(&self.config.data),
        }
    }

    fn trouble(&self) -> Option<String> {
        // The supervisor keeps it for as long as it lives.
        let gone = Running::read(&self.config.data).is_err();
        let shut = *self.unrecorded.borrow() || !self.journal.is_open();
        gone.then_some(GONE).or(shut.then_some(SHUT)).map(str::to_owned)
    }
}

fn upstream(state: DnsUpstream) -> UpstreamStatus {
    let DnsUpstream { upstream, whose, working, failure, strips_signatures, tcp_only, asks_us, makes_up } = state;
    UpstreamStatus { upstream, whose, working, failure, strips_signatures, tcp_only, asks_us, makes_up }
}

fn block_list(state: DnsList) -> BlockListStatus {
    let DnsList { list, names, foreign_lines, error } = state;
    BlockListStatus { list, names, foreign_lines, error }
}

/// Resident memory of a living process, in bytes (proc_pid_status(5), `VmRSS`).
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
