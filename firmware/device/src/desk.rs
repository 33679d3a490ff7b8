//! The daemon's console, as PID 1 uses it: what happened to the device goes into the journal, and what the button says is
//! carried out. A thread of its own waits for the daemon, so that nothing else has to.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::log::say;

const SOCKET: &str = "/run/nanogate/console.sock";
/// Orders that wait for the daemon; what comes on top of them is only in the log.
const WAITING: usize = 64;
/// Between two questions where the switch stands, and between two tries to reach the daemon.
const LOOK: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(3);
const LONGEST: u64 = 4096;
const LONGEST_DETAIL: usize = 200;

/// Where the switch stood when it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Switch {
    /// The daemon does not answer.
    #[default]
    Unknown,
    Normal,
    Frozen,
    Bypassed,
}

#[derive(Deserialize)]
struct Reply {
    ok: bool,
    error: Option<String>,
    switch: String,
    claimed: bool,
}

/// What is known of the daemon.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    switch: Switch,
    /// Whether somebody has claimed the puck; none before the daemon said so.
    claimed: Option<bool>,
}

/// Where orders are left.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    orders: SyncSender<Value>,
    known: Arc<Mutex<Known>>,
}

impl Desk {
    pub(crate) fn begin() -> Self {
        let (orders, waiting) = sync_channel(WAITING);
        let known = Arc::new(Mutex::new(Known::default()));
        let seen = Arc::clone(&known);
        std::thread::spawn(move || serve(&waiting, &seen));
        Self { orders, known }
    }

    /// Notes what happened, in the log at once and in the journal as soon as the daemon takes it.
    pub(crate) fn note(&self, what: &str, ok: bool, detail: &str) {
        say!("{what}: {detail}");
        let plain: String = detail.chars().filter(|sign| !sign.is_control()).collect();
        let end = plain.floor_char_boundary(LONGEST_DETAIL);
        self.order(json!({"note": {"what": what, "ok": ok, "detail": &plain[..end]}}));
    }

    pub(crate) fn freeze(&self, on: bool) {
        self.order(json!({ "freeze": on }));
    }

    pub(crate) fn bypass(&self, time: Duration) {
        self.order(json!({"bypass": time.as_secs()}));
    }

    pub(crate) fn reset_password(&self) {
        self.order(json!("reset_password"));
    }

    /// For a while the page takes a first password without the code.
    pub(crate) fn claim_by_button(&self) {
        self.order(json!("claim_by_button"));
    }

    pub(crate) fn switch(&self) -> Switch {
        self.known().switch
    }

    /// Whether somebody has claimed the puck, as the daemon said last; none before it said anything.
    pub(crate) fn claimed(&self) -> Option<bool> {
        self.known().claimed
    }

    fn known(&self) -> Known {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Value) {
        if self.orders.try_send(order).is_err() {
            say!("the daemon takes no orders; one is lost");
        }
    }
}

/// Brings orders to the daemon, in turn, each until it was taken; between them asks where the switch stands.
fn serve(waiting: &Receiver<Value>, known: &Mutex<Known>) {
    let mut next = None;
    loop {
        if next.is_none() {
            match waiting.recv_timeout(LOOK) {
                Ok(order) => next = Some(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let order = next.clone().unwrap_or_else(|| json!("status"));
        let reply = tell(&order);
        learn(&mut known.lock().unwrap_or_else(PoisonError::into_inner), reply.as_ref());
        match reply {
            Some(reply) => {
                if !reply.ok {
                    say!("the daemon refuses {order}: {}", reply.error.unwrap_or_default());
                }
                next = None;
            }
            None => std::thread::sleep(LOOK),
        }
    }
}

fn tell(order: &Value) -> Option<Reply> {
    let mut stream = UnixStream::connect(SOCKET).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(format!("{order}\n").as_bytes()).ok()?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line).ok()?;
    serde_json::from_str(&line).ok()
}

/// Where the switch stands is as good as unknown while the daemon is away; who has claimed the puck stays so.
fn learn(known: &mut Known, reply: Option<&Reply>) {
    known.switch = reply.map_or(Switch::Unknown, stands);
    known.claimed = reply.map(|reply| reply.claimed).or(known.claimed);
}

fn stands(reply: &Reply) -> Switch {
    match reply.switch.as_str() {
        "normal" => Switch::Normal,
        "bypassed" => Switch::Bypassed,
        _ => Switch::Frozen,
    }
}
