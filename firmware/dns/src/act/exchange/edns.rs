//! Servers older than EDNS, which are asked without it (RFC 6891 section 7).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;
use tracing::info;

use super::ExchangeError;
use crate::parse::{Answer, AnswerError, Rcode, has_opt};

/// How long a server is asked without OPT before it is tried again: it may have been replaced.
const HOLD: Duration = Duration::from_secs(3600);

/// Whether one server takes OPT records.
#[derive(Default)]
pub(super) struct Edns {
    /// It has sent one itself. From then on a refusal of OPT is believed for one question only: whoever forged it would else
    /// take the signatures out of all answers to come.
    speaks: AtomicBool,
    without_until: Mutex<Option<Instant>>,
}

impl Edns {
    /// Whether the next question goes with OPT.
    pub(super) fn is_sent(&self, now: Instant) -> bool {
        self.without_until.lock().is_none_or(|until| now >= until)
    }

    /// Looks at a message that answers one of our questions.
    pub(super) fn see(&self, message: &[u8]) {
        if !self.speaks.load(Ordering::Relaxed) && has_opt(message) {
            self.speaks.store(true, Ordering::Relaxed);
        }
    }

    /// A question that it did not understand with OPT was answered without.
    pub(super) fn refused(&self, now: Instant) {
        if !self.speaks.load(Ordering::Relaxed) {
            *self.without_until.lock() = Some(now + HOLD);
            info!("an upstream does not know EDNS and is asked without it for an hour");
        }
    }
}

/// Whether a server may have stumbled over OPT.
pub(super) fn is_refusal(tried: &Result<Answer, ExchangeError>) -> bool {
    let stumbles = |rcode: u8| rcode == Rcode::FormErr as u8 || rcode == Rcode::NotImp as u8;
    match tried {
        Ok(answer) => stumbles(answer.rcode()),
        Err(error) => matches!(error, ExchangeError::Answer(AnswerError::Bare { .. })),
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{Edns, HOLD};
    use crate::act::exchange::message::query;
    use crate::parse::{Question, kind};

    #[test]
    fn only_a_server_that_never_sent_opt_is_asked_without_it_for_an_hour() {
        let name = [0].into();
        let question = Question { name, kind: kind::NS, dnssec_ok: false, checking_disabled: false, way: 0 };
        for (opt, remembered) in [(false, true), (true, false)] {
            let (edns, now) = (Edns::default(), Instant::now());
            edns.see(&query(7, &question, opt));
            edns.refused(now);
            assert_eq!(edns.is_sent(now), !remembered);
            assert!(edns.is_sent(now + HOLD));
        }
    }
}
