//! Which addresses lead inside, where no name of the internet leads.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::{Identity, Scope, scope};
use crate::Config;

/// Whether an address is a machine of some inner network, or one of this office whatever it is called.
pub(crate) fn leads_inside(ip: IpAddr, config: &Config, identity: &Identity) -> bool {
    // ::ffff:192.168.0.1 leads to where 192.168.0.1 does.
    let ip = ip.to_canonical();
    let ours = |ip: IpAddr| {
        let mut subnets = config.local_subnets.iter().chain(&identity.subnets);
        identity.addresses.contains(&ip) || subnets.any(|subnet| is_office(subnet) && subnet.contains(&ip))
    };
    is_inner(ip) || ours(ip) || embedded(ip).any(|v4| is_inner(v4.into()) || ours(v4.into()))
}

/// Whoever answers clients from everywhere has no office that wide: its names would lead nowhere.
fn is_office(subnet: &IpNet) -> bool {
    match subnet {
        IpNet::V4(subnet) => subnet.prefix_len() >= 8,
        IpNet::V6(subnet) => subnet.prefix_len() >= 32,
    }
}

/// Whether an address means a machine of some inner network wherever it is used.
fn is_inner(ip: IpAddr) -> bool {
    let more = match ip {
        // "This network" (RFC 1122 section 3.2.1.3).
        IpAddr::V4(ip) => ip.octets()[0] == 0,
        // Site-local (RFC 3879), which old systems still route.
        IpAddr::V6(ip) => ip.is_unspecified() || ip.segments()[0] & 0xffc0 == 0xfec0,
    };
    let shared = matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64);
    more || scope(ip) != Scope::Public && !shared
}

/// The IPv4 addresses that a translator or a tunnel may make of an IPv6 one.
fn embedded(ip: IpAddr) -> impl Iterator<Item = Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return Vec::new().into_iter() };
    let octets = ip.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| octets[place]));
    let found = match ip.segments() {
        // IPv4-compatible (RFC 4291 section 2.5.5.1), and NAT64 by its well-known prefix (RFC 6052 section 2.1).
        [0, 0, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![at([12, 13, 14, 15])],
        // NAT64 of a network (RFC 8215): nobody else knows how long its prefix is (RFC 6052 section 2.2).
        [0x64, 0xff9b, 1, ..] => {
            let places = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]];
            places.map(at).into_iter().filter(|v4| v4.octets()[0] != 0).collect()
        }
        // 6to4 (RFC 3056 section 2).
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        _ => Vec::new(),
    };
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::leads_inside;
    use crate::{Config, Identity};

    #[test]
    fn every_way_inside_is_known() {
        let identity = Identity {
            addresses: vec!["198.51.100.53".parse().unwrap()],
            subnets: vec!["2001:db8:7::/64".parse().unwrap(), "203.0.113.0/28".parse().unwrap()],
            ..Identity::default()
        };
        let mut config = Config::default();
        config
            .local_subnets
            .extend(["100.64.7.0/24", "0.0.0.0/0", "::/0"].map(|subnet| subnet.parse::<IpNet>().unwrap()));
        let rows = [
            ("192.168.7.1", true),
            ("10.0.0.1", true),
            ("0.0.0.0", true),
            ("0.1.2.3", true),
            ("::", true),
            ("::1", true),
            ("fd00::1", true),
            ("fe80::1", true),
            ("fec0::1", true),
            ("feff::1", true),
            ("::ffff:192.168.7.1", true),
            ("::192.168.7.1", true),
            ("::127.0.0.1", true),
            ("64:ff9b::192.168.7.1", true),
            ("64:ff9b::127.0.0.1", true),
            ("64:ff9b:1::10.0.0.1", true),
            ("64:ff9b:1:c0a8:7:100::", true),
            ("64:ff9b:1:c0:a8:701::", true),
            ("64:ff9b:1:0:c0:a807:100::", true),
            ("2002:c0a8:701::1", true),
            ("2002:7f00:1::1", true),
            ("198.51.100.53", true),
            ("64:ff9b::198.51.100.53", true),
            ("203.0.113.9", true),
            ("2001:db8:7::9", true),
            ("100.64.7.9", true),
            ("100.64.8.9", false),
            ("203.0.113.99", false),
            ("198.51.100.54", false),
            ("2001:db8:8::9", false),
            ("9.9.9.9", false),
            ("::9.9.9.9", false),
            ("64:ff9b::9.9.9.9", false),
            ("64:ff9b:1::9.9.9.9", false),
            ("2002:909:909::1", false),
            ("2620:fe::fe", false),
        ];
        for (ip, inside) in rows {
            assert_eq!(leads_inside(ip.parse().unwrap(), &config, &identity), inside, "{ip}");
        }
    }
}
