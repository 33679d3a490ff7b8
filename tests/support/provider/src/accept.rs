//! From a TCP connection to HTTP: TLS with the certificate its name asks for, the protocol that ALPN chose.

use std::fs::File;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use crate::Lab;
use crate::record::{ConnectionLine, now_micros};
use crate::respond::respond;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Https,
    Http,
}

/// What a request may know about the connection it came on.
pub(crate) struct Peer {
    pub(crate) connection: u64,
    pub(crate) address: SocketAddr,
    pub(crate) scheme: Scheme,
    pub(crate) server_name: Option<String>,
    /// Set to have the connection reset instead of closed.
    pub(crate) reset: Arc<AtomicBool>,
}

pub(crate) async fn serve(lab: Arc<Lab>, listener: TcpListener, scheme: Scheme) {
    loop {
        let Ok((stream, address)) = listener.accept().await else { continue };
        let lab = Arc::clone(&lab);
        tokio::spawn(async move {
            // A connection that breaks is the point of many tests; what matters of it is in the record.
            let _ = connection(&lab, stream, address, scheme).await;
        });
    }
}

async fn connection(
    lab: &Arc<Lab>,
    stream: TcpStream,
    address: SocketAddr,
    scheme: Scheme,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stream.set_nodelay(true)?;
    let mut line = ConnectionLine {
        at_micros: now_micros(),
        connection: lab.recorder.next_connection(),
        peer: address,
        local: stream.local_addr()?,
        server_name: None,
        alpn: None,
        group: None,
        error: None,
    };
    let secured = match scheme {
        Scheme::Https => handshake(lab, stream, &mut line).await.map(Transport::Tls),
        Scheme::Http => Ok(Transport::Plain(stream)),
    };
    line.error = secured.as_ref().err().map(ToString::to_string);
    lab.recorder.connection(&line);
    let reset = Arc::new(AtomicBool::new(false));
    let tap = Tap { inner: secured?, wire: lab.recorder.wire(line.connection), reset: Arc::clone(&reset) };
    let h2 = line.alpn.as_deref() == Some("h2");
    let peer = Peer { connection: line.connection, address, scheme, server_name: line.server_name, reset };
    http(Arc::clone(lab), tap, Arc::new(peer), h2).await
}

async fn handshake(lab: &Lab, stream: TcpStream, line: &mut ConnectionLine) -> io::Result<Box<TlsStream<TcpStream>>> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    line.server_name = start.client_hello().server_name().map(str::to_ascii_lowercase);
    let config = lab.authority.config(line.server_name.as_deref());
    let stream = start.into_stream(config).await?;
    let tls = stream.get_ref().1;
    line.alpn = tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
    line.group = tls.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    Ok(Box::new(stream))
}

async fn http(
    lab: Arc<Lab>,
    tap: Tap,
    peer: Arc<Peer>,
    h2: bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let service = service_fn(move |request| respond(Arc::clone(&lab), Arc::clone(&peer), request));
    let io = TokioIo::new(tap);
    if h2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder.timer(TokioTimer::new()).max_concurrent_streams(256);
        builder.serve_connection(io, service).await?;
    } else {
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(io, service).with_upgrades().await?;
    }
    Ok(())
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Copies every byte that arrives into a file before anybody parses it, and can reset instead of close.
struct Tap {
    inner: Transport,
    wire: Option<File>,
    reset: Arc<AtomicBool>,
}

impl Tap {
    fn broken(&self) -> io::Result<()> {
        if self.reset.load(Ordering::Relaxed) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        if self.reset.load(Ordering::Relaxed) {
            let socket = match &self.inner {
                Transport::Plain(stream) => stream,
                Transport::Tls(stream) => stream.get_ref().0,
            };
            // Closing with zero linger sends RST instead of FIN.
            let _ = socket.set_zero_linger();
        }
    }
}

impl AsyncRead for Tap {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = match &mut self.inner {
            Transport::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        };
        if let Some(wire) = &mut self.wire {
            wire.write_all(&buf.filled()[before..])?;
        }
        polled
    }
}

impl AsyncWrite for Tap {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.broken()?;
        match &mut self.inner {
            Transport::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Transport::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.broken()?;
        match &mut self.inner {
            Transport::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
