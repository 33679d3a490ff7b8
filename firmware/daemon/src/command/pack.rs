//! `nanogate pack build`, `verify`, `list` and `install`.

mod folder;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate_scrub::{Pack, PackError, PackSource};
use gate_seal::DeviceKey;
use serde_json::{Value, json};

use super::settings;
use super::state::note;
use crate::config::Config;
use crate::packs::{self, Install, PackFile, PackFileError, public_key};
use crate::run_state::replace;
use crate::{CommandError, Outcome, print, provision};

/// Compiles a folder and writes one file. Every mistake is printed, not only the first.
pub(crate) fn pack_build(dir: &Path, output: Option<&Path>, sign: &[PathBuf]) -> Result<Outcome, CommandError> {
    let source = folder::read(dir).map_err(CommandError::Input)?;
    let pack = compile(&source).map_err(|errors| mistakes(dir, &errors))?;
    let mut file = PackFile::unsigned(&source);
    for path in sign {
        if !file.sign(&private_key(path)?) {
            return Err(CommandError::input("--sign: a pack has at most 4 signatures"));
        }
    }
    let info = source.info();
    let output = output.map_or_else(|| PathBuf::from(format!("{}-{}.ngpack", info.name, info.version)), Path::to_owned);
    replace(&output, file.bytes(), 0o644).map_err(|error| failed(&output, &error))?;
    print::line(format_args!(
        "{}: {} {}, {} rules, {} public values, {} bytes, signed by {}",
        output.display(),
        info.name,
        info.version,
        pack.rules().count(),
        pack.allowed(),
        file.bytes().len(),
        signers(&file),
    ))?;
    Ok(Outcome::Done)
}

/// Checks a pack as an installation would; exit 1 when none of the keys has signed it.
pub(crate) fn pack_verify(path: &Path, keys: &[PathBuf], json: bool) -> Result<Outcome, CommandError> {
    let keys = keys.iter().map(|key| public_key(key).map_err(CommandError::Input)).collect::<Result<Vec<_>, _>>()?;
    let file = PackFile::read(path).map_err(|error| wrong(path, &error))?;
    let source = file.source().map_err(|error| wrong(path, &error.into()))?;
    let signature = if keys.is_empty() { None } else { Some(file.verify(&keys)) };
    let pack = compile(&source).map_err(|errors| mistakes(path, &errors))?;
    let info = source.info();
    if json {
        print::line(json!({
            "name": info.name, "version": info.version, "rules": pack.rules().count(), "allowed": pack.allowed(),
            "signers": file.signers(),
            "signature": match &signature { None => "not checked", Some(Ok(_)) => "good", Some(Err(_)) => "bad" },
            "signed_by": signature.as_ref().and_then(|signature| signature.as_ref().ok()),
        }))?;
    } else {
        let signature = match &signature {
            None => format!("signed by {} (not checked: no --key)", signers(&file)),
            Some(Ok(signer)) => format!("signature of {signer} is good"),
            Some(Err(error)) => format!("BAD: {error}"),
        };
        let rules = pack.rules().count();
        print::line(format_args!("{}: {} {}, {rules} rules, {signature}", path.display(), info.name, info.version))?;
    }
    Ok(if matches!(signature, Some(Err(_))) { Outcome::No } else { Outcome::Done })
}

/// Prints the rules of a file, of the pack in force, or of the built-in pack.
pub(crate) fn pack_list(file: Option<&Path>, config: Option<&Path>, json: bool) -> Result<Outcome, CommandError> {
    let (pack, origin) = match (file, config) {
        (Some(file), _) => (packs::compile(file, &[]).map_err(CommandError::Input)?, "file"),
        (None, Some(config)) => in_force(&settings(config)?)?,
        (None, None) => (builtin()?, "builtin"),
    };
    if json {
        print::line(listing(&pack, origin))?;
    } else {
        print::bytes(table(&pack, origin).as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// Puts a pack in force, or says why not.
pub(crate) fn pack_install(path: &Path, config_file: &Path, allow_older: bool) -> Result<Outcome, CommandError> {
    let config = settings(config_file)?;
    // The folders may not be there yet: a pack can be installed before the first start.
    provision::begin(&config)?;
    let installed = packs::install(&config, path, allow_older);
    let (ok, detail) = match &installed {
        Ok(Install::Done { info, signer }) => (true, format!("{} {}, signed by {signer}", info.name, info.version)),
        Ok(Install::Same(info)) => (true, format!("{} {} is installed already", info.name, info.version)),
        Ok(Install::Refused(_)) => (false, "refused".to_owned()),
        Err(_) => (false, "not a pack that can be used".to_owned()),
    };
    note(&config, "pack_install", ok, Some(detail.clone()))?;
    match installed? {
        Install::Refused(why) => {
            eprintln!("nanogate: {}", crate::one_line(&why));
            Ok(Outcome::No)
        }
        Install::Done { .. } | Install::Same(_) => {
            print::line(detail)?;
            Ok(Outcome::Done)
        }
    }
}

/// Compiles the rules and tries their examples; every mistake, at least one.
fn compile(source: &PackSource) -> Result<Pack, Vec<PackError>> {
    let pack = Arc::new(source.compile_all(&[])?);
    let mut failures = pack.failing_examples();
    failures.extend(packs::check_zone_keys(source).err());
    if failures.is_empty() {
        Ok(Arc::into_inner(pack).expect("the examples have been tried and nobody else holds it"))
    } else {
        Err(failures)
    }
}

/// Prints all mistakes but the last, which is the command's own error. A mistake in a file begins with where that lies.
fn mistakes(root: &Path, errors: &[PackError]) -> CommandError {
    let named = |error: &PackError| match error.file() {
        Some(_) if root.is_dir() => format!("{}/{error}", root.display().to_string().trim_end_matches('/')),
        _ => format!("{}: {error}", root.display()),
    };
    let (last, others) = errors.split_last().expect("there is at least one mistake");
    for error in others {
        eprintln!("nanogate: {}", crate::one_line(&named(error)));
    }
    CommandError::Input(named(last))
}

fn signers(file: &PackFile) -> String {
    let signers = file.signers();
    if signers.is_empty() { "nobody".to_owned() } else { signers.join(", ") }
}

fn private_key(path: &Path) -> Result<DeviceKey, CommandError> {
    let pem = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    DeviceKey::from_pkcs8_pem(&pem).map_err(|error| CommandError::Input(format!("{}: {error}", path.display())))
}

fn wrong(path: &Path, error: &PackFileError) -> CommandError {
    CommandError::Input(format!("{}: {error}", path.display()))
}

fn failed(path: &Path, error: &io::Error) -> CommandError {
    CommandError::Input(format!("{}: {error}", path.display()))
}

fn builtin() -> Result<Pack, CommandError> {
    PackSource::builtin().compile(&[]).map_err(CommandError::internal)
}

/// What the supervisor put in force, or would if it ran.
fn in_force(config: &Config) -> Result<(Pack, &'static str), CommandError> {
    match packs::standing(config) {
        Ok(Some(source)) => Ok((source.compile(&[]).map_err(CommandError::input)?, "installed")),
        Ok(None) => Ok((builtin()?, "builtin")),
        Err(why) => {
            eprintln!("nanogate: warning: the installed pack is not used: {}", crate::one_line(&why));
            Ok((builtin()?, "builtin"))
        }
    }
}

fn listing(pack: &Pack, origin: &str) -> Value {
    let rule = |rule: gate_scrub::RuleInfo<'_>| {
        json!({
            "id": rule.id, "name": rule.name, "kind": rule.kind, "kb": rule.kb, "severity": rule.severity,
            "action": rule.action,
        })
    };
    let info = pack.info();
    json!({
        "name": info.name, "version": info.version, "origin": origin, "allowed": pack.allowed(),
        "kbs": counts(pack), "rules": pack.rules().map(rule).collect::<Vec<_>>(),
    })
}

fn table(pack: &Pack, origin: &str) -> String {
    let info = pack.info();
    let rules = pack.rules().count();
    let mut text =
        format!("{} {} ({origin}): {rules} rules, {} public values\n", info.name, info.version, pack.allowed());
    for (kb, count) in counts(pack) {
        text.push_str(&format!("  {kb:<14} {count:>4}\n"));
    }
    let width = pack.rules().map(|rule| rule.id.len()).max().unwrap_or(0);
    for rule in pack.rules() {
        let (id, kb, severity, action) = (rule.id, rule.kb.as_str(), rule.severity.as_str(), rule.action.as_str());
        text.push_str(&format!("{id:<width$}  {kb:<13} {severity:<8} {action:<6} {}\n", rule.name));
    }
    text
}

fn counts(pack: &Pack) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for rule in pack.rules() {
        *counts.entry(rule.kb.as_str()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests;
