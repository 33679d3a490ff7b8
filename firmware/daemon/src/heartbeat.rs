//! Heartbeats: the runtime of a worker writes a byte a second down its standard output. A process that is there and does
//! nothing (stopped, wedged, starved) is told from one that works by the silence. The byte says whether the worker's journal
//! takes records: where the disk takes none, no file can tell.

use std::os::fd::AsFd;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::ChildStdout;
use tokio::time::{Instant, sleep_until};

/// Between two beats.
const BEAT: Duration = Duration::from_secs(1);
/// Without a beat for this long a worker counts as stalled.
const LATE: Duration = Duration::from_secs(5);
/// A stalled worker that stays silent for this long more is replaced. A card that takes seconds for one write is slow, not
/// broken.
const PATIENCE: Duration = Duration::from_secs(15);
/// Rules are compiled and chains read before the first beat.
const START: Duration = Duration::from_secs(25);

/// The beat of a worker, and of one whose journal takes no records.
const WELL: u8 = b'.';
const SHUT: u8 = b'!';

/// The worker's side: beats for as long as its runtime turns. Ends at once where standard output is no pipe.
pub(crate) async fn beat(takes_records: impl Fn() -> bool) {
    let Ok(pipe) = std::io::stdout().as_fd().try_clone_to_owned().and_then(pipe::Sender::from_owned_fd) else { return };
    let mut interval = tokio::time::interval(BEAT);
    loop {
        interval.tick().await;
        // A full pipe means that the supervisor is not reading; it will find beats enough.
        let _ = pipe.try_write(&[if takes_records() { WELL } else { SHUT }]);
    }
}

/// What the supervisor hears of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pulse {
    /// It beats again.
    Back,
    Stalled,
    /// It has been stalled for too long.
    Lost,
    /// Whether its journal takes records: said at the first beat, and when it changes.
    Journal(bool),
}

/// The supervisor's side.
pub(crate) struct Monitor {
    pipe: Option<ChildStdout>,
    deadline: Instant,
    stalled: bool,
    shut: Option<bool>,
}

impl Monitor {
    pub(crate) fn new(pipe: Option<ChildStdout>) -> Self {
        Self { pipe, deadline: Instant::now() + START, stalled: false, shut: None }
    }

    /// Waits for the next change. May be dropped at any time: nothing is lost.
    pub(crate) async fn change(&mut self) -> Pulse {
        loop {
            let mut beats = [0; 64];
            let open = self.pipe.is_some();
            let read = async {
                match &mut self.pipe {
                    Some(pipe) => pipe.read(&mut beats).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                // Beats that waited while the supervisor itself was stopped come before its own late clock.
                biased;
                read = read => match read {
                    Ok(count) if count > 0 => {
                        self.deadline = Instant::now() + LATE;
                        let shut = beats[count - 1] == SHUT;
                        if std::mem::take(&mut self.stalled) {
                            return Pulse::Back;
                        }
                        if self.shut.replace(shut) != Some(shut) {
                            return Pulse::Journal(!shut);
                        }
                    }
                    // The end of the pipe is the end of the process, which the supervisor hears of in its own way.
                    _ => self.pipe = None,
                },
                () = sleep_until(self.deadline), if open => {
                    // Counted from now: if everything was stopped together, the worker gets its time to come back.
                    self.deadline = Instant::now() + PATIENCE;
                    return if std::mem::replace(&mut self.stalled, true) { Pulse::Lost } else { Pulse::Stalled };
                }
            }
        }
    }
}
