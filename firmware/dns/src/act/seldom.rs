use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Time between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// Lets a line that strangers can cause be written at most once a minute, and counts the rest.
#[derive(Default)]
pub(super) struct Seldom(Mutex<State>);

#[derive(Default)]
struct State {
    last: Option<Instant>,
    untold: u64,
}

impl Seldom {
    /// How many were left out since the last line, if this one may be written.
    pub(super) fn may(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock();
        if state.last.is_some_and(|last| now.saturating_duration_since(last) < PAUSE) {
            state.untold += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.untold))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{PAUSE, Seldom};

    #[test]
    fn one_line_a_minute_tells_of_those_left_out() {
        let (seldom, now) = (Seldom::default(), Instant::now());
        assert_eq!(seldom.may(now), Some(0));
        assert!((1..=1000_u32).all(|number| seldom.may(now + PAUSE * number / 1001).is_none()));
        assert_eq!(seldom.may(now + PAUSE), Some(1000));
        assert_eq!(seldom.may(now + PAUSE), None);
        assert_eq!(seldom.may(now + 3 * PAUSE), Some(1));
    }
}
