//! The rescue system: where the boot loader goes when a slot's kernel never took the watchdog over. It tries the other
//! slot, once; when both are known to hang it waits for a signed image, from a stick or from a web server, and has it
//! written onto one of them.

mod sticks;
mod work;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::sticks::Sticks;
use self::work::{Outcome, Work};
use crate::autoboot::{self, Autoboot, CommitError};
use crate::lamp::Sign;
use crate::log::say;
use crate::network::Network;
use crate::panel::{Lines, Panel};
use crate::services::Services;
use crate::slot::Slot;
use crate::watchdog::Watchdog;
use crate::{boot_partition, card, clock, data, init, settings};

/// Between two times the watchdog is fed: nothing here can wedge, and a reset would lead here again.
const FEED: Duration = Duration::from_secs(2);
const TURN: Duration = Duration::from_millis(100);
/// Between two times the web server is asked.
const ASK: Duration = Duration::from_secs(20);

/// What to do about a slot that hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Start again with this choice of slot.
    Try(Autoboot),
    /// Both hang. The choice is written all the same, so that a power cut does not begin it all again.
    Stay(Autoboot),
}

/// Never returns.
pub(crate) fn run(watchdog: Watchdog) -> ! {
    match card::await_partition("boot") {
        Some(device) => match act(&device) {
            Ok(Plan::Try(autoboot)) => {
                say!("rescue: a slot hung; trying slot {:?}", autoboot.default);
                init::restart();
            }
            Ok(Plan::Stay(autoboot)) => {
                say!("rescue: neither slot starts; a stick with a signed image mends the card");
                Rescue::new(watchdog, device, autoboot).stay()
            }
            Err(error) => say!("rescue: {error}"),
        },
        None => say!("rescue: there is no boot partition"),
    }
    idle(watchdog)
}

/// There is nothing to write on.
fn idle(mut watchdog: Watchdog) -> ! {
    loop {
        watchdog.feed();
        std::thread::sleep(FEED);
    }
}

fn act(device: &Path) -> Result<Plan, CommitError> {
    let plan = plan(autoboot::load(device)?);
    let (Plan::Try(autoboot) | Plan::Stay(autoboot)) = plan;
    autoboot::commit(device, autoboot)?;
    Ok(plan)
}

/// The default slot is the one that hung: the boot loader comes here from no other.
fn plan(present: Autoboot) -> Plan {
    let known = present.with_hung(present.default);
    let other = present.default.other();
    if known.hung(other) { Plan::Stay(known) } else { Plan::Try(Autoboot { default: other, ..known }) }
}

/// The wait for an image.
struct Rescue {
    watchdog: Watchdog,
    services: Services,
    network: Network,
    /// The boot partition's device, and what it says.
    device: PathBuf,
    autoboot: Autoboot,
    url: Option<String>,
    /// Whom to ask for names, once there is an address.
    resolvers: Option<Vec<Ipv4Addr>>,
    sticks: Sticks,
    work: Option<Work>,
    lamp: Lines,
    begun: Instant,
    fed: Instant,
    asked: Option<Instant>,
    /// What became of the web server's offer last time.
    said: String,
}

impl Rescue {
    fn new(watchdog: Watchdog, device: PathBuf, autoboot: Autoboot) -> Self {
        // /data may be what is broken, and nothing here needs it.
        data::in_memory();
        let url = boot_partition::rescue_url();
        let mut services = Services::default();
        let now = Instant::now();
        let network = Network::begin(&mut services, now);
        let sticks = Sticks::beside(&device);
        Self {
            watchdog,
            services,
            network,
            device,
            autoboot,
            url,
            resolvers: None,
            sticks,
            work: None,
            lamp: Lines::named(None, settings::device().led, now),
            begun: now,
            fed: now,
            asked: None,
            said: String::new(),
        }
    }

    fn stay(mut self) -> ! {
        loop {
            let now = Instant::now();
            if now - self.fed >= FEED {
                self.fed = now;
                self.watchdog.feed();
            }
            let dead = self.services.turn(now);
            if let Some(lease) = self.network.change(now) {
                say!("rescue: address {}", lease.address);
                self.resolvers = Some(lease.resolvers);
            }
            match self.work.take() {
                Some(work) => match dead.iter().find(|(pid, _)| *pid == work.pid()) {
                    Some((_, status)) => {
                        let outcome = work.end(*status, &mut self.said);
                        self.conclude(outcome);
                    }
                    None => self.work = Some(work),
                },
                None => self.work = self.next(now),
            }
            let sign = if self.work.is_some() { Sign::Updating } else { Sign::NeedsYou };
            self.lamp.light(sign.is_on(now - self.begun));
            std::thread::sleep(TURN);
        }
    }

    /// Whatever was offered next: a stick that nobody looked at yet, or the web server again.
    fn next(&mut self, now: Instant) -> Option<Work> {
        let slot = self.slot();
        if let Some(folder) = self.sticks.next() {
            return Work::begin(&folder, slot, &self.place(), None);
        }
        let due = self.asked.is_none_or(|asked| now - asked >= ASK);
        let resolvers = self.resolvers.as_ref().filter(|_| due)?;
        let work = Work::begin(self.url.as_ref()?, slot, &self.place(), Some(resolvers));
        self.asked = Some(now);
        work
    }

    /// The slot that did not start last: it hung before, and nothing was learnt about it since.
    fn slot(&self) -> Slot {
        self.autoboot.default.other()
    }

    fn place(&self) -> work::Place {
        let release = fs::read_to_string("/etc/nanogate-release").unwrap_or_default();
        work::Place {
            board: release.split_whitespace().nth(1).unwrap_or_default().to_owned(),
            floor: self.autoboot.floor.max(clock::built().unwrap_or(0)),
            tried: self.autoboot.tried,
        }
    }

    fn conclude(&mut self, outcome: Outcome) {
        if outcome.stick {
            self.sticks.let_go();
        }
        let Some(sequence) = outcome.taken else { return };
        let slot = self.slot();
        match autoboot::commit(&self.device, self.autoboot.taken(slot, sequence)) {
            Ok(_) => {
                say!("rescue: slot {slot:?} has a new image; starting it");
                init::restart();
            }
            Err(error) => say!("rescue: slot {slot:?} has a new image that cannot be chosen: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Autoboot, Plan, plan};
    use crate::slot::Slot;

    #[test]
    fn each_slot_gets_one_chance() {
        let Plan::Try(second) = plan(Autoboot::of(Slot::A)) else { panic!("slot B was never tried") };
        assert_eq!(second, Autoboot::of(Slot::B).with_hung(Slot::A));
        let Plan::Stay(last) = plan(second) else { panic!("slot A was tried again") };
        assert!(last.hung(Slot::A) && last.hung(Slot::B));
        assert!(matches!(plan(last), Plan::Stay(_)), "also after a power cut");
    }

    #[test]
    fn a_new_image_that_hangs_too_ends_here_and_is_not_taken_again() {
        let last = Autoboot { floor: 7, ..Autoboot::of(Slot::B).with_hung(Slot::A).with_hung(Slot::B) };
        let taken = last.taken(Slot::A, 9);
        assert_eq!((taken.default, taken.floor, taken.tried), (Slot::A, 7, 9));
        assert!(matches!(plan(taken), Plan::Stay(Autoboot { tried: 9, .. })));
        let good = taken.good(Slot::A, 9);
        assert_eq!(good, Autoboot { floor: 9, tried: 0, ..Autoboot::of(Slot::A).with_hung(Slot::B) });
        assert_eq!(good.good(Slot::B, 8), Autoboot { floor: 9, ..Autoboot::of(Slot::B) });
    }
}
