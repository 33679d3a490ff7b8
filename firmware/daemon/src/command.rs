//! The commands that answer and end. Each one reads what it needs, prints, and says how it went.

mod account;
mod audit;
mod ca;
mod dns;
mod fallback;
mod pack;
mod password;
mod scan;
mod state;
mod switch;
mod words;

use std::fs;
use std::path::Path;

pub(crate) use self::account::{account_hash, account_list};
pub(crate) use self::audit::{audit_export, audit_head, audit_tail, audit_verify};
pub(crate) use self::ca::{ca_activate, ca_export, ca_seal, ca_show, ca_unseal};
pub(crate) use self::dns::{DnsQuestion, dns_query};
pub(crate) use self::fallback::{fallback_list, fallback_revoke};
pub(crate) use self::pack::{pack_build, pack_install, pack_list, pack_verify};
pub(crate) use self::password::password;
pub(crate) use self::scan::scan;
pub(crate) use self::state::{status, steer_show, token_add, token_list, token_revoke};
pub(crate) use self::switch::{bypass, freeze};
use crate::config::Config;
use crate::run_state::Running;
use crate::worker::{self, PolicyFile};
use crate::{CommandError, Outcome, packs, print, provision};

/// The settings that are in force: the file's or, where it has become wrong, those that the running daemon started with, so
/// that a slip of the pen does not keep anybody from the panic switch.
fn settings(file: &Path) -> Result<Config, CommandError> {
    let (data, config) = Config::find(file).map_err(CommandError::input)?;
    let error = match config {
        Ok(config) => return Ok(config),
        Err(error) => error,
    };
    let kept = Running::alive(&data).and_then(|_| fs::read_to_string(provision::settings_file(&data)).ok());
    let Some(text) = kept else { return Err(CommandError::input(error)) };
    eprintln!("nanogate: warning: {}", state::unused_settings(&error));
    Config::of_text(file, &text).map_err(CommandError::input)
}

/// `nanogate check`: everything the daemon would read, built and thrown away.
pub(crate) fn check(file: &Path) -> Result<Outcome, CommandError> {
    let config = Config::load(file).map_err(CommandError::input)?;
    config.check_files(file).map_err(CommandError::input)?;
    worker::check(&config)?;
    provision::check_seal(&config)?;
    if let Err(error) = packs::standing(&config) {
        eprintln!("nanogate: warning: the installed pack is not used: {}", crate::one_line(&error));
    }
    for warning in config.warnings() {
        eprintln!("nanogate: warning: {warning}");
    }
    if let Some(policy) = &config.policy {
        warn(policy)?;
    }
    print::line(format_args!("{}: ok", file.display()))?;
    Ok(Outcome::Done)
}

/// `nanogate policy check`.
pub(crate) fn policy_check(file: &Path) -> Result<Outcome, CommandError> {
    warn(file)?;
    print::line(format_args!("{}: ok", file.display()))?;
    Ok(Outcome::Done)
}

/// What a policy says that cannot come true: a vendor nobody knows, a rule behind a wider one, a
/// kind that nothing finds.
fn warn(file: &Path) -> Result<(), CommandError> {
    let (policy, _) = PolicyFile { path: file.to_owned(), plain: false }.read().map_err(CommandError::Input)?;
    let scanner = worker::scanner_with(&[])?;
    let warnings = worker::policy_warnings(&policy)?;
    for warning in warnings.into_iter().chain(worker::finding_warnings(&policy, &scanner)) {
        eprintln!("nanogate: {}: warning: {warning}", file.display());
    }
    Ok(())
}
