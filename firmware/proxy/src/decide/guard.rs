//! The SSRF guard: which addresses are dialled at all, whatever a name resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What a forbidden address is, for the log.
pub(crate) type Why = &'static str;

/// The guard with what this office allows and what the puck itself is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard<'a> {
    pub(crate) allow: &'a [IpNet],
    pub(crate) own: &'a [IpAddr],
    /// The office's networks.
    pub(crate) local: &'a [IpNet],
}

/// IANA's IPv4 special-purpose registry, and multicast.
const V4: &[(Ipv4Net, Why)] = &[
    (v4(0, 0, 0, 0, 8), "this network"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "carrier-grade NAT"),
    (v4(127, 0, 0, 0, 8), "loopback"),
    (v4(169, 254, 0, 0, 16), "link-local"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "protocol assignments"),
    (v4(192, 0, 2, 0, 24), "documentation"),
    (v4(192, 31, 196, 0, 24), "AS112"),
    (v4(192, 52, 193, 0, 24), "automatic multicast tunnels"),
    (v4(192, 88, 99, 0, 24), "6to4 relays"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(192, 175, 48, 0, 24), "AS112"),
    (v4(198, 18, 0, 0, 15), "benchmarking"),
    (v4(198, 51, 100, 0, 24), "documentation"),
    (v4(203, 0, 113, 0, 24), "documentation"),
    (v4(224, 0, 0, 0, 4), "multicast"),
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// IANA's IPv6 special-purpose registry inside 2000::/3, and what stands outside it by name. Forms that carry an IPv4
/// address (mapped, NAT64, 6to4, Teredo) are refused whole: no provider publishes them, and they would lead around the
/// list above.
const V6: &[(Ipv6Net, Why)] = &[
    (v6([0, 0, 0, 0, 0, 0xffff, 0, 0], 96), "IPv4-mapped"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0x64, 0xff9b, 0, 0, 0, 0, 0, 0], 96), "NAT64"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local-use NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discard-only"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 32), "Teredo"),
    (v6([0x2001, 2, 0, 0, 0, 0, 0, 0], 48), "benchmarking"),
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "protocol assignments"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), "6to4"),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), "AS112"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

/// All global unicast that IANA has given out.
const V6_GLOBAL: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(a: u8, b: u8, c: u8, d: u8, len: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), len)
}

const fn v6(s: [u16; 8], len: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), len)
}

impl Guard<'_> {
    /// Whether this address may be dialled, or what it is instead.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Why> {
        // Dialling ourselves would be a loop, so nothing allows it. Loopback is left to the ranges: whoever allows it
        // runs a provider on this very machine.
        if self.own.contains(&address) && !address.is_loopback() {
            return Err("the puck itself");
        }
        if self.allow.iter().any(|range| range.contains(&address)) {
            return Ok(());
        }
        if let Some(why) = special(address) {
            return Err(why);
        }
        // No provider lives in the office, where each host has an address of the internet's, and the puck has ones that it
        // got after the list of its own was made.
        if address.is_ipv6() && self.local.iter().any(|range| range.contains(&address)) {
            return Err("the office");
        }
        Ok(())
    }
}

/// Whether two addresses lie in the smallest network that the internet routes by itself: /24, or /48 by IPv6. A name that
/// takes turns mostly does so within it.
pub(crate) fn is_near(one: IpAddr, other: IpAddr) -> bool {
    match (one.to_canonical(), other.to_canonical()) {
        (IpAddr::V4(one), IpAddr::V4(other)) => one.octets()[..3] == other.octets()[..3],
        (IpAddr::V6(one), IpAddr::V6(other)) => one.octets()[..6] == other.octets()[..6],
        _ => false,
    }
}

fn special(address: IpAddr) -> Option<Why> {
    match address {
        IpAddr::V4(v4) => V4.iter().find(|(range, _)| range.contains(&v4)).map(|(_, why)| *why),
        IpAddr::V6(v6) => match V6.iter().find(|(range, _)| range.contains(&v6)) {
            Some((_, why)) => Some(why),
            None if V6_GLOBAL.contains(&v6) => None,
            None => Some("not global unicast"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(address: &str) -> Result<(), Why> {
        Guard { allow: &[], own: &["8.8.8.8".parse().unwrap()], local: &[] }.check(address.parse().unwrap())
    }

    #[test]
    fn addresses_of_one_network_are_near_each_other() {
        let rows = [
            ("203.0.113.1", "203.0.113.254", true),
            ("203.0.113.1", "203.0.114.1", false),
            ("::ffff:203.0.113.1", "203.0.113.2", true),
            ("2001:db8:1::1", "2001:db8:1:2::3", true),
            ("2001:db8:1::1", "2001:db8:2::1", false),
            ("203.0.113.1", "2001:db8::1", false),
        ];
        for (one, other, expected) in rows {
            assert_eq!(is_near(one.parse().unwrap(), other.parse().unwrap()), expected, "{one} {other}");
        }
    }

    #[test]
    fn public_addresses_are_dialled() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::6810:1",
            "2a00:1450::1",
            "2001:200::1",
            "3ffe::1",
        ] {
            assert_eq!(verdict(address), Ok(()), "{address}");
        }
    }

    #[test]
    fn special_addresses_are_named_and_refused() {
        let rows = [
            ("0.0.0.0", "this network"),
            ("0.255.255.255", "this network"),
            ("10.0.0.1", "private"),
            ("172.16.0.0", "private"),
            ("172.31.255.255", "private"),
            ("192.168.255.255", "private"),
            ("100.64.0.0", "carrier-grade NAT"),
            ("100.127.255.255", "carrier-grade NAT"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.255", "loopback"),
            ("169.254.169.254", "link-local"),
            ("192.0.0.170", "protocol assignments"),
            ("192.0.2.1", "documentation"),
            ("198.51.100.1", "documentation"),
            ("203.0.113.1", "documentation"),
            ("192.88.99.1", "6to4 relays"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "reserved"),
            ("8.8.8.8", "the puck itself"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:8.8.4.4", "IPv4-mapped"),
            ("::ffff:127.0.0.1", "IPv4-mapped"),
            ("::127.0.0.1", "not global unicast"),
            ("64:ff9b::808:404", "NAT64"),
            ("64:ff9b:1::1", "local-use NAT64"),
            ("100::1", "discard-only"),
            ("2001::1", "Teredo"),
            ("2001:2::1", "benchmarking"),
            ("2001:20::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("3fff::1", "documentation"),
            ("2002:7f00:1::", "6to4"),
            ("5f00::1", "segment routing"),
            ("fc00::1", "unique local"),
            ("fdff::1", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("4000::1", "not global unicast"),
            ("1fff::1", "not global unicast"),
        ];
        for (address, why) in rows {
            assert_eq!(verdict(address), Err(why), "{address}");
        }
    }

    #[test]
    fn allowed_ranges_open_themselves_and_nothing_else() {
        let allow = ["203.0.113.0/24".parse().unwrap(), "fd00::/8".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        let own = ["203.0.113.9".parse().unwrap(), "127.0.0.1".parse().unwrap()];
        let guard = Guard { allow: &allow, own: &own, local: &[] };
        let check = |address: &str| guard.check(address.parse().unwrap());
        assert_eq!(check("203.0.113.10"), Ok(()));
        assert_eq!(check("fd12::1"), Ok(()));
        assert_eq!(check("127.0.0.1"), Ok(()));
        assert_eq!(check("203.0.113.9"), Err("the puck itself"));
        assert_eq!(check("192.0.2.1"), Err("documentation"));
        assert_eq!(check("::ffff:203.0.113.10"), Err("IPv4-mapped"));
        assert_eq!(check("fc00::1"), Err("unique local"));
    }

    #[test]
    fn the_offices_own_addresses_of_the_internet_are_dialled_only_where_allowed() {
        let local =
            ["192.168.0.0/16", "9.9.9.0/24", "fd00::/8", "2606:4700:1::/64"].map(|range| range.parse().unwrap());
        let allow = ["2606:4700:1::7/128".parse().unwrap()];
        let guard = Guard { allow: &allow, own: &[], local: &local };
        let check = |address: &str| guard.check(address.parse().unwrap());
        assert_eq!(check("2606:4700:1::53"), Err("the office"));
        assert_eq!(check("2606:4700:1::7"), Ok(()));
        assert_eq!(check("2606:4700:1:1::53"), Ok(()), "another's");
        assert_eq!(check("9.9.9.9"), Ok(()), "the puck knows its own by IPv4");
        assert_eq!(check("fd00::1"), Err("unique local"));
    }
}
