//! What one connection of a client leaves to its next: the provider met, its certificate verified, and nothing open.
//!
//! Programs that connect anew for each request would otherwise pay for a TLS handshake with the provider each time.
//!
//! **Invariant:** a connection goes from one client to itself only, under the policy that it was begun under, and to an
//! address that the name leads to now and the guard lets through. One that was broken off, was made something else, or on
//! which an answer was not read to its end, goes to nobody.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};

use gate_core::{HostName, UnixMicros};
use parking_lot::Mutex;
use tokio::time::sleep;

use super::leaf::Alpn;
use super::upstream::{Link, Upstream};
use crate::act::dial::Way;
use crate::ports::Snapshot;
use crate::session::Session;
use crate::shared::Shared;

/// Kept for one client: a program that asks for eight things at once.
const PER_CLIENT: usize = 8;

/// Kept for all together, at some 50 KiB each.
const IN_ALL: usize = 128;

/// A connection to a provider on which nothing is open.
pub(crate) struct Left {
    pub(super) link: Link,
    pub(super) peer: SocketAddr,
    pub(super) alpn: Alpn,
}

/// Who may go on with it.
#[derive(Clone)]
pub(super) struct Heir {
    client: IpAddr,
    name: Option<Arc<str>>,
    host: HostName,
    offer: Vec<Vec<u8>>,
    /// Weak, so that packs that were replaced do not stay for its sake.
    snapshot: Weak<Snapshot>,
}

/// All that is kept, oldest first.
#[derive(Default)]
pub(super) struct Shelf(Mutex<Rows>);

#[derive(Default)]
struct Rows {
    rows: Vec<Row>,
    next: u64,
}

struct Row {
    number: u64,
    heir: Heir,
    left: Left,
}

impl Heir {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            client: session.client.ip(),
            name: session.name.clone(),
            host: session.host.clone(),
            offer: Alpn::offer(&session.alpn),
            snapshot: Arc::downgrade(&session.snapshot),
        }
    }

    fn is_client(&self, other: &Self) -> bool {
        self.client == other.client && self.name == other.name
    }

    fn is(&self, other: &Self) -> bool {
        self.is_client(other)
            && self.host == other.host
            && self.offer == other.offer
            && self.snapshot.ptr_eq(&other.snapshot)
    }
}

impl Shelf {
    fn put(&self, heir: Heir, left: Left) -> u64 {
        let Rows { rows, next } = &mut *self.0.lock();
        if rows.iter().filter(|row| row.heir.is_client(&heir)).count() >= PER_CLIENT
            && let Some(oldest) = rows.iter().position(|row| row.heir.is_client(&heir))
        {
            rows.remove(oldest);
        }
        if rows.len() >= IN_ALL {
            rows.remove(0);
        }
        let number = *next;
        *next += 1;
        rows.push(Row { number, heir, left });
        number
    }

    /// The one that was left last of those that live: of all the likeliest to go on living.
    pub(super) fn take(&self, heir: &Heir, leads_to: impl Fn(SocketAddr) -> bool, now: UnixMicros) -> Option<Left> {
        let rows = &mut self.0.lock().rows;
        rows.retain(|row| row.left.link.lives(now));
        let at = rows.iter().rposition(|row| row.heir.is(heir) && leads_to(row.left.peer))?;
        Some(rows.remove(at).left)
    }

    fn forget(&self, number: u64) {
        self.0.lock().rows.retain(|row| row.number != number);
    }
}

/// What the client has left of a connection to the same host, where the way still leads there.
pub(crate) fn take_over(shared: &Shared, session: &Session, way: &Way<'_>) -> Option<Left> {
    let heir = Heir::of(session);
    shared.inspect.shelf.take(&heir, |peer| way.leads_to(peer), shared.now())
}

/// Keeps what a connection leaves, for a while.
pub(super) async fn keep(shared: &Arc<Shared>, session: &Session, upstream: &Upstream) {
    let patience = shared.config.upstream_idle();
    let is_current = Arc::ptr_eq(&shared.snapshot(), &session.snapshot);
    if patience.is_zero() || !is_current || shared.stopping.is_cancelled() || shared.cutting().is_some() {
        return;
    }
    let Some(left) = upstream.leave().await else { return };
    let number = shared.inspect.shelf.put(Heir::of(session), left);
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        shared.stopping.run_until_cancelled(sleep(patience)).await;
        shared.inspect.shelf.forget(number);
    });
}
