//! A pretend office: fake ports around a real proxy on the loopback.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use gate_core::{
    Action, Catalogue, ConnectionEvent, ConnectionFacts, Demand, Event, HostName, Journal, JournalError, Judge, Mode,
    OrigDst, Position, PromptFacts, PromptVerdict, ProxyClientEvent, SystemClock, Verdict,
};
use gate_scrub::{Pack, Scanner};
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::accept::Listeners;
use crate::act::inspect::ValueHash;
use crate::config::Config;
use crate::decide::{Pass, Passes};
use crate::ports::{Answer, Mint, MintError, OriginalDestination, Place, Ports, Resolve, ResolveError, Snapshot};
use crate::proxy::Proxy;
use crate::shared::Shared;

pub(crate) const CATALOGUE: &str = r#"
    id = "openai"
    name = "OpenAI"
    steer = true
    host = [{ name = "api.openai.com", kind = "api", confidence = "official" }]
"#;

const RESOLVERS: &str = r#"
    id = "encrypted-dns"
    name = "Resolvers"
    steer = false
    resolvers = ["8.8.8.8"]
    host = [{ name = "dns.google", kind = "resolver", confidence = "official" }]
"#;

/// The puck's own address, when a test says that the client meant it.
pub(crate) const OWN: &str = "192.0.2.53:443";
/// Some provider's address, as gateway mode sees it.
pub(crate) const ELSEWHERE: &str = "203.0.113.1:443";

pub(crate) fn host(name: &str) -> HostName {
    HostName::parse(name.as_bytes()).unwrap()
}

/// What the fakes answer; tests change it before or while the proxy runs.
pub(crate) struct Office {
    config: Config,
    names: HashMap<HostName, Vec<IpAddr>>,
    pub(crate) dst: Arc<Mutex<Option<SocketAddr>>>,
    verdict: Arc<dyn Fn(&ConnectionFacts<'_>) -> Verdict + Send + Sync>,
    may_watch: bool,
    demand: Demand,
    passes: Arc<Passes>,
    mint: Arc<dyn Mint>,
    admin: Option<SocketAddr>,
    local: bool,
    pub(crate) journal: Arc<MemoryJournal>,
}

pub(crate) fn office() -> Office {
    let loopback = "127.0.0.0/8".parse().unwrap();
    Office {
        config: Config { allow_ranges: vec![loopback], hello_timeout_ms: 400, ..Config::default() },
        names: HashMap::new(),
        dst: Arc::new(Mutex::new(OWN.parse().ok())),
        verdict: Arc::new(|_| Verdict::Splice),
        may_watch: false,
        demand: Demand::Nothing,
        passes: Arc::default(),
        mint: Arc::new(NoMint(true)),
        admin: None,
        local: true,
        journal: Arc::default(),
    }
}

impl Office {
    pub(crate) fn config(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// The real resolvers know this name.
    pub(crate) fn name(mut self, name: &str, addresses: &[&str]) -> Self {
        self.names.insert(host(name), addresses.iter().map(|address| address.parse().unwrap()).collect());
        self
    }

    pub(crate) fn dst(self, dst: &str) -> Self {
        *self.dst.lock() = Some(dst.parse().unwrap());
        self
    }

    pub(crate) fn judge(mut self, verdict: impl Fn(&ConnectionFacts<'_>) -> Verdict + Send + Sync + 'static) -> Self {
        self.verdict = Arc::new(verdict);
        self
    }

    /// The policy lets who does not take our certificate be watched.
    pub(crate) fn may_watch(mut self, may_watch: bool) -> Self {
        self.may_watch = may_watch;
        self
    }

    /// What the CONNECT proxy asks of everybody.
    pub(crate) fn demand(mut self, demand: Demand) -> Self {
        self.demand = demand;
        self
    }

    /// These names have these tokens.
    pub(crate) fn tokens(mut self, tokens: &[(&str, &str)]) -> Self {
        let pass = |(name, token): &(&str, &str)| Pass { name: (*name).into(), hash: Sha256::digest(token).into() };
        self.passes = Arc::new(Passes::new(tokens.iter().map(pass).collect()));
        self
    }

    pub(crate) fn mint(mut self, mint: impl Mint) -> Self {
        self.mint = Arc::new(mint);
        self
    }

    pub(crate) fn admin(mut self, admin: SocketAddr) -> Self {
        self.admin = Some(admin);
        self
    }

    pub(crate) fn serves_nobody(mut self) -> Self {
        self.local = false;
        self
    }

    pub(crate) fn shared(self) -> Arc<Shared> {
        let ports = self.ports();
        Arc::new(Shared::new(self.config, ports).unwrap())
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let local = if self.local { vec!["127.0.0.0/8".parse().unwrap()] } else { vec![] };
        Snapshot {
            judge: Arc::new(FakeJudge(Arc::clone(&self.verdict), self.may_watch, self.demand)),
            catalogue: Arc::new(
                Catalogue::from_toml([("openai.toml", CATALOGUE), ("encrypted-dns.toml", RESOLVERS)]).unwrap(),
            ),
            scanner: Scanner::new(Arc::new(Pack::compile([]).unwrap())),
            place: Place {
                own_names: vec![host("nanogate.lan"), host("nanogate.local")],
                own_addresses: vec!["192.0.2.53".parse().unwrap()],
                local,
                admin: self.admin,
            },
            passes: Arc::clone(&self.passes),
        }
    }

    fn ports(&self) -> Ports {
        Ports {
            resolve: Arc::new(FakeResolver(self.names.clone())),
            original: Arc::new(FakeDestination(Arc::clone(&self.dst))),
            mint: Arc::clone(&self.mint),
            journal: Arc::clone(&self.journal) as Arc<dyn Journal>,
            clock: Arc::new(SystemClock),
            placeholder_key: ValueHash::random(),
            account_key: ValueHash::new(&[7; 32]),
            snapshot: Arc::new(ArcSwap::from_pointee(self.snapshot())),
        }
    }

    /// Starts the proxy with one listener behind each door.
    pub(crate) async fn open(self) -> Open {
        let bind = async || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (steered, explicit, plain) = (bind().await, bind().await, bind().await);
        let at = |listener: &TcpListener| listener.local_addr().unwrap();
        let doors = (at(&steered), at(&explicit), at(&plain));
        let (journal, dst, ports) = (Arc::clone(&self.journal), Arc::clone(&self.dst), self.ports());
        let snapshot = Arc::clone(&ports.snapshot);
        let proxy = Proxy::new(self.config, ports).unwrap();
        let (serving, stop) = (proxy.clone(), CancellationToken::new());
        let token = stop.clone();
        let listeners = Listeners { tls: vec![steered], http: vec![plain], explicit: vec![explicit] };
        let task = tokio::spawn(async move { serving.serve(listeners, token).await });
        Open { proxy, steered: doors.0, explicit: doors.1, plain: doors.2, journal, dst, snapshot, stop, task }
    }
}

/// A proxy that serves.
pub(crate) struct Open {
    pub(crate) proxy: Proxy,
    pub(crate) steered: SocketAddr,
    pub(crate) explicit: SocketAddr,
    pub(crate) plain: SocketAddr,
    pub(crate) journal: Arc<MemoryJournal>,
    pub(crate) dst: Arc<Mutex<Option<SocketAddr>>>,
    pub(crate) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(crate) stop: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl Open {
    pub(crate) async fn knock(&self) -> TcpStream {
        TcpStream::connect(self.steered).await.unwrap()
    }

    /// A client that has begun to say something.
    pub(crate) async fn knock_and_begin(&self) -> TcpStream {
        let mut client = self.knock().await;
        client.write_all(&[22]).await.unwrap();
        client
    }

    /// The connection records, once there are `count` of them.
    pub(crate) async fn records(&self, count: usize) -> Vec<ConnectionEvent> {
        let waiting = async {
            while self.journal.connections().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
        let records = self.journal.connections();
        assert!(waited.is_ok() && records.len() == count, "{} records instead of {count}", records.len());
        records
    }

    /// The one connection record there is.
    pub(crate) async fn record(&self) -> ConnectionEvent {
        self.records(1).await.remove(0)
    }
}

/// Keeps records in memory, or refuses them.
#[derive(Default)]
pub(crate) struct MemoryJournal {
    events: Mutex<Vec<Event>>,
    pub(crate) broken: std::sync::atomic::AtomicBool,
}

impl MemoryJournal {
    pub(crate) fn connections(&self) -> Vec<ConnectionEvent> {
        let only = |event: &Event| match event {
            Event::Connection(event) => Some(event.clone()),
            _ => None,
        };
        self.events.lock().iter().filter_map(only).collect()
    }
}

impl MemoryJournal {
    /// Who has proven to be whom.
    pub(crate) fn known(&self) -> Vec<ProxyClientEvent> {
        let only = |event: &Event| match event {
            Event::ProxyClient(event) => Some(event.clone()),
            _ => None,
        };
        self.events.lock().iter().filter_map(only).collect()
    }

    /// Everything in it as text.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.events.lock())
    }
}

impl Journal for MemoryJournal {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        if self.broken.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(JournalError::Closed);
        }
        let mut events = self.events.lock();
        events.push(event.clone());
        Ok(Position(events.len() as u64 - 1))
    }
}

struct FakeJudge(Arc<dyn Fn(&ConnectionFacts<'_>) -> Verdict + Send + Sync>, bool, Demand);

impl Judge for FakeJudge {
    fn connection(&self, facts: &ConnectionFacts<'_>) -> Verdict {
        (self.0)(facts)
    }

    fn may_watch(&self, _: &ConnectionFacts<'_>) -> bool {
        self.1
    }

    fn demand(&self, _: IpAddr, _: Option<&str>) -> Demand {
        self.2
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        let per_finding = vec![Action::Allow; facts.findings.len()];
        PromptVerdict { action: Action::Allow, per_finding, rule: None, reasons: vec![] }
    }

    fn mode_of(&self, _client: IpAddr) -> Mode {
        Mode::Watched
    }
}

struct FakeResolver(HashMap<HostName, Vec<IpAddr>>);

impl Resolve for FakeResolver {
    fn resolve<'a>(&'a self, host: &'a HostName) -> Answer<'a, Result<Vec<IpAddr>, ResolveError>> {
        let found = self.0.get(host).cloned().ok_or_else(|| ResolveError::NoAddress(host.clone()));
        Box::pin(std::future::ready(found))
    }
}

struct FakeDestination(Arc<Mutex<Option<SocketAddr>>>);

impl OriginalDestination for FakeDestination {
    fn of(&self, _stream: &TcpStream) -> io::Result<OrigDst> {
        self.0.lock().map(OrigDst).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Mints nothing, and says whether it might.
pub(crate) struct NoMint(pub(crate) bool);

impl Mint for NoMint {
    fn may_vouch(&self, _: &HostName) -> bool {
        self.0
    }

    fn leaf(&self, host: &HostName) -> Result<Arc<CertifiedKey>, MintError> {
        Err(MintError::NotPermitted(host.clone()))
    }
}

/// A ClientHello as a real client would send it for this name.
pub(crate) fn hello_for(name: &str) -> Vec<u8> {
    let config = crate::trust::upstream(None).unwrap();
    let mut client = rustls::ClientConnection::new(config, name.to_owned().try_into().unwrap()).unwrap();
    let mut raw = Vec::new();
    client.write_tls(&mut raw).unwrap();
    raw
}

/// A fatal TLS alert with this description.
pub(crate) fn alert(description: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, description]
}

/// Reads until the other side closes.
pub(crate) async fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut all)).await.unwrap().unwrap();
    all
}

/// Reads exactly this many bytes.
pub(crate) async fn read_some(stream: &mut TcpStream, len: usize) -> Vec<u8> {
    let mut some = vec![0; len];
    tokio::time::timeout(Duration::from_secs(10), stream.read_exact(&mut some)).await.unwrap().unwrap();
    some
}

/// A server that the tests play themselves.
pub(crate) async fn server() -> (TcpListener, u16) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// The next connection to that server.
pub(crate) async fn next(listener: &TcpListener) -> TcpStream {
    tokio::time::timeout(Duration::from_secs(10), listener.accept()).await.unwrap().unwrap().0
}
