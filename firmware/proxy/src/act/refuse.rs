//! Says no in the client's own language, and closes so that it hears it.

use std::time::Duration;

use gate_core::Reason;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::meter::Meter;

/// How long a client gets to read the last words and close its side.
const LINGER: Duration = Duration::from_millis(500);
/// What it may still send meanwhile: an upload that was refused at its start is under way at full speed.
const LINGER_BYTES: usize = 4 * 1024 * 1024;

/// Refuses a TLS client: a fatal alert where one says something, then a clean close.
pub(crate) async fn tls(mut stream: TcpStream, meter: &Meter, reason: &Reason) {
    if let Some(description) = alert(reason) {
        // Content type alert, version TLS 1.2 as RFC 8446 section 5.1 wants it in the clear, level fatal.
        say(&mut stream, meter, &[21, 3, 3, 0, 2, 2, description]).await;
    }
    close(stream).await;
}

/// The alert description of RFC 8446 section 6 that tells this reason best.
fn alert(reason: &Reason) -> Option<u8> {
    const HANDSHAKE_FAILURE: u8 = 40;
    const BAD_CERTIFICATE: u8 = 42;
    const ACCESS_DENIED: u8 = 49;
    const DECODE_ERROR: u8 = 50;
    const INTERNAL_ERROR: u8 = 80;
    const UNRECOGNIZED_NAME: u8 = 112;
    match reason {
        // Nobody listens, or nobody who speaks TLS.
        Reason::ClientGone | Reason::NotTls | Reason::HelloTimeout => None,
        Reason::NoSni | Reason::BadSni | Reason::NotInCatalogue | Reason::HostMismatch => Some(UNRECOGNIZED_NAME),
        Reason::UpstreamHandshake => Some(HANDSHAKE_FAILURE),
        Reason::UpstreamCertificate => Some(BAD_CERTIFICATE),
        Reason::BadHello | Reason::HelloTooLarge => Some(DECODE_ERROR),
        Reason::Unresolvable | Reason::UpstreamUnreachable | Reason::Internal | Reason::Shutdown => {
            Some(INTERNAL_ERROR)
        }
        _ => Some(ACCESS_DENIED),
    }
}

/// Writes a few bytes that fit into any socket buffer; a client that is gone does not matter any more.
pub(crate) async fn say(stream: &mut TcpStream, meter: &Meter, bytes: &[u8]) {
    if let Ok(Ok(())) = timeout(LINGER, stream.write_all(bytes)).await {
        meter.add_down(bytes.len());
    }
}

/// Closes our side, then reads and drops what the client still sends, for a short while. Closing with unread bytes
/// would send a reset, which makes the client's kernel throw away our last words.
pub(crate) async fn close(mut stream: TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let draining = async {
        let mut scratch = [0; 2048];
        let mut left = LINGER_BYTES;
        while let Ok(read @ 1..) = stream.read(&mut scratch).await {
            left = left.saturating_sub(read);
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(LINGER, draining).await;
}

#[cfg(test)]
mod tests {
    use super::alert;
    use gate_core::Reason;

    #[test]
    fn alerts_tell_names_from_policy_and_faults() {
        let rows = [
            (Reason::NotTls, None),
            (Reason::ClientGone, None),
            (Reason::NoSni, Some(112)),
            (Reason::NotInCatalogue, Some(112)),
            (Reason::BadHello, Some(50)),
            (Reason::Policy("r".into()), Some(49)),
            (Reason::SsrfGuard, Some(49)),
            (Reason::UpstreamUnreachable, Some(80)),
            (Reason::UpstreamHandshake, Some(40)),
            (Reason::UpstreamCertificate, Some(42)),
        ];
        for (reason, expected) in rows {
            assert_eq!(alert(&reason), expected, "{reason:?}");
        }
    }
}
