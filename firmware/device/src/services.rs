//! The processes that PID 1 keeps alive. One that dies is started again: at once if it had been well, later and later if
//! it keeps dying, so that a broken one costs little and the rest goes on.

use std::io::{self, BufRead, BufReader, PipeReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, kill_process_group, wait};

use crate::jail;
use crate::log::say;

/// First pause; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A process that lived this long was well: the next pause is the first again.
const WELL: Duration = Duration::from_secs(60);

const LONGEST_LINE: u64 = 4096;
/// The C library would give each thread a heap of its own; on a small machine few are better. And it would keep what a start
/// alone needs: with each large block that is given back it raises the size from which on one goes back to the kernel, unless
/// that is set.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("MALLOC_ARENA_MAX", "2"),
    ("MALLOC_MMAP_THRESHOLD_", "131072"),
    ("MALLOC_TRIM_THRESHOLD_", "131072"),
    ("PATH", "/usr/sbin:/usr/bin"),
    ("NO_COLOR", "1"),
];

/// Which program, with which words.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<String>,
    /// Who hears the lines it prints: it writes to a pipe, never to the console, which may keep it waiting for ever.
    pub(crate) hears: fn(&str),
    /// Who it runs as; without a number as root, for what gives up its privileges by itself.
    pub(crate) user: Option<u32>,
    /// The one thing of root's that it may do all the same, if it has a user of its own.
    pub(crate) may: Option<May>,
}

/// What a program may do although it is not root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum May {
    Nothing,
    SetTheClock,
    SetTheAddress,
}

/// When to start something that died.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    pause: Duration,
}

impl Backoff {
    fn new() -> Self {
        Self { pause: FIRST_PAUSE }
    }

    /// The pause before the next start of a process that lived for `life`.
    fn after(&mut self, life: Duration) -> Duration {
        if life >= WELL {
            self.pause = FIRST_PAUSE;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

/// One program and its present life.
#[derive(Debug)]
struct Service {
    program: Program,
    state: State,
    backoff: Backoff,
    /// How often in a row it ended badly before it had been well.
    failures: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Running { pid: Pid, since: Instant },
    Due { at: Instant },
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Services {
    all: Vec<Service>,
}

impl Services {
    /// Adds a program; it is started at the next turn.
    pub(crate) fn add(&mut self, program: Program, now: Instant) {
        self.all.push(Service { program, state: State::Due { at: now }, backoff: Backoff::new(), failures: 0 });
    }

    /// Whether a program of that name was added.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.all.iter().any(|service| service.program.name == name)
    }

    /// How often in a row a program has ended badly before it had been well.
    pub(crate) fn failures(&self, name: &str) -> u32 {
        self.all.iter().find(|service| service.program.name == name).map_or(0, |service| service.failures)
    }

    /// Asks a program to end; it is started again, with whatever has changed.
    pub(crate) fn restart(&self, name: &str) {
        for service in self.all.iter().filter(|service| service.program.name == name) {
            if let State::Running { pid, .. } = service.state {
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    }

    /// Ends a program that may not listen, and whoever it started; it is started again.
    pub(crate) fn kill(&self, name: &str) {
        for service in self.all.iter().filter(|service| service.program.name == name) {
            if let State::Running { pid, .. } = service.state {
                let _ = kill_process_group(pid, Signal::KILL);
            }
        }
    }

    /// What a program waited for is there: one that died is started at the next turn, and its pauses begin anew.
    pub(crate) fn wake(&mut self, name: &str, now: Instant) {
        for service in self.all.iter_mut().filter(|service| service.program.name == name) {
            service.backoff = Backoff::new();
            if let State::Due { at } = &mut service.state {
                *at = now;
            }
        }
    }

    /// One turn: buries the dead, its own and orphans alike, and starts what is due. Who died, and how.
    pub(crate) fn turn(&mut self, now: Instant) -> Vec<(u32, ExitStatus)> {
        let mut dead = Vec::new();
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            let status = ExitStatus::from_raw(status.as_raw());
            self.bury(pid, status, now);
            dead.push((pid.as_raw_nonzero().get().unsigned_abs(), status));
        }
        for service in &mut self.all {
            if matches!(service.state, State::Due { at } if at <= now) {
                service.start(now);
            }
        }
        dead
    }

    fn bury(&mut self, dead: Pid, status: ExitStatus, now: Instant) {
        for service in &mut self.all {
            if let State::Running { pid, since } = service.state
                && pid == dead
            {
                let failed = !status.success() && now - since < WELL;
                service.failures = if failed { service.failures + 1 } else { 0 };
                let pause = service.backoff.after(now - since);
                say!("{} ended ({status}); again in {} ms", service.program.name, pause.as_millis());
                service.state = State::Due { at: now + pause };
            }
        }
    }
}

impl Service {
    fn start(&mut self, now: Instant) {
        let mut words = self.program.words.clone();
        if let Some(may) = self.program.may {
            words = jail::words(may, self.program.user, words);
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(ENVIRONMENT).stdin(Stdio::null());
        if let Some(user) = self.program.user.filter(|_| self.program.may.is_none()) {
            command.uid(user).gid(user);
        }
        // Each is the head of a group, so that whoever it started can be ended with it.
        command.process_group(0);
        let started = io::pipe().and_then(|(output, input)| {
            command.stdout(input.try_clone()?).stderr(input);
            let child = command.spawn()?;
            listen(output, self.program.hears);
            Ok(child)
        });
        match started {
            Ok(child) => {
                let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a child has a process number");
                self.state = State::Running { pid, since: now };
            }
            Err(error) => {
                let pause = self.backoff.after(Duration::ZERO);
                say!("{} cannot be started: {error}", self.program.name);
                self.state = State::Due { at: now + pause };
            }
        }
    }
}

/// Reads a program's lines until it ends. A line is bounded: what comes from the network may be in it.
fn listen(output: PipeReader, hears: fn(&str)) {
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        while lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            hears(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Duration, FIRST_PAUSE, Instant, LONGEST_PAUSE, Program, Services, State, WELL};

    #[test]
    fn what_is_woken_waits_no_longer() {
        let (mut services, now) = (Services::default(), Instant::now());
        let words = vec!["/nowhere".to_owned()];
        services.add(Program { name: "a", words, hears: |_| {}, user: None, may: None }, now);
        for _ in 0..12 {
            services.all[0].backoff.after(Duration::ZERO);
        }
        services.all[0].state = State::Due { at: now + LONGEST_PAUSE };
        services.wake("b", now);
        assert!(matches!(services.all[0].state, State::Due { at } if at > now));
        services.wake("a", now);
        assert!(matches!(services.all[0].state, State::Due { at } if at == now));
        assert_eq!(services.all[0].backoff.after(Duration::ZERO), FIRST_PAUSE);
    }

    #[test]
    fn pauses_grow_while_it_keeps_dying_and_not_for_ever() {
        let mut backoff = Backoff::new();
        let pauses: Vec<_> = (0..20).map(|_| backoff.after(Duration::ZERO)).collect();
        assert_eq!(pauses[0], FIRST_PAUSE);
        assert!(pauses.windows(2).all(|pair| pair[1] >= pair[0]));
        assert_eq!(pauses[19], LONGEST_PAUSE);
    }

    #[test]
    fn a_process_that_had_been_well_comes_back_at_once() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            backoff.after(Duration::ZERO);
        }
        assert_eq!(backoff.after(WELL), FIRST_PAUSE);
    }
}
