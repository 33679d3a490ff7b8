//! PID 1: from the kernel's hand-over to an office that is answered, and then the loop that keeps it so.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::alive::Probe;
use crate::lease::{self, Lease};
use crate::log::say;
use crate::services::{Program, Services};
use crate::{data, modules, mounts, settings};

/// How often the loop turns.
const TURN: Duration = Duration::from_millis(100);
/// Between two times the watchdog is fed; a fraction of its shortest timeout.
const FEED: Duration = Duration::from_secs(2);
/// Without an answer for this long the puck counts as dead, and the watchdog may bite.
const DEAD: Duration = Duration::from_secs(20);
/// Time for the daemon's first answer: it makes keys and compiles rules first.
const START: Duration = Duration::from_secs(60);

const DAEMON: &str = "nanogate";

/// Never returns: the end of PID 1 is a kernel panic.
pub(crate) fn run() -> ExitCode {
    prepare();
    let data = data::mount_data();
    say!("/data: {data:?}");
    let mut puck = Puck::new();
    loop {
        puck.turn(Instant::now());
        std::thread::sleep(TURN);
    }
}

fn prepare() {
    mounts::kernel();
    let _ = rustix::system::sethostname(b"nanogate");
    for folder in ["/run/puck", "/run/nanogate"] {
        let _ = fs::create_dir_all(folder);
    }
    modules::load();
    modules::close();
    mounts::seal_root();
    for line in ["link set lo up", "link set eth0 up"] {
        if !lease::ip(line) {
            say!("`ip {line}` failed");
        }
    }
}

/// What the loop keeps.
struct Puck {
    services: Services,
    lease: Option<Lease>,
    probe: Option<Probe>,
    watchdog: Option<File>,
    fed: Instant,
    /// The office was answered once since the start.
    answered: bool,
}

impl Puck {
    fn new() -> Self {
        let now = Instant::now();
        let mut services = Services::default();
        let words =
            ["/bin/busybox", "udhcpc", "-f", "-i", "eth0", "-s", "/sbin/lease", "-t", "5", "-T", "1", "-A", "5"];
        let words = words.map(str::to_owned).to_vec();
        services.add(Program { name: "udhcpc", words }, now);
        let watchdog = File::options().write(true).open("/dev/watchdog").ok();
        if watchdog.is_none() {
            say!("there is no watchdog");
        }
        Self { services, lease: None, probe: None, watchdog, fed: now, answered: false }
    }

    fn turn(&mut self, now: Instant) {
        self.services.turn(now);
        self.follow_lease(now);
        if !self.answered && self.probe.as_ref().is_some_and(|probe| probe.last().is_some()) {
            self.answered = true;
            say!("the first question is answered; {}", memory());
        }
        if now - self.fed >= FEED {
            self.fed = now;
            if self.is_alive(now)
                && let Some(watchdog) = &mut self.watchdog
            {
                let _ = watchdog.write_all(b".");
            }
        }
    }

    fn follow_lease(&mut self, now: Instant) {
        let lease = Lease::read(Path::new(lease::FILE));
        if lease.is_none() || lease == self.lease {
            return;
        }
        if let Some(lease) = &lease {
            say!("address {}/{}", lease.address, lease.prefix);
            self.configure(lease, now);
        }
        self.lease = lease;
    }

    /// Renders the daemon's settings for an address, and starts it, again if it runs.
    fn configure(&mut self, lease: &Lease, now: Instant) {
        let rendered = settings::read(Path::new(settings::IMAGE)).and_then(|image| {
            let owner = settings::read(Path::new(settings::OWNER)).unwrap_or_else(|error| {
                say!("the owner's settings are left out: {error}");
                toml::Table::new()
            });
            settings::render(image, owner, lease.address)
        });
        let written = rendered.map_err(|error| error.to_string()).and_then(|text| {
            fs::write(settings::RENDERED, &text).map_err(|error| error.to_string())?;
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
            Ok(table.get("domain").and_then(toml::Value::as_str).unwrap_or("lan").to_owned())
        });
        match written {
            Ok(domain) => self.start_daemon(&domain, now),
            Err(error) => say!("the daemon cannot be configured: {error}"),
        }
    }

    fn start_daemon(&mut self, domain: &str, now: Instant) {
        if self.services.has(DAEMON) {
            self.services.restart(DAEMON);
            return;
        }
        let words = ["/usr/bin/nanogate", "run", "--config", settings::RENDERED].map(str::to_owned).to_vec();
        self.services.add(Program { name: DAEMON, words }, now);
        self.probe = Some(Probe::start(format!("nanogate.{domain}")));
    }

    /// Before there is an address nobody can be answered, and a reset would not change that.
    fn is_alive(&self, now: Instant) -> bool {
        let Some(probe) = &self.probe else { return true };
        let answered = probe.last().is_some_and(|last| now.saturating_duration_since(last) < DEAD);
        answered || self.services.running_since(DAEMON).is_some_and(|since| now - since < START)
    }
}

/// What is in use of the machine's memory, page cache not counted.
fn memory() -> String {
    let facts = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = |key: &str| {
        let line = facts.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    format!("{} MB of memory in use", kib("MemTotal").saturating_sub(kib("MemAvailable")) / 1024)
}
