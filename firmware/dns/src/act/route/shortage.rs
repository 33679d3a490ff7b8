//! Whether places were short, for status.

use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::act::upstream::Crowd;

/// How long it is told.
const TOLD: Duration = Duration::from_secs(60);

/// The last time that a question found no place.
#[derive(Default)]
pub(super) struct Shortage(Mutex<Option<(Instant, Crowd)>>);

impl Shortage {
    /// A question found none; `heaviest` says who holds most, and is asked once for as long as places are short.
    pub(super) fn met(&self, now: Instant, heaviest: impl FnOnce() -> Option<IpAddr>) {
        let mut last = self.0.lock();
        let before = last.filter(|(at, _)| now.saturating_duration_since(*at) < TOLD).map(|(_, crowd)| crowd);
        let crowd = before.unwrap_or_else(|| Crowd { questions: 0, client: heaviest() });
        *last = Some((now, Crowd { questions: crowd.questions + 1, ..crowd }));
    }

    /// Whether places were short a moment ago.
    pub(super) fn crowd(&self, now: Instant) -> Option<Crowd> {
        let (at, crowd) = (*self.0.lock())?;
        (now.saturating_duration_since(at) < TOLD).then_some(crowd)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{Shortage, TOLD};
    use crate::act::upstream::Crowd;

    #[test]
    fn it_is_told_for_a_while_and_of_one_client() {
        let (shortage, now) = (Shortage::default(), Instant::now());
        assert_eq!(shortage.crowd(now), None);
        let [first, second] = [1, 2].map(|number| Some([192, 0, 2, number].into()));
        shortage.met(now, || first);
        shortage.met(now + TOLD / 2, || second);
        assert_eq!(shortage.crowd(now + TOLD), Some(Crowd { questions: 2, client: first }));
        assert_eq!(shortage.crowd(now + TOLD * 3 / 2), None);
        shortage.met(now + TOLD * 2, || second);
        assert_eq!(shortage.crowd(now + TOLD * 2), Some(Crowd { questions: 1, client: second }));
    }
}
