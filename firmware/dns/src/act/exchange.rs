//! One question to one upstream, over whatever it speaks.

mod edns;
mod https;
mod message;
mod plain;
mod pool;
mod quic;
mod tls;
mod trust;

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{Instant, timeout};

use crate::parse::{Answer, AnswerError, Question};
use crate::{Protocol, Upstream};

use edns::Edns;
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

/// The way to one upstream, and whether it takes OPT.
pub(super) struct Channel {
    path: Path,
    edns: Edns,
}

enum Path {
    Plain(Plain),
    /// Connections last, because a handshake costs more than the question.
    Encrypted(Pool),
}

impl Channel {
    pub(super) fn new(upstream: &Upstream, trust: &Trust) -> Self {
        let path = match upstream.protocol {
            Protocol::Plain => Path::Plain(Plain::new(upstream.address)),
            _ => Path::Encrypted(Pool::new(upstream.clone(), trust.clone())),
        };
        Self { path, edns: Edns::default() }
    }

    pub(super) async fn exchange(&self, question: &Question) -> Result<Answer, ExchangeError> {
        if !self.edns.is_sent(Instant::now()) {
            return self.once(question, false).await;
        }
        let tried = self.once(question, true).await;
        if !edns::is_refusal(&tried) {
            return tried;
        }
        // Such codes may mean the question as well: then they come again without OPT.
        let again = self.once(question, false).await;
        if again.as_ref().is_ok_and(Answer::is_conclusive) {
            self.edns.refused(Instant::now());
        }
        again
    }

    /// Asks a question of our own, and over TCP too where UDP has had its time: some lines let only that through.
    pub(super) async fn probe(&self, question: &Question, patience: Duration) -> Result<Answer, ExchangeError> {
        let tried = timeout(patience, self.exchange(question)).await.unwrap_or(Err(ExchangeError::Timeout));
        match (&self.path, &tried) {
            (Path::Plain(plain), Err(_)) => plain.try_tcp(question, &self.edns).await,
            _ => tried,
        }
    }

    /// Whether a resolver on port 53 answers over TCP alone.
    pub(super) fn is_tcp_only(&self) -> bool {
        matches!(&self.path, Path::Plain(plain) if plain.is_mute())
    }

    async fn once(&self, question: &Question, edns: bool) -> Result<Answer, ExchangeError> {
        match &self.path {
            Path::Plain(plain) => plain.exchange(question, &self.edns, edns).await,
            Path::Encrypted(pool) => pool.exchange(question, &self.edns, edns).await,
        }
    }

    /// Whether a question can leave at once: a handshake may take longer than an answer.
    pub(super) fn is_ready(&self) -> bool {
        match &self.path {
            Path::Plain(_) => true,
            Path::Encrypted(pool) => pool.is_open(),
        }
    }
}
