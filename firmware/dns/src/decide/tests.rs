use std::net::IpAddr;

use super::{Identity, View, is_local, reverse_address, reverse_name, scope};
use crate::Config;
use crate::parse::Name;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn only_local_subnets_are_answered_by_default() {
    let config = Config::default();
    let subnets = vec!["192.0.2.0/24".parse().unwrap(), "2001:db8:1::/64".parse().unwrap()];
    let view = View {
        catalogue: Default::default(),
        names: Default::default(),
        groups: Default::default(),
        identity: Identity { subnets, ..Identity::default() },
    };
    let rows = [
        ("10.1.2.3", true),
        ("172.31.255.255", true),
        ("172.32.0.1", false),
        ("192.168.0.1", true),
        ("169.254.1.1", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("fd12::1", true),
        ("fe80::1", true),
        ("192.0.2.10", true),
        ("2001:db8:1::10", true),
        ("2001:db8:2::10", false),
        ("198.51.100.1", false),
        ("100.64.0.1", false),
        ("8.8.8.8", false),
        ("0.0.0.0", false),
        ("255.255.255.255", false),
        ("2606:4700::1", false),
    ];
    for (client, local) in rows {
        assert_eq!(is_local(ip(client), &config, &view), local, "{client}");
    }
}

#[test]
fn reverse_names_stand_for_addresses() {
    let nibbles = format!("1{}.8.b.d.0.1.0.0.2", ".0".repeat(23));
    let rows = [
        ("53.2.0.192.in-addr.arpa", Some("192.0.2.53")),
        ("2.0.192.in-addr.arpa", None),
        ("256.2.0.192.in-addr.arpa", None),
        ("1.53.2.0.192.in-addr.arpa", None),
        ("in-addr.arpa", None),
        (&format!("{nibbles}.ip6.arpa"), Some("2001:db8::1")),
        (&format!("0.{nibbles}.ip6.arpa"), None),
        (&format!("{}.ip6.arpa", nibbles.replace("8.b", "8.g")), None),
        (&format!("{}.ip6.arpa", nibbles.replace("8.b", "8.+")), None),
        ("www.example", None),
    ];
    for (name, address) in rows {
        assert_eq!(reverse_address(&Name::of_text(name)), address.map(ip), "{name}");
        if let Some(address) = address {
            assert_eq!(reverse_name(ip(address)).text(), name);
        }
    }
}

#[test]
fn scopes_are_those_that_browsers_tell_apart() {
    let rows = [
        ("192.168.1.1", "fd00::1", true),
        ("10.0.0.1", "2001:db8::1", false),
        ("203.0.113.1", "2001:db8::1", true),
        ("100.64.0.1", "fd00::1", true),
        ("127.0.0.1", "::1", true),
        ("127.0.0.1", "fd00::1", false),
    ];
    for (v4, v6, same) in rows {
        assert_eq!(scope(ip(v4)) == scope(ip(v6)), same, "{v4} {v6}");
    }
}
