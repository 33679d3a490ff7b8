//! The data folder: made at the first start, completed at every other, never overwritten.
//!
//! ```text
//!   <data>/keys      0700  device.pem  ca.key.pem (sealed)  page.key.pem     read before privileges are given up
//!   <data>/seal      0700  ca.seal, what that is sealed with unless `ca.seal_key` names another file
//!   <data>/ca        0755  nanogate.pem  nanogate-next.pem (its successor)  page-name.pem  page-address.pem
//!   <data>/journal   0755  one folder a process, owned by it, readable to admin; device.pub.pem to verify with
//!   <data>/packs     0755  installed.ngpack, as `nanogate pack install` took it
//!   <data>/state     0755  settings.toml, running.json, policy.yaml or page-policy.yaml, pack.ngpack and keys.json (what is
//!                          in force); dns/, proxy/ and admin/ owned by those processes
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use caps::Capability;
use gate_admin::{Accounts, PROXY_TOKENS};
use gate_core::{Clock, SystemClock, UnixMicros};
use gate_seal::{Authority, DeviceKey, Leaf, LeafRequest, issue_self_signed};
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::cli::ProcessName;
use crate::config::Config;
use crate::papers::Papers;
use crate::run_state::replace;
use crate::{CommandError, bounded, process};

mod authority;
mod policy;
mod sealed;

pub(crate) use self::authority::{
    activate, activate_wanted, authority, authority_files, ca_file, ca_subject, check_names, missing, plain_key,
    seal_keys, successor, successor_files, wanted_file,
};
pub(crate) use self::policy::{NOBODY, activate_policy, active_policy, has_no_policy, page_policy};
pub(crate) use self::sealed::{check_seal, locked_file, seal_key_file};

/// The page's certificates are renewed when less than this is left of them.
const RENEW_BEFORE_MICROS: u64 = 2 * 24 * 3600 * 1_000_000;
/// Days of the page's certificate under the constrained authority.
const PAGE_NAME_DAYS: u8 = 7;

/// The chain of the process that starts the others.
pub(crate) const SUPERVISOR: &str = "supervisor";
/// The chain of commands given at the machine itself.
pub(crate) const CONSOLE: &str = "console";
/// The public half of the device key, in the journal's folder beside the chains that it signed.
pub(crate) const DEVICE_PUBLIC: &str = "device.pub.pem";

/// A certificate with its key.
pub(crate) type Identity = (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>);

/// The two faces of the admin page: by name under the office's authority, by address on its own.
pub(crate) struct PageIdentity {
    pub(crate) by_name: Identity,
    pub(crate) by_address: Identity,
}

/// The folders and the device's key: all that a journal needs.
pub(crate) fn begin(config: &Config) -> Result<DeviceKey, CommandError> {
    let io_error = |error: io::Error| CommandError::input(format!("data: {}: {error}", config.data.display()));
    make_folders(config).map_err(io_error)?;
    check_way(config)?;
    device_key(config)
}

/// Everything else; the claim code when nobody has claimed the page yet. Called by the one daemon that holds the journal: a
/// second one on the same folder must change nothing.
pub(crate) fn complete(config: &Config) -> Result<Option<String>, CommandError> {
    let authority = authority::authority_or_new(config)?;
    // No name stops resolving because no successor can be sealed.
    if let Err(error) = authority::successor_if_due(config, &authority) {
        tracing::error!(%error, "no successor of the certificate authority could be made");
    }
    renew_page(config, &authority)?;
    copy_inputs(config)?;
    own_everything(config)?;
    let accounts = Accounts::open(&admin_state_dir(&config.data)).map_err(CommandError::input)?;
    accounts.settle().map_err(CommandError::internal)?;
    Ok(accounts.renew_claim().map_err(CommandError::internal)?.map(|code| code.to_string()))
}

/// The folder of one process's chain.
pub(crate) fn chain_dir(data: &Path, process: &str) -> PathBuf {
    data.join("journal").join(process)
}

pub(crate) fn admin_state_dir(data: &Path) -> PathBuf {
    data.join("state/admin")
}

/// Where the page's accounts are.
pub(crate) fn accounts_file(data: &Path) -> PathBuf {
    Accounts::file(&admin_state_dir(data))
}

/// The tokens of the CONNECT proxy, which the page's process writes for the `proxy` worker.
pub(crate) fn proxy_tokens_file(data: &Path) -> PathBuf {
    admin_state_dir(data).join(PROXY_TOKENS)
}

/// The extra trust anchors where the `proxy` worker can read them.
pub(crate) fn active_roots(config: &Config) -> Option<PathBuf> {
    config.proxy.extra_roots.as_ref().map(|_| config.data.join("ca/extra-roots.pem"))
}

/// The authorities of the CONNECT proxy's clients where the `proxy` worker can read them.
pub(crate) fn active_client_roots(config: &Config) -> Option<PathBuf> {
    config.proxy.client_roots.as_ref().map(|_| config.data.join("ca/client-roots.pem"))
}

/// Roots to trust, as many as a system has, take less than this.
const ROOTS_CAP: u64 = 16 << 20;

/// Workers cannot read the owner's files once they have given up root; they get copies.
fn copy_inputs(config: &Config) -> Result<(), CommandError> {
    policy::first_policy(config)?;
    activate_groups(&config.data, &config.dns.groups)?;
    let roots = (&config.proxy.extra_roots, active_roots(config));
    let client_roots = (&config.proxy.client_roots, active_client_roots(config));
    for pair in [roots, client_roots] {
        let (Some(from), Some(to)) = pair else { continue };
        let pem = bounded::read(from, ROOTS_CAP)
            .map_err(|error| CommandError::input(format!("{}: {error}", from.display())))?;
        write(&to, &pem, 0o644)?;
    }
    Ok(())
}

/// Where the `dns` worker says what a person should mend.
pub(crate) fn warnings_file(data: &Path) -> PathBuf {
    data.join("state/dns/warnings.json")
}

/// Where the `dns` worker says how it does.
pub(crate) fn dns_file(data: &Path) -> PathBuf {
    data.join("state/dns/state.json")
}

/// Where the `proxy` worker keeps who is watched because it does not take the office's certificate.
pub(crate) fn fallbacks_file(data: &Path) -> PathBuf {
    proxy_state_dir(data).join("fallbacks.json")
}

/// Where the `proxy` worker says what it could not do as it should.
pub(crate) fn shortfalls_file(data: &Path) -> PathBuf {
    proxy_state_dir(data).join("shortfalls.json")
}

/// Where the `proxy` worker is told to end that.
pub(crate) fn proxy_socket(data: &Path) -> PathBuf {
    proxy_state_dir(data).join("ask.sock")
}

pub(crate) fn proxy_state_dir(data: &Path) -> PathBuf {
    data.join("state/proxy")
}

/// Where the `dns` worker is asked by a person.
pub(crate) fn dns_socket(data: &Path) -> PathBuf {
    data.join("state/dns/ask.sock")
}

/// Where the `dns` worker keeps the lists that it fetches.
pub(crate) fn lists_folder(data: &Path) -> PathBuf {
    data.join("state/dns/lists")
}

/// The settings that the supervisor started with: what is changed since, waits.
pub(crate) fn settings_file(data: &Path) -> PathBuf {
    data.join("state/settings.toml")
}

/// Keeps the text of the owner's file as it is in force.
pub(crate) fn keep_settings(data: &Path, text: &str) -> Result<(), CommandError> {
    // The owner's file may be readable to nobody else.
    write(&settings_file(data), text.as_bytes(), 0o600)
}

/// What a person should know of settings that are not in force yet.
pub(crate) fn waiting_file(data: &Path) -> PathBuf {
    data.join("state/waiting.json")
}

/// Notes the keys that have changed since the daemon started.
pub(crate) fn keep_waiting(data: &Path, keys: &[String]) -> Result<(), CommandError> {
    let told = format!("changed in the configuration file, and in force from the next start: {}", keys.join(", "));
    let told: &[String] = if keys.is_empty() { &[] } else { &[told] };
    let (file, bytes) = (waiting_file(data), serde_json::to_vec(told).map_err(CommandError::internal)?);
    if fs::read(&file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    write(&file, &bytes, 0o644)
}

/// What the owner's file says of groups of clients, for the `dns` worker.
pub(crate) fn groups_file(data: &Path) -> PathBuf {
    data.join("state/groups.json")
}

/// Puts groups in force.
pub(crate) fn activate_groups(data: &Path, groups: &[gate_dns::Group]) -> Result<(), CommandError> {
    let bytes = serde_json::to_vec(groups).map_err(CommandError::internal)?;
    let file = groups_file(data);
    // Equal ones are left alone: the worker would forget its copies for nothing.
    if fs::read(&file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    write(&file, &bytes, 0o644)
}

/// The keys that DNSSEC starts from by the pack in force, for the `dns` worker.
pub(crate) fn keys_file(data: &Path) -> PathBuf {
    data.join("state/keys.json")
}

/// Where the `dns` worker keeps its cache for its next life.
pub(crate) fn answers_file(data: &Path) -> PathBuf {
    data.join("state/dns/answers.cache")
}

/// Where the `dns` worker writes the addresses that gateway mode redirects.
pub(crate) fn destinations_file(data: &Path) -> PathBuf {
    data.join("state/dns/destinations.json")
}

/// A folder on the way that only root may enter would keep the workers out.
fn check_way(config: &Config) -> Result<(), CommandError> {
    let whole = fs::canonicalize(&config.data)
        .map_err(|error| CommandError::input(format!("data: {}: {error}", config.data.display())))?;
    if ProcessName::ALL.into_iter().all(|name| config.process.of(name).user.is_none()) {
        return Ok(());
    }
    let open = |folder: &&Path| fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0);
    match whole.ancestors().skip(1).find(|folder| !open(folder)) {
        Some(closed) => Err(CommandError::input(format!(
            "data: {}: the processes' own users cannot enter {} (chmod o+x it, or choose another folder)",
            whole.display(),
            closed.display()
        ))),
        None => Ok(()),
    }
}

fn make_folders(config: &Config) -> io::Result<()> {
    let data = &config.data;
    folder(data, 0o755)?;
    folder(&data.join("keys"), 0o700)?;
    folder(&data.join("seal"), 0o700)?;
    folder(&data.join("ca"), 0o755)?;
    folder(&data.join("journal"), 0o755)?;
    folder(&data.join("packs"), 0o755)?;
    folder(&data.join("state"), 0o755)?;
    folder(&data.join("state/dns"), 0o755)?;
    folder(&lists_folder(data), 0o755)?;
    // The proxy reads one file in it, by its name; the others are their owner's alone.
    folder(&admin_state_dir(data), 0o711)?;
    // The set-group-id bit lets the admin process read the list, and speak at the socket.
    folder(&proxy_state_dir(data), 0o2750)?;
    for process in ProcessName::ALL.map(ProcessName::as_str).into_iter().chain([SUPERVISOR, CONSOLE]) {
        // The set-group-id bit hands the admin process's group on to every segment.
        folder(&chain_dir(data, process), 0o2750)?;
    }
    Ok(())
}

fn folder(path: &Path, mode: u32) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path)?;
    let there = fs::metadata(path)?;
    if there.permissions().mode() & 0o7777 != mode {
        fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// Gives each process its own folders, when the processes have users of their own.
pub(crate) fn own_everything(config: &Config) -> Result<(), CommandError> {
    if !process::may(Capability::CAP_CHOWN) {
        return Ok(());
    }
    let numbers = |user: Option<String>| match user {
        Some(user) => process::ids(&user).map(Some).map_err(CommandError::input),
        None => Ok(None),
    };
    let ids = |name| numbers(config.process.of(name).user);
    let admin_group = ids(ProcessName::Admin)?.map(|(_, gid)| gid.as_raw());
    let supervisor = numbers(config.process.supervisors_user())?;
    let (supervisor, own_group) = (supervisor.map(|(uid, _)| uid.as_raw()), supervisor.map(|(_, gid)| gid.as_raw()));
    for part in ["keys", "seal", "ca", "journal", "packs", "state"] {
        give(&config.data.join(part), supervisor, own_group)?;
    }
    for name in ProcessName::ALL {
        let uid = ids(name)?.map(|(uid, _)| uid.as_raw());
        give(&chain_dir(&config.data, name.as_str()), uid, admin_group)?;
        match name {
            ProcessName::Dns => {
                give(&config.data.join("state/dns"), uid, None)?;
                give(&lists_folder(&config.data), uid, None)?;
            }
            ProcessName::Admin => give(&admin_state_dir(&config.data), uid, admin_group)?,
            ProcessName::Proxy => give(&proxy_state_dir(&config.data), uid, admin_group)?,
            ProcessName::Steer => {}
        }
    }
    give(&chain_dir(&config.data, SUPERVISOR), supervisor, admin_group)?;
    give(&chain_dir(&config.data, CONSOLE), None, admin_group)
}

/// A folder and the files in it; folders in it are given by themselves.
fn give(dir: &Path, uid: Option<u32>, gid: Option<u32>) -> Result<(), CommandError> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    let set = || -> io::Result<()> {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                std::os::unix::fs::lchown(entry.path(), uid, gid)?;
            }
        }
        let mode = fs::metadata(dir)?.permissions();
        chown(dir, uid, gid)?;
        // A change of owner clears the set-group-id bit.
        fs::set_permissions(dir, mode)
    };
    set().map_err(|error| CommandError::internal(format!("{}: cannot be given to its process: {error}", dir.display())))
}

pub(crate) fn device_key_file(data: &Path) -> PathBuf {
    data.join("keys/device.pem")
}

/// The device's key as a worker begins with it.
pub(crate) fn kept_device_key(config: &Config, papers: &Papers) -> Result<DeviceKey, CommandError> {
    let file = device_key_file(&config.data);
    let named = |error: &dyn std::fmt::Display| CommandError::internal(format!("{}: {error}", file.display()));
    DeviceKey::from_pkcs8_pem(&papers.read_text(&file).map_err(|error| named(&error))?).map_err(|error| named(&error))
}

/// The device's key, made at the first start.
pub(crate) fn device_key(config: &Config) -> Result<DeviceKey, CommandError> {
    let file = device_key_file(&config.data);
    let key = match fs::read_to_string(&file) {
        Ok(pem) => DeviceKey::from_pkcs8_pem(&pem)
            .map_err(|error| CommandError::internal(format!("{}: {error}", file.display())))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = DeviceKey::generate().map_err(CommandError::internal)?;
            let pem = key.to_pkcs8_pem().map_err(CommandError::internal)?;
            write(&file, pem.as_bytes(), 0o600)?;
            key
        }
        Err(error) => return Err(CommandError::internal(format!("{}: {error}", file.display()))),
    };
    let public = config.data.join("journal").join(DEVICE_PUBLIC);
    if !public.exists() {
        write(&public, key.public().to_pem().map_err(CommandError::internal)?.as_bytes(), 0o644)?;
    }
    Ok(key)
}

/// Whether the page's certificates were replaced.
pub(crate) fn renew_admin_certificate(config: &Config) -> Result<bool, CommandError> {
    renew_page(config, &authority::in_force(config)?)
}

fn renew_page(config: &Config, authority: &Authority) -> Result<bool, CommandError> {
    let now = SystemClock.now();
    let own = [config.own_name().map_err(CommandError::input)?];
    let mut renewed = false;
    let issuer = authority.fingerprint_sha256();
    if !authority.is_locked() && due(config, "page-name", now, Some(&issuer)) {
        let request = LeafRequest { dns_names: &own, now, days: PAGE_NAME_DAYS };
        let leaf = authority.issue(request).map_err(CommandError::internal)?;
        write_leaf(config, "page-name", &leaf, Some(&issuer))?;
        renewed = true;
    }
    if due(config, "page-address", now, None) {
        let every = config.own_names().map_err(CommandError::input)?;
        let leaf = issue_self_signed(&every, &config.identity.addresses, now).map_err(CommandError::internal)?;
        write_leaf(config, "page-address", &leaf, None)?;
        renewed = true;
    }
    Ok(renewed)
}

fn write_leaf(config: &Config, name: &str, leaf: &Leaf, issuer: Option<&str>) -> Result<(), CommandError> {
    let cert = leaf.chain_der.first().ok_or_else(|| CommandError::internal("an empty certificate chain"))?;
    write(&config.data.join(format!("keys/{name}.der")), leaf.key_der.secret_pkcs8_der(), 0o600)?;
    write(&config.data.join(format!("ca/{name}.der")), cert, 0o644)?;
    // Noted in a file of its own, so that nobody has to parse a certificate to know when it ends.
    let until = format!("{} {}", leaf.not_after.0, names_of(config, issuer));
    write(&config.data.join(format!("ca/{name}.until")), until.as_bytes(), 0o644)
}

/// What the certificates were made for; another name, address or authority needs other ones.
fn names_of(config: &Config, issuer: Option<&str>) -> String {
    let addresses: Vec<String> = config.identity.addresses.iter().map(ToString::to_string).collect();
    let local = config.identity.local_name.strip_suffix("nanogate.local").unwrap_or(&config.identity.local_name);
    let names = format!("{} {}{local}", config.domain, addresses.join(" "));
    issuer.map_or_else(|| names.clone(), |issuer| format!("{names} by {issuer}"))
}

fn due(config: &Config, name: &str, now: UnixMicros, issuer: Option<&str>) -> bool {
    let until = fs::read_to_string(config.data.join(format!("ca/{name}.until"))).unwrap_or_default();
    let (end, made_for) = until.split_once(' ').unwrap_or_default();
    let end: u64 = end.parse().unwrap_or(0);
    made_for != names_of(config, issuer) || now.0.saturating_add(RENEW_BEFORE_MICROS) >= end
}

/// Reads the page's certificates and keys.
pub(crate) fn page_identity(config: &Config, papers: &Papers) -> Result<PageIdentity, CommandError> {
    let file = |path: PathBuf| {
        papers.read(&path).map_err(|error| CommandError::internal(format!("{}: {error}", path.display())))
    };
    let [name_cert, name_key, address_cert, address_key] = page_files(&config.data).map(file);
    let pair = |cert: Result<_, _>, key: Result<Vec<u8>, _>| -> Result<Identity, CommandError> {
        Ok((CertificateDer::from(cert?), PrivatePkcs8KeyDer::from(key?)))
    };
    Ok(PageIdentity { by_name: pair(name_cert, name_key)?, by_address: pair(address_cert, address_key)? })
}

/// Certificate and key of each of the page's two faces.
pub(crate) fn page_files(data: &Path) -> [PathBuf; 4] {
    ["ca/page-name.der", "keys/page-name.der", "ca/page-address.der", "keys/page-address.der"]
        .map(|file| data.join(file))
}

fn write(file: &Path, bytes: &[u8], mode: u32) -> Result<(), CommandError> {
    replace(file, bytes, mode).map_err(|error| CommandError::internal(format!("{}: {error}", file.display())))
}
