//! `nanogate ca`: the local certificate authority, for people and scripts.

use std::path::Path;

use serde_json::json;

use super::settings;
use crate::cli::CaFormat;
use crate::{CommandError, Outcome, print, provision};

/// Subject, fingerprint, end and the names it may sign.
pub(crate) fn ca_show(file: &Path, json: bool) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let authority = provision::authority(&config)?;
    let (subject, fingerprint) = (provision::ca_subject(&config), authority.fingerprint_sha256());
    let names: Vec<&str> = authority.permitted_domains().collect();
    let expires = gate_audit::export::rfc3339(authority.expires_at());
    if json {
        let shown =
            json!({"subject": subject, "fingerprint_sha256": fingerprint, "expires": expires, "permitted": names});
        print::line(shown)?;
    } else {
        print::line(format_args!("subject      {subject}"))?;
        print::line(format_args!("SHA-256      {fingerprint}"))?;
        print::line(format_args!("expires      {expires}"))?;
        print::line(format_args!("may vouch for {} names and what lies below them:", names.len()))?;
        for name in names {
            print::line(format_args!("  {name}"))?;
        }
    }
    Ok(Outcome::Done)
}

/// The certificate in the form a trust store wants.
pub(crate) fn ca_export(file: &Path, format: CaFormat) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let authority = provision::authority(&config)?;
    let bytes = match format {
        CaFormat::Pem => authority.cert_pem().into_bytes(),
        CaFormat::Der => authority.cert_der().to_vec(),
        CaFormat::Mobileconfig => authority.mobileconfig(&config.domain).into_bytes(),
    };
    print::bytes(&bytes)?;
    Ok(Outcome::Done)
}
