use std::net::SocketAddr;

use bytes::BytesMut;
use tokio::net::TcpStream;

use super::Visitor;
use crate::decide::Towards;
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
    let course = visitor.circumstances().course(towards, &peeked.value);
    visitor.follow(course, stream, peeked.value, peeked.raw).await
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
