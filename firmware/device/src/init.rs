//! PID 1: from the kernel's hand-over to a machine that is ready to work.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::autoboot::{Autoboot, Reset};
use crate::data::{Data, Late};
use crate::desk::Desk;
use crate::doubt::Doubt;
use crate::log::say;
use crate::mend::Job;
use crate::office::{Office, Start};
use crate::slot::{self, Booted};
use crate::watchdog::Watchdog;
use crate::{autoboot, boot_partition, card, clock, data, lease, log, modules, mounts, network, rescue, whole};

/// Never returns: the end of PID 1 is a kernel panic.
pub(crate) fn run() -> ExitCode {
    mounts::kernel();
    log::hold_console();
    let _ = rustix::system::sethostname(b"nanogate");
    for folder in ["/run/puck", "/run/nanogate"] {
        let _ = fs::create_dir_all(folder);
    }
    let booted = slot::booted();
    let damaged = whole::insist(booted);
    modules::load(modules::ORDERS);
    if booted == Booted::Rescue {
        modules::load(modules::RESCUE);
    }
    modules::close();
    mounts::harden();
    let mut watchdog = Watchdog::hold();
    mounts::seal_root();
    if !lease::ip("link set lo up") {
        say!("the loopback does not come up");
    }
    network::raise();
    say!("started: {booted:?}");
    if booted == Booted::Rescue {
        rescue::run(watchdog)
    }
    let desk = Desk::begin();
    let (data, late) = match wipe_if_wanted(&mut watchdog, &desk) {
        Some(late) => (data::in_memory(), Some(late)),
        None => data::mount_data(&mut watchdog),
    };
    say!("/data: {data:?}");
    match data {
        Data::Whole => {}
        Data::Fresh => desk.note("data_new", true, "a new card"),
        Data::Repaired => desk.note("data_repaired", true, "what was damaged on the card was mended"),
        Data::Recreated => desk.note("data_lost", false, "nothing on the card could be saved; everything begins anew"),
        Data::Memory => desk.note("data_in_memory", false, why(late)),
    }
    if let Some(word) = data::last_word() {
        desk.note("slot_failed", false, &word);
    }
    let doubt = Doubt::begin(clock::begin(), &desk, Instant::now());
    let refused = boot_partition::import(&desk, data == Data::Memory, &mut watchdog);
    watchdog.feed();
    let start = Start { booted, damaged, data, late, refused };
    Office::new(start, watchdog, desk, doubt, Instant::now()).run()
}

fn why(late: Option<Late>) -> &'static str {
    match late.map(|late| late.job) {
        None => "there is no card that takes writes",
        Some(Job::Wipe) => "a factory reset is under way; it ends with a restart",
        Some(_) => "a check of the card takes long; it ends with a restart",
    }
}

/// What a factory reset asked for, until it is done; the work that goes on, if it takes long.
fn wipe_if_wanted(watchdog: &mut Watchdog, desk: &Desk) -> Option<Late> {
    let device = card::await_partition("boot")?;
    let present = autoboot::load(&device).ok()?;
    let mut done = present.reset == Reset::Done;
    if present.reset == Reset::Wanted {
        match data::wipe(watchdog) {
            (_, Some(late)) => return Some(late),
            (true, None) => {
                boot_partition::forget();
                done = true;
            }
            (false, None) => say!("/data is not wiped"),
        }
    }
    if done {
        desk.note("factory_reset", true, "the puck forgot everything");
        end_reset(&device, Reset::None);
    }
    None
}

/// A factory reset that took long is done: nothing of the owner's is left on the boot partition either. The next start, which
/// has a journal, notes it.
pub(crate) fn forget_reset(boot: &Path) {
    // Before the reset is taken back: a power cut in between does both again.
    boot_partition::forget();
    end_reset(boot, Reset::Done);
}

fn end_reset(boot: &Path, reset: Reset) {
    let forgotten =
        autoboot::load(boot).and_then(|present| autoboot::commit(boot, Autoboot { reset, fixed: None, ..present }));
    if let Err(error) = forgotten {
        say!("factory reset: it is done, and will be done again: {error}");
    }
}

/// Starts the machine again; the boot loader does what autoboot.txt says.
pub(crate) fn restart() -> ! {
    rustix::fs::sync();
    if let Err(error) = rustix::system::reboot(rustix::system::RebootCommand::Restart) {
        say!("cannot restart: {error}");
    }
    // What is left is the watchdog, which nobody feeds any more.
    loop {
        std::thread::park();
    }
}
