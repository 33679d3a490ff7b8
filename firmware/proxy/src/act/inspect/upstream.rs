//! The server's side: its certificate verified, its protocol kept, one connection that is dialled again when it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use gate_core::{HostName, Reason, UnixMicros};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::collect::Held;
use super::leaf::Alpn;
use super::left::Left;
use super::limits;
use crate::shared::Shared;

/// A TLS handshake that takes longer than this has failed.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(10);

/// A connection on which nothing is open is ready at once; one that is not has something to hide.
const READY: Duration = Duration::from_millis(100);

/// One host at one address that the guard let through.
pub(super) struct Upstream {
    shared: Arc<Shared>,
    host: HostName,
    peer: SocketAddr,
    offer: Vec<Vec<u8>>,
    alpn: Alpn,
    link: Mutex<Option<Link>>,
    /// Held by the one who dials, apart from the link: answers that are here must not wait for who is not yet. Why the last
    /// one failed.
    dialling: Mutex<Reason>,
    dialled: AtomicU64,
    owed: Arc<AtomicUsize>,
}

/// A connection that takes requests.
pub(super) struct Link {
    sender: Sender,
    /// When the server's certificate ends.
    until: UnixMicros,
}

enum Sender {
    Http1(http1::SendRequest<Held>),
    Http2(http2::SendRequest<Held>),
}

/// An answer that the server has not finished. Who drops it unpaid leaves a connection that nobody else gets.
pub(super) struct Owed(Arc<AtomicUsize>);

/// A body of a request that has not left whole yet.
pub(super) struct Unsent(Arc<AtomicUsize>);

impl Unsent {
    fn count(open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(open))
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Owed {
    /// The answer was read to its end.
    pub(super) fn pay(self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Why there is no connection to the server.
#[derive(Debug, Error)]
pub(super) enum DialError {
    #[error("{peer}: {source}")]
    Connect { peer: SocketAddr, source: std::io::Error },
    #[error("the server's certificate does not verify: {0}")]
    Certificate(rustls::Error),
    #[error("the TLS handshake with the server failed: {0}")]
    Handshake(std::io::Error),
    #[error("the TLS handshake with the server took too long")]
    Timeout,
    #[error("the server speaks another protocol than at first")]
    Protocol,
    #[error("another request has just failed to connect")]
    Another(Reason),
    #[error("the HTTP connection could not be set up: {0}")]
    Http(#[from] hyper::Error),
}

/// Why a request got no answer.
#[derive(Debug, Error)]
pub(super) enum SendError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("the server broke the exchange: {0}")]
    Broken(hyper::Error),
}

impl DialError {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Connect { .. } => Reason::UpstreamUnreachable,
            Self::Certificate(_) => Reason::UpstreamCertificate,
            Self::Another(reason) => reason.clone(),
            Self::Handshake(_) | Self::Timeout | Self::Protocol | Self::Http(_) => Reason::UpstreamHandshake,
        }
    }
}

impl SendError {
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Dial(error) => error.reason(),
            Self::Broken(_) => Reason::UpstreamReset,
        }
    }
}

impl Upstream {
    /// Meets the server over a dialled connection. The certificate is verified before anything else happens.
    pub(super) async fn meet(
        shared: Arc<Shared>,
        host: HostName,
        offered: &[Vec<u8>],
        tcp: TcpStream,
    ) -> Result<Self, DialError> {
        let peer = tcp.peer_addr().map_err(DialError::Handshake)?;
        let offer = Alpn::offer(offered);
        let (tls, alpn) = handshake(&shared.upstream_tls, &offer, &host, tcp).await?;
        let link = Link::open(&shared, tls, alpn).await?;
        Ok(Self::over(shared, host, offer, Left { link, peer, alpn }))
    }

    /// Goes on where an earlier connection of the same client left off, which offered the same.
    pub(super) fn go_on(shared: Arc<Shared>, host: HostName, offered: &[Vec<u8>], left: Left) -> Self {
        Self::over(shared, host, Alpn::offer(offered), left)
    }

    fn over(shared: Arc<Shared>, host: HostName, offer: Vec<Vec<u8>>, Left { link, peer, alpn }: Left) -> Self {
        Self {
            shared,
            host,
            peer,
            offer,
            alpn,
            link: Mutex::new(Some(link)),
            dialling: Mutex::new(Reason::UpstreamReset),
            dialled: AtomicU64::new(0),
            owed: Arc::default(),
        }
    }

    /// What another connection may go on with: nothing was broken off here, every answer was read to its end, and none made
    /// the connection something else.
    pub(super) async fn leave(&self) -> Option<Left> {
        let mut link = self.link.lock().await.take()?;
        // Whoever sends counts first and takes the link then: nothing can be under way on it from here on.
        if self.owed.load(Ordering::Acquire) > 0 {
            return None;
        }
        let is_ready = timeout(READY, link.ready()).await.is_ok_and(|ready| ready);
        is_ready.then_some(Left { link, peer: self.peer, alpn: self.alpn })
    }

    pub(super) fn alpn(&self) -> Alpn {
        self.alpn
    }

    /// Sends a request. One that never left because the server had closed an idle connection is sent on a new one.
    pub(super) async fn send(&self, mut request: Request<Held>) -> Result<(Response<Incoming>, Owed), SendError> {
        let owed = Owed(Arc::clone(&self.owed));
        owed.0.fetch_add(1, Ordering::AcqRel);
        request.body_mut().hold(Unsent::count(&self.owed));
        let link = self.take().await?;
        let response = match self.send_on(link, request).await {
            Ok(response) => response,
            Err((error, None)) => return Err(SendError::Broken(error)),
            Err((_, Some(request))) => {
                let link = self.take().await?;
                self.send_on(link, *request).await.map_err(|(error, _)| SendError::Broken(error))?
            }
        };
        Ok((response, owed))
    }

    /// A living link, the one there is or a new one. An HTTP/1.1 link belongs to its borrower until given back.
    async fn take(&self) -> Result<Link, DialError> {
        let dialled = self.dialled.load(Ordering::Acquire);
        if let Some(link) = self.living().await {
            return Ok(link);
        }
        let mut last = self.dialling.lock().await;
        // Whoever waited here takes what the other one brought, or does without as he does.
        if let Some(link) = self.living().await {
            return Ok(link);
        }
        if self.dialled.load(Ordering::Acquire) != dialled {
            return Err(DialError::Another(last.clone()));
        }
        let found = self.dial().await;
        self.dialled.fetch_add(1, Ordering::AcqRel);
        match &found {
            Ok(link) => *self.link.lock().await = link.share(),
            Err(error) => *last = error.reason(),
        }
        found
    }

    async fn living(&self) -> Option<Link> {
        let mut slot = self.link.lock().await;
        let mut link = slot.take()?;
        if !link.ready().await {
            return None;
        }
        *slot = link.share();
        Some(link)
    }

    async fn send_on(
        &self,
        mut link: Link,
        request: Request<Held>,
    ) -> Result<Response<Incoming>, (hyper::Error, Option<Box<Request<Held>>>)> {
        let sent = match &mut link.sender {
            Sender::Http1(sender) => sender.try_send_request(request).await,
            Sender::Http2(sender) => sender.try_send_request(request).await,
        };
        match sent {
            Ok(response) => {
                self.link.lock().await.get_or_insert(link);
                Ok(response)
            }
            Err(mut error) => {
                let unsent = error.take_message().map(Box::new);
                Err((error.into_error(), unsent))
            }
        }
    }

    async fn dial(&self) -> Result<Link, DialError> {
        let unreachable = |source| DialError::Connect { peer: self.peer, source };
        let connecting = timeout(self.shared.config.connect_timeout(), TcpStream::connect(self.peer));
        let tcp =
            connecting.await.map_err(|_| unreachable(std::io::ErrorKind::TimedOut.into()))?.map_err(unreachable)?;
        let (tls, alpn) = handshake(&self.shared.upstream_tls, &self.offer, &self.host, tcp).await?;
        // The client was told the first connection's protocol and cannot be told another.
        if alpn == self.alpn { Link::open(&self.shared, tls, alpn).await } else { Err(DialError::Protocol) }
    }
}

impl Link {
    async fn open(shared: &Arc<Shared>, tls: TlsStream<TcpStream>, alpn: Alpn) -> Result<Self, DialError> {
        let until = ends(&tls);
        let io = TokioIo::new(tls);
        let closing = shared.closing.clone();
        let sender = if alpn == Alpn::Http2 {
            let (sender, connection) = limits::h2_client(&mut http2::Builder::new(TokioExecutor::new()))
                .timer(TokioTimer::new())
                .handshake(io)
                .await?;
            tokio::spawn(async move { closing.run_until_cancelled(connection).await });
            Sender::Http2(sender)
        } else {
            let (sender, connection) = limits::h1_client(&mut http1::Builder::new()).handshake(io).await?;
            // The task ends with the sender and the last body; an error reaches whoever waits for either.
            tokio::spawn(async move { closing.run_until_cancelled(connection.with_upgrades()).await });
            Sender::Http1(sender)
        };
        Ok(Self { sender, until })
    }

    async fn ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Whether it would take a request now, as far as is known here, under a certificate that has not ended.
    pub(super) fn lives(&self, now: UnixMicros) -> bool {
        let is_ready = match &self.sender {
            Sender::Http1(sender) => sender.is_ready(),
            Sender::Http2(sender) => sender.is_ready(),
        };
        is_ready && now < self.until
    }

    /// A second handle on the same connection, where its protocol has many requests at once.
    fn share(&self) -> Option<Self> {
        match &self.sender {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self { sender: Sender::Http2(sender.clone()), until: self.until }),
        }
    }
}

/// When the server's certificate ends; 1970 where that cannot be told.
fn ends(tls: &TlsStream<TcpStream>) -> UnixMicros {
    let leaf = tls.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let parsed = leaf.and_then(|leaf| x509_parser::parse_x509_certificate(leaf).ok());
    let end = parsed.map_or(0, |(_, certificate)| certificate.validity().not_after.timestamp());
    UnixMicros(u64::try_from(end).unwrap_or(0).saturating_mul(1_000_000))
}

async fn handshake(
    config: &Arc<ClientConfig>,
    offer: &[Vec<u8>],
    host: &HostName,
    tcp: TcpStream,
) -> Result<(TlsStream<TcpStream>, Alpn), DialError> {
    // Events of a stream must not wait for each other; where the option is refused they are only slower.
    let _ = tcp.set_nodelay(true);
    let name = ServerName::try_from(host.as_str().to_owned())
        .map_err(|error| DialError::Handshake(std::io::Error::other(error)))?;
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = offer.to_vec();
    let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
    let tls = timeout(HANDSHAKE, connecting).await.map_err(|_| DialError::Timeout)?.map_err(blame)?;
    let alpn = Alpn::chosen(tls.get_ref().1.alpn_protocol()).ok_or(DialError::Protocol)?;
    Ok((tls, alpn))
}

/// Tells a certificate that does not verify from every other failure.
fn blame(error: std::io::Error) -> DialError {
    match error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>()) {
        Some(source @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
            DialError::Certificate(source.clone())
        }
        _ => DialError::Handshake(error),
    }
}
