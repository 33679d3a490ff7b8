//! The newest records and what they add up to: fed by the journals of all processes, read by the page.
//!
//! ```text
//!  journals ──poll──▶ Live ──▶ recent (one ring for each kind)   GET /api/v1/records
//!                      ├─────▶ tally  (24 h in half-hours)       GET /api/v1/overview, /metrics
//!                      └─────▶ queue of each subscriber          GET /api/v1/events
//! ```
//!
//! **Invariant:** everything here can be rebuilt from the journals, and is bounded: rings, buckets, tables in a
//! bucket, subscribers and the queue of each.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use gate_core::{Clock, UnixMicros};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::decide::sessions::SessionKey;
use crate::ports::{Feed, Polled};

mod complaints;
pub(crate) mod recent;
pub(crate) mod stream;
pub(crate) mod tally;

use self::complaints::Complaints;
use self::recent::{Cursor, Kinds, Line, Recent};
use self::stream::{Stream, Subscribers};
use self::tally::{Counters, Tally};

/// Records taken from the feed at once: few enough to hold the lock for a moment only.
const BATCH: usize = 512;

/// How often a silent stream shows that it lives; shorter than the idle limits of proxies and routers.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The feed counts as stuck when nothing could be read for this long.
const STALE_AFTER: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub(crate) struct Live {
    state: Mutex<State>,
    poll_every: Duration,
}

#[derive(Debug)]
struct State {
    recent: Recent,
    tally: Tally,
    subscribers: Subscribers,
    complaints: Complaints,
    followed_at: Instant,
}

impl Live {
    pub(crate) fn new(config: &Config) -> Self {
        let state = State {
            recent: Recent::new(config.recent_records),
            tally: Tally::default(),
            subscribers: Subscribers::new(config.max_subscribers, config.subscriber_queue),
            complaints: Complaints::default(),
            followed_at: Instant::now(),
        };
        Self { state: Mutex::new(state), poll_every: Duration::from_millis(config.feed_poll_ms) }
    }

    /// Follows the feed until `stop`. `alive` says whether a subscriber's session still stands.
    pub(crate) async fn follow(
        &self,
        mut feed: Box<dyn Feed>,
        clock: Arc<dyn Clock>,
        alive: impl Fn(SessionKey) -> bool,
        stop: CancellationToken,
    ) {
        let mut beat = tokio::time::interval(HEARTBEAT);
        while !stop.is_cancelled() {
            let polled = tokio::task::spawn_blocking(move || {
                let polled = feed.poll(BATCH);
                (feed, polled)
            });
            let Ok((back, polled)) = polled.await else {
                tracing::error!("the feed of the journals broke down; the overview stands still");
                break;
            };
            feed = back;
            if self.take(polled, clock.now()) == BATCH {
                continue;
            }
            tokio::select! {
                () = tokio::time::sleep(self.poll_every) => {}
                _ = beat.tick() => self.state.lock().subscribers.beat(&alive),
                () = stop.cancelled() => {}
            }
        }
        self.state.lock().subscribers.close();
    }

    /// Takes in what one poll brought; answers how many records that were.
    fn take(&self, polled: Polled, now: UnixMicros) -> usize {
        let mut state = self.state.lock();
        let state = &mut *state;
        for error in polled.failed.iter().filter(|error| state.complaints.due(&error.process, Instant::now())) {
            tracing::warn!(%error, "the live feed goes on without a journal");
        }
        if polled.followed {
            state.followed_at = Instant::now();
        }
        for entry in &polled.entries {
            state.tally.add(&entry.record, now);
            let line = state.recent.push(entry);
            state.subscribers.send(&line);
        }
        polled.entries.len()
    }

    /// Whether the journals could be followed lately.
    pub(crate) fn fresh(&self) -> bool {
        self.state.lock().followed_at.elapsed() < STALE_AFTER
    }

    /// The newest records of `kinds`, newest first, and whether there are older ones. `before`: the record (by its id)
    /// to go on from; `None` when that one is no longer kept.
    pub(crate) fn newest(&self, kinds: Kinds, before: Option<&str>, most: usize) -> Option<(Vec<Arc<Line>>, bool)> {
        self.state.lock().recent.newest(kinds, before, most)
    }

    /// A live stream of `kinds`; after `cursor` it begins with what was missed. `None`: there are too many.
    pub(crate) fn subscribe(&self, session: SessionKey, kinds: Kinds, cursor: Option<&Cursor>) -> Option<Stream> {
        let mut state = self.state.lock();
        let missed: Vec<Bytes> = match cursor {
            Some(cursor) => state.recent.after(cursor, kinds).iter().map(|line| line.frame()).collect(),
            None => Vec::new(),
        };
        state.subscribers.add(session, kinds, missed)
    }

    /// The last 24 hours.
    pub(crate) fn window(&self, now: UnixMicros) -> tally::Window {
        self.state.lock().tally.window(now)
    }

    /// All records since the start of this process, live streams now, and those dropped as too slow.
    pub(crate) fn totals(&self) -> (Counters, usize, u64) {
        let state = self.state.lock();
        (state.tally.total.clone(), state.subscribers.count(), state.subscribers.dropped)
    }
}

#[cfg(test)]
mod tests;
