//! Sockets into requests: who may connect, TLS, limits on time and number.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use gate_core::ClientAddr;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service as _;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::{Config, Site};

mod activity;
mod places;
mod proxy_line;

pub(crate) use self::activity::InFlight;

use self::activity::Activity;
use self::places::{Place, Places};

/// How long open requests may go on after the daemon was told to stop; everything must be over within 5 s.
const DRAIN: Duration = Duration::from_secs(3);

/// Pause after a failed accept: out of file descriptors, trying again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Largest head of a request. Cookies and a token need far less.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Streams at once in one HTTP/2 connection: a page opens about ten.
const MAX_H2_STREAMS: u32 = 32;

/// The sockets, bound by the caller.
#[derive(Debug, Default)]
pub struct Listeners {
    /// For the office: the client is the peer.
    pub https: Vec<TcpListener>,
    /// For the proxy on this machine, which names the client in a PROXY line.
    pub handover: Vec<TcpListener>,
}

/// How a connection came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Door {
    Public,
    Handover,
}

/// What all connections share.
struct House {
    app: Arc<App>,
    tls: TlsAcceptor,
    router: TowerToHyperService<Router>,
    places: Arc<Places>,
    stop: CancellationToken,
}

/// Serves until `stop`, then gives open requests a moment. Returns when every task is over.
pub(crate) async fn serve(
    app: Arc<App>,
    router: Router,
    listeners: Listeners,
    mut tls: ServerConfig,
    stop: CancellationToken,
) {
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let places = Places::new(app.config.max_connections, app.config.max_connections_per_client);
    let house = Arc::new(House {
        app,
        tls: TlsAcceptor::from(Arc::new(tls)),
        router: TowerToHyperService::new(router),
        places,
        stop: stop.clone(),
    });
    let connections = TaskTracker::new();
    let doors = TaskTracker::new();
    let public = listeners.https.into_iter().map(|listener| (listener, Door::Public));
    for (listener, door) in public.chain(listeners.handover.into_iter().map(|listener| (listener, Door::Handover))) {
        doors.spawn(listen(Arc::clone(&house), listener, door, connections.clone()));
    }
    stop.cancelled().await;
    doors.close();
    doors.wait().await;
    connections.close();
    connections.wait().await;
}

async fn listen(house: Arc<House>, listener: TcpListener, door: Door, connections: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = house.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                connections.spawn(welcome(Arc::clone(&house), stream, peer, door));
            }
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One connection, from the bare socket to its end.
async fn welcome(house: Arc<House>, stream: TcpStream, peer: SocketAddr, door: Door) {
    let greeted = tokio::select! {
        greeted = greet(&house, stream, peer, door) => greeted,
        () = house.stop.cancelled() => return,
    };
    match greeted {
        Ok((stream, client, _place)) => speak(&house, stream, client).await,
        Err(refusal) => {
            tracing::debug!(%peer, ?door, %refusal, "a connection was refused");
            house.app.meters.refused_connections.add();
        }
    }
}

/// Why a connection never came to speak.
#[derive(Debug, Error)]
enum Refusal {
    #[error("there are too many connections")]
    Full,
    #[error("{0} is not in a local subnet")]
    NotLocal(ClientAddr),
    #[error("{0} has too many connections")]
    TooMany(ClientAddr),
    #[error("it took too long")]
    Late(#[from] Elapsed),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Everything before the first request: a place, who it is, TLS.
async fn greet(
    house: &House,
    mut stream: TcpStream,
    peer: SocketAddr,
    door: Door,
) -> Result<(TlsStream<TcpStream>, ClientAddr, Place), Refusal> {
    let patience = Duration::from_millis(house.app.config.handshake_ms);
    let mut place = Places::enter(&house.places).ok_or(Refusal::Full)?;
    let client = timeout(patience, client_of(&mut stream, peer, door)).await??;
    if !is_local(&house.app.site, client.ip()) {
        return Err(Refusal::NotLocal(client));
    }
    if !place.seat(client.ip()) {
        return Err(Refusal::TooMany(client));
    }
    stream.set_nodelay(true)?;
    let stream = timeout(patience, house.tls.accept(stream)).await??;
    Ok((stream, client, place))
}

/// The client: the peer, or whom the proxy names. Only this machine may name others.
async fn client_of(stream: &mut TcpStream, peer: SocketAddr, door: Door) -> io::Result<ClientAddr> {
    match door {
        Door::Public => Ok(ClientAddr(peer)),
        Door::Handover if peer.ip().to_canonical().is_loopback() => proxy_line::read(stream).await.map(ClientAddr),
        Door::Handover => Err(io::Error::from(io::ErrorKind::PermissionDenied)),
    }
}

/// The same rule as for DNS: the office and this machine, nobody else.
fn is_local(site: &Site, client: IpAddr) -> bool {
    let client = client.to_canonical();
    client.is_loopback() || site.local.iter().any(|subnet| subnet.contains(&client))
}

/// HTTP over an established TLS connection, until it ends, is idle for too long, or the daemon stops.
async fn speak(house: &House, stream: TlsStream<TcpStream>, client: ClientAddr) {
    let activity = Activity::new();
    let over = over(house, activity.clone());
    let router = house.router.clone();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        let in_flight = activity.begin();
        request.extensions_mut().insert(client);
        request.extensions_mut().insert(in_flight.clone());
        let answer = router.call(request);
        async move {
            let answer = answer.await;
            drop(in_flight);
            answer
        }
    });
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = TokioIo::new(stream);
    let outcome = if h2 {
        until(http2().serve_connection(io, service), over).await.map_err(|error| error.to_string())
    } else {
        until(http1(&house.app.config).serve_connection(io, service), over).await.map_err(|error| error.to_string())
    };
    if let Err(error) = outcome {
        tracing::debug!(%client, %error, "a connection broke");
    }
}

fn http1(config: &Config) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(config.header_ms))
        .max_buf_size(MAX_HEAD_BYTES);
    http
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MAX_H2_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).expect("16 KiB fits in 32 bits"))
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(10));
    http
}

/// Resolves when a connection has to go: nothing was asked for a while, or the daemon stops.
async fn over(house: &House, activity: Activity) {
    tokio::select! {
        () = house.stop.cancelled() => {}
        () = activity.idle_for(Duration::from_secs(house.app.config.idle_seconds)) => {}
    }
}

/// Runs a connection to its own end, or gracefully to an early one.
async fn until<C: GracefulConnection>(connection: C, over: impl Future<Output = ()>) -> Result<(), C::Error> {
    let mut connection = pin!(connection);
    tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = over => {
            connection.as_mut().graceful_shutdown();
            timeout(DRAIN, connection).await.unwrap_or(Ok(()))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Site;

    use super::is_local;

    #[test]
    fn only_the_office_and_this_machine_are_served() {
        let local = ["192.0.2.0/24", "2001:db8:1::/64"].map(|net| net.parse().unwrap()).to_vec();
        let site = Site { local, names: Vec::new() };
        for (client, served) in [
            ("192.0.2.10", true),
            ("::ffff:192.0.2.10", true),
            ("2001:db8:1::5", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("198.51.100.1", false),
            ("2001:db8:2::5", false),
            ("::ffff:198.51.100.1", false),
        ] {
            assert_eq!(is_local(&site, client.parse().unwrap()), served, "{client}");
        }
    }
}
