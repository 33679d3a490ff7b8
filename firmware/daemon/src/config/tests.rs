use std::collections::BTreeSet;

use gate_dns::EncryptedDns;

use super::Config;
use crate::worker::rule_set;

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
        ("[dns]", "[dns]\ncache_bytes = 100000000", "n.toml:9: dns.cache_bytes must be at most "),
        (
            "[dns]",
            "[dns]\nlocal_subnets = [\n\"10.0.0.0/8\",\n\"0.0.0.0/0\"]",
            "n.toml:11: dns.local_subnets: 0.0.0.0/0 is",
        ),
        (
            "[dns]",
            "[dns]\nupstream_total_ms = 10",
            "n.toml:9: dns.upstream_total_ms must be at least dns.upstream_try_ms",
        ),
        ("[dns]", "[dns]\npending = 100000000", "n.toml:9: dns.pending must be at most 8192"),
        ("[dns]", "local_name = \"nanogate.lan\"\n[dns]", "n.toml:8: identity.local_name: \"nanogate.lan\" is no name"),
        ("[dns]", "lan = [\"::/0\"]\n[dns]", "n.toml:8: identity.lan: ::/0 is wider than any office"),
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
fn a_zone_with_two_servers_is_named_where_it_stands_again() {
    let forward = |zones: &str| format!("[[dns.forward]]\nzones = {zones}\nupstreams = [\"192.0.2.1\"]\n");
    let twice = format!("{}{}", forward("[\"corp.example\"]"), forward("[\n\"lan.example\",\n\"Corp.example\"]"));
    let message = error(&format!("{GOOD}{twice}"));
    assert!(message.starts_with("n.toml:16: dns.forward: the zone corp.example stands there twice"), "{message}");
    let message = error(&format!("{GOOD}{}", forward("5")));
    assert!(message.starts_with("n.toml:11: dns.forward.zones: invalid type"), "{message}");
}

#[test]
fn files_that_are_not_there_are_named_where_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ads"), "ads.example\n").unwrap();
    let file = folder.path().join("n.toml");
    let check = |more: &str| {
        std::fs::write(&file, format!("{GOOD}{more}")).unwrap();
        Config::load(&file).unwrap().check_files(&file).map_err(|error| error.to_string())
    };
    let group = "[[dns.groups]]\nname = \"guests\"\nclients = [\"192.0.2.7\"]\n";
    let good =
        "hosts_files = [\"ads\"]\nleases_files = [\"later\"]\nblock_lists = [\"https://lists.example/a\", \"ads\"]\n";
    assert_eq!(check(&format!("{good}{group}block_lists = [\"ads\"]\n")), Ok(()));
    let rows = [
        ("hosts_files = [\"ads\", \"hosts\"]\n".to_owned(), 10, "dns.hosts_files", "hosts", "No such file"),
        ("block_lists = [\n\"ads\",\n\"spies\",\n]\n".to_owned(), 12, "dns.block_lists", "spies", "No such file"),
        ("block_lists = [\".\"]\n".to_owned(), 10, "dns.block_lists", ".", "it is no file"),
        (format!("{group}block_lists = [\"games\"]\n"), 13, "dns.groups", "games", "No such file"),
    ];
    for (more, line, key, path, why) in rows {
        let (path, message) = (folder.path().join(path), check(&more).unwrap_err());
        let expected = format!("{}:{line}: {key}: {}: {why}", file.display(), path.display());
        assert!(message.starts_with(&expected), "{message} {expected}");
    }
}

#[test]
fn encrypted_dns_is_refused_where_the_owner_says_so_or_captures_the_plain_kind() {
    let gateway = "mode = \"gateway\"\n";
    let capture = "[steer]\ncapture_dns = true\n";
    let (report, refuse) = ("encrypted_dns = \"report\"\n", "encrypted_dns = \"refuse\"\n");
    let rows = [
        ("", "", "", EncryptedDns::Report, 0),
        ("", refuse, "", EncryptedDns::Refuse, 0),
        ("", "", capture, EncryptedDns::Report, 0),
        (gateway, "", "", EncryptedDns::Report, 0),
        (gateway, "", capture, EncryptedDns::Refuse, 0),
        (gateway, report, capture, EncryptedDns::Report, 0),
        (gateway, refuse, "", EncryptedDns::Refuse, 1),
    ];
    for (mode, key, steer, expected, warnings) in rows {
        let text = format!("{mode}{GOOD}{key}{steer}");
        let config = Config::parse("n.toml", &text).unwrap();
        assert_eq!((config.encrypted_dns(), config.warnings().count()), (expected, warnings), "{text}");
        let resolvers = rule_set(&config, BTreeSet::new()).unwrap().size_of("dns4");
        assert_eq!(resolvers > 50, expected == EncryptedDns::Refuse && mode == gateway, "{text}");
    }
    let error = error(&format!("{GOOD}encrypted_dns = \"block\"\n"));
    assert!(error.starts_with("n.toml:10: dns.encrypted_dns: unknown variant `block`"), "{error}");
}

#[test]
fn own_subnet_is_local_when_none_is_given() {
    let config = Config::parse("n.toml", GOOD).unwrap();
    let local = config.local_subnets();
    assert!(local.iter().any(|net| net.contains(&"192.0.2.10".parse::<std::net::IpAddr>().unwrap())));
    assert!(!local.iter().any(|net| net.contains(&"203.0.113.9".parse::<std::net::IpAddr>().unwrap())));
}
