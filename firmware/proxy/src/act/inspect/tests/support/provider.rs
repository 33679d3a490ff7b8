//! A provider that does what a test says and keeps what it receives.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Ca, HOST};

pub(in super::super) type ProviderBody = BoxBody<Bytes, Infallible>;
pub(in super::super) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
type Handler = Arc<dyn Fn(Seen) -> Response<ProviderBody> + Send + Sync>;

/// A request as the provider received it.
#[derive(Clone, Debug)]
pub(in super::super) struct Seen {
    pub(in super::super) method: Method,
    pub(in super::super) uri: Uri,
    pub(in super::super) headers: HeaderMap,
    pub(in super::super) body: Bytes,
    pub(in super::super) trailers: Option<HeaderMap>,
}

/// The provider's end.
pub(in super::super) struct Provider {
    pub(in super::super) ca: Ca,
    pub(in super::super) addr: SocketAddr,
    pub(in super::super) seen: Arc<Mutex<Vec<Seen>>>,
    /// Connections accepted so far.
    pub(in super::super) connections: Arc<Mutex<u32>>,
}

impl Provider {
    /// Answers every request through `handler`.
    pub(in super::super) async fn http(
        alpn: &[&str],
        handler: impl Fn(Seen) -> Response<ProviderBody> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::<Mutex<Vec<Seen>>>::default();
        let keep = Arc::clone(&seen);
        let handler: Handler = Arc::new(handler);
        let serve = move |tls: TlsStream<TcpStream>| -> BoxFuture {
            Box::pin(serve(tls, Arc::clone(&keep), Arc::clone(&handler)))
        };
        let mut provider = Self::raw(HOST, alpn, serve).await;
        provider.seen = seen;
        provider
    }

    /// Hands every TLS connection to `serve`.
    pub(in super::super) async fn raw(
        cert_host: &str,
        alpn: &[&str],
        serve: impl Fn(TlsStream<TcpStream>) -> BoxFuture + Send + Sync + 'static,
    ) -> Self {
        Self::raw_with(Ca::new("provider"), cert_host, alpn, serve).await
    }

    /// The same under this authority.
    pub(in super::super) async fn raw_with(
        ca: Ca,
        cert_host: &str,
        alpn: &[&str],
        serve: impl Fn(TlsStream<TcpStream>) -> BoxFuture + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(ca.server(cert_host, alpn)));
        let connections = Arc::<Mutex<u32>>::default();
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                *count.lock() += 1;
                if let Ok(tls) = acceptor.accept(tcp).await {
                    tokio::spawn(serve(tls));
                }
            }
        });
        Self { ca, addr, seen: Arc::default(), connections }
    }

    /// The one request that arrived.
    pub(in super::super) fn only(&self) -> Seen {
        let seen = self.seen.lock();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }
}

async fn serve(tls: TlsStream<TcpStream>, seen: Arc<Mutex<Vec<Seen>>>, handler: Handler) {
    let h2 = tls.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request: Request<Incoming>| {
        let (seen, handler) = (Arc::clone(&seen), Arc::clone(&handler));
        async move {
            let (parts, body) = request.into_parts();
            let collected = body.collect().await?;
            let trailers = collected.trailers().cloned();
            let body = collected.to_bytes();
            let arrived = Seen { method: parts.method, uri: parts.uri, headers: parts.headers, body, trailers };
            seen.lock().push(arrived.clone());
            Ok::<_, hyper::Error>(handler(arrived))
        }
    });
    // A test that breaks a connection on purpose breaks this too.
    if h2 {
        let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = builder.serve_connection(TokioIo::new(tls), service).await;
    } else {
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(tls), service).await;
    }
}

/// A plain JSON answer.
pub(in super::super) fn reply(body: &'static str) -> Response<ProviderBody> {
    Response::builder().header("content-type", "application/json").body(body_of(body)).unwrap()
}

pub(in super::super) fn body_of(body: impl Into<Bytes>) -> ProviderBody {
    Full::new(body.into()).boxed()
}

/// A body that sends what the test sends.
pub(in super::super) fn stream() -> (mpsc::UnboundedSender<Frame<Bytes>>, ProviderBody) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, BodyExt::boxed(Frames(receiver)))
}

struct Frames(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}
