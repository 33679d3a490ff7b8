use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::decide::throttle::client_key;

/// How many connections there may be, of all clients and of each.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_per_client: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// One connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: Option<IpAddr>,
}

impl Places {
    pub(super) fn new(most: usize, most_per_client: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_client, taken: Mutex::default() })
    }

    /// A place for a connection whose client is not known yet; `None` when the house is full.
    pub(super) fn enter(places: &Arc<Self>) -> Option<Place> {
        let mut taken = places.taken.lock();
        if taken.total >= places.most {
            return None;
        }
        taken.total += 1;
        Some(Place { places: Arc::clone(places), client: None })
    }
}

impl Place {
    /// Counts the place as this client's; false when it has too many already.
    pub(super) fn seat(&mut self, client: IpAddr) -> bool {
        let client = client_key(client);
        let mut taken = self.places.taken.lock();
        let count = taken.by_client.entry(client).or_default();
        if *count >= self.places.most_per_client {
            return false;
        }
        *count += 1;
        self.client = Some(client);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.total -= 1;
        let Some(client) = self.client else { return };
        if let Some(count) = taken.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                taken.by_client.remove(&client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Places;

    #[test]
    fn one_client_cannot_take_every_place() {
        let places = Places::new(3, 2);
        let (one, two) = ("192.0.2.10".parse().unwrap(), "192.0.2.11".parse().unwrap());
        let mut first = Places::enter(&places).unwrap();
        let mut second = Places::enter(&places).unwrap();
        let mut third = Places::enter(&places).unwrap();
        assert!(Places::enter(&places).is_none(), "full");
        assert!(first.seat(one) && second.seat(one) && !third.seat(one) && third.seat(two));
        drop(first);
        let mut fourth = Places::enter(&places).unwrap();
        assert!(fourth.seat(one));
        drop((second, third, fourth));
        let taken = places.taken.lock();
        assert_eq!((taken.total, taken.by_client.len()), (0, 0), "nothing is left behind");
    }
}
