//! Equal questions about AI: the first of a minute has a record of its own, the others are counted, so that a flood of them
//! cannot push evidence out of the journal either.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Different questions of one client that have a record of their own between two countings; a person asks for a few.
const EACH: usize = 200;
/// Clients that have such records; addresses can be forged, memory cannot.
const CLIENTS: usize = 256;
/// Such records of all clients together: ten times what 25 people ask who all begin to work at once.
const ALL: usize = 2000;
/// And of one client beyond that.
const FEW: usize = 8;

/// What was asked since the last counting: name and type.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    asked: HashMap<IpAddr, HashSet<(Box<str>, u16)>>,
    records: usize,
}

impl Repeats {
    /// Whether a question is to have a record of its own.
    pub(crate) fn is_new(&mut self, client: IpAddr, name: &str, kind: u16) -> bool {
        if self.asked.len() >= CLIENTS && !self.asked.contains_key(&client) {
            return false;
        }
        let asked = self.asked.entry(client).or_default();
        let most = if self.records < ALL { EACH } else { FEW };
        let new = asked.len() < most && asked.insert((name.into(), kind));
        self.records += usize::from(new);
        new
    }

    /// Counting starts again.
    pub(crate) fn clear(&mut self) {
        // The tables go as well: they should not stay as large as they once had to be.
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::{ALL, CLIENTS, EACH, FEW, Repeats};

    #[test]
    fn each_question_has_one_record_until_counting_starts_again() {
        let mut repeats = Repeats::default();
        let clients = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        for client in clients {
            assert!(repeats.is_new(client, "api.acme.example", 1) && repeats.is_new(client, "api.acme.example", 28));
            assert!(!repeats.is_new(client, "api.acme.example", 1));
        }
        repeats.clear();
        assert!(repeats.is_new(clients[0], "api.acme.example", 1));
    }

    #[test]
    fn endless_names_and_forged_clients_have_few_records() {
        let mut repeats = Repeats::default();
        let client = IpAddr::from([192, 0, 2, 1]);
        let records = (0..1000).filter(|number| repeats.is_new(client, &format!("{number}.acme.example"), 1)).count();
        assert_eq!(records, EACH);
        let forged = |number: u128| repeats.is_new(Ipv6Addr::from(number).into(), "api.acme.example", 1);
        assert_eq!((0..1000).map(forged).filter(|new| *new).count(), CLIENTS - 1);
    }
    #[test]
    fn forged_clients_with_endless_names_have_few_records_together() {
        let mut repeats = Repeats::default();
        let asked = |number: u128| (Ipv6Addr::from(number % 100).into(), format!("{number}.acme.example"));
        let is_new = |(client, name): (IpAddr, String)| repeats.is_new(client, &name, 1);
        assert_eq!((0..10_000).map(asked).map(is_new).filter(|new| *new).count(), ALL);
        let late =
            (0..100).filter(|number| repeats.is_new([192, 0, 2, 9].into(), &format!("{number}.acme.example"), 1));
        assert_eq!(late.count(), FEW, "nobody is left without records by others");
    }
}
