use super::{Config, line_of};

const GOOD: &str = r#"
data = "/data"
domain = "office.test"

[identity]
addresses = ["192.0.2.53"]

[dns]
upstreams = ["203.0.113.53"]
"#;

fn error(text: &str) -> String {
    Config::parse("n.toml", text).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn the_example_file_states_every_default() {
    let text = include_str!("../../nanogate.example.toml");
    let example = Config::parse("nanogate.example.toml", text).unwrap();
    assert_eq!(example.dns, gate_dns::Config::default());
    assert_eq!(example.proxy, gate_proxy::Config::default());
    assert_eq!(example.admin, gate_admin::Config::default());
    assert_eq!(example.steer, gate_steer::Config::default());
    assert_eq!(example.journal, gate_audit::JournalConfig::default());
    for process in crate::cli::ProcessName::ALL {
        let nothing = crate::config::Processes::default();
        assert_eq!(example.process.of(process).memory_mib, nothing.of(process).memory_mib, "{}", process.as_str());
    }
}

#[test]
fn unknown_key_names_file_line_and_key() {
    let message = error(&GOOD.replace("domain =", "domian ="));
    assert!(message.starts_with("n.toml:3: ") && message.contains("domian"), "{message}");
}

#[test]
fn unknown_key_in_a_room_is_named() {
    let message = error(&format!("{GOOD}\n[proxy]\nlisten_on = [\"0.0.0.0:8443\"]\n"));
    assert!(message.contains("n.toml:12") && message.contains("listen_on"), "{message}");
}

#[test]
fn wrong_value_names_line_and_key() {
    let rows = [
        ("addresses = [\"192.0.2.53\"]", "addresses = []", "n.toml:6: identity.addresses"),
        ("domain = \"office.test\"", "domain = \"of fice\"", "n.toml:3: domain"),
        ("upstreams = [\"203.0.113.53\"]", "upstreams = []", "n.toml:9: dns.upstreams"),
        ("[dns]", "[log]\nlevel = \"loudest\"\n[dns]", "n.toml:9: log.level"),
        ("[dns]", "[process.dns]\nmemory_mib = 1\n[dns]", "n.toml:9: process.dns.memory_mib"),
        ("[dns]", "[process.dns]\nuser = \"no such user\"\n[dns]", "n.toml:9: process.dns.user"),
    ];
    for (from, to, expected) in rows {
        let message = error(&GOOD.replace(from, to));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn wrong_type_names_line_and_key() {
    let rows = [
        ("data = \"/data\"", "data = 5", "n.toml:2: data: invalid type"),
        ("upstreams = [\"203.0.113.53\"]", "upstreams = \"203.0.113.53\"", "n.toml:9: dns.upstreams: invalid type"),
        ("[dns]", "[dns]\nlisten = [\"here\"]", "n.toml:9: dns.listen: invalid socket address"),
    ];
    for (from, to, expected) in rows {
        let message = error(&GOOD.replace(from, to));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn a_room_keeps_its_table_apart() {
    assert_eq!(line_of("[a]\nlisten = 1\n[b]\nlisten = 2\n", "b.listen"), 4);
    assert_eq!(line_of("[a]\nlisten = 1\n[b]\n", "b.listen"), 3);
}

#[test]
fn own_subnet_is_local_when_none_is_given() {
    let config = Config::parse("n.toml", GOOD).unwrap();
    let local = config.local_subnets();
    assert!(local.iter().any(|net| net.contains(&"192.0.2.10".parse::<std::net::IpAddr>().unwrap())));
    assert!(!local.iter().any(|net| net.contains(&"203.0.113.9".parse::<std::net::IpAddr>().unwrap())));
}
