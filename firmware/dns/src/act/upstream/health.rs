use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::{Protocol, Upstream};

/// How long an upstream that failed is asked last.
const PENALTY: Duration = Duration::from_secs(10);
/// Failures in a row after which an upstream is doubted: it is asked a question of our own, and if that stays without an
/// answer too, it is not asked any more…
const BREAK_AFTER: u32 = 8;
/// … but for one question of a client, and one of our own, after this time…
const RETRY_MIN: Duration = Duration::from_millis(500);
/// … doubled each time up to this: when the line comes back, nobody waits longer.
const RETRY_MAX: Duration = Duration::from_secs(4);
/// So many questions in a row that another upstream answered first make one failure: one alone may be bad luck.
const OUTPACED_MAX: u32 = 3;
/// Answers whose time is remembered: what 95 of 100 stay below is told from the last ones.
const SAMPLES: usize = 64;
/// Fewer tell nothing.
const SAMPLES_MIN: usize = 8;

/// How one upstream has done lately.
#[derive(Default)]
pub(super) struct Health {
    record: Mutex<Record>,
}

#[derive(Default)]
struct Record {
    /// When it failed last, unless it has answered since, and why.
    failed: Option<(Instant, String)>,
    failures: u32,
    outpaced: u32,
    /// A question of our own is on its way.
    probing: bool,
    /// When it may be asked again.
    retry: Option<(Instant, Duration)>,
    times: VecDeque<Duration>,
    answered: u64,
    unanswered: u64,
}

/// How an upstream does, for status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamState {
    pub upstream: Upstream,
    /// It is asked; otherwise it has been silent so long that only now and then a question is tried.
    pub working: bool,
    /// Questions it has answered, and not, since the start.
    pub answered: u64,
    pub unanswered: u64,
    /// What 95 of 100 answers come within; `None` until there were some.
    pub usual: Option<Duration>,
    /// Why it gave no answer the last time, unless it has answered since.
    pub failure: Option<String>,
    /// It takes DNSSEC signatures out of its answers.
    pub strips_signatures: bool,
    /// It is asked over TCP, as UDP gets no answer.
    pub tcp_only: bool,
    /// It asks us whatever it is asked, so it is not asked any more.
    pub asks_us: bool,
    /// It asks us what it is asked about these zones, and not about all of its own, so it is not asked about them any more.
    pub asks_us_about: Vec<String>,
    /// It has answers for names that do not exist, or denies those that do, as a captive portal does, so others are asked
    /// where there are any.
    pub makes_up: bool,
}

impl UpstreamState {
    /// Whether plain DNS is silent everywhere while an encrypted upstream answers: somebody blocks port 53.
    pub fn is_port_53_blocked(all: &[Self]) -> bool {
        let (plain, encrypted): (Vec<_>, Vec<_>) =
            all.iter().partition(|state| state.upstream.protocol == Protocol::Plain);
        let answers = |state: &&Self| state.failure.is_none() && state.answered > 0;
        !plain.is_empty() && plain.iter().all(|state| state.failure.is_some()) && encrypted.iter().any(answers)
    }
}

impl Health {
    /// Whether to ask it at all. An upstream that has failed for long is given one question after each pause.
    pub(super) fn admits(&self, now: Instant) -> bool {
        let mut record = self.record.lock();
        let Some((at, pause)) = record.retry else { return true };
        if now < at {
            return false;
        }
        let pause = (pause * 2).min(RETRY_MAX);
        record.retry = Some((now + pause, pause));
        true
    }

    /// Whether it must be asked a question of our own, which whoever is told so sends, and then tells what
    /// [came of it](Self::probed). A client may ask for names whose own servers are silent as often as it likes: that says
    /// nothing of the upstream. The number is for then.
    pub(super) fn doubted(&self) -> Option<u64> {
        let mut record = self.record.lock();
        if record.failures < BREAK_AFTER || record.probing {
            return None;
        }
        record.probing = true;
        Some(record.answered)
    }

    /// The question of our own has ended. Only an upstream that answered nobody at all meanwhile is broken.
    pub(super) fn probed(&self, doubt: u64, answers: bool, now: Instant) {
        let mut record = self.record.lock();
        record.probing = false;
        if answers {
            record.lives();
        } else if record.answered == doubt && record.retry.is_none() {
            record.retry = Some((now + RETRY_MIN, RETRY_MIN));
        }
    }

    /// It is asked only now and then.
    pub(super) fn is_broken(&self) -> bool {
        self.record.lock().retry.is_some()
    }

    pub(super) fn is_suspect(&self, now: Instant) -> bool {
        self.record.lock().failed.as_ref().is_some_and(|(failed, _)| now.duration_since(*failed) < PENALTY)
    }

    pub(super) fn succeeded(&self, took: Duration) {
        let mut record = self.record.lock();
        record.answered += 1;
        record.lives();
        (record.failed, record.outpaced) = (None, 0);
        if record.times.len() == SAMPLES {
            record.times.pop_front();
        }
        record.times.push_back(took);
    }

    /// It answered that it cannot tell.
    pub(super) fn unwilling(&self) {
        let mut record = self.record.lock();
        record.answered += 1;
        record.lives();
    }

    pub(super) fn failed(&self, now: Instant, why: impl fmt::Display) {
        let mut record = self.record.lock();
        record.unanswered += 1;
        record.failures = record.failures.saturating_add(1);
        record.failed = Some((now, why.to_string()));
    }

    /// Another upstream, which was asked later, answered first.
    pub(super) fn outpaced(&self, now: Instant) {
        let outpaced = {
            let mut record = self.record.lock();
            record.outpaced += 1;
            record.outpaced
        };
        if outpaced >= OUTPACED_MAX {
            self.failed(now, "others that were asked later answer first");
        }
    }

    /// What 95 of 100 answers come within.
    pub(super) fn usual(&self) -> Option<Duration> {
        self.record.lock().usual()
    }

    pub(super) fn state(&self, upstream: &Upstream) -> UpstreamState {
        let record = self.record.lock();
        UpstreamState {
            upstream: upstream.clone(),
            working: record.retry.is_none(),
            answered: record.answered,
            unanswered: record.unanswered,
            usual: record.usual(),
            failure: record.failed.as_ref().map(|(_, why)| why.clone()),
            strips_signatures: false,
            tcp_only: false,
            asks_us: false,
            asks_us_about: Vec::new(),
            makes_up: false,
        }
    }
}

impl Record {
    fn lives(&mut self) {
        (self.failures, self.retry) = (0, None);
    }

    fn usual(&self) -> Option<Duration> {
        let mut times: Vec<_> = self.times.iter().copied().collect();
        if times.len() < SAMPLES_MIN {
            return None;
        }
        let at = times.len() * 95 / 100;
        Some(*times.select_nth_unstable(at.min(self.times.len() - 1)).1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{BREAK_AFTER, Health, PENALTY, RETRY_MAX, RETRY_MIN, SAMPLES_MIN, UpstreamState};

    #[test]
    fn one_failure_puts_an_upstream_last_for_a_while() {
        let (health, now) = (Health::default(), Instant::now());
        assert!(!health.is_suspect(now));
        health.failed(now, "silence");
        assert!(health.is_suspect(now) && health.admits(now));
        assert!(!health.is_suspect(now + PENALTY));
        health.failed(now, "silence");
        health.succeeded(Duration::from_millis(5));
        assert!(!health.is_suspect(now));
    }

    #[test]
    fn many_failures_leave_one_question_after_each_pause() {
        let (health, start) = (Health::default(), Instant::now());
        for _ in 0..BREAK_AFTER {
            assert!(health.admits(start));
            assert_eq!(health.doubted(), None);
            health.failed(start, "silence");
        }
        assert!(health.admits(start), "until it is certain");
        assert_eq!((health.doubted(), health.doubted()), (Some(0), None), "one question of our own");
        health.probed(0, false, start);
        assert!(!health.admits(start));
        let (mut now, mut asked) = (start, Vec::new());
        while now < start + Duration::from_secs(20) {
            now += RETRY_MIN;
            if health.admits(now) {
                asked.push(now);
                assert!(!health.admits(now), "one at a time");
                health.failed(now, "silence");
            }
        }
        let pauses: Vec<_> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted() && pauses.last() == Some(&RETRY_MAX), "{pauses:?}");
        health.succeeded(Duration::from_millis(5));
        assert!(health.admits(now) && health.admits(now), "it is back");
    }

    #[test]
    fn only_an_upstream_that_answers_nobody_is_broken() {
        let (health, now) = (Health::default(), Instant::now());
        let doubt = || {
            (0..BREAK_AFTER).for_each(|_| health.failed(now, "silence"));
            health.doubted().expect("eight in a row")
        };
        health.probed(doubt(), true, now);
        assert!(health.admits(now), "our own question was answered");
        assert_eq!(health.doubted(), None, "and it counts from the beginning");
        for answer in [Health::unwilling, |health: &Health| health.succeeded(Duration::from_millis(5))] {
            let before = doubt();
            answer(&health);
            (0..BREAK_AFTER).for_each(|_| health.failed(now, "silence"));
            health.probed(before, false, now);
            assert!(health.admits(now), "somebody else was answered meanwhile");
        }
        health.probed(doubt(), false, now);
        assert!(!health.admits(now));
        let later = now + RETRY_MIN;
        assert!(health.admits(later));
        let before = health.doubted().expect("our own question with each one that is tried");
        health.probed(before, true, later);
        assert!(health.admits(later) && health.admits(later), "whatever became of the client's");
    }

    #[test]
    fn slowness_counts_when_it_lasts() {
        let (health, now) = (Health::default(), Instant::now());
        health.outpaced(now);
        health.outpaced(now);
        assert!(!health.is_suspect(now));
        health.outpaced(now);
        assert!(health.is_suspect(now));
    }

    #[test]
    fn the_usual_time_is_that_of_nearly_all_answers() {
        let health = Health::default();
        for number in 1..SAMPLES_MIN as u64 {
            health.succeeded(Duration::from_millis(number));
        }
        assert_eq!(health.usual(), None);
        for number in 1..=200 {
            health.succeeded(Duration::from_millis(if number % 32 == 0 { 900 } else { 10 }));
        }
        assert_eq!(health.usual(), Some(Duration::from_millis(10)));
    }

    #[test]
    fn a_blocked_port_is_told_from_a_dead_line() {
        let state = |upstream: &str, failed: bool| UpstreamState {
            upstream: upstream.parse().unwrap(),
            working: !failed,
            answered: u64::from(!failed),
            unanswered: u64::from(failed),
            usual: None,
            failure: failed.then(|| "silence".to_owned()),
            strips_signatures: false,
            tcp_only: false,
            asks_us: false,
            asks_us_about: Vec::new(),
            makes_up: false,
        };
        let rows = [(true, false, true), (true, true, false), (false, false, false)];
        for (plain, encrypted, blocked) in rows {
            let all = [state("192.0.2.1", plain), state("tls://192.0.2.1", encrypted)];
            assert_eq!(UpstreamState::is_port_53_blocked(&all), blocked);
        }
    }
}
