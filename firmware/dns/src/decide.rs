//! Who may ask, and which names are answered here.

mod block;
mod group;
mod inside;
mod names;
mod special;

use std::net::IpAddr;
use std::sync::Arc;

use gate_core::{Catalogue, DnsOutcome, Entry, GroupKind, HostName, Reason};
use ipnet::IpNet;

use crate::config::forward_of;
use crate::parse::{Answer, Explanation, Manner, Name, Query, Rcode, is_mail, kind};
use crate::{Config, NetworkMode};

pub(crate) use block::{Key, NAMES_MAX, Table, names_something};
pub(crate) use group::{Groups, Lists};
pub(crate) use inside::leads_inside;
pub(crate) use names::{Names, Place, is_nameable};
pub(crate) use special::{is_of_the_internet, special_words};
use special::{special_use, unknown_inside};

/// Who the puck is in its network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its addresses in the LAN: the answer for steered names and for its own.
    pub addresses: Vec<IpAddr>,
    /// Its names, such as `nanogate.example.lan`; the first one is also the answer to "whose address is this?".
    pub own_names: Vec<HostName>,
    /// Subnets of its interfaces, whose clients are answered besides those of [`Config::local_subnets`].
    pub subnets: Vec<IpNet>,
}

/// What everyone judges by; replaced whole when the pack or the puck's addresses change.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) identity: Identity,
    pub(crate) names: Arc<Names>,
    pub(crate) groups: Arc<Groups>,
}

/// What to do with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Local(Local),
    Resolve,
}

/// An answer that is known without asking anyone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) outcome: DnsOutcome,
    pub(crate) rcode: Rcode,
    /// Empty: "no such record" with a SOA.
    pub(crate) data: Vec<Data>,
    /// Where in the question's name the zone of that SOA starts.
    pub(crate) apex: usize,
    /// What the client is told of the reason.
    pub(crate) why: Option<Explanation>,
}

/// What one record holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    Address(IpAddr),
    Pointer(Name),
    /// The answer to "everything" (RFC 8482 section 4.2).
    Minimal,
}

/// Names that tell browsers and phones that this network resolves for itself, and the zone of resolver discovery, which
/// would lead clients to the upstream's encrypted service (RFC 9462 section 4).
const SPECIAL: &[(&str, Rcode)] = &[
    ("use-application-dns.net", Rcode::NxDomain),
    ("mask.icloud.com", Rcode::NxDomain),
    ("mask-h2.icloud.com", Rcode::NxDomain),
    ("resolver.arpa", Rcode::NoError),
];

/// How a client's question is answered. The office's zones are the same for all groups.
pub(crate) fn manner(query: &Query, client: IpAddr, config: &Config, view: &View) -> Manner {
    let manner = view.groups.manner_of(client);
    if manner.way != 0 && forward_of(&config.forward, query.name.folded()).is_some() {
        return Manner { way: 0, ..manner };
    }
    manner
}

/// Whether a client lies in a network we answer.
pub(crate) fn is_local(client: IpAddr, config: &Config, view: &View) -> bool {
    config.local_subnets.iter().chain(&view.identity.subnets).any(|subnet| subnet.contains(&client))
}

/// What a client gets in place of an upstream's answer that leads where its rules do not let it go: around the puck, or by
/// another name to what a block list holds.
pub(crate) fn withheld(query: &Query, answer: &Answer, config: &Config, view: &View) -> Option<Local> {
    if !answer.may_lead_on() {
        return None;
    }
    // A client that keeps the alias of a steered name would follow it for addresses too.
    let mail = config.mode == NetworkMode::Dns && query.manner.steered && is_mail(query.kind);
    if let Some(entry) = mail.then(|| steered_entry(query, &view.catalogue)).flatten() {
        return Some(nothing(entry));
    }
    let targets = answer.targets();
    let steered = steered_target(&targets, &view.catalogue).and_then(|entry| steered_to(entry, query, config, view));
    let offices = || forward_of(&config.forward, query.name.folded()).is_some();
    let resolver =
        || config.refuses_resolvers() && target(&targets, &view.catalogue, is_resolver).is_some() && !offices();
    steered.or_else(|| resolver().then(other_resolver)).or_else(|| {
        leads_to_blocked(query, &targets, config, view).then_some(Local {
            outcome: DnsOutcome::Special,
            rcode: Rcode::NxDomain,
            data: Vec::new(),
            apex: 0,
            why: Some(Explanation::AliasBlocked),
        })
    })
}

/// The entry of a steered name among those that an answer leads to.
pub(crate) fn steered_target<'a>(targets: &[Name], catalogue: &'a Catalogue) -> Option<&'a Entry> {
    target(targets, catalogue, |entry| entry.steered)
}

fn target<'a>(targets: &[Name], catalogue: &'a Catalogue, fits: impl Fn(&Entry) -> bool) -> Option<&'a Entry> {
    let entry = |name: &Name| catalogue.lookup(&HostName::parse(name.text().as_bytes()).ok()?);
    targets.iter().filter_map(entry).find(|entry| fits(entry))
}

fn is_resolver(entry: &Entry) -> bool {
    entry.kind == GroupKind::Resolver
}

/// Whether a list that holds for the client holds a name that the asked one leads to. Who takes a name out of the lists
/// wants it whatever it leads to, and nothing of the office's own zones is blocked.
fn leads_to_blocked(query: &Query, targets: &[Name], config: &Config, view: &View) -> bool {
    let rules = view.groups.rules(query.manner.group);
    let exempt = || rules.allows(query.name.folded()) || forward_of(&config.forward, query.name.folded()).is_some();
    targets.iter().any(|name| rules.blocks(name.folded()).is_some()) && !exempt()
}

/// Judges a question of a local client.
pub(crate) fn decide(query: &Query, config: &Config, view: &View) -> Decision {
    // Whoever may name hosts (a file, a guest's lease) names no provider, and a forwarded zone may be one of those that
    // mean nothing elsewhere.
    let forwarded = || forward_of(&config.forward, query.name.folded()).is_some() && query.kind != kind::ANY;
    let entry = entry(query, &view.catalogue);
    let steered = || steered_to(entry.filter(|entry| entry.steered)?, query, config, view);
    let own = || special(query).or_else(|| own(query, view)).or_else(steered);
    let Some(local) = own().or_else(|| view.names.answer(query)) else {
        if forwarded() {
            return Decision::Resolve;
        }
        let here = || special_use(query, view).or_else(|| unknown_inside(query, config, view));
        let around = || (config.refuses_resolvers() && entry.is_some_and(is_resolver)).then(other_resolver);
        let local = here().or_else(around).or_else(|| blocked(query, view)).or_else(|| everything(query));
        return local.map_or(Decision::Resolve, Decision::Local);
    };
    Decision::Local(local)
}

/// The entry of a steered name. Services under `_` labels (`_8443._https.api.openai.com`, RFC 9460 section 2.3) belong to
/// the name they serve.
pub(crate) fn steered_entry<'a>(query: &Query, catalogue: &'a Catalogue) -> Option<&'a Entry> {
    entry(query, catalogue).filter(|entry| entry.steered)
}

/// What the catalogue says of a name.
pub(crate) fn entry<'a>(query: &Query, catalogue: &'a Catalogue) -> Option<&'a Entry> {
    let text = query.name.text();
    let mut name = text.as_str();
    if matches!(query.kind, kind::SVCB | kind::HTTPS) {
        while let Some(("_", rest)) = name.split_at_checked(1) {
            name = rest.split_once('.')?.1;
        }
    }
    let host = HostName::parse(name.as_bytes()).ok()?;
    catalogue.lookup(&host)
}

/// Whether a name is one by which a browser or phone learns that this network resolves for itself.
pub(crate) fn is_canary(query: &Query) -> bool {
    SPECIAL.iter().any(|(zone, rcode)| *rcode == Rcode::NxDomain && query.name.suffix(zone).is_some())
}

fn special(query: &Query) -> Option<Local> {
    let zone = |(zone, rcode): &(&str, Rcode)| query.name.suffix(zone).map(|apex| (apex, *rcode));
    let (apex, rcode) = SPECIAL.iter().find_map(zone)?;
    Some(Local { outcome: DnsOutcome::Special, rcode, data: Vec::new(), apex, why: None })
}

/// Whether a question is about this device itself.
pub(crate) fn is_pucks(query: &Query, view: &View) -> bool {
    own(query, view).is_some()
}

fn own(query: &Query, view: &View) -> Option<Local> {
    let identity = &view.identity;
    let local = |data| Some(Local { outcome: DnsOutcome::Own, rcode: Rcode::NoError, data, apex: 0, why: None });
    if identity.own_names.iter().any(|name| query.name.folded() == Name::of_host(name).folded()) {
        return local(addresses(query.kind, identity.addresses.iter().copied()));
    }
    reverse_address(&query.name).filter(|ip| identity.addresses.contains(ip))?;
    let pointer = identity.own_names.first().filter(|_| query.kind == kind::PTR);
    local(pointer.map(|name| Data::Pointer(Name::of_host(name))).into_iter().collect())
}

/// "No such name" for a resolver that would be asked in place of this one.
fn other_resolver() -> Local {
    let (outcome, why) = (DnsOutcome::Refused(Reason::EncryptedDns), Some(Explanation::OtherResolver));
    Local { outcome, rcode: Rcode::NxDomain, data: Vec::new(), apex: 0, why }
}

/// The answer that leads to the puck instead of where an entry's names do, where one is due.
fn steered_to(entry: &Entry, query: &Query, config: &Config, view: &View) -> Option<Local> {
    let hides_destination = match config.mode {
        // Mail to a vendor must arrive, and the records of its domain are no destination.
        NetworkMode::Dns => !is_mail(query.kind),
        // Addresses are true, but ECH and address hints would lead past the proxy.
        NetworkMode::Gateway => matches!(query.kind, kind::SVCB | kind::HTTPS),
        NetworkMode::Explicit => false,
    };
    let data = match config.mode {
        NetworkMode::Dns => addresses(query.kind, steering_addresses(config, &view.identity)),
        NetworkMode::Gateway | NetworkMode::Explicit => Vec::new(),
    };
    (hides_destination && query.manner.steered).then(|| Local { data, ..nothing(entry) })
}

fn nothing(entry: &Entry) -> Local {
    let outcome = DnsOutcome::Steered { vendor: entry.vendor.clone() };
    Local { outcome, rcode: Rcode::NoError, data: Vec::new(), apex: 0, why: None }
}

/// "Everything" is answered with a word (RFC 8482): its true answer serves amplification and nothing else.
fn everything(query: &Query) -> Option<Local> {
    let (outcome, data) = (DnsOutcome::Special, vec![Data::Minimal]);
    let local = Local { outcome, rcode: Rcode::NoError, data, apex: 0, why: None };
    (query.kind == kind::ANY).then_some(local)
}

/// "No such name" for what a list of the client's group holds.
fn blocked(query: &Query, view: &View) -> Option<Local> {
    let local = || Local {
        outcome: DnsOutcome::Special,
        rcode: Rcode::NxDomain,
        data: Vec::new(),
        apex: 0,
        why: Some(Explanation::Blocked),
    };
    view.groups.rules(query.manner.group).blocks(query.name.folded()).map(|_| local())
}

fn addresses(kind: u16, all: impl Iterator<Item = IpAddr>) -> Vec<Data> {
    let fits = |ip: &IpAddr| match ip {
        IpAddr::V4(_) => kind == kind::A,
        // A link-local address means nothing without the interface.
        IpAddr::V6(ip) => kind == kind::AAAA && !ip.is_unicast_link_local(),
    };
    all.filter(fits).map(Data::Address).collect()
}

/// The puck's IPv4 addresses and, when allowed, the IPv6 ones of the same scope: a browser must not see one vendor's
/// name both inside and outside the local network (HOUSE.md, "Facts that bite in dns mode").
fn steering_addresses<'a>(config: &'a Config, identity: &'a Identity) -> impl Iterator<Item = IpAddr> + 'a {
    let same_scope = |ip: IpAddr| identity.addresses.iter().filter(|v4| v4.is_ipv4()).all(|v4| scope(*v4) == scope(ip));
    let usable = move |ip: &IpAddr| ip.is_ipv4() || config.steer_ipv6 && same_scope(*ip);
    identity.addresses.iter().copied().filter(usable)
}

/// The address spaces that browsers tell apart (WICG Local Network Access).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Loopback,
    Local,
    Public,
}

fn scope(ip: IpAddr) -> Scope {
    let local = match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64,
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    };
    match (ip.is_loopback(), local) {
        (true, _) => Scope::Loopback,
        (_, true) => Scope::Local,
        _ => Scope::Public,
    }
}

/// The name by which an address is asked for.
fn reverse_name(ip: IpAddr) -> Name {
    let text = match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(ip) => {
            let nibbles = ip.octets().into_iter().rev().flat_map(|octet| [octet & 0xf, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}.")).chain(["ip6.arpa".to_owned()]).collect()
        }
    };
    Name::of_text(&text)
}

/// The addresses, first and last, whose reverse names lie below a name.
fn reverse_range(name: &Name) -> Option<(IpAddr, IpAddr)> {
    let text = name.text();
    let fill = |known: u128, bits: u32, all: u32| {
        let free = all - bits;
        let low = known.checked_shl(free).unwrap_or_default();
        (low, low | 1_u128.checked_shl(free).map_or(u128::MAX, |end| end - 1))
    };
    if let Some(octets) = text.strip_suffix(".in-addr.arpa") {
        let known = octets.rsplit('.').try_fold((0, 0), |(known, bits), octet| {
            (bits < 32).then_some((known << 8 | u128::from(octet.parse::<u8>().ok()?), bits + 8))
        });
        let (low, high) = known.map(|(known, bits)| fill(known, bits, 32))?;
        let v4 = |ip: u128| u32::try_from(ip).ok().map(|ip| IpAddr::V4(ip.into()));
        return Some((v4(low)?, v4(high)?));
    }
    let known = text.strip_suffix(".ip6.arpa")?.rsplit('.').try_fold((0, 0), |(known, bits), nibble| {
        let plain = nibble.len() == 1 && bits < 128;
        plain.then_some((known << 4 | u128::from_str_radix(nibble, 16).ok()?, bits + 4))
    });
    let (low, high) = known.map(|(known, bits)| fill(known, bits, 128))?;
    Some((IpAddr::V6(low.into()), IpAddr::V6(high.into())))
}

/// The address that a reverse name (RFC 1035 section 3.5, RFC 3596 section 2.5) stands for.
fn reverse_address(name: &Name) -> Option<IpAddr> {
    let text = name.text();
    if let Some(octets) = text.strip_suffix(".in-addr.arpa") {
        let reversed: Vec<&str> = octets.rsplit('.').collect();
        return Some(IpAddr::V4(reversed.join(".").parse().ok()?));
    }
    let nibbles: Vec<&str> = text.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    if nibbles.len() != 32 || nibbles.iter().any(|nibble| nibble.len() != 1) {
        return None;
    }
    Some(IpAddr::V6(u128::from_str_radix(&nibbles.concat(), 16).ok()?.into()))
}

#[cfg(test)]
mod tests;
