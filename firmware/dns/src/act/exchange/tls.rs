//! DNS over TLS (RFC 7858): many questions on one connection, answered in any order.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;

use super::ExchangeError;
use super::message::{framed, random_id};
use super::trust::Trust;
use crate::Upstream;

/// A connection on which nothing came for so long is closed; upstreams do so after 10 to 30 seconds themselves.
const IDLE: Duration = Duration::from_secs(30);
/// How long each of several addresses of a server may take to answer.
const EACH: Duration = Duration::from_secs(5);

/// An open connection.
pub(super) struct Session {
    writer: tokio::sync::Mutex<WriteHalf<TlsStream<TcpStream>>>,
    shared: Arc<Shared>,
    _reader: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Shared {
    /// Who waits for the answer with which identifier.
    waiting: Mutex<HashMap<u16, oneshot::Sender<Vec<u8>>>>,
    closed: AtomicBool,
}

/// Gives an identifier back; or closes the connection when a question was left half written.
struct Place<'a> {
    shared: &'a Shared,
    id: u16,
    written: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.shared.waiting.lock().remove(&self.id);
        if !self.written {
            self.shared.closed.store(true, Ordering::Release);
        }
    }
}

impl Session {
    pub(super) async fn open(upstream: &Upstream, trust: &Trust) -> Result<Self, ExchangeError> {
        let stream = connect(upstream, trust.speaking(None)).await?;
        let (reader, writer) = split(stream);
        let shared = Arc::<Shared>::default();
        let reading = tokio::spawn(read(reader, Arc::clone(&shared)));
        Ok(Self { writer: writer.into(), shared, _reader: AbortOnDropHandle::new(reading) })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.shared.closed.load(Ordering::Acquire)
    }

    pub(super) async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let (mut place, answer) = self.shared.place()?;
        let mut query = query.to_vec();
        query[..2].copy_from_slice(&place.id.to_be_bytes());
        {
            let mut writer = self.writer.lock().await;
            writer.write_all(&framed(&query)).await?;
            writer.flush().await?;
            place.written = true;
        }
        let mut message = answer.await.map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))?;
        message[..2].fill(0);
        Ok(message)
    }
}

impl Shared {
    fn place(&self) -> Result<(Place<'_>, oneshot::Receiver<Vec<u8>>), ExchangeError> {
        let mut waiting = self.waiting.lock();
        if self.closed.load(Ordering::Acquire) {
            return Err(io::Error::from(io::ErrorKind::ConnectionReset).into());
        }
        // There are fewer questions in flight than identifiers.
        let id = loop {
            let id = random_id()?;
            if !waiting.contains_key(&id) {
                break id;
            }
        };
        let (sender, receiver) = oneshot::channel();
        waiting.insert(id, sender);
        Ok((Place { shared: self, id, written: false }, receiver))
    }
}

async fn read(mut reader: ReadHalf<TlsStream<TcpStream>>, shared: Arc<Shared>) {
    while let Ok(Ok(message)) = timeout(IDLE, read_message(&mut reader)).await {
        let id = u16::from_be_bytes([message[0], message[1]]);
        if let Some(asker) = shared.waiting.lock().remove(&id) {
            // Whoever asked may have given up.
            let _ = asker.send(message);
        }
    }
    let mut waiting = shared.waiting.lock();
    shared.closed.store(true, Ordering::Release);
    // Everybody who waits learns that nothing will come.
    waiting.clear();
}

async fn read_message(reader: &mut ReadHalf<TlsStream<TcpStream>>) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    if length < 2 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    reader.read_exact(&mut message).await?;
    Ok(message)
}

/// A TLS connection to the upstream's address, whose certificate holds the upstream's name.
pub(super) async fn connect(
    upstream: &Upstream,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, ExchangeError> {
    let stream = TcpStream::connect(upstream.address).await?;
    stream.set_nodelay(true)?;
    Ok(TlsConnector::from(config).connect(server_name(upstream), stream).await?)
}

/// A TLS connection for HTTP/1.1 to the first address that answers, with a certificate for `name`.
pub(in crate::act) async fn connect_to(
    addresses: &[SocketAddr],
    name: &ServerName<'static>,
    trust: &Trust,
) -> io::Result<TlsStream<TcpStream>> {
    let mut outcome = Err(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        outcome = match timeout(EACH, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return TlsConnector::from(trust.speaking(Some(b"http/1.1"))).connect(name.clone(), stream).await;
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
    }
    outcome
}

fn server_name(upstream: &Upstream) -> ServerName<'static> {
    let by_address = |address: SocketAddr| ServerName::IpAddress(address.ip().into());
    let by_name = upstream.name.as_ref().and_then(|name| ServerName::try_from(name.as_str().to_owned()).ok());
    by_name.unwrap_or_else(|| by_address(upstream.address))
}
