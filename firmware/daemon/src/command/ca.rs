//! `nanogate ca`: the local certificate authority, for people and scripts.

use std::path::Path;

use serde_json::json;

use super::settings;
use super::state::note;
use crate::cli::CaFormat;
use crate::papers::Papers;
use crate::{CommandError, Outcome, print, provision, worker};

/// Subject, fingerprint, end and the names it may sign.
pub(crate) fn ca_show(file: &Path, json: bool) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let authority = provision::authority(&config, &Papers::default())?;
    let (subject, fingerprint) = (provision::ca_subject(&config), authority.fingerprint_sha256());
    let names: Vec<&str> = authority.permitted_domains().collect();
    let expires = gate_audit::export::rfc3339(authority.expires_at());
    let missing = provision::missing(&authority, &worker::catalogue()?);
    let next = provision::successor(&config, &Papers::default())?.map(|next| next.fingerprint_sha256());
    if json {
        let shown = json!({
            "subject": subject, "fingerprint_sha256": fingerprint, "expires": expires, "permitted": names,
            "missing": missing, "next_fingerprint_sha256": next,
        });
        print::line(shown)?;
    } else {
        print::line(format_args!("subject      {subject}"))?;
        print::line(format_args!("SHA-256      {fingerprint}"))?;
        print::line(format_args!("expires      {expires}"))?;
        print::line(format_args!("may vouch for {} names and what lies below them:", names.len()))?;
        for name in names {
            print::line(format_args!("  {name}"))?;
        }
        if !missing.is_empty() {
            print::line(format_args!("only watched, because it leaves them out: {}", missing.join(", ")))?;
        }
        if let Some(next) = next {
            print::line(format_args!("successor    {next}"))?;
        }
    }
    Ok(Outcome::Done)
}

/// The certificate in the form a trust store wants.
pub(crate) fn ca_export(file: &Path, format: CaFormat, next: bool) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let authority = if next {
        let Some(successor) = provision::successor(&config, &Papers::default())? else { return none_waits() };
        successor
    } else {
        provision::authority(&config, &Papers::default())?
    };
    let bytes = match format {
        CaFormat::Pem => authority.cert_pem().into_bytes(),
        CaFormat::Der => authority.cert_der().to_vec(),
        CaFormat::Mobileconfig => authority.mobileconfig(&config.domain).into_bytes(),
    };
    print::bytes(&bytes)?;
    Ok(Outcome::Done)
}

/// The successor takes over: a running daemon sees it, and starts its proxy and its page again.
pub(crate) fn ca_activate(file: &Path) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let Some(authority) = provision::activate(&config)? else { return none_waits() };
    let fingerprint = authority.fingerprint_sha256();
    note(&config, "ca_activate", true, Some(fingerprint.clone()))?;
    print::line(format_args!("in force now: {fingerprint}"))?;
    Ok(Outcome::Done)
}

/// Seals keys that an earlier version left in plain text.
pub(crate) fn ca_seal(file: &Path) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    provision::seal_keys(&config)?;
    // What was written just now is the caller's, and the daemon may be another user.
    provision::own_everything(&config)?;
    note(&config, "ca_seal", true, None)?;
    print::line(
        "the authority's keys are sealed; a version of Nano-Gate that cannot open them does not start here any more",
    )?;
    Ok(Outcome::Done)
}

/// The private key, for who wants to be able to restore it.
pub(crate) fn ca_unseal(file: &Path) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let key = provision::plain_key(&config)?;
    note(&config, "ca_unseal", true, None)?;
    print::bytes(key.as_bytes())?;
    Ok(Outcome::Done)
}

fn none_waits() -> Result<Outcome, CommandError> {
    print::line("no successor waits: the authority in force covers every steered name")?;
    Ok(Outcome::No)
}
