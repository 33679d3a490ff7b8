//! The loop that keeps the office answered: services, the address, the daemon's settings, the watchdog, the slot.

use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::alive::Probe;
use crate::autoboot::{self, Autoboot};
use crate::beside::Beside;
use crate::clock::Jumps;
use crate::data::{Data, Late};
use crate::desk::Desk;
use crate::doubt::Doubt;
use crate::health::{Health, Seen};
use crate::lease::Lease;
use crate::log::say;
use crate::mend::{Job, Outcome};
use crate::network::Network;
use crate::panel::Lines;
use crate::person::{Person, State};
use crate::prefixes::Prefixes;
use crate::services::{May, Program, Services};
use crate::settings::Rendered;
use crate::slot::{Booted, Slot};
use crate::spoken::{self, Spoken};
use crate::watchdog::Watchdog;
use crate::{card, clock, data, init, log, mounts, network, settings, time_servers};

/// How often the loop turns.
const TURN: Duration = Duration::from_millis(100);
/// After the first answer the other programs have this long to make themselves ready.
const STARTED: Duration = Duration::from_secs(20);
/// The time daemon lets the first answer go first, which wants every processor there is, for so long after the start.
const AFTER_ANSWER: Duration = Duration::from_secs(15);
/// A daemon that ends badly so often in a row ends of what lies on the card: a file that cannot be read, settings that it does
/// not know, no room for what it writes at its start.
const FAILURES: u32 = 3;
/// Between two names: another one costs the office a restart of the daemon, which nobody may have again and again.
const NAMED: Duration = Duration::from_secs(30);
/// Between two looks at the puck's health; the watchdog is fed then, so it is a fraction of its shortest timeout.
const LOOK: Duration = Duration::from_secs(2);

/// What a board that is none brings along to be pressed and looked at by tests (board/qemu-aarch64).
const BENCH: &str = "/usr/lib/board/bench";
/// What only a debug image has (image/steps/root.sh).
const DEBUG_SHELL: &str = "/usr/lib/debug/shell";
const DAEMON: &str = "nanogate";
const CLOCK: &str = "ntp-daemon";
/// Beside the numbers that the daemon gives its processes (firmware/daemon, FIRST_USER).
const BEACON_USER: u32 = 0x7f4e_4710;
const CLOCK_USER: u32 = 0x7f4e_4712;

/// What the start left.
pub(crate) struct Start {
    pub(crate) booted: Booted,
    /// What was started is no slot to start again.
    pub(crate) damaged: bool,
    pub(crate) data: Data,
    pub(crate) late: Option<Late>,
    pub(crate) refused: bool,
}

/// What the loop keeps.
pub(crate) struct Office {
    booted: Booted,
    data: Data,
    /// What goes on with the card beside everything else.
    late: Option<Late>,
    /// What the owner wrote on a PC was not understood.
    refused: bool,
    services: Services,
    desk: Desk,
    person: Person<Lines>,
    network: Network,
    prefixes: Prefixes,
    probe: Probe,
    health: Health,
    watchdog: Watchdog,
    looked: Instant,
    /// When the time was saved, and where it is written.
    saved: Instant,
    saving: Beside,
    jumps: Jumps,
    doubt: Doubt,
    /// The address in use.
    lease: Option<Lease>,
    /// When the office was first answered since the start.
    answered: Option<Instant>,
    begun: Instant,
    /// The time daemon was started, or could not be.
    keeps_time: bool,
    /// The office wants a gateway, and the kernel has not been told yet.
    routes: bool,
    /// What the programs print that is for the owner, and when it was last looked for another name.
    spoken: Spoken,
    named: Instant,
    /// The log says how much memory is in use once everything runs.
    weighed: bool,
    /// The running slot is the one that starts next time, as far as we can do anything about it.
    settled: bool,
}

impl Office {
    pub(crate) fn new(start: Start, watchdog: Watchdog, desk: Desk, doubt: Doubt, now: Instant) -> Self {
        let mut services = Services::default();
        let device = settings::device();
        let Start { booted, damaged, data, late, refused } = start;
        // A card whose /data cannot be used knows the owner's address all the same.
        let fixed = match data {
            Data::Memory => card::await_partition("boot").and_then(|device| autoboot::load(&device).ok()?.fixed),
            _ => network::fixed(),
        };
        let network = Network::begin(&mut services, fixed, now);
        let panel = Lines::named(device.button.clone(), device.led.clone(), now);
        let person = Person::new(panel, desk.clone(), now);
        for (name, script) in [("bench", BENCH), ("debug shell", DEBUG_SHELL)] {
            if Path::new(script).exists() {
                let words = ["/bin/busybox", "sh", script].map(str::to_owned).to_vec();
                services.add(Program { name, words, hears: log::show, user: None, may: None }, now);
            }
        }
        Self {
            booted,
            data,
            late,
            refused,
            services,
            desk,
            person,
            network,
            prefixes: Prefixes::remembered(now),
            probe: Probe::start(),
            health: Health::new(now, device.good(), device.start()),
            watchdog,
            looked: now,
            saved: now,
            saving: Beside::default(),
            jumps: Jumps::watch(now),
            doubt,
            lease: None,
            answered: None,
            begun: now,
            keeps_time: false,
            routes: false,
            spoken: Spoken::default(),
            named: now,
            weighed: false,
            settled: damaged,
        }
    }

    pub(crate) fn run(mut self) -> ! {
        loop {
            let now = Instant::now();
            let dead = self.services.turn(now);
            self.follow_card(&dead);
            self.follow_daemon(now);
            self.follow_network(now);
            self.follow_name(now);
            self.follow_prefixes(now);
            self.person.turn(self.state(), now);
            if now - self.saved >= clock::SAVE {
                self.save_clock(now);
            }
            self.follow_start(now);
            if now - self.looked >= LOOK {
                self.looked = now;
                self.look(now);
            }
            std::thread::sleep(TURN);
        }
    }

    /// Work on the card that has ended leaves one that can be used: from the next start on, which is at once.
    fn follow_card(&mut self, dead: &[(u32, ExitStatus)]) {
        let Some(late) = self.late else { return };
        let Some((_, status)) = dead.iter().find(|(pid, _)| *pid == late.pid) else { return };
        self.late = None;
        if Outcome::of(status.code()) == Outcome::Unusable {
            self.desk.note("data_in_memory", false, "the work on the card failed; everything stays in memory");
            return;
        }
        if late.job == Job::Wipe
            && let Some(device) = card::await_partition("boot")
        {
            init::forget_reset(&device);
        }
        let trial = matches!(self.booted, Booted::Slot { trial: true, .. });
        say!(
            "the work on the card is done; starting with it{}",
            if trial { ", which ends this slot's trial" } else { "" }
        );
        init::restart();
    }

    /// A daemon that does not start with what lies on the card starts without: the office is answered, by the image's own
    /// settings, and AI is denied as it is without a card.
    fn follow_daemon(&mut self, now: Instant) {
        let hangs = self.health.wants_another_start(self.seen(), now);
        if self.data == Data::Memory || !(hangs || self.services.failures(DAEMON) >= FAILURES) {
            return;
        }
        let Some(lease) = self.lease.clone() else { return };
        if let Booted::Slot { slot, trial: true } = self.booted
            && !card::is_gone()
        {
            self.give_up(slot, "the daemon does not start with what lies on the card");
        }
        say!("the daemon does not start with what lies on the card; going on without, until the next start");
        self.data = data::set_aside();
        let detail = "the daemon does not start with what lies on the card, which is left as it is";
        self.desk.note("data_set_aside", false, detail);
        self.routes = self.configure(&lease).is_some_and(|rendered| rendered.routes);
        if !self.routes {
            // The owner's gateway is none with the image's settings, which have no rules for what goes through.
            mounts::keep_to_itself();
        }
        self.services.kill(DAEMON);
        self.services.wake(DAEMON, now);
        self.health.configured_again(now);
    }

    /// Writes what the daemon reads at its next start, and asks it for what it knows then; none if it cannot be written.
    fn configure(&self, lease: &Lease) -> Option<Rendered> {
        let rendered = settings::configure(lease, &spoken::name(), self.data == Data::Memory, &self.prefixes.served());
        let rendered = rendered.map_err(|error| say!("the daemon cannot be configured: {error}")).ok()?;
        self.probe.ask_in(&rendered.domain);
        Some(rendered)
    }

    /// Where another host has the name, the page's certificate and the resolver's answers are by the one that is ours.
    fn follow_name(&mut self, now: Instant) {
        if now - self.named < NAMED {
            return;
        }
        if self.spoken.is_renamed(&self.desk) {
            self.named = now;
            if self.lease.clone().is_some_and(|lease| self.configure(&lease).is_some()) {
                self.services.restart(DAEMON);
            }
        }
    }

    /// Where the office's router brought another prefix, its hosts are served once the start is over; not where the owner
    /// says whose hosts are.
    fn follow_prefixes(&mut self, now: Instant) {
        if self.answered.is_some_and(|since| now - since >= STARTED)
            && self.prefixes.change(now)
            && self.lease.clone().and_then(|lease| self.configure(&lease)).is_some_and(|rendered| rendered.changed)
        {
            self.services.restart(DAEMON);
        }
    }

    /// Starts what waits for the office's first answer; says when that was, and how much memory is in use a little later.
    fn follow_start(&mut self, now: Instant) {
        if !self.keeps_time
            && (self.answered.is_some() || now - self.begun >= AFTER_ANSWER)
            && let Some(lease) = self.lease.clone()
        {
            self.keep_time(&lease, now);
        }
        match self.answered {
            None if self.seen().answered.is_some() => {
                self.answered = Some(now);
                say!("the first question is answered");
                self.spoken.show_claim_code(&self.desk);
            }
            Some(since) if !self.weighed && now - since >= STARTED => {
                self.weighed = true;
                say!("{}", memory());
            }
            _ => {}
        }
    }

    /// What was seen of the daemon's work so far.
    fn seen(&self) -> Seen {
        self.probe.seen()
    }

    /// Feeds the watchdog if the office is answered, and marks the slot once all has been well for long enough.
    fn look(&mut self, now: Instant) {
        self.follow_clock(now);
        if self.answered.is_some() {
            self.spoken.show_claim_code(&self.desk);
        }
        let seen = self.seen();
        if self.health.alive(seen, now) {
            self.watchdog.feed();
        }
        // Nothing goes through before the rules stand that catch what must not: they are the first thing the daemon makes.
        if self.routes && seen.whole {
            self.routes = false;
            mounts::route();
            say!("the office's traffic goes through here from now on");
        }
        if !self.settled
            && let Booted::Slot { slot, trial } = self.booted
        {
            if self.health.good(seen, now) {
                let (desk, known) = (self.desk.clone(), self.data != Data::Memory);
                // A round later once more where no thread is to be had.
                self.settled = Beside::default().begin(move || mark_good(&desk, slot, known));
            } else if trial && !card::is_gone() && self.health.trial_is_over(now) {
                self.give_up(slot, "it did not become good");
            }
        }
    }

    /// Ends a trial: the boot loader starts the other slot again. It tells of it, because here nobody may take a note.
    fn give_up(&self, slot: Slot, why: &str) -> ! {
        data::leave_word(&format!("slot {slot:?} goes back to the other one: {why}"));
        init::restart();
    }

    fn save_clock(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.saved);
        if self.saving.begin(move || clock::save(since)) {
            self.saved = now;
        }
    }

    /// Notices when the clock is set; then checks are strict, and only servers that prove what they say are asked.
    fn follow_clock(&mut self, now: Instant) {
        let jump = self.jumps.seen();
        if let Some(seconds) = jump {
            self.desk.note("clock_set", true, &format!("the clock was set by {seconds} s"));
            self.save_clock(now);
        }
        if self.doubt.turn(jump.is_some(), &self.desk, now)
            && let Some(lease) = self.lease.clone()
        {
            self.keep_time(&lease, now);
        }
    }

    /// How things are, for the lamp.
    fn state(&self) -> State {
        let claimed = self.desk.claimed();
        let needs_you = self.refused || self.data == Data::Memory || card::is_gone();
        // Before the daemon has said whose the puck is, nothing is well yet.
        State { answered: self.answered.is_some() && claimed.is_some(), unclaimed: claimed == Some(false), needs_you }
    }

    fn follow_network(&mut self, now: Instant) {
        let Some(lease) = self.network.change(&mut self.services, now) else { return };
        say!(
            "address {}/{}{}",
            lease.address,
            lease.prefix,
            lease.kept.map_or(String::new(), |kept| format!(", and {kept} as before"))
        );
        if let Some(before) = self.network.moved_from() {
            self.desk.note("address_changed", true, &format!("from {before} to {}", lease.address));
        }
        // Other servers for the time, or another router, are no reason to cut everybody's connections.
        if self.lease.as_ref().is_some_and(|present| present.is_at(&lease)) {
            if self.keeps_time && self.lease.as_ref().is_some_and(|present| present.clocks != lease.clocks) {
                self.keep_time(&lease, now);
            }
            self.lease = Some(lease);
            return;
        }
        if let Some(rendered) = self.configure(&lease) {
            self.routes |= rendered.routes;
            self.start_daemon(now);
        }
        if self.keeps_time {
            self.keep_time(&lease, now);
        }
        self.lease = Some(lease);
    }

    fn keep_time(&mut self, lease: &Lease, now: Instant) {
        self.keeps_time = true;
        if let Err(error) = fs::write(time_servers::FILE, time_servers::render(&lease.clocks, self.doubt.lasts())) {
            say!("the time daemon cannot be configured: {error}");
        } else if self.services.has(CLOCK) {
            self.services.restart(CLOCK);
        } else {
            let words = ["/usr/bin/ntp-daemon", "--config", time_servers::FILE].map(str::to_owned).to_vec();
            let may = Some(May::SetTheClock);
            self.services.add(Program { name: CLOCK, words, hears: log::show, user: Some(CLOCK_USER), may }, now);
        }
    }

    fn start_daemon(&mut self, now: Instant) {
        self.health.configured(now);
        if self.services.has(DAEMON) {
            self.services.restart(DAEMON);
            return;
        }
        let words = ["/usr/bin/nanogate", "run", "--config", settings::RENDERED].map(str::to_owned).to_vec();
        self.services.add(Program { name: DAEMON, words, hears: spoken::hear_daemon, user: None, may: None }, now);
        let words = vec!["/sbin/beacon".to_owned()];
        self.services.add(
            Program {
                name: "beacon",
                words,
                hears: spoken::hear_beacon,
                user: Some(BEACON_USER),
                may: Some(May::Nothing),
            },
            now,
        );
    }
}

/// Makes the running slot the one that starts from now on, and forgets that any slot ever hung: this one does not. The
/// owner's fixed address is left there too, where it is known.
fn mark_good(desk: &Desk, slot: Slot, known: bool) {
    let Some(device) = card::await_partition("boot") else {
        say!("slot {slot:?} is good; there is no card to write it on");
        return;
    };
    let present = autoboot::load(&device).unwrap_or(Autoboot::of(slot));
    if !present.tried.is_empty() {
        desk.note("rescue_used", true, &format!("slot {slot:?} was written by the rescue system"));
    }
    let good = present.good(slot, clock::built().unwrap_or(0));
    let fixed = if known { network::fixed() } else { good.fixed };
    match autoboot::commit(&device, Autoboot { fixed, ..good }) {
        Ok(true) => desk.note("slot_good", true, &format!("slot {slot:?} is good and starts from now on")),
        Ok(false) => say!("slot {slot:?} is good"),
        Err(error) => {
            desk.note("slot_good", false, &format!("slot {slot:?} is good, which cannot be written: {error}"));
        }
    }
}

/// What is in use of the machine's memory, page cache not counted.
fn memory() -> String {
    let facts = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |key: &str| {
        let line = facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    let mb = |key| kib(key) / 1024;
    let used = kib("MemTotal").saturating_sub(kib("MemAvailable")) / 1024;
    let (processes, root, kernel) = (mb("AnonPages"), mb("Shmem"), mb("SUnreclaim") + mb("PageTables") + mb("Percpu"));
    format!("{used} MB of memory in use (processes {processes}, root {root}, kernel {kernel})")
}
