//! A test's own small network: the kernel's name spaces, and nothing of the machine's.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread;

use nix::sched::{CloneFlags, unshare};

/// Set in the process that already has its own network.
const INSIDE: &str = "GATE_STEER_TEST_INSIDE";

/// Runs the body of a test in a process with its own empty network. `name` is the test's, by which it finds itself again.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    alone_under(&[], name, || {
        ip("link set lo up");
        body();
    });
}

/// As [`alone`], behind another command, such as one that takes a capability away.
pub(crate) fn alone_under(prefix: &[&str], name: &str, body: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return body();
    }
    let this = env::current_exe().unwrap();
    let mut words = enter();
    words.extend(prefix.iter().map(ToString::to_string));
    words.extend(["env".to_owned(), format!("{INSIDE}=1"), this.to_str().unwrap().to_owned()]);
    words.extend(["--exact", name, "--nocapture"].map(str::to_owned));
    let output = Command::new(&words[0]).args(&words[1..]).stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{words:?} ended with {}\n{out}\n{err}",
        output.status
    );
}

/// The command that gives its arguments a network of their own: as root, in a user name space, or through sudo.
fn enter() -> Vec<String> {
    let ways: [&[&str]; 3] = [
        &["unshare", "--net", "--mount", "--"],
        &["unshare", "--map-root-user", "--net", "--mount", "--"],
        &["sudo", "-n", "unshare", "--net", "--mount", "--"],
    ];
    let works = |way: &&[&str]| {
        let mut probe = Command::new(way[0]);
        let probe = probe.args(&way[1..]).arg("true").stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    };
    let way = ways.into_iter().find(works).expect("neither root, nor user name spaces, nor sudo without a password");
    way.iter().map(ToString::to_string).collect()
}

/// Runs `ip` with these words in the network of the calling thread.
pub(crate) fn ip(words: &str) {
    run("ip", &words.split_whitespace().collect::<Vec<_>>());
}

/// Runs a program that must succeed and returns what it printed.
pub(crate) fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {err}");
    String::from_utf8(output.stdout).unwrap()
}

/// Another host: a thread with its own network that runs what it is given.
pub(crate) struct Host {
    jobs: Sender<Box<dyn FnOnce() + Send>>,
    network: PathBuf,
}

impl Host {
    pub(crate) fn new() -> Self {
        let (jobs, work) = channel::<Box<dyn FnOnce() + Send>>();
        let (ready, network) = sync_channel(1);
        thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            ip("link set lo up");
            let (process, thread) = (std::process::id(), nix::unistd::gettid());
            ready.send(PathBuf::from(format!("/proc/{process}/task/{thread}/ns/net"))).unwrap();
            work.iter().for_each(|job| job());
        });
        Self { jobs, network: network.recv().unwrap() }
    }

    /// Runs a closure there and waits for its result.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, result) = sync_channel(1);
        self.jobs.send(Box::new(move || drop(done.send(job())))).unwrap();
        result.recv().expect("the host's thread panicked")
    }

    /// Lays a cable from here to there, with addresses at both ends.
    pub(crate) fn plug(&self, here: &str, ours: &[&str], theirs: &[&str]) {
        ip(&format!("link add {here} type veth peer name eth0 netns {}", self.network.display()));
        up(here, ours);
        let theirs: Vec<String> = theirs.iter().map(ToString::to_string).collect();
        self.run(move || up("eth0", &theirs.iter().map(String::as_str).collect::<Vec<_>>()));
    }
}

fn up(interface: &str, addresses: &[&str]) {
    ip(&format!("link set {interface} up"));
    for address in addresses {
        // Without duplicate address detection: nobody else is here, and it takes a second.
        let nodad = if address.contains(':') { "nodad" } else { "" };
        ip(&format!("address add {address} dev {interface} {nodad}"));
    }
}
