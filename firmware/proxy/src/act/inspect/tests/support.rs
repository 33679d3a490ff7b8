//! An office of one: a client, the inspect path, a provider.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use arc_swap::ArcSwap;
use bytes::Bytes;
use gate_core::{
    AccountFacts, AccountHash, Action, Catalogue, ClientAddr, Clock, ConnectionFacts, Event, FileKind, Finding,
    HostName, Journal, JournalError, Judge, Mode, OrigDst, Position, PromptFacts, PromptVerdict, Reason, RequestEvent,
    UnixMicros, Verdict,
};
use gate_scrub::{Pack, Scanner};
use parking_lot::Mutex;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::act::inspect::left::Heir;
use crate::act::inspect::{Left, Server, ValueHash, run};
use crate::config::Config;
use crate::decide::{Pass, Passes};
use crate::fallback::Fallback;
use crate::fallback::runtime::Runtime;
use crate::meter::Meter;
use crate::ports::{Answer, Mint, MintError, OriginalDestination, Place, Ports, Resolve, ResolveError, Snapshot};
use crate::session::{Closed, Session};
use crate::shared::Shared;

mod http;
mod peer;
mod provider;

pub(super) use http::{ClientBody, Got, H1, H2, get, head, post};
pub(super) use peer::Peer;
pub(super) use provider::{BoxFuture, Provider, ProviderBody, Seen, body_of, reply, stream};

pub(super) const HOST: &str = "api.openai.com";
pub(super) const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11));

/// A certificate authority made for one test.
pub(super) struct Ca {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    /// From which year on its leaves are valid.
    pub(super) since: i32,
    pub(super) cert: CertificateDer<'static>,
}

impl Ca {
    pub(super) fn new(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let cert = params.self_signed(&key).unwrap().der().clone();
        Self { issuer: rcgen::Issuer::new(params, key), since: 1975, cert }
    }

    pub(super) fn leaf(&self, host: &str) -> Arc<CertifiedKey> {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(self.since, 1, 1);
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).unwrap();
        Arc::new(CertifiedKey::new(vec![cert.der().clone()], signing))
    }

    pub(super) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.cert.clone()).unwrap();
        roots
    }

    pub(super) fn client(&self, alpn: &[&str]) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }

    pub(super) fn server(&self, host: &str, alpn: &[&str]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(self.leaf(host).as_ref().clone())));
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

/// The local CA behind the `Mint` port, counting.
pub(super) struct TestMint {
    pub(super) ca: Ca,
    pub(super) mints: AtomicUsize,
    pub(super) locked: AtomicBool,
}

impl Mint for TestMint {
    fn may_vouch(&self, _: &HostName) -> bool {
        true
    }

    fn leaf(&self, host: &HostName) -> Result<Arc<CertifiedKey>, MintError> {
        if self.locked.load(Ordering::SeqCst) {
            return Err(MintError::Failed { host: host.clone(), what: "the key is locked".to_owned() });
        }
        self.mints.fetch_add(1, Ordering::SeqCst);
        Ok(self.ca.leaf(host.as_str()))
    }
}

/// A journal in memory that can be told to fail.
#[derive(Default)]
pub(super) struct TestJournal {
    pub(super) events: Mutex<Vec<Event>>,
    pub(super) broken: AtomicBool,
}

impl Journal for TestJournal {
    fn append(&self, event: &Event) -> Result<Position, JournalError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(JournalError::Closed);
        }
        let mut events = self.events.lock();
        events.push(event.clone());
        Ok(Position(events.len() as u64 - 1))
    }
}

impl TestJournal {
    pub(super) fn requests(&self) -> Vec<RequestEvent> {
        let only_requests = |event: &Event| match event {
            Event::Request(request) => Some(request.clone()),
            _ => None,
        };
        self.events.lock().iter().filter_map(only_requests).collect()
    }
}

/// A policy of the rules' own defaults, with two switches.
#[derive(Default)]
pub(super) struct TestJudge {
    pub(super) frozen: AtomicBool,
    /// Who does not take the certificate stays refused.
    pub(super) strict: AtomicBool,
    /// It breaks over every prompt.
    pub(super) panics: AtomicBool,
    /// What becomes of files of an unknown kind.
    pub(super) unknown: Option<Action>,
    pub(super) banned_model: Option<&'static str>,
    /// What becomes of accounts other than these.
    pub(super) accounts: Option<(Vec<AccountHash>, Action)>,
    /// Mail addresses are redacted reversibly.
    pub(super) reversible: bool,
    /// Prompts for the model `slow` are not judged before this says so, or five seconds have passed.
    pub(super) gate: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

impl Judge for TestJudge {
    fn connection(&self, _: &ConnectionFacts<'_>) -> Verdict {
        match self.frozen.load(Ordering::SeqCst) {
            true => Verdict::Refuse(Reason::Policy("freeze".to_owned())),
            false => Verdict::Terminate,
        }
    }

    fn may_watch(&self, _: &ConnectionFacts<'_>) -> bool {
        !self.strict.load(Ordering::SeqCst)
    }

    fn prompt(&self, facts: &PromptFacts<'_>) -> PromptVerdict {
        let gate = self.gate.lock().take_if(|_| facts.model == Some("slow"));
        if let Some(gate) = gate {
            let _ = gate.recv_timeout(std::time::Duration::from_secs(5));
        }
        assert!(!self.panics.load(Ordering::SeqCst), "as a test wants it");
        let per_finding: Vec<Action> = facts.findings.iter().map(|finding| finding.action).collect();
        let mut reasons: Vec<String> =
            facts.findings.iter().map(|finding| format!("{} pattern detected", finding.kind)).collect();
        reasons.dedup();
        let mut action = per_finding.iter().copied().max().unwrap_or(Action::Allow);
        let mut rule = None;
        if self.banned_model.is_some() && facts.model == self.banned_model {
            action = Action::Deny;
            rule = Some("models".to_owned());
            reasons.insert(0, "models".to_owned());
        }
        PromptVerdict { action, per_finding, rule, reasons }
    }

    fn is_reversible(&self, _: IpAddr, _: Option<&str>, finding: &Finding) -> bool {
        self.reversible && finding.kind == "email"
    }

    fn upload(&self, _: IpAddr, kind: FileKind, _: u64) -> Action {
        self.unknown.filter(|_| kind == FileKind::Unknown).unwrap_or(Action::Allow)
    }

    fn account(&self, facts: &AccountFacts<'_>) -> Option<Action> {
        let Some((known, action)) = &self.accounts else { return Some(Action::Allow) };
        let all = facts.accounts.iter().all(|one| known.contains(&one.hash));
        (facts.accounts.is_empty() || !all).then_some(*action)
    }

    fn mode_of(&self, _: IpAddr) -> Mode {
        Mode::Inspected
    }
}

/// A clock that stands still until moved.
pub(super) struct TestClock(pub(super) AtomicU64);

impl Clock for TestClock {
    fn now(&self) -> UnixMicros {
        UnixMicros(self.0.load(Ordering::SeqCst))
    }
}

struct Nowhere;

impl Resolve for Nowhere {
    fn resolve<'a>(&'a self, host: &'a HostName) -> Answer<'a, Result<Vec<IpAddr>, ResolveError>> {
        Box::pin(async move { Err(ResolveError::NoAddress(host.clone())) })
    }
}

impl OriginalDestination for Nowhere {
    fn of(&self, stream: &TcpStream) -> std::io::Result<OrigDst> {
        stream.local_addr().map(OrigDst)
    }
}

/// Everything under test, and the doubles around it.
pub(super) struct Office {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Arc<TestJournal>,
    pub(super) mint: Arc<TestMint>,
    pub(super) judge: Arc<TestJudge>,
    pub(super) clock: Arc<TestClock>,
    pub(super) provider: Provider,
    /// The token that clients have shown to the CONNECT proxy, if they came by that.
    pub(super) pass: Option<Pass>,
    /// Where clients are.
    pub(super) from: IpAddr,
}

/// A client's TLS connection, and the task that serves it.
pub(super) struct Connected {
    pub(super) tls: TlsStream<TcpStream>,
    pub(super) serving: JoinHandle<Closed>,
}

impl Office {
    pub(super) fn new(provider: Provider) -> Self {
        Self::with(provider, Config::default(), TestJudge::default())
    }

    pub(super) fn with(provider: Provider, config: Config, judge: TestJudge) -> Self {
        let journal = Arc::new(TestJournal::default());
        let mint =
            Arc::new(TestMint { ca: Ca::new("office"), mints: AtomicUsize::new(0), locked: AtomicBool::new(false) });
        let clock = Arc::new(TestClock(AtomicU64::new(1_700_000_000_000_000)));
        let judge = Arc::new(judge);
        let snapshot = Snapshot {
            judge: Arc::clone(&judge) as Arc<dyn Judge>,
            catalogue: Arc::new(catalogue()),
            scanner: scanner(),
            place: Place::default(),
            passes: Arc::default(),
        };
        let ports = Ports {
            resolve: Arc::new(Nowhere),
            original: Arc::new(Nowhere),
            mint: Arc::clone(&mint) as Arc<dyn Mint>,
            journal: Arc::clone(&journal) as Arc<dyn Journal>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            placeholder_key: ValueHash::random(),
            account_key: ValueHash::new(&[7; 32]),
            snapshot: Arc::new(ArcSwap::from_pointee(snapshot)),
        };
        let mut shared = Shared::new(config, ports).unwrap();
        shared.upstream_tls = Arc::new(provider.ca.client(&[]));
        Self { shared: Arc::new(shared), journal, mint, judge, clock, provider, pass: None, from: CLIENT }
    }

    /// These tokens open the CONNECT proxy from now on.
    pub(super) fn tokens(&self, passes: &[Pass]) {
        let now = Snapshot::clone(&self.shared.snapshot());
        self.shared.ports.snapshot.store(Arc::new(Snapshot { passes: Arc::new(Passes::new(passes.to_vec())), ..now }));
    }

    /// Serves one connection as the corridor would: the first bytes are read before inspection starts.
    pub(super) async fn serve(&self, alpn: &[&str]) -> (TcpStream, JoinHandle<Closed>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut far, _) = listener.accept().await.unwrap();
        let (shared, session) = (Arc::clone(&self.shared), self.session(alpn));
        let server = match self.left(alpn) {
            Some(left) => Server::Left(left),
            None => Server::New(TcpStream::connect(self.provider.addr).await.unwrap()),
        };
        let serving = tokio::spawn(async move {
            let mut hello = vec![0; 100];
            let n = far.read(&mut hello).await.unwrap();
            session.meter.add_up(n);
            hello.truncate(n);
            run(shared, session, far, Bytes::from(hello), server).await
        });
        (near, serving)
    }

    /// The client's connection, as the corridor has understood it.
    pub(super) fn session(&self, alpn: &[&str]) -> Session {
        let (snapshot, host) = (self.shared.snapshot(), HostName::parse(HOST.as_bytes()).unwrap());
        let pass = self.pass.clone();
        Session {
            id: 7,
            client: ClientAddr(SocketAddr::from((self.from, 50_000))),
            name: pass.as_ref().map(|pass| Arc::clone(&pass.name)),
            pass,
            entry: snapshot.catalogue.lookup(&host).cloned(),
            host,
            alpn: alpn.iter().map(|name| name.as_bytes().to_vec()).collect(),
            ja4: "t13d_test".to_owned(),
            runtime: Runtime::Unknown,
            snapshot,
            meter: Arc::new(Meter::new(Instant::now())),
        }
    }

    /// What the client's last connection has left to the next one.
    pub(super) fn left(&self, alpn: &[&str]) -> Option<Left> {
        let heir = Heir::of(&self.session(alpn));
        self.shared.inspect.shelf.take(&heir, |peer| peer == self.provider.addr, self.shared.now())
    }

    /// A client that trusts the office's CA.
    pub(super) async fn connect(&self, alpn: &[&str]) -> Connected {
        let (near, serving) = self.serve(alpn).await;
        let connector = TlsConnector::from(Arc::new(self.mint.ca.client(alpn)));
        let tls = connector.connect(ServerName::try_from(HOST).unwrap(), near).await.unwrap();
        Connected { tls, serving }
    }

    pub(super) async fn h1(&self) -> H1 {
        H1::new(self.connect(&["http/1.1"]).await).await
    }

    pub(super) async fn h2(&self) -> H2 {
        H2::new(self.connect(&["h2"]).await).await
    }

    /// What stands for the client now.
    pub(super) fn fallbacks(&self) -> Vec<Fallback> {
        self.shared.fallbacks.list(self.clock.now())
    }

    /// The one request that was recorded.
    pub(super) fn record(&self) -> RequestEvent {
        let mut requests = self.journal.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

fn catalogue() -> Catalogue {
    let openai = r#"
        id = "openai"
        name = "OpenAI"
        steer = true
        host = [{ name = "api.openai.com", kind = "api", confidence = "official" }]
        [[prices]]
        as_of = "2026-11-05"
        source = "https://prices.example"
        currency = "USD"
        models = [{ model = "gpt-4o", input = "2.5", output = "10" }]
    "#;
    Catalogue::from_toml([("openai.toml", openai)]).unwrap()
}

/// The real engine with a few rules.
pub(in crate::act::inspect) fn scanner() -> Scanner {
    static SCANNER: std::sync::OnceLock<Scanner> = std::sync::OnceLock::new();
    let build = || {
        let pack = Arc::new(Pack::compile([("rules.toml", include_str!("support/pack.toml"))]).unwrap());
        let failing = pack.failing_examples();
        assert!(failing.is_empty(), "{failing:?}");
        Scanner::new(pack)
    };
    SCANNER.get_or_init(build).clone()
}
