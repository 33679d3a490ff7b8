use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Knows whether a connection has anything to do: requests under way and live streams.
#[derive(Clone, Debug)]
pub(super) struct Activity(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    open: usize,
    last: Instant,
}

/// Something under way: while one of these lives, its connection is not idle.
#[derive(Debug)]
pub(crate) struct InFlight(Activity);

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { open: 0, last: Instant::now() })))
    }

    pub(super) fn begin(&self) -> InFlight {
        self.0.lock().open += 1;
        InFlight(self.clone())
    }

    /// Resolves once nothing was under way for `limit`.
    pub(super) async fn idle_for(&self, limit: Duration) {
        loop {
            let since = {
                let state = self.0.lock();
                if state.open > 0 { Instant::now() } else { state.last }
            };
            if since.elapsed() >= limit {
                return;
            }
            tokio::time::sleep_until(since + limit).await;
        }
    }
}

impl Clone for InFlight {
    fn clone(&self) -> Self {
        self.0.begin()
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = self.0.0.lock();
        state.open -= 1;
        state.last = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::Activity;

    #[tokio::test(start_paused = true)]
    async fn idleness_begins_when_the_last_thing_ends() {
        let (activity, start) = (Activity::new(), Instant::now());
        let (request, stream) = (activity.begin(), activity.begin());
        let idle = activity.clone();
        let over = tokio::spawn(async move {
            idle.idle_for(Duration::from_secs(60)).await;
            start.elapsed()
        });
        sleep(Duration::from_secs(10)).await;
        drop(request);
        sleep(Duration::from_secs(290)).await;
        drop(stream);
        let lived = over.await.unwrap().as_secs();
        assert!((360..=420).contains(&lived), "{lived}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_ends() {
        let start = Instant::now();
        Activity::new().idle_for(Duration::from_secs(60)).await;
        assert_eq!(start.elapsed().as_secs(), 60);
    }
}
