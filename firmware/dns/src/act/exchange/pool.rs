//! The lasting connection to an encrypted upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::edns::Edns;
use super::message::padded_query;
use super::trust::Trust;
use super::{ExchangeError, https, quic, tls};
use crate::parse::{Answer, Question, Wanted};
use crate::{Protocol, Upstream};

/// A question that was given up sooner says nothing of the connection.
const PATIENT: Duration = Duration::from_millis(700);
/// After so many questions in a row on which nothing came, whatever was asked, its path may be gone: another address of the
/// office's, or a router that has forgotten it. A new connection costs a handshake, waiting for the kernel a quarter of an hour.
const SILENT: u32 = 2;

/// One connection that all questions share, opened when it is needed and again when it has ended.
pub(in crate::act) struct Pool {
    upstream: Upstream,
    trust: Trust,
    session: Mutex<Option<Arc<Session>>>,
}

struct Session {
    connection: Connection,
    /// Questions in a row that were waited for in vain, while nothing else was answered either.
    silent: AtomicU32,
    /// Answers that came.
    answers: AtomicU32,
}

/// A connection of one of the kinds.
enum Connection {
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

/// A question on its way; dropped before it is answered, nobody waits for it any longer.
struct Waiting<'a> {
    session: &'a Session,
    since: Instant,
    answers: u32,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let nothing_came = self.session.answers.load(Ordering::Relaxed) == self.answers;
        if nothing_came && self.since.elapsed() >= PATIENT {
            self.session.silent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Session {
    async fn open(upstream: &Upstream, trust: &Trust) -> Result<Self, ExchangeError> {
        let connection = match upstream.protocol {
            Protocol::Quic => Connection::Quic(quic::Session::open(upstream, trust).await?),
            Protocol::Https => Connection::Https(https::Session::open(upstream, trust).await?),
            Protocol::Tls | Protocol::Plain => Connection::Tls(tls::Session::open(upstream, trust).await?),
        };
        Ok(Self { connection, silent: AtomicU32::new(0), answers: AtomicU32::new(0) })
    }

    fn is_open(&self) -> bool {
        let open = match &self.connection {
            Connection::Tls(session) => session.is_open(),
            Connection::Https(session) => session.is_open(),
            Connection::Quic(session) => session.is_open(),
        };
        open && self.silent.load(Ordering::Relaxed) < SILENT
    }

    async fn ask(&self, query: &[u8]) -> Result<Vec<u8>, ExchangeError> {
        let _waiting = Waiting { session: self, since: Instant::now(), answers: self.answers.load(Ordering::Relaxed) };
        let answer = match &self.connection {
            Connection::Tls(session) => session.ask(query).await,
            Connection::Https(session) => session.ask(query).await,
            Connection::Quic(session) => session.ask(query).await,
        };
        // A refusal comes through as well.
        if matches!(answer, Ok(_) | Err(ExchangeError::Status(_))) {
            self.answers.fetch_add(1, Ordering::Relaxed);
            self.silent.store(0, Ordering::Relaxed);
        }
        answer
    }
}
