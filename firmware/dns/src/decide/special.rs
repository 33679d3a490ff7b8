//! Names that are never asked of the internet: they mean something here only, or nothing at all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use gate_core::DnsOutcome;

use super::{Data, Identity, Local, addresses};
use crate::parse::{Name, Query, Rcode};

/// What becomes of a zone and all below it.
#[derive(Clone, Copy)]
enum Meaning {
    /// It does not exist.
    Nothing,
    /// It is this machine, the client's own (RFC 6761 section 6.3).
    Loopback,
}

/// Zones without a server on the internet: RFC 6761 (invalid, localhost, test), RFC 6762 (local), RFC 7686 (onion),
/// RFC 8375 (home.arpa), RFC 9476 (alt), and internal, which ICANN keeps for private use.
const ZONES: &[(&str, Meaning)] = &[
    ("localhost", Meaning::Loopback),
    ("invalid", Meaning::Nothing),
    ("test", Meaning::Nothing),
    ("local", Meaning::Nothing),
    ("onion", Meaning::Nothing),
    ("alt", Meaning::Nothing),
    ("internal", Meaning::Nothing),
    ("home.arpa", Meaning::Nothing),
];

/// Reverse zones of addresses that mean something else in every network (RFC 6303 section 4, RFC 6761 section 6.1,
/// RFC 7793 for 100.64.0.0/10). The ranges that are cut inside an octet are added in [`TABLE`].
const REVERSE: &[&str] = &[
    "0.in-addr.arpa",
    "10.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "168.192.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "c.f.ip6.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
];

static TABLE: LazyLock<HashMap<Box<[u8]>, Meaning>> = LazyLock::new(|| {
    let private = (16..32).map(|octet| format!("{octet}.172.in-addr.arpa"));
    let shared = (64..128).map(|octet| format!("{octet}.100.in-addr.arpa"));
    let reverse = REVERSE.iter().map(ToString::to_string).chain(private).chain(shared);
    let zones = ZONES.iter().map(|(zone, meaning)| ((*zone).to_owned(), *meaning));
    let wire = |zone: &str| Name::of_text(zone).folded().into();
    zones.chain(reverse.map(|zone| (zone, Meaning::Nothing))).map(|(zone, meaning)| (wire(&zone), meaning)).collect()
});

/// Whether a name may be asked of the internet's servers.
pub(crate) fn is_of_the_internet(name: &Name, _identity: &Identity) -> bool {
    zone_of(name).is_none()
}

/// The answer to a question about such a name.
pub(super) fn special_use(query: &Query) -> Option<Local> {
    let (apex, meaning) = zone_of(&query.name)?;
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let (rcode, data): (_, Vec<Data>) = match meaning {
        Meaning::Nothing => (Rcode::NxDomain, Vec::new()),
        Meaning::Loopback => (Rcode::NoError, addresses(query.kind, loopback.into_iter())),
    };
    Some(Local { outcome: DnsOutcome::Special, rcode, data, apex, why: None })
}

/// Where in the name such a zone starts.
fn zone_of(name: &Name) -> Option<(usize, Meaning)> {
    let name = name.folded();
    let mut starts = std::iter::successors(Some(0), |at| {
        let next = at + 1 + usize::from(name[*at]);
        (next < name.len()).then_some(next)
    });
    starts.find_map(|at| Some((at, *TABLE.get(&name[at..])?)))
}
