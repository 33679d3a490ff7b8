//! `nanogate fallback`: who is watched because it does not take the office's certificate, and the end of that.

use std::path::Path;

use gate_core::{Clock, FallbackCause, SystemClock};
use gate_proxy::Fallback;

use super::settings;
use super::state::note;
use crate::worker::fallbacks;
use crate::{CommandError, Outcome, print};

/// Who stands now; "no" when nobody does.
pub(crate) fn fallback_list(file: &Path, json: bool) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let list = fallbacks::standing(&config.data);
    if json {
        print::line(serde_json::to_string(&list).map_err(CommandError::internal)?)?;
    } else {
        show(&list)?;
    }
    Ok(if list.is_empty() { Outcome::No } else { Outcome::Done })
}

/// Has a client inspected again; "no" where there is no fall-back of this name.
pub(crate) fn fallback_revoke(file: &Path, id: &str) -> Result<Outcome, CommandError> {
    let config = settings(file)?;
    let done = fallbacks::revoke(&config.data, id);
    note(&config, "fallback_revoke", done == Ok(true), Some(done.clone().err().unwrap_or_else(|| id.to_owned())))?;
    match done {
        Ok(true) => Ok(Outcome::Done),
        Ok(false) => Ok(Outcome::No),
        Err(error) => Err(CommandError::Input(format!("the proxy cannot be reached: {error}"))),
    }
}

/// A line for each.
pub(crate) fn show(list: &[Fallback]) -> Result<(), CommandError> {
    let now = SystemClock.now();
    for one in list {
        let hours = one.until.0.saturating_sub(now.0).div_ceil(3_600_000_000);
        let why = match one.cause {
            FallbackCause::Alert(number) => format!("TLS alert {number}"),
            FallbackCause::Closed => "it closes".to_owned(),
        };
        let Fallback { id, client, host, runtime, .. } = one;
        print::line(format_args!(
            "  WATCHED INSTEAD OF INSPECTED: {client} to {host}, {runtime} program, refuses the certificate ({why}); {hours} h \
             more, or `nanogate fallback revoke {id}`"
        ))?;
    }
    Ok(())
}
