//! A fresh TLS connection that speaks HTTP/1.1, as most SDKs do; on request through a proxy's CONNECT.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Who is asked, and where.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) host: String,
    address: SocketAddr,
    tunnel: bool,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Target {
    pub(crate) fn new(host: &str, address: SocketAddr, tunnel: bool, roots: &Path) -> Result<Self, Failure> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(roots)? {
            store.add(certificate?)?;
        }
        let mut config = ClientConfig::builder().with_root_certificates(store).with_no_client_auth();
        // Every handshake is a whole one: a resumed handshake would hide what a new client pays.
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { host: host.to_owned(), address, tunnel, name: ServerName::try_from(host.to_owned())?, connector })
    }

    pub(crate) async fn connect(&self) -> Result<Sender, Failure> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        if self.tunnel {
            self.open(&mut stream).await?;
        }
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Asks the proxy for the way through. Its answer ends before the server's first byte, which waits for ours.
    async fn open(&self, stream: &mut TcpStream) -> Result<(), Failure> {
        let asked = format!("CONNECT {0}:443 HTTP/1.1\r\nHost: {0}:443\r\n\r\n", self.host);
        stream.write_all(asked.as_bytes()).await?;
        let mut answer = Vec::with_capacity(256);
        while !answer.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut answer).await? == 0 {
                return Err("the proxy closed instead of an answer to CONNECT".into());
            }
        }
        if answer.get(9..12) != Some(b"200") {
            return Err(format!("the proxy says {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(())
    }
}
