//! The rule set as a value: what is wanted and what the kernel holds are both one of these, so that they can be compared.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::decide::DESTINATIONS;

mod nft;

/// One `inet` table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet {
    pub table: String,
    /// A dormant table is in the kernel but switched off.
    pub dormant: bool,
    pub sets: Vec<Set>,
    pub chains: Vec<Chain>,
}

/// A named set of addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    pub name: String,
    pub elements: Elements,
}

/// The elements of a set, which are all of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elements {
    V4(BTreeSet<Ipv4Addr>),
    V6(BTreeSet<Ipv6Addr>),
    /// A set that is not ours: the kernel's number of its key's type, and how many elements it has.
    Foreign {
        key_type: u32,
        count: usize,
    },
}

/// A chain with its rules in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    pub name: String,
    /// Where it hooks into the packets' path; a chain of somebody else may hook nowhere.
    pub base: Option<Base>,
    pub rules: Vec<Rule>,
}

/// How a chain hooks into the packets' path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    pub kind: Kind,
    pub hook: Hook,
    pub priority: i32,
    /// What happens to packets that no rule decides.
    pub accept: bool,
}

/// The kind of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Filter,
    Nat,
    Route,
}

/// The place of a base chain; the kernel's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    Prerouting = 0,
    Input = 1,
    Forward = 2,
    Output = 3,
    Postrouting = 4,
    Ingress = 5,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    Steered(Steered),
    /// Not one of ours: the names of its expressions.
    Foreign(String),
}

/// The one form that all our rules have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steered {
    /// The interface that the packet came in by; `None`: any.
    pub from: Option<String>,
    pub family: Family,
    /// The set that holds the packet's destination.
    pub to: String,
    /// The set does not hold it instead.
    pub elsewhere: bool,
    pub protocol: Protocol,
    pub port: u16,
    pub action: Action,
}

/// The packets' address family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    V4,
    V6,
}

/// The packets' transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Tcp,
    Udp,
}

/// What happens to a packet that a rule matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It becomes a packet to this port of the puck.
    Redirect(u16),
    /// The sender is told that the port is closed (ICMP), so that QUIC falls back at once.
    Reject,
    /// The connection is reset, so that the client connects anew.
    Reset,
}

impl RuleSet {
    /// How many rules there are.
    pub fn rules(&self) -> usize {
        self.chains.iter().map(|chain| chain.rules.len()).sum()
    }

    /// The steered destinations in it.
    pub fn destinations(&self) -> BTreeSet<IpAddr> {
        let ours = self.sets.iter().filter(|set| DESTINATIONS.contains(&set.name.as_str()));
        ours.flat_map(|set| set.elements.addresses()).collect()
    }

    /// How many addresses the set of this name holds.
    pub fn size_of(&self, name: &str) -> usize {
        self.sets.iter().find(|set| set.name == name).map_or(0, |set| set.elements.len())
    }
}

impl Elements {
    fn addresses(&self) -> Vec<IpAddr> {
        match self {
            Self::V4(addresses) => addresses.iter().copied().map(IpAddr::V4).collect(),
            Self::V6(addresses) => addresses.iter().copied().map(IpAddr::V6).collect(),
            Self::Foreign { .. } => Vec::new(),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::V4(addresses) => addresses.len(),
            Self::V6(addresses) => addresses.len(),
            Self::Foreign { count, .. } => *count,
        }
    }
}

impl Family {
    /// How `meta nfproto` names it (`NFPROTO_IPV4`, `NFPROTO_IPV6`).
    pub(crate) fn nfproto(self) -> u8 {
        match self {
            Self::V4 => 2,
            Self::V6 => 10,
        }
    }

    /// Where in the IP header the destination address stands, and its length.
    pub(crate) fn destination(self) -> (u32, u32) {
        match self {
            Self::V4 => (16, 4),
            Self::V6 => (24, 16),
        }
    }
}

impl Protocol {
    /// Its number in the IP header.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

#[cfg(test)]
mod tests;
