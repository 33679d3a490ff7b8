//! The pack that an owner has put on this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_scrub::{PackInfo, PackSource};
use gate_seal::DevicePublic;

use super::keys::check_zone_keys;
use super::signed::{PackFile, PackFileError, public_key};
use crate::CommandError;
use crate::config::Config;
use crate::run_state::replace;

/// What became of an installation.
#[derive(Debug)]
pub(crate) enum Install {
    Done {
        info: PackInfo,
        signer: String,
    },
    /// This very pack is installed already.
    Same(PackInfo),
    /// The answer is no, and why.
    Refused(String),
}

/// Where the pack lies, signatures and all.
pub(crate) fn installed_file(data: &Path) -> PathBuf {
    data.join("packs/installed.ngpack")
}

/// Names the version that was installed on purpose although it is older than the one before. Written first: a power cut
/// between the two leaves a permission that nothing needs.
fn permission_file(data: &Path) -> PathBuf {
    data.join("packs/older-allowed")
}

/// The installed pack if it may be used; `None` when there is none, and why not when it may not.
pub(crate) fn standing(config: &Config) -> Result<Option<PackSource>, String> {
    let path = installed_file(&config.data);
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let file = match PackFile::read(&path) {
        Err(PackFileError::Read(error)) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(|error| named(&error))?,
    };
    file.verify(&trusted(config)?).map_err(|error| named(&error))?;
    let source = file.source().map_err(|error| named(&error))?;
    let builtin = PackSource::builtin();
    if is_older(source.info(), builtin.info()) && !is_permitted(config, source.info()) {
        let (ours, theirs) = (builtin.info().version, source.info().version);
        return Err(named(&format!("version {theirs} is older than {ours}, which this program carries")));
    }
    Ok(Some(source))
}

/// Checks a pack like a stranger's and puts it on disk in one rename.
pub(crate) fn install(config: &Config, path: &Path, allow_older: bool) -> Result<Install, CommandError> {
    let wrong = |error: &dyn std::fmt::Display| CommandError::Input(format!("{}: {error}", path.display()));
    let trusted = trusted(config).map_err(CommandError::Input)?;
    if trusted.is_empty() {
        return Err(CommandError::input("packs.trust: names no key, so that no pack can be trusted"));
    }
    let file = PackFile::read(path).map_err(|error| wrong(&error))?;
    let signer = match file.verify(&trusted) {
        Ok(signer) => signer,
        Err(error) => return Ok(Install::Refused(format!("{}: {error}", path.display()))),
    };
    let source = file.source().map_err(|error| wrong(&error))?;
    check_rules(config, &source).map_err(|error| wrong(&error))?;
    let current = standing(config).ok().flatten();
    if current.as_ref() == Some(&source) {
        return Ok(Install::Same(source.info().clone()));
    }
    if !allow_older && let Some(why) = objection(&source, current) {
        return Ok(Install::Refused(format!("{}: {why}; --allow-older installs it even so", path.display())));
    }
    let info = source.info().clone();
    write(config, &file, &info, allow_older)
        .map_err(|error| CommandError::internal(format!("{}: {error}", installed_file(&config.data).display())))?;
    Ok(Install::Done { info, signer })
}

/// Why one pack does not take the place of another without being told to.
fn objection(offered: &PackSource, current: Option<PackSource>) -> Option<String> {
    let installed = current.is_some();
    let current = current.unwrap_or_else(PackSource::builtin);
    let (new, old) = (offered.info(), current.info());
    if is_older(new, old) {
        return Some(format!("version {} is older than {}, which is in force", new.version, old.version));
    }
    let clash = installed && new == old;
    clash.then(|| format!("another pack with version {} is installed", new.version))
}

fn is_older(pack: &PackInfo, than: &PackInfo) -> bool {
    pack.name == than.name && pack.version < than.version
}

/// Everything that a build checks, by this program's engine.
fn check_rules(config: &Config, source: &PackSource) -> Result<(), gate_scrub::PackError> {
    check_zone_keys(source)?;
    let pack = Arc::new(source.compile(&config.scan.code_words)?);
    pack.failing_examples().into_iter().next().map_or(Ok(()), Err)
}

fn write(config: &Config, file: &PackFile, info: &PackInfo, allow_older: bool) -> io::Result<()> {
    let data = &config.data;
    fs::create_dir_all(data.join("packs"))?;
    if allow_older {
        replace(&permission_file(data), permission(info).as_bytes(), 0o644)?;
    }
    replace(&installed_file(data), file.bytes(), 0o644)?;
    if allow_older { Ok(()) } else { forget_permission(data) }
}

fn forget_permission(data: &Path) -> io::Result<()> {
    match fs::remove_file(permission_file(data)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn permission(info: &PackInfo) -> String {
    format!("{} {}\n", info.name, info.version)
}

fn is_permitted(config: &Config, info: &PackInfo) -> bool {
    fs::read_to_string(permission_file(&config.data)).is_ok_and(|text| text == permission(info))
}

fn trusted(config: &Config) -> Result<Vec<DevicePublic>, String> {
    let key = |file| public_key(file).map_err(|error| format!("packs.trust: {error}"));
    config.packs.trust.iter().map(key).collect()
}

#[cfg(test)]
mod tests;
