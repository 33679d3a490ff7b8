//! The resolver on loopback with a client, a clock and a journal in memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gate_core::{
    Catalogue, Clock, DnsDevice, DnsEvent, DnsTally, Event, HostName, Journal, JournalError, Position, UnixMicros,
};
use gate_dns::{Config, Dns, Dnssec, Identity, JournalQuestions, NetworkMode, Sockets, bind};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::upstream::Upstream;

pub(crate) const PUCK: &str = "192.168.7.53";
pub(crate) const PUCK_V6: &str = "fd00:7::53";
/// Longest wait for an answer that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Long enough to be sure that nothing comes.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

const CATALOGUE: &str = r#"
    id = "acme"
    name = "Acme AI"
    steer = true
    host = [
        { name = "api.acme.example", kind = "api", confidence = "official" },
        { name = "*.chat.acme.example", kind = "web", confidence = "community" },
        { name = "cdn.acme.example", kind = "other", confidence = "community", shared = true },
    ]
"#;

const AROUND: &str = r#"
    id = "vpn"
    name = "VPNs"
    steer = false
    host = [{ name = "*.tunnel.example", kind = "bypass", confidence = "community" }]
"#;

const RESOLVERS: &str = r#"
    id = "encrypted-dns"
    name = "Resolvers"
    steer = false
    host = [{ name = "doh.example", kind = "resolver", confidence = "official" }]
"#;

#[derive(Default)]
pub(crate) struct MemoryJournal {
    events: Mutex<Vec<DnsEvent>>,
    tallies: Mutex<Vec<DnsTally>>,
    devices: Mutex<Vec<DnsDevice>>,
    pub(crate) broken: AtomicBool,
    pub(crate) stall: Mutex<Duration>,
}

impl Journal for MemoryJournal {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        let stall = *self.stall.lock().unwrap();
        if !stall.is_zero() {
            // The journal is a blocking disk, and this is its thread.
            #[allow(clippy::disallowed_methods)]
            std::thread::sleep(stall);
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err(JournalError::Closed);
        }
        match event {
            Event::Dns(event) => self.events.lock().unwrap().push(event.clone()),
            Event::DnsTally(tally) => self.tallies.lock().unwrap().push(tally.clone()),
            Event::DnsDevice(device) => self.devices.lock().unwrap().push(device.clone()),
            _ => panic!("the resolver records questions only"),
        }
        Ok(Position(0))
    }
}

pub(crate) struct ManualClock(AtomicU64);

impl Clock for ManualClock {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::SeqCst))
    }
}

impl MemoryJournal {
    /// The lines that count questions, so far.
    pub(crate) fn tallies(&self) -> Vec<DnsTally> {
        self.tallies.lock().unwrap().clone()
    }
}

impl MemoryJournal {
    /// The records of single questions, so far.
    pub(crate) fn events(&self) -> Vec<DnsEvent> {
        self.events.lock().unwrap().clone()
    }

    /// The lines about devices, so far.
    pub(crate) fn devices(&self) -> Vec<DnsDevice> {
        self.devices.lock().unwrap().clone()
    }
}

impl ManualClock {
    pub(crate) fn set_seconds(&self, seconds: u64) {
        self.0.store(seconds * 1_000_000, Ordering::SeqCst);
    }
}

pub(crate) struct Office {
    pub(crate) dns: Arc<Dns>,
    pub(crate) upstream: Upstream,
    pub(crate) address: SocketAddr,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) stop: CancellationToken,
    pub(crate) running: JoinHandle<()>,
}

pub(crate) fn identity() -> Identity {
    Identity {
        addresses: vec![ip(PUCK), ip(PUCK_V6), ip("fe80::53")],
        own_names: vec![HostName::parse(b"nanogate.office.example").unwrap()],
        subnets: Vec::new(),
    }
}

pub(crate) fn catalogue() -> Arc<Catalogue> {
    Arc::new(Catalogue::from_toml([("acme.toml", CATALOGUE), ("vpn.toml", AROUND), ("dns.toml", RESOLVERS)]).unwrap())
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

impl Office {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_mode(mode: NetworkMode) -> Self {
        Self::open_with(|config| config.mode = mode).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::open_behind(Upstream::start().await, change)
    }

    /// With an upstream that knows its names before the resolver runs.
    pub(crate) fn open_behind(upstream: Upstream, change: impl FnOnce(&mut Config)) -> Self {
        Self::open_at(Ipv4Addr::LOCALHOST.into(), upstream, change)
    }

    /// Listening on an address of this machine's, or on all.
    pub(crate) fn open_at(listen: IpAddr, upstream: Upstream, change: impl FnOnce(&mut Config)) -> Self {
        let upstreams = vec![upstream.address.to_string().parse().unwrap()];
        let journal_questions = JournalQuestions::Each;
        // The upstream of these tests signs nothing, and counts what it is asked.
        let mut config =
            Config { upstreams, journal_questions, dnssec: Dnssec::Off, probe_seconds: 0, ..Config::default() };
        change(&mut config);
        let journal = Arc::new(MemoryJournal::default());
        let clock = Arc::new(ManualClock(AtomicU64::new(0)));
        clock.set_seconds(1_800_000_000);
        let dns = Dns::new(config, catalogue(), identity(), Arc::clone(&journal) as _, Arc::clone(&clock) as _);
        let dns = Arc::new(dns.unwrap());
        let (sockets, address) = one_port(listen);
        let (stop, serving) = (CancellationToken::new(), Arc::clone(&dns));
        let stopped = stop.clone();
        let running = tokio::spawn(async move { serving.serve(sockets.udp, sockets.tcp, stopped).await });
        Self { dns, upstream, address, journal, clock, stop, running }
    }

    /// Asks over UDP and returns the answer, checked against the question.
    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> Message {
        self.exchange(query(name, kind)).await
    }

    pub(crate) async fn exchange(&self, query: Message) -> Message {
        let bytes = self.send(&query.to_vec().unwrap()).await.expect("an answer");
        let answer = Message::from_vec(&bytes).unwrap();
        assert_eq!(answer.metadata.id, query.metadata.id);
        assert_eq!(answer.metadata.message_type, MessageType::Response);
        let spelled = |message: &Message| message.queries.iter().map(|q| q.name().to_ascii()).collect::<Vec<_>>();
        assert_eq!(spelled(&answer), spelled(&query), "the question comes back as it was spelled");
        answer
    }

    /// Sends bytes over UDP; `None` is silence.
    pub(crate) async fn send(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(bytes).await.unwrap();
        let mut buffer = vec![0; 65_535];
        let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.ok()?.unwrap();
        Some(buffer[..length].to_vec())
    }

    /// The same from another address of this machine.
    pub(crate) async fn ask_from(&self, client: &str, name: &str, kind: RecordType) -> Message {
        let socket = UdpSocket::bind((client, 0)).await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(&query(name, kind).to_vec().unwrap()).await.unwrap();
        let mut buffer = vec![0; 65_535];
        let length = timeout(PATIENCE, socket.recv(&mut buffer)).await.expect("an answer").unwrap();
        Message::from_vec(&buffer[..length]).unwrap()
    }

    /// Sends bytes over UDP that must not be answered.
    pub(crate) async fn send_unheard(&self, bytes: &[u8]) {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(bytes).await.unwrap();
        let mut buffer = [0; 512];
        let heard = timeout(SILENCE, socket.recv(&mut buffer)).await;
        assert!(heard.is_err(), "{heard:?}");
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The records so far, once there are as many as `count`.
    pub(crate) async fn records(&self, count: usize) -> Vec<DnsEvent> {
        for _ in 0..500 {
            if self.journal.events.lock().unwrap().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let events = self.journal.events.lock().unwrap().clone();
        assert_eq!(events.len(), count, "{events:?}");
        events
    }

    /// The last records, once all questions so far have theirs.
    pub(crate) async fn last_records(&self, count: usize) -> Vec<DnsEvent> {
        let all = self.dns.counters().questions() as usize;
        self.records(all).await.split_off(all - count)
    }

    /// Stops the resolver; returns how long that took.
    pub(crate) async fn close(self) -> Duration {
        let asked = tokio::time::Instant::now();
        self.stop.cancel();
        self.running.await.unwrap();
        asked.elapsed()
    }
}

/// UDP and TCP on one free port.
fn one_port(listen: IpAddr) -> (Sockets, SocketAddr) {
    loop {
        let probe = std::net::UdpSocket::bind((listen, 0)).unwrap().local_addr().unwrap();
        if let Ok(sockets) = bind(&[probe], 0) {
            return (sockets, probe);
        }
    }
}

pub(crate) fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(0x4e47, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

/// With EDNS: payload size and the DNSSEC bit.
pub(crate) fn query_edns(name: &str, kind: RecordType, payload: u16, dnssec_ok: bool) -> Message {
    let mut message = query(name, kind);
    let mut edns = Edns::new();
    edns.set_max_payload(payload);
    edns.set_dnssec_ok(dnssec_ok);
    message.set_edns(edns);
    message
}

pub(crate) async fn write_tcp(stream: &mut TcpStream, message: &[u8]) {
    stream.write_u16(u16::try_from(message.len()).unwrap()).await.unwrap();
    stream.write_all(message).await.unwrap();
}

/// The next message, or `None` when the other side closed.
pub(crate) async fn read_tcp(stream: &mut TcpStream) -> Option<Message> {
    let length = timeout(PATIENCE, stream.read_u16()).await.expect("an answer or the end").ok()?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await.unwrap();
    Some(Message::from_vec(&bytes).unwrap())
}
