//! `puck`: what a board does beside answering the office. The kernel starts it as PID 1; everything else on the device is
//! started by it, and brought back by it.
//!
//! ```text
//!   kernel ── init ── mounts ── modules ── slot ─┬─ rescue: try the other slot, or stay
//!                                                └─ /data ── office ─┬─ udhcpc ── lease ──┐
//!                                                                    ├─ nanogate ◄── settings (image, owner, lease)
//!                                                                    ├─ alive ──► watchdog
//!                                                                    └─ good ──► autoboot.txt
//! ```
//!
//! **Invariant:** the root file system lives in memory and is read-only before anything looks at the network.
//!
//! **Invariant:** a card that is empty, broken or pulled out costs the journal, never DNS.
//!
//! **Invariant:** the watchdog is fed because the office got an answer, never because time went by; before the first answer
//! each step of the start has its own limit.

#![expect(clippy::disallowed_methods, reason = "there is no runtime here that a waiting thread could block")]

mod advertised;
mod alive;
mod autoboot;
mod beacon;
mod beside;
mod boot_partition;
mod button;
mod card;
mod clock;
mod data;
mod desk;
mod doubt;
mod fat;
mod gpt;
mod health;
mod init;
mod jail;
mod lamp;
mod lease;
mod log;
mod mend;
mod modules;
mod mounts;
mod network;
mod office;
mod panel;
mod person;
mod prefixes;
mod rescue;
mod sector;
mod services;
mod settings;
mod slot;
mod spoken;
mod time_servers;
mod watchdog;
mod whole;

use std::process::ExitCode;

/// The name under which udhcpc starts this binary at each event.
const LEASE: &str = "lease";
/// The name under which PID 1 starts it to announce `nanogate.local`.
const BEACON: &str = "beacon";

fn main() -> ExitCode {
    let verb = std::env::args().next().unwrap_or_default();
    let name = verb.rsplit('/').next().unwrap_or_default();
    if std::process::id() == 1 {
        return init::run();
    }
    match name {
        LEASE => lease::run(),
        BEACON => beacon::run(),
        jail::JAIL => jail::run(),
        mend::MEND => mend::run(),
        _ => {
            let (jail, mend) = (jail::JAIL, mend::MEND);
            eprintln!(
                "puck: started by the kernel as PID 1, by it as `{BEACON}`, `{jail}` and `{mend}`, and by udhcpc as `{LEASE}`"
            );
            ExitCode::from(2)
        }
    }
}
