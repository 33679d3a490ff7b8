use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::Timeouts;
use super::health::UpstreamState;
use super::lane::{Crowd, Lane};
use super::server::Server;
use crate::Upstream;
use crate::act::circle::Circles;
use crate::act::exchange::{ExchangeError, Trust};
use crate::config::Zone;
use crate::parse::{Answer, Question, kind};

/// Tries per upstream before a question fails.
const ROUNDS: usize = 2;
/// Second questions are one in ten of the first ones in the long run, so that slow upstreams do not get twice the load…
const HEDGE_COST: u32 = 10;
/// … and so many at once when few were needed before.
const HEDGE_SAVED: u32 = 20 * HEDGE_COST;

/// Asks upstreams until one answers.
pub(crate) struct Asker {
    servers: Vec<Arc<Server>>,
    /// What they are asked about: the root, or zones of the office.
    zones: Vec<Zone>,
    timeouts: Timeouts,
    lane: Lane,
    /// What may still be spent on second questions.
    hedges: Mutex<u32>,
}

/// Whether upstreams hand out DNSSEC signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signatures {
    /// One at least does.
    Present,
    /// All that answered take them out.
    Stripped,
    /// None answered.
    Unknown,
}

impl Asker {
    pub(in crate::act) fn new(upstreams: &[Upstream], timeouts: Timeouts, trust: &Trust) -> Self {
        Self::of_zones(vec![Zone::root()], upstreams, timeouts, trust)
    }

    /// Asks about some zones only.
    pub(in crate::act) fn of_zones(
        zones: Vec<Zone>,
        upstreams: &[Upstream],
        timeouts: Timeouts,
        trust: &Trust,
    ) -> Self {
        let server = |upstream| Arc::new(Server::new(upstream, zones.len(), timeouts, trust));
        Self {
            servers: upstreams.iter().map(server).collect(),
            zones,
            lane: Lane::new(timeouts.in_flight),
            hedges: Mutex::new(HEDGE_SAVED),
            timeouts,
        }
    }

    /// The first conclusive answer, else the last inconclusive one (such as SERVFAIL), else the last failure. When an
    /// upstream takes longer than it nearly always does, the next one is asked beside it. A question without a seat, or which
    /// has to give it up, ends as busy.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Answer, ExchangeError> {
        self.ask_in(self.order(question), question).await
    }

    /// Asks the one that is usually asked first only when it is its turn again.
    pub(crate) async fn ask_elsewhere(&self, question: &Question) -> Result<Answer, ExchangeError> {
        let mut order = self.order(question);
        let first = order.len().min(1);
        order.rotate_left(first);
        self.ask_in(order, question).await
    }

    async fn ask_in(&self, order: Vec<&Arc<Server>>, question: &Question) -> Result<Answer, ExchangeError> {
        let seat = self.lane.take(Instant::now()).ok_or(ExchangeError::Busy)?;
        tokio::select! {
            biased;
            outcome = self.ask_seated(order, question) => outcome,
            () = seat.given_up() => Err(ExchangeError::Busy),
        }
    }

    async fn ask_seated(&self, order: Vec<&Arc<Server>>, question: &Question) -> Result<Answer, ExchangeError> {
        let deadline = Instant::now() + self.timeouts.total;
        // Where signatures are wanted, an answer of one that is not known to hand them out is taken only if nobody else has
        // one: without them it would be called bogus, or pass unchecked.
        let signers = question.dnssec_ok && order.iter().any(|server| server.signs.load(Ordering::Relaxed));
        let is_enough = |server: &Server| !signers || server.signs.load(Ordering::Relaxed);
        let mut order = order.into_iter();
        let Some(first) = order.next() else { return Err(ExchangeError::Down) };
        self.save();
        let mut running = FuturesUnordered::new();
        let attempt = |server: &Arc<Server>| {
            let server = Arc::clone(server);
            async move { (server.attempt(question, deadline).await, server) }
        };
        running.push(attempt(first));
        let (mut current, mut may_hedge) = (first, true);
        let mut outcome = Err(ExchangeError::Timeout);
        let mut end = pin!(sleep_until(deadline));
        loop {
            let next = tokio::select! {
                biased;
                Some(tried) = running.next() => {
                    match tried {
                        (Ok(answer), server) if answer.is_conclusive() && is_enough(&server) => return Ok(answer),
                        // What says yes or no is worth more than what says neither, and that more than silence.
                        (Ok(_), _) if outcome.as_ref().is_ok_and(Answer::is_conclusive) => {}
                        (Ok(answer), _) => outcome = Ok(answer),
                        (Err(error), _) => outcome = outcome.or(Err(error)),
                    }
                    order.next()
                }
                () = sleep(current.patience()), if may_hedge && order.len() > 0 => {
                    may_hedge = self.spend();
                    if !may_hedge { continue }
                    order.next()
                }
                () = &mut end => return outcome,
            };
            if let Some(server) = next {
                current = server;
                running.push(attempt(server));
            } else if running.is_empty() {
                return outcome;
            }
        }
    }

    /// The servers as often as they may be tried: those that work first, in the order of the configuration. Those that
    /// have been silent for long are left out but for a question now and then, and those that make answers up as long as another
    /// one works. Those not known to hand out signatures come last when signatures are wanted.
    fn order(&self, question: &Question) -> Vec<&Arc<Server>> {
        let (now, signatures) = (Instant::now(), question.dnssec_ok);
        let zone = Zone::innermost(&self.zones, &question.name);
        let admitted = |server: &&Arc<Server>| !server.asks_us(zone) && server.health.admits(now);
        let mut asked: Vec<_> = self.servers.iter().filter(admitted).collect();
        let honest = |server: &&Arc<Server>| !server.makes_up.load(Ordering::Relaxed);
        if asked.iter().any(|server| honest(server) && !server.health.is_broken()) {
            asked.retain(honest);
        }
        asked.iter().for_each(|server| server.probe_if_doubted());
        let (suspect, healthy): (Vec<_>, Vec<_>) = asked.into_iter().partition(|server| server.health.is_suspect(now));
        let mut round: Vec<_> = healthy.into_iter().chain(suspect).collect();
        // The sort is stable.
        round.sort_by_key(|server| signatures && !server.signs.load(Ordering::Relaxed));
        round.repeat(ROUNDS)
    }

    /// Whether one that is known to hand out signatures works.
    pub(crate) fn has_signer(&self) -> bool {
        self.servers.iter().any(|server| server.signs.load(Ordering::Relaxed) && !server.health.is_broken())
    }

    /// Asks the upstreams that work for a signed record set. The first that hands out signatures is enough to tell; the
    /// others are waited for by nobody, but which ones leave the signatures out is remembered.
    pub(crate) async fn look_for_signatures(&self, question: &Question) -> Signatures {
        let (tell, mut told) = mpsc::unbounded_channel();
        for server in self.servers.iter().filter(|server| !server.health.is_broken()) {
            let (server, question, tell) = (Arc::clone(server), question.clone(), tell.clone());
            tokio::spawn(async move {
                // Nobody listens any more once another one told.
                server.look(&question).await.map(|signs| tell.send(signs).ok())
            });
        }
        drop(tell);
        let mut found = Signatures::Unknown;
        while let Some(signs) = told.recv().await {
            if signs {
                return Signatures::Present;
            }
            found = Signatures::Stripped;
        }
        found
    }

    /// Asks every upstream for a name that nobody else asks for, inside each zone that it is asked about; one that asks us for
    /// it is left out for that zone from now on. On the internet there is no such name: whoever has an address for it makes
    /// answers up, and so does whoever denies that the root is there.
    pub(in crate::act) async fn look_for_circles(&self, circles: &Circles) {
        let deadline = Instant::now() + self.timeouts.total;
        let tried = |server| self.zones.iter().enumerate().map(move |zone| (server, zone));
        let asked = self.servers.iter().flat_map(tried).map(async |(server, (at, zone))| {
            let Some(name) = circles.arm(zone) else { return };
            let folded = name.folded().into();
            let question = Question { name: folded, kind: kind::A, dnssec_ok: false, checking_disabled: false, way: 0 };
            // For a circle it is what we hear meanwhile that counts.
            let answer = server.attempt(&question, deadline).await;
            let heard = circles.disarm(&name);
            let told = answer.ok().filter(|answer| zone.is_root() && answer.is_conclusive());
            let made_up = match told.map(|answer| !answer.is_negative()) {
                // Who says that nothing is there denies the root itself.
                Some(false) => server.denies_the_root(deadline).await,
                other => other,
            };
            if let Some(made_up) = made_up
                && server.makes_up.swap(made_up, Ordering::Relaxed) != made_up
            {
                let upstream = &server.upstream;
                warn!(%upstream, made_up, "whether an upstream makes answers up has changed");
            }
            if server.circles[at].swap(heard, Ordering::Relaxed) != heard {
                let (upstream, name) = (&server.upstream, name.text());
                warn!(%upstream, name, circle = heard, "whether an upstream asks us in turn has changed");
            }
        });
        join_all(asked).await;
    }

    fn save(&self) {
        let mut hedges = self.hedges.lock();
        *hedges = (*hedges + 1).min(HEDGE_SAVED);
    }

    fn spend(&self) -> bool {
        let mut hedges = self.hedges.lock();
        let left = hedges.checked_sub(HEDGE_COST);
        left.inspect(|left| *hedges = *left).is_some()
    }

    /// Whether more was asked a moment ago than there are seats for.
    pub(crate) fn crowd(&self) -> Option<Crowd> {
        self.lane.crowd(Instant::now())
    }

    /// How each upstream does, in the order of the configuration.
    pub(crate) fn states(&self) -> Vec<UpstreamState> {
        let state = |server: &Arc<Server>| {
            let circles = self.zones.iter().enumerate().filter(|(at, _)| server.asks_us(Some(*at)));
            let zones: Vec<_> = circles.map(|(_, zone)| zone.to_string()).collect();
            let asks_us = zones.len() == self.zones.len();
            UpstreamState {
                strips_signatures: server.strips.load(Ordering::Relaxed),
                tcp_only: server.is_tcp_only(),
                makes_up: server.makes_up.load(Ordering::Relaxed),
                asks_us,
                asks_us_about: if asks_us { Vec::new() } else { zones },
                ..server.health.state(&server.upstream)
            }
        };
        self.servers.iter().map(state).collect()
    }
}

#[cfg(test)]
impl Asker {
    /// Of one upstream that has handed out signatures and never answers, as long as its socket is there.
    pub(in crate::act) fn unheard() -> (std::net::UdpSocket, Self) {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let upstream = socket.local_addr().unwrap().to_string().parse().unwrap();
        let trust = Trust::new(None, crate::act::doubt::Doubt::while_there_is(None)).unwrap();
        let asker = Self::new(&[upstream], Timeouts::default(), &trust);
        asker.servers[0].signs.store(true, Ordering::Relaxed);
        (socket, asker)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Asker, Signatures};
    use crate::parse::{Question, kind};

    #[tokio::test]
    async fn a_broken_upstream_is_not_looked_at() {
        let (_socket, asker) = Asker::unheard();
        let health = &asker.servers[0].health;
        (0..100).for_each(|_| health.failed(Instant::now(), "silence"));
        health.probed(health.doubted().unwrap(), false, Instant::now());
        let name = [0].into();
        let question = Question { name, kind: kind::DNSKEY, dnssec_ok: true, checking_disabled: true, way: 0 };
        let asked = Instant::now();
        assert_eq!(asker.look_for_signatures(&question).await, Signatures::Unknown);
        assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    }
}
