//! Names that are never asked of the internet: they mean something here only, or nothing at all.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use gate_core::DnsOutcome;

use super::{Data, Identity, Local, Scope, View, addresses, is_canary, reverse_name, scope};
use crate::parse::{Name, Query, Rcode, kind};
use crate::{Config, Upstream};

/// What becomes of a zone and all below it.
#[derive(Clone, Copy)]
enum Meaning {
    /// It does not exist.
    Nothing,
    /// It exists and is empty (RFC 6303 section 3). Whoever checks signatures finds at its parent that it has none, so DS is asked
    /// for as ever (RFC 8375 section 4).
    Empty,
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
    ("home.arpa", Meaning::Empty),
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

/// Ends of domains that offices give themselves, which will never be delegated or are not by anybody's wish (SAC 113).
const PRIVATE_TOPS: &[&str] =
    &["corp", "home", "intern", "internal", "intranet", "lan", "local", "localdomain", "private", "workgroup"];

static TABLE: LazyLock<HashMap<Box<[u8]>, Meaning>> = LazyLock::new(|| {
    let private = (16..32).map(|octet| format!("{octet}.172.in-addr.arpa"));
    let shared = (64..128).map(|octet| format!("{octet}.100.in-addr.arpa"));
    let reverse = REVERSE.iter().map(ToString::to_string).chain(private).chain(shared);
    let zones = ZONES.iter().map(|(zone, meaning)| ((*zone).to_owned(), *meaning));
    let wire = |zone: &str| Name::of_text(zone).folded().into();
    zones.chain(reverse.map(|zone| (zone, Meaning::Empty))).map(|(zone, meaning)| (wire(&zone), meaning)).collect()
});

/// Whether a name may be asked of the internet's servers.
pub(crate) fn is_of_the_internet(name: &Name, identity: &Identity) -> bool {
    zone_of(name).is_none() && office_zone(name, identity).is_none()
}

/// The answer to a question about such a name.
pub(super) fn special_use(query: &Query, view: &View) -> Option<Local> {
    let (apex, meaning) = zone_of(&query.name)?;
    if (apex, query.kind) == (0, kind::DS) && matches!(meaning, Meaning::Empty) {
        return None;
    }
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let (rcode, data): (_, Vec<Data>) = match meaning {
        Meaning::Empty if apex == 0 => (Rcode::NoError, Vec::new()),
        Meaning::Empty | Meaning::Nothing => (absence(&query.name, view), Vec::new()),
        Meaning::Loopback => (Rcode::NoError, addresses(query.kind, loopback.into_iter())),
    };
    Some(Local { outcome: DnsOutcome::Special, rcode, data, apex, why: None })
}

/// What such a name is, for people; what [`special_use`], [`unknown_inside`] and the canaries answer.
pub(crate) fn special_words(query: &Query, view: &View) -> String {
    if is_canary(query) {
        return "special: a canary, by which browsers and phones learn that this network resolves for itself"
            .to_owned();
    }
    if query.name.suffix("resolver.arpa").is_some() {
        return "special: it would lead to an encrypted resolver around this device (RFC 9462)".to_owned();
    }
    match zone_of(&query.name) {
        Some((_, Meaning::Loopback)) => "special: it is the machine of whoever asks (RFC 6761)".to_owned(),
        Some((apex, _)) => {
            let zone = Name::read(&query.name.folded()[apex..]).map_or_else(String::new, |zone| zone.text());
            format!("special: {zone} has no server on the internet, and nobody in here has this name of it")
        }
        None if office_zone(&query.name, &view.identity).is_some() => {
            "unknown: nobody has this name of the office, and the internet is not asked for it".to_owned()
        }
        None => "unknown: a name without a domain, for which the internet is not asked".to_owned(),
    }
}

/// "No such name" for names of the office that nobody knows and which only a server in here could: what machines call each other
/// is nobody's business outside. A private upstream, such as the router, may know more.
pub(super) fn unknown_inside(query: &Query, config: &Config, view: &View) -> Option<Local> {
    let address = matches!(query.kind, kind::A | kind::AAAA);
    let single = || {
        let root = query.name.folded().len() - 1;
        (address && usize::from(query.name.folded()[0]) + 1 == root).then_some(root)
    };
    let apex = office_zone(&query.name, &view.identity).or_else(single)?;
    let public = |upstream: &Upstream| scope(upstream.address.ip()) == Scope::Public;
    if query.manner.way != 0 || !config.upstreams.iter().all(public) {
        return None;
    }
    let rcode = absence(&query.name, view);
    Some(Local { outcome: DnsOutcome::Special, rcode, data: Vec::new(), apex, why: None })
}

/// Where in a name the office's own domain starts. One that may exist on the internet too has names there.
fn office_zone(name: &Name, identity: &Identity) -> Option<usize> {
    let (_, domain) = identity.own_names.first()?.as_str().split_once('.')?;
    let top = domain.rsplit('.').next().unwrap_or(domain);
    (top == domain || PRIVATE_TOPS.contains(&top)).then(|| name.suffix(domain)).flatten()
}

/// What is said of a name without records: one below which there are names exists (RFC 8020).
fn absence(name: &Name, view: &View) -> Rcode {
    let own = view.identity.own_names.iter().map(Name::of_host);
    let reverse = view.identity.addresses.iter().map(|ip| reverse_name(*ip));
    let is_above = own.chain(reverse).any(|own| own.is_below(name)) || view.names.are_below(name);
    if is_above { Rcode::NoError } else { Rcode::NxDomain }
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
