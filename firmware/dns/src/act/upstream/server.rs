use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracing::debug;

use super::Timeouts;
use super::health::Health;
use crate::Upstream;
use crate::act::exchange::{Channel, ExchangeError, Trust};
use crate::parse::{Answer, AnswerError, Explanation, Question, kind};

/// An upstream whose speed is not known yet is given so long before the next one is asked beside it…
const HEDGE_UNKNOWN: Duration = Duration::from_millis(250);
/// … and a known one never less than this: below it a second question only makes noise.
const HEDGE_MIN: Duration = Duration::from_millis(20);

/// One upstream, the way to it and what is known of it.
pub(super) struct Server {
    pub(super) upstream: Upstream,
    channel: Channel,
    timeouts: Timeouts,
    pub(super) health: Health,
    /// It has handed out signatures.
    pub(super) signs: AtomicBool,
    /// It takes signatures out of its answers.
    pub(super) strips: AtomicBool,
    /// It has answers for names that do not exist, or none for those that do.
    pub(super) makes_up: AtomicBool,
    /// What it is asked about each of its zones it asks us. A server of the office's zone may well ask us for all else.
    pub(super) circles: Vec<AtomicBool>,
}

impl Server {
    /// One that is asked about so many zones.
    pub(super) fn new(upstream: &Upstream, zones: usize, timeouts: Timeouts, trust: &Trust) -> Self {
        Self {
            upstream: upstream.clone(),
            channel: Channel::new(upstream, trust),
            timeouts,
            health: Health::default(),
            signs: AtomicBool::new(false),
            strips: AtomicBool::new(false),
            makes_up: AtomicBool::new(false),
            circles: (0..zones).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// Whether what it is asked about a zone comes back.
    pub(super) fn asks_us(&self, zone: Option<usize>) -> bool {
        zone.is_some_and(|zone| self.circles[zone].load(Ordering::Relaxed))
    }

    /// Whether nothing but TCP gets to it, and nothing is encrypted.
    pub(super) fn is_tcp_only(&self) -> bool {
        self.channel.is_tcp_only()
    }

    pub(super) async fn attempt(&self, question: &Question, deadline: Instant) -> Result<Answer, ExchangeError> {
        let start = Instant::now();
        let race = Race { server: self, start, patience: self.patience() };
        let tried = self.exchange(question, deadline).await;
        race.finish();
        match &tried {
            Ok(answer) if answer.is_conclusive() => self.health.succeeded(start.elapsed()),
            // It lives, though it could not tell.
            Ok(_) => self.health.unwilling(),
            // Or passes on what somebody else made: whoever owns a zone must not bring an upstream into disrepute by it.
            Err(ExchangeError::Answer(AnswerError::Malformed)) => {
                debug!(upstream = %self.upstream, "an upstream's answer is malformed");
                self.health.unwilling();
                return Ok(Answer::failure(question, Explanation::UpstreamMalformed));
            }
            Err(error) => {
                debug!(upstream = %self.upstream, %error, "an upstream gave no answer");
                self.health.failed(Instant::now(), error);
            }
        }
        tried
    }

    /// Whether signatures come with a record set that has some; remembered. `None`: it does not tell.
    pub(super) async fn look(&self, question: &Question) -> Option<bool> {
        let tried = self.attempt(question, Instant::now() + self.timeouts.total).await;
        let signs = tried.ok().filter(Answer::is_conclusive)?.has_signatures();
        self.signs.store(signs, Ordering::Relaxed);
        self.strips.store(!signs, Ordering::Relaxed);
        Some(signs)
    }

    async fn exchange(&self, question: &Question, deadline: Instant) -> Result<Answer, ExchangeError> {
        let left = deadline.saturating_duration_since(Instant::now());
        // A handshake over a slow line takes longer than an answer.
        let left = if self.channel.is_ready() { left.min(self.timeouts.each) } else { left };
        timeout(left, self.channel.exchange(question)).await.unwrap_or(Err(ExchangeError::Timeout))
    }

    /// Whether it says that there is no root; `None` where it says neither.
    pub(super) async fn denies_the_root(&self, deadline: Instant) -> Option<bool> {
        let answer = self.attempt(&of_the_root(), deadline).await.ok()?;
        answer.is_conclusive().then(|| answer.is_nxdomain())
    }

    /// Finds out whether an upstream that left questions of clients without an answer answers at all, while nobody waits.
    pub(super) fn probe_if_doubted(self: &Arc<Self>) {
        let Some(doubt) = self.health.doubted() else { return };
        let server = Arc::clone(self);
        tokio::spawn(async move {
            let question = of_the_root();
            let Timeouts { each, total, .. } = server.timeouts;
            let patience = if server.channel.is_ready() { each } else { total };
            let answers =
                timeout(total, server.channel.probe(&question, patience)).await.is_ok_and(|tried| tried.is_ok());
            debug!(upstream = %server.upstream, answers, "asked an upstream in doubt");
            server.health.probed(doubt, answers, Instant::now());
        });
    }

    /// How long it is waited for before another one is asked too.
    pub(super) fn patience(&self) -> Duration {
        self.health.usual().map_or(HEDGE_UNKNOWN, |usual| usual.max(HEDGE_MIN)).min(self.timeouts.each)
    }
}

/// Every resolver knows the servers of the root, and no client can have a hand in what it says of them.
fn of_the_root() -> Question {
    Question { name: [0].into(), kind: kind::NS, dnssec_ok: false, checking_disabled: false, way: 0 }
}

/// A question on its way. Dropped before it is finished, another upstream won.
struct Race<'a> {
    server: &'a Server,
    start: Instant,
    patience: Duration,
}

impl Race<'_> {
    fn finish(mut self) {
        self.patience = Duration::MAX;
    }
}

impl Drop for Race<'_> {
    fn drop(&mut self) {
        if self.start.elapsed() >= self.patience {
            self.server.health.outpaced(Instant::now());
        }
    }
}
