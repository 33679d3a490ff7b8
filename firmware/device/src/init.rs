//! PID 1: from the kernel's hand-over to a machine that is ready to work.

use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use crate::log::say;
use crate::office::Office;
use crate::slot::{self, Booted};
use crate::watchdog::Watchdog;
use crate::{boot_partition, clock, data, lease, modules, mounts, rescue};

/// Never returns: the end of PID 1 is a kernel panic.
pub(crate) fn run() -> ExitCode {
    mounts::kernel();
    let _ = rustix::system::sethostname(b"nanogate");
    for folder in ["/run/puck", "/run/nanogate"] {
        let _ = fs::create_dir_all(folder);
    }
    let booted = slot::booted();
    modules::load(modules::ORDER);
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
    let data = data::mount_data(&mut watchdog);
    say!("/data: {data:?}");
    clock::begin();
    boot_partition::import();
    Office::new(booted, watchdog, Instant::now()).run()
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
