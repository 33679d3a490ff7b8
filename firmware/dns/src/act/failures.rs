//! Questions that ended without an answer a moment ago (RFC 9520): who asks again at once is told the same, so that a name
//! which does not resolve is no means to keep the upstreams, or the servers of its zone, busy.

use std::num::NonZeroUsize;
use std::sync::Arc;

use gate_core::UnixMicros;
use lru::LruCache;
use parking_lot::Mutex;

use super::exchange::ExchangeError;
use crate::parse::{Answer, Question, Security};

/// How long a failure is believed (RFC 9520 section 3.2: a second at least, five minutes at most). People try again after a
/// few seconds, and should then see that the line is back.
const KEEP_MICROS: u64 = 5_000_000;
/// Failures kept; more than one client may cause in that time.
const FAILURES: usize = 1024;
/// A failure that says more than this is kept by its reason alone.
const ANSWER_MAX: usize = 512;

/// What went wrong: the upstream's words, or its silence.
pub(super) type Failure = Option<Arc<Answer>>;

pub(super) struct Failures {
    known: Mutex<LruCache<Question, (UnixMicros, Failure)>>,
}

impl Failures {
    pub(super) fn new() -> Self {
        Self { known: Mutex::new(LruCache::sparse(NonZeroUsize::new(FAILURES).expect("not zero"))) }
    }

    /// How the question failed a moment ago. The clock may be set at any time: what comes from the future is over too.
    pub(super) fn get(&self, question: &Question, now: UnixMicros) -> Option<Failure> {
        let mut known = self.known.lock();
        let (at, failure) = known.get(question)?;
        let recent = now.0.checked_sub(at.0).is_some_and(|since| since < KEEP_MICROS);
        recent.then(|| failure.clone())
    }

    pub(super) fn keep(&self, question: &Question, result: &Result<Arc<Answer>, ExchangeError>, now: UnixMicros) {
        let failure = match result {
            Ok(answer) if answer.is_conclusive() => {
                self.known.lock().pop(question);
                return;
            }
            // Nobody was asked: the next one may be luckier.
            Err(ExchangeError::Busy | ExchangeError::Down) => return,
            // The validator remembers what it found bogus, and forgets it with the keys that it judged by.
            Ok(answer) if answer.security() == Security::Bogus => return,
            Ok(answer) => Some(short(question, answer)),
            Err(_) => None,
        };
        self.known.lock().put(question.clone(), (now, failure));
    }
}

fn short(question: &Question, answer: &Arc<Answer>) -> Arc<Answer> {
    let option = answer.extended_error();
    if answer.message().len() + option.map_or(0, <[u8]>::len) <= ANSWER_MAX {
        return Arc::clone(answer);
    }
    Arc::new(Answer::failure_with(question, option.map(Into::into)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use gate_core::UnixMicros;

    use super::{FAILURES, Failures};
    use crate::act::exchange::ExchangeError;
    use crate::parse::{Answer, Explanation, Question, kind};

    const NOW: UnixMicros = UnixMicros(1_800_000_000_000_000);

    fn question(number: u16) -> Question {
        Question { name: [0].into(), kind: number, dnssec_ok: false, checking_disabled: false, way: 0 }
    }

    fn after(micros: i64) -> UnixMicros {
        UnixMicros(NOW.0.checked_add_signed(micros).unwrap())
    }

    #[test]
    fn a_failure_is_believed_for_a_few_seconds() {
        let (failures, asked) = (Failures::new(), question(kind::A));
        assert!(failures.get(&asked, NOW).is_none());
        failures.keep(&asked, &Err(ExchangeError::Timeout), NOW);
        for (micros, known) in [(0, true), (4_999_999, true), (5_000_000, false), (-1, false)] {
            assert_eq!(failures.get(&asked, after(micros)).is_some(), known, "{micros}");
        }
        assert!(failures.get(&question(kind::AAAA), NOW).is_none());
        failures.keep(&asked, &Ok(Arc::new(Answer::failure(&asked, Explanation::Bogus))), NOW);
        let kept = failures.get(&asked, NOW).unwrap().expect("what the upstream said");
        assert_eq!(kept.extended_error(), Some(&*Explanation::Bogus.option()));
    }

    #[test]
    fn who_was_not_asked_has_not_failed() {
        let (failures, asked) = (Failures::new(), question(kind::A));
        for error in [ExchangeError::Busy, ExchangeError::Down] {
            failures.keep(&asked, &Err(error), NOW);
            assert!(failures.get(&asked, NOW).is_none());
        }
    }

    #[test]
    fn failures_are_bounded() {
        let failures = Failures::new();
        for number in 0..4000 {
            failures.keep(&question(number), &Err(ExchangeError::Timeout), NOW);
        }
        assert_eq!(failures.known.lock().len(), FAILURES);
        assert!(failures.get(&question(3999), NOW).is_some() && failures.get(&question(0), NOW).is_none());
    }
}
