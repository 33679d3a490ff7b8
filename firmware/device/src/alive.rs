//! Is the office being answered? A question over the loopback, as any client would ask it, is the only proof that counts;
//! what the watchdog gets follows from it alone.

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{StatVfsMountFlags, statvfs};
use serde::Deserialize;

use crate::health::Seen;
use crate::lease::plain;

const RESOLVER: &str = "127.0.0.1:53";
const BETWEEN: Duration = Duration::from_secs(1);
/// The same until the first answer: the office waits for it.
const AT_START: Duration = Duration::from_millis(100);
/// How long an answer may take before it counts as none.
const WAIT: Duration = Duration::from_secs(2);
/// What was well so long ago is not known to be so any more: looking at it takes some seconds at most.
const OLD: Duration = Duration::from_secs(10);

/// The longest file that says who runs.
const LONGEST: u64 = 64 << 10;

/// Where the proxy and the page must take connections.
const DOORS: [SocketAddr; 2] = [SocketAddr::new(LOOPBACK, 8443), SocketAddr::new(LOOPBACK, 9443)];
const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Observes again and again in threads of its own; the main loop reads what was seen last and never waits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probe(Arc<Mutex<Watched>>);

#[derive(Debug, Default)]
struct Watched {
    /// What is asked for: a name that the resolver knows by itself, once it has settings.
    name: Option<String>,
    /// When things were seen to be well last.
    answered: Option<Instant>,
    whole: Option<Instant>,
}

impl Probe {
    /// Starts to look; there is nothing to be seen before there is a name.
    pub(crate) fn start() -> Self {
        let probe = Self::default();
        let (own, other) = (probe.clone(), probe.clone());
        std::thread::spawn(move || {
            let mut id = 1_u16;
            loop {
                let name = own.watched().name.clone();
                if name.is_some_and(|name| asks(RESOLVER, &name, id).is_some()) {
                    own.watched().answered = Some(Instant::now());
                }
                id = id.wrapping_add(1);
                std::thread::sleep(own.pause());
            }
        });
        // A card that hangs keeps this one waiting, never the one above.
        std::thread::spawn(move || {
            loop {
                let whole = other.seen().answered.is_some() && is_whole();
                other.watched().whole = whole.then(Instant::now);
                std::thread::sleep(other.pause());
            }
        });
        probe
    }

    /// Asks for the puck's own name in this domain from now on.
    pub(crate) fn ask_in(&self, domain: &str) {
        // The daemon takes a domain with a dot at its end.
        let name = format!("nanogate.{domain}");
        self.watched().name = Some(name.trim_end_matches('.').to_owned());
    }

    fn pause(&self) -> Duration {
        if self.seen().answered.is_none() { AT_START } else { BETWEEN }
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn seen(&self) -> Seen {
        let Watched { answered, whole, .. } = *self.watched();
        Seen { answered, whole: whole.is_some_and(|at| at.elapsed() < OLD) }
    }
}

/// Whether everything beside DNS works: both doors open, every process alive, the journal's disk writable.
fn is_whole() -> bool {
    DOORS.iter().all(|door| TcpStream::connect_timeout(door, WAIT).is_ok())
        && processes_work(Path::new("/data/state/running.json"), Path::new("/proc"))
        && statvfs("/data").is_ok_and(|disk| !disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// What the daemon's supervisor writes of its workers, as far as it matters here.
#[derive(Deserialize)]
struct Running {
    processes: Vec<Process>,
}

#[derive(Deserialize)]
struct Process {
    pid: u32,
    stalled: bool,
    /// Its journal takes no records.
    #[serde(default)]
    unrecorded: bool,
}

fn processes_work(file: &Path, proc: &Path) -> bool {
    let running = plain(file, LONGEST).and_then(|text| serde_json::from_str::<Running>(&text).ok());
    running.is_some_and(|running| {
        let works =
            |process: &Process| !process.stalled && !process.unrecorded && proc.join(process.pid.to_string()).exists();
        !running.processes.is_empty() && running.processes.iter().all(works)
    })
}

/// Asks once for the A record of `name` (RFC 1035 section 4); Some if an answer to this question came.
fn asks(resolver: &str, name: &str, id: u16) -> Option<()> {
    let socket = UdpSocket::bind("127.0.0.1:0").ok()?;
    socket.set_read_timeout(Some(WAIT)).ok()?;
    socket.connect(resolver).ok()?;
    socket.send(&question(name, id)).ok()?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).ok()?;
    is_answer(&answer[..length], id).then_some(())
}

fn question(name: &str, id: u16) -> Vec<u8> {
    let mut message = Vec::with_capacity(64);
    message.extend(id.to_be_bytes());
    // Recursion desired; one question.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        message.push(u8::try_from(label.len()).unwrap_or(0));
        message.extend(label.as_bytes());
    }
    // The root; A; IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// An answer with our number and no error. The name may have no address of this kind: it is the resolver's own, and that there is
/// such a name nobody else would say.
fn is_answer(message: &[u8], id: u16) -> bool {
    let [id_high, id_low, flags, code, ..] = *message else { return false };
    u16::from_be_bytes([id_high, id_low]) == id && flags & 0x80 != 0 && code & 0x0f == 0
}

#[cfg(test)]
mod tests {
    use super::{Probe, asks, is_answer, processes_work, question};
    use std::net::UdpSocket;

    /// A resolver that gives one answer, made from the question.
    fn resolver(answer: impl FnOnce(Vec<u8>) -> Option<Vec<u8>> + Send + 'static) -> String {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("bound").to_string();
        std::thread::spawn(move || {
            let mut bytes = [0; 512];
            let (length, client) = socket.recv_from(&mut bytes).expect("a question");
            if let Some(answer) = answer(bytes[..length].to_vec()) {
                socket.send_to(&answer, client).expect("sent");
            }
        });
        address
    }

    fn answered(mut question: Vec<u8>) -> Vec<u8> {
        question[2] |= 0x80;
        question[7] = 1;
        question
    }

    #[test]
    fn an_answer_is_proof_of_life() {
        let address = resolver(|question| Some(answered(question)));
        assert_eq!(asks(&address, "nanogate.lan", 7), Some(()));
    }

    #[test]
    fn an_error_somebody_elses_answer_and_silence_are_none() {
        let failed = resolver(|question| {
            let mut answer = answered(question);
            answer[3] |= 2;
            Some(answer)
        });
        assert_eq!(asks(&failed, "nanogate.lan", 7), None);
        let other = resolver(|question| {
            let mut answer = answered(question);
            answer[1] ^= 1;
            Some(answer)
        });
        assert_eq!(asks(&other, "nanogate.lan", 7), None);
        assert_eq!(asks(&resolver(|_| None), "nanogate.lan", 7), None);
    }

    #[test]
    fn our_own_question_sent_back_is_no_answer() {
        assert!(!is_answer(&question("nanogate.lan", 7), 7));
        assert!(!is_answer(&[], 0));
    }

    #[test]
    fn a_domain_is_asked_in_however_it_is_written() {
        for domain in ["lan", "lan."] {
            let probe = Probe::default();
            probe.ask_in(domain);
            assert_eq!(probe.watched().name.as_deref(), Some("nanogate.lan"), "{domain}");
        }
        let probe = Probe::default();
        probe.ask_in("");
        assert_eq!(probe.watched().name.as_deref(), Some("nanogate"));
    }

    #[test]
    fn processes_that_are_gone_or_stalled_do_not_work() {
        let folder = tempfile::tempdir().expect("a scratch folder");
        let (file, proc) = (folder.path().join("running.json"), folder.path());
        std::fs::create_dir(proc.join("85")).expect("fresh");
        let judge = |text: &str| {
            std::fs::write(&file, text).expect("written");
            processes_work(&file, proc)
        };
        assert!(judge(r#"{"version":"1","processes":[{"name":"dns","pid":85,"stalled":false}]}"#));
        assert!(!judge(r#"{"version":"1","processes":[{"name":"dns","pid":85,"stalled":true}]}"#));
        assert!(!judge(r#"{"processes":[{"name":"dns","pid":85,"stalled":false,"unrecorded":true}]}"#));
        assert!(!judge(r#"{"version":"1","processes":[{"name":"dns","pid":86,"stalled":false}]}"#));
        assert!(!judge(r#"{"version":"1","processes":[]}"#));
        assert!(!judge("{"));
    }
}
