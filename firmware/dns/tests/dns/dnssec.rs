//! DNSSEC against zones that bind signs and serves: whole, broken in every way, and not signed at all.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gate_core::ZoneKey;
use gate_dns::{Config, Dnssec, KeyOrigin};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RData, RecordType};

use tokio::net::UdpSocket;

use crate::lab::{Folder, Server, bare_unbound, program};
use crate::office::{Office, query, query_edns};
use crate::upstream::{Upstream, a, answers};

/// EDE codes (RFC 8914).
const EXPIRED: u16 = 7;
const BOGUS: u16 = 6;
const NO_SIGNATURE: u16 = 10;

const ZONE: &str = "\
$TTL 300
@ IN SOA ns hostmaster 1 3600 900 86400 120
@ IN NS ns
ns IN A 127.0.0.1
www IN A 203.0.113.10
wrong IN A 203.0.113.11
unsigned IN A 203.0.113.12
alias IN CNAME www
first IN CNAME alias
nowhere IN CNAME nobody
*.many IN CNAME www
dn IN DNAME sub
x.sub IN A 203.0.113.13
out IN CNAME www.open
*.wild IN TXT \"found\"
real.wild IN TXT \"written\"
open IN NS ns.open
ns.open IN A 127.0.0.1
";

pub(crate) const ZONES: [&str; 7] = [
    "lab.example",
    "three.example",
    "opt.example",
    "old.example",
    "open.lab.example",
    "open.three.example",
    "plain.example",
];

/// The root delegates to the signed zones, with DS records, and to one that is not signed.
const ROOT: &str = "\
$TTL 300
@ IN SOA ns.lab.example. hostmaster.lab.example. 1 3600 900 86400 120
@ IN NS ns.lab.example.
lab.example. IN NS ns.lab.example.
ns.lab.example. IN A 127.0.0.1
three.example. IN NS ns.lab.example.
opt.example. IN NS ns.lab.example.
old.example. IN NS ns.lab.example.
plain.example. IN NS ns.lab.example.
";

/// Runs a program of bind to its end.
fn run(folder: &Path, name: &str, words: &[&str]) -> String {
    let done = program(name, "bind9-utils").args(words).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{name} {words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

/// Signs a zone; its key-signing key.
fn sign(folder: &Path, zone: &str, text: &str, more: &[&str]) -> String {
    let file = if zone == "." { "root" } else { zone };
    std::fs::write(folder.join(file), text).unwrap();
    run(folder, "dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", zone]);
    let key = run(folder, "dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", zone]);
    let signed = format!("{file}.signed");
    let words = [&["-q", "-S", "-O", "full", "-o", zone, "-f", &signed], more, &[file]].concat();
    run(folder, "dnssec-signzone", &words);
    record(folder, key.trim())
}

/// Takes one signature away and spoils another.
fn spoil(folder: &Path, zone: &str) {
    let path = folder.join(format!("{zone}.signed"));
    let text = std::fs::read_to_string(&path).unwrap();
    let is = |line: &str, name: &str| line.starts_with(&format!("{name}.{zone}.")) && line.contains("RRSIG\tA ");
    let lines = text.lines().filter(|line| !is(line, "unsigned"));
    let spoilt = lines.map(|line| {
        if is(line, "wrong") { line.replace("RRSIG\tA 13 3 300", "RRSIG\tA 13 3 301") } else { line.to_owned() }
    });
    std::fs::write(&path, spoilt.collect::<Vec<_>>().join("\n") + "\n").unwrap();
}

/// A resolver, bind with the lab's zones behind it, and the root's key.
pub(crate) async fn zones() -> (Server, Server, Folder, String) {
    let zones = Folder::new();
    let folder = zones.path();
    sign(folder, "lab.example", ZONE, &[]);
    sign(folder, "three.example", ZONE, &["-3", "-"]);
    sign(folder, "opt.example", ZONE, &["-3", "-", "-A"]);
    sign(folder, "old.example", ZONE, &["-P", "-s", "20240101000000", "-e", "20240201000000"]);
    let key = sign(folder, ".", ROOT, &["-g"]);
    spoil(folder, "lab.example");
    for open in ["open.lab.example", "open.three.example", "plain.example"] {
        std::fs::write(folder.join(format!("{open}.signed")), ZONE).unwrap();
    }
    let zone = |name: &&str| format!("zone \"{name}\" {{ type primary; file \"{name}.signed\"; }};\n");
    let zones_text: String = ZONES.iter().map(zone).collect();
    let zones_text = format!("zone \".\" {{ type primary; file \"root.signed\"; }};\n{zones_text}");
    let directory = folder.to_owned();
    let start = move |own: &Folder, address: SocketAddr| -> Command {
        let config = format!(
            "options {{ directory \"{}\"; listen-on port {} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; recursion no; \
             pid-file none; session-keyfile none; notify no; dnssec-validation no; }};\ncontrols {{ }};\n{zones_text}",
            directory.display(),
            address.port()
        );
        let mut command = program("named", "bind9");
        command.args(["-f", "-n", "1", "-c"]).arg(own.write("named.conf", &config));
        command
    };
    let bind = Server::start(start).await;
    (resolver(&bind).await, bind, zones, key)
}

/// unbound, which resolves from bind and validates nothing.
async fn resolver(bind: &Server) -> Server {
    resolver_with(bind, "").await
}

/// The same with other settings. Every zone is named: delegations do not carry a port.
pub(crate) async fn resolver_with(bind: &Server, more: &str) -> Server {
    let stub = |zone: &&str| {
        format!(
            "stub-zone:\n    name: \"{zone}\"\n    stub-addr: 127.0.0.1@{}\n    stub-prime: no\n",
            bind.address.port()
        )
    };
    let stubs: String = ZONES.iter().chain(&["."]).map(stub).collect();
    bare_unbound(&format!("    do-not-query-localhost: no\n{more}{stubs}")).await
}

pub(crate) async fn office(server: &Server, key: &str, change: impl FnOnce(&mut Config)) -> Office {
    Office::open_with(|config| {
        config.upstreams = vec![server.address.to_string().parse().unwrap()];
        config.dnssec = Dnssec::Validate;
        config.dnssec_anchors = vec![key.to_owned()];
        change(config);
    })
    .await
}

/// The code of the EDE option.
fn reason(message: &Message) -> Option<u16> {
    match message.edns.as_ref()?.option(EdnsCode::Unknown(15)) {
        Some(EdnsOption::Unknown(_, bytes)) => Some(u16::from_be_bytes([bytes[0], bytes[1]])),
        _ => None,
    }
}

fn signatures(message: &Message) -> usize {
    message.answers.iter().filter(|record| record.record_type() == RecordType::RRSIG).count()
}

#[tokio::test]
async fn signed_answers_are_authentic_for_those_who_want_to_know() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    for zone in ["lab.example.", "three.example."] {
        for turn in ["asked", "kept"] {
            let name = format!("www.{zone}");
            let plain = office.ask(&name, RecordType::A).await;
            assert_eq!((plain.answers.len(), plain.metadata.authentic_data), (1, false), "{name} {turn}");
            let mut aware = query(&name, RecordType::A);
            aware.metadata.authentic_data = true;
            let aware = office.exchange(aware).await;
            assert!(aware.metadata.authentic_data && signatures(&aware) == 0, "{name} {turn}");
            let whole = office.exchange(query_edns(&name, RecordType::A, 1232, true)).await;
            assert!(whole.metadata.authentic_data && signatures(&whole) == 1, "{name} {turn}: {whole}");
        }
        // What is not there, and what a wildcard makes up.
        for (name, kind, rcode, answers) in [
            ("nobody", RecordType::A, ResponseCode::NXDomain, 0),
            ("www", RecordType::MX, ResponseCode::NoError, 0),
            ("dn", RecordType::A, ResponseCode::NoError, 0),
            ("any.wild", RecordType::MX, ResponseCode::NoError, 0),
            ("real.wild", RecordType::TXT, ResponseCode::NoError, 2),
            ("sub", RecordType::A, ResponseCode::NoError, 0),
            ("open", RecordType::DS, ResponseCode::NoError, 0),
            ("any.wild", RecordType::TXT, ResponseCode::NoError, 2),
            ("alias", RecordType::A, ResponseCode::NoError, 4),
        ] {
            let answer = office.exchange(query_edns(&format!("{name}.{zone}"), kind, 1232, true)).await;
            assert_eq!(
                (answer.metadata.response_code, answer.answers.len()),
                (rcode, answers),
                "{name}.{zone}: {answer}"
            );
            assert!(answer.metadata.authentic_data, "{name}.{zone}: {answer}");
        }
    }
}

/// Name, type, code, records of the answer section with their signatures, and whether all of it is signed.
const ALIASES: [(&str, RecordType, ResponseCode, usize, bool); 12] = [
    ("first", RecordType::A, ResponseCode::NoError, 6, true),
    ("alias", RecordType::CNAME, ResponseCode::NoError, 2, true),
    ("alias", RecordType::AAAA, ResponseCode::NoError, 2, true),
    ("first", RecordType::HTTPS, ResponseCode::NoError, 4, true),
    ("nowhere", RecordType::A, ResponseCode::NXDomain, 2, true),
    ("one.many", RecordType::A, ResponseCode::NoError, 4, true),
    ("one.many", RecordType::MX, ResponseCode::NoError, 2, true),
    // The alias that follows from a DNAME is signed by nobody.
    ("x.dn", RecordType::A, ResponseCode::NoError, 5, true),
    ("x.dn", RecordType::MX, ResponseCode::NoError, 3, true),
    ("nope.dn", RecordType::A, ResponseCode::NXDomain, 3, true),
    ("x.dn", RecordType::CNAME, ResponseCode::NoError, 3, true),
    ("out", RecordType::AAAA, ResponseCode::NoError, 2, false),
];

#[tokio::test]
async fn aliases_are_proven_step_by_step_to_what_stands_at_their_end() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    for zone in ["lab.example.", "three.example."] {
        for (name, kind, rcode, answers, secure) in ALIASES {
            let answer = office.exchange(query_edns(&format!("{name}.{zone}"), kind, 1232, true)).await;
            let got = (answer.metadata.response_code, answer.answers.len(), answer.metadata.authentic_data);
            assert_eq!(got, (rcode, answers, secure), "{name}.{zone} {kind}: {answer}");
            let negative = !answer.answers.iter().any(|record| record.record_type() == kind);
            let soa = answer.authorities.iter().any(|record| record.record_type() == RecordType::SOA);
            assert_eq!(soa, negative, "{name}.{zone} {kind}: {answer}");
        }
    }
    let root = office.exchange(query_edns(".", RecordType::DS, 1232, true)).await;
    assert_eq!((root.metadata.response_code, root.answers.len()), (ResponseCode::NoError, 0));
}

/// Something between the office and its upstream that changes answers.
pub(crate) async fn between(server: &Server, change: impl Fn(&mut Message) + Send + 'static) -> SocketAddr {
    let at_once = move |message: &mut Message| {
        change(message);
        Duration::ZERO
    };
    late_between(server, at_once).await
}

/// The same, which keeps them for as long as `change` says.
pub(crate) async fn late_between(
    server: &Server,
    change: impl Fn(&mut Message) -> Duration + Send + 'static,
) -> SocketAddr {
    let (socket, upstream) = (UdpSocket::bind("127.0.0.1:0").await.unwrap(), server.address);
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        loop {
            let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
            let asking = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            asking.send_to(&buffer[..length], upstream).await.unwrap();
            let length = asking.recv(&mut buffer).await.unwrap();
            let mut message = Message::from_vec(&buffer[..length]).unwrap();
            tokio::time::sleep(change(&mut message)).await;
            socket.send_to(&message.to_vec().unwrap(), peer).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn what_is_taken_from_the_end_of_an_alias_is_missed() {
    let (server, _bind, _zones, key) = zones().await;
    let without_end = |message: &mut Message| {
        if message.queries[0].query_type() != RecordType::A {
            return;
        }
        message.answers.retain(|record| record.name.to_ascii().to_lowercase().starts_with("alias."));
        message.authorities.clear();
    };
    let denied = |message: &mut Message| {
        if message.queries[0].query_type() == RecordType::A {
            message.metadata.response_code = ResponseCode::NXDomain;
        }
    };
    let elsewhere = |message: &mut Message| {
        for record in &mut message.answers {
            if let RData::CNAME(target) = &mut record.data {
                target.0 = Name::from_ascii("evil.open.lab.example.").unwrap();
            }
        }
    };
    type Change = Box<dyn Fn(&mut Message) + Send>;
    let rows: [(&str, &str, Change); 5] = [
        ("alias.lab.example.", "its end is gone", Box::new(without_end)),
        ("alias.lab.example.", "its end is denied", Box::new(denied)),
        ("one.many.three.example.", "what is there is denied", Box::new(denied)),
        ("www.lab.example.", "what is there is denied", Box::new(denied)),
        ("x.dn.lab.example.", "the alias is not what the DNAME says", Box::new(elsewhere)),
    ];
    for (name, what, change) in rows {
        let address = between(&server, change).await;
        let office =
            office(&server, &key, |config| config.upstreams = vec![address.to_string().parse().unwrap()]).await;
        let answer = office.exchange(query_edns(name, RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{name}: {what}: {answer}");
    }
}

#[tokio::test]
async fn bogus_answers_are_withheld_with_a_reason() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let rows = [
        ("wrong.lab.example.", BOGUS, "203.0.113.11"),
        ("unsigned.lab.example.", NO_SIGNATURE, "203.0.113.12"),
        ("www.old.example.", EXPIRED, "203.0.113.10"),
    ];
    for (name, code, truth) in rows {
        for turn in ["asked", "remembered"] {
            let answer = office.exchange(query_edns(name, RecordType::A, 1232, false)).await;
            assert_eq!(answer.metadata.response_code, ResponseCode::ServFail, "{name} {turn}");
            assert!(answer.answers.is_empty() && reason(&answer) == Some(code), "{name} {turn}: {answer}");
        }
        // Who checks for itself gets everything (RFC 4035 section 3.2.2).
        let mut checking = query_edns(name, RecordType::A, 1232, true);
        checking.metadata.checking_disabled = true;
        let answer = office.exchange(checking).await;
        assert_eq!(answer.answers[0].data.to_string(), truth, "{name}");
        assert!(!answer.metadata.authentic_data);
    }
    assert_eq!(office.ask("www.lab.example.", RecordType::A).await.answers.len(), 1, "the zone is not lost");
}

#[tokio::test]
async fn what_nobody_signed_resolves_unsigned() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let names = ["www.open.lab.example.", "www.open.three.example.", "out.lab.example.", "www.plain.example."];
    for name in names {
        let answer = office.exchange(query_edns(name, RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError, "{name}: {answer}");
        let found = answer.answers.iter().any(|record| record.data.to_string() == "203.0.113.10");
        assert!(found && !answer.metadata.authentic_data, "{name}: {answer}");
    }
    let missing = office.ask("nobody.open.lab.example.", RecordType::A).await;
    assert_eq!(missing.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn exempted_zones_resolve_though_they_are_broken() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |config| {
        config.dnssec_exempt = vec![gate_core::HostName::parse(b"old.example").unwrap()];
    })
    .await;
    let answer = office.exchange(query_edns("www.old.example.", RecordType::A, 1232, true)).await;
    assert_eq!(answer.answers[0].data.to_string(), "203.0.113.10");
    assert!(!answer.metadata.authentic_data);
}

/// A key of the root as a pack carries it, made of its DNSKEY record; tag and digest are bind's own.
fn packed(folder: &Path, record: &str) -> ZoneKey {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_it = |file: &PathBuf| {
        file.extension().is_some_and(|end| end == "key") && std::fs::read_to_string(file).unwrap().contains(record)
    };
    let file = files.into_iter().find(is_it).unwrap();
    let ds = run(folder, "dnssec-dsfromkey", &["-2", file.to_str().unwrap()]);
    let fields: Vec<_> = ds.split_whitespace().skip(3).map(str::to_owned).collect();
    let [tag, algorithm, _, digest @ ..] = fields.as_slice() else { panic!("{ds}") };
    ZoneKey {
        zone: ".".to_owned(),
        tag: tag.parse().unwrap(),
        algorithm: algorithm.parse().unwrap(),
        digest: digest.concat(),
        key: record.split_whitespace().skip(6).collect(),
    }
}

/// A key that nothing is signed by.
fn another(folder: &Path) -> ZoneKey {
    let name = run(folder, "dnssec-keygen", &["-q", "-a", "ECDSAP256SHA256", "-f", "KSK", "."]);
    packed(folder, &record(folder, name.trim()))
}

/// The DNSKEY record of a key.
fn record(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(format!("{name}.key"))).unwrap();
    text.lines().find(|line| !line.starts_with(';')).unwrap().to_owned()
}

#[tokio::test]
async fn keys_of_a_pack_replace_others_while_it_runs() {
    let (server, _bind, zones, key) = zones().await;
    let ours = packed(zones.path(), &key);
    let other = another(zones.path());
    // The internet's own keys, which the lab's root does not have.
    let office = office(&server, &key, |config| config.dnssec_anchors = Vec::new()).await;
    let asked = async |name: &str| {
        let answer = office.exchange(query_edns(name, RecordType::A, 1232, true)).await;
        (answer.metadata.response_code, answer.metadata.authentic_data)
    };
    let (bogus, secure) = ((ResponseCode::ServFail, false), (ResponseCode::NoError, true));
    assert_eq!(office.dns.keys().origin, KeyOrigin::Builtin);
    assert_eq!(asked("www.lab.example.").await, bogus);
    office.dns.see_keys("the pack 1", std::slice::from_ref(&ours)).unwrap();
    assert_eq!(office.dns.keys().origin, KeyOrigin::Given("the pack 1".to_owned()));
    assert_eq!(office.dns.keys().keys, [format!(". {}", ours.tag)]);
    assert_eq!(asked("www.lab.example.").await, secure, "at once, though it was bogus a moment ago");

    let wrong = ZoneKey { tag: ours.tag ^ 1, ..other.clone() };
    let error = office.dns.see_keys("the pack 2", &[ours.clone(), wrong]).unwrap_err().to_string();
    assert!(error.contains(&format!("its tag is {}", other.tag)), "{error}");
    assert_eq!(asked("www.three.example.").await, secure, "what is refused changes nothing");

    office.dns.see_keys("the pack 3", std::slice::from_ref(&other)).unwrap();
    assert_eq!(asked("alias.three.example.").await, bogus, "the root is signed by no such key");
    assert_eq!(asked("www.lab.example.").await, secure, "what was checked when it came stays in the cache");
    office.dns.see_keys("the pack 4", &[other, ours]).unwrap();
    assert_eq!(asked("alias.lab.example.").await, secure, "one of the two is enough, as while keys roll over");
}

#[tokio::test]
async fn the_owners_keys_hold_against_a_packs() {
    let (server, _bind, zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let other = another(zones.path());
    office.dns.see_keys("a pack", &[other]).unwrap();
    assert_eq!(office.dns.keys().origin, KeyOrigin::Settings);
    let answer = office.exchange(query_edns("www.lab.example.", RecordType::A, 1232, true)).await;
    assert!(answer.metadata.authentic_data);
}

/// An upstream that knows the answer and leaves signatures out, as many a router does.
async fn stripping() -> Upstream {
    let upstream = Upstream::start().await;
    upstream.set("www.three.example", RecordType::A, answers(vec![a("www.three.example.", 300, "203.0.113.10")]));
    upstream
}

#[tokio::test]
async fn an_upstream_that_strips_signatures_is_found_out() {
    let (server, _bind, _zones, key) = zones().await;
    let stripper = stripping().await;
    let both = |config: &mut Config| config.upstreams.insert(0, stripper.address.to_string().parse().unwrap());
    let office_both = office(&server, &key, both).await;
    let answer = office_both.exchange(query_edns("www.three.example.", RecordType::A, 1232, true)).await;
    assert!(answer.metadata.authentic_data && signatures(&answer) == 1, "the other one is asked: {answer}");
    assert_eq!(
        office_both.dns.upstreams().iter().map(|state| state.strips_signatures).collect::<Vec<_>>(),
        [true, false]
    );

    // What is checked is asked for once, and once more if it proves nothing.
    let rows = [(Dnssec::Validate, ResponseCode::NoError, 1), (Dnssec::Strict, ResponseCode::ServFail, 2)];
    for (mode, rcode, times) in rows {
        let alone = office(&server, &key, |config| {
            config.upstreams = vec![stripper.address.to_string().parse().unwrap()];
            config.dnssec = mode;
        })
        .await;
        let before = stripper.heard("www.three.example", RecordType::A);
        let answer = alone.exchange(query_edns("www.three.example.", RecordType::A, 1232, true)).await;
        assert_eq!(answer.metadata.response_code, rcode, "{mode:?}");
        assert_eq!(stripper.heard("www.three.example", RecordType::A) - before, times, "{mode:?}");
        assert!(!answer.metadata.authentic_data);
        assert!(alone.dns.upstreams()[0].strips_signatures, "status tells");
    }
}

#[tokio::test]
async fn an_answer_is_explained() {
    let (server, _bind, _zones, key) = zones().await;
    let office = office(&server, &key, |_| {}).await;
    let rows = [
        ("www.lab.example", "NOERROR", "secure", "asked of the internet", None),
        ("www.plain.example", "NOERROR", "insecure", "asked of the internet", None),
        ("www.old.example", "SERVFAIL", "bogus", "asked of the internet", Some(EXPIRED)),
        ("nobody.lab.example", "NXDOMAIN", "secure", "asked of the internet", None),
        ("api.acme.example", "NOERROR", "local", "steered: it is a name of acme", None),
        ("x.invalid", "NXDOMAIN", "local", "special", None),
    ];
    for (name, rcode, dnssec, rule, reason) in rows {
        let told = office.dns.explain((name, "a"), crate::office::ip("192.168.7.9"), true).await.unwrap();
        let code = told.reason.as_ref().map(|(code, _)| *code);
        assert_eq!((told.rcode.as_str(), told.dnssec.as_str(), code), (rcode, dnssec, reason), "{name}: {told:?}");
        assert!(told.rule.starts_with(rule), "{name}: {told:?}");
        assert_eq!(told.asked.is_empty(), dnssec == "local", "{name}: {told:?}");
    }
    let stranger = office.dns.explain(("www.lab.example", "A"), crate::office::ip("203.0.113.9"), true).await;
    assert!(stranger.unwrap_err().to_string().contains("no local subnet"));
}

#[tokio::test]
async fn a_dead_upstream_does_not_delay_the_look_for_signatures() {
    let (server, _bind, _zones, key) = zones().await;
    // Nobody reads from it.
    let dead = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let both =
        |config: &mut Config| config.upstreams.insert(0, dead.local_addr().unwrap().to_string().parse().unwrap());
    let office = office(&server, &key, both).await;
    let asked = tokio::time::Instant::now();
    let answer = office.exchange(query_edns("www.lab.example.", RecordType::A, 1232, true)).await;
    assert!(answer.metadata.authentic_data, "{answer}");
    assert!(asked.elapsed() < Duration::from_millis(1000), "{:?}", asked.elapsed());
}
