//! *Alive* feeds the watchdog, *good* marks the slot. Both are made here from what was observed, and from the time that is
//! passed in.

use std::time::{Duration, Instant};

/// Without an answer for this long the puck counts as dead, and the watchdog may bite.
const DEAD: Duration = Duration::from_secs(20);
/// A trial that is not good by then has failed.
const TRIAL: Duration = Duration::from_secs(600);

/// What was observed at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// When the office's resolver last answered.
    pub(crate) answered: Option<Instant>,
    /// The proxy and the page take connections, every process works, and the journal takes records.
    pub(crate) whole: bool,
}

/// The puck's health over time.
#[derive(Debug)]
pub(crate) struct Health {
    begun: Instant,
    /// When there was first something to be asked; before, nobody can be answered, and a reset would not change that.
    configured: Option<Instant>,
    good_since: Option<Instant>,
    /// How long *good* must hold before the slot is marked.
    settle: Duration,
    /// Time for the first answer after an address came: the daemon makes keys and compiles rules first.
    start: Duration,
}

impl Health {
    pub(crate) fn new(now: Instant, settle: Duration, start: Duration) -> Self {
        Self { begun: now, configured: None, good_since: None, settle, start }
    }

    /// The daemon was given an address and started, for the first time.
    pub(crate) fn configured(&mut self, now: Instant) {
        self.configured.get_or_insert(now);
    }

    /// Whether the watchdog is to be fed.
    pub(crate) fn alive(&self, seen: Seen, now: Instant) -> bool {
        let Some(configured) = self.configured else { return true };
        match seen.answered {
            Some(at) => now.saturating_duration_since(at) < DEAD,
            None => now.saturating_duration_since(configured) < self.start,
        }
    }

    /// Whether the first answer is so late that there is little time left for another try: with other settings.
    pub(crate) fn wants_another_start(&self, seen: Seen, now: Instant) -> bool {
        let late = |configured| now.saturating_duration_since(configured) >= self.start * 5 / 6;
        seen.answered.is_none() && self.configured.is_some_and(late)
    }

    /// The daemon was started anew with other settings, and has its time again.
    pub(crate) fn configured_again(&mut self, now: Instant) {
        self.configured = Some(now);
    }

    /// Whether the puck has been good for long enough.
    pub(crate) fn good(&mut self, seen: Seen, now: Instant) -> bool {
        let answered = seen.answered.is_some_and(|at| now.saturating_duration_since(at) < DEAD);
        if !(answered && seen.whole) {
            self.good_since = None;
            return false;
        }
        let since = *self.good_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.settle
    }

    /// Whether a trial has had its time. Call only while it has not been good.
    pub(crate) fn trial_is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.begun) >= TRIAL.min(self.settle * 10)
    }
}

#[cfg(test)]
mod tests {
    use super::{DEAD, Duration, Health, Instant, Seen};

    const SETTLE: Duration = Duration::from_secs(180);
    const START: Duration = Duration::from_secs(90);

    fn seen(answered: Option<Instant>, whole: bool) -> Seen {
        Seen { answered, whole }
    }

    #[test]
    fn a_puck_without_an_address_is_alive() {
        let begun = Instant::now();
        assert!(Health::new(begun, SETTLE, START).alive(Seen::default(), begun + Duration::from_secs(100_000)));
    }

    #[test]
    fn a_start_without_an_answer_is_tried_again_before_the_watchdog_bites_and_has_its_time_then() {
        let begun = Instant::now();
        let mut health = Health::new(begun, SETTLE, START);
        let never = seen(None, false);
        assert!(!health.wants_another_start(never, begun + START), "nothing was started yet");
        health.configured(begun);
        assert!(!health.wants_another_start(never, begun + START / 2));
        let now = begun + START * 11 / 12;
        assert!(health.alive(never, now) && health.wants_another_start(never, now));
        assert!(!health.wants_another_start(seen(Some(begun), false), now), "it was answered once");
        health.configured_again(now);
        assert!(health.alive(never, now + START / 2) && !health.wants_another_start(never, now + START / 2));
        assert!(!health.alive(never, now + START), "nothing more can be tried");
    }

    #[test]
    fn silence_is_death_after_the_time_to_start_and_after_each_answer() {
        let begun = Instant::now();
        let mut health = Health::new(begun, SETTLE, START);
        health.configured(begun);
        assert!(health.alive(Seen::default(), begun + START / 2));
        assert!(!health.alive(Seen::default(), begun + START));
        let answered = begun + START * 2;
        assert!(health.alive(seen(Some(answered), false), answered + DEAD / 2));
        assert!(!health.alive(seen(Some(answered), true), answered + DEAD));
    }

    #[test]
    fn a_daemon_that_keeps_dying_does_not_win_time() {
        let begun = Instant::now();
        let mut health = Health::new(begun, SETTLE, START);
        health.configured(begun);
        health.configured(begun + START / 2);
        assert!(!health.alive(Seen::default(), begun + START));
    }

    #[test]
    fn good_must_hold_without_a_gap() {
        let begun = Instant::now();
        let mut health = Health::new(begun, SETTLE, START);
        let at = |seconds: u64| begun + Duration::from_secs(seconds);
        assert!(!health.good(seen(Some(at(0)), true), at(0)));
        assert!(!health.good(seen(Some(at(100)), true), at(100)));
        assert!(!health.good(seen(Some(at(150)), false), at(150)), "the proxy is gone");
        assert!(!health.good(seen(Some(at(200)), true), at(200)));
        assert!(!health.good(seen(Some(at(379)), true), at(379)));
        assert!(health.good(seen(Some(at(380)), true), at(380)));
    }

    #[test]
    fn a_trial_ends() {
        let begun = Instant::now();
        let health = Health::new(begun, SETTLE, START);
        assert!(!health.trial_is_over(begun + Duration::from_secs(599)));
        assert!(health.trial_is_over(begun + Duration::from_secs(600)));
    }
}
