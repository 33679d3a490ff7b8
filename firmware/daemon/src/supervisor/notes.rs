//! What the supervisor says of itself, in its own chain and in the log.

use gate_core::{AdminEvent, Event, Journal, ProcessEvent, ProcessState};

use crate::{packs, provision};

/// A process began, ended, stalled or goes on.
pub(super) fn process(journal: &dyn Journal, process: &str, pid: u32, state: ProcessState) {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    append(journal, &Event::Process(ProcessEvent { process: process.to_owned(), pid, state, version }));
}

/// What became of a password that the owner brought along.
pub(super) fn password(journal: &dyn Journal, taken: Result<(), String>) {
    match &taken {
        Ok(()) => tracing::info!("the password that was brought along is set"),
        Err(error) => tracing::error!(%error, "the password that was brought along is not set"),
    }
    append(journal, &own("password_set", taken.is_ok(), taken.err()));
}

/// Whether the certificate authority took over that the page was asked for.
pub(super) fn authority(journal: &dyn Journal, taken: Result<String, String>) {
    if let Err(error) = &taken {
        tracing::error!(%error, "the successor of the certificate authority does not take over");
    }
    let ok = taken.is_ok();
    append(journal, &own("ca_activate", ok, Some(taken.unwrap_or_else(|error| error))));
}

/// Which rules are in force now, and why not others.
pub(super) fn pack(journal: &dyn Journal, pack: &packs::InForce) {
    let detail = match &pack.error {
        None => {
            tracing::info!(%pack, "these rules are in force");
            pack.to_string()
        }
        Some(error) => {
            tracing::error!(%error, %pack, "the installed pack is not used; other rules are in force");
            format!("{pack}: the installed pack is not used")
        }
    };
    append(journal, &own("pack_activate", pack.error.is_none(), Some(detail)));
}

fn own(command: &str, ok: bool, detail: Option<String>) -> Event {
    let actor = Some(provision::SUPERVISOR.to_owned());
    Event::Admin(AdminEvent { client: None, actor, command: command.to_owned(), ok, detail })
}

fn append(journal: &dyn Journal, event: &Event) {
    if let Err(error) = journal.append(event) {
        tracing::error!(%error, "the supervisor's journal takes no records");
    }
}
