use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::{DESTINATIONS_CAP, Desired, INTERFACES_CAP, Mode, RESOLVERS_CAP, RenderError, render};

fn desired(mode: Mode) -> Desired {
    let parse = |address: &str| address.parse().unwrap();
    Desired {
        table: "nanogate".to_owned(),
        mode,
        own: ["192.0.2.53", "2001:db8:1::53"].map(parse).to_vec(),
        proxy_port: 8443,
        http_port: 8088,
        destinations: ["203.0.113.10", "198.51.100.7", "203.0.113.9", "2001:db8:2::10"].map(parse).into(),
        resolvers: BTreeSet::new(),
        interfaces: Vec::new(),
        capture_dns: None,
    }
}

#[test]
fn renders_as_in_the_golden_files() {
    let lan = Desired { interfaces: vec!["eth0".to_owned()], ..desired(Mode::Gateway) };
    let capture = Desired { capture_dns: Some(53), ..desired(Mode::Gateway) };
    let resolvers: BTreeSet<IpAddr> =
        ["8.8.8.8", "2001:4860:4860::8888", "192.0.2.53"].map(|ip| ip.parse().unwrap()).into();
    let refuse = |mode| Desired { resolvers: resolvers.clone(), ..desired(mode) };
    let both = Desired { capture_dns: Some(53), ..refuse(Mode::Gateway) };
    let rows = [
        (refuse(Mode::Dns), include_str!("../../testdata/dns.nft")),
        (refuse(Mode::Gateway), include_str!("../../testdata/gateway-resolvers.nft")),
        (both, include_str!("../../testdata/gateway-dns-resolvers.nft")),
        (capture, include_str!("../../testdata/gateway-dns.nft")),
        (Desired { capture_dns: Some(53), ..desired(Mode::Dns) }, include_str!("../../testdata/dns.nft")),
        (desired(Mode::Dns), include_str!("../../testdata/dns.nft")),
        (desired(Mode::Gateway), include_str!("../../testdata/gateway.nft")),
        (lan, include_str!("../../testdata/gateway-eth0.nft")),
    ];
    for (desired, golden) in rows {
        assert_eq!(render(&desired).unwrap().to_nft(), golden);
    }
}

#[test]
fn what_no_provider_can_have_is_no_destination() {
    let mut gateway = desired(Mode::Gateway);
    let addresses = [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "192.0.2.53",
        "::1",
        "::",
        "ff02::1",
        "2001:db8:1::53",
        "::ffff:192.0.2.53",
    ];
    gateway.destinations = addresses.map(|address| address.parse().unwrap()).into();
    assert_eq!(render(&gateway).unwrap().size_of("ai4"), 0);
    assert_eq!(render(&gateway).unwrap().size_of("ai6"), 0);
    gateway.destinations.insert("::ffff:198.51.100.7".parse().unwrap());
    assert_eq!(render(&gateway).unwrap().size_of("ai4"), 1);
}

#[test]
fn what_cannot_be_rendered_is_named() {
    let good = desired(Mode::Gateway);
    let address = |number: usize| IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 | number as u32));
    let ports = |proxy_port, http_port| Desired { proxy_port, http_port, ..good.clone() };
    let table = |table: &str| Desired { table: table.to_owned(), ..good.clone() };
    let interface = |name: &str| Desired { interfaces: vec![name.to_owned()], ..good.clone() };
    let rows = [
        (table(""), "steer.table"),
        (table("4way"), "steer.table"),
        (table("a b"), "steer.table"),
        (table("a\0b"), "steer.table"),
        (table(&"a".repeat(33)), "steer.table"),
        (interface(""), "steer.interfaces"),
        (interface("sixteen-letters!"), "steer.interfaces"),
        (interface("eth0\" accept"), "steer.interfaces"),
        (interface("eth*"), "steer.interfaces"),
        (interface("../eth0"), "steer.interfaces"),
        (Desired { interfaces: vec!["eth0".to_owned(); INTERFACES_CAP + 1], ..good.clone() }, "9 interfaces"),
        (ports(0, 8088), "ports"),
        (ports(8443, 0), "ports"),
        (ports(8443, 8443), "ports"),
        (Desired { destinations: (0..=DESTINATIONS_CAP).map(address).collect(), ..good.clone() }, "8193 destinations"),
        (Desired { resolvers: (0..=RESOLVERS_CAP).map(address).collect(), ..good.clone() }, "513 resolvers"),
    ];
    for (desired, words) in rows {
        let error = render(&desired).unwrap_err();
        assert!(error.to_string().contains(words), "{error} should speak of {words}");
    }
    assert!(render(&interface("br-lan.100")).is_ok());
    assert!(render(&ports(443, 80)).is_ok());
    assert_eq!(render(&table("4way")), Err(RenderError::Table("4way".to_owned())));
}

#[test]
fn an_unknown_key_is_an_error_and_defaults_hold() {
    let config: super::Config = toml::from_str("").unwrap();
    assert_eq!(config, super::Config::default());
    let error = toml::from_str::<super::Config>("tabel = \"x\"").unwrap_err();
    assert!(error.to_string().contains("tabel"), "{error}");
}
