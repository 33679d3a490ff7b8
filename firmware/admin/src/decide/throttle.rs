//! Limits on guessing: per client with growing waits, and for all clients together. Pure: the time comes in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// Clients remembered at once. An office has fewer; past it the client seen longest ago is forgotten, and the limit
/// for all together still stands.
pub(crate) const MAX_CLIENTS: usize = 1024;

/// Wrong tries that cost nothing: people mistype.
const FREE_FAILURES: u32 = 3;

/// Longest wait between two tries; longer would only help who wants to lock the owner out.
const MAX_WAIT: Duration = Duration::from_secs(900);

/// A client's failures are forgotten after this time without another one.
const FORGET_AFTER: Duration = Duration::from_secs(3600);

/// A bucket of permits that fills up evenly.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    permits: f64,
    at: Instant,
}

impl Bucket {
    fn full(burst: f64, now: Instant) -> Self {
        Self { permits: burst, at: now }
    }

    /// Takes one permit, or says how long until there is one.
    fn take(&mut self, burst: f64, per_second: f64, now: Instant) -> Result<(), Duration> {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * per_second;
        self.permits = (self.permits + gained).min(burst);
        self.at = now;
        if self.permits >= 1.0 {
            self.permits -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.permits) / per_second))
    }
}

/// A table of clients that forgets the one seen longest ago when it is full.
#[derive(Debug)]
struct Table<T> {
    rows: HashMap<IpAddr, (Instant, T)>,
}

impl<T> Table<T> {
    fn new() -> Self {
        Self { rows: HashMap::new() }
    }

    fn row(&mut self, key: IpAddr, now: Instant, new: impl FnOnce() -> T) -> &mut T {
        if self.rows.len() >= MAX_CLIENTS
            && !self.rows.contains_key(&key)
            && let Some(oldest) = self.rows.iter().min_by_key(|(_, (seen, _))| *seen).map(|(key, _)| *key)
        {
            self.rows.remove(&oldest);
        }
        let row = self.rows.entry(key).or_insert_with(|| (now, new()));
        row.0 = now;
        &mut row.1
    }
}

/// Back-off for sign-in and claim.
#[derive(Debug)]
pub(crate) struct Guesses {
    clients: Table<Failures>,
    everyone: Bucket,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Guesses {
    /// 30 tries at once from all clients together, then one every two seconds: argon2 stays affordable.
    const BURST: f64 = 30.0;
    const PER_SECOND: f64 = 0.5;

    pub(crate) fn new(now: Instant) -> Self {
        Self { clients: Table::new(), everyone: Bucket::full(Self::BURST, now) }
    }

    /// Lets a client try, or says how long to wait. The try counts as failed until [`Self::succeeded`] says otherwise,
    /// so that many at once are no better than one after the other.
    pub(crate) fn attempt(&mut self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let failures = self.clients.row(client_key(client), now, || Failures { count: 0, last: now });
        if now.saturating_duration_since(failures.last) >= FORGET_AFTER {
            failures.count = 0;
        }
        let open_at = failures.last + wait_after(failures.count);
        if now < open_at {
            return Err(open_at - now);
        }
        self.everyone.take(Self::BURST, Self::PER_SECOND, now)?;
        failures.count = failures.count.saturating_add(1);
        failures.last = now;
        Ok(())
    }

    /// The client knew the secret: its failures are forgotten.
    pub(crate) fn succeeded(&mut self, client: IpAddr) {
        self.clients.rows.remove(&client_key(client));
    }
}

/// 0 s for the first three, then 1, 2, 4 … 900 s.
fn wait_after(failures: u32) -> Duration {
    match failures.checked_sub(FREE_FAILURES) {
        None => Duration::ZERO,
        Some(over) => Duration::from_secs(1 << over.min(10)).min(MAX_WAIT),
    }
}

/// How many commands a client may send, whatever they are: bounds what one client can write into the journal.
#[derive(Debug)]
pub(crate) struct Commands {
    clients: Table<Bucket>,
    per_minute: f64,
}

impl Commands {
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { clients: Table::new(), per_minute: f64::from(per_minute) }
    }

    pub(crate) fn take(&mut self, client: IpAddr, now: Instant) -> Result<(), Duration> {
        let burst = self.per_minute;
        let bucket = self.clients.row(client_key(client), now, || Bucket::full(burst, now));
        bucket.take(burst, self.per_minute / 60.0, now)
    }
}

/// One IPv6 client owns a whole /64 and may call from any address in it.
pub(crate) fn client_key(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Commands, Guesses, MAX_CLIENTS, wait_after};

    fn client(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0xC000_0200 + n))
    }

    #[test]
    fn waits_grow_and_stay_bearable() {
        let seconds: Vec<u64> = (0..16).map(|n| wait_after(n).as_secs()).collect();
        assert_eq!(seconds, [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
        assert_eq!(wait_after(u32::MAX).as_secs(), 900);
    }

    #[test]
    fn many_guesses_at_once_are_no_better_than_one_after_the_other() {
        let now = Instant::now();
        let mut guesses = Guesses::new(now);
        let let_through = (0..50).filter(|_| guesses.attempt(client(1), now).is_ok()).count();
        assert_eq!(let_through, 3);
        assert_eq!(guesses.attempt(client(1), now), Err(Duration::from_secs(1)));
        assert!(guesses.attempt(client(2), now).is_ok(), "another client is not held up");
        assert!(guesses.attempt(client(1), now + Duration::from_secs(1)).is_ok());
        assert_eq!(guesses.attempt(client(1), now + Duration::from_secs(1)), Err(Duration::from_secs(2)));
    }

    #[test]
    fn success_and_time_forgive() {
        let now = Instant::now();
        let mut guesses = Guesses::new(now);
        while guesses.attempt(client(1), now).is_ok() {}
        guesses.succeeded(client(1));
        assert!(guesses.attempt(client(1), now).is_ok());
        while guesses.attempt(client(1), now).is_ok() {}
        let later = now + Duration::from_secs(3600);
        assert_eq!((0..5).filter(|_| guesses.attempt(client(1), later).is_ok()).count(), 3);
    }

    #[test]
    fn changing_addresses_does_not_help() {
        let now = Instant::now();
        let mut guesses = Guesses::new(now);
        let tried = (0..5000).filter(|n| guesses.attempt(client(*n), now).is_ok()).count();
        assert_eq!(tried, 30, "all clients together have one limit");
        assert!(guesses.clients.rows.len() <= MAX_CLIENTS);
        let mut guesses = Guesses::new(now);
        let same_64 =
            (1..50).filter(|n| guesses.attempt(format!("2001:db8:1::{n:x}").parse().unwrap(), now).is_ok()).count();
        assert_eq!(same_64, 3, "a /64 is one client");
    }

    #[test]
    fn commands_come_back_evenly() {
        let now = Instant::now();
        let mut commands = Commands::new(60);
        assert_eq!((0..100).filter(|_| commands.take(client(1), now).is_ok()).count(), 60);
        assert!(commands.take(client(1), now).unwrap_err() <= Duration::from_secs(1));
        let later = now + Duration::from_millis(5100);
        assert_eq!((0..100).filter(|_| commands.take(client(1), later).is_ok()).count(), 5);
    }
}
