use std::cmp::Reverse;
use std::fmt;
use std::net::IpAddr;

use gate_core::HostName;
use ipnet::IpNet;
use serde::Deserialize;

use super::Upstream;
use crate::parse::Name;

/// Zones that a server of the office knows: the router's names, Active Directory, reverse zones.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The zones with everything below them, so that `corp.example` covers `_msdcs.corp.example`.
    pub zones: Vec<Zone>,
    /// Who is asked, in order of preference. Their answers may lead inside and are not validated.
    pub upstreams: Vec<Upstream>,
}

/// A zone's name, folded and in wire form.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Zone(Box<[u8]>);

impl From<HostName> for Zone {
    fn from(name: HostName) -> Self {
        Self(Name::of_host(&name).folded().into())
    }
}

impl TryFrom<String> for Zone {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("`{text}` is no zone: {why}"));
        if text == "." {
            return wrong("it is every name there is, which dns.upstreams are asked about");
        }
        if text.parse::<IpNet>().is_ok() || text.parse::<IpAddr>().is_ok() {
            return wrong("the names of a network's addresses are a zone such as 7.168.192.in-addr.arpa");
        }
        HostName::parse(text.as_bytes()).map(Self::from).or_else(|error| wrong(&error.to_string()))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Name::read(&self.0).expect("it was one").text())
    }
}

impl Zone {
    /// Every name lies in it.
    pub(crate) fn root() -> Self {
        Self([0].into())
    }

    pub(crate) fn is_root(&self) -> bool {
        *self.0 == [0]
    }

    pub(crate) fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The innermost of some zones that a name lies in.
    pub(crate) fn innermost(zones: &[Self], name: &[u8]) -> Option<usize> {
        let held = zones.iter().enumerate().filter(|(_, zone)| zone.holds(name));
        held.max_by_key(|(_, zone)| zone.0.len()).map(|(at, _)| at)
    }

    /// Whether a folded name in wire form is the zone or lies below it.
    pub(crate) fn holds(&self, name: &[u8]) -> bool {
        let Some(start) = name.len().checked_sub(self.0.len()) else { return false };
        let mut at = 0;
        while at < start {
            at += 1 + usize::from(name[at]);
        }
        at == start && name[start..] == *self.0
    }
}

/// The forward that the innermost zone of a name belongs to.
pub(crate) fn forward_of(forwards: &[Forward], name: &[u8]) -> Option<usize> {
    let zones = forwards.iter().enumerate().flat_map(|(at, forward)| forward.zones.iter().map(move |zone| (at, zone)));
    zones.filter(|(_, zone)| zone.holds(name)).min_by_key(|(_, zone)| Reverse(zone.0.len())).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::{Forward, Zone, forward_of};
    use crate::parse::Name;

    #[test]
    fn what_is_no_zone_is_told_in_words() {
        let read = |zone: &str| Zone::try_from(zone.to_owned());
        assert_eq!(read("Corp.example.").unwrap().to_string(), "corp.example");
        let rows = [
            (".", "`.` is no zone: it is every name there is, which dns.upstreams are asked about"),
            ("192.168.7.0/24", "a zone such as 7.168.192.in-addr.arpa"),
            ("fd00::/8", "a zone such as 7.168.192.in-addr.arpa"),
            ("192.168.7.1", "a zone such as 7.168.192.in-addr.arpa"),
            ("co rp", "`co rp` is no zone: the name holds a byte that no host name has"),
        ];
        for (zone, words) in rows {
            let told = read(zone).unwrap_err();
            assert!(told.contains(words), "{told}");
        }
    }

    #[test]
    fn the_innermost_zone_decides() {
        #[derive(serde::Deserialize)]
        struct File {
            forward: Vec<Forward>,
        }
        let text = r#"
            [[forward]]
            zones = ["corp.example", "168.192.in-addr.arpa"]
            upstreams = ["192.0.2.1"]
            [[forward]]
            zones = ["lab.corp.example"]
            upstreams = ["192.0.2.2"]
        "#;
        let File { forward } = toml::from_str(text).unwrap();
        let rows = [
            ("corp.example", Some(0)),
            ("_ldap._tcp.dc._msdcs.corp.example", Some(0)),
            ("pc1.lab.corp.example", Some(1)),
            ("1.7.168.192.in-addr.arpa", Some(0)),
            ("notcorp.example", None),
            ("example", None),
        ];
        for (name, expected) in rows {
            assert_eq!(forward_of(&forward, Name::of_text(name).folded()), expected, "{name}");
        }
    }
}
