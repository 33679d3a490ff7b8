//! The office's own hosts: a file in the form of hosts(5), and what the DHCP server leased.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use gate_core::{DnsOutcome, HostName};

use super::{Data, Local, addresses, reverse_address, reverse_name, reverse_range};
use crate::config::{Forward, forward_of};
use crate::parse::{Name, Query, Rcode, kind};

/// Most names taken from all files together.
const NAMES_MAX: usize = 20_000;
/// Names that make clients trust whoever has them; a guest's machine may not lease them.
const NOT_LEASED: &[&str] = &["wpad", "isatap", "localhost", "nanogate", "router", "gateway"];

/// Whether a machine may give itself a name.
pub(crate) fn is_nameable(label: &str) -> bool {
    let plain = HostName::parse(label.as_bytes()).is_ok_and(|host| host.as_str() == label);
    plain && !label.contains('.') && !NOT_LEASED.contains(&label)
}

/// Where machines name themselves: the office's domain, and the zones that are asked of its servers.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) domain: &'a str,
    pub(crate) forwards: &'a [Forward],
}

/// Names of hosts in the office and the way back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// By name, folded and in wire form.
    hosts: HashMap<Box<[u8]>, BTreeSet<IpAddr>>,
    /// All names above them.
    parents: HashSet<Box<[u8]>>,
    pointers: BTreeMap<IpAddr, HostName>,
}

impl Names {
    /// Adds a hosts file: an address, then its names; `#` begins a comment. Names without a dot get the office's domain.
    pub(crate) fn add_hosts(&mut self, text: &str, domain: &str) {
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(address) = words.next().and_then(|word| word.parse::<IpAddr>().ok()) else { continue };
            for name in words {
                self.add(name, address, domain);
            }
        }
    }

    /// Adds a leases file of dnsmasq: expiry, hardware address, address, name or `*`, client. The names are the clients'
    /// own choice, so only a first label counts, always inside the office's domain.
    pub(crate) fn add_leases(&mut self, text: &str, office: Place<'_>, now: u64) {
        for line in text.lines() {
            let mut words = line.split_whitespace();
            let (Some(expiry), Some(_), Some(address), Some(name)) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                continue;
            };
            let holds = expiry.parse::<u64>().is_ok_and(|expiry| expiry == 0 || expiry > now);
            let label = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
            let leased = holds && !office.domain.is_empty() && is_nameable(&label);
            if let (true, Ok(address)) = (leased, address.parse()) {
                self.claim(&format!("{label}.{}", office.domain), address, office);
            }
        }
    }

    /// Adds a host that named itself by multicast: as `NAME.local`, and inside the office's domain unless a file has that
    /// name already.
    pub(crate) fn add_announced(&mut self, label: &str, addresses: &[IpAddr], office: Place<'_>) {
        let whole = format!("{label}.{}", office.domain);
        let taken = HostName::parse(whole.as_bytes())
            .map_or(true, |host| self.hosts.contains_key(Name::of_host(&host).folded()));
        for address in addresses {
            if !taken && !office.domain.is_empty() {
                self.claim(&whole, *address, office);
            }
            self.claim(&format!("{label}.local"), *address, office);
        }
    }

    /// Adds what a machine says of itself, unless a server of the office knows such names: a guest could take over the
    /// directory's.
    fn claim(&mut self, name: &str, address: IpAddr, office: Place<'_>) {
        let Ok(host) = HostName::parse(name.as_bytes()) else { return };
        let is_forwarded = |name: &Name| forward_of(office.forwards, name.folded()).is_some();
        if !is_forwarded(&Name::of_host(&host)) {
            self.insert(host, address, !is_forwarded(&reverse_name(address)));
        }
    }

    fn add(&mut self, name: &str, address: IpAddr, domain: &str) {
        let bare = !name.trim_end_matches('.').contains('.');
        let whole = if bare && !domain.is_empty() { format!("{name}.{domain}") } else { name.to_owned() };
        if let Ok(host) = HostName::parse(whole.as_bytes()) {
            self.insert(host, address, true);
        }
    }

    fn insert(&mut self, host: HostName, address: IpAddr, points: bool) {
        if self.hosts.len() >= NAMES_MAX {
            return;
        }
        let name = Name::of_host(&host);
        for parent in name.parents() {
            if !self.parents.insert(parent.into()) {
                break;
            }
        }
        self.hosts.entry(name.folded().into()).or_default().insert(address);
        // The first name of an address is its proper one.
        if points {
            self.pointers.entry(address).or_insert(host);
        }
    }

    /// The answer to a question about a host of the office.
    pub(super) fn answer(&self, query: &Query) -> Option<Local> {
        if query.kind == kind::ANY || self.hosts.is_empty() {
            return None;
        }
        let data = match self.hosts.get(query.name.folded()) {
            Some(known) => addresses(query.kind, known.iter().copied()),
            None => {
                let host = self.pointers.get(&reverse_address(&query.name)?)?;
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

#[cfg(test)]
mod tests {
    use gate_core::HostName;

    use super::{Names, Place};
    use crate::config::Forward;

    const LAN: Place<'_> = Place { domain: "lan", forwards: &[] };

    fn hosts(names: &Names) -> Vec<String> {
        let mut hosts: Vec<_> = names.pointers.iter().map(|(ip, host)| format!("{host} {ip}")).collect();
        hosts.sort();
        hosts
    }

    #[test]
    fn reads_hosts_as_they_are_written() {
        let mut names = Names::default();
        names.add_hosts(
            "# office\n192.168.7.9 nas NAS.other.example # disk\nfd00::9\tnas\n bad line\n\n1.2.3 x\n",
            "lan",
        );
        assert_eq!(hosts(&names), ["nas.lan 192.168.7.9", "nas.lan fd00::9"]);
        assert_eq!(names.len(), 2, "nas.lan and nas.other.example");
    }

    #[test]
    fn what_a_host_calls_itself_comes_after_what_the_office_calls_it() {
        let mut names = Names::default();
        names.add_hosts("192.168.7.9 nas", "lan");
        names.add_announced("nas", &["192.168.7.66".parse().unwrap()], LAN);
        let printer = ["192.168.7.30", "fd00::30"].map(|ip| ip.parse().unwrap());
        names.add_announced("printer", &printer, LAN);
        let expected =
            ["nas.lan 192.168.7.9", "nas.local 192.168.7.66", "printer.lan 192.168.7.30", "printer.lan fd00::30"];
        assert_eq!(hosts(&names), expected);
        assert_eq!(names.len(), 4, "printer.local leads to it too");
    }

    #[test]
    fn a_lease_names_itself_only_inside_the_domain() {
        let mut names = Names::default();
        let text = "2000 aa:bb:cc:dd:ee:ff 192.168.7.20 laptop 01:aa\n\
                    2000 aa:bb:cc:dd:ee:fe 192.168.7.21 api.openai.com *\n\
                    2000 aa:bb:cc:dd:ee:fd 192.168.7.22 wpad *\n\
                    2000 aa:bb:cc:dd:ee:fc 192.168.7.23 * *\n\
                    999 aa:bb:cc:dd:ee:fb 192.168.7.24 gone *\n\
                    0 aa:bb:cc:dd:ee:fa 192.168.7.25 printer *\n\
                    duid 00:01:00:01\n";
        names.add_leases(text, LAN, 1000);
        assert_eq!(hosts(&names), ["api.lan 192.168.7.21", "laptop.lan 192.168.7.20", "printer.lan 192.168.7.25"]);
    }

    #[test]
    fn no_machine_names_itself_inside_a_zone_of_the_offices_servers() {
        let zones = ["corp.example", "7.168.192.in-addr.arpa"].map(|zone| HostName::parse(zone.as_bytes()).unwrap());
        let forwards = [Forward { zones: zones.map(Into::into).to_vec(), upstreams: Vec::new() }];
        let office = Place { domain: "corp.example", forwards: &forwards };
        let mut names = Names::default();
        names.add_hosts("192.168.7.9 nas", "corp.example");
        let lease = "0 aa:bb:cc:dd:ee:ff 192.168.7.66 dc1 *\n0 aa:bb:cc:dd:ee:fe 192.168.8.66 dc2 *\n";
        names.add_leases(lease, office, 1000);
        let addresses = ["192.168.7.66", "192.168.8.66", "fd00::66"].map(|ip| ip.parse().unwrap());
        names.add_announced("dc1", &addresses, office);
        let expected = ["dc1.local 192.168.8.66", "dc1.local fd00::66", "nas.corp.example 192.168.7.9"];
        assert_eq!(hosts(&names), expected, "neither forth nor back; the owner's own file may");
        assert_eq!(names.len(), 2, "nas.corp.example and dc1.local");
        let local = [Forward { zones: vec![HostName::parse(b"local").unwrap().into()], upstreams: Vec::new() }];
        let mut names = Names::default();
        names.add_announced("dc1", &addresses, Place { domain: "lan", forwards: &local });
        assert_eq!(names.len(), 1, "dc1.lan");
    }
}
