//! What was denied lately, so that a conversation survives it: the client keeps the refused message in its history and
//! sends it again with every later one. There it is redacted; sent again as it was, it is denied again.
//!
//! Only keyed hashes are kept. The key is random and dies with the process.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;

use gate_core::UnixMicros;
use hmac::{Hmac, KeyInit, Mac};
use lru::LruCache;
use parking_lot::Mutex;
use sha2::Sha256;

/// Denied values remembered for one client; a person does not paste more secrets into living conversations.
const PER_CLIENT: usize = 64;

/// Clients remembered: with [`PER_CLIENT`] entries each this stays under 4 MB.
const CLIENTS: usize = 1024;

/// A conversation that is continued a day later starts with a denial again.
const TTL_MICROS: u64 = 24 * 3600 * 1_000_000;

/// Tells equal values apart from others without keeping any.
#[derive(Clone)]
pub struct ValueHash(Hmac<Sha256>);

/// The keyed hash of a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag([u8; 16]);

impl ValueHash {
    /// Hashes under this key.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of every length"))
    }

    /// Hashes under a key that nobody knows.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, without which TLS would not work either.
    pub fn random() -> Self {
        let mut key = [0; 32];
        getrandom::fill(&mut key).expect("the kernel's random source works");
        Self::new(&key)
    }

    pub(super) fn tag(&self, value: &[u8]) -> Tag {
        let mut pieces = self.pieces();
        pieces.push(value);
        pieces.tag()
    }

    /// A hash of a value that comes in pieces.
    pub(super) fn pieces(&self) -> Pieces {
        Pieces(self.0.clone())
    }
}

/// A value that is hashed piece by piece.
pub(super) struct Pieces(Hmac<Sha256>);

impl Pieces {
    pub(super) fn push(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    pub(super) fn tag(self) -> Tag {
        let full = self.0.finalize().into_bytes();
        let mut tag = [0; 16];
        tag.copy_from_slice(&full[..16]);
        Tag(tag)
    }
}

impl fmt::Debug for ValueHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ValueHash(..)")
    }
}

impl Tag {
    /// First 8 bytes as a number.
    pub(super) fn bits(self) -> u64 {
        self.0[..8].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte))
    }

    /// First 8 bytes in hexadecimal, as records carry it.
    pub(super) fn short_hex(self) -> String {
        use fmt::Write;
        self.0[..8].iter().fold(String::with_capacity(16), |mut hex, byte| {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// Denied values of every client, by tag.
pub(super) struct Memory(Mutex<LruCache<IpAddr, VecDeque<Denied>>>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(..)")
    }
}

struct Denied {
    value: Tag,
    /// The turn of the conversation in which it was denied.
    turn: Tag,
    at: UnixMicros,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(NonZeroUsize::new(CLIENTS).expect("the cap is above zero"))))
    }
}

impl Memory {
    /// Remembers that a value was denied in this turn.
    pub(super) fn deny(&self, client: IpAddr, value: Tag, turn: Tag, at: UnixMicros) {
        let mut clients = self.0.lock();
        let denied = clients.get_or_insert_mut(client, VecDeque::new);
        denied.retain(|old| old.is_alive(at) && !(old.value == value && old.turn == turn));
        if denied.len() == PER_CLIENT {
            denied.pop_front();
        }
        denied.push_back(Denied { value, turn, at });
    }

    /// Whether a value was denied in an earlier turn than this one.
    pub(super) fn was_denied(&self, client: IpAddr, value: Tag, turn: Tag, now: UnixMicros) -> bool {
        let mut clients = self.0.lock();
        let Some(denied) = clients.get(&client) else { return false };
        let mut alive = denied.iter().filter(|old| old.value == value && old.is_alive(now)).peekable();
        alive.peek().is_some() && alive.all(|old| old.turn != turn)
    }
}

impl Denied {
    fn is_alive(&self, now: UnixMicros) -> bool {
        now >= self.at && now.0 - self.at.0 < TTL_MICROS
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use gate_core::UnixMicros;

    use super::{CLIENTS, Memory, PER_CLIENT, TTL_MICROS, Tag, ValueHash};

    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11));
    const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn tag(n: usize) -> Tag {
        ValueHash::new(&[7; 32]).tag(&n.to_le_bytes())
    }

    #[test]
    fn only_a_later_turn_of_the_same_client_counts() {
        let memory = Memory::default();
        memory.deny(CLIENT, tag(1), tag(100), NOW);
        assert!(memory.was_denied(CLIENT, tag(1), tag(101), NOW), "the next turn");
        assert!(!memory.was_denied(CLIENT, tag(1), tag(100), NOW), "the same turn again");
        assert!(!memory.was_denied(CLIENT, tag(2), tag(101), NOW), "another value");
        let other = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 12));
        assert!(!memory.was_denied(other, tag(1), tag(101), NOW), "another client");
    }

    #[test]
    fn forgets_after_a_day_and_when_the_clock_goes_back() {
        let memory = Memory::default();
        memory.deny(CLIENT, tag(1), tag(100), NOW);
        for (now, known) in [(NOW.0 + TTL_MICROS - 1, true), (NOW.0 + TTL_MICROS, false), (NOW.0 - 1, false)] {
            assert_eq!(memory.was_denied(CLIENT, tag(1), tag(101), UnixMicros(now)), known, "{now}");
        }
    }

    #[test]
    fn is_bounded_per_client_and_in_clients() {
        let memory = Memory::default();
        for n in 0..=PER_CLIENT {
            memory.deny(CLIENT, tag(n), tag(1000), NOW);
        }
        assert!(!memory.was_denied(CLIENT, tag(0), tag(1), NOW), "the oldest value gave way");
        assert!(memory.was_denied(CLIENT, tag(PER_CLIENT), tag(1), NOW));
        for n in 0..CLIENTS {
            let n = u32::try_from(n).unwrap();
            memory.deny(IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + n)), tag(1), tag(2), NOW);
        }
        assert_eq!(memory.0.lock().len(), CLIENTS);
        assert!(!memory.was_denied(CLIENT, tag(PER_CLIENT), tag(1), NOW), "the client seen longest ago gave way");
    }

    #[test]
    fn the_hash_is_keyed_and_prints_no_key() {
        let (one, two) = (ValueHash::random(), ValueHash::random());
        assert!(one.tag(b"value") == one.tag(b"value") && one.tag(b"value") != two.tag(b"value"));
        assert_eq!(one.tag(b"value").short_hex().len(), 16);
        assert_eq!(format!("{one:?}"), "ValueHash(..)");
    }
}
