use std::net::SocketAddr;

use bytes::BytesMut;
use gate_core::{HostName, Reason};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Visitor;
use crate::decide::{Course, Towards, guard};
use crate::parse::peek::{self, PeekError};
use crate::session::Closed;

/// A TLS client that DNS or the kernel led here.
pub(super) async fn visit(visitor: &mut Visitor, mut stream: TcpStream) -> Closed {
    let (limits, patience) = (visitor.hello_limits(), visitor.shared.config.hello_timeout());
    let peeked = match peek::hello(&mut stream, BytesMut::new(), limits, patience, &visitor.meter).await {
        Ok(peeked) => peeked,
        Err(error) => {
            tracing::debug!(%error, "no ClientHello");
            if matches!(error, PeekError::Gone) && visitor.meter.up() == 0 && visitor.client.ip().is_loopback() {
                visitor.pending.was_a_probe();
            }
            return visitor.refuse(stream, error.reason()).await;
        }
    };
    let towards = if is_own(visitor, &stream) { Towards::Own } else { Towards::Elsewhere };
    let course = match visitor.circumstances().course(towards, &peeked.value) {
        // It came to an address that AI is served from, under a name that is none of AI's and perhaps not the real one.
        Course::Connect { host, entry: None, .. }
            if peeked.value.ech && towards == Towards::Elsewhere && !leads_here(visitor, &host).await =>
        {
            visitor.shared.counters.refused_with_ech.add(1);
            Course::Refuse(Reason::NotInCatalogue)
        }
        course => course,
    };
    visitor.follow(course, stream, peeked.value, peeked.raw).await
}

/// Whether the name leads where the client went. Then the Encrypted Client Hello is the noise that browsers send to every
/// site (RFC 9849 section 6.2): a name that only covers another one has addresses of its own.
async fn leads_here(visitor: &Visitor, host: &HostName) -> bool {
    let Some(dst) = visitor.dst else { return false };
    let resolving = visitor.shared.ports.resolve.resolve(host);
    let found = timeout(visitor.shared.config.connect_timeout(), resolving).await;
    matches!(found, Ok(Ok(found)) if found.iter().any(|address| guard::is_near(*address, dst.ip())))
}

/// Whether the client meant the puck itself. A destination that cannot be told counts as our own, where only names of
/// the catalogue go further; so does the listener's own address, which is the answer for a socket nobody redirected.
pub(super) fn is_own(visitor: &Visitor, stream: &TcpStream) -> bool {
    let plain = |addr: SocketAddr| (addr.ip().to_canonical(), addr.port());
    visitor.dst.is_none_or(|dst| {
        visitor.snapshot.place.own_addresses.contains(&dst.ip())
            || stream.local_addr().is_ok_and(|local| plain(local) == plain(dst.0))
    })
}
