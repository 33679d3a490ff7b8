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
}

/// Where orders are left.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    orders: SyncSender<Value>,
    switch: Arc<Mutex<Switch>>,
}

impl Desk {
    pub(crate) fn begin() -> Self {
        let (orders, waiting) = sync_channel(WAITING);
        let switch = Arc::new(Mutex::new(Switch::default()));
        let seen = Arc::clone(&switch);
        std::thread::spawn(move || serve(&waiting, &seen));
        Self { orders, switch }
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

    pub(crate) fn switch(&self) -> Switch {
        *self.switch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn order(&self, order: Value) {
        if self.orders.try_send(order).is_err() {
            say!("the daemon takes no orders; one is lost");
        }
    }
}

/// Brings orders to the daemon, in turn, each until it was taken; between them asks where the switch stands.
fn serve(waiting: &Receiver<Value>, switch: &Mutex<Switch>) {
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
        *switch.lock().unwrap_or_else(PoisonError::into_inner) = reply.as_ref().map_or(Switch::Unknown, stands);
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

fn stands(reply: &Reply) -> Switch {
    match reply.switch.as_str() {
        "normal" => Switch::Normal,
        "bypassed" => Switch::Bypassed,
        _ => Switch::Frozen,
    }
}
