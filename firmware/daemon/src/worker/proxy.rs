//! The `proxy` worker: gate-proxy with its ports filled in.

pub(crate) mod fallbacks;
pub(crate) mod shortfalls;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use gate_admin::ProxyToken;
use gate_core::{Clock, Event, HostName, Journal, JournalError, OrigDst, Position, SystemClock};
use gate_dns::{EncryptedDns, LookupError, Upstreams};
use gate_policy::Policy;
use gate_proxy::{
    Answer, Listeners, Mint, MintError, OriginalDestination, Pass, Passes, Place, Ports, Proxy, Resolve, ResolveError,
    Snapshot, Switch, ValueHash, check_roots,
};
use gate_scrub::Scanner;
use gate_seal::{Authority, DeviceKey, IssueError, LEAF_MAX_DAYS, LeafRequest, Purpose};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::PrivateKeyDer;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cli::ProcessName;
use crate::config::Config;
use crate::packs::{Rules, follow_pack};
use crate::papers::Papers;
use crate::sockets::Inherited;
use crate::worker::late_journal::{LateJournal, Without};
use crate::worker::reload::{follow_policy, follow_until_read};
use crate::{CommandError, Outcome, fence, process, provision, worker};

const PLACEHOLDERS: Purpose = Purpose::new("placeholders/v1");
const ACCOUNTS: Purpose = Purpose::new("accounts/v1");

/// What a parser cannot see: the trust anchors are there, and the proxy can use them.
pub(super) fn check(config: &Config) -> Result<(), CommandError> {
    let files = [("proxy.extra_roots", &config.proxy.extra_roots), ("proxy.client_roots", &config.proxy.client_roots)];
    let mut given = files.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?)));
    given.try_for_each(|(key, file)| check_roots(key, file)).map_err(CommandError::input)
}

pub(super) fn run(config: &Config, mut papers: Papers) -> Result<Outcome, CommandError> {
    let mut sockets = Inherited::take();
    let tls = sockets.tcp(config.proxy.listen.len())?;
    let http = sockets.tcp(config.proxy.http_listen.len())?;
    let explicit = sockets.tcp(config.proxy.explicit_listen.len())?;
    let authority = provision::authority(config, &papers)?;
    let key = provision::kept_device_key(config, &papers)?;
    let (placeholder_key, account_key) = (secret(&key, PLACEHOLDERS), account_key(&key));
    papers.forget_keys(config);
    process::confine(&config.process.of(ProcessName::Proxy), &[]).map_err(CommandError::internal)?;
    let without = Without::look(config, ProcessName::Proxy, &papers);
    fence::raise(config, ProcessName::Proxy).map_err(CommandError::internal)?;
    let journal = Arc::new(LateJournal::begin(config, ProcessName::Proxy, Ok(key), &mut papers)?);

    let policy = worker::policy(config, &papers)?;
    let rules = Rules::in_force(config, &papers)?;
    warn(&policy, &rules.scanner);
    let snapshot = Arc::new(ArcSwap::from_pointee(Snapshot {
        judge: Arc::new(policy),
        catalogue: Arc::new(worker::catalogue()?),
        scanner: rules.scanner,
        place: place(config)?,
        passes: Arc::new(passes(config, &papers).unwrap_or_default()),
    }));
    let (extra_roots, _open) = papers.roots(provision::active_roots(config))?;
    let settings = gate_dns::Config { extra_roots: extra_roots.clone(), ..worker::dns::settings(config) };
    let recorder = recorder(config, &journal);
    let ports = Ports {
        resolve: Arc::new(Resolver(Upstreams::configured(&settings).map_err(CommandError::input)?)),
        original: Arc::new(Kernel),
        mint: Arc::new(Minter(authority)),
        journal: recorder.clone(),
        clock: Arc::new(SystemClock),
        placeholder_key,
        account_key,
        snapshot: snapshot.clone(),
    };
    let refuse_resolvers = config.encrypted_dns() == EncryptedDns::Refuse;
    // Where they were not kept nobody is known by a certificate, and who must show one is refused.
    let (client_roots, _open_too) = papers.roots(provision::active_client_roots(config))?;
    drop(papers);
    let settings = gate_proxy::Config { extra_roots, client_roots, refuse_resolvers, ..config.proxy.clone() };
    let proxy = Proxy::new(settings, ports).map_err(CommandError::input)?;
    proxy.restore_fallbacks(fallbacks::read(&config.data));
    let runtime = worker::runtime(worker::BLOCKING)?;
    let stop = CancellationToken::new();
    let mut switch = worker::watch_supervisor(stop.clone()).switch;
    let result = worker::serve(&runtime, &stop, recorder, async {
        // Nobody is let in before it is known whether anybody may be.
        let first = stop.run_until_cancelled(switch.wait_for(Option::is_some)).await;
        proxy.turn(first.and_then(Result::ok).and_then(|switch| *switch).unwrap_or(Switch::Frozen));
        let follow_switch = follow_switch(&proxy, switch.clone(), &stop);
        let listeners =
            Listeners { tls: worker::listen(tls)?, http: worker::listen(http)?, explicit: worker::listen(explicit)? };
        let reload = follow_policy(provision::active_policy(config), stop.clone(), |new, _| {
            warn(&new, &snapshot.load().scanner);
            snapshot.store(Arc::new(Snapshot { judge: Arc::new(new), ..Snapshot::clone(&snapshot.load()) }));
            true
        });
        let tokens = provision::proxy_tokens_file(&config.data);
        let follow_tokens = follow_until_read(Some(&tokens), stop.clone(), async || {
            // Who is known stays so while nobody can be asked, which may cost a revocation: it is read again.
            let Some(passes) = passes(config, &Papers::default()) else { return false };
            snapshot.store(Arc::new(Snapshot { passes: Arc::new(passes), ..Snapshot::clone(&snapshot.load()) }));
            true
        });
        // All followers run in this one task, so that none takes back what another has just stored.
        let repack = follow_pack(config, rules.seen, stop.clone(), |scanner| {
            snapshot.store(Arc::new(Snapshot { scanner, ..Snapshot::clone(&snapshot.load()) }));
        });
        let follow_fallbacks = fallbacks::follow(&proxy, &config.data, &stop);
        let tell = shortfalls::keep(&proxy, &config.data, &stop);
        let comes_back = without.follow(config, ProcessName::Proxy, &journal, &stop);
        let serve = proxy.serve(listeners, stop.clone());
        tokio::join!(serve, reload, repack, follow_switch, follow_fallbacks, tell, follow_tokens, comes_back);
        Ok(())
    });
    drop(proxy);
    worker::close(runtime, journal);
    result
}

/// The tokens of the CONNECT proxy as they are by now, or were where that cannot be seen; `None` where nobody knows either.
fn passes(config: &Config, papers: &Papers) -> Option<Passes> {
    let known = papers.kept(&provision::proxy_tokens_file(&config.data));
    let tokens = ProxyToken::read_or(&provision::admin_state_dir(&config.data), known);
    let tokens = tokens.inspect_err(|error| tracing::error!(%error, "the proxy's tokens stay as they were")).ok()?;
    let pass = |token: ProxyToken| Some(Pass { hash: token.hash()?, name: token.name.into() });
    Some(Passes::new(tokens.into_iter().filter_map(pass).collect()))
}

/// What hashes of accounts at providers are made with.
pub(crate) fn account_key(key: &DeviceKey) -> ValueHash {
    secret(key, ACCOUNTS)
}

/// A secret of this device that no file holds: nobody else can sign for it.
fn secret(key: &DeviceKey, purpose: Purpose) -> ValueHash {
    let signature = key.sign(purpose, b"");
    let (half, _) = signature.split_first_chunk().expect("a signature is longer than a key");
    ValueHash::new(half)
}

/// Where records of AI traffic go: nowhere, so that there is none, while a journal would be gone at the next start and the
/// owner did not say that this is good enough.
fn recorder(config: &Config, journal: &Arc<LateJournal>) -> Arc<dyn Journal> {
    if config.journal.is_evidence() {
        return journal.clone();
    }
    tracing::error!("the data folder lies in memory and journal.in_memory_mib is 0: AI traffic is denied");
    Arc::new(Nowhere)
}

/// A journal that takes nothing.
struct Nowhere;

impl Journal for Nowhere {
    fn append(&self, _: &Event) -> Result<Position, JournalError> {
        Err(JournalError::Closed)
    }

    fn is_open(&self) -> bool {
        false
    }
}

/// Turns the proxy's switch whenever the supervisor says so.
async fn follow_switch(proxy: &Proxy, mut told: watch::Receiver<Option<Switch>>, stop: &CancellationToken) {
    while let Some(Ok(())) = stop.run_until_cancelled(told.changed()).await {
        let switch = told.borrow_and_update().unwrap_or(Switch::Frozen);
        tracing::info!(?switch, "the switch was turned");
        proxy.turn(switch);
    }
}

/// Says what in a policy the rules cannot make true.
fn warn(policy: &Policy, scanner: &Scanner) {
    for warning in worker::finding_warnings(policy, scanner) {
        tracing::warn!(warning, "the policy says something that cannot come true");
    }
}

fn place(config: &Config) -> Result<Place, CommandError> {
    Ok(Place {
        own_names: config.own_names().map_err(CommandError::input)?,
        own_addresses: own_addresses(&config.identity.addresses)?,
        local: config.local_subnets(),
        admin: Some(config.admin.handover_listen),
    })
}

/// The configured addresses and those that this machine's interfaces really have: a name that leads to any of them would
/// have the proxy dial itself, or a service of the puck that only the puck may reach.
fn own_addresses(configured: &[IpAddr]) -> Result<Vec<IpAddr>, CommandError> {
    let interfaces = nix::ifaddrs::getifaddrs()
        .map_err(|error| CommandError::internal(format!("the interfaces' addresses cannot be read: {error}")))?;
    let mut own = configured.to_vec();
    for address in interfaces.filter_map(|interface| interface.address) {
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        own.extend(v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip()))));
    }
    own.sort_unstable();
    own.dedup();
    Ok(own)
}

/// The real upstream resolvers, never our own steered view.
struct Resolver(Upstreams);

impl Resolve for Resolver {
    fn resolve<'a>(&'a self, host: &'a HostName) -> Answer<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move {
            self.0.addresses(host).await.map_err(|error| match error {
                LookupError::NoSuchName { host } | LookupError::NoAddress { host } => ResolveError::NoAddress(host),
                LookupError::Upstream { host, why } => ResolveError::Failed { host, what: why },
            })
        })
    }
}

/// The kernel's connection tracking.
struct Kernel;

impl OriginalDestination for Kernel {
    fn of(&self, stream: &TcpStream) -> io::Result<OrigDst> {
        gate_steer::original_destination(stream)
    }
}

/// The office's authority.
struct Minter(Authority);

impl Mint for Minter {
    fn may_vouch(&self, host: &HostName) -> bool {
        self.0.permits(host)
    }

    fn leaf(&self, host: &HostName) -> Result<Arc<CertifiedKey>, MintError> {
        let request =
            LeafRequest { dns_names: std::slice::from_ref(host), now: SystemClock.now(), days: LEAF_MAX_DAYS };
        let failed = |what: String| MintError::Failed { host: host.clone(), what };
        let leaf = self.0.issue(request).map_err(|error| match error {
            IssueError::Outside { name } => MintError::NotPermitted(name),
            other => failed(other.to_string()),
        })?;
        let key = any_ecdsa_type(&PrivateKeyDer::Pkcs8(leaf.key_der)).map_err(|error| failed(error.to_string()))?;
        Ok(Arc::new(CertifiedKey::new(leaf.chain_der, key)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{check, own_addresses};
    use crate::config::Config;

    #[test]
    fn an_anchor_that_the_proxy_could_not_use_is_refused_before_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        // PEM around anything: the proxy would end at every start.
        std::fs::write(&file, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
        let rest =
            "domain = \"office.test\"\n[identity]\naddresses = [\"192.0.2.53\"]\n[dns]\nupstreams = [\"192.0.2.1\"]";
        let text = format!("data = {:?}\n{rest}\n[proxy]\nclient_roots = {file:?}\n", folder.path());
        let config = Config::of_text(&folder.path().join("nanogate.toml"), &text).unwrap();
        let error = check(&config).unwrap_err().to_string();
        assert!(error.starts_with("proxy.client_roots: ") && error.contains("roots.pem"), "{error}");
    }

    #[test]
    fn own_addresses_are_the_configured_and_the_real_ones() {
        let configured: IpAddr = "192.0.2.53".parse().unwrap();
        let own = own_addresses(&[configured]).unwrap();
        assert!(own.contains(&configured));
        // Every machine has this one; it stands for what the kernel says.
        assert!(own.contains(&"127.0.0.1".parse().unwrap()), "{own:?}");
        assert!(own.is_sorted_by(|one, next| one < next), "{own:?}");
    }
}
