//! Places for TCP connections. When none is free, the connection that has been idle longest gives way to a new one (RFC 7766
//! section 6.2.3): who opens connections and asks nothing keeps nobody out.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::act::{Seat, Seats};

/// Who may be connected at once.
pub(super) struct Places {
    all: Arc<Semaphore>,
    clients: Seats,
    /// A host may take as many addresses of its IPv6 network as it likes, and in an office most hosts share one network: all
    /// of it may take half of the places.
    networks: Seats,
    open: Arc<Mutex<Open>>,
    /// Whether idle connections give way.
    moves: bool,
}

#[derive(Default)]
struct Open {
    /// Counts what happens on connections, so that the oldest can be told.
    turn: u64,
    connections: HashMap<u64, Connected>,
}

struct Connected {
    /// When something happened last.
    turn: u64,
    pipeline: Arc<Semaphore>,
    /// Free places of the pipeline when no question waits for its answer.
    idle: usize,
    closed: CancellationToken,
}

/// One connection's place; dropping it gives it back.
pub(super) struct Place {
    number: u64,
    open: Arc<Mutex<Open>>,
    /// Empty until the connection that gives way has ended.
    permit: Option<OwnedSemaphorePermit>,
    _seats: (Seat, Option<Seat>),
}

impl Places {
    /// So many for all and for each client.
    pub(super) fn new(most: usize, each: usize) -> Self {
        Self { moves: true, ..Self::fixed(most, each) }
    }

    /// The same, but nobody gives way.
    pub(super) fn fixed(most: usize, each: usize) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(most)),
            clients: Seats::new(each),
            networks: Seats::new(most.div_ceil(2).max(each)),
            open: Arc::default(),
            moves: false,
        }
    }

    /// A place for a connection whose questions take places in `pipeline` and which ends with `closed`; with it where to
    /// [wait](Place::wait) when another one gives way first.
    pub(super) fn take(
        &self,
        client: IpAddr,
        pipeline: &Arc<Semaphore>,
        closed: &CancellationToken,
    ) -> Option<(Place, Option<Arc<Semaphore>>)> {
        let seat = self.clients.take(client)?;
        let network = match network(client) {
            Some(network) => Some(self.networks.take(network)?),
            None => None,
        };
        let mut open = self.open.lock();
        let permit = Arc::clone(&self.all).try_acquire_owned().ok();
        let waits = permit.is_none();
        if waits && !(self.moves && open.close_oldest()) {
            return None;
        }
        open.turn += 1;
        let (number, idle) = (open.turn, pipeline.available_permits());
        let connected = Connected { turn: number, pipeline: Arc::clone(pipeline), idle, closed: closed.clone() };
        open.connections.insert(number, connected);
        let place = Place { number, open: Arc::clone(&self.open), permit, _seats: (seat, network) };
        Some((place, waits.then(|| Arc::clone(&self.all))))
    }
}

impl Open {
    /// Closes the connection without a question on which nothing has happened for longest, if there is one.
    fn close_oldest(&mut self) -> bool {
        let idle = self.connections.iter().filter(|(_, one)| one.pipeline.available_permits() == one.idle);
        let Some(number) = idle.min_by_key(|(_, one)| one.turn).map(|(number, _)| *number) else { return false };
        // It is closed once, and its place is promised to one only.
        self.connections.remove(&number).inspect(|one| one.closed.cancel()).is_some()
    }
}

impl Place {
    /// Waits for the place of the connection that gave way.
    pub(super) async fn wait(&mut self, all: Arc<Semaphore>) {
        self.permit = all.acquire_owned().await.ok();
    }

    /// Something happened on this connection.
    pub(super) fn touch(&self) {
        let mut open = self.open.lock();
        open.turn += 1;
        let turn = open.turn;
        if let Some(one) = open.connections.get_mut(&self.number) {
            one.turn = turn;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open.lock().connections.remove(&self.number);
    }
}

/// The network of a client that may have many addresses in it. A link-local address says nothing of a network.
fn network(client: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(ip) = client else { return None };
    let prefix = Ipv6Addr::from(u128::from(ip) >> 64 << 64);
    (!ip.is_unicast_link_local()).then_some(prefix.into())
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Arc;

    use tokio::sync::Semaphore;
    use tokio_util::sync::CancellationToken;

    use super::{Place, Places};

    struct One {
        place: Place,
        pipeline: Arc<Semaphore>,
        closed: CancellationToken,
    }

    fn take(places: &Places, client: &str) -> Option<One> {
        let (pipeline, closed) = (Arc::new(Semaphore::new(4)), CancellationToken::new());
        let (place, _) = places.take(client.parse::<IpAddr>().unwrap(), &pipeline, &closed)?;
        Some(One { place, pipeline, closed })
    }

    #[test]
    fn the_connection_that_was_idle_longest_gives_way() {
        let places = Places::new(3, 9);
        let [first, second, third] = [(); 3].map(|()| take(&places, "192.0.2.1").unwrap());
        first.place.touch();
        let _question = Arc::clone(&second.pipeline).try_acquire_owned().unwrap();
        let fourth = take(&places, "192.0.2.2").unwrap();
        let ended = || [&first, &second, &third, &fourth].map(|one| one.closed.is_cancelled());
        assert_eq!(ended(), [false, false, true, false]);
        let fifth = take(&places, "192.0.2.2").unwrap();
        assert_eq!(ended(), [true, false, true, false], "its place is promised once");
        let busy = [&fourth, &fifth].map(|one| Arc::clone(&one.pipeline).try_acquire_owned().unwrap());
        assert!(take(&places, "192.0.2.2").is_none(), "nobody who waits for an answer gives way");
        drop(busy);
        assert!(take(&places, "192.0.2.2").is_some());
    }

    #[test]
    fn one_network_of_ipv6_takes_half_of_the_places() {
        let places = Places::new(8, 2);
        let of = |network: &str| {
            (1..9)
                .map_while(|host| take(&places, &format!("{network}::{host}")))
                .map(|one| one.place)
                .collect::<Vec<_>>()
        };
        let (first, second) = (of("2001:db8:1:1"), of("2001:db8:1:2"));
        assert_eq!((first.len(), second.len()), (4, 4));
        drop(first);
        assert_eq!(of("2001:db8:1:3").len(), 4);
        assert_eq!(
            of("fe80").len(),
            8,
            "neighbours without a network are counted one by one, and the idle ones give way"
        );
    }
}
