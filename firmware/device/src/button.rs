//! What a press means. It counts when the button is let go, so that whoever holds it too long can think again: between the
//! lengths that mean something lie lengths that mean nothing.

use std::time::Duration;

/// One edge of the button, as the kernel saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) pressed: bool,
    /// It was pressed already when it was first looked at: for how long, nobody knows.
    pub(crate) early: bool,
    /// By a clock that only counts.
    pub(crate) at: Duration,
}

/// What the person wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Press {
    /// Freeze or thaw; claim it, while it is nobody's.
    Short,
    Bypass,
    ResetPassword,
    FactoryReset,
}

/// Shorter is a bounce.
const BOUNCE: Duration = Duration::from_millis(30);
const SHORT: Duration = Duration::from_secs(2);
const BYPASS: Duration = Duration::from_secs(5);
const PASSWORD: Duration = Duration::from_secs(15);
const FACTORY: Duration = Duration::from_secs(30);
/// Held longer, something lies on it.
const STUCK: Duration = Duration::from_secs(60);
/// The password is reset only by a press that began this soon after the start: not by a child with a pencil.
const AT_BOOT: Duration = Duration::from_secs(60);

/// The button over time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Button {
    /// When it was pressed, and whether that was before it was looked at.
    since: Option<(Duration, bool)>,
}

impl Button {
    /// What letting go at this time would mean, while it is held; `Some(None)` where it would mean nothing.
    pub(crate) fn held(self, now: Duration, started: Duration) -> Option<Option<Press>> {
        self.since.map(|(since, early)| meaning(since, early, now, started))
    }

    /// Takes an edge in; what it means, if it means anything.
    pub(crate) fn turn(&mut self, edge: Edge, started: Duration) -> Option<Press> {
        if edge.pressed {
            self.since.get_or_insert((edge.at, edge.early));
            return None;
        }
        let (since, early) = self.since.take()?;
        meaning(since, early, edge.at, started)
    }
}

/// What a press from then to then means. Whoever holds the button while the power comes wants one of the resets: one that is let
/// go too soon must not open the office instead.
fn meaning(since: Duration, early: bool, until: Duration, started: Duration) -> Option<Press> {
    let held = until.saturating_sub(since);
    match held {
        _ if held < BOUNCE => None,
        _ if early && held < PASSWORD => None,
        _ if held < SHORT => Some(Press::Short),
        _ if held < BYPASS => None,
        _ if held < PASSWORD => Some(Press::Bypass),
        _ if held < FACTORY => (since.saturating_sub(started) < AT_BOOT).then_some(Press::ResetPassword),
        _ if held < STUCK => Some(Press::FactoryReset),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Button, Duration, Edge, Press};

    const STARTED: Duration = Duration::from_secs(3);

    fn press(begin: u64, millis: u64) -> Option<Press> {
        let mut button = Button::default();
        let at = Duration::from_secs(begin);
        assert_eq!(button.turn(Edge { pressed: true, early: false, at }, STARTED), None, "nothing before it is let go");
        button.turn(Edge { pressed: false, early: false, at: at + Duration::from_millis(millis) }, STARTED)
    }

    #[test]
    fn each_length_has_its_meaning_and_between_them_lies_nothing() {
        for (millis, wanted) in [
            (5, None),
            (100, Some(Press::Short)),
            (1_900, Some(Press::Short)),
            (3_000, None),
            (5_000, Some(Press::Bypass)),
            (14_900, Some(Press::Bypass)),
            (15_000, Some(Press::ResetPassword)),
            (30_000, Some(Press::FactoryReset)),
            (61_000, None),
        ] {
            assert_eq!(press(10, millis), wanted, "{millis} ms");
        }
    }

    #[test]
    fn the_password_is_reset_only_soon_after_the_start() {
        assert_eq!(press(62, 20_000), Some(Press::ResetPassword));
        assert_eq!(press(64, 20_000), None);
        assert_eq!(press(64, 35_000), Some(Press::FactoryReset));
    }

    #[test]
    fn while_it_is_held_it_says_what_letting_go_would_mean() {
        let mut button = Button::default();
        let at = |seconds| Duration::from_secs(seconds);
        assert_eq!(button.held(at(9), STARTED), None);
        button.turn(Edge { pressed: true, early: false, at: at(10) }, STARTED);
        for (seconds, wanted) in
            [(11, Some(Press::Short)), (14, None), (15, Some(Press::Bypass)), (41, Some(Press::FactoryReset))]
        {
            assert_eq!(button.held(at(seconds), STARTED), Some(wanted), "{seconds} s");
        }
        button.turn(Edge { pressed: false, early: false, at: at(42) }, STARTED);
        assert_eq!(button.held(at(43), STARTED), None);
    }

    #[test]
    fn a_release_without_a_press_and_a_second_press_mean_nothing() {
        let mut button = Button::default();
        let edge = |pressed, seconds| Edge { pressed, early: false, at: Duration::from_secs(seconds) };
        assert_eq!(button.turn(edge(false, 1), STARTED), None);
        button.turn(edge(true, 2), STARTED);
        button.turn(edge(true, 7), STARTED);
        assert_eq!(button.turn(edge(false, 8), STARTED), Some(Press::Bypass), "counted from the first");
    }
}
