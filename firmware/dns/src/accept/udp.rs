//! Datagrams: a thread for each socket answers what is ready in batches, and hands everything else to the resolver.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gate_core::DnsOutcome;
use tokio::sync::oneshot;
use tracing::{debug, error};

use super::Door;
use super::batch::{BATCH, Batch};
use super::limit::{Caller, Clients, Pace};
use super::origin::Origin;
use crate::act::{Age, Done, Ready, Reply, Sought, Step, Transport, is_truncated};
use crate::record::{Line, Tallies};

/// Longest sleep in the kernel: how late the signal to stop may be seen.
const WAKE: Duration = Duration::from_millis(200);
/// How long the kernel may take to accept an answer; it does at once unless the interface is congested.
const SEND: Duration = Duration::from_millis(500);
/// Pause after an error of the socket itself, so that a broken interface does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(10);
/// Ready replies of one thread; each costs about 200 bytes once it is used.
const READY: usize = 16_384;

/// Ends when the thread has.
pub(super) type Ended = oneshot::Receiver<()>;

/// What one thread works with.
struct Answerer {
    door: Arc<Door>,
    socket: Arc<UdpSocket>,
    batch: Batch,
    ready: Ready,
    tallies: Tallies,
    clients: Clients,
    /// The questions of one batch, by their numbers.
    callers: [Option<Welcome>; BATCH],
    /// Where the answers may lie ready.
    sought: Box<[Sought]>,
}

/// Whose question is let in.
#[derive(Clone, Copy)]
struct Welcome {
    client: IpAddr,
    silent: bool,
}

/// Starts the thread of one socket. Called inside the runtime.
pub(super) fn spawn(door: Arc<Door>, socket: UdpSocket) -> Ended {
    let (ending, ended) = oneshot::channel();
    let answerer = move || {
        let ready = Ready::new(door.act.config.cache_entries.clamp(1, READY));
        let batch = match prepare(&socket) {
            Ok(origin) => Batch::new(origin),
            Err(error) => {
                error!(%error, "a UDP socket cannot be set up: its questions are not answered");
                let _ = ending.send(());
                return;
            }
        };
        let (socket, tallies) = (Arc::new(socket), Tallies::new());
        let (clients, callers) = (Clients::default(), [None; BATCH]);
        let sought = (0..BATCH).map(|_| Sought::default()).collect();
        Answerer { door, socket, batch, ready, tallies, clients, callers, sought }.run();
        // Nobody listens any more when the process has given up waiting.
        let _ = ending.send(());
    };
    if let Err(error) = thread::Builder::new().name("dns-udp".to_owned()).spawn(answerer) {
        error!(%error, "no thread for a UDP socket: its questions are not answered");
    }
    ended
}

impl Answerer {
    fn run(mut self) {
        while !self.door.stop.is_cancelled() {
            match self.batch.receive(&self.socket) {
                Ok(count) => self.take(count),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                Err(error) => {
                    debug!(%error, "a UDP socket failed to receive");
                    #[expect(clippy::disallowed_methods, reason = "this thread belongs to no runtime")]
                    thread::sleep(PAUSE);
                }
            }
            self.door.recorder.write_due(&mut self.tallies);
        }
        self.door.recorder.write(&mut self.tallies);
    }

    fn take(&mut self, count: usize) {
        let now = self.door.act.seconds();
        let generation = self.door.act.generation();
        self.ready.enter(generation);
        self.clients.enter(generation);
        self.let_in(count);
        self.ready.fetch(&self.sought[..count]);
        let mut copied = 0;
        for at in 0..count {
            let Some(Welcome { client, silent }) = self.callers[at] else { continue };
            let Some((question, _, room)) = self.batch.question(at) else { continue };
            let Some(length) = self.ready.reply(&self.sought[at], question, now, room) else {
                self.resolve(at, now);
                continue;
            };
            if silent || self.door.recorder.counts() {
                self.tallies.add(client, &DnsOutcome::Cached);
            } else {
                self.door.recorder.record_copied(client, question, room[3] & 0xf);
            }
            self.batch.answer(at, length);
            copied += 1;
        }
        self.door.counting.count_many(&DnsOutcome::Cached, copied);
        if let Err(error) = self.batch.send(&self.socket) {
            debug!(%error, "an answer could not be sent");
        }
    }

    /// Sees who asks each question of a batch; those who ask too fast are done with here.
    fn let_in(&mut self, count: usize) {
        let instant = self.door.limits.now();
        for at in 0..count {
            self.callers[at] = None;
            self.sought[at].forget();
            let Some((question, peer, _)) = self.batch.question(at) else { continue };
            let client = peer.ip().to_canonical();
            let silent = match self.clients.ask(&self.door, client, instant) {
                Caller::Local(Pace::Welcome, manner) => {
                    self.ready.seek(question, manner.group, &mut self.sought[at]);
                    manner.silent
                }
                Caller::Stranger => false,
                Caller::Local(pace, _) => {
                    let (line, done) = self.door.over(client, question, pace);
                    self.finish(at, peer, line, &done);
                    continue;
                }
            };
            self.callers[at] = Some(Welcome { client, silent });
        }
    }

    /// The walk down the corridor for a question that has no reply ready.
    fn resolve(&mut self, at: usize, now: u64) {
        let origin = self.batch.origin(at);
        let Some((question, peer, _)) = self.batch.question(at) else { return };
        let ends = (peer, origin);
        match self.door.take(peer.ip().to_canonical(), question, Transport::Udp) {
            (line, Step::Done(done) | Step::Due(done, _)) => {
                let reply = done.reply.as_ref().map(|reply| self.door.act.render(reply, Transport::Udp));
                if let (Some(message), Some(reply), false) = (&reply, &done.reply, line.is_looked_at()) {
                    self.keep(at, reply, message, now);
                }
                finish(&self.door, &self.socket, ends, reply, line, &done);
            }
            (line, Step::Waiting(waiting)) => {
                let (door, socket) = (Arc::clone(&self.door), Arc::clone(&self.socket));
                let work = async move {
                    let done = door.resolve(waiting).await;
                    let reply = done.reply.as_ref().map(|reply| door.act.render(reply, Transport::Udp));
                    finish(&door, &socket, ends, reply, line, &done);
                };
                self.door.tasks.spawn_on(work, &self.door.runtime);
            }
        }
    }

    /// Answers what needs no copy.
    fn finish(&self, at: usize, peer: SocketAddr, line: Line, done: &Done) {
        let reply = done.reply.as_ref().map(|reply| self.door.act.render(reply, Transport::Udp));
        finish(&self.door, &self.socket, (peer, self.batch.origin(at)), reply, line, done);
    }

    /// Keeps an answer from the cache for the next one who asks, unless every question for its name is looked at.
    fn keep(&mut self, at: usize, reply: &Reply, message: &[u8], now: u64) {
        let Reply::Relayed { query, answer, age: Age::Seconds(age), .. } = reply else { return };
        let group = query.manner.group;
        let seconds = self.door.act.copied_seconds(answer, *age);
        if seconds == 0 || is_truncated(message) {
            return;
        }
        if let Some((question, ..)) = self.batch.question(at) {
            self.ready.keep((question, group), message, answer.marks(), now, seconds);
        }
    }
}

fn prepare(socket: &UdpSocket) -> io::Result<Origin> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(WAKE))?;
    socket.set_write_timeout(Some(SEND))?;
    Ok(Origin::told_to(socket, socket.local_addr()?.ip())?)
}

/// Sends what there is to send, then records the question.
fn finish(
    door: &Door,
    socket: &UdpSocket,
    (peer, origin): (SocketAddr, Origin),
    reply: Option<Vec<u8>>,
    line: Line,
    done: &Done,
) {
    if let Some(message) = reply
        && let Err(error) = origin.send(socket, peer, &message)
    {
        debug!(%error, %peer, "an answer could not be sent");
    }
    door.recorder.record(line, done);
}
