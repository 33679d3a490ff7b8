//! DNS over HTTPS (RFC 8484) with POST on HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response};
use tokio_util::task::AbortOnDropHandle;

use super::ExchangeError;
use super::tls::connect;
use super::trust::Trust;
use crate::Upstream;

/// RFC 8484 section 6.
const MEDIA_TYPE: &str = "application/dns-message";
/// Headers of an answer are few; more is not worth memory.
const HEADERS_MAX: u32 = 8 << 10;
/// What the upstream may send ahead: the largest message on a stream, and some of them together.
const STREAM_WINDOW: u32 = 65_535;
const CONNECTION_WINDOW: u32 = 512 << 10;

/// An open connection.
pub(super) struct Session {
    requests: SendRequest<Bytes>,
    uri: String,
    closed: Arc<AtomicBool>,
    _driver: AbortOnDropHandle<()>,
}

impl Session {
    pub(super) async fn open(upstream: &Upstream, trust: &Trust) -> Result<Self, ExchangeError> {
        let stream = connect(upstream, trust.speaking(Some(b"h2"))).await?;
        let (requests, connection) = h2::client::Builder::new()
            .max_header_list_size(HEADERS_MAX)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .enable_push(false)
            .handshake::<_, Bytes>(stream)
            .await?;
        let closed = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&closed);
        let driver = tokio::spawn(async move {
            // How it ended is told to those who wait.
            let _ = connection.await;
            ended.store(true, Ordering::Release);
        });
        let authority = match &upstream.name {
            Some(name) if upstream.address.port() == 443 => name.to_string(),
            Some(name) => format!("{name}:{}", upstream.address.port()),
            None => upstream.address.to_string(),
        };
        let uri = format!("https://{authority}{}", upstream.path);
        Ok(Self { requests, uri, closed, _driver: AbortOnDropHandle::new(driver) })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.closed.load(Ordering::Acquire)
    }

    pub(super) async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let request = Request::builder().method(Method::POST).uri(&self.uri);
        let request = request.header(CONTENT_TYPE, MEDIA_TYPE).header(ACCEPT, MEDIA_TYPE);
        // The path was checked when the configuration was read.
        let request = request.body(()).map_err(std::io::Error::other)?;
        let mut requests = self.requests.clone().ready().await?;
        let (response, mut body) = requests.send_request(request, false)?;
        body.send_data(Bytes::copy_from_slice(query), true)?;
        read(response.await?).await
    }
}

async fn read(response: Response<RecvStream>) -> Result<Vec<u8>, ExchangeError> {
    let (head, mut body) = response.into_parts();
    let is_dns = head.headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(MEDIA_TYPE.as_bytes()));
    if head.status != 200 || !is_dns {
        return Err(ExchangeError::Status(head.status.as_u16()));
    }
    let mut message = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        if message.len() + chunk.len() > usize::from(u16::MAX) {
            return Err(ExchangeError::TooLong);
        }
        message.extend_from_slice(&chunk);
        body.flow_control().release_capacity(chunk.len())?;
    }
    Ok(message)
}
