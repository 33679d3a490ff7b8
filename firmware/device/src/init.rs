//! PID 1: from the kernel's hand-over to a machine that is ready to work.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use crate::autoboot::Autoboot;
use crate::data::Data;
use crate::desk::Desk;
use crate::doubt::Doubt;
use crate::log::say;
use crate::office::Office;
use crate::slot::{self, Booted};
use crate::watchdog::Watchdog;
use crate::{autoboot, boot_partition, card, clock, data, lease, modules, mounts, rescue};

/// Never returns: the end of PID 1 is a kernel panic.
pub(crate) fn run() -> ExitCode {
    mounts::kernel();
    let _ = rustix::system::sethostname(b"nanogate");
    for folder in ["/run/puck", "/run/nanogate"] {
        let _ = fs::create_dir_all(folder);
    }
    let booted = slot::booted();
    modules::load(modules::ORDERS);
    if booted == Booted::Rescue {
        modules::load(modules::RESCUE);
    }
    modules::close();
    mounts::harden();
    let mut watchdog = Watchdog::hold();
    mounts::seal_root();
    for line in ["link set lo up", "link set eth0 up"] {
        if !lease::ip(line) {
            say!("`ip {line}` failed");
        }
    }
    say!("started: {booted:?}");
    if booted == Booted::Rescue {
        rescue::run(watchdog)
    }
    let desk = Desk::begin();
    if wipe_if_wanted(&mut watchdog) {
        desk.note("factory_reset", true, "the puck forgot everything");
    }
    let data = data::mount_data(&mut watchdog);
    say!("/data: {data:?}");
    match data {
        Data::Whole => {}
        Data::Fresh => desk.note("data_new", true, "a new card"),
        Data::Repaired => desk.note("data_repaired", true, "what was damaged on the card was mended"),
        Data::Recreated => desk.note("data_lost", false, "nothing on the card could be saved; everything begins anew"),
        Data::Memory => desk.note("data_in_memory", false, "there is no card that takes writes"),
    }
    let doubt = Doubt::begin(clock::begin(), &desk, Instant::now());
    boot_partition::import(&desk);
    Office::new(booted, data, watchdog, desk, doubt, Instant::now()).run()
}

/// What a factory reset asked for, until it is done.
fn wipe_if_wanted(watchdog: &mut Watchdog) -> bool {
    let Some(device) = card::await_partition("boot") else { return false };
    let Ok(present) = autoboot::load(&device) else { return false };
    if !present.reset {
        return false;
    }
    let done = data::wipe(watchdog).map_err(|error| error.to_string()).and_then(|()| {
        autoboot::commit(&device, Autoboot { reset: false, fixed: None, ..present }).map_err(|error| error.to_string())
    });
    if let Err(error) = &done {
        say!("/data is not wiped: {error}");
    }
    done.is_ok()
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
