//! What stands behind placeholders: for each client and provider the values that left as `NGP_EMAIL_…`, so that the answer
//! gets them back.
//!
//! A placeholder is `NGP_`, the kind, and 64 bits in base32: a keyed hash over client, provider, kind and value. The same
//! value is the same placeholder in every turn, and another one for everybody else; the conversation that a client sends
//! again with each turn makes what was forgotten anew.
//!
//! **Invariant:** values are in memory only, bounded by entries and bytes for each client and in all, and for a time. Who
//! asks for anything lets go what is too old, whoever it belongs to; nothing else holds a value longer than it takes to put
//! it back.
//!
//! **Invariant:** a placeholder leads to a value only for the client and the provider that it was made for.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gate_core::KindCount;
use lru::LruCache;
use parking_lot::Mutex;

use super::judge::COUNTS_CAP;
use super::memory::ValueHash;
use crate::config::Config;

/// What every placeholder begins with.
pub(super) const MARK: &[u8] = b"NGP_";

/// 64 bits in base32 (RFC 4648 section 6).
const CODE: usize = 13;

/// Longest placeholder: kinds have at most 64 characters.
const TOKEN_MAX: usize = MARK.len() + 64 + 1 + CODE;

/// Longer values are nothing that an answer repeats: they are redacted for good.
const VALUE_MAX: usize = 4 * 1024;

/// Bytes of values and placeholders kept for one client and provider.
const SHELF_BYTES: usize = 1024 * 1024;

/// Bytes kept in all.
const VAULT_BYTES: usize = 16 * 1024 * 1024;

/// What an entry costs beside its texts, roughly: its places in the maps and the heap's own bookkeeping.
const ENTRY: usize = 256;

/// Clients, each at one provider, that are remembered.
const SHELVES: usize = 1024;

/// What is too old goes so often, in all shelves.
const SWEEP: Duration = Duration::from_secs(60);

/// The values behind the placeholders of all clients.
pub(super) struct Vault {
    key: ValueHash,
    per_shelf: usize,
    ttl: Duration,
    rooms: Arc<Mutex<Rooms>>,
}

struct Rooms {
    shelves: LruCache<Scope, Shelf>,
    /// Of all shelves.
    bytes: usize,
    swept: Option<Instant>,
}

/// Whose placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    client: IpAddr,
    /// What the client has proven to be: behind one address there may be several.
    name: Option<Box<str>>,
    vendor: Box<str>,
}

/// The values of one scope by placeholder; what was sent least lately comes last.
struct Shelf {
    entries: LruCache<Arc<str>, Entry>,
    /// The same placeholders in order, so that those with the same beginning stand together.
    order: BTreeSet<Arc<str>>,
    bytes: usize,
}

struct Entry {
    kept: Arc<Kept>,
    /// When it was last sent.
    at: Instant,
}

/// A value and its kind.
#[derive(PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) kind: Box<str>,
    pub(super) value: Box<str>,
}

/// What an answer to one client may put back.
pub(super) struct Live {
    rooms: Arc<Mutex<Rooms>>,
    scope: Scope,
}

/// What some bytes of an answer begin with.
pub(super) enum Found {
    /// A live placeholder of this length.
    Whole(usize, Arc<Kept>),
    /// All of them are the beginning of a live one.
    Begun,
    None,
}

impl Vault {
    pub(super) fn new(key: ValueHash, config: &Config) -> Self {
        let shelves = NonZeroUsize::new(SHELVES).expect("the cap is above zero");
        let rooms = Mutex::new(Rooms { shelves: LruCache::new(shelves), bytes: 0, swept: None });
        Self {
            key,
            per_shelf: config.placeholders_per_client,
            ttl: Duration::from_secs(config.placeholder_hours.saturating_mul(3600)),
            rooms: Arc::new(rooms),
        }
    }

    /// The placeholder for a value that is about to be sent, which can be undone from now on; `None` where it cannot.
    pub(super) fn replace(&self, scope: &Scope, kind: &str, value: &str, now: Instant) -> Option<String> {
        if value.is_empty() || value.len() > VALUE_MAX {
            return None;
        }
        let token = self.token(scope, kind, value);
        if token.len() > TOKEN_MAX {
            return None;
        }
        let mut rooms = self.rooms.lock();
        rooms.sweep(now, self.ttl);
        if !rooms.shelves.contains(scope)
            && let Some((_, old)) = rooms.shelves.push(scope.clone(), Shelf::new())
        {
            rooms.bytes -= old.bytes;
        }
        let shelf = rooms.shelves.get_mut(scope)?;
        let before = shelf.bytes;
        let kept = shelf.keep(&token, Kept { kind: kind.into(), value: value.into() }, now, self.per_shelf);
        let after = shelf.bytes;
        rooms.bytes = rooms.bytes - before + after;
        while rooms.bytes > VAULT_BYTES && rooms.shelves.len() > 1 {
            let Some((_, old)) = rooms.shelves.pop_lru() else { break };
            rooms.bytes -= old.bytes;
        }
        kept.then_some(token)
    }

    /// What an answer to this client may put back, if anything.
    pub(super) fn live(&self, scope: &Scope, now: Instant) -> Option<Live> {
        let mut rooms = self.rooms.lock();
        rooms.sweep(now, self.ttl);
        rooms.forget(scope, now, self.ttl);
        let any = rooms.shelves.peek(scope).is_some_and(|shelf| !shelf.order.is_empty());
        any.then(|| Live { rooms: Arc::clone(&self.rooms), scope: scope.clone() })
    }

    fn token(&self, scope: &Scope, kind: &str, value: &str) -> String {
        // No part but the last can hold the separator; who has no name has the placeholders that he had before there were any.
        let name = scope.name.as_deref().map_or_else(String::new, |name| format!("\0{name}"));
        let named = format!("{}{name}\0{}\0{kind}\0{value}", scope.client, scope.vendor);
        let bits = self.key.tag(named.as_bytes()).bits();
        let kind: String =
            kind.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        let mut token = format!("NGP_{kind}_");
        // The last of the thirteen has four bits, at its upper end.
        let digit = |n: usize| if n == CODE - 1 { (bits << 1) & 31 } else { (bits >> (64 - 5 * (n + 1))) & 31 };
        token.extend((0..CODE).map(|n| char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[digit(n) as usize])));
        token
    }
}

impl Scope {
    pub(super) fn new(client: IpAddr, name: Option<&str>, vendor: &str) -> Self {
        Self { client: client.to_canonical(), name: name.map(Into::into), vendor: vendor.into() }
    }
}

impl Rooms {
    /// Lets go what is too old, of everybody, once in a while.
    fn sweep(&mut self, now: Instant, ttl: Duration) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP) {
            return;
        }
        self.swept = Some(now);
        for (_, shelf) in &mut self.shelves {
            self.bytes -= shelf.forget(now, ttl);
        }
        // The least lately used come last in both.
        while self.shelves.peek_lru().is_some_and(|(_, shelf)| shelf.order.is_empty()) {
            self.shelves.pop_lru();
        }
    }

    /// Lets go what is too old of one scope.
    fn forget(&mut self, scope: &Scope, now: Instant, ttl: Duration) {
        if let Some(shelf) = self.shelves.peek_mut(scope) {
            self.bytes -= shelf.forget(now, ttl);
        }
    }
}

impl Shelf {
    fn new() -> Self {
        Self { entries: LruCache::unbounded(), order: BTreeSet::new(), bytes: 0 }
    }

    /// Keeps a value, or keeps it longer; not where another one has the same placeholder.
    fn keep(&mut self, token: &str, kept: Kept, now: Instant, most: usize) -> bool {
        if let Some(entry) = self.entries.get_mut(token) {
            entry.at = now;
            return *entry.kept == kept;
        }
        let cost = kept.cost(token);
        while self.entries.len() >= most || self.bytes + cost > SHELF_BYTES {
            if self.drop_oldest() == 0 {
                break;
            }
        }
        self.bytes += cost;
        let token: Arc<str> = token.into();
        self.order.insert(Arc::clone(&token));
        self.entries.put(token, Entry { kept: Arc::new(kept), at: now });
        true
    }

    /// Lets go what is too old; how many bytes that was.
    fn forget(&mut self, now: Instant, ttl: Duration) -> usize {
        let before = self.bytes;
        while self.entries.peek_lru().is_some_and(|(_, oldest)| now.saturating_duration_since(oldest.at) >= ttl) {
            self.drop_oldest();
        }
        before - self.bytes
    }

    /// Lets the entry go that was sent least lately; how many bytes that was.
    fn drop_oldest(&mut self) -> usize {
        let Some((token, old)) = self.entries.pop_lru() else { return 0 };
        self.order.remove(&token);
        let cost = old.kept.cost(&token);
        self.bytes -= cost;
        cost
    }
}

impl Kept {
    /// Bytes that it is booked with.
    fn cost(&self, token: &str) -> usize {
        token.len() + self.kind.len() + self.value.len() + ENTRY
    }
}

impl Live {
    /// Reads what begins with [`MARK`], or with as much of it as there is.
    pub(super) fn find(&self, text: &[u8]) -> Found {
        let is_part = |byte: &&u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || **byte == b'_';
        let run = text.iter().take(TOKEN_MAX).take_while(is_part).count();
        let rooms = self.rooms.lock();
        let Some(shelf) = rooms.shelves.peek(&self.scope) else { return Found::None };
        for end in MARK.len() + 1 + CODE..=run {
            let (kind, code) = text[..end].split_at(end - CODE);
            if kind.ends_with(b"_")
                && code.iter().all(|byte| matches!(byte, b'A'..=b'Z' | b'2'..=b'7'))
                && let Some(entry) = std::str::from_utf8(&text[..end]).ok().and_then(|token| shelf.entries.peek(token))
            {
                return Found::Whole(end, Arc::clone(&entry.kept));
            }
        }
        if run < text.len() {
            return Found::None;
        }
        let Ok(text) = std::str::from_utf8(text) else { return Found::None };
        let mut next = shelf.order.range::<str, _>((Bound::Excluded(text), Bound::Unbounded));
        if next.next().is_some_and(|token| token.starts_with(text)) { Found::Begun } else { Found::None }
    }
}

/// Counts one of a kind.
pub(super) fn count(counts: &mut Vec<KindCount>, kind: &str) {
    if let Some(count) = counts.iter_mut().find(|count| count.kind == kind) {
        count.count = count.count.saturating_add(1);
    } else if counts.len() < COUNTS_CAP {
        counts.push(KindCount { kind: kind.to_owned(), count: 1 });
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

#[cfg(test)]
pub(super) mod tests;
