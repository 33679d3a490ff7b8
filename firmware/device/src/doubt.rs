//! A clock that had to be set forward at the start may still be behind. Until somebody says what time it is, the resolver
//! lets pass what is newer than the clock: it reads from a file that there is doubt. Begin and end are in the journal.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::desk::Desk;
use crate::log::say;

/// The file that the resolver looks at (`dns.clock_unsure`).
pub(crate) const FILE: &str = "/run/puck/clock-unsure";
/// Whoever is not told the time for this long is somewhere where nobody will tell it: checks are as strict as ever then.
const LONGEST: Duration = Duration::from_secs(3600);

/// Doubt, as long as it lasts.
#[derive(Debug)]
pub(crate) struct Doubt {
    since: Option<Instant>,
}

/// Why there is no doubt any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Told,
    TooLong,
}

impl Doubt {
    /// Begins where the clock had to be set forward.
    pub(crate) fn begin(unsure: bool, desk: &Desk, now: Instant) -> Self {
        if !unsure {
            return Self { since: None };
        }
        match fs::write(FILE, "") {
            Ok(()) => {
                desk.note(
                    "clock_unsure",
                    true,
                    "until it is set, certificates may be newer than it and signatures are not checked",
                );
                Self { since: Some(now) }
            }
            Err(error) => {
                say!("nobody can be told that the clock is unsure: {error}");
                Self { since: None }
            }
        }
    }

    pub(crate) fn lasts(&self) -> bool {
        self.since.is_some()
    }

    /// Ends it once the clock was set, or after too long; whether it ended just now.
    pub(crate) fn turn(&mut self, was_set: bool, desk: &Desk, now: Instant) -> bool {
        let Some(end) = self.since.and_then(|since| end(since, was_set, now)) else { return false };
        self.since = None;
        if let Err(error) = fs::remove_file(Path::new(FILE)) {
            say!("{FILE} stays: {error}");
        }
        let (told, why) = match end {
            End::Told => (true, "the clock was set; checks are strict from now on"),
            End::TooLong => (false, "nobody set the clock for an hour; checks are strict all the same"),
        };
        desk.note("clock_sure", told, why);
        true
    }
}

fn end(since: Instant, was_set: bool, now: Instant) -> Option<End> {
    match was_set {
        true => Some(End::Told),
        false if now.saturating_duration_since(since) >= LONGEST => Some(End::TooLong),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Instant, LONGEST, end};
    use std::time::Duration;

    #[test]
    fn doubt_ends_with_the_first_time_that_is_told_or_after_an_hour() {
        let since = Instant::now();
        assert_eq!(end(since, false, since + LONGEST - Duration::from_secs(1)), None);
        assert_eq!(end(since, true, since + Duration::from_secs(1)), Some(End::Told));
        assert_eq!(end(since, false, since + LONGEST), Some(End::TooLong));
    }
}
