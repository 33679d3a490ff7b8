//! The door: sockets, who may come in, and the walk of each message down the corridor.

mod batch;
mod bind;
mod cookie;
mod holder;
mod limit;
mod origin;
mod places;
mod tcp;
mod udp;

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use gate_core::{DnsOutcome, Reason};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::NetworkMode;
use crate::act::{Act, Age, Done, Reply, Step, Transport, Waiting};
use crate::decide::{Decision, View, decide, entry, is_canary, is_local, manner};
use crate::parse::{Explanation, Query, Rcode, Rejection, Unserved};
use crate::record::{Counting, Line, Notice, Recorder, Written};

pub(crate) use bind::SOCKETS_MAX;
pub use bind::{BindError, Sockets, bind, bind_mdns};
use cookie::Cookies;
use limit::{Limits, Pace};
use places::Places;

/// How long questions in flight may still be answered after the signal to stop…
const DRAIN: Duration = Duration::from_millis(2000);
/// … how long tasks may take to end after they are cut off …
const CUT: Duration = Duration::from_millis(1000);
/// … and how long each of them may take for its last words …
const LAST_WORDS: Duration = Duration::from_millis(300);
/// … and how long the journal may take for what is left: 4.5 s together, of the 5 s that the house allows.
const WRITE: Duration = Duration::from_millis(1500);
/// How often it is looked whether counted questions are to be recorded.
const COUNT: Duration = Duration::from_millis(500);
/// How often expired addresses are forgotten.
const EXPIRE: Duration = Duration::from_secs(10);
/// TCP connections from outside that are told "refused" at once.
const STRANGERS: usize = 8;

/// What every task of one run shares.
pub(crate) struct Door {
    act: Arc<Act>,
    recorder: Recorder,
    counting: Arc<Counting>,
    tasks: TaskTracker,
    /// Take nothing new.
    stop: CancellationToken,
    /// Give up what is still waiting.
    cut: CancellationToken,
    places: Places,
    /// Connections from outside, which only hear a "no".
    strangers: Places,
    limits: Limits,
    cookies: Option<Cookies>,
    /// Where tasks run that threads outside of it start.
    runtime: Handle,
}

/// Runs until `stop`, then drains; every task has ended when it returns.
pub(crate) async fn serve(
    act: Arc<Act>,
    counting: Arc<Counting>,
    (recorder, written): (Recorder, Written),
    sockets: (Vec<UdpSocket>, Vec<TcpListener>),
    stop: CancellationToken,
) {
    let door = Arc::new(Door {
        places: Places::new(act.config.tcp_connections, act.config.tcp_connections_per_client),
        strangers: Places::fixed(STRANGERS, act.config.tcp_connections_per_client),
        cookies: Cookies::new(),
        limits: Limits::new(act.config.client_questions_per_second),
        act,
        recorder,
        counting,
        tasks: TaskTracker::new(),
        stop,
        cut: CancellationToken::new(),
        runtime: Handle::current(),
    });
    // Their first questions wait in the kernel meanwhile.
    door.act.read_first().await;
    door.act.take_kept_first().await;
    for socket in sockets.0 {
        // The thread counts as a task: it is over when the thread is.
        door.tasks.spawn(udp::spawn(Arc::clone(&door), socket));
    }
    door.tasks.spawn(Arc::clone(&door.act).follow_files(door.stop.clone()));
    door.tasks.spawn(Arc::clone(&door.act).look_for_circles(door.stop.clone()));
    door.tasks.spawn(Arc::clone(&door.act).follow_lists(door.stop.clone()));
    door.tasks.spawn(Arc::clone(&door.act).fetch_lists(door.stop.clone()));
    door.tasks.spawn(record_counted(Arc::clone(&door)));
    for listener in sockets.1 {
        door.tasks.spawn(tcp::run(Arc::clone(&door), listener));
    }
    if door.act.config.mode == NetworkMode::Gateway {
        door.tasks.spawn(forget_expired(Arc::clone(&door)));
        let (tasks, stop, cut) = (door.tasks.clone(), door.stop.clone(), door.cut.clone());
        door.tasks.spawn(Arc::clone(&door.act).refresh(tasks, stop, cut));
    }
    door.stop.cancelled().await;
    door.tasks.close();
    if timeout(DRAIN, door.tasks.wait()).await.is_err() {
        door.cut.cancel();
        let _ = timeout(CUT, door.tasks.wait()).await;
    }
    door.recorder.write_shared(true);
    // The last recorder goes with the door, and the thread that writes ends.
    drop(door);
    written.wait(WRITE).await;
}

async fn record_counted(door: Arc<Door>) {
    let mut ticks = interval(COUNT);
    while door.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        door.recorder.write_shared(false);
    }
}

async fn forget_expired(door: Arc<Door>) {
    let mut ticks = interval(EXPIRE);
    while door.stop.run_until_cancelled(ticks.tick()).await.is_some() {
        door.act.learnt.expire(Instant::now());
    }
}

impl Door {
    fn is_local(&self, client: IpAddr) -> bool {
        is_local(client, &self.act.config, &self.act.view())
    }

    /// Whether a question that came over TCP is taken.
    fn pace(&self, client: IpAddr) -> Pace {
        if self.act.is_router(client) { Pace::Welcome } else { self.limits.ask(client) }
    }

    /// What becomes of a question over its client's limit; nothing is read of it but what the answer repeats.
    fn over(&self, client: IpAddr, message: &[u8], pace: Pace) -> (Line, Done) {
        self.counting.limited();
        let query = (pace == Pace::Tell).then(|| Query::read(message).ok()).flatten();
        let query = query.map(|query| self.with_cookie(query, client));
        let reply = query.map(|query| Reply::Code(query, Rcode::Refused, Some(Explanation::TooFast)));
        let done = Done { reply, outcome: DnsOutcome::Refused(Reason::RateLimited) };
        self.count(&done);
        let line = line(client, None, Instant::now());
        (line, done)
    }

    /// Parses and decides, and acts where no upstream is needed: none of it waits for anything, so a dead upstream
    /// delays nothing here.
    fn take(&self, client: IpAddr, message: &[u8], transport: Transport) -> (Line, Step) {
        let (line, step) = self.judge(client, message, transport);
        match step {
            Step::Done(done) => {
                self.count(&done);
                (line, Step::Done(done))
            }
            Step::Due(done, question) => {
                self.count(&done);
                self.counting.prefetched();
                self.act.prefetch(question, &self.tasks, &self.cut, &self.runtime);
                (line, Step::Done(done))
            }
            waiting @ Step::Waiting(_) => (line, waiting),
        }
    }

    fn judge(&self, client: IpAddr, message: &[u8], transport: Transport) -> (Line, Step) {
        let arrived = Instant::now();
        let view = self.act.view();
        let read = Query::read(message);
        if !is_local(client, &self.act.config, &view) {
            let (question, rejection) = stranger(read, transport);
            return (line(client, question, arrived), Step::Done(Done::refused(rejection, Reason::NotLocal)));
        }
        let query = match read {
            Ok(query) => {
                let manner = manner(&query, client, &self.act.config, &view);
                Query { manner, ..self.with_cookie(query, client) }
            }
            Err(Unserved { reply, question }) => {
                let question = question.map(|(name, kind)| (name.text(), kind));
                return (line(client, question, arrived), Step::Done(Done::refused(reply, Reason::BadQuestion)));
            }
        };
        let (watched, notice) = noticed(&query, &view);
        let line = Line { watched, notice, silent: query.manner.silent, ..line(client, named(&query), arrived) };
        if let Decision::Local(local) = decide(&query, &self.act.config, &view) {
            return (line, Step::Done(Done::local(query, local)));
        }
        (line, self.act.answer(query, transport, client, watched, &view))
    }

    /// The question with the cookie that goes back with its answer.
    fn with_cookie(&self, mut query: Query, client: IpAddr) -> Query {
        if let Some((cookie, cookies)) =
            query.edns.as_mut().and_then(|edns| edns.cookie.as_mut()).zip(self.cookies.as_ref())
        {
            *cookie = cookies.answer(*cookie, client, self.act.seconds() as u32);
        }
        query
    }

    /// Waits for something to be sent, but not for ever, and only for a moment once the daemon must go.
    async fn send<F: Future>(&self, longest: Duration, sending: F) -> Option<F::Output> {
        let too_late = async {
            self.cut.cancelled().await;
            sleep(LAST_WORDS).await;
        };
        tokio::select! {
            biased;
            sent = timeout(longest, sending) => sent.ok(),
            () = too_late => None,
        }
    }

    /// The rest of the corridor for a question that must wait.
    async fn resolve(&self, waiting: Waiting) -> Done {
        let done = Arc::clone(&self.act).resolve(waiting, &self.tasks, &self.cut).await;
        self.count(&done);
        done
    }

    fn count(&self, done: &Done) {
        self.counting.count(&done.outcome);
        if matches!(done.reply, Some(Reply::Relayed { age: Age::Stale, .. })) {
            self.counting.stale();
        }
    }
}

/// The beginning of a record.
fn line(client: IpAddr, question: Option<(String, u16)>, arrived: Instant) -> Line {
    let (name, kind) = question.unwrap_or_else(|| (".".to_owned(), 0));
    Line { client, name, kind, watched: false, silent: false, notice: Notice::Nothing, arrived }
}

fn named(query: &Query) -> Option<(String, u16)> {
    Some((query.name.text(), query.kind))
}

/// Whether a name is that of an AI provider, and what of the question is to be told of its device.
fn noticed(query: &Query, view: &View) -> (bool, Notice) {
    match entry(query, &view.catalogue) {
        Some(entry) if entry.steered => (true, Notice::Nothing),
        Some(entry) if entry.kind.leads_around() => (false, Notice::Bypass { vendor: entry.vendor.clone() }),
        _ if is_canary(query) => (false, Notice::Canary),
        _ => (false, Notice::Nothing),
    }
}

/// Clients from elsewhere hear nothing over UDP, where their address may be forged to hit somebody else.
fn stranger(read: Result<Query, Unserved>, transport: Transport) -> (Option<(String, u16)>, Option<Rejection>) {
    let why = Explanation::NotLocal;
    let (question, rejection) = match read {
        Ok(query) => (named(&query), Some(Rejection::of(&query, Rcode::Refused, why))),
        Err(Unserved { reply, question }) => (
            question.map(|(name, kind)| (name.text(), kind)),
            reply.map(|rejection| Rejection { rcode: Rcode::Refused, why: Some(why), ..rejection }),
        ),
    };
    (question, rejection.filter(|_| transport == Transport::Tcp))
}
