//! Zones that bind signs and serves: whole, broken in every way, and not signed at all; and who may stand before them.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use gate_dns::{Config, Dnssec};
use hickory_proto::op::Message;
use tokio::net::UdpSocket;

use crate::lab::{Folder, Server, bare_unbound, program};
use crate::office::Office;

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
pub(crate) fn run(folder: &Path, name: &str, words: &[&str]) -> String {
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

/// The DNSKEY record of a key.
pub(crate) fn record(folder: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(folder.join(format!("{name}.key"))).unwrap();
    text.lines().find(|line| !line.starts_with(';')).unwrap().to_owned()
}
