//! `nanogate freeze` and `nanogate bypass`: orders for the running daemon.

use std::path::Path;

use super::settings;
use crate::cli::FreezeVerb;
use crate::console::{self, Order, Reply};
use crate::{CommandError, Outcome, print};

/// Turns the panic switch, or says where it stands; "no" when it is on and only that was asked.
pub(crate) fn freeze(file: &Path, verb: FreezeVerb, json: bool) -> Result<Outcome, CommandError> {
    let order = match verb {
        FreezeVerb::On => Order::Freeze(true),
        FreezeVerb::Off => Order::Freeze(false),
        FreezeVerb::Status => Order::Status,
    };
    let reply = tell(file, &order, json)?;
    let frozen = reply.switch == "frozen";
    Ok(if matches!(verb, FreezeVerb::Status) && frozen { Outcome::No } else { Outcome::Done })
}

/// Opens nothing for so many minutes.
pub(crate) fn bypass(file: &Path, minutes: u64, json: bool) -> Result<Outcome, CommandError> {
    tell(file, &Order::Bypass(minutes.saturating_mul(60)), json).map(|_| Outcome::Done)
}

fn tell(file: &Path, order: &Order, json: bool) -> Result<Reply, CommandError> {
    let config = settings(file)?;
    let reply = console::tell(&config.console_socket(), order).map_err(CommandError::input)?;
    if let Some(error) = &reply.error {
        return Err(CommandError::input(error));
    }
    if json {
        let line = serde_json::to_string(&reply).map_err(CommandError::internal)?;
        print::line(line)?;
    } else if reply.bypass_seconds > 0 {
        print::line(format_args!("{} for {} s more", reply.switch, reply.bypass_seconds))?;
    } else {
        print::line(&reply.switch)?;
    }
    Ok(reply)
}
