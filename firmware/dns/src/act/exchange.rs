//! One question to one upstream, over whatever it speaks.

mod https;
mod message;
mod plain;
mod pool;
mod quic;
mod tls;
mod trust;

use std::io;

use thiserror::Error;

use crate::parse::{Answer, AnswerError, Question};
use crate::{Protocol, Upstream};

use plain::Plain;
use pool::Pool;
pub(super) use tls::connect_to;
pub(super) use trust::Trust;
pub use trust::TrustError;

/// Why one upstream gave no answer.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("it did not answer in time")]
    Timeout,
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("its answer cannot be used: {0}")]
    Answer(#[from] AnswerError),
    #[error("it does not answer such questions (response code {rcode})")]
    Unwilling { rcode: u8 },
    #[error("too many questions are in flight")]
    Busy,
    #[error("no upstream has answered lately")]
    Down,
    #[error("HTTP/2: {0}")]
    Http(#[from] h2::Error),
    #[error("it answers with HTTP status {0}")]
    Status(u16),
    #[error("QUIC: {0}")]
    Quic(String),
    #[error("it sends more than a DNS message can be")]
    TooLong,
}

/// The way to one upstream.
pub(super) enum Channel {
    Plain(Plain),
    /// Connections last, because a handshake costs more than the question.
    Encrypted(Pool),
}

impl Channel {
    pub(super) fn new(upstream: &Upstream, trust: &Trust) -> Self {
        match upstream.protocol {
            Protocol::Plain => Self::Plain(Plain::new(upstream.address)),
            _ => Self::Encrypted(Pool::new(upstream.clone(), trust.clone())),
        }
    }

    pub(super) async fn exchange(&self, question: &Question) -> Result<Answer, ExchangeError> {
        match self {
            Self::Plain(plain) => plain.exchange(question).await,
            Self::Encrypted(pool) => pool.exchange(question).await,
        }
    }

    /// Whether a question can leave at once: a handshake may take longer than an answer.
    pub(super) fn is_ready(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            Self::Encrypted(pool) => pool.is_open(),
        }
    }
}
