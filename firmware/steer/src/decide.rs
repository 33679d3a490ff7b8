//! From what is wanted to the rule set that does it; pure.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::ruleset::{Action, Base, Chain, Elements, Family, Hook, Kind, Protocol, Rule, RuleSet, Set, Steered};

/// The largest rule set fits one netlink message even where a socket's buffer may not be raised past its default (416 KiB
/// with IPv6 addresses at 28 bytes each and half of it left free). Real catalogues lead to some hundred addresses.
pub const DESTINATIONS_CAP: usize = 8192;

/// Addresses of resolvers; the pack has some hundred. They fit the message beside all destinations.
pub const RESOLVERS_CAP: usize = 512;

/// Each interface repeats the rules; no puck has more than a few.
pub const INTERFACES_CAP: usize = 8;

/// Our chains by name. A table with any other chain is not ours.
pub(crate) const CHAINS: [&str; 3] = ["steer", "refuse_local", "refuse_forward"];

/// The sets of the puck's own addresses, of steered destinations, and of resolvers that are refused.
const OWN: [&str; 2] = ["own4", "own6"];
pub(crate) const DESTINATIONS: [&str; 2] = ["ai4", "ai6"];
const RESOLVERS: [&str; 2] = ["dns4", "dns6"];

const HTTPS: u16 = 443;
const HTTP: u16 = 80;
const DNS: u16 = 53;
/// DNS over TLS (TCP, RFC 7858) and over QUIC (UDP, RFC 9250).
const ENCRYPTED_DNS: u16 = 853;

/// The steering part of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Whether the kernel's rules are managed at all. Default: true.
    pub enabled: bool,
    /// Name of the `inet` table that is ours alone. Default: "nanogate".
    pub table: String,
    /// Interfaces of the LAN; only what comes in by them is steered. Default: [] (any interface). At most 8.
    pub interfaces: Vec<String>,
    /// Gateway mode: whether questions to other resolvers are answered by this one (port 53), and encrypted ones refused (port
    /// 853). Default: false.
    pub capture_dns: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { enabled: true, table: "nanogate".to_owned(), interfaces: Vec::new(), capture_dns: false }
    }
}

/// How traffic reaches the puck.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By DNS: steered names resolve to the puck's own addresses. Right for `explicit` too, where only the admin page and
    /// the redirector need the rules.
    #[default]
    Dns,
    /// By routing: the destinations' real addresses are redirected as well.
    Gateway,
}

/// All that decides about the rule set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Desired {
    pub table: String,
    pub mode: Mode,
    /// The puck's own addresses on the LAN.
    pub own: Vec<IpAddr>,
    /// Where the proxy listens for TLS.
    pub proxy_port: u16,
    /// Where the proxy listens for plain HTTP, to redirect it.
    pub http_port: u16,
    /// Addresses of AI hosts; used in gateway mode.
    pub destinations: BTreeSet<IpAddr>,
    /// Addresses of public resolvers to which no encrypted question may go; used in gateway mode.
    pub resolvers: BTreeSet<IpAddr>,
    /// Interfaces of the LAN; empty: any.
    pub interfaces: Vec<String>,
    /// Where our resolver listens, if it answers what is asked of others too; used in gateway mode.
    pub capture_dns: Option<u16>,
}

/// Why no rule set can be made of what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RenderError {
    #[error("steer.table: `{0}` is not a table name: a letter, then at most 31 letters, digits, `_` or `-`")]
    Table(String),
    #[error("steer.interfaces: `{0}` is not an interface name")]
    Interface(String),
    #[error("steer.interfaces: {0} interfaces, more than {INTERFACES_CAP}")]
    TooManyInterfaces(usize),
    #[error("the proxy's ports for TLS and for plain HTTP must not be 0 and must differ: {proxy_port}, {http_port}")]
    Ports { proxy_port: u16, http_port: u16 },
    #[error("{0} destinations, more than {DESTINATIONS_CAP}")]
    TooManyDestinations(usize),
    #[error("{0} resolvers, more than {RESOLVERS_CAP}")]
    TooManyResolvers(usize),
}

/// Renders the whole rule set.
pub fn render(desired: &Desired) -> Result<RuleSet, RenderError> {
    check(desired)?;
    let own: BTreeSet<IpAddr> = desired.own.iter().map(IpAddr::to_canonical).collect();
    let mut sets = pair(OWN, own.iter().copied()).to_vec();
    if desired.mode == Mode::Gateway {
        let reachable = desired.destinations.iter().map(IpAddr::to_canonical);
        sets.extend(pair(DESTINATIONS, reachable.filter(|address| is_destination(address, &own))));
        if !desired.resolvers.is_empty() {
            let resolvers = desired.resolvers.iter().map(IpAddr::to_canonical);
            sets.extend(pair(RESOLVERS, resolvers.filter(|address| is_destination(address, &own))));
        }
    }
    let chains = chains(desired);
    Ok(RuleSet { table: desired.table.clone(), dormant: false, sets, chains })
}

fn check(desired: &Desired) -> Result<(), RenderError> {
    let Desired { table, proxy_port, http_port, interfaces, destinations, resolvers, .. } = desired;
    if !is_table(table) {
        return Err(RenderError::Table(table.clone()));
    }
    if let Some(name) = interfaces.iter().find(|name| !is_interface(name)) {
        return Err(RenderError::Interface(name.clone()));
    }
    if interfaces.len() > INTERFACES_CAP {
        return Err(RenderError::TooManyInterfaces(interfaces.len()));
    }
    // A proxy that listens on 443 or 80 itself is fine: a redirect to the port that was asked changes nothing.
    if *proxy_port == 0 || *http_port == 0 || proxy_port == http_port {
        return Err(RenderError::Ports { proxy_port: *proxy_port, http_port: *http_port });
    }
    if destinations.len() > DESTINATIONS_CAP {
        return Err(RenderError::TooManyDestinations(destinations.len()));
    }
    if resolvers.len() > RESOLVERS_CAP {
        return Err(RenderError::TooManyResolvers(resolvers.len()));
    }
    Ok(())
}

pub(crate) fn is_table(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    name.len() <= 32 && name.starts_with(|first: char| first.is_ascii_alphabetic()) && name.bytes().all(word)
}

/// The kernel's own rule (`dev_valid_name`), and nothing that would end nft's quotes or mean a wildcard there.
fn is_interface(name: &str) -> bool {
    let graphic = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b':' | b'"' | b'*' | b'\\');
    (1..=15).contains(&name.len()) && !matches!(name, "." | "..") && name.bytes().all(graphic)
}

/// A provider's name that resolves to the puck, to nothing or to everyone is a lie: steering it would catch other traffic.
fn is_destination(address: &IpAddr, own: &BTreeSet<IpAddr>) -> bool {
    let special = address.is_loopback() || address.is_unspecified() || address.is_multicast();
    let broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !special && !broadcast && !own.contains(address)
}

/// Addresses as one set for each family.
fn pair(names: [&str; 2], addresses: impl Iterator<Item = IpAddr>) -> [Set; 2] {
    let (mut v4, mut v6) = (BTreeSet::new(), BTreeSet::new());
    for address in addresses {
        match address {
            IpAddr::V4(address) => _ = v4.insert(address),
            IpAddr::V6(address) => _ = v6.insert(address),
        }
    }
    [Elements::V4(v4), Elements::V6(v6)]
        .into_iter()
        .zip(names)
        .map(|(elements, name)| Set { name: name.to_owned(), elements })
        .collect::<Vec<_>>()
        .try_into()
        .expect("two names and two families make two sets")
}

fn chains(desired: &Desired) -> Vec<Chain> {
    let [steer, local, forward] = CHAINS;
    // The priorities are those that netfilter names `dstnat` and `filter`.
    let base = |kind, hook, priority| Some(Base { kind, hook, priority, accept: true });
    let chain = |name: &str, base, rules| Chain { name: name.to_owned(), base, rules };
    let mut chains = vec![
        chain(steer, base(Kind::Nat, Hook::Prerouting, -100), steer_rules(desired)),
        chain(local, base(Kind::Filter, Hook::Input, 0), rules(&[], HERE, Protocol::Udp, HTTPS, Action::Reject)),
    ];
    if desired.mode == Mode::Gateway {
        chains.push(chain(forward, base(Kind::Filter, Hook::Forward, 0), forward_rules(desired)));
    }
    chains
}

fn steer_rules(desired: &Desired) -> Vec<Rule> {
    let (tls, http) = (Action::Redirect(desired.proxy_port), Action::Redirect(desired.http_port));
    let targets: &[[&'static str; 2]] = match desired.mode {
        Mode::Dns => &[OWN],
        Mode::Gateway => &[OWN, DESTINATIONS],
    };
    let to = |sets: &[&'static str; 2]| {
        let to = To { sets: *sets, elsewhere: false };
        let tls = rules(&desired.interfaces, to, Protocol::Tcp, HTTPS, tls);
        tls.into_iter().chain(rules(&desired.interfaces, to, Protocol::Tcp, HTTP, http))
    };
    let steered = targets.iter().flat_map(to);
    // The proxy refuses them, as it alone can say who wanted what.
    let refused = refuses(desired).into_iter().flat_map(|to| rules(&desired.interfaces, to, Protocol::Tcp, HTTPS, tls));
    let captured = captures(desired).into_iter().flat_map(|port| {
        let to = move |protocol| rules(&desired.interfaces, ELSEWHERE, protocol, DNS, Action::Redirect(port));
        [Protocol::Udp, Protocol::Tcp].into_iter().flat_map(to)
    });
    steered.chain(refused).chain(captured).collect()
}

/// Where questions to other resolvers go, if here.
fn captures(desired: &Desired) -> Option<u16> {
    desired.capture_dns.filter(|_| desired.mode == Mode::Gateway)
}

/// The resolvers that are refused, if any.
fn refuses(desired: &Desired) -> Option<To> {
    let any = desired.mode == Mode::Gateway && !desired.resolvers.is_empty();
    any.then_some(To { sets: RESOLVERS, elsewhere: false })
}

fn forward_rules(desired: &Desired) -> Vec<Rule> {
    let refuse = |to, port| {
        let rows = [(Protocol::Udp, Action::Reject), (Protocol::Tcp, Action::Reset)];
        rows.into_iter().flat_map(move |(protocol, action)| rules(&desired.interfaces, to, protocol, port, action))
    };
    let ai = To { sets: DESTINATIONS, elsewhere: false };
    let mut all: Vec<_> = refuse(ai, HTTPS).collect();
    all.extend(rules(&desired.interfaces, ai, Protocol::Tcp, HTTP, Action::Reset));
    all.extend(refuses(desired).into_iter().flat_map(|resolvers| refuse(resolvers, HTTPS)));
    // Whoever captures lets nobody ask any other resolver.
    let others = captures(desired).map(|_| ELSEWHERE).or_else(|| refuses(desired));
    all.extend(others.into_iter().flat_map(|others| refuse(others, ENCRYPTED_DNS)));
    all
}

/// Where a packet must be heading, a set for each family.
#[derive(Clone, Copy)]
struct To {
    sets: [&'static str; 2],
    /// To nothing in the sets.
    elsewhere: bool,
}

/// To the puck itself, and to everywhere else.
const HERE: To = To { sets: OWN, elsewhere: false };
const ELSEWHERE: To = To { sets: OWN, elsewhere: true };

/// One rule for each interface and family.
fn rules(interfaces: &[String], to: To, protocol: Protocol, port: u16, action: Action) -> Vec<Rule> {
    let any = [None];
    let named: Vec<Option<&String>> = interfaces.iter().map(Some).collect();
    let from: &[Option<&String>] = if interfaces.is_empty() { &any } else { &named };
    let families = [Family::V4, Family::V6].into_iter().zip(to.sets);
    let elsewhere = to.elsewhere;
    let rule = |(from, (family, to)): (&Option<&String>, (Family, &str))| {
        Rule::Steered(Steered { from: from.cloned(), family, to: to.to_owned(), elsewhere, protocol, port, action })
    };
    from.iter().flat_map(|from| families.clone().map(move |target| rule((from, target)))).collect()
}

#[cfg(test)]
mod tests;
