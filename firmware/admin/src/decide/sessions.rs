//! Who is signed in. Pure: the time comes in; only hashes of the cookies are kept.

use std::collections::HashMap;

use gate_core::UnixMicros;
use sha2::{Digest, Sha256};

use crate::state::random_text;

/// Name of the cookie; the prefix makes browsers insist on `Secure`, `Path=/` and no `Domain`.
pub(crate) const COOKIE: &str = "__Host-nanogate";

/// A session ends after this time however busy it is.
const MAX_AGE_MICROS: u64 = 7 * 24 * 3600 * 1_000_000;

/// The hash of a session's cookie. Looking it up by hash leaves nothing to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SessionKey([u8; 32]);

/// All sessions, bounded.
#[derive(Debug)]
pub(crate) struct Sessions {
    rows: HashMap<SessionKey, Session>,
    idle_micros: u64,
    most: usize,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    since: UnixMicros,
    used: UnixMicros,
}

impl SessionKey {
    fn of(cookie: &str) -> Self {
        Self(Sha256::digest(cookie.as_bytes()).into())
    }
}

impl Sessions {
    pub(crate) fn new(idle_seconds: u64, most: usize) -> Self {
        Self { rows: HashMap::new(), idle_micros: idle_seconds * 1_000_000, most }
    }

    /// Starts a session; the answer is the cookie's value, 256 random bits.
    pub(crate) fn start(&mut self, now: UnixMicros) -> Result<String, getrandom::Error> {
        let cookie = random_text::<32>()?;
        let idle = self.idle_micros;
        self.rows.retain(|_, session| session.lives(now, idle));
        if self.rows.len() >= self.most
            && let Some(oldest) = self.rows.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| *key)
        {
            self.rows.remove(&oldest);
        }
        self.rows.insert(SessionKey::of(&cookie), Session { since: now, used: now });
        Ok(cookie)
    }

    /// The session of a cookie, which counts as used now.
    pub(crate) fn touch(&mut self, cookie: &str, now: UnixMicros) -> Option<SessionKey> {
        let key = SessionKey::of(cookie);
        self.lives(key, now).then(|| {
            self.rows.entry(key).and_modify(|session| session.used = now);
            key
        })
    }

    /// Whether a session still stands, without using it: for streams that stay open.
    pub(crate) fn lives(&self, key: SessionKey, now: UnixMicros) -> bool {
        self.rows.get(&key).is_some_and(|session| session.lives(now, self.idle_micros))
    }

    pub(crate) fn end(&mut self, key: SessionKey) {
        self.rows.remove(&key);
    }
}

impl Session {
    fn lives(&self, now: UnixMicros, idle_micros: u64) -> bool {
        now.0.saturating_sub(self.used.0) < idle_micros && now.0.saturating_sub(self.since.0) < MAX_AGE_MICROS
    }
}

#[cfg(test)]
mod tests {
    use gate_core::UnixMicros;

    use super::Sessions;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn a_session_ends_when_idle_and_at_its_age_in_any_year() {
        for start in [0, 1_800_000_000 * SECOND, 32_503_680_000 * SECOND] {
            let at = |seconds: u64| UnixMicros(start + seconds * SECOND);
            let mut sessions = Sessions::new(43_200, 8);
            let cookie = sessions.start(at(0)).unwrap();
            assert_eq!(cookie.len(), 43, "256 bits");
            assert!(sessions.touch(&cookie, at(43_199)).is_some());
            assert!(sessions.touch(&cookie, at(43_199 + 43_199)).is_some());
            assert!(sessions.touch(&cookie, at(3 * 43_200)).is_none());

            let cookie = sessions.start(at(0)).unwrap();
            let last = (0..100).take_while(|n| sessions.touch(&cookie, at(n * 40_000)).is_some()).last();
            assert_eq!(last, Some(15), "seven days are 15.12 times 40000 s");
        }
    }

    #[test]
    fn a_foreign_or_ended_cookie_opens_nothing() {
        let mut sessions = Sessions::new(60, 8);
        let now = UnixMicros(SECOND);
        let cookie = sessions.start(now).unwrap();
        assert!(sessions.touch("", now).is_none());
        assert!(sessions.touch(&cookie[1..], now).is_none());
        let key = sessions.touch(&cookie, now).unwrap();
        sessions.end(key);
        assert!(sessions.touch(&cookie, now).is_none());
    }

    #[test]
    fn sessions_are_bounded_and_the_least_used_one_goes() {
        let mut sessions = Sessions::new(60, 2);
        let one = sessions.start(UnixMicros(1)).unwrap();
        let two = sessions.start(UnixMicros(2)).unwrap();
        sessions.touch(&one, UnixMicros(3)).unwrap();
        let three = sessions.start(UnixMicros(4)).unwrap();
        assert!(sessions.touch(&two, UnixMicros(5)).is_none());
        assert!(sessions.touch(&one, UnixMicros(5)).is_some() && sessions.touch(&three, UnixMicros(5)).is_some());
    }
}
