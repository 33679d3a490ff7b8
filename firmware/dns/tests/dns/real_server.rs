//! Against unbound, which is not ours: what it serves arrives unchanged through the resolver.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gate_core::HostName;
use gate_dns::{Timeouts, Upstreams};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::office::{Office, ip, query, query_edns, read_tcp, write_tcp};

/// An unbound with a zone of its own; ends with the test.
struct Unbound {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Unbound {
    /// Starts it on a free port; another process may take that in between, so a few are tried.
    async fn start(name: &str) -> Self {
        for _ in 0..5 {
            let mut unbound = Self::spawn(name);
            if unbound.is_ready().await {
                return unbound;
            }
            eprintln!("unbound: {}", unbound.log());
        }
        panic!("unbound does not start");
    }

    fn spawn(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("gate-dns-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let address = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let big: String = (0..20)
            .map(|i| format!("    local-data: 'big.lab.example. 300 IN TXT \"{i:02}{}\"'\n", "x".repeat(190)))
            .collect();
        let config = format!(
            r#"server:
    interface: 127.0.0.1
    port: {}
    do-daemonize: no
    use-syslog: no
    chroot: ""
    username: ""
    directory: "{}"
    pidfile: ""
    module-config: "iterator"
    minimal-responses: no
    local-zone: "lab.example." static
    local-data: "lab.example. 300 IN SOA ns.lab.example. hostmaster.lab.example. 1 3600 900 86400 120"
    local-data: "www.lab.example. 300 IN A 203.0.113.10"
    local-data: "www.lab.example. 300 IN A 203.0.113.11"
    local-data: "www.lab.example. 300 IN AAAA 2001:db8::10"
    local-data: "mail.lab.example. 300 IN MX 10 www.lab.example."
    local-data: "_sip._tcp.lab.example. 300 IN SRV 1 2 5060 www.lab.example."
{big}remote-control:
    control-enable: no
"#,
            address.port(),
            folder.display(),
        );
        let path = folder.join("unbound.conf");
        fs::write(&path, config).unwrap();
        let binary =
            ["/usr/sbin/unbound", "/usr/bin/unbound", "/sbin/unbound"].iter().find(|path| fs::exists(path).unwrap());
        let binary = binary.expect("unbound is needed for this test: apt-get install unbound (build.sh does it)");
        let process = Command::new(binary)
            .args(["-d", "-c"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        Self { process, folder, address }
    }

    /// Asks it directly.
    fn ask(&self, message: &Message) -> Option<Message> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        socket.connect(self.address).unwrap();
        let mut buffer = [0; 4096];
        socket.send(&message.to_vec().unwrap()).ok()?;
        let length = socket.recv(&mut buffer).ok()?;
        Message::from_vec(&buffer[..length]).ok()
    }

    async fn is_ready(&mut self) -> bool {
        for _ in 0..200 {
            if self.ask(&query("www.lab.example.", RecordType::A)).is_some() {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        false
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What of an answer must be the same, in an order that does not depend on rotation.
fn essence(message: &Message) -> (ResponseCode, Vec<String>, Vec<String>) {
    let sorted = |records: &[hickory_proto::rr::Record]| {
        let mut texts: Vec<_> = records.iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    };
    (message.metadata.response_code, sorted(&message.answers), sorted(&message.authorities))
}

#[tokio::test]
async fn answers_of_a_real_server_arrive_unchanged() {
    let unbound = Unbound::start("forward").await;
    let address = unbound.address.to_string();
    let office = Office::open_with(|config| config.upstreams = vec![address.parse().unwrap()]).await;
    let rows = [
        ("www.lab.example.", RecordType::A, 2),
        ("www.lab.example.", RecordType::AAAA, 1),
        ("mail.lab.example.", RecordType::MX, 1),
        ("_sip._tcp.lab.example.", RecordType::SRV, 1),
        ("lab.example.", RecordType::SOA, 1),
        ("www.lab.example.", RecordType::MX, 0),
        ("missing.lab.example.", RecordType::A, 0),
    ];
    for (name, kind, count) in rows {
        for turn in ["forwarded", "cached"] {
            let asked = query_edns(name, kind, 1232, false);
            let (direct, through) = (unbound.ask(&asked).unwrap(), office.exchange(asked).await);
            assert_eq!(essence(&through), essence(&direct), "{name} {kind} {turn}");
            assert_eq!(through.answers.len(), count, "{name} {kind}");
        }
    }
    let counters = office.dns.counters();
    assert_eq!((counters.forwarded, counters.cached), (7, 7));
}

#[tokio::test]
async fn a_real_server_is_asked_again_over_tcp_for_long_answers() {
    let unbound = Unbound::start("tcp").await;
    let address = unbound.address.to_string();
    let office = Office::open_with(|config| config.upstreams = vec![address.parse().unwrap()]).await;
    let mut stream = office.connect().await;
    write_tcp(&mut stream, &query("big.lab.example.", RecordType::TXT).to_vec().unwrap()).await;
    assert_eq!(read_tcp(&mut stream).await.unwrap().answers.len(), 20);
    assert!(office.ask("big.lab.example.", RecordType::TXT).await.metadata.truncation);
}

#[tokio::test]
async fn the_proxys_lookups_find_both_families_at_a_real_server() {
    let unbound = Unbound::start("lookup").await;
    let upstreams = Upstreams::new(&[unbound.address.to_string().parse().unwrap()], Timeouts::default());
    let mut found = upstreams.addresses(&HostName::parse(b"www.lab.example").unwrap()).await.unwrap();
    found.sort();
    assert_eq!(found, [ip("203.0.113.10"), ip("203.0.113.11"), ip("2001:db8::10")]);
    let missing = upstreams.addresses(&HostName::parse(b"missing.lab.example").unwrap()).await;
    assert_eq!(missing.unwrap_err().to_string(), "missing.lab.example does not exist");
}
