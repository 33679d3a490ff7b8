//! The person beside the puck: what the button asks for is done, and the lamp says how things are.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::autoboot::{self, Autoboot, Reset};
use crate::button::{Button, Press};
use crate::desk::{Desk, Switch};
use crate::lamp::Sign;
use crate::log::say;
use crate::panel::Panel;
use crate::slot::{self, Booted, Slot};
use crate::{card, init};

/// What a short press is worth while nobody has claimed the puck; the daemon counts the same.
const CLAIMABLE: Duration = Duration::from_secs(120);
/// What five seconds of pressing are worth.
const BYPASS: Duration = Duration::from_secs(15 * 60);

/// How the puck is, as far as the lamp is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) answered: bool,
    /// Nobody has claimed the puck yet.
    pub(crate) unclaimed: bool,
    /// There is something else that a person must mend.
    pub(crate) needs_you: bool,
}

pub(crate) struct Person<P> {
    panel: P,
    desk: Desk,
    button: Button,
    begun: Instant,
    started: Duration,
    sign: Option<Sign>,
    /// Until when a press of the button stands for the claim code.
    claimable: Option<Instant>,
}

impl<P: Panel> Person<P> {
    pub(crate) fn new(panel: P, desk: Desk, now: Instant) -> Self {
        Self { panel, desk, button: Button::default(), begun: now, started: counted(), sign: None, claimable: None }
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self, state: State, now: Instant) {
        for edge in self.panel.edges() {
            if let Some(press) = self.button.turn(edge, self.started) {
                self.obey(press, state, now);
            }
        }
        self.claimable = self.claimable.filter(|until| state.unclaimed && *until > now);
        let sign = match self.button.held(counted(), self.started) {
            Some(press) => held(press),
            None if self.claimable.is_some() => Sign::Claimable,
            None => sign(state, self.desk.switch()),
        };
        if self.sign != Some(sign) {
            self.sign = Some(sign);
            say!("lamp: {}", sign.name());
        }
        self.panel.light(sign.is_on(now - self.begun));
    }

    fn obey(&mut self, press: Press, state: State, now: Instant) {
        let switch = self.desk.switch();
        let note = |what: &str| self.desk.note("button", true, what);
        match press {
            // While nobody knows where the switch stands, a press is meant to stop things.
            Press::Short if switch == Switch::Frozen => {
                note("short: thaw");
                self.desk.freeze(false);
            }
            // There is nobody yet whose traffic could be stopped.
            Press::Short if state.unclaimed => {
                note("short: the page takes a first password without the claim code for two minutes");
                self.desk.claim_by_button();
                self.claimable = Some(now + CLAIMABLE);
            }
            Press::Short => {
                note("short: freeze");
                self.desk.freeze(true);
            }
            Press::Bypass if switch == Switch::Bypassed => {
                note("5 s: the bypass ends");
                self.desk.bypass(Duration::ZERO);
            }
            Press::Bypass => {
                note("5 s: bypass for 15 minutes");
                self.desk.bypass(BYPASS);
            }
            Press::ResetPassword => {
                note("15 s at the start: the password is reset");
                self.desk.reset_password();
            }
            Press::FactoryReset => {
                note("30 s: factory reset");
                factory_reset();
            }
        }
    }
}

/// /data cannot be wiped while it is in use: the next start does it, however often it is cut short.
fn factory_reset() {
    let marked = card::await_partition("boot").ok_or_else(|| "there is no card".to_owned()).and_then(|device| {
        let running = match slot::booted() {
            Booted::Slot { slot, .. } => slot,
            Booted::Rescue | Booted::Unknown => Slot::A,
        };
        let present = autoboot::load(&device).unwrap_or(Autoboot::of(running));
        mark(&device, Autoboot { reset: Reset::Wanted, ..present })
    });
    match marked {
        Ok(()) => init::restart(),
        Err(error) => say!("no factory reset: {error}"),
    }
}

fn mark(device: &Path, wanted: Autoboot) -> Result<(), String> {
    autoboot::commit(device, wanted).map(|_| ()).map_err(|error| error.to_string())
}

/// The time by the clock that the kernel stamps edges with.
pub(crate) fn counted() -> Duration {
    let time = clock_gettime(ClockId::Monotonic);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What letting go would do, for the one who holds the button.
fn held(press: Option<Press>) -> Sign {
    match press {
        None | Some(Press::Short) => Sign::Held,
        Some(Press::Bypass) => Sign::HeldForBypass,
        Some(Press::ResetPassword) => Sign::HeldForPassword,
        Some(Press::FactoryReset) => Sign::HeldForFactory,
    }
}

fn sign(state: State, switch: Switch) -> Sign {
    match switch {
        Switch::Frozen => Sign::Frozen,
        _ if !state.answered => Sign::Booting,
        Switch::Bypassed => Sign::Bypassed,
        _ if state.needs_you || state.unclaimed => Sign::NeedsYou,
        Switch::Normal | Switch::Unknown => Sign::Healthy,
    }
}

#[cfg(test)]
mod tests {
    use super::{Sign, State, Switch, sign};

    #[test]
    fn the_lamp_shows_what_matters_most() {
        let state = |answered, needs_you| State { answered, needs_you, unclaimed: false };
        for (state, switch, wanted) in [
            (state(false, false), Switch::Unknown, Sign::Booting),
            (state(false, true), Switch::Normal, Sign::Booting),
            (state(false, false), Switch::Frozen, Sign::Frozen),
            (state(true, false), Switch::Normal, Sign::Healthy),
            (state(true, true), Switch::Normal, Sign::NeedsYou),
            (state(true, true), Switch::Bypassed, Sign::Bypassed),
            (state(true, true), Switch::Frozen, Sign::Frozen),
        ] {
            assert_eq!(sign(state, switch), wanted, "{state:?} {switch:?}");
        }
        let nobodys = State { answered: true, needs_you: false, unclaimed: true };
        assert_eq!(sign(nobodys, Switch::Normal), Sign::NeedsYou);
    }
}
