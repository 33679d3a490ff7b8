use std::sync::atomic::{AtomicU64, Ordering};

use gate_core::DnsOutcome;

/// What the resolver has done since it started, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Questions answered with the puck's address, or with "no such record" in its place.
    pub steered: u64,
    /// Canaries and special names.
    pub special: u64,
    /// Questions for the puck's own name or address.
    pub own: u64,
    pub cached: u64,
    pub forwarded: u64,
    /// Questions that no upstream answered.
    pub failed: u64,
    pub refused: u64,
    /// Of the cached: given because no upstream answered, past their end.
    pub stale: u64,
    /// Names asked for again before their answer ended.
    pub prefetched: u64,
    /// Of the refused: dropped because their client asked too fast.
    pub limited: u64,
    /// Of all: asked over UDP by the network's router.
    pub from_router: u64,
    /// TCP connections closed because a cap was reached.
    pub tcp_turned_away: u64,
    /// Records that the journal did not take.
    pub records_lost: u64,
    /// Answers and bytes in the cache now.
    pub cache_entries: u64,
    pub cache_bytes: u64,
    /// Different questions on their way to upstreams now.
    pub in_flight: u64,
    /// Addresses of AI providers remembered now (gateway mode).
    pub learnt: u64,
}

impl Counters {
    /// All questions taken so far.
    pub fn questions(&self) -> u64 {
        self.steered + self.special + self.own + self.cached + self.forwarded + self.failed + self.refused
    }
}

/// The counters while they count.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    steered: AtomicU64,
    special: AtomicU64,
    own: AtomicU64,
    cached: AtomicU64,
    forwarded: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    stale: AtomicU64,
    prefetched: AtomicU64,
    limited: AtomicU64,
    from_router: AtomicU64,
    tcp_turned_away: AtomicU64,
    records_lost: AtomicU64,
}

impl Counting {
    pub(crate) fn count(&self, outcome: &DnsOutcome) {
        self.count_many(outcome, 1);
    }

    pub(crate) fn count_many(&self, outcome: &DnsOutcome, count: u64) {
        let counter = match outcome {
            DnsOutcome::Steered { .. } => &self.steered,
            DnsOutcome::Special => &self.special,
            DnsOutcome::Own => &self.own,
            DnsOutcome::Cached => &self.cached,
            DnsOutcome::Forwarded => &self.forwarded,
            DnsOutcome::Failed => &self.failed,
            DnsOutcome::Refused(_) => &self.refused,
        };
        counter.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn prefetched(&self) {
        self.prefetched.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn limited(&self) {
        self.limited.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn router_asked(&self) {
        self.from_router.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn lost(&self) {
        self.records_lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn turned_away(&self) {
        self.tcp_turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// The counted part of a snapshot; what is held now is filled in by the caller.
    pub(crate) fn snapshot(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            steered: read(&self.steered),
            special: read(&self.special),
            own: read(&self.own),
            cached: read(&self.cached),
            forwarded: read(&self.forwarded),
            failed: read(&self.failed),
            refused: read(&self.refused),
            stale: read(&self.stale),
            prefetched: read(&self.prefetched),
            limited: read(&self.limited),
            from_router: read(&self.from_router),
            tcp_turned_away: read(&self.tcp_turned_away),
            records_lost: read(&self.records_lost),
            ..Counters::default()
        }
    }
}
