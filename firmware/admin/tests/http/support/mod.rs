//! A running admin door on loopback, and a client that speaks to it as a browser does.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gate_admin::{Accounts, Admin, Config, Listeners, Site};
use gate_core::{AdminEvent, Event, HostName};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

pub(crate) mod ports;

use self::ports::{Journals, identity};

pub(crate) const PASSWORD: &str = "correct horse battery";

/// A door with its folder; both go away with it.
pub(crate) struct Door {
    pub(crate) journals: Arc<Journals>,
    pub(crate) accounts: Arc<Accounts>,
    /// Whether the device's button was pressed a moment ago.
    pub(crate) button: watch::Sender<bool>,
    pub(crate) https: SocketAddr,
    pub(crate) handover: SocketAddr,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
    tls: Arc<rustls::ClientConfig>,
    folder: PathBuf,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::open_with(Config::default()).await
    }

    pub(crate) async fn open_with(config: Config) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("gate-admin-http-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let accounts = Arc::new(Accounts::open(&folder).unwrap());
        let journals = Arc::new(Journals::default());
        let site = Site {
            local: vec!["192.0.2.0/24".parse().unwrap()],
            names: vec![HostName::parse(b"nanogate.office.example").unwrap()],
        };
        let (server, roots) = identity(&["localhost", "nanogate.office.example"]);
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let (https, handover) = (bind().await, bind().await);
        let (https_at, handover_at) = (https.local_addr().unwrap(), handover.local_addr().unwrap());
        let (button, pressed) = watch::channel(false);
        let admin = Admin::new(config, site, Arc::clone(&accounts), ports::ports(&journals, pressed)).unwrap();
        let stop = CancellationToken::new();
        let listeners = Listeners { https: vec![https], handover: vec![handover] };
        let served = tokio::spawn(admin.serve(listeners, server, stop.clone()));
        let tls = Arc::new(tls);
        Self { journals, accounts, button, https: https_at, handover: handover_at, stop, served, tls, folder }
    }

    /// TLS to the public listener.
    pub(crate) async fn connect(&self) -> TlsStream<TcpStream> {
        self.handshake(TcpStream::connect(self.https).await.unwrap(), &[]).await.unwrap()
    }

    /// TLS to the hand-over listener, behind a line that the proxy would write.
    pub(crate) async fn hand_over(&self, line: &str) -> std::io::Result<TlsStream<TcpStream>> {
        let mut stream = TcpStream::connect(self.handover).await?;
        stream.write_all(line.as_bytes()).await?;
        self.handshake(stream, &[]).await
    }

    pub(crate) async fn handshake(&self, stream: TcpStream, alpn: &[&[u8]]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = (*self.tls).clone();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        connector.connect("localhost".try_into().unwrap(), stream).await
    }

    /// A browser that has claimed the puck.
    pub(crate) async fn owner(&self) -> Browser<'_> {
        let code = self.accounts.renew_claim().unwrap().unwrap().to_string();
        let mut browser = Browser::new(self);
        let body = serde_json::json!({ "code": code, "password": PASSWORD });
        let answer = browser.post("/api/v1/claim", &body).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.body);
        browser
    }

    /// The commands that were recorded: name, whether done, who.
    pub(crate) fn commands(&self) -> Vec<(String, bool, Option<String>)> {
        let events = self.journals.of("admin").into_iter();
        events
            .filter_map(|event| match event {
                Event::Admin(AdminEvent { command, ok, actor, .. }) => Some((command, ok, actor)),
                _ => None,
            })
            .collect()
    }

    /// Waits until the journal holds `count` records of this process.
    pub(crate) async fn records(&self, count: usize) -> Vec<Event> {
        for _ in 0..300 {
            let events = self.journals.of("admin");
            if events.len() >= count {
                return events;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{count} records did not come: {:?}", self.journals.of("admin"));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.stop.cancel();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client with a cookie jar for one cookie.
pub(crate) struct Browser<'a> {
    pub(crate) door: &'a Door,
    pub(crate) cookie: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(door: &'a Door) -> Self {
        Self { door, cookie: None, headers: vec![("x-nanogate", "1".to_owned())] }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn post(&mut self, path: &str, body: &serde_json::Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub(crate) async fn send(&mut self, method: Method, path: &str, body: Option<String>) -> Answer {
        let stream = self.door.connect().await;
        self.send_over(stream, method, path, body).await
    }

    pub(crate) async fn send_over(
        &mut self,
        stream: TlsStream<TcpStream>,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Answer {
        let response = self.begin(stream, method, path, body).await;
        let (parts, body) = response.into_parts();
        let body = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        if let Some(set) = parts.headers.get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
            self.cookie = Some(pair).filter(|pair| !pair.ends_with('='));
        }
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Sends a request and answers its response with the body still running.
    pub(crate) async fn begin(
        &self,
        stream: TlsStream<TcpStream>,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> http::Response<Incoming> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path);
        if !self.headers.iter().any(|(name, _)| *name == "host") {
            request = request.header("host", "localhost");
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let body = Full::new(Bytes::from(body.unwrap_or_default()));
        sender.send_request(request.body(body).unwrap()).await.unwrap()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The last word of a problem's type.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.body);
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        json["type"].as_str().unwrap().rsplit(':').next().unwrap().to_owned()
    }
}

async fn bind() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}
