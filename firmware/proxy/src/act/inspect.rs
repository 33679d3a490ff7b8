use std::sync::Arc;

use bytes::Bytes;
use gate_core::Reason;
use tokio::net::TcpStream;

use crate::session::{Closed, Session};
use crate::shared::Shared;

/// Terminates the client's TLS and relays request by request, inspected.
///
/// `hello` is everything read from `client` so far; `upstream` is dialled and guarded. Refuses everything until the
/// inspect path is in.
pub(crate) async fn run(
    _shared: Arc<Shared>,
    _session: Session,
    _client: TcpStream,
    _hello: Bytes,
    _upstream: TcpStream,
) -> Closed {
    Closed::refused(Reason::Internal)
}
