//! The client's side of HTTP: one hyper connection, until it ends, idles, or the daemon stops.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use gate_core::Reason;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio_rustls::server::TlsStream;
use tracing::Instrument;

use super::exchange::Exchange;
use super::leaf::Alpn;
use super::limits;
use super::reply::ReplyError;
use super::wire::Wire;

/// A head of HTTP/1.1 that is longer on its way is none: the slowest link brings 16 KiB in that time. Between two requests a
/// client may be silent for as long as any connection.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How often that is looked at in this time.
const HEAD_LOOKS: u32 = 4;

/// Serves the client in the protocol agreed on, and says why the connection ended early.
pub(super) async fn serve(exchange: Arc<Exchange>, tls: TlsStream<Wire>) -> Option<Reason> {
    match exchange.upstream.alpn() {
        Alpn::Http2 => http2(exchange, tls).await,
        Alpn::Http1 | Alpn::Absent => http1(exchange, tls).await,
    }
}

async fn http1(exchange: Arc<Exchange>, tls: TlsStream<Wire>) -> Option<Reason> {
    let answering = Arc::clone(&exchange);
    let service = service_fn(move |request| {
        let exchange = Arc::clone(&answering);
        async move { Ok::<_, Infallible>(exchange.answer(request).await) }.in_current_span()
    });
    let connection = limits::h1_server(&mut http1::Builder::new())
        .timer(TokioTimer::new())
        .header_read_timeout(exchange.shared.config.idle())
        .serve_connection(TokioIo::new(tls), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let watched = watch(&exchange, connection.as_mut(), http1::UpgradeableConnection::graceful_shutdown);
    let reason = tokio::select! {
        reason = watched => reason,
        () = slow_head(&exchange) => Some(cut(&exchange, Reason::IdleTimeout)),
    };
    let socket = exchange.socket.lock().take();
    match socket {
        Some(socket) if reason.is_none() => socket.run(&exchange).await,
        _ => reason,
    }
}

async fn http2(exchange: Arc<Exchange>, tls: TlsStream<Wire>) -> Option<Reason> {
    let answering = Arc::clone(&exchange);
    let service = service_fn(move |request| {
        let exchange = Arc::clone(&answering);
        async move { Ok::<_, Infallible>(exchange.answer(request).await) }.in_current_span()
    });
    let connection = limits::h2_server(&mut http2::Builder::new(TokioExecutor::new()))
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(tls), service);
    watch(&exchange, pin!(connection), http2::Connection::graceful_shutdown).await
}

/// Runs a connection to its end and says why it ended early.
async fn watch<C>(exchange: &Exchange, mut connection: Pin<&mut C>, finish_up: impl Fn(Pin<&mut C>)) -> Option<Reason>
where
    C: Future<Output = hyper::Result<()>>,
{
    let shared = &exchange.shared;
    let mut idle = pin!(exchange.session.meter.idle_for(shared.config.idle()));
    let mut told = false;
    loop {
        tokio::select! {
            result = connection.as_mut() => {
                let is_left = |reason: &Reason| {
                    *reason == Reason::ClientReset && exchange.ending.told.load(Ordering::Relaxed)
                };
                let reason = result.err().and_then(|error| blame(&error)).filter(|reason| !is_left(reason));
                // Closing cuts the server's connection too, which is not the server's doing.
                return if shared.closing.is_cancelled() { Some(Reason::Shutdown) } else { reason };
            }
            () = &mut idle => return Some(cut(exchange, Reason::IdleTimeout)),
            () = shared.closing.cancelled() => return Some(cut(exchange, Reason::Shutdown)),
            () = shared.stopping.cancelled(), if !told => finish_up(connection.as_mut()),
            () = exchange.ending.retire.cancelled(), if !told => finish_up(connection.as_mut()),
        }
        told = true;
    }
}

/// Returns once bytes have been coming for too long without becoming a request. Of HTTP/2 nobody need know: what cuts a
/// frame short answers no ping.
async fn slow_head(exchange: &Exchange) {
    let (ending, meter) = (&exchange.ending, &exchange.session.meter);
    ending.calm(meter.up());
    let (mut looks, mut last) = (0, None);
    while looks < HEAD_LOOKS {
        tokio::time::sleep(HEAD_PATIENCE / HEAD_LOOKS).await;
        let waits = ending.waits_for_a_head(meter.up());
        looks = if waits.is_some() && waits == last { looks + 1 } else { 0 };
        last = waits;
    }
}

fn cut(exchange: &Exchange, reason: Reason) -> Reason {
    exchange.ending.cut.get_or_init(|| reason).clone()
}

/// Who broke the connection. A client that closes TCP without TLS's good-bye between requests is no fault.
fn blame(error: &hyper::Error) -> Option<Reason> {
    let mut sources = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let (mut io, mut reply) = (None, None);
    for source in sources.by_ref() {
        io = io.or_else(|| source.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
        reply = reply.or_else(|| source.downcast_ref::<ReplyError>());
    }
    match (reply, io) {
        (Some(ReplyError::Upstream(_)), _) => Some(Reason::UpstreamReset),
        (Some(ReplyError::Journal(_)), _) => Some(Reason::Internal),
        (Some(ReplyError::Refused), _) => None,
        (None, _) if error.is_parse() => Some(Reason::BadRequest),
        (None, _) if error.is_timeout() => Some(Reason::IdleTimeout),
        (None, Some(std::io::ErrorKind::UnexpectedEof)) => None,
        (Some(ReplyError::Coding(_)), _) => Some(Reason::BadEncoding),
        (None, _) => Some(Reason::ClientReset),
    }
}
