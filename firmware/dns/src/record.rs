//! One line in the journal for each steered question, and one a minute for all others of a client.

mod counters;
mod devices;
mod repeats;
mod tally;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use gate_core::{DnsEvent, DnsOutcome, Event, Journal, Reason};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};
use tracing::{error, warn};

use crate::act::Done;
use crate::config::{Config, JournalQuestions};
use crate::parse::Query;

pub use counters::Counters;
pub(crate) use counters::Counting;
pub(crate) use devices::Devices;
pub use devices::Hardware;
use repeats::Repeats;
pub(crate) use tally::Tallies;

/// The journal is a disk, and a disk may stall for seconds: a thread of its own writes, so that no answer waits for it.
/// What does not fit into the queue is counted as lost.
#[derive(Clone)]
pub(crate) struct Recorder {
    queue: SyncSender<Event>,
    counting: Arc<Counting>,
    /// Of everything that does not come through a thread with tallies of its own.
    tallies: Arc<Mutex<Tallies>>,
    devices: Arc<Mutex<Devices>>,
    repeats: Arc<Mutex<Repeats>>,
    questions: JournalQuestions,
    period: Duration,
}

/// What of a question is to be told of its device, beside the question's own record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Notice {
    #[default]
    Nothing,
    /// It is about AI and has no record of its own.
    Steered,
    /// It is how a browser learns that this network resolves for itself.
    Canary,
    /// It is for a resolver or tunnel that leads around this one.
    Bypass { vendor: String },
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
    /// The name is that of an AI provider, however it is answered.
    pub(crate) watched: bool,
    /// No record may name what was asked.
    pub(crate) silent: bool,
    pub(crate) notice: Notice,
    pub(crate) arrived: Instant,
}

impl Line {
    /// Whether every question for the name is looked at, so that none may be answered with a copy.
    pub(crate) fn is_looked_at(&self) -> bool {
        self.watched || self.notice != Notice::Nothing
    }
}

impl Recorder {
    pub(crate) fn start(
        journal: Arc<dyn Journal>,
        config: &Config,
        (counting, devices): (Arc<Counting>, Arc<Mutex<Devices>>),
    ) -> (Self, Written) {
        let (queue, events) = sync_channel(config.journal_queue);
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
        let tallies = Arc::new(Mutex::new(Tallies::new()));
        let period = Duration::from_secs(config.journal_count_seconds.into());
        let (questions, repeats) = (config.journal_questions, Arc::default());
        (Self { queue, counting, tallies, devices, repeats, questions, period }, Written(written))
    }

    /// Whether questions that are not steered are counted instead of recorded.
    pub(crate) fn counts(&self) -> bool {
        self.questions == JournalQuestions::Count
    }

    /// Records what became of a question; call it once, after the answer has left.
    pub(crate) fn record(&self, line: Line, done: &Done) {
        // A way around that was closed is told of its device like one that is open.
        let closed = done.outcome == DnsOutcome::Refused(Reason::EncryptedDns);
        let refused = !closed && matches!(done.outcome, DnsOutcome::Refused(_));
        // An answer may be about AI though the name asked for is not: it is another name of a provider's.
        let about_ai = line.watched || matches!(done.outcome, DnsOutcome::Steered { .. });
        let telling = about_ai || closed;
        let counted = !refused && telling && self.has_no_record(&line);
        if !refused && (telling || line.notice != Notice::Nothing) {
            let mut devices = self.devices.lock();
            devices.hear(line.client);
            let notice = if counted && about_ai { &Notice::Steered } else { &line.notice };
            if *notice != Notice::Nothing {
                devices.notice(line.client, notice, &line.name, line.silent);
            }
        }
        if counted {
            // One about AI is among its device's figures, above.
            if closed {
                self.tallies.lock().add(line.client, &done.outcome);
            }
            return;
        }
        if line.silent && !refused || self.counts() && (refused || !telling) {
            return self.tallies.lock().add(line.client, &done.outcome);
        }
        let event = Event::Dns(DnsEvent {
            client: line.client,
            name: line.name,
            qtype: line.kind,
            outcome: done.outcome.clone(),
            rcode: done.rcode(),
            micros: u32::try_from(line.arrived.elapsed().as_micros()).unwrap_or(u32::MAX),
        });
        self.send(event);
    }

    /// Whether a question about AI, or one that was to lead around here, is only counted: its client's names are not recorded, or it has a record already.
    fn has_no_record(&self, line: &Line) -> bool {
        line.silent || self.counts() && !self.repeats.lock().is_new(line.client, &line.name, line.kind)
    }

    /// Records a question whose answer is a copy of an earlier one, for a journal that keeps each.
    pub(crate) fn record_copied(&self, client: IpAddr, question: &[u8], rcode: u8) {
        let Ok(query) = Query::read(question) else { return };
        let (name, qtype, rcode) = (query.name.text(), query.kind, Some(rcode));
        // It is answered within the microsecond in which it was taken.
        self.send(Event::Dns(DnsEvent { client, name, qtype, outcome: DnsOutcome::Cached, rcode, micros: 0 }));
    }

    /// Writes the lines of `tallies` once a period.
    pub(crate) fn write_due(&self, tallies: &mut Tallies) {
        if tallies.is_due(self.period) {
            self.write(tallies);
        }
    }

    /// Writes the lines of `tallies`.
    pub(crate) fn write(&self, tallies: &mut Tallies) {
        for tally in tallies.take() {
            if let Some(client) = tally.client.filter(|_| tally.answered() > 0) {
                self.devices.lock().hear(client);
            }
            self.send(Event::DnsTally(tally));
        }
    }

    /// Writes the lines of the tallies that all share, now or once a period.
    pub(crate) fn write_shared(&self, now: bool) {
        let mut tallies = self.tallies.lock();
        if now || tallies.is_due(self.period) {
            self.write(&mut tallies);
            self.repeats.lock().clear();
            let devices = self.devices.lock().take(Instant::now());
            devices.into_iter().map(Event::DnsDevice).for_each(|device| self.send(device));
        }
    }

    fn send(&self, event: Event) {
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
