//! DNS over QUIC (RFC 9250): a stream for each question.

use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, TransportConfig, VarInt};

use super::ExchangeError;
use super::message::framed;
use super::trust::Trust;
use crate::Upstream;

/// RFC 9250 section 4.1.1.
const ALPN: &[u8] = b"doq";
/// DOQ_NO_ERROR (RFC 9250 section 4.3).
const NO_ERROR: VarInt = VarInt::from_u32(0);
/// A connection on which nothing happened for so long ends.
const IDLE: Duration = Duration::from_secs(30);
/// What the upstream may send ahead: the largest message on a stream, and some of them together.
const STREAM_WINDOW: VarInt = VarInt::from_u32(65_537);
const CONNECTION_WINDOW: VarInt = VarInt::from_u32(512 << 10);

/// An open connection with a UDP socket of its own.
pub(super) struct Session {
    connection: Connection,
    _endpoint: Endpoint,
}

impl Session {
    pub(super) async fn open(upstream: &Upstream, trust: &Trust) -> Result<Self, ExchangeError> {
        let local: SocketAddr = match upstream.address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let endpoint = Endpoint::client(local)?;
        let name = upstream.name.as_ref().map_or_else(|| upstream.address.ip().to_string(), ToString::to_string);
        let connecting = endpoint.connect_with(config(trust)?, upstream.address, &name).map_err(broken)?;
        Ok(Self { connection: connecting.await.map_err(broken)?, _endpoint: endpoint })
    }

    pub(super) fn is_open(&self) -> bool {
        self.connection.close_reason().is_none()
    }

    pub(super) async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let (mut sending, mut receiving) = self.connection.open_bi().await.map_err(broken)?;
        sending.write_all(&framed(query)).await.map_err(broken)?;
        // The end of the stream is part of the question.
        sending.finish().map_err(broken)?;
        let mut bytes = receiving.read_to_end(2 + usize::from(u16::MAX)).await.map_err(broken)?;
        let length = bytes.get(..2).map(|length| usize::from(u16::from_be_bytes([length[0], length[1]])));
        if length.is_none_or(|length| bytes.len() != 2 + length) {
            return Err(broken("the length of its answer is wrong"));
        }
        Ok(bytes.split_off(2))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.close(NO_ERROR, b"");
    }
}

fn config(trust: &Trust) -> Result<ClientConfig, ExchangeError> {
    let tls = QuicClientConfig::try_from(trust.speaking(Some(ALPN))).map_err(broken)?;
    let mut transport = TransportConfig::default();
    transport
        .max_idle_timeout(Some(IDLE.try_into().expect("30 seconds are in range")))
        .stream_receive_window(STREAM_WINDOW)
        .receive_window(CONNECTION_WINDOW)
        // A client of DNS takes no streams from the other side.
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(0));
    let mut config = ClientConfig::new(Arc::new(tls));
    config.transport_config(Arc::new(transport));
    Ok(config)
}

fn broken(error: impl Display) -> ExchangeError {
    ExchangeError::Quic(error.to_string())
}
