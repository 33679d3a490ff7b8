//! Whose name it is: asked for before it is taken, kept while nobody else has it, and given up for the next one otherwise
//! (RFC 6762 sections 8 and 9). Pure: messages that were heard and the time come in, what to send comes out.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::message::{Claim, Name, announcement, probe};

const PROBES: u8 = 3;
const BETWEEN_PROBES: Duration = Duration::from_millis(250);
const ANNOUNCEMENTS: u8 = 2;
const BETWEEN_ANNOUNCEMENTS: Duration = Duration::from_secs(1);
/// Whoever loses to another that asks at the same moment waits for so long (section 8.2).
const DEFERRED: Duration = Duration::from_secs(1);
/// Whoever says no to all of these names says no to any.
pub(super) const LAST: u32 = 9;

/// One name, as far as it is ours.
#[derive(Debug)]
pub(super) struct Tenure {
    address: Ipv4Addr,
    number: u32,
    state: State,
    next: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Probing { sent: u8 },
    Held { announced: u8 },
}

impl Tenure {
    /// Begins after a moment that is not the same for all who start together.
    pub(super) fn begin(address: Ipv4Addr, after: Duration, now: Instant) -> Self {
        Self { address, number: 1, state: State::Probing { sent: 0 }, next: now + after }
    }

    pub(super) fn name(&self) -> Name {
        Name::numbered(self.number)
    }

    /// The number of the name, once it is ours.
    pub(super) fn held(&self) -> Option<u32> {
        matches!(self.state, State::Held { .. }).then_some(self.number)
    }

    /// Whether something is to be sent soon.
    pub(super) fn is_busy(&self) -> bool {
        self.state != State::Held { announced: ANNOUNCEMENTS }
    }

    /// What to send to everybody now, if anything.
    pub(super) fn turn(&mut self, now: Instant) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        match self.state {
            State::Probing { sent } if sent < PROBES => {
                self.state = State::Probing { sent: sent + 1 };
                self.next = now + BETWEEN_PROBES;
                Some(probe(&self.name(), self.address))
            }
            State::Probing { .. } => {
                self.state = State::Held { announced: 1 };
                self.next = now + BETWEEN_ANNOUNCEMENTS;
                Some(announcement(&self.name(), self.address))
            }
            State::Held { announced } if announced < ANNOUNCEMENTS => {
                self.state = State::Held { announced: announced + 1 };
                self.next = now + BETWEEN_ANNOUNCEMENTS;
                Some(announcement(&self.name(), self.address))
            }
            State::Held { .. } => None,
        }
    }

    /// What somebody else said of our name.
    pub(super) fn hear(&mut self, claim: Claim, now: Instant) {
        match (self.state, claim) {
            (State::Probing { .. }, Claim::Has(_)) if self.number < LAST => self.probe(self.number + 1, now),
            // Two of them ask at once: the one whose address is the greater has it (section 8.2).
            (State::Probing { .. }, Claim::Wants(theirs)) if theirs.octets() > self.address.octets() => {
                self.probe(self.number, now + DEFERRED);
            }
            // Both think that it is theirs: whoever still says so when asked again keeps it (section 9).
            (State::Held { .. }, Claim::Has(_)) if self.number < LAST => self.probe(self.number, now),
            _ => {}
        }
    }

    fn probe(&mut self, number: u32, from: Instant) {
        self.number = number;
        self.state = State::Probing { sent: 0 };
        self.next = from;
    }
}

#[cfg(test)]
mod tests {
    use super::{BETWEEN_ANNOUNCEMENTS, BETWEEN_PROBES, Claim, DEFERRED, Duration, Instant, Ipv4Addr, LAST, Tenure};
    use crate::beacon::message::{Name, announcement, probe};

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 99);
    const LOWER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 7);

    /// Lets it run for so long; what it sent.
    fn run(tenure: &mut Tenure, now: &mut Instant, time: Duration) -> Vec<Vec<u8>> {
        let end = *now + time;
        let mut sent = Vec::new();
        while *now < end {
            sent.extend(tenure.turn(*now));
            *now += Duration::from_millis(10);
        }
        sent
    }

    fn held() -> (Tenure, Instant) {
        let mut now = Instant::now();
        let mut tenure = Tenure::begin(ADDRESS, Duration::ZERO, now);
        run(&mut tenure, &mut now, Duration::from_secs(5));
        (tenure, now)
    }

    #[test]
    fn a_name_that_nobody_has_is_asked_for_three_times_and_announced_twice() {
        let mut now = Instant::now();
        let mut tenure = Tenure::begin(ADDRESS, Duration::from_millis(100), now);
        let (name, before) = (Name::numbered(1), tenure.held());
        let sent =
            run(&mut tenure, &mut now, Duration::from_millis(100) + BETWEEN_PROBES * 3 + BETWEEN_ANNOUNCEMENTS * 4);
        let (asks, says) = (probe(&name, ADDRESS), announcement(&name, ADDRESS));
        assert_eq!(sent, [asks.clone(), asks.clone(), asks, says.clone(), says]);
        assert_eq!((before, tenure.held(), tenure.is_busy()), (None, Some(1), false));
    }

    #[test]
    fn a_name_that_somebody_has_is_left_to_them() {
        let mut now = Instant::now();
        let mut tenure = Tenure::begin(ADDRESS, Duration::ZERO, now);
        run(&mut tenure, &mut now, BETWEEN_PROBES);
        tenure.hear(Claim::Has(OTHER), now);
        run(&mut tenure, &mut now, Duration::from_secs(5));
        assert_eq!((tenure.held(), tenure.name()), (Some(2), Name::numbered(2)));
    }

    #[test]
    fn of_two_that_ask_at_once_the_greater_address_has_it() {
        for (other, first) in [(OTHER, false), (LOWER, true)] {
            let mut now = Instant::now();
            let mut tenure = Tenure::begin(ADDRESS, Duration::ZERO, now);
            run(&mut tenure, &mut now, BETWEEN_PROBES);
            tenure.hear(Claim::Wants(other), now);
            assert_eq!(run(&mut tenure, &mut now, DEFERRED - BETWEEN_PROBES).is_empty(), !first);
            // The one who won has announced it by now.
            if !first {
                tenure.hear(Claim::Has(other), now);
            }
            run(&mut tenure, &mut now, Duration::from_secs(5));
            assert_eq!(tenure.held(), Some(if first { 1 } else { 2 }));
        }
    }

    #[test]
    fn a_name_that_another_claims_later_is_asked_for_again_and_kept_unless_they_still_say_so() {
        let (mut tenure, mut now) = held();
        tenure.hear(Claim::Wants(OTHER), now);
        assert_eq!(tenure.held(), Some(1), "they are told that it is ours");
        tenure.hear(Claim::Has(OTHER), now);
        assert_eq!(tenure.held(), None);
        run(&mut tenure, &mut now, Duration::from_secs(5));
        assert_eq!(tenure.held(), Some(1), "they gave it up");
        tenure.hear(Claim::Has(OTHER), now);
        run(&mut tenure, &mut now, BETWEEN_PROBES);
        tenure.hear(Claim::Has(OTHER), now);
        run(&mut tenure, &mut now, Duration::from_secs(5));
        assert_eq!(tenure.held(), Some(2));
    }

    #[test]
    fn whoever_says_no_to_every_name_is_heard_so_often_and_no_more() {
        let (mut tenure, mut now) = held();
        for _ in 0..1000 {
            tenure.hear(Claim::Has(OTHER), now);
            run(&mut tenure, &mut now, Duration::from_millis(50));
        }
        run(&mut tenure, &mut now, Duration::from_secs(5));
        assert_eq!(tenure.held(), Some(LAST));
    }
}
