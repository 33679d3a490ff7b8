use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use gate_core::HostName;
use hickory_proto::op::Message;
use hickory_proto::rr::{Name as OwnerName, RData};
use lru::LruCache;
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::exchange::ExchangeError;
use super::flight::Flights;
use super::upstream::{Asker, LookupError};
use crate::parse::{Answer, Name, Question, kind};

/// Hosts remembered. The proxy dials catalogue names, of which there are hundreds.
const HOSTS_MAX: usize = 2048;
/// Addresses used of one answer; more only serve to exhaust us.
const ADDRESSES_MAX: usize = 64;
/// Longest chain of aliases followed inside one answer.
const ALIASES_MAX: usize = 16;
/// A host's addresses are kept at least this long, so that a burst of connections asks once…
const KEEP_MIN: Duration = Duration::from_secs(1);
/// … and at most this long, so that a provider's move is noticed soon.
const KEEP_MAX: Duration = Duration::from_secs(300);
/// How long "there is none" is believed.
const KEEP_NEGATIVE: Duration = Duration::from_secs(5);
/// How long a failure is believed (RFC 9520 section 3.2 wants at least a second).
const KEEP_FAILURE: Duration = Duration::from_secs(1);

type Lookup = Result<Vec<IpAddr>, LookupError>;

/// Addresses by host, for the proxy.
pub(super) struct Hosts {
    known: Arc<Mutex<LruCache<HostName, (Lookup, Instant)>>>,
    flights: Flights<HostName, Lookup>,
    tasks: TaskTracker,
}

impl Hosts {
    pub(super) fn new() -> Self {
        let most = NonZeroUsize::new(HOSTS_MAX).expect("not zero");
        Self { known: Arc::new(Mutex::new(LruCache::sparse(most))), flights: Flights::new(), tasks: TaskTracker::new() }
    }

    pub(super) async fn addresses(&self, host: &HostName, asker: &Arc<Asker>) -> Lookup {
        if let Some((lookup, until)) = self.known.lock().get(host)
            && Instant::now() < *until
        {
            return lookup.clone();
        }
        let (asker, known, name) = (Arc::clone(asker), Arc::clone(&self.known), host.clone());
        let work = || async move {
            let (lookup, keep) = both_families(&asker, &name).await;
            known.lock().put(name, (lookup.clone(), Instant::now() + keep));
            lookup
        };
        let crashed = || LookupError::Upstream { host: host.clone(), why: "an internal fault".to_owned() };
        self.flights.join(host.clone(), &self.tasks, work).await.unwrap_or_else(|| Err(crashed()))
    }
}

async fn both_families(asker: &Asker, host: &HostName) -> (Lookup, Duration) {
    let ask = async |kind| asker.ask(&question(host, kind)).await;
    let (v4, v6) = tokio::join!(ask(kind::A), ask(kind::AAAA));
    let mut found = Vec::new();
    let mut keep = KEEP_MAX;
    for answer in [&v4, &v6].into_iter().flatten() {
        let addresses = addresses(answer);
        if !addresses.is_empty() {
            keep = keep.min(Duration::from_secs(answer.lifetime().unwrap_or_default().into()));
        }
        found.extend(addresses);
    }
    if !found.is_empty() {
        return (Ok(found), keep.max(KEEP_MIN));
    }
    let host = host.clone();
    match (v4, v6) {
        (Ok(a), _) | (_, Ok(a)) if a.is_nxdomain() => (Err(LookupError::NoSuchName { host }), KEEP_NEGATIVE),
        (Ok(a), Ok(b)) if a.is_conclusive() && b.is_conclusive() => {
            (Err(LookupError::NoAddress { host }), KEEP_NEGATIVE)
        }
        (v4, v6) => (Err(LookupError::Upstream { host, why: why(v4).or(why(v6)).unwrap_or_default() }), KEEP_FAILURE),
    }
}

fn why(result: Result<Answer, ExchangeError>) -> Option<String> {
    match result {
        Ok(answer) if answer.is_conclusive() => None,
        Ok(answer) => Some(ExchangeError::Unwilling { rcode: answer.rcode() }.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

pub(super) fn question(host: &HostName, kind: u16) -> Question {
    Question { name: Name::of_host(host).folded().into(), kind, dnssec_ok: false, checking_disabled: false, way: 0 }
}

/// The addresses that an answer gives to its question: its aliases are followed, and records about other names, which
/// only a broken or hostile upstream adds, are left out.
pub(crate) fn addresses(answer: &Answer) -> Vec<IpAddr> {
    // Counts and lengths were checked when the answer was read, so this cannot be made to reserve much.
    let Ok(message) = Message::from_vec(answer.message()) else { return Vec::new() };
    let Some(mut owner) = message.queries.first().map(|query| query.name().clone()) else { return Vec::new() };
    for _ in 0..ALIASES_MAX {
        let Some(target) = alias(&message, &owner) else { break };
        owner = target;
    }
    let address = |record: &hickory_proto::rr::Record| match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    };
    message.answers.iter().filter(|record| record.name == owner).filter_map(address).take(ADDRESSES_MAX).collect()
}

fn alias(message: &Message, owner: &OwnerName) -> Option<OwnerName> {
    message.answers.iter().filter(|record| record.name == *owner).find_map(|record| match &record.data {
        RData::CNAME(target) => Some(target.0.clone()),
        _ => None,
    })
}
