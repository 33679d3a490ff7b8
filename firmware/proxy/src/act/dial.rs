//! Resolves a name at the real resolvers, asks the guard, and connects to the first address that answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use gate_core::{HostName, Reason};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::decide::guard::{Guard, Why};
use crate::ports::ResolveError;
use crate::shared::Shared;

/// RFC 8305 section 8: the head start of one address over the next.
const STAGGER: Duration = Duration::from_millis(250);
/// A name with more addresses than this has enough of them.
const MAX_CANDIDATES: usize = 8;

/// Why there is no connection to the server.
#[derive(Debug, Error)]
pub(crate) enum DialError {
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    #[error("{host} resolves to {address}, which is never dialled: {why}")]
    Guard { host: HostName, address: IpAddr, why: Why },
    #[error("{host} does not answer at {address}: {source}")]
    Connect { host: HostName, address: SocketAddr, source: io::Error },
    #[error("{0} could not be reached in time")]
    Timeout(HostName),
}

impl DialError {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Resolve(_) => Reason::Unresolvable,
            Self::Guard { .. } => Reason::SsrfGuard,
            Self::Connect { .. } | Self::Timeout(_) => Reason::UpstreamUnreachable,
        }
    }
}

/// Where a host is reached: what its name leads to now and the guard lets through.
pub(crate) struct Way<'a> {
    host: &'a HostName,
    candidates: Vec<IpAddr>,
    port: u16,
    deadline: Instant,
}

/// Finds the way to the host. The connect timeout begins here.
pub(crate) async fn find<'a>(shared: &Shared, host: &'a HostName, port: u16) -> Result<Way<'a>, DialError> {
    let deadline = Instant::now() + shared.config.connect_timeout();
    let resolving = timeout_at(deadline, shared.ports.resolve.resolve(host));
    let found = resolving.await.map_err(|_| DialError::Timeout(host.clone()))??;
    let snapshot = shared.snapshot();
    let place = &snapshot.place;
    let guard = Guard { allow: &shared.config.allow_ranges, own: &place.own_addresses, local: &place.local };
    Ok(Way { host, candidates: candidates(host, found, guard)?, port, deadline })
}

impl Way<'_> {
    /// Whether it leads there.
    pub(crate) fn leads_to(&self, peer: SocketAddr) -> bool {
        peer.port() == self.port && self.candidates.contains(&peer.ip().to_canonical())
    }

    /// Connects to whoever answers first, in what is left of the connect timeout.
    pub(crate) async fn connect(self) -> Result<TcpStream, DialError> {
        let racing = timeout_at(self.deadline, race(self.host, self.candidates, self.port));
        let stream = racing.await.map_err(|_| DialError::Timeout(self.host.clone()))??;
        // Prompts and events are small and wait for nobody; a client that cannot set it still works.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }
}

/// Connects to the host under the connect timeout, which covers the resolution as well.
pub(crate) async fn dial(shared: &Shared, host: &HostName, port: u16) -> Result<TcpStream, DialError> {
    find(shared, host, port).await?.connect().await
}

/// The addresses that may be dialled, families taking turns so that one broken family costs one head start.
fn candidates(host: &HostName, found: Vec<IpAddr>, guard: Guard<'_>) -> Result<Vec<IpAddr>, DialError> {
    let mut refused = None;
    let mut allowed = Vec::new();
    for address in found {
        match guard.check(address) {
            Ok(()) => allowed.push(address),
            Err(why) => refused = Some(DialError::Guard { host: host.clone(), address, why }),
        }
    }
    let Some(first) = allowed.first() else {
        return Err(refused.unwrap_or_else(|| ResolveError::NoAddress(host.clone()).into()));
    };
    let first_is_v4 = first.is_ipv4();
    let (mut preferred, mut other) = (Vec::new(), Vec::new());
    for address in allowed {
        if address.is_ipv4() == first_is_v4 { preferred.push(address) } else { other.push(address) }
    }
    let (mut preferred, mut other) = (preferred.into_iter(), other.into_iter());
    let mut turns = Vec::new();
    while turns.len() < MAX_CANDIDATES {
        let pair = [preferred.next(), other.next()];
        if pair == [None, None] {
            break;
        }
        turns.extend(pair.into_iter().flatten());
    }
    turns.truncate(MAX_CANDIDATES);
    Ok(turns)
}

/// Happy eyeballs over the candidates: the next one starts when the last has failed or its head start is over.
async fn race(host: &HostName, candidates: Vec<IpAddr>, port: u16) -> Result<TcpStream, DialError> {
    let mut waiting = candidates.into_iter().map(|address| SocketAddr::new(address, port)).peekable();
    let mut attempts: JoinSet<Result<TcpStream, (SocketAddr, io::Error)>> = JoinSet::new();
    let mut next_at = Instant::now();
    let mut failure = DialError::Timeout(host.clone());
    loop {
        let may_start = waiting.peek().is_some();
        tokio::select! {
            Some(Ok(result)) = attempts.join_next() => match result {
                Ok(stream) => return Ok(stream),
                Err((address, source)) => {
                    failure = DialError::Connect { host: host.clone(), address, source };
                    next_at = Instant::now();
                }
            },
            () = sleep_until(next_at), if may_start => {
                if let Some(address) = waiting.next() {
                    attempts.spawn(async move { TcpStream::connect(address).await.map_err(|error| (address, error)) });
                }
                next_at = Instant::now() + STAGGER;
            }
            else => return Err(failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::ports::{Answer, Resolve};
    use crate::tests::support::{host, office};

    fn order(found: &[&str]) -> Result<Vec<String>, Reason> {
        let host = host("api.example");
        let found = found.iter().map(|address| address.parse().unwrap()).collect();
        let guard = Guard { allow: &[], own: &[], local: &[] };
        let order = candidates(&host, found, guard).map_err(|error| error.reason())?;
        Ok(order.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn families_take_turns_behind_the_resolvers_first_choice() {
        let all = order(&["2a00::1", "2a00::2", "2a00::3", "1.1.1.1", "1.0.0.1"]).unwrap();
        assert_eq!(all, ["2a00::1", "1.1.1.1", "2a00::2", "1.0.0.1", "2a00::3"]);
        assert_eq!(order(&["1.1.1.1", "2a00::1"]).unwrap(), ["1.1.1.1", "2a00::1"]);
    }

    #[test]
    fn forbidden_addresses_are_left_out_and_alone_they_refuse() {
        assert_eq!(order(&["127.0.0.1", "1.1.1.1", "::ffff:10.0.0.1"]).unwrap(), ["1.1.1.1"]);
        assert_eq!(order(&["127.0.0.1", "fd00::1"]), Err(Reason::SsrfGuard));
        assert_eq!(order(&[]), Err(Reason::Unresolvable));
    }

    #[test]
    fn candidates_are_capped() {
        let many: Vec<String> = (0..100).map(|n| format!("1.1.1.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(order(&many).unwrap().len(), MAX_CANDIDATES);
    }

    /// A resolver that never answers.
    struct Stalled;

    impl Resolve for Stalled {
        fn resolve<'a>(&'a self, _host: &'a HostName) -> Answer<'a, Result<Vec<IpAddr>, ResolveError>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_limit_covers_the_resolution() {
        let mut shared = office().config(|config| config.connect_timeout_ms = 1500).shared();
        Arc::get_mut(&mut shared).unwrap().ports.resolve = Arc::new(Stalled);
        let started = Instant::now();
        let error = dial(&shared, &host("api.example"), 443).await.unwrap_err();
        assert_eq!((error.reason(), started.elapsed()), (Reason::UpstreamUnreachable, Duration::from_millis(1500)));
    }

    /// A name that led outside when it was asked for first, and leads inside ever after (DNS rebinding).
    struct Rebinding(AtomicBool);

    impl Resolve for Rebinding {
        fn resolve<'a>(&'a self, _host: &'a HostName) -> Answer<'a, Result<Vec<IpAddr>, ResolveError>> {
            let first = !self.0.swap(true, Ordering::Relaxed);
            let address = if first { "127.0.0.1" } else { "10.0.0.5" };
            Box::pin(std::future::ready(Ok(vec![address.parse().unwrap()])))
        }
    }

    #[tokio::test]
    async fn the_guard_is_asked_anew_with_every_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut shared = office().shared();
        Arc::get_mut(&mut shared).unwrap().ports.resolve = Arc::new(Rebinding(AtomicBool::new(false)));
        let host = host("api.example");
        assert!(dial(&shared, &host, port).await.is_ok(), "the test's own range may be dialled");
        for _ in 0..2 {
            assert_eq!(dial(&shared, &host, port).await.unwrap_err().reason(), Reason::SsrfGuard);
        }
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hold_up_the_next() {
        let listener = tokio::net::TcpListener::bind("127.0.0.2:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let host = host("api.example");
        let both = vec!["127.0.0.1".parse().unwrap(), "127.0.0.2".parse().unwrap()];
        let stream = race(&host, both, port).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), listener.local_addr().unwrap());
        let error = race(&host, vec!["127.0.0.1".parse().unwrap()], port).await.unwrap_err();
        assert_eq!(error.reason(), Reason::UpstreamUnreachable);
    }
}
