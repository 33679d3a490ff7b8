//! One line in the journal for each question.

mod counters;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use gate_core::{DnsEvent, Event, Journal};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tracing::{error, warn};

use crate::act::Done;

pub use counters::Counters;
pub(crate) use counters::Counting;

/// The journal is a disk, and a disk may stall for seconds: a thread of its own writes, so that no answer waits for it.
/// What does not fit into the queue is counted as lost.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: SyncSender<Event>,
    counting: Arc<Counting>,
}

/// Ends when every [`Recorder`] is gone and the queue is written.
pub(crate) struct Written(oneshot::Receiver<()>);

/// A question while it is being answered: the beginning of its record.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) client: IpAddr,
    /// `.` and 0 for a message whose question could not be read.
    pub(crate) name: String,
    pub(crate) kind: u16,
    pub(crate) arrived: Instant,
}

impl Recorder {
    pub(crate) fn start(journal: Arc<dyn Journal>, capacity: usize, counting: Arc<Counting>) -> (Self, Written) {
        let (queue, events) = sync_channel(capacity);
        let (ended, written) = oneshot::channel();
        let writer = Arc::clone(&counting);
        let spawned = thread::Builder::new().name("dns-journal".to_owned()).spawn(move || {
            write(journal.as_ref(), &events, &writer);
            // Nobody listens any more when the process has given up waiting.
            let _ = ended.send(());
        });
        if let Err(error) = spawned {
            error!(%error, "no thread for the journal: records are counted as lost");
        }
        (Self { queue, counting }, Written(written))
    }

    /// Records what became of a question; call it once, after the answer has left.
    pub(crate) fn record(&self, line: Line, done: &Done) {
        self.counting.count(&done.outcome);
        let event = Event::Dns(DnsEvent {
            client: line.client,
            name: line.name,
            qtype: line.kind,
            outcome: done.outcome.clone(),
            rcode: done.rcode(),
            micros: u32::try_from(line.arrived.elapsed().as_micros()).unwrap_or(u32::MAX),
        });
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.queue.try_send(event) {
            self.counting.lost();
        }
    }
}

impl Written {
    /// Waits for the last record, but not for ever.
    pub(crate) async fn wait(self, longest: Duration) {
        if timeout(longest, self.0).await.is_err() {
            warn!("the journal did not take the last DNS records in time");
        }
    }
}

fn write(journal: &dyn Journal, events: &Receiver<Event>, counting: &Counting) {
    let mut failing = false;
    for event in events {
        let result = journal.append(&event);
        // One line per outage, not one per question.
        if let Err(error) = &result
            && !failing
        {
            error!(%error, "the journal takes no DNS records; questions are still answered");
        }
        failing = result.is_err();
        if failing {
            counting.lost();
        }
    }
}
