//! TLS between a client and the CONNECT proxy itself (an `https://` proxy): its token is not read on the wire, and it may
//! show a certificate of its own.
//!
//! ```text
//!   client ══ TLS ══ veil ── pair of sockets ── the corridor, which knows nothing of it
//! ```

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gate_core::{HostName, Reason, UnixMicros};
use parking_lot::Mutex;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::refuse;
use crate::shared::Shared;
use crate::trust::{self, TrustError};

/// The first byte of a TLS connection (RFC 8446 section 5.1: handshake); no HTTP request begins with it.
const HANDSHAKE: u8 = 22;

/// A leaf lives for days; one is shown for a single day, so that no client ever meets one about to end.
const FRESH_MICROS: u64 = 24 * 3600 * 1_000_000;

/// How long what was said last may take to reach the client.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What all such connections share.
pub(crate) struct Veil {
    /// Who vouches for clients, if anybody does.
    clients: Option<Arc<dyn ClientCertVerifier>>,
    config: Mutex<Option<(UnixMicros, Arc<ServerConfig>)>>,
}

/// The certificate that a client showed, which was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Nothing,
    Name(Arc<str>),
    /// It names no host by which the client could be known.
    Nameless,
}

impl Veil {
    pub(crate) fn new(client_roots: Option<&Path>) -> Result<Self, TrustError> {
        let clients = client_roots.map(|file| {
            let roots = Arc::new(trust::roots("proxy.client_roots", file)?);
            // Who shows none is known by a token, or not at all; the policy says whether that will do.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, Arc::new(default_provider()))
                .allow_unauthenticated()
                .build();
            verifier.map_err(|source| TrustError::Clients { path: file.to_owned(), source })
        });
        Ok(Self { clients: clients.transpose()?, config: Mutex::default() })
    }

    async fn config(&self, shared: &Shared, name: HostName) -> Option<Arc<ServerConfig>> {
        let now = shared.now();
        let fresh = |since: UnixMicros| now >= since && now.0 - since.0 < FRESH_MICROS;
        if let Some((_, config)) = self.config.lock().as_ref().filter(|(since, _)| fresh(*since)) {
            return Some(Arc::clone(config));
        }
        let mint = Arc::clone(&shared.ports.mint);
        let minted = tokio::task::spawn_blocking(move || mint.leaf(&name)).await.ok()?;
        let key = minted.inspect_err(|error| tracing::error!(%error, "the proxy has no certificate to show")).ok()?;
        let config = self.server_config(key).inspect_err(|error| tracing::error!(%error, "the proxy's TLS")).ok()?;
        *self.config.lock() = Some((now, Arc::clone(&config)));
        Some(config)
    }

    fn server_config(&self, key: Arc<CertifiedKey>) -> Result<Arc<ServerConfig>, rustls::Error> {
        let versions =
            ServerConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
        let clients = match &self.clients {
            Some(verifier) => versions.with_client_cert_verifier(Arc::clone(verifier)),
            None => versions.with_no_client_auth(),
        };
        let mut config = clients.with_cert_resolver(Arc::new(Always(key)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A certificate is verified anew with every connection: it may have ended since the last one.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Arc::new(config))
    }
}

/// Whether a client begins with TLS; waits for its first byte.
pub(crate) async fn is_worn(stream: &TcpStream, patience: Duration) -> Result<bool, Reason> {
    let mut first = [0];
    match timeout(patience, stream.peek(&mut first)).await {
        Ok(Ok(1..)) => Ok(first[0] == HANDSHAKE),
        Ok(_) => Err(Reason::ClientGone),
        Err(_) => Err(Reason::HelloTimeout),
    }
}

/// Meets the client in TLS: what stands for its connection from here on, what it showed, and the work of moving bytes between
/// the two, which ends after both.
pub(crate) async fn lift(
    shared: &Shared,
    name: Option<&HostName>,
    client: TcpStream,
) -> Result<(TcpStream, Shown, impl Future<Output = ()> + use<>), Reason> {
    let name = name.cloned().ok_or(Reason::Internal)?;
    let Some(config) = shared.veil.config(shared, name).await else {
        refuse::close(client).await;
        return Err(Reason::Internal);
    };
    let accepting = TlsAcceptor::from(config).accept(client);
    let met = timeout(shared.config.hello_timeout(), accepting).await.map_err(|_| Reason::HelloTimeout)?;
    let mut tls = met.map_err(|error| {
        tracing::info!(%error, "a client of the proxy broke the handshake");
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let certificate = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
        if certificate { Reason::Unauthenticated } else { Reason::ClientHandshake }
    })?;
    let shown = shown(tls.get_ref().1.peer_certificates());
    let (inner, mut outer) = pair().map_err(|_| Reason::Internal)?;
    let moving = async move {
        let _ = copy_bidirectional(&mut tls, &mut outer).await;
        let _ = tls.shutdown().await;
    };
    Ok((inner, shown, moving))
}

/// Lets the last words reach the client, but not for ever.
pub(crate) async fn drop_after(moving: impl Future<Output = ()>) {
    let _ = timeout(LAST_WORDS, moving).await;
}

fn shown(chain: Option<&[CertificateDer<'_>]>) -> Shown {
    let Some(leaf) = chain.and_then(<[_]>::first) else { return Shown::Nothing };
    let Ok(leaf) = webpki::EndEntityCert::try_from(leaf) else { return Shown::Nameless };
    // A wildcard is no one's name.
    let name = leaf.valid_dns_names().find_map(|name| HostName::parse(name.as_bytes()).ok());
    name.map_or(Shown::Nameless, |name| Shown::Name(name.as_str().into()))
}

/// Both ends of a connection inside this process. Every station of the corridor takes a stream by its descriptor; what only
/// TCP has (its addresses, its delays) nobody there depends on.
fn pair() -> io::Result<(TcpStream, UnixStream)> {
    let (inner, outer) = StdUnixStream::pair()?;
    inner.set_nonblocking(true)?;
    outer.set_nonblocking(true)?;
    let inner = TcpStream::from_std(std::net::TcpStream::from(OwnedFd::from(inner)))?;
    Ok((inner, UnixStream::from_std(outer)?))
}

/// The proxy has one name of its own, and one certificate.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
