use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::{ConfigError, List, Upstream};

/// Most groups: each answer that is copied is kept once for each, and its number is one byte.
const GROUPS_MAX: usize = 64;
/// Longest name, in bytes: it stands in status.
const NAME_MAX: usize = 64;

/// Clients that are answered in a way of their own. The first group that holds a client counts; clients of none are answered
/// as the other keys say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// What status and `dns query` call it.
    pub name: String,
    /// Its clients: addresses and networks.
    pub clients: Vec<Net>,
    /// Who is asked for them about the internet's names, in order of preference; none: `dns.upstreams`. The office's own
    /// zones (`dns.forward`) are asked of the same servers for everybody.
    #[serde(default)]
    pub upstreams: Vec<Upstream>,
    /// The block lists that hold for them instead of `dns.block_lists`; absent: those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_lists: Option<Vec<List>>,
    /// Whether names of AI providers lead to the puck for them.
    #[serde(default = "yes")]
    pub steering: bool,
    /// Names that they ask for are in no record: only how many questions there were.
    #[serde(default)]
    pub silent: bool,
}

/// Some addresses: `192.0.2.0/26`, or one alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Net(IpNet);

fn yes() -> bool {
    true
}

impl Net {
    /// Whether some client of it lies in a subnet.
    fn meets(self, subnet: &IpNet) -> bool {
        self.0.contains(subnet) || subnet.contains(&self.0)
    }

    pub(crate) fn holds(self, client: IpAddr) -> bool {
        self.0.contains(&client)
    }
}

impl TryFrom<String> for Net {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let net = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        net.map(Self).map_err(|_| format!("`{text}` is no address or network, such as 192.0.2.7 or 192.0.2.0/26"))
    }
}

impl From<Net> for String {
    fn from(net: Net) -> Self {
        net.0.to_string()
    }
}

/// Which upstreams are asked: 0 for `dns.upstreams`, else a number that is the same wherever and whenever they are listed,
/// because answers that are kept on disk carry it.
pub(crate) fn way(upstreams: &[Upstream]) -> u64 {
    if upstreams.is_empty() {
        return 0;
    }
    let mut hasher = SipHasher13::new();
    for upstream in upstreams {
        upstream.to_string().hash(&mut hasher);
    }
    hasher.finish().max(1)
}

/// Groups whose clients all lie outside `local`, which are the subnets that are answered: nobody is in them.
pub(super) fn outside<'a>(groups: &'a [Group], local: &'a [IpNet]) -> impl Iterator<Item = &'a Group> {
    let inside = |net: &Net| local.iter().any(|subnet| net.meets(subnet));
    groups.iter().filter(move |group| !group.clients.iter().any(inside))
}

/// Checks what the types cannot say.
pub(super) fn check(groups: &[Group]) -> Result<(), ConfigError> {
    if groups.len() > GROUPS_MAX {
        return Err(ConfigError::TooLarge { key: "groups", most: GROUPS_MAX });
    }
    let (mut names, mut taken) = (HashSet::new(), HashSet::new());
    for group in groups {
        let wrong = |why| Err(ConfigError::Group { name: group.name.clone(), why });
        let plain = group.name.chars().all(|c| !c.is_control());
        if group.name.is_empty() || group.name.len() > NAME_MAX || !plain {
            return wrong("its name must have 1 to 64 bytes on one line");
        }
        if group.clients.is_empty() {
            return wrong("it has no clients");
        }
        if !names.insert(&group.name) {
            return wrong("another group has the same name");
        }
        let nets: HashSet<_> = group.clients.iter().map(|net| net.0.trunc()).collect();
        let is_taken = |net: &IpNet| taken.iter().any(|earlier: &IpNet| earlier.contains(net));
        if nets.iter().any(is_taken) {
            return wrong("a group before it holds some of its clients, which would never be in this one");
        }
        taken.extend(nets);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Group, check, outside, way};

    fn group(text: &str) -> Result<Group, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_group_reads_back_as_it_was_written() {
        let text = r#"
            name = "guests"
            clients = ["192.0.2.64/26", "2001:db8::7"]
            upstreams = ["tls://192.0.2.1#dns.example"]
            block_lists = ["more.txt", "https://lists.example/a.txt"]
            steering = false
            silent = true
        "#;
        let guests = group(text).unwrap();
        assert_eq!(group(&toml::to_string(&guests).unwrap()), Ok(guests.clone()));
        let plain = group("name = \"x\"\nclients = [\"192.0.2.7\"]").unwrap();
        assert_eq!((plain.steering, plain.silent, &plain.block_lists), (true, false, &None));
        assert!(plain.clients[0].holds("192.0.2.7".parse().unwrap()));
        assert_ne!(way(&guests.upstreams), way(&plain.upstreams));
        assert_eq!(way(&plain.upstreams), 0);
    }

    #[test]
    fn a_group_of_nobody_is_found() {
        let clients = |text: &str| group(&format!("name = \"x\"\nclients = [{text}]")).unwrap();
        let local = ["192.0.2.0/24".parse().unwrap(), "2001:db8::/64".parse().unwrap()];
        let rows = [
            ("\"192.0.2.7\"", false),
            ("\"192.0.0.0/16\"", false),
            ("\"198.51.100.7\", \"2001:db8::7\"", false),
            ("\"198.51.100.7\", \"2001:db8:1::7\"", true),
        ];
        for (text, nobody) in rows {
            assert_eq!(outside(&[clients(text)], &local).count() == 1, nobody, "{text}");
        }
    }

    #[test]
    fn a_mistake_is_named() {
        let error = group("name = \"x\"\nclients = [\"192.0.2\"]").unwrap_err();
        assert!(error.contains("`192.0.2` is no address or network"), "{error}");
        assert!(group("name = \"x\"\nclients = []\nsteer = false").unwrap_err().contains("unknown field `steer`"));
        let of = |name: &str, client: &str| group(&format!("name = \"{name}\"\nclients = [\"{client}\"]")).unwrap();
        let named = |name: &str| of(name, "192.0.2.7");
        assert_eq!(check(&[named("a"), of("b", "192.0.2.0/24")]), Ok(()), "the wider one has the rest");
        let told = |groups: &[Group]| check(groups).unwrap_err().to_string();
        assert_eq!(told(&[named("a"), named("a")]), "dns.groups: `a`: another group has the same name");
        let same = "dns.groups: `b`: a group before it holds some of its clients, which would never be in this one";
        assert_eq!(told(&[of("a", "192.0.2.0/24"), of("b", "192.0.2.9/24")]), same);
        assert_eq!(told(&[of("a", "192.0.2.0/24"), named("b")]), same, "the wider one comes first");
        assert_eq!(told(&[Group { clients: Vec::new(), ..named("a") }]), "dns.groups: `a`: it has no clients");
        assert!(told(&[named("")]).contains("must have 1 to 64 bytes"));
        assert_eq!(told(&vec![named("a"); 65]), "dns.groups must be at most 64");
    }
}
