//! The office's certificate authority on disk, and the one that follows it.
//!
//! A root names for good what it may vouch for. A provider that comes later is watched and not inspected, until the owner has
//! installed a root that names it too: it is made as soon as there is need for one, lies beside the one in force, and takes its
//! place when the owner says that the devices have it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use gate_core::{Catalogue, Clock, HostName, SystemClock, UnixMicros};
use gate_seal::{Authority, is_sealed};
use zeroize::Zeroizing;

use super::{admin_state_dir, sealed, write};
use crate::config::Config;
use crate::papers::Papers;
use crate::{CommandError, bounded, worker};

/// A successor is offered when the root in force has less than this left: every device of an office has to be visited.
const SUCCEED_BEFORE_MICROS: u64 = 365 * 24 * 3600 * 1_000_000;

/// SHA-256 as colon-separated hexadecimal takes less.
const FINGERPRINT_CAP: u64 = 128;

/// Certificate and key of one authority, below the data folder.
pub(super) struct Pair {
    pub(super) cert: &'static str,
    pub(super) key: &'static str,
}

pub(super) const IN_FORCE: Pair = Pair { cert: "ca/nanogate.pem", key: "keys/ca.key.pem" };
pub(super) const NEXT: Pair = Pair { cert: "ca/nanogate-next.pem", key: "keys/ca-next.key.pem" };

/// The office's authority as it lies on disk.
pub(crate) fn authority(config: &Config, papers: &Papers) -> Result<Authority, CommandError> {
    read(config, papers, &IN_FORCE)
}

/// The authority that is to follow, if there is need for one.
pub(crate) fn successor(config: &Config, papers: &Papers) -> Result<Option<Authority>, CommandError> {
    let cert = config.data.join(NEXT.cert);
    (cert.exists() || papers.kept(&cert).is_some()).then(|| read(config, papers, &NEXT)).transpose()
}

/// Certificate and key of the office's authority.
pub(crate) fn authority_files(data: &Path) -> [PathBuf; 2] {
    [IN_FORCE.cert, IN_FORCE.key].map(|file| data.join(file))
}

/// The same of the one that is to follow.
pub(crate) fn successor_files(data: &Path) -> [PathBuf; 2] {
    [NEXT.cert, NEXT.key].map(|file| data.join(file))
}

pub(crate) fn ca_file(data: &Path) -> PathBuf {
    data.join(IN_FORCE.cert)
}

/// The common name of the office's authority.
pub(crate) fn ca_subject(config: &Config) -> String {
    format!("Nano-Gate {}", config.domain)
}

pub(super) fn authority_or_new(config: &Config) -> Result<Authority, CommandError> {
    finish(config)?;
    if !ca_file(&config.data).exists() {
        sealed::keep_locked(config, None)?;
        sealed::begin(config)?;
        return make(config, &IN_FORCE);
    }
    let keys = [&IN_FORCE, &NEXT].map(|pair| config.data.join(pair.key));
    if let Err(error) = sealed::seal_anew(config, &keys) {
        tracing::error!(%error, "the certificate authority's keys are not sealed with the secret that ca.seal_key names");
    }
    // Keys of an earlier version stay as they are until the owner says otherwise: it could not start any more.
    if sealed::is_begun(config) {
        for key in &keys {
            // Better in plain text than not in use.
            if let Err(error) = sealed::seal_plain(config, key) {
                tracing::error!(%error, "a key of the certificate authority stays unsealed");
            }
        }
    }
    in_force(config)
}

/// The authority in force, for who tells a person where it is locked.
pub(super) fn in_force(config: &Config) -> Result<Authority, CommandError> {
    let (authority, locked) = look(config, &Papers::default(), &IN_FORCE)?;
    sealed::keep_locked(config, locked)?;
    Ok(authority)
}

/// Makes the authority that is to follow where the one in force leaves out a steered name, ends soon, or cannot be opened.
pub(super) fn successor_if_due(config: &Config, authority: &Authority) -> Result<(), CommandError> {
    let catalogue = worker::catalogue()?;
    if !authority.is_locked() && missing(authority, &catalogue).is_empty() && !ends_soon(authority, SystemClock.now()) {
        return Ok(());
    }
    // One that was made for an earlier catalogue may be on devices by now, but is of no use there yet.
    let serves = |next: &Authority| {
        !next.is_locked() && missing(next, &catalogue).is_empty() && !ends_soon(next, SystemClock.now())
    };
    if successor(config, &Papers::default()).ok().flatten().is_some_and(|next| serves(&next)) {
        return Ok(());
    }
    // Where a secret got lost, another one is made: what follows a sealed key is sealed.
    if fs::read_to_string(config.data.join(IN_FORCE.key)).is_ok_and(|key| is_sealed(&key)) {
        sealed::begin(config)?;
    }
    make(config, &NEXT)?;
    tracing::warn!(
        "the certificate authority leaves out steered names, ends soon or is locked: a successor waits on the Trust page"
    );
    Ok(())
}

/// Puts the successor in the place of the authority in force, which is gone then. `None`: there is none.
pub(crate) fn activate(config: &Config) -> Result<Option<Authority>, CommandError> {
    let Some(next) = successor(config, &Papers::default())? else { return Ok(None) };
    if next.is_locked() {
        return Err(CommandError::input(
            "the successor's key cannot be opened either: start the daemon to have another made",
        ));
    }
    // The key first: a certificate without a key beside it says that this was cut short, see `finish`.
    rename(config, NEXT.key, IN_FORCE.key)?;
    finish(config)?;
    Ok(Some(next))
}

/// Where the page says which successor its owner wants in force.
pub(crate) fn wanted_file(data: &Path) -> PathBuf {
    admin_state_dir(data).join("ca-activate")
}

/// Lets the successor take over that the page was asked for. `None`: nobody asked. It is asked for once: what could not be done
/// is not done at some later start.
pub(crate) fn activate_wanted(config: &Config) -> Result<Option<Authority>, CommandError> {
    let file = wanted_file(&config.data);
    let named = |error: io::Error| CommandError::internal(format!("{}: {error}", file.display()));
    let read = bounded::read_plain(&file, FINGERPRINT_CAP).and_then(bounded::text);
    match fs::remove_file(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        removed => removed.map_err(named)?,
    }
    let wanted = read.map_err(named)?;
    let next = successor(config, &Papers::default())?;
    if next.is_none_or(|next| next.fingerprint_sha256() != wanted) {
        return Err(CommandError::input("another successor waits than the one that was asked for, or none"));
    }
    activate(config)
}

/// Ends what a power cut interrupted.
fn finish(config: &Config) -> Result<(), CommandError> {
    if config.data.join(NEXT.cert).exists() && !config.data.join(NEXT.key).exists() {
        rename(config, NEXT.cert, IN_FORCE.cert)?;
    }
    Ok(())
}

fn rename(config: &Config, from: &str, to: &str) -> Result<(), CommandError> {
    let (from, to) = (config.data.join(from), config.data.join(to));
    let synced = |()| to.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all());
    let moved: io::Result<()> = fs::rename(&from, &to).and_then(synced);
    moved.map_err(|error| CommandError::internal(format!("{}: {error}", to.display())))
}

/// Seals the keys that are in plain text, and those that come from now on.
pub(crate) fn seal_keys(config: &Config) -> Result<(), CommandError> {
    sealed::begin(config)?;
    [&IN_FORCE, &NEXT].into_iter().try_for_each(|pair| sealed::seal_plain(config, &config.data.join(pair.key)))
}

/// The key in force as it must not lie about, to be kept where no device reaches it.
pub(crate) fn plain_key(config: &Config) -> Result<Zeroizing<String>, CommandError> {
    let file = config.data.join(IN_FORCE.key);
    let text = fs::read_to_string(&file);
    let text = text.map_err(|error| CommandError::input(format!("{}: {error}", file.display())))?;
    sealed::open(config, &Papers::default(), &file, Zeroizing::new(text)).map_err(CommandError::Input)
}

/// An authority whose key cannot be opened is one that issues nothing.
fn read(config: &Config, papers: &Papers, pair: &Pair) -> Result<Authority, CommandError> {
    let (authority, locked) = look(config, papers, pair)?;
    if let Some(why) = locked {
        tracing::error!("{why}");
    }
    Ok(authority)
}

/// The same, and why it is locked if it is.
fn look(config: &Config, papers: &Papers, pair: &Pair) -> Result<(Authority, Option<String>), CommandError> {
    let file = |name: &str| {
        let file = config.data.join(name);
        papers.read_text(&file).map_err(|error| CommandError::input(format!("{}: {error}", file.display())))
    };
    let cert = file(pair.cert)?;
    let named = |error| CommandError::internal(format!("{}: {error}", config.data.join(pair.cert).display()));
    let key_file = config.data.join(pair.key);
    let key = match papers.read_text(&key_file) {
        Ok(text) => sealed::open(config, papers, &key_file, Zeroizing::new(text)),
        Err(error) => Err(format!("{}: {error}", key_file.display())),
    };
    let why = match key.map(|key| Authority::from_pem(&cert, &key)) {
        Ok(Ok(authority)) => return Ok((authority, None)),
        Ok(Err(error)) => format!("{}: {error}", key_file.display()),
        Err(why) => why,
    };
    Ok((Authority::locked(&cert).map_err(named)?, Some(why)))
}

fn make(config: &Config, pair: &Pair) -> Result<Authority, CommandError> {
    let own = config.own_name().map_err(CommandError::input)?;
    let domains = permitted_domains(&worker::catalogue()?);
    let authority =
        Authority::generate(&ca_subject(config), &domains, &own, SystemClock.now()).map_err(CommandError::internal)?;
    let (cert, key) = authority.to_pem().ok_or_else(|| CommandError::internal("a new authority has no key"))?;
    // The key first: a certificate on disk means that the pair is complete.
    let sealed = if sealed::is_begun(config) { Some(sealed::seal(config, &key)?) } else { None };
    write(&config.data.join(pair.key), sealed.as_deref().unwrap_or(&key).as_bytes(), 0o600)?;
    write(&config.data.join(pair.cert), cert.as_bytes(), 0o644)?;
    Ok(authority)
}

/// Whether an authority may vouch for the page under the name that the settings give it.
pub(crate) fn check_names(config: &Config) -> Result<(), CommandError> {
    let own = config.own_name().map_err(CommandError::input)?;
    Authority::check_names(&permitted_domains(&worker::catalogue()?), &own)
        .map_err(|error| CommandError::Input(format!("domain: {error}")))
}

/// The steered names, and with a star what lies below them, for which the authority may not vouch: these are only watched.
pub(crate) fn missing(authority: &Authority, catalogue: &Catalogue) -> Vec<String> {
    let mut names = permitted_domains(catalogue);
    names.retain(|name| HostName::parse(name.as_bytes()).is_ok_and(|name| !authority.permits(&name)));
    names.sort();
    names.dedup();
    names
}

fn ends_soon(authority: &Authority, now: UnixMicros) -> bool {
    authority.expires_at().0 < now.0.saturating_add(SUCCEED_BEFORE_MICROS)
}

/// Every steered name: the authority may vouch for these and what lies below. Of a name with a star only what follows the
/// star can stand in a constraint (RFC 5280 section 4.2.1.10), so `bedrock.*.example.com` permits all of `example.com`.
fn permitted_domains(catalogue: &Catalogue) -> Vec<String> {
    let steered = catalogue.vendors().iter().filter(|vendor| vendor.steer);
    let names = steered.flat_map(|vendor| vendor.hosts.iter().filter(|host| !host.shared));
    names.map(|host| after_star(&host.name).to_owned()).collect()
}

fn after_star(name: &str) -> &str {
    let Some((_, rest)) = name.rsplit_once('*') else { return name };
    rest.split_once('.').map_or(rest, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use gate_core::{Catalogue, HostName, UnixMicros};
    use gate_seal::Authority;

    use super::{SUCCEED_BEFORE_MICROS, after_star, ends_soon, missing};

    #[test]
    fn what_a_root_leaves_out_is_named_and_a_root_that_ends_is_followed() {
        let now = UnixMicros(1_795_236_540_000_000);
        let own = HostName::parse(b"nanogate.example.org").unwrap();
        let authority = Authority::generate("x", &["acme.example".to_owned()], &own, now).unwrap();
        let vendor = r#"
            id = "acme"
            name = "Acme"
            steer = true
            host = [
                { name = "api.acme.example", kind = "api", confidence = "official" },
                { name = "*.acme.test", kind = "api", confidence = "official" },
                { name = "cdn.example", kind = "other", confidence = "official", shared = true },
            ]
        "#;
        let catalogue = Catalogue::from_toml([("acme.toml", vendor)]).unwrap();
        assert_eq!(missing(&authority, &catalogue), ["acme.test"]);
        let end = authority.expires_at();
        assert!(!ends_soon(&authority, now));
        assert!(ends_soon(&authority, UnixMicros(end.0 - SUCCEED_BEFORE_MICROS + 1)));
    }

    #[test]
    fn a_star_widens_to_what_follows_its_label() {
        for (name, permitted) in [
            ("api.acme.example", "api.acme.example"),
            ("*.acme.example", "acme.example"),
            ("q.*.acme.example", "acme.example"),
            ("eu-*.models.acme.example", "models.acme.example"),
        ] {
            assert_eq!(after_star(name), permitted);
        }
    }
}
