use std::net::IpAddr;

use gate_core::HostName;

use super::{
    Decision, Identity, View, decide, is_local, is_of_the_internet, reverse_address, reverse_name, reverse_range, scope,
};
use crate::Config;
use crate::parse::{Manner, Name, Query, Rcode, kind};

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

fn view(own: &str) -> View {
    let own_names = vec![HostName::parse(own.as_bytes()).unwrap()];
    View {
        catalogue: Default::default(),
        names: Default::default(),
        groups: Default::default(),
        identity: Identity { own_names, ..Identity::default() },
    }
}

/// What is said here of a name; nothing where it is asked of somebody else.
fn said(name: &str, kind: u16, config: &Config, view: &View) -> Option<Rcode> {
    let (name, manner) = (Name::of_text(name), Manner::default());
    let (id, recursion_desired, authentic_data, checking_disabled, edns) = (1, true, false, false, None);
    let query = Query { id, recursion_desired, authentic_data, checking_disabled, name, kind, edns, manner };
    match decide(&query, config, view) {
        Decision::Local(local) => Some(local.rcode),
        Decision::Resolve => None,
    }
}

#[test]
fn names_of_the_office_that_nobody_knows_stay_inside() {
    let (config, nx) = (Config::default(), Some(Rcode::NxDomain));
    let forward = "[[forward]]\nzones = [\"corp.lan\"]\nupstreams = [\"192.168.7.2\"]";
    let forwarding: Config = toml::from_str(forward).unwrap();
    let router: Config = toml::from_str("upstreams = [\"9.9.9.9\", \"tls://192.168.7.1\"]").unwrap();
    let rows = [
        (&config, "nanogate.lan", "nas.lan", kind::A, nx),
        (&config, "nanogate.lan", "nas.lan", kind::TXT, nx),
        (&config, "nanogate.lan", "lan", kind::NS, Some(Rcode::NoError)),
        (&config, "nanogate.lan", "lan.example", kind::A, None),
        (&config, "nanogate.lan", "nas", kind::A, nx),
        (&config, "nanogate.lan", "nas", kind::AAAA, nx),
        (&config, "nanogate.lan", "com", kind::NS, None),
        (&config, "nanogate.lan", "", kind::NS, None),
        (&config, "nanogate.lan", "", kind::A, None),
        (&config, "gate.hq.corp", "nas.hq.corp", kind::A, nx),
        (&config, "gate.hq.corp", "nas.other.corp", kind::A, None),
        // The owner's domain on the internet has names that the puck knows nothing of.
        (&config, "gate.office.example", "www.office.example", kind::A, None),
        (&forwarding, "nanogate.lan", "pc.corp.lan", kind::A, None),
        (&forwarding, "nanogate.lan", "pc.lan", kind::A, nx),
        (&router, "nanogate.lan", "nas.lan", kind::A, None),
        (&router, "nanogate.lan", "nas", kind::A, None),
    ];
    for (config, own, name, kind, expected) in rows {
        assert_eq!(said(name, kind, config, &view(own)), expected, "{own} {name} {kind}");
    }
    let stays = |name: &str| !is_of_the_internet(&Name::of_text(name), &view("nanogate.lan").identity);
    assert!(stays("nas.lan") && stays("printer.local") && !stays("www.example"));
}

#[test]
fn a_part_of_a_reverse_name_stands_for_a_range() {
    let rows = [
        ("168.192.in-addr.arpa", Some(("192.168.0.0", "192.168.255.255"))),
        ("1.2.3.4.in-addr.arpa", Some(("4.3.2.1", "4.3.2.1"))),
        ("0.1.2.3.4.in-addr.arpa", None),
        ("in-addr.arpa", None),
        ("0.0.d.f.ip6.arpa", Some(("fd00::", "fd00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"))),
        ("10.d.f.ip6.arpa", None),
        ("www.example", None),
    ];
    for (name, range) in rows {
        assert_eq!(reverse_range(&Name::of_text(name)), range.map(|(low, high)| (ip(low), ip(high))), "{name}");
    }
}
