//! The office's own hosts: files in the form of hosts(5), what the DHCP server leased, and what hosts announce.
//!
//! **Invariant:** a name belongs to the first who has it: the owner's files, then leases, then announcements. Whoever names its
//! own machine after another one gets none of that one's traffic.

mod leases;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use gate_core::{DnsOutcome, HostName};

use super::{Data, Local, addresses, reverse_address, reverse_name, reverse_range};
use crate::config::{Forward, forward_of};
use crate::parse::{Name, Query, Rcode, kind};

/// Most names taken from all files together.
const NAMES_MAX: usize = 20_000;
/// Names that make clients trust whoever has them; a guest's machine may not lease them.
const NOT_LEASED: &[&str] = &["wpad", "isatap", "nanogate", "router", "gateway"];
/// What hosts files call the machine that they lie on, and groups of machines: no host of the office.
const NO_HOSTS: &[&str] = &[
    "localhost",
    "localhost4",
    "localhost6",
    "loopback",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
    "broadcasthost",
];

/// Whether a machine may give itself a name.
pub(crate) fn is_nameable(label: &str) -> bool {
    let plain = HostName::parse(label.as_bytes()).is_ok_and(|host| host.as_str() == label);
    plain && !label.contains('.') && !NOT_LEASED.contains(&label) && !NO_HOSTS.contains(&label)
}

/// Where machines name themselves: the office's domain, the zones that are asked of its servers, and the puck's own names.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) domain: &'a str,
    pub(crate) forwards: &'a [Forward],
    pub(crate) own_names: &'a [HostName],
}

/// Who says that a host has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Hosts(Arc<Path>),
    Leases(Arc<Path>),
    Announced,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hosts(file) => write!(f, "the hosts file {}", file.display()),
            Self::Leases(file) => write!(f, "a lease in {}", file.display()),
            Self::Announced => f.write_str("the host's own announcement"),
        }
    }
}

/// One host.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    addresses: BTreeSet<IpAddr>,
    source: Source,
}

/// Names of hosts in the office and the way back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// By name, folded and in wire form.
    hosts: HashMap<Box<[u8]>, Known>,
    /// What hosts files call hosts without the office's domain, and the whole name.
    bare: HashMap<Box<[u8]>, Box<[u8]>>,
    /// All names above them.
    parents: HashSet<Box<[u8]>>,
    pointers: BTreeMap<IpAddr, (HostName, Source)>,
}

impl Names {
    /// Adds a hosts file: an address, then its names; `#` begins a comment. Names without a dot get the office's domain, and
    /// answer without it too.
    pub(crate) fn add_hosts(&mut self, file: &Arc<Path>, text: &str, domain: &str) {
        let source = Source::Hosts(Arc::clone(file));
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for name in words.filter(|name| is_host(name, address, domain)) {
                self.add(name, address, domain, &source);
            }
        }
    }

    /// Adds files of leases as dnsmasq writes them, all at once: of two leases of one name the newer one has it, in
    /// whichever file it stands. The names are the clients' own choice, so only a first label counts, always inside the
    /// office's domain. Returns what was left out, and why.
    pub(crate) fn add_leases(&mut self, files: &[(Arc<Path>, Arc<str>)], office: Place<'_>, now: u64) -> Vec<String> {
        let mut left_out = Vec::new();
        for leases::Lease { label, address, file } in leases::newest(files, now, &mut left_out) {
            if office.domain.is_empty() {
                continue;
            }
            let source = Source::Leases(file);
            if let Err(owner) = self.claim(&format!("{label}.{}", office.domain), (address, true), office, &source) {
                left_out.push(format!("{address} calls itself {label}, which {owner} already names; {source}"));
            }
        }
        left_out
    }

    /// Adds a host that named itself by multicast: as `NAME.local`, and inside the office's domain, unless a file has that
    /// name already. `owner` is the address that it was heard from.
    pub(crate) fn add_announced(&mut self, label: &str, owner: IpAddr, addresses: &[IpAddr], office: Place<'_>) {
        for address in addresses {
            // Another machine's IPv4 address would have this name as its own; IPv6 addresses are heard of over IPv4.
            let points = *address == owner || address.is_ipv6();
            // Most hosts in the files announce themselves as well, so it is no news that those have the name.
            let mut claim = |name: &str| drop(self.claim(name, (*address, points), office, &Source::Announced));
            if !office.domain.is_empty() {
                claim(&format!("{label}.{}", office.domain));
            }
            claim(&format!("{label}.local"));
        }
    }

    /// Adds what a machine says of itself, unless it names a machine of a zone that the office's own servers know: the
    /// domain controller is whom they say, forth and back. The error is who has the name, if that is another address.
    /// `points` says whether the address may lead back to the name.
    fn claim(
        &mut self,
        name: &str,
        (address, points): (IpAddr, bool),
        office: Place<'_>,
        source: &Source,
    ) -> Result<(), String> {
        let Ok(host) = HostName::parse(name.as_bytes()) else { return Ok(()) };
        if office.own_names.contains(&host) {
            return Err("this device".to_owned());
        }
        let name = Name::of_host(&host);
        match self.hosts.get(name.folded()) {
            Some(known) if known.addresses.contains(&address) => return Ok(()),
            Some(known) if !known.source.is_like(source) => return Err(known.source.to_string()),
            _ => {}
        }
        let is_forwarded = |name: &Name| forward_of(office.forwards, name.folded()).is_some();
        if !is_forwarded(&name) {
            self.insert(host, address, points && !is_forwarded(&reverse_name(address)), source);
        }
        Ok(())
    }

    fn add(&mut self, name: &str, address: IpAddr, domain: &str, source: &Source) {
        let bare = !name.trim_end_matches('.').contains('.');
        let whole = if bare && !domain.is_empty() { format!("{name}.{domain}") } else { name.to_owned() };
        let Ok(host) = HostName::parse(whole.as_bytes()) else { return };
        if let (true, Ok(label)) = (bare, HostName::parse(name.as_bytes())) {
            let (short, long) = (Name::of_host(&label), Name::of_host(&host));
            self.bare.insert(short.folded().into(), long.folded().into());
        }
        // Whoever blocks names in a hosts file gives them all one address, which is no machine.
        self.insert(host, address, !address.is_unspecified() && !address.is_loopback(), source);
    }

    fn insert(&mut self, host: HostName, address: IpAddr, points: bool, source: &Source) {
        if self.hosts.len() >= NAMES_MAX {
            return;
        }
        let name = Name::of_host(&host);
        for parent in name.parents() {
            if !self.parents.insert(parent.into()) {
                break;
            }
        }
        let known = || Known { addresses: BTreeSet::new(), source: source.clone() };
        self.hosts.entry(name.folded().into()).or_insert_with(known).addresses.insert(address);
        // The first name of an address is its proper one.
        if points {
            self.pointers.entry(address).or_insert_with(|| (host, source.clone()));
        }
    }

    /// A host by the name that is asked for. Without the domain only its addresses are known: the same label may be a zone of
    /// the internet, which has records of other types.
    fn known(&self, query: &Query) -> Option<&Known> {
        let folded = query.name.folded();
        let bare = || self.bare.get(folded).filter(|_| matches!(query.kind, kind::A | kind::AAAA));
        self.hosts.get(folded).or_else(|| self.hosts.get(bare()?))
    }

    /// Who says what is answered to a question about a host of the office.
    pub(crate) fn source(&self, query: &Query) -> Option<&Source> {
        let back = || Some(&self.pointers.get(&reverse_address(&query.name)?)?.1);
        self.known(query).map(|known| &known.source).or_else(back)
    }

    /// The answer to a question about a host of the office.
    pub(super) fn answer(&self, query: &Query) -> Option<Local> {
        if query.kind == kind::ANY || self.hosts.is_empty() {
            return None;
        }
        let data = match self.known(query) {
            Some(known) => addresses(query.kind, known.addresses.iter().copied()),
            None => {
                let (host, _) = self.pointers.get(&reverse_address(&query.name)?)?;
                let pointer = (query.kind == kind::PTR).then(|| Data::Pointer(Name::of_host(host)));
                pointer.into_iter().collect()
            }
        };
        Some(Local { outcome: DnsOutcome::Own, rcode: Rcode::NoError, data, apex: 0, why: None })
    }

    /// Whether there are names, forth or back, below one that is none itself.
    pub(super) fn are_below(&self, name: &Name) -> bool {
        let back = || reverse_range(name).is_some_and(|(low, high)| self.pointers.range(low..=high).next().is_some());
        self.parents.contains(name.folded()) || back()
    }

    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }
}

impl Source {
    /// Whether both are of one kind: what one kind says in several places is true together.
    fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// Whether a line of a hosts file names a host of the office. Most such files begin with the machine that they lie on, which
/// for everybody else would be the own machine.
fn is_host(name: &str, address: IpAddr, domain: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let (label, rest) = name.split_once('.').unwrap_or((&name, ""));
    let group = address.is_multicast() || address == IpAddr::from([255; 4]);
    let own = address.is_loopback() && (rest.is_empty() || name.strip_suffix(domain).is_some_and(|n| n.ends_with('.')));
    !group && !own && !NO_HOSTS.contains(&label)
}

#[cfg(test)]
mod tests;
