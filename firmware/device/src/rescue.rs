//! The rescue system: where the boot loader goes when a slot's kernel never took the watchdog over. It gives the same slot
//! another chance, then the other one its two; when both are known to hang it waits for a signed image, from a stick or
//! from a web server, and has it written onto one of them. What hung may have been an accident all the same: now and then,
//! later and later, it tries the slots again.

mod sticks;
mod work;

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use self::sticks::Sticks;
use self::work::{Outcome, Work};
use crate::autoboot::{self, Autoboot};
use crate::lamp::Sign;
use crate::lease::Lease;
use crate::log::say;
use crate::network::Network;
use crate::panel::{Lines, Panel};
use crate::services::Services;
use crate::slot::Slot;
use crate::watchdog::Watchdog;
use crate::{boot_partition, card, clock, data, fat, init, sector, settings};

/// How what was packed by gzip begins (RFC 1952), as kernels are.
const GZIP: [u8; 3] = [0x1f, 0x8b, 8];
/// Between two times the watchdog is fed: nothing here can wedge, and a reset would lead here again.
const FEED: Duration = Duration::from_secs(2);
const TURN: Duration = Duration::from_millis(100);
/// Reading an image twice and writing it takes the slowest stick minutes; one that hangs would keep the slots from being
/// tried again.
const LONGEST_WORK: Duration = Duration::from_secs(60 * 60);
/// The daemon's own upstreams, where nobody names others.
const PUBLIC: [Ipv4Addr; 2] = [Ipv4Addr::new(9, 9, 9, 9), Ipv4Addr::new(149, 112, 112, 112)];
/// Between two times the web server is asked.
const ASK: Duration = Duration::from_secs(20);
/// The first wait before the slots are tried again; each is twice as long as the one before, up to the longest.
const FIRST_REST: Duration = Duration::from_secs(10 * 60);
const LONGEST_REST: Duration = Duration::from_secs(6 * 60 * 60);
/// Before it the lamp says for so long that the puck is about to start.
const WARNING: Duration = Duration::from_secs(10);

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
    let Some(device) = card::await_partition("boot") else {
        say!("rescue: there is no boot partition");
        idle(watchdog)
    };
    let present = present(&device);
    let plan = plan(present);
    let (Plan::Try(wanted) | Plan::Stay(wanted)) = plan;
    let written = autoboot::commit(&device, wanted);
    if let Err(error) = &written {
        say!("rescue: which slot starts cannot be written: {error}");
    }
    // A choice that is not on the card would lead here again at once.
    if let Plan::Try(autoboot) = plan
        && written.is_ok()
    {
        say!("rescue: a slot hung; trying slot {:?}", autoboot.default);
        init::restart();
    }
    say!("rescue: neither slot starts; a stick with a signed image mends the card");
    Rescue::new(watchdog, device, wanted, written.is_ok()).stay()
}

/// There is nothing to write on.
fn idle(mut watchdog: Watchdog) -> ! {
    loop {
        watchdog.feed();
        std::thread::sleep(FEED);
    }
}

/// What the file says. Without it the boot loader started the first slot that looked like one to it.
fn present(device: &Path) -> Autoboot {
    autoboot::load(device).unwrap_or_else(|error| {
        say!("rescue: {error}");
        let whole = |slot: &Slot| card::await_partition(slot.name()).is_some_and(|device| looks_whole(&device));
        Autoboot::of([Slot::A, Slot::B].into_iter().find(whole).unwrap_or(Slot::A))
    })
}

/// Whether there is something on a slot that a boot loader would start: its settings, and a kernel that begins like one.
fn looks_whole(slot: &Path) -> bool {
    let first = |name| fat::locate(slot, name).ok().and_then(|place| sector::read(slot, place.offset).ok());
    first(b"CONFIG  TXT").is_some() && first(b"KERNEL  IMG").is_some_and(|kernel| kernel.starts_with(&GZIP))
}

/// The default slot is the one that hung: the boot loader comes here from no other, but for a trial that hung, which it
/// keeps no note of. Therefore one hang condemns nothing.
fn plan(present: Autoboot) -> Plan {
    let known = present.blamed(present.default);
    let other = known.default.other();
    match (known.hung(known.default), known.hung(other)) {
        (false, _) => Plan::Try(known),
        (true, false) => Plan::Try(Autoboot { default: other, ..known }),
        (true, true) => Plan::Stay(Autoboot { rests: known.rests.saturating_add(1), ..known }),
    }
}

/// How long to wait before the slots are tried again, the first time or a later one.
fn rest(rests: u32) -> Duration {
    let doubled = 1_u32.checked_shl(rests.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST_REST.saturating_mul(doubled).min(LONGEST_REST)
}

/// Who may know the web server's address. An office that is set up names this very puck, which answers nobody now: then whoever
/// routes for it, and at last resolvers that anybody may ask. What is fetched is judged by its signature, whoever is asked.
fn whom_to_ask(lease: &Lease) -> Vec<Ipv4Addr> {
    let mut asked: Vec<Ipv4Addr> = Vec::new();
    for resolver in lease.resolvers.iter().chain(&lease.routers).chain(&PUBLIC) {
        let ours = *resolver == lease.address || lease.kept == Some(*resolver);
        if !ours && !asked.contains(resolver) {
            asked.push(*resolver);
        }
    }
    asked
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
    /// When the slots are tried again.
    again: Instant,
    fed: Instant,
    asked: Option<Instant>,
    /// Since when something is looked at.
    worked: Instant,
    /// What became of the web server's offer last time.
    said: String,
}

impl Rescue {
    /// `writable`: which slot starts can be said to the boot loader.
    fn new(watchdog: Watchdog, device: PathBuf, autoboot: Autoboot, writable: bool) -> Self {
        // /data may be what is broken, and nothing here needs it.
        data::in_memory();
        let url = boot_partition::rescue_url();
        let mut services = Services::default();
        let now = Instant::now();
        let network = Network::begin(&mut services, autoboot.fixed, now);
        let rest = rest(autoboot.rests);
        if writable {
            say!("rescue: without one both slots are tried again in {} minutes", rest.as_secs() / 60);
        }
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
            again: now + rest,
            fed: now,
            asked: None,
            worked: now,
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
            if let Some(lease) = self.network.change(&mut self.services, now) {
                say!("rescue: address {}", lease.address);
                self.resolvers = Some(whom_to_ask(&lease));
            }
            match self.work.take() {
                Some(work) => match dead.iter().find(|(pid, _)| *pid == work.pid()) {
                    Some((_, status)) => {
                        let outcome = work.end(*status, &mut self.said);
                        self.conclude(outcome);
                    }
                    None if now - self.worked >= LONGEST_WORK => {
                        say!("rescue: what was offered is given up: it does not end");
                        self.conclude(work.give_up());
                    }
                    None => self.work = Some(work),
                },
                None if now >= self.again => self.try_again(now),
                None => {
                    self.work = self.next(now);
                    self.worked = now;
                }
            }
            let sign = match self.work {
                Some(_) => Sign::Updating,
                None if now + WARNING >= self.again => Sign::Booting,
                None => Sign::NeedsYou,
            };
            self.lamp.light(sign.is_on(now - self.begun));
            std::thread::sleep(TURN);
        }
    }

    /// Nobody brought an image: the other slot has its turn, although it hung. If it hangs again, the next wait is longer.
    fn try_again(&mut self, now: Instant) {
        let other = self.autoboot.default.other();
        match autoboot::commit(&self.device, Autoboot { default: other, ..self.autoboot }) {
            Ok(_) => {
                say!("rescue: nobody brought an image; trying slot {other:?} once more");
                init::restart();
            }
            Err(error) => {
                say!("rescue: the slots cannot be tried again: {error}");
                self.again = now + LONGEST_REST;
            }
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
    use std::process::Command;

    use super::{Autoboot, FIRST_REST, GZIP, LONGEST_REST, PUBLIC, Plan, looks_whole, plan, rest, whom_to_ask};
    use crate::lease::Lease;
    use crate::slot::Slot;

    fn tried(present: Autoboot) -> Autoboot {
        let Plan::Try(next) = plan(present) else { panic!("nothing is tried after {present:?}") };
        next
    }

    #[test]
    fn names_are_asked_of_everybody_but_this_puck() {
        let [own, kept, router] = [[192, 0, 2, 53], [192, 0, 2, 60], [192, 0, 2, 1]].map(Into::into);
        let routers = vec![router];
        let lease = Lease { kept: Some(kept), resolvers: vec![own, kept], routers, ..Lease::at(own, 24) };
        assert_eq!(whom_to_ask(&lease), [router, PUBLIC[0], PUBLIC[1]]);
        let lease = Lease { resolvers: vec![router, PUBLIC[1]], ..lease };
        assert_eq!(whom_to_ask(&lease), [router, PUBLIC[1], PUBLIC[0]]);
    }

    #[test]
    fn each_slot_gets_two_chances() {
        let once = tried(Autoboot::of(Slot::A));
        assert_eq!(once, Autoboot::of(Slot::A).blamed(Slot::A));
        let other = tried(once);
        assert_eq!(other, Autoboot::of(Slot::B).with_hung(Slot::A));
        let Plan::Stay(last) = plan(tried(other)) else { panic!("a third chance") };
        assert!(last.hung(Slot::A) && last.hung(Slot::B) && last.rests == 1);
        assert!(matches!(plan(last), Plan::Stay(_)), "also after a power cut");
    }

    #[test]
    fn a_trial_that_hangs_leaves_the_good_slot_where_it_was() {
        // The boot loader forgets that it was a trial: all that is known is which slot starts otherwise.
        let again = tried(Autoboot { floor: 7, ..Autoboot::of(Slot::A) });
        assert_eq!(again.default, Slot::A);
        assert_eq!(again.good(Slot::A, 7), Autoboot { floor: 7, ..Autoboot::of(Slot::A) }, "nothing is left of it");
    }

    #[test]
    fn two_accidents_do_not_end_here_for_ever() {
        let both = Autoboot::of(Slot::B).with_hung(Slot::A).with_hung(Slot::B);
        let Plan::Stay(first) = plan(both) else { panic!("both hang") };
        let next = Autoboot { default: first.default.other(), ..first };
        assert_eq!(next.good(Slot::A, 0), Autoboot::of(Slot::A), "it was an accident");
        let Plan::Stay(second) = plan(next) else { panic!("both hang") };
        assert_eq!((first.rests, second.rests, second.default), (1, 2, Slot::A));
        assert_eq!((rest(0), rest(1), rest(2)), (FIRST_REST, FIRST_REST, FIRST_REST * 2));
        assert!((1..100).all(|rests| rest(rests) <= rest(rests + 1)));
        assert_eq!(rest(u32::MAX), LONGEST_REST);
    }

    #[test]
    fn without_the_file_the_first_slot_that_could_start_is_blamed() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let slot = |name: &str, files: &[(&str, &[u8])]| {
            let device = folder.path().join(name);
            let made = Command::new("mkfs.vfat").args(["-F", "16", "-s", "1", "-C"]).arg(&device).arg("8192").output();
            assert!(made.expect("dosfstools").status.success());
            for (file, content) in files {
                let source = folder.path().join(file);
                std::fs::write(&source, content).expect("fresh");
                let copied = Command::new("mcopy").arg("-i").arg(&device).arg(&source).arg("::/").status();
                assert!(copied.expect("mtools").success());
            }
            looks_whole(&device)
        };
        let kernel = [GZIP.as_slice(), &[0; 1024]].concat();
        assert!(slot("whole", &[("config.txt", b"kernel=kernel.img"), ("kernel.img", &kernel)]));
        assert!(!slot("without-kernel", &[("config.txt", b"kernel=kernel.img")]));
        assert!(!slot("zeros", &[("config.txt", b"x"), ("kernel.img", &[0; 1024])]));
        assert!(!looks_whole(&folder.path().join("nowhere")));
    }

    #[test]
    fn a_new_image_that_hangs_too_ends_here_and_is_not_taken_again() {
        let last = Autoboot { floor: 7, ..Autoboot::of(Slot::B).with_hung(Slot::A).with_hung(Slot::B) };
        let taken = last.taken(Slot::A, 9);
        assert_eq!((taken.default, taken.floor, taken.tried.to_string().as_str()), (Slot::A, 7, "9"));
        let Plan::Stay(stays) = plan(tried(taken)) else { panic!("a third chance") };
        assert_eq!(stays.tried.to_string(), "9");
        let second = stays.taken(stays.default.other(), 10);
        let Plan::Stay(stays) = plan(tried(second)) else { panic!("a third chance") };
        assert_eq!(stays.tried.to_string(), "10,9", "neither of two that hang is taken again");
        let good = taken.good(Slot::A, 9);
        assert_eq!(good, Autoboot { floor: 9, ..Autoboot::of(Slot::A).with_hung(Slot::B) });
        assert_eq!(good.good(Slot::B, 8), Autoboot { floor: 9, ..Autoboot::of(Slot::B) });
    }
}
