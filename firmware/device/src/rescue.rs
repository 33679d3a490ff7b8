//! The rescue system: where the boot loader goes when a slot's kernel never took the watchdog over. It tries the other
//! slot, once; when both are known to hang it stays.

use std::path::Path;
use std::time::Duration;

use crate::autoboot::{self, Autoboot, CommitError};
use crate::log::say;
use crate::watchdog::Watchdog;
use crate::{card, init};

/// Between two times the watchdog is fed: nothing here can wedge, and a reset would lead here again.
const FEED: Duration = Duration::from_secs(2);

/// What to do about a slot that hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Start again with this choice of slot.
    Try(Autoboot),
    /// Both hang. The choice is written all the same, so that a power cut does not begin it all again.
    Stay(Autoboot),
}

/// Never returns.
pub(crate) fn run(mut watchdog: Watchdog) -> ! {
    match card::await_partition("boot") {
        Some(device) => match act(&device) {
            Ok(Plan::Try(autoboot)) => {
                say!("rescue: a slot hung; trying slot {:?}", autoboot.default);
                init::restart();
            }
            Ok(Plan::Stay(_)) => say!("rescue: neither slot starts; the card needs a new image"),
            Err(error) => say!("rescue: {error}"),
        },
        None => say!("rescue: there is no boot partition"),
    }
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
}
