use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Counts the bytes of one connection while it runs, and knows when the last one moved.
#[derive(Debug)]
pub(crate) struct Meter {
    start: Instant,
    up: AtomicU64,
    down: AtomicU64,
    /// Milliseconds from `start` to the last byte.
    touched: AtomicU64,
}

impl Meter {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, up: AtomicU64::new(0), down: AtomicU64::new(0), touched: AtomicU64::new(0) }
    }

    /// Counts bytes from the client.
    pub(crate) fn add_up(&self, bytes: usize) {
        self.add(&self.up, bytes);
    }

    /// Counts bytes to the client.
    pub(crate) fn add_down(&self, bytes: usize) {
        self.add(&self.down, bytes);
    }

    fn add(&self, counter: &AtomicU64, bytes: usize) {
        counter.fetch_add(bytes as u64, Ordering::Relaxed);
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.touched.fetch_max(since, Ordering::Relaxed);
    }

    pub(crate) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    pub(crate) fn down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }

    /// Returns once no byte has moved for `limit`.
    pub(crate) async fn idle_for(&self, limit: Duration) {
        loop {
            let last = self.start + Duration::from_millis(self.touched.load(Ordering::Relaxed));
            if last.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(last + limit).await;
        }
    }
}
