//! Clients: hyper's, over the TLS connection under test.

use bytes::Bytes;
use http::request::Builder;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use tokio::task::JoinHandle;

use super::{Connected, HOST};
use crate::session::Closed;

pub(in super::super) type ClientBody = BoxBody<Bytes, Infallible>;

/// An answer, whole.
#[derive(Debug)]
pub(in super::super) struct Got {
    pub(in super::super) status: StatusCode,
    pub(in super::super) headers: HeaderMap,
    pub(in super::super) body: Bytes,
    pub(in super::super) trailers: Option<HeaderMap>,
}

/// An HTTP/1.1 client.
pub(in super::super) struct H1 {
    sender: http1::SendRequest<ClientBody>,
    pub(in super::super) serving: JoinHandle<Closed>,
}

/// An HTTP/2 client.
pub(in super::super) struct H2 {
    pub(in super::super) sender: http2::SendRequest<ClientBody>,
    pub(in super::super) serving: JoinHandle<Closed>,
}

impl H1 {
    pub(in super::super) async fn new(connected: Connected) -> Self {
        let (sender, connection) = http1::handshake(TokioIo::new(connected.tls)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, serving: connected.serving }
    }

    pub(in super::super) async fn start(&mut self, request: Request<ClientBody>) -> Response<Incoming> {
        self.try_start(request).await.unwrap()
    }

    pub(in super::super) async fn try_start(
        &mut self,
        request: Request<ClientBody>,
    ) -> hyper::Result<Response<Incoming>> {
        self.sender.ready().await?;
        self.sender.send_request(request).await
    }

    pub(in super::super) async fn send(&mut self, request: Request<ClientBody>) -> Got {
        Got::from(self.start(request).await).await
    }

    /// Says good-bye and returns how the connection was recorded.
    pub(in super::super) async fn close(self) -> Closed {
        drop(self.sender);
        self.serving.await.unwrap()
    }
}

impl H2 {
    pub(in super::super) async fn new(connected: Connected) -> Self {
        let builder = http2::Builder::new(TokioExecutor::new());
        let (sender, connection) = builder.handshake(TokioIo::new(connected.tls)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, serving: connected.serving }
    }

    pub(in super::super) async fn start(&mut self, request: Request<ClientBody>) -> Response<Incoming> {
        self.sender.send_request(request).await.unwrap()
    }

    pub(in super::super) async fn send(&mut self, request: Request<ClientBody>) -> Got {
        Got::from(self.start(request).await).await
    }

    pub(in super::super) async fn close(self) -> Closed {
        drop(self.sender);
        self.serving.await.unwrap()
    }
}

impl Got {
    pub(in super::super) async fn from(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let collected = body.collect().await.unwrap();
        let trailers = collected.trailers().cloned();
        Self { status: head.status, headers: head.headers, body: collected.to_bytes(), trailers }
    }

    /// Checks that this is a refusal in OpenAI's shape, and gives its words.
    pub(in super::super) fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/json");
        let body = String::from_utf8(self.body.to_vec()).unwrap();
        let field = |name: &str| body.split(&format!("\"{name}\":\"")).nth(1).and_then(|rest| rest.split('"').next());
        assert_eq!(field("code"), Some("nanogate_blocked"), "{body}");
        field("message").unwrap_or_else(|| panic!("no message in {body}")).to_owned()
    }
}

/// A request head for the host under test, in the form of HTTP/1.1 (`h2` false) or HTTP/2.
pub(in super::super) fn head(h2: bool, method: Method, path: &str) -> Builder {
    let builder = Request::builder().method(method);
    if h2 { builder.uri(format!("https://{HOST}{path}")) } else { builder.uri(path).header("host", HOST) }
}

/// A JSON prompt.
pub(in super::super) fn post(h2: bool, path: &str, body: impl Into<Bytes>) -> Request<ClientBody> {
    let body = Full::new(body.into()).boxed();
    head(h2, Method::POST, path).header("content-type", "application/json").body(body).unwrap()
}

pub(in super::super) fn get(h2: bool, path: &str) -> Request<ClientBody> {
    head(h2, Method::GET, path).body(Empty::new().boxed()).unwrap()
}
