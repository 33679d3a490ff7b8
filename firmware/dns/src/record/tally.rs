//! Counting instead of recording: what is not steered leaves one line for each client and minute.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::time::Duration;

use gate_core::{DnsOutcome, DnsTally};
use tokio::time::Instant;

/// Clients that are counted one by one between two lines; more share one. Addresses can be forged, neither memory nor room in
/// the journal: whoever forges them all the time takes days to push other records out.
const CLIENTS: usize = 128;

/// The tallies of one thread, or of all tasks together.
#[derive(Debug)]
pub(crate) struct Tallies {
    since: Instant,
    clients: HashMap<IpAddr, DnsTally>,
    others: DnsTally,
}

impl Tallies {
    pub(crate) fn new() -> Self {
        Self { since: Instant::now(), clients: HashMap::new(), others: DnsTally::default() }
    }

    /// Counts one question.
    pub(crate) fn add(&mut self, client: IpAddr, outcome: &DnsOutcome) {
        let full = self.clients.len() >= CLIENTS;
        let tally = match self.clients.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if full => &mut self.others,
            Entry::Vacant(new) => new.insert(DnsTally { client: Some(client), ..DnsTally::default() }),
        };
        let count = match outcome {
            DnsOutcome::Special => &mut tally.special,
            DnsOutcome::Own => &mut tally.own,
            DnsOutcome::Cached => &mut tally.cached,
            DnsOutcome::Forwarded => &mut tally.forwarded,
            DnsOutcome::Failed => &mut tally.failed,
            DnsOutcome::Refused(_) => &mut tally.refused,
            DnsOutcome::Steered { .. } => return,
        };
        *count = count.saturating_add(1);
    }

    /// Whether the last lines are `period` old.
    pub(crate) fn is_due(&self, period: Duration) -> bool {
        self.since.elapsed() >= period
    }

    /// Empties the tallies: one for each client that asked anything.
    pub(crate) fn take(&mut self) -> impl Iterator<Item = DnsTally> + use<> {
        let seconds = u32::try_from(self.since.elapsed().as_secs()).unwrap_or(u32::MAX);
        self.since = Instant::now();
        // The table goes as well: it should not stay as large as it once had to be.
        let all = std::mem::take(&mut self.clients).into_values().chain([std::mem::take(&mut self.others)]);
        all.filter(|tally| tally.questions() > 0).map(move |tally| DnsTally { seconds, ..tally })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use gate_core::{DnsOutcome, DnsTally, Reason};

    use super::{CLIENTS, Tallies};

    #[test]
    fn each_client_has_its_own_line_and_counting_starts_again() {
        let mut tallies = Tallies::new();
        let clients = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().unwrap());
        tallies.add(clients[0], &DnsOutcome::Cached);
        tallies.add(clients[0], &DnsOutcome::Cached);
        tallies.add(clients[0], &DnsOutcome::Forwarded);
        tallies.add(clients[1], &DnsOutcome::Refused(Reason::RateLimited));
        let mut lines: Vec<_> = tallies.take().collect();
        lines.sort_by_key(|line| line.client);
        let expected = [
            DnsTally { client: Some(clients[0]), cached: 2, forwarded: 1, ..DnsTally::default() },
            DnsTally { client: Some(clients[1]), refused: 1, ..DnsTally::default() },
        ];
        assert_eq!(lines, expected);
        assert_eq!(tallies.take().count(), 0);
    }

    #[test]
    fn forged_clients_share_one_line() {
        let mut tallies = Tallies::new();
        for number in 0..2 * CLIENTS as u128 {
            tallies.add(Ipv6Addr::from(number).into(), &DnsOutcome::Cached);
        }
        let lines: Vec<_> = tallies.take().collect();
        assert_eq!(lines.len(), CLIENTS + 1);
        let others = lines.iter().find(|line| line.client.is_none()).unwrap();
        assert_eq!(others.questions(), CLIENTS as u64);
    }
}
