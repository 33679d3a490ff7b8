//! One worker's life after life: started, told what the supervisor knows, watched, replaced, drained at the end.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use gate_core::{Journal, ProcessState};
use gate_proxy::Switch;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::notes;
use crate::cli::ProcessName;
use crate::heartbeat::{Monitor, Pulse};
use crate::papers::{Kept, Left};
use crate::run_state::RunState;
use crate::{sockets, switch};

/// A worker that lived this long was healthy: the next restart is immediate again.
const HEALTHY: Duration = Duration::from_secs(10);
/// How much later at the start those begin that have rules to compile, which takes a small board all its processors: nobody in
/// the office should wait for that with a name. Their sockets are there from the beginning.
const HEAD_START: Duration = Duration::from_millis(700);
/// First pause after a worker died young; doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Workers drain within 5 s; past that they are killed.
const DRAIN: Duration = Duration::from_millis(5500);

/// What the supervisor tells the task of each worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// To the worker of that name: drain, and come back with what is read at the start.
    StartAgain(ProcessName),
    Drain,
}

/// Keeps one worker alive.
pub(super) struct Keeper {
    pub(super) name: ProcessName,
    pub(super) file: PathBuf,
    pub(super) kept: Arc<Kept>,
    /// What the last process left the next one.
    pub(super) left: Left,
    pub(super) sockets: Vec<OwnedFd>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) state: Arc<RunState>,
    pub(super) switch: watch::Receiver<Switch>,
    pub(super) button: watch::Receiver<bool>,
    /// Whether AI traffic is refused for want of records: the proxy's keeper says it, the page's hears it.
    pub(super) unrecorded: (watch::Sender<bool>, watch::Receiver<bool>),
}

impl Keeper {
    pub(super) async fn keep(mut self, orders: broadcast::Receiver<Order>) {
        self.keep_alive(orders).await;
        if self.left.read().is_ok_and(|left| left.is_some()) {
            tracing::error!(process = self.name.as_str(), "records that waited in memory for the disk are lost");
        }
    }

    async fn keep_alive(&mut self, mut orders: broadcast::Receiver<Order>) {
        let mut pause = Duration::ZERO;
        if matches!(self.name, ProcessName::Proxy | ProcessName::Admin) {
            tokio::select! {
                () = tokio::time::sleep(HEAD_START) => {}
                () = drain_order(&mut orders) => return,
            }
        }
        loop {
            let hangs = !self.kept.look().await;
            let started = Instant::now();
            match self.start(hangs) {
                Ok(mut child) => {
                    // Held for as long as the worker lives: waiting for a child closes its standard input otherwise.
                    let mut lifeline = child.stdin.take();
                    self.tell_switch(lifeline.as_mut()).await;
                    self.tell_button(lifeline.as_mut()).await;
                    self.tell_unrecorded(lifeline.as_mut()).await;
                    let pid = child.id().unwrap_or_default();
                    self.state.started(self.name.as_str(), pid);
                    notes::process(&*self.journal, self.name.as_str(), pid, ProcessState::Started);
                    let monitor = Monitor::new(child.stdout.take());
                    if self.attend(&mut child, lifeline.as_mut(), monitor, &mut orders).await {
                        notes::process(&*self.journal, self.name.as_str(), pid, ProcessState::Stopped);
                        return;
                    }
                    notes::process(&*self.journal, self.name.as_str(), pid, ProcessState::Crashed);
                    tracing::warn!(process = self.name.as_str(), pid, "worker ended; starting it again");
                }
                Err(error) => tracing::error!(process = self.name.as_str(), %error, "worker does not start"),
            }
            pause =
                if started.elapsed() >= HEALTHY { FIRST_PAUSE } else { (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE) };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = drain_order(&mut orders) => return,
            }
        }
    }

    fn start(&self, hangs: bool) -> std::io::Result<Child> {
        // The path by which the kernel knows this very binary: an update that replaces the file on disk must not mix
        // versions.
        let mut command = Command::new("/proc/self/exe");
        let (mut mappings, papers) = (sockets::mappings(&self.sockets)?, sockets::FIRST + self.sockets.len() as i32);
        mappings.push(FdMapping { parent_fd: self.kept.papers(self.name, hangs)?.into(), child_fd: papers });
        mappings.push(FdMapping { parent_fd: self.left.share()?.into(), child_fd: papers + 1 });
        command
            .arg0("nanogate")
            .args(["worker", self.name.as_str(), "--config"])
            .arg(&self.file)
            .arg("--papers")
            .arg(papers.to_string())
            .arg("--left")
            .arg((papers + 1).to_string())
            .env("LISTEN_FDS", self.sockets.len().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command.fd_mappings(mappings).map_err(std::io::Error::other)?;
        command.spawn()
    }

    /// Says where the switch stands. A pipe has room for thousands of these; a worker that is gone is noticed elsewhere.
    async fn tell_switch(&mut self, lifeline: Option<&mut ChildStdin>) {
        let letter = switch::letter(*self.switch.borrow_and_update());
        if let Some(lifeline) = lifeline {
            let _ = lifeline.write_all(&[letter]).await;
        }
    }

    /// Says whether the button was pressed, to the one who has use for it.
    async fn tell_button(&mut self, lifeline: Option<&mut ChildStdin>) {
        let letter = switch::button_letter(*self.button.borrow_and_update());
        if let Some(lifeline) = lifeline.filter(|_| self.name == ProcessName::Admin) {
            let _ = lifeline.write_all(&[letter]).await;
        }
    }

    /// Says whether AI traffic is refused for want of records, to the one who tells people.
    async fn tell_unrecorded(&mut self, lifeline: Option<&mut ChildStdin>) {
        let letter = switch::journal_letter(*self.unrecorded.1.borrow_and_update());
        if let Some(lifeline) = lifeline.filter(|_| self.name == ProcessName::Admin) {
            let _ = lifeline.write_all(&[letter]).await;
        }
    }

    /// Waits until the worker ends; true when it was told to.
    async fn attend(
        &mut self,
        child: &mut Child,
        mut lifeline: Option<&mut ChildStdin>,
        mut monitor: Monitor,
        orders: &mut broadcast::Receiver<Order>,
    ) -> bool {
        loop {
            tokio::select! {
                _ = child.wait() => return false,
                Ok(()) = self.switch.changed() => self.tell_switch(lifeline.as_deref_mut()).await,
                Ok(()) = self.button.changed() => self.tell_button(lifeline.as_deref_mut()).await,
                Ok(()) = self.unrecorded.1.changed() => self.tell_unrecorded(lifeline.as_deref_mut()).await,
                pulse = monitor.change() => self.heed(pulse, child),
                order = orders.recv() => match order {
                    Ok(Order::StartAgain(name)) if name == self.name => send(child, Signal::SIGTERM),
                    Ok(Order::StartAgain(_)) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Ok(Order::Drain) | Err(broadcast::error::RecvError::Closed) => break,
                },
            }
        }
        send(child, Signal::SIGTERM);
        if tokio::time::timeout(DRAIN, child.wait()).await.is_err() {
            tracing::error!(process = self.name.as_str(), "worker did not drain in time; killing it");
            let _ = child.kill().await;
        }
        true
    }

    /// Says what became of a worker's heartbeat, and ends a worker that has none: its successor answers instead.
    fn heed(&self, pulse: Pulse, child: &Child) {
        let (name, pid) = (self.name.as_str(), child.id().unwrap_or_default());
        match pulse {
            Pulse::Stalled => {
                tracing::warn!(process = name, pid, "worker does nothing");
                notes::process(&*self.journal, name, pid, ProcessState::Stalled);
                self.state.stalled(name, true);
            }
            Pulse::Back => {
                tracing::info!(process = name, pid, "worker goes on");
                notes::process(&*self.journal, name, pid, ProcessState::Resumed);
                self.state.stalled(name, false);
            }
            Pulse::Lost => {
                tracing::error!(process = name, pid, "worker still does nothing; replacing it");
                send(child, Signal::SIGKILL);
            }
            Pulse::Journal(open) => {
                // The others' records are missed by nobody who waits for an answer.
                if self.name == ProcessName::Proxy {
                    self.unrecorded.0.send_replace(!open);
                }
                // A slot whose journal takes nothing is not good. The disk may hang that this is written to.
                let state = self.state.clone();
                drop(tokio::task::spawn_blocking(move || state.unrecorded(name, !open)));
            }
        }
    }
}

async fn drain_order(orders: &mut broadcast::Receiver<Order>) {
    loop {
        match orders.recv().await {
            Ok(Order::Drain) | Err(broadcast::error::RecvError::Closed) => return,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
        }
    }
}

fn send(child: &Child, signal: Signal) {
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
    }
}
