//! Names of the office itself, and those that mean nothing elsewhere.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use gate_core::HostName;
use gate_dns::{Config, Forward, List, Zone};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::svcb::{IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, AAAA, HTTPS, SVCB};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::time::Instant;

use crate::lab::{Folder, Server, program};
use crate::office::{Office, query};
use crate::upstream::{Upstream, Zone as Said, a, aaaa, answers, record};

fn zone(name: &str) -> Zone {
    HostName::parse(name.as_bytes()).unwrap().into()
}

fn forward(zones: &[&str], to: SocketAddr) -> Forward {
    Forward { zones: zones.iter().map(|name| zone(name)).collect(), upstreams: vec![to.to_string().parse().unwrap()] }
}

async fn data(office: &Office, name: &str, kind: RecordType) -> Vec<String> {
    let answer = office.ask(name, kind).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}");
    answer.answers.iter().map(|record| record.data.to_string()).collect()
}

#[tokio::test]
async fn hosts_come_from_files_that_may_change() {
    let folder = Folder::new();
    let hosts = folder.write("hosts", "192.168.7.9 nas\nfd00:7::9 nas\n203.0.113.5 api.acme.example\n");
    let leases = folder.write("leases", "0 aa:bb:cc:dd:ee:ff 192.168.7.20 laptop *\n");
    let office = Office::open_with(|config| {
        config.hosts_files = vec![hosts.clone()];
        config.leases_files = vec![leases];
    })
    .await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while office.ask("nas.office.example.", RecordType::A).await.answers.is_empty() {
        assert!(Instant::now() < deadline, "the file is read");
    }
    assert_eq!(data(&office, "NAS.office.example.", RecordType::A).await, ["192.168.7.9"]);
    assert_eq!(data(&office, "nas.office.example.", RecordType::AAAA).await, ["fd00:7::9"]);
    assert_eq!(data(&office, "nas.office.example.", RecordType::MX).await, Vec::<String>::new());
    assert_eq!(data(&office, "laptop.office.example.", RecordType::A).await, ["192.168.7.20"]);
    assert_eq!(data(&office, "9.7.168.192.in-addr.arpa.", RecordType::PTR).await, ["nas.office.example."]);
    let steered = data(&office, "api.acme.example.", RecordType::A).await;
    assert_eq!(steered, [crate::office::PUCK], "no file leads around the puck");
    folder.write("hosts", "192.168.7.10 nas\n");
    while data(&office, "nas.office.example.", RecordType::A).await != ["192.168.7.10"] {
        assert!(Instant::now() < deadline + Duration::from_secs(5), "the change is seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_first_answer_knows_the_hosts() {
    let folder = Folder::new();
    let many: String = (0..15_000).map(|host| format!("10.7.{}.{} host{host}\n", host / 250, host % 250)).collect();
    let hosts = folder.write("hosts", &format!("{many}192.168.7.9 nas\n127.0.0.1 localhost\n"));
    let leases =
        folder.write("leases", "0 aa:bb:cc:dd:ee:ff 192.168.7.66 nas *\n0 aa:bb:cc:dd:ee:fe 192.168.7.20 pc *\n");
    let office = Office::open_with(|config| {
        (config.hosts_files, config.leases_files) = (vec![hosts], vec![leases]);
    })
    .await;
    assert_eq!(data(&office, "nas.office.example.", RecordType::A).await, ["192.168.7.9"], "and no lease joins it");
    assert_eq!(data(&office, "pc.office.example.", RecordType::A).await, ["192.168.7.20"]);
    assert_eq!(data(&office, "nas.", RecordType::A).await, ["192.168.7.9"], "without the domain too");
    for (name, kind) in [("localhost.office.example.", RecordType::A), ("1.0.0.127.in-addr.arpa.", RecordType::PTR)] {
        let answer = office.ask(name, kind).await;
        assert!(answer.answers.is_empty(), "{answer}");
    }
    assert_eq!(office.dns.file_faults(), []);
}

#[tokio::test]
async fn files_of_hosts_that_cannot_be_read_are_told_until_they_can() {
    let folder = Folder::new();
    let (hosts, leases) = (folder.path().join("hosts"), folder.path().join("leases"));
    std::fs::create_dir(&leases).unwrap();
    let files = (vec![hosts.clone()], vec![leases.clone(), folder.path().join("not-yet")]);
    let office = Office::open_with(|config| (config.hosts_files, config.leases_files) = files).await;
    office.ask("nas.office.example.", RecordType::A).await;
    let faults = office.dns.file_faults();
    let told: Vec<_> = faults.iter().map(|(file, why)| (file.clone(), why.split(" (").next().unwrap())).collect();
    let expected = [(hosts.clone(), "No such file or directory"), (leases.clone(), "Is a directory")];
    assert_eq!(told, expected, "a DHCP server writes its first lease late");
    std::fs::remove_dir(&leases).unwrap();
    std::fs::write(&hosts, "192.168.7.9 nas\n").unwrap();
    let deadline = Instant::now() + Duration::from_secs(8);
    while !office.dns.file_faults().is_empty() {
        assert!(Instant::now() < deadline, "{:?}", office.dns.file_faults());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(data(&office, "nas.office.example.", RecordType::A).await, ["192.168.7.9"]);
    // One that cannot be read any more is no file without hosts. A pipe would be waited for.
    std::fs::remove_file(&hosts).unwrap();
    nix::unistd::mkfifo(&hosts, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let deadline = Instant::now() + Duration::from_secs(8);
    while office.dns.file_faults().is_empty() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(data(&office, "nas.office.example.", RecordType::A).await, ["192.168.7.9"]);
    std::fs::remove_file(&hosts).unwrap();
    std::fs::write(&hosts, "192.168.7.10 nas\n").unwrap();
    while data(&office, "nas.office.example.", RecordType::A).await != ["192.168.7.10"] {
        assert!(Instant::now() < deadline + Duration::from_secs(8), "the change is seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn names_that_mean_nothing_elsewhere_are_not_asked_of_the_internet() {
    let office = Office::open().await;
    let nothing = [
        "printer.local.",
        "host.test.",
        "x.invalid.",
        "duckduckgogg42xjoc72x3sjasowoarfbgcmvfimaftt6twagswzczad.onion.",
        "a.alt.",
        "router.home.arpa.",
        "db.internal.",
        "1.7.168.192.in-addr.arpa.",
        "1.0.20.172.in-addr.arpa.",
        "9.9.64.100.in-addr.arpa.",
        "1.0.0.10.in-addr.arpa.",
        "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.d.f.ip6.arpa.",
    ];
    for name in nothing {
        let answer = office.ask(name, RecordType::PTR).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain, "{name}");
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA, "{name} is remembered");
    }
    assert_eq!(data(&office, "localhost.", RecordType::A).await, ["127.0.0.1"]);
    assert_eq!(data(&office, "a.localhost.", RecordType::AAAA).await, ["::1"]);
    assert_eq!(office.upstream.asked(), (0, 0));
    for name in ["www.latest.", "1.0.32.172.in-addr.arpa.", "localhost.example."] {
        office.ask(name, RecordType::A).await;
    }
    assert_eq!(office.upstream.asked().0, 3, "their neighbours are");
}

/// bind with zones as a domain controller of Samba or Windows has them: `_msdcs` is a zone of its own, services stand under
/// the domain and under its site, the controller has an alias by its identifier, and the partitions of DNS have addresses.
async fn directory() -> Server {
    let start = |folder: &Folder, address: SocketAddr| -> Command {
        let head = "$TTL 600\n@ IN SOA dc1.corp.example. hostmaster.corp.example. 1 900 600 86400 3600\n@ IN NS dc1.corp.example.\n";
        let corp = format!(
            "{head}@ IN A 192.168.7.2\ndc1 IN A 192.168.7.2\ndc1 IN AAAA fd00:7::2\n_kerberos._tcp IN SRV 0 100 88 dc1\n\
             _kerberos._udp IN SRV 0 100 88 dc1\n_kpasswd._udp IN SRV 0 100 464 dc1\n_ldap._tcp IN SRV 0 100 389 dc1\n\
             _gc._tcp IN SRV 0 100 3268 dc1\nDomainDnsZones IN A 192.168.7.2\nForestDnsZones IN A 192.168.7.2\n\
             _ldap._tcp.Default-First-Site-Name._sites IN SRV 0 100 389 dc1\npc1 IN A 192.168.7.31\n\
             _msdcs IN NS dc1\n"
        );
        let msdcs = format!(
            "{head}_ldap._tcp.dc IN SRV 0 100 389 dc1.corp.example.\n\
             _kerberos._tcp.dc IN SRV 0 100 88 dc1.corp.example.\n_ldap._tcp.pdc IN SRV 0 100 389 dc1.corp.example.\n\
             _ldap._tcp.Default-First-Site-Name._sites.dc IN SRV 0 100 389 dc1.corp.example.\ngc IN A 192.168.7.2\n\
             {DOMAIN_ID}.domains IN A 192.168.7.2\n{CONTROLLER_ID} IN CNAME dc1.corp.example.\n"
        );
        folder.write("corp", &corp);
        folder.write("msdcs", &msdcs);
        folder.write("reverse", &format!("{head}2.7 IN PTR dc1.corp.example.\n"));
        let config = format!(
            "options {{ directory \"{}\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; \
             check-names primary ignore; pid-file none; session-keyfile none; notify no; }};\ncontrols {{ }};\n\
             zone \"corp.example\" {{ type primary; file \"corp\"; }};\n\
             zone \"_msdcs.corp.example\" {{ type primary; file \"msdcs\"; }};\n\
             zone \"168.192.in-addr.arpa\" {{ type primary; file \"reverse\"; }};\n",
            folder.path().display(),
            address.port()
        );
        let mut command = program("named", "bind9");
        command.args(["-f", "-n", "1", "-c"]).arg(folder.write("named.conf", &config));
        command
    };
    Server::start(start).await
}

const DOMAIN_ID: &str = "5f2c1b0e-0d5e-4d0b-9d67-3a8a4a6f1c11";
const CONTROLLER_ID: &str = "0b8e7a52-6a3d-4d5c-8a57-5e0f2c9d4b22";

#[tokio::test]
async fn the_directorys_zones_are_asked_of_the_directory() {
    let directory = directory().await;
    let zones = ["corp.example", "168.192.in-addr.arpa"];
    let office = Office::open_with(|config| config.forward = vec![forward(&zones, directory.address)]).await;
    let rows = [
        ("_ldap._tcp.dc._msdcs.corp.example.", RecordType::SRV, "0 100 389 dc1.corp.example."),
        ("_kerberos._tcp.corp.example.", RecordType::SRV, "0 100 88 dc1.corp.example."),
        ("_kerberos._udp.corp.example.", RecordType::SRV, "0 100 88 dc1.corp.example."),
        ("_kpasswd._udp.corp.example.", RecordType::SRV, "0 100 464 dc1.corp.example."),
        ("_gc._tcp.corp.example.", RecordType::SRV, "0 100 3268 dc1.corp.example."),
        ("_ldap._tcp.pdc._msdcs.corp.example.", RecordType::SRV, "0 100 389 dc1.corp.example."),
        (
            "_LDAP._tcp.Default-First-Site-Name._sites.dc._msdcs.Corp.example.",
            RecordType::SRV,
            "0 100 389 dc1.corp.example.",
        ),
        ("gc._msdcs.corp.example.", RecordType::A, "192.168.7.2"),
        ("DomainDnsZones.corp.example.", RecordType::A, "192.168.7.2"),
        ("corp.example.", RecordType::A, "192.168.7.2"),
        ("dc1.corp.example.", RecordType::AAAA, "fd00:7::2"),
        ("dc1.corp.example.", RecordType::A, "192.168.7.2"),
        ("2.7.168.192.in-addr.arpa.", RecordType::PTR, "dc1.corp.example."),
    ];
    for (name, kind, expected) in rows {
        assert_eq!(data(&office, name, kind).await, [expected], "{name}: inside is where it should lead");
    }
    let alias = office.ask(&format!("{CONTROLLER_ID}._msdcs.corp.example."), RecordType::A).await;
    assert_eq!(alias.answers[0].data.to_string(), "dc1.corp.example.", "how controllers find each other");
    let domain = data(&office, &format!("{DOMAIN_ID}.domains._msdcs.corp.example."), RecordType::A).await;
    assert_eq!(domain, ["192.168.7.2"]);
    let master = office.ask("corp.example.", RecordType::SOA).await;
    assert!(
        master.answers[0].data.to_string().starts_with("dc1.corp.example."),
        "to whom a client sends its own record"
    );
    let missing = office.ask("missing.corp.example.", RecordType::A).await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(office.upstream.asked(), (0, 0), "the internet hears nothing of it");
}

#[tokio::test]
async fn the_offices_zones_never_wait_behind_a_dead_upstream() {
    let router = Upstream::start().await;
    for number in 0..20 {
        let name = format!("pc{number}.office.lan");
        router.set(&name, RecordType::A, answers(vec![a(&format!("{name}."), 0, "192.168.7.30")]));
    }
    let office = Office::open_with(|config: &mut Config| {
        config.forward = vec![forward(&["office.lan"], router.address)];
        config.pending = 50;
        config.pending_per_client = 50;
        config.upstream_concurrency = 50;
    })
    .await;
    let flood = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for number in 0..200 {
        let name = format!("hole{number}.example");
        office.upstream.set(&name, RecordType::A, Said { silent: true, ..Said::default() });
        flood.send_to(&query(&format!("{name}."), RecordType::A).to_vec().unwrap(), office.address).await.unwrap();
    }
    while office.dns.counters().in_flight < 40 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut slowest = Duration::ZERO;
    for number in 0..20 {
        let asked = Instant::now();
        assert_eq!(data(&office, &format!("pc{number}.office.lan."), RecordType::A).await, ["192.168.7.30"]);
        slowest = slowest.max(asked.elapsed());
    }
    assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    assert!(office.dns.counters().in_flight >= 40, "the others still wait");
}

fn https(hint: SvcParamValue, key: SvcParamKey) -> RData {
    RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), vec![(SvcParamKey::Alpn, alpn()), (key, hint)])))
}

fn alpn() -> SvcParamValue {
    SvcParamValue::Alpn(hickory_proto::rr::rdata::svcb::Alpn(vec!["h2".to_owned()]))
}

#[tokio::test]
async fn names_of_the_internet_do_not_lead_inside() {
    let office = Office::open_with(|config| {
        config.rebinding_exempt = vec![zone("vpn.example")];
        config.local_subnets.push("198.51.100.0/24".parse().unwrap());
    })
    .await;
    let inside = ["198.51.100.9", "192.168.7.1", "10.0.0.1", "127.0.0.1", "169.254.1.1", "0.0.0.0"];
    let upstream = &office.upstream;
    for (number, ip) in inside.into_iter().enumerate() {
        let name = format!("v4-{number}.example");
        upstream.set(
            &name,
            RecordType::A,
            answers(vec![a(&format!("{name}."), 60, "203.0.113.9"), a(&format!("{name}."), 60, ip)]),
        );
        let answer = office.ask(&format!("{name}."), RecordType::A).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::ServFail, 0), "{ip}");
    }
    let inside_v6 = [
        "fd00::1",
        "fe80::1",
        "::1",
        "::ffff:192.168.7.1",
        "64:ff9b::192.168.7.1",
        "64:ff9b:1::192.168.7.1",
        "2002:c0a8:701::1",
        "::192.168.7.1",
        "fec0::1",
    ];
    for (number, ip) in inside_v6.into_iter().enumerate() {
        let name = format!("v6-{number}.example");
        upstream.set(&name, RecordType::AAAA, answers(vec![aaaa(&format!("{name}."), 60, ip)]));
        let answer = office.ask(&format!("{name}."), RecordType::AAAA).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (ResponseCode::ServFail, 0), "{ip}");
    }
    let v4 = |ip: &str| https(SvcParamValue::Ipv4Hint(IpHint(vec![A(ip.parse().unwrap())])), SvcParamKey::Ipv4Hint);
    let v6 = |ip: &str| https(SvcParamValue::Ipv6Hint(IpHint(vec![AAAA(ip.parse().unwrap())])), SvcParamKey::Ipv6Hint);
    let hints =
        [(v4("192.168.7.1"), false), (v6("fd00::1"), false), (v4("203.0.113.9"), true), (v6("2001:db8::9"), true)];
    for (number, (hint, passes)) in hints.into_iter().enumerate() {
        let name = format!("hint{number}.example");
        upstream.set(&name, RecordType::HTTPS, answers(vec![record(&format!("{name}."), 60, hint)]));
        let answer = office.ask(&format!("{name}."), RecordType::HTTPS).await;
        assert_eq!(!answer.answers.is_empty(), passes, "{name}");
    }
    upstream.set("in.vpn.example", RecordType::A, answers(vec![a("in.vpn.example.", 60, "10.8.0.1")]));
    assert_eq!(data(&office, "in.vpn.example.", RecordType::A).await, ["10.8.0.1"], "the owner allowed it");
}

#[tokio::test]
async fn a_block_list_acts_at_once_also_on_what_is_kept() {
    let folder = Folder::new();
    let list = folder.write("list", "||spy.example^\n");
    let office = Office::open_with(|config| config.block_lists = vec![List::File(list)]).await;
    for name in ["www.spy.example", "www.other.example"] {
        office.upstream.set(name, RecordType::A, answers(vec![a(&format!("{name}."), 600, "203.0.113.1")]));
    }
    let is_blocked = async |name: &str, blocked: bool| {
        let deadline = Instant::now() + Duration::from_secs(8);
        let expected = if blocked { ResponseCode::NXDomain } else { ResponseCode::NoError };
        while office.ask(name, RecordType::A).await.metadata.response_code != expected {
            assert!(Instant::now() < deadline, "{name} {blocked}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    is_blocked("www.spy.example.", true).await;
    // Asked often enough to be copied, not made.
    for _ in 0..5 {
        is_blocked("www.other.example.", false).await;
    }
    folder.write("list", "||other.example^\n||longer.example^\n");
    is_blocked("www.other.example.", true).await;
    is_blocked("www.spy.example.", false).await;
}

#[tokio::test]
async fn zones_of_the_office_exist_where_they_begin_and_above_what_is_in_them() {
    let folder = Folder::new();
    let hosts = folder.write("hosts", "192.168.7.9 disk.store.home.arpa\n");
    let office = Office::open_with(|config| config.hosts_files = vec![hosts]).await;
    office.upstream.set("home.arpa", RecordType::DS, Said::default());
    let deadline = Instant::now() + Duration::from_secs(5);
    while office.ask("disk.store.home.arpa.", RecordType::A).await.answers.is_empty() {
        assert!(Instant::now() < deadline, "the file is read");
    }
    let rows = [
        ("home.arpa.", RecordType::SOA, ResponseCode::NoError),
        ("home.arpa.", RecordType::NS, ResponseCode::NoError),
        ("168.192.in-addr.arpa.", RecordType::SOA, ResponseCode::NoError),
        ("168.192.in-addr.arpa.", RecordType::NS, ResponseCode::NoError),
        ("store.home.arpa.", RecordType::A, ResponseCode::NoError),
        ("other.home.arpa.", RecordType::A, ResponseCode::NXDomain),
        ("7.168.192.in-addr.arpa.", RecordType::PTR, ResponseCode::NoError),
        ("8.168.192.in-addr.arpa.", RecordType::PTR, ResponseCode::NXDomain),
        ("7.0.0.0.d.f.ip6.arpa.", RecordType::PTR, ResponseCode::NXDomain),
        // The puck's own address is fd00:7::53.
        ("0.0.d.f.ip6.arpa.", RecordType::PTR, ResponseCode::NoError),
        ("local.", RecordType::SOA, ResponseCode::NXDomain),
        ("onion.", RecordType::NS, ResponseCode::NXDomain),
    ];
    for (name, kind, rcode) in rows {
        let answer = office.ask(name, kind).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (rcode, 0), "{name} {kind}");
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA, "{name} {kind}");
    }
    assert_eq!(office.upstream.asked(), (0, 0));
    office.ask("home.arpa.", RecordType::DS).await;
    assert_eq!(office.upstream.heard("home.arpa", RecordType::DS), 1, "that there are no signatures is proven there");
}

#[tokio::test]
async fn a_person_is_told_where_a_name_comes_from() {
    let folder = Folder::new();
    let hosts = folder.write("hosts", "192.168.7.9 nas\n");
    let leases = folder.write("leases", "0 aa:bb:cc:dd:ee:ff 192.168.7.20 laptop *\n");
    let office = Office::open_with(|config| {
        // Who asks a private upstream asks it for names of the office too.
        config.upstreams = vec!["203.0.113.53".parse().unwrap()];
        (config.hosts_files, config.leases_files) = (vec![hosts.clone()], vec![leases.clone()]);
    })
    .await;
    office.ask("nas.office.example.", RecordType::A).await;
    let (hosts, leases) = (hosts.display(), leases.display());
    let rows = [
        ("nas.office.example", "A", format!("a name of the office, from the hosts file {hosts}")),
        ("nas", "A", format!("a name of the office, from the hosts file {hosts}")),
        ("9.7.168.192.in-addr.arpa", "PTR", format!("a name of the office, from the hosts file {hosts}")),
        ("laptop.office.example", "A", format!("a name of the office, from a lease in {leases}")),
        ("nanogate.office.example", "A", "this device's own name or address".to_owned()),
        (
            "mask.icloud.com",
            "A",
            "special: a canary, by which browsers and phones learn that this network resolves for itself".to_owned(),
        ),
        (
            "_dns.resolver.arpa",
            "SVCB",
            "special: it would lead to an encrypted resolver around this device (RFC 9462)".to_owned(),
        ),
        ("x.localhost", "A", "special: it is the machine of whoever asks (RFC 6761)".to_owned()),
        (
            "x.y.local",
            "A",
            "special: local has no server on the internet, and nobody in here has this name of it".to_owned(),
        ),
        ("nobody", "A", "unknown: a name without a domain, for which the internet is not asked".to_owned()),
    ];
    for (name, kind, rule) in rows {
        let told = office.dns.explain((name, kind), crate::office::ip("127.0.0.1"), false).await.unwrap();
        assert_eq!(told.rule, rule, "{name}");
    }
}
