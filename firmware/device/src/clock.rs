//! The time before anybody said what it is: never earlier than the image was built, nor than the puck was last seen. A
//! board without a battery comes up in 1970, where no certificate is valid yet.
//!
//! **Invariant:** what is saved follows a clock that was set forward only as fast as `STRIDE` allows. A server that lied for an
//! hour moves the next start by some days, never by years; and a clock that starts too early is one to be doubted, which
//! costs little, while to one that starts too late every certificate has ended.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, Timespec, clock_settime};

use crate::lease;
use crate::log::say;

const BUILT: &str = "/etc/build-time";
const SAVED: &str = "/data/state/puck/clock";
/// Between two times the clock is saved: what a restart may set it back by, at one small write each.
pub(crate) const SAVE: Duration = Duration::from_secs(600);
/// For each time of this length that went by, what is saved goes forward by no more than so many of them: a day for each ten
/// minutes, a year within three days. It goes back at once.
const STRIDE: u64 = 144;
/// No number of seconds takes more bytes.
const LONGEST: u64 = 32;
/// No clock is believed past this: 2^31 seconds and more broke programs before, and a card written in the far future
/// would make every certificate look expired for good.
const LATEST: u64 = 4_102_444_800; // 2100-01-01

/// Sets the clock forward to the latest of what is known; whether it had to be, and may still be behind.
pub(crate) fn begin() -> bool {
    let clock = now();
    let wanted = latest(clock, built(), number(Path::new(SAVED)));
    let unsure = wanted != clock;
    if unsure {
        let time = Timespec { tv_sec: i64::try_from(wanted).unwrap_or(i64::MAX), tv_nsec: 0 };
        match clock_settime(ClockId::Realtime, time) {
            Ok(()) => say!("the clock said {clock}; it is at least {wanted} seconds after 1970"),
            Err(error) => say!("the clock cannot be set: {error}"),
        }
    }
    unsure
}

/// Notes the time on /data, `since` the last time that it was noted, or the start.
pub(crate) fn save(since: Duration) {
    let file = Path::new(SAVED);
    let known = built().into_iter().chain(number(file)).max();
    let saved = fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))
        // The folder is the supervisor's user's: nothing that lies in it is followed.
        .and_then(|()| lease::replace(file, followed(known, now(), since).to_string().as_bytes()));
    if let Err(error) = saved {
        say!("the time cannot be saved: {error}");
    }
}

/// What is saved of a clock when this much was known before.
fn followed(known: Option<u64>, clock: u64, since: Duration) -> u64 {
    let reach = |known: u64| known.saturating_add(since.as_secs().saturating_mul(STRIDE));
    known.map_or(clock, |known| clock.min(reach(known)))
}

/// Notices when somebody sets the clock: against the one that only counts.
#[derive(Debug)]
pub(crate) struct Jumps {
    begun: Instant,
    /// What the clock said when the other one stood at `begun`, in seconds after 1970.
    origin: u64,
}

/// Clocks are slewed all the time; this much at once is a step.
const STEP: u64 = 2;

impl Jumps {
    pub(crate) fn watch(begun: Instant) -> Self {
        Self { begun, origin: now().saturating_sub(begun.elapsed().as_secs()) }
    }

    /// By how many seconds the clock was set since the last call, if it was.
    pub(crate) fn seen(&mut self) -> Option<i64> {
        // Both are read now: the loop's own moment may be seconds old, which would look like a step.
        self.compare(now(), Instant::now())
    }

    fn compare(&mut self, clock: u64, at: Instant) -> Option<i64> {
        let origin = clock.saturating_sub(at.saturating_duration_since(self.begun).as_secs());
        let by = origin.abs_diff(self.origin);
        let forward = origin > self.origin;
        if by < STEP {
            return None;
        }
        self.origin = origin;
        i64::try_from(by).ok().map(|by| if forward { by } else { -by })
    }
}

/// When the image was built, in seconds after 1970.
pub(crate) fn built() -> Option<u64> {
    number(Path::new(BUILT))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn number(file: &Path) -> Option<u64> {
    lease::plain(file, LONGEST)?.trim().parse().ok()
}

/// What the clock should say. What was saved is believed only as far as it can be true.
fn latest(clock: u64, built: Option<u64>, saved: Option<u64>) -> u64 {
    let believable = |time: &u64| *time < LATEST;
    let floor = built.into_iter().chain(saved.filter(believable)).max().unwrap_or(0);
    if believable(&clock) { clock.max(floor) } else { floor }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, Jumps, LATEST, SAVE, followed, latest};

    #[test]
    fn a_clock_that_is_set_is_noticed_once_and_one_that_runs_is_not() {
        let begun = Instant::now();
        let mut jumps = Jumps { begun, origin: 1_000_000 };
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(jumps.compare(1_000_600, at(600)), None);
        assert_eq!(jumps.compare(1_000_601, at(600)), None, "slewed");
        assert_eq!(jumps.compare(2_000_610, at(610)), Some(1_000_000));
        assert_eq!(jumps.compare(2_000_620, at(620)), None);
        assert_eq!(jumps.compare(2_000_570, at(630)), Some(-60));
    }

    #[test]
    fn a_lie_moves_what_is_saved_by_days_and_an_honest_clock_is_followed_within_some() {
        let (true_time, lie, day) = (1_800_000_000, 3_000_000_000, 86_400);
        // Told at once, and believed for an hour.
        let mut saved = followed(Some(true_time), lie, Duration::ZERO);
        assert_eq!(saved, true_time, "nothing was learnt yet");
        for _ in 0..6 {
            saved = followed(Some(saved), lie, SAVE);
        }
        assert_eq!(saved, true_time + 6 * day);
        // Setting it again and again gains nothing.
        for _ in 0..1000 {
            saved = followed(Some(saved), lie, Duration::from_secs(1));
        }
        assert!(saved < true_time + 8 * day);
        assert_eq!(followed(Some(saved), true_time, SAVE), true_time, "back at once");
        // After a year in a drawer.
        let (mut saved, year) = (true_time, 365 * day);
        for _ in 0..3 * 144 {
            saved = followed(Some(saved), true_time + year, SAVE);
        }
        assert_eq!(saved, true_time + year);
        assert_eq!(followed(None, 7, SAVE), 7);
        assert_eq!(followed(Some(u64::MAX), lie, SAVE), lie);
    }

    #[test]
    fn the_latest_that_can_be_true_counts() {
        let (built, saved) = (1_800_000_000, 1_800_500_000);
        for (clock, wanted, why) in [
            (0, saved, "1970"),
            (1_700_000_000, saved, "before the build"),
            (1_800_600_000, 1_800_600_000, "a clock that ran on"),
            (2_147_483_648, 2_147_483_648, "2038 is a time like any other"),
            (LATEST, saved, "2100 is not believed"),
            (32_503_680_000, saved, "nor is 3000"),
        ] {
            assert_eq!(latest(clock, Some(built), Some(saved)), wanted, "{why}");
        }
        assert_eq!(latest(0, Some(built), Some(LATEST)), built, "a card that was in the future");
        assert_eq!(latest(5, None, None), 5);
    }
}
