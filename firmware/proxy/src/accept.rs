//! Accept: sockets come in by one of three doors, each with its permit, and none without.

pub(crate) mod clients;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gate_core::{ClientAddr, Reason};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::corridor::{self, Door};
use crate::meter::Meter;
use crate::record::Pending;
use crate::session::{Accepted, Closed};
use crate::shared::Shared;

use clients::{Clients, Seat};

/// Pause after a failed accept: out of descriptors, most likely, and only closing connections give them back.
const BACKOFF: Duration = Duration::from_millis(50);

/// Bound sockets, by what comes in through them. The daemon binds them, before it gives up its rights.
#[derive(Debug, Default)]
pub struct Listeners {
    /// Steered TLS connections.
    pub tls: Vec<TcpListener>,
    /// Steered plain HTTP.
    pub http: Vec<TcpListener>,
    /// Clients that use us as their CONNECT proxy.
    pub explicit: Vec<TcpListener>,
}

/// Numbers connections and counts the open ones, over all doors.
pub(crate) struct Reception {
    shared: Arc<Shared>,
    tasks: TaskTracker,
    open: Arc<Semaphore>,
    clients: Arc<Clients<IpAddr>>,
    next_id: AtomicU64,
}

/// What a connection occupies while it is open.
struct Permit {
    _place: OwnedSemaphorePermit,
    _seat: Seat<IpAddr>,
}

impl Reception {
    pub(crate) fn new(shared: Arc<Shared>, tasks: TaskTracker) -> Self {
        Self {
            open: Arc::new(Semaphore::new(shared.config.max_connections)),
            clients: Arc::new(Clients::new(shared.config.max_connections_per_client)),
            next_id: AtomicU64::new(1),
            shared,
            tasks,
        }
    }

    /// Serves one listener until the proxy stops.
    pub(crate) async fn serve(self: Arc<Self>, door: Door, listener: TcpListener) {
        loop {
            tokio::select! {
                () = self.shared.stopping.cancelled() => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => self.welcome(door, stream, client_addr(peer)).await,
                    Err(error) => {
                        tracing::warn!(%error, ?door, "accept failed");
                        tokio::time::sleep(BACKOFF).await;
                    }
                }
            }
        }
    }

    /// Starts the connection's task. Past the global cap it waits, and the kernel's backlog fills up behind it.
    async fn welcome(&self, door: Door, stream: TcpStream, client: ClientAddr) {
        let place = tokio::select! {
            () = self.shared.stopping.cancelled() => None,
            place = Arc::clone(&self.open).acquire_owned() => place.ok(),
        };
        let accepted = self.register(door, stream, client);
        let pending = Pending::open(&self.shared, &accepted);
        let Some(place) = place else { return pending.close(Closed::refused(Reason::Shutdown)) };
        if !accepted.snapshot.place.local.iter().any(|subnet| subnet.contains(&client.ip())) {
            return pending.close(Closed::refused(Reason::NotLocal));
        }
        let Some(seat) = self.clients.seat(client.ip()) else {
            return pending.close(Closed::refused(Reason::RateLimited));
        };
        let permit = Permit { _place: place, _seat: seat };
        let span = tracing::info_span!("connection", id = accepted.id, client = %client, ?door);
        let shared = Arc::clone(&self.shared);
        let walk = async move {
            corridor::walk(shared, door, accepted, pending).await;
            drop(permit);
        };
        self.tasks.spawn(walk.instrument(span));
    }

    fn register(&self, door: Door, stream: TcpStream, client: ClientAddr) -> Accepted {
        let at = Instant::now();
        // A destination that cannot be told counts as our own: there only what is known by name goes further.
        let dst = match door {
            Door::Tls | Door::Http => self.shared.ports.original.of(&stream).ok(),
            Door::Explicit => None,
        };
        Accepted {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            client,
            dst,
            stream,
            at,
            meter: Arc::new(Meter::new(at)),
            snapshot: self.shared.snapshot(),
        }
    }
}

/// On a dual-stack listener an IPv4 client shows up as an IPv6 one; policy and the journal know it by its IPv4 address.
fn client_addr(peer: SocketAddr) -> ClientAddr {
    ClientAddr(SocketAddr::new(peer.ip().to_canonical(), peer.port()))
}
