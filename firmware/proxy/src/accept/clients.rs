use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Open connections per client, known by its address or by a name. **Invariant:** it holds a client only while that has a
/// connection, so it never outgrows the cap on all connections.
#[derive(Debug)]
pub(crate) struct Clients<K> {
    cap: usize,
    open: Mutex<HashMap<K, usize>>,
}

/// One connection of one client; dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Seat<K: Eq + Hash> {
    clients: Arc<Clients<K>>,
    client: K,
}

impl<K: Eq + Hash + Clone> Clients<K> {
    pub(crate) fn new(cap: usize) -> Self {
        Self { cap, open: Mutex::default() }
    }

    /// A place for one more connection of this client, unless it has too many.
    pub(crate) fn seat(self: &Arc<Self>, client: K) -> Option<Seat<K>> {
        let mut open = self.open.lock();
        let count = open.entry(client.clone()).or_insert(0);
        if *count == self.cap {
            return None;
        }
        *count += 1;
        Some(Seat { clients: Arc::clone(self), client })
    }
}

impl<K: Eq + Hash> Drop for Seat<K> {
    fn drop(&mut self) {
        let mut open = self.clients.open.lock();
        let Some(count) = open.get_mut(&self.client) else { return };
        *count -= 1;
        if *count == 0 {
            open.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_cap_and_leaves_nothing_behind() {
        let clients = Arc::new(Clients::new(2));
        let (anna, ben) = ("anna", "ben");
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
