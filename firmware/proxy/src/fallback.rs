//! Clients that do not take our certificate. After two refusals within a minute such a client is watched instead of
//! inspected for a day: this client, for this host, with this kind of TLS program, and only where policy lets it.
//!
//! ```text
//!  refused ──▶ a mark ──refused within a minute──▶ recorded ──▶ stands 24 h ──▶ gone, or revoked before
//!                 ╰──── a request: it takes the certificate, the mark is gone
//! ```
//!
//! **Invariant:** nothing stands that is not in the journal, and what stands is asked about again at every connection:
//! a policy that has become strict, or denies, counts at once.
//!
//! **Invariant:** clients, and what is kept of each, are capped; what finds no place stays refused.

pub(crate) mod runtime;
mod table;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use gate_core::{FallbackCause, FallbackChange, FallbackEvent, HostName, UnixMicros};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::runtime::Runtime;
use self::table::Table;

/// How long a client is watched: long enough to work until somebody mends its trust, short enough to come back by itself.
const DAY_MICROS: u64 = 24 * 3600 * 1_000_000;

/// One client, one host, one kind of program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) client: IpAddr,
    pub(crate) host: HostName,
    pub(crate) ja4: String,
}

/// A client that is watched because it does not take our certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// Names it: equal for the same client, host and kind of program.
    pub id: String,
    pub client: IpAddr,
    pub host: String,
    pub vendor: String,
    /// The kind of TLS program by its first message.
    pub ja4: String,
    /// What the program seems to be, such as `python`, or `unknown`.
    pub runtime: String,
    pub cause: FallbackCause,
    pub since: UnixMicros,
    /// When the client is inspected again.
    pub until: UnixMicros,
}

/// All of them, shared by all connections.
#[derive(Debug)]
pub(crate) struct Fallbacks {
    table: Mutex<Table>,
    /// Counts changes for whoever keeps them over a restart.
    changes: watch::Sender<u64>,
}

impl Who {
    fn id(&self) -> String {
        let line = format!("{} {} {}", self.client, self.host, self.ja4);
        Sha256::digest(line.as_bytes())
            .iter()
            .take(8)
            .fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
    }
}

impl Fallback {
    fn new(who: &Who, vendor: &str, runtime: Runtime, cause: FallbackCause, now: UnixMicros) -> Self {
        Self {
            id: who.id(),
            client: who.client,
            host: who.host.to_string(),
            vendor: vendor.to_owned(),
            ja4: who.ja4.clone(),
            runtime: runtime.as_str().to_owned(),
            cause,
            since: now,
            until: UnixMicros(now.0.saturating_add(DAY_MICROS)),
        }
    }

    pub(crate) fn event(&self, change: FallbackChange) -> FallbackEvent {
        let Self { client, host, vendor, ja4, runtime, .. } = self.clone();
        FallbackEvent { client, host, vendor, ja4, runtime, change }
    }

    /// That it began, for the journal.
    pub(crate) fn began(&self) -> FallbackEvent {
        self.event(FallbackChange::Began { cause: self.cause, until: self.until })
    }

    /// Whether it counts now. A clock that jumped back, as a board without a battery's does, ends it until it is right.
    fn stands(&self, now: UnixMicros) -> bool {
        self.since <= now && now < self.until && self.until.0.saturating_sub(self.since.0) <= DAY_MICROS
    }
}

impl Fallbacks {
    pub(crate) fn new() -> Self {
        Self { table: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// Whether this connection may be watched; what is given ends it should somebody revoke that. `ja4` is only asked for
    /// where the client has any.
    pub(crate) fn standing(
        &self,
        (client, host): (IpAddr, &HostName),
        ja4: impl FnOnce() -> String,
        now: UnixMicros,
    ) -> Option<CancellationToken> {
        let table = self.table.lock();
        let standing = table.standing(client)?;
        let ja4 = ja4();
        let found = standing.iter().find(|one| one.fallback.host == host.as_str() && one.fallback.ja4 == ja4);
        found.filter(|one| one.fallback.stands(now)).map(|one| one.cut.clone())
    }

    /// Notes that a client refused the certificate: what stands from now on, if `record` takes it.
    pub(crate) fn refused<E>(
        &self,
        who: &Who,
        (vendor, guess): (&str, Runtime),
        cause: FallbackCause,
        now: UnixMicros,
        record: impl FnOnce(&Fallback) -> Result<(), E>,
    ) -> Option<Fallback> {
        let runtime = {
            let mut table = self.table.lock();
            if !table.mark(who, cause, now) {
                return None;
            }
            table.runtime(who).unwrap_or(guess)
        };
        let fallback = Fallback::new(who, vendor, runtime, cause, now);
        record(&fallback).ok()?;
        self.table.lock().put(fallback.clone(), now);
        self.changed();
        Some(fallback)
    }

    /// A request came in: the client takes the certificate, and said what it is.
    pub(crate) fn taken(&self, who: &Who, agent: Option<Runtime>, now: UnixMicros) {
        self.table.lock().taken(who, agent, now);
    }

    /// What stands now, the newest first.
    pub(crate) fn list(&self, now: UnixMicros) -> Vec<Fallback> {
        let mut list: Vec<_> = self.table.lock().all().filter(|one| one.stands(now)).cloned().collect();
        list.sort_by(|one, other| (other.since, &one.id).cmp(&(one.since, &other.id)));
        list
    }

    /// Has the client inspected again; what it was, if it was. Open connections that it let through are cut.
    pub(crate) fn revoke(&self, id: &str) -> Option<Fallback> {
        let revoked = self.table.lock().take(id)?;
        revoked.cut.cancel();
        self.changed();
        Some(revoked.fallback)
    }

    /// Puts back what stood before a restart, as far as it still counts and is well formed.
    pub(crate) fn restore(&self, kept: Vec<Fallback>, now: UnixMicros) {
        let mut table = self.table.lock();
        for fallback in kept.into_iter().filter(|fallback| fallback.stands(now)) {
            let Ok(host) = HostName::parse(fallback.host.as_bytes()) else { continue };
            let who = Who { client: fallback.client, host, ja4: fallback.ja4.clone() };
            if who.id() == fallback.id {
                table.put(fallback, now);
            }
        }
    }

    /// Tells of every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}
