//! One list from one server over HTTP/1.1 and TLS (RFC 9110, RFC 9112), at an address that our own upstreams name.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, ETAG, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
    USER_AGENT,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::store::Tags;
use super::{FetchError, Fetcher};
use crate::act::exchange::connect_to;
use crate::config::{ListHost, ListUrl};

/// Servers that a list may be moved to, one after the other.
const REDIRECTS: usize = 4;
/// How long a server may take to be reached, and then for each piece.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of an answer's head.
const HEAD_MAX: usize = 32 << 10;
/// Longest value that is kept of a head to be sent back.
const TAG_MAX: usize = 512;

/// What a server has.
pub(super) enum Fetched {
    /// What we have is the newest.
    Unchanged,
    New {
        body: Body,
        tags: Tags,
    },
}

/// A list on its way.
pub(super) struct Body {
    body: Incoming,
    _connection: AbortOnDropHandle<()>,
}

impl Body {
    /// The next piece; nothing at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let Some(frame) = timeout(PATIENCE, self.body.frame()).await.map_err(|_| FetchError::Slow)? else {
                return Ok(None);
            };
            // What is no data are trailers.
            if let Ok(piece) = frame?.into_data() {
                return Ok(Some(piece));
            }
        }
    }
}

impl Fetcher {
    /// Asks for what is newer than `tags`, wherever the server says it is now.
    pub(super) async fn request(&self, url: &ListUrl, tags: &Tags) -> Result<Fetched, FetchError> {
        let mut at = url.clone();
        for _ in 0..=REDIRECTS {
            let (response, connection) =
                timeout(PATIENCE, self.get(&at, tags)).await.map_err(|_| FetchError::Slow)??;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                at = moved(&at, &response).ok_or(FetchError::Redirect)?;
                continue;
            }
            return match status {
                StatusCode::NOT_MODIFIED => Ok(Fetched::Unchanged),
                StatusCode::OK if is_encoded(&response) => Err(FetchError::Encoded),
                StatusCode::OK => {
                    let tags = Tags { etag: header(&response, ETAG), modified: header(&response, LAST_MODIFIED) };
                    Ok(Fetched::New { body: Body { body: response.into_body(), _connection: connection }, tags })
                }
                other => Err(FetchError::Status(other.as_u16())),
            };
        }
        Err(FetchError::Redirect)
    }

    async fn get(&self, url: &ListUrl, tags: &Tags) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), FetchError> {
        let stream = connect_to(&self.addresses(url).await?, &self.name(url), &self.trust).await?;
        let builder = http1::Builder::new().max_buf_size(HEAD_MAX).clone();
        let (mut requests, connection) = builder.handshake(TokioIo::new(stream)).await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // How it ended is told to whoever reads the answer.
            let _ = connection.await;
        }));
        let mut request = Request::get(&url.path)
            .header(HOST, url.authority())
            .header(USER_AGENT, concat!("nanogate/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT_ENCODING, "identity");
        if let Some(etag) = &tags.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(modified) = &tags.modified {
            request = request.header(IF_MODIFIED_SINCE, modified);
        }
        // The path was checked when the configuration was read or the server moved us.
        let request = request.body(Empty::<Bytes>::new()).map_err(std::io::Error::other)?;
        Ok((requests.send_request(request).await?, connection))
    }

    async fn addresses(&self, url: &ListUrl) -> Result<Vec<SocketAddr>, FetchError> {
        let addresses = match &url.host {
            ListHost::Address(address) => vec![*address],
            ListHost::Name(name) => self.hosts.addresses(name, &self.asker).await?,
        };
        Ok(addresses.into_iter().map(|address| (address, url.port).into()).collect())
    }

    fn name(&self, url: &ListUrl) -> rustls_pki_types::ServerName<'static> {
        match &url.host {
            ListHost::Address(address) => rustls_pki_types::ServerName::IpAddress(IpAddr::into(*address)),
            ListHost::Name(name) => {
                let name = rustls_pki_types::ServerName::try_from(name.as_str().to_owned());
                name.expect("a host name is a name that certificates hold")
            }
        }
    }
}

/// Where a server says that the list is: an `https://` address, or a path on the same server.
fn moved(from: &ListUrl, response: &Response<Incoming>) -> Option<ListUrl> {
    let to = response.headers().get(LOCATION)?.to_str().ok()?;
    if to.starts_with('/') && !to.starts_with("//") {
        return ListUrl::parse(&format!("https://{}{to}", from.authority()));
    }
    ListUrl::parse(to)
}

fn is_encoded(response: &Response<Incoming>) -> bool {
    response.headers().get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

fn header(response: &Response<Incoming>, name: http::HeaderName) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    (value.len() <= TAG_MAX).then(|| value.to_owned())
}
