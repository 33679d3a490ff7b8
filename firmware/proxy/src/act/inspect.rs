//! Inspect: TLS is ended on both sides, and every request is read before it leaves.
//!
//! ```text
//!  client ─TLS─ wire ─ hyper ─┬─ head     whose request is it, what is never passed on
//!               leaf          ├─ account  whose account at the provider it uses
//!                             ├─ collect  the whole body, under a cap and a budget
//!                             ├─ judge    decode, scan, policy, edit; pure
//!                             ├─ upstream the verified server, its protocol kept
//!                             ├─ left     what one connection of a client leaves to its next
//!                             ├─ reply    frame by frame, tokens read on the side
//!                             ├─ restore  placeholders become values again, where there are any
//!                             ├─ calls    gRPC and Connect, message by message
//!                             ├─ socket   WebSockets, message by message
//!                             └─ record   one RequestEvent
//! ```
//!
//! **Invariant:** the server's certificate is verified before the client's handshake completes, and the client gets
//! the server's protocol, none other.
//!
//! **Invariant:** a request, or a message of a call or WebSocket, is judged whole or not sent. Bytes that were not edited leave exactly as they came.
//!
//! **Invariant:** the record of a request is in the journal before the client can see the end of its answer.

use std::io;
use std::sync::Arc;
use std::thread::available_parallelism;

use bytes::Bytes;
use gate_core::{FallbackCause, Mode, Reason};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::distrust::Quiet;
use self::exchange::Exchange;
use self::leaf::Leaves;
use self::upstream::Upstream;
use self::vault::Vault;
use self::wire::Wire;
use crate::act::refuse;
use crate::config::Config;
use crate::ports::Ports;
use crate::session::{Closed, Session};
use crate::shared::Shared;

mod leaf;
mod wire;

mod account;
mod attached;
mod budget;
mod collect;
mod decode;
mod fields;
mod form;
mod head;
mod kind;
mod target;

mod judge;
mod memory;
mod vault;

mod calls;
mod distrust;
mod draft;
mod exchange;
mod left;
mod limits;
mod refusal;
mod reply;
mod restore;
mod serve;
mod socket;
mod unpack;
mod upstream;
mod usage;

mod record;

pub use account::account_of;
pub(crate) use budget::Budget;
pub use judge::{Inspector, Judged, Prompt};
pub(crate) use left::{Left, take_over};
pub use memory::ValueHash;
pub use refusal::Refusal;

/// What all inspected connections share.
pub(crate) struct State {
    leaves: Leaves,
    inspector: Inspector,
    /// Makes hashes of accounts.
    account_key: ValueHash,
    /// Large bodies that are judged at once: no more than there are processors.
    large: Semaphore,
    /// Compressed answers whose tokens are read at once.
    decoders: Arc<Semaphore>,
    /// Connections to providers between two of a client.
    shelf: left::Shelf,
}

impl State {
    pub(crate) fn new(config: &Config, ports: &Ports) -> Self {
        Self {
            leaves: Leaves::new(config.leaf_cache),
            inspector: Inspector::new(ValueHash::random(), config.body_cap_bytes, config.max_ratio)
                .with_vault(Vault::new(ports.placeholder_key.clone(), config)),
            account_key: ports.account_key.clone(),
            large: Semaphore::new(available_parallelism().map_or(1, usize::from)),
            decoders: Arc::new(Semaphore::new(usage::DECODERS)),
            shelf: left::Shelf::default(),
        }
    }
}

/// How the provider is reached, at an address that the guard let through.
pub(crate) enum Server {
    /// Dialled, and still unknown.
    New(TcpStream),
    /// Met by an earlier connection of the same client.
    Left(Left),
}

/// Terminates the client's TLS and relays request by request, inspected.
///
/// `hello` is everything read from `client` so far, already counted.
pub(crate) async fn run(
    shared: Arc<Shared>,
    session: Session,
    client: TcpStream,
    hello: Bytes,
    server: Server,
) -> Closed {
    let (upstream, config) = match prepare(&shared, &session, server).await {
        Ok(ready) => ready,
        Err(reason) => {
            refuse::tls(client, &session.meter, &reason).await;
            return Closed::refused(reason);
        }
    };
    // Events of a stream must not wait for each other; where the option is refused they are only slower.
    let _ = client.set_nodelay(true);
    let client = Arc::new(client);
    let wire = Wire::new(Arc::clone(&client), hello, Arc::clone(&session.meter));
    let alpn = upstream.alpn();
    let reason = match handshake(config, wire).await {
        Ok(tls) => {
            let quiet = Quiet::begin(&session.meter);
            let exchange = Arc::new(Exchange::new(shared, session, upstream));
            let reason = serve::serve(Arc::clone(&exchange), tls).await;
            if !exchange.asked() && quiet.is_refusal(&exchange.session.meter, reason.as_ref()) {
                distrust::note(&exchange.shared, &exchange.session, FallbackCause::Closed);
            }
            // Many programs go without a good-bye; what was open then is owed, and left to nobody.
            if exchange.asked() && matches!(reason, None | Some(Reason::ClientReset)) {
                left::keep(&exchange.shared, &exchange.session, &exchange.upstream).await;
            }
            reason
        }
        Err(error) => {
            tracing::info!(%error, "the client broke the handshake");
            if let Some(cause) = distrust::cause(&error, &session.meter) {
                distrust::note(&shared, &session, cause);
            }
            Some(Reason::ClientHandshake)
        }
    };
    // A refusal may still be on its way to a client that sends without reading.
    if let Ok(client) = Arc::try_unwrap(client) {
        refuse::close(client).await;
    }
    Closed { mode: Mode::Inspected, reason, alpn: Some(alpn.spoken().to_owned()) }
}

/// Everything that must have succeeded before the client is answered.
async fn prepare(
    shared: &Arc<Shared>,
    session: &Session,
    server: Server,
) -> Result<(Upstream, Arc<ServerConfig>), Reason> {
    let (met, host) = (Arc::clone(shared), session.host.clone());
    let upstream = match server {
        Server::Left(left) => Upstream::go_on(met, host, &session.alpn, left),
        Server::New(tcp) => Upstream::meet(met, host, &session.alpn, tcp).await.map_err(|error| {
            tracing::warn!(host = %session.host, %error, "the provider is not met");
            error.reason()
        })?,
    };
    let leaves = &shared.inspect.leaves;
    let config = leaves.config(&shared.ports.mint, &session.host, upstream.alpn(), shared.now()).await;
    let config = config.map_err(|error| {
        tracing::error!(host = %session.host, %error, "there is no certificate to show");
        Reason::Internal
    })?;
    Ok((upstream, config))
}

async fn handshake(config: Arc<ServerConfig>, wire: Wire) -> io::Result<TlsStream<Wire>> {
    let accepting = TlsAcceptor::from(config).accept(wire);
    timeout(upstream::HANDSHAKE, accepting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// A door for fuzzing into what reads the frames of a stranger's WebSocket.
pub(crate) fn socket_frames(mut bytes: &[u8]) {
    use socket::frame::{Head, mask};
    while let Ok(Some((head, length))) = Head::parse(bytes) {
        assert_eq!(head.to_bytes(), bytes[..length]);
        (0..length).for_each(|cut| assert_eq!(Head::parse(&bytes[..cut]), Ok(None)));
        let end = usize::try_from(head.length).ok().and_then(|payload| length.checked_add(payload));
        let Some(payload) = end.and_then(|end| bytes.get(length..end)) else { return };
        let mut masked = payload.to_vec();
        mask(&mut masked, head.mask.unwrap_or_default(), 0);
        mask(&mut masked, head.mask.unwrap_or_default(), 0);
        assert_eq!(masked, payload);
        bytes = &bytes[length + payload.len()..];
    }
}

#[cfg(test)]
mod tests;
