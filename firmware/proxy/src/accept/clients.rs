use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// Open connections per client address. **Invariant:** it holds an address only while that client has a connection,
/// so it never outgrows the cap on all connections.
#[derive(Debug)]
pub(super) struct Clients {
    cap: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection of one client; dropping it frees the place.
#[derive(Debug)]
pub(super) struct Seat {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Clients {
    pub(super) fn new(cap: usize) -> Self {
        Self { cap, open: Mutex::default() }
    }

    /// A place for one more connection of this client, unless it has too many.
    pub(super) fn seat(self: &Arc<Self>, client: IpAddr) -> Option<Seat> {
        let mut open = self.open.lock();
        let count = open.entry(client).or_insert(0);
        if *count == self.cap {
            return None;
        }
        *count += 1;
        Some(Seat { clients: Arc::clone(self), client })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if let Entry::Occupied(mut count) = self.clients.open.lock().entry(self.client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_cap_and_leaves_nothing_behind() {
        let clients = Arc::new(Clients::new(2));
        let (anna, ben) = ("192.0.2.10".parse().unwrap(), "192.0.2.11".parse().unwrap());
        let first = clients.seat(anna).unwrap();
        let second = clients.seat(anna).unwrap();
        assert!(clients.seat(anna).is_none());
        let other = clients.seat(ben).unwrap();
        drop(first);
        let third = clients.seat(anna).unwrap();
        drop((second, third, other));
        assert!(clients.open.lock().is_empty());
    }
}
