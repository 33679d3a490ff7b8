//! The lasting connection to an encrypted upstream.

use std::sync::Arc;

use tokio::sync::Mutex;

use super::edns::Edns;
use super::message::padded_query;
use super::trust::Trust;
use super::{ExchangeError, https, quic, tls};
use crate::parse::{Answer, Question, Wanted};
use crate::{Protocol, Upstream};

/// One connection that all questions share, opened when it is needed and again when it has ended.
pub(in crate::act) struct Pool {
    upstream: Upstream,
    trust: Trust,
    session: Mutex<Option<Arc<Session>>>,
}

/// A connection of one of the kinds.
enum Session {
    Tls(tls::Session),
    Https(https::Session),
    Quic(quic::Session),
}

impl Pool {
    pub(super) fn new(upstream: Upstream, trust: Trust) -> Self {
        Self { upstream, trust, session: Mutex::default() }
    }

    pub(super) fn is_open(&self) -> bool {
        // While somebody holds the lock a connection is being opened.
        self.session.try_lock().is_ok_and(|session| session.as_ref().is_some_and(|session| session.is_open()))
    }

    /// Asks; once more on a new connection if the one that was kept turns out to be dead, as servers close idle ones.
    pub(super) async fn exchange(&self, question: &Question, edns: &Edns, sent: bool) -> Result<Answer, ExchangeError> {
        let query = padded_query(question, sent);
        let (session, kept) = self.session().await?;
        let message = match session.ask(&query).await {
            Err(_) if kept => {
                self.forget(&session).await;
                self.session().await?.0.ask(&query).await?
            }
            other => other?,
        };
        // The identifier is 0 on all of these: nobody else can put an answer into the connection.
        let answer = Answer::read(&message, Wanted { id: 0, question })?;
        edns.see(&message);
        Ok(answer)
    }

    /// The connection, and whether it was there before.
    async fn session(&self) -> Result<(Arc<Session>, bool), ExchangeError> {
        let mut slot = self.session.lock().await;
        if let Some(session) = slot.as_ref().filter(|session| session.is_open()) {
            return Ok((Arc::clone(session), true));
        }
        let session = Arc::new(Session::open(&self.upstream, &self.trust).await?);
        *slot = Some(Arc::clone(&session));
        Ok((session, false))
    }

    async fn forget(&self, dead: &Arc<Session>) {
        let mut slot = self.session.lock().await;
        if slot.as_ref().is_some_and(|session| Arc::ptr_eq(session, dead)) {
            *slot = None;
        }
    }
}

impl Session {
    async fn open(upstream: &Upstream, trust: &Trust) -> Result<Self, ExchangeError> {
        Ok(match upstream.protocol {
            Protocol::Quic => Self::Quic(quic::Session::open(upstream, trust).await?),
            Protocol::Https => Self::Https(https::Session::open(upstream, trust).await?),
            Protocol::Tls | Protocol::Plain => Self::Tls(tls::Session::open(upstream, trust).await?),
        })
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Tls(session) => session.is_open(),
            Self::Https(session) => session.is_open(),
            Self::Quic(session) => session.is_open(),
        }
    }

    async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        match self {
            Self::Tls(session) => session.ask(query).await,
            Self::Https(session) => session.ask(query).await,
            Self::Quic(session) => session.ask(query).await,
        }
    }
}
