use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// How much each client has going on, with a cap. Clients with nothing going on take no memory.
#[derive(Clone)]
pub(crate) struct Seats {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    each: usize,
}

/// One thing a client has going on; dropping it gives the place back.
pub(crate) struct Seat {
    taken: Arc<Mutex<HashMap<IpAddr, usize>>>,
    client: IpAddr,
}

impl Seats {
    pub(crate) fn new(each: usize) -> Self {
        Self { taken: Arc::default(), each }
    }

    /// A place, unless the client has used up its own.
    pub(crate) fn take(&self, client: IpAddr) -> Option<Seat> {
        self.take_of(client, usize::MAX)
    }

    /// The same, where each client may have no more than `most` at the moment.
    pub(crate) fn take_of(&self, client: IpAddr, most: usize) -> Option<Seat> {
        let mut taken = self.taken.lock();
        let count = taken.get(&client).copied().unwrap_or_default();
        if count >= self.each.min(most) {
            return None;
        }
        taken.insert(client, count + 1);
        Some(Seat { taken: Arc::clone(&self.taken), client })
    }

    /// Who has most going on, of those who are counted.
    pub(crate) fn heaviest(&self) -> Option<IpAddr> {
        self.taken.lock().iter().max_by_key(|(_, count)| **count).map(|(client, _)| *client)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.taken.lock();
        if let Some(count) = taken.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Seats;

    #[test]
    fn caps_each_client_and_forgets_idle_ones() {
        let (a, b) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let seats = Seats::new(2);
        let (first, _second) = (seats.take(a).unwrap(), seats.take(a).unwrap());
        assert!(seats.take(a).is_none());
        let other = seats.take(b).unwrap();
        assert_eq!(seats.heaviest(), Some(a));
        drop(first);
        assert!(seats.take(a).is_some());
        drop(other);
        assert_eq!(seats.taken.lock().len(), 1);
    }
}
