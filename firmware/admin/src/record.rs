//! The corridor's last station: a command is opened once and closed once, and leaves exactly one record.

use std::net::IpAddr;
use std::sync::Arc;

use gate_core::{AdminEvent, Event, JournalError};
use http::StatusCode;
use tokio::time::Instant;

use crate::app::App;
use crate::problem::Problem;

/// A command under way. **Invariant:** it leaves one record: when it ends, or when it is dropped half-way because the
/// client went away or the time was up.
pub(crate) struct Command {
    app: Arc<App>,
    client: IpAddr,
    name: &'static str,
    actor: Option<String>,
    open: bool,
}

impl Command {
    /// Opens a command, unless its client sends too many: those are turned away unread, counted but not recorded, so
    /// that nobody can fill the journal by asking.
    pub(crate) fn begin(app: &Arc<App>, client: IpAddr, name: &'static str) -> Result<Self, Problem> {
        app.commands.lock().take(client, Instant::now()).map_err(|wait| {
            app.meters.throttled_commands.add();
            Problem::rate_limited(wait)
        })?;
        Ok(Self::admitted(app, client, name, None))
    }

    /// Opens a command of somebody who is already known and limited otherwise.
    pub(crate) fn admitted(app: &Arc<App>, client: IpAddr, name: &'static str, actor: Option<String>) -> Self {
        Self { app: Arc::clone(app), client, name, actor, open: true }
    }

    /// Says who it is, as soon as that is known.
    pub(crate) fn by(&mut self, actor: impl Into<String>) {
        self.actor = Some(actor.into());
    }

    /// Records the outcome, and hands it on only when the journal took it.
    pub(crate) async fn end<T>(mut self, outcome: Result<T, Problem>) -> Result<T, Problem> {
        self.open = false;
        let event = self.event(outcome.as_ref().err().map(|problem| problem.detail.clone()));
        append(&self.app, event).await.map_err(|error| journal_problem(&error))?;
        outcome
    }

    /// Records `event` in place of the command's own.
    pub(crate) async fn end_as(mut self, event: Event) -> Result<(), JournalError> {
        self.open = false;
        append(&self.app, event).await
    }

    fn event(&self, refusal: Option<String>) -> Event {
        Event::Admin(AdminEvent {
            client: Some(self.client),
            actor: self.actor.clone(),
            command: self.name.to_owned(),
            ok: refusal.is_none(),
            detail: refusal,
        })
    }
}

impl Drop for Command {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let event = self.event(Some("it was given up half-way".to_owned()));
        if let Err(error) = self.app.journal.append(&event) {
            self.app.meters.lost_records.add();
            tracing::error!(%error, command = self.name, "a record was lost");
        }
    }
}

/// The journal writes to disk, so it gets a thread that may wait. Once started it ends, whatever becomes of the caller.
async fn append(app: &Arc<App>, event: Event) -> Result<(), JournalError> {
    let shared = Arc::clone(app);
    let written = tokio::task::spawn_blocking(move || shared.journal.append(&event)).await;
    let outcome = written.unwrap_or_else(|panic| Err(JournalError::Io(std::io::Error::other(panic))));
    outcome.map(|_| ()).inspect_err(|error| {
        app.meters.lost_records.add();
        tracing::error!(%error, "the journal took no record");
    })
}

fn journal_problem(_logged: &JournalError) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "journal",
        "The journal cannot be written, so nothing is done that it would have to hold: the disk, or the puck's card, is full, \
         gone or broken.",
    )
}
