//! What the lamp says, to a person who looks at it from across the room.

use std::time::Duration;

/// Each is told from the others by its rhythm alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    /// Quick and even.
    Booting,
    /// On, all the time.
    Healthy,
    /// Two short ones a turn.
    Updating,
    /// Slow and even: half a turn on.
    Frozen,
    /// On, with a short gap: it works, and it opens nothing.
    Bypassed,
    /// Three short ones a turn.
    NeedsYou,
    /// On, with a gap every other moment: whoever opens the page now may claim it.
    Claimable,
    /// While the button is held: dark, as long as letting go would do nothing that takes long.
    Held,
    /// Held long enough for a bypass, for the password, for everything: one, two or three short ones a quick turn.
    HeldForBypass,
    HeldForPassword,
    HeldForFactory,
}

/// One step of a rhythm; the loop that turns the lamp is no quicker.
const STEP: Duration = Duration::from_millis(200);

impl Sign {
    /// The rhythm, a sign a step: `#` is on.
    fn rhythm(self) -> &'static [u8] {
        match self {
            Self::Booting => b"#.",
            Self::Healthy => b"#",
            Self::Updating => b"#.#.......",
            Self::Frozen => b"#####.....",
            Self::Bypassed => b"#########.",
            Self::NeedsYou => b"#.#.#.....",
            Self::Claimable => b"##.",
            Self::Held => b".",
            Self::HeldForBypass => b"#......",
            Self::HeldForPassword => b"#.#....",
            Self::HeldForFactory => b"#.#.#..",
        }
    }

    /// Whether the lamp is on at a time.
    pub(crate) fn is_on(self, at: Duration) -> bool {
        let rhythm = self.rhythm();
        let step = usize::try_from(at.as_millis() / STEP.as_millis()).unwrap_or(0);
        rhythm[step % rhythm.len()] == b'#'
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Booting => "booting",
            Self::Healthy => "healthy",
            Self::Updating => "updating",
            Self::Frozen => "frozen",
            Self::Bypassed => "bypassed",
            Self::NeedsYou => "needs you",
            Self::Claimable => "to be claimed",
            Self::Held => "the button is held",
            Self::HeldForBypass => "the button is held for a bypass",
            Self::HeldForPassword => "the button is held to reset the password",
            Self::HeldForFactory => "the button is held for a factory reset",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, STEP, Sign};

    const ALL: [Sign; 11] = [
        Sign::Booting,
        Sign::Healthy,
        Sign::Updating,
        Sign::Frozen,
        Sign::Bypassed,
        Sign::NeedsYou,
        Sign::Claimable,
        Sign::Held,
        Sign::HeldForBypass,
        Sign::HeldForPassword,
        Sign::HeldForFactory,
    ];

    fn seen(sign: Sign) -> String {
        let steps = (0..20).map(|step| sign.is_on(STEP * step + Duration::from_millis(10)));
        steps.map(|on| if on { '#' } else { '.' }).collect()
    }

    #[test]
    fn no_two_signs_look_alike_whenever_one_begins_to_look() {
        for one in ALL {
            for other in ALL.into_iter().filter(|other| *other != one) {
                let doubled = seen(one).repeat(2);
                assert!(!doubled.contains(&seen(other)), "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn only_a_healthy_puck_shows_a_steady_light() {
        for sign in ALL {
            assert_eq!(!seen(sign).contains('.'), sign == Sign::Healthy, "{sign:?}");
        }
    }
}
