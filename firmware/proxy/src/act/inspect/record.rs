//! The record of one request, written exactly once however the request ends.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use gate_core::{
    Action, Attachment, Event, GroupKind, JournalError, KindCount, PlaceholdersEvent, Reason, RequestEvent,
};
use gate_dialect::Reading;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::words::{is_word, method_word, route};
use super::attached::LISTED;
use super::exchange::ACCOUNTS;
use super::judge::Judged;
use crate::meter::Meter;
use crate::session::Session;
use crate::shared::Shared;

mod words;

/// How a connection comes to its end; its requests blame what ended it.
#[derive(Default)]
pub(super) struct Ending {
    /// Cancelled to let open requests finish and take no more.
    pub(super) retire: CancellationToken,
    /// Why we cut it.
    pub(super) cut: OnceLock<Reason>,
    /// The last answer said that it was over: a client that leaves now has broken nothing off.
    pub(super) told: AtomicBool,
    /// Requests that are under way, and all that there were.
    open: AtomicU32,
    begun: AtomicU64,
    /// What had come from the client when the last of them was over.
    quiet: AtomicU64,
}

impl Ending {
    /// Whether something came from the client that is no request yet, `up` being all that came; and after how many requests.
    pub(super) fn waits_for_a_head(&self, up: u64) -> Option<u64> {
        let between = self.open.load(Ordering::Relaxed) == 0 && up > self.quiet.load(Ordering::Relaxed);
        between.then(|| self.begun.load(Ordering::Relaxed))
    }

    /// Nothing is under way, and this much came so far.
    pub(super) fn calm(&self, up: u64) {
        self.quiet.store(up, Ordering::Relaxed);
    }
}

/// A request under way. Dropped unfinished, it is recorded as broken off by the client.
pub(super) struct Pending {
    shared: Arc<Shared>,
    ending: Arc<Ending>,
    meter: Arc<Meter>,
    started: Instant,
    /// `None` once recorded.
    event: Option<Box<RequestEvent>>,
    placeholders: Placeholders,
    /// Bytes of text that the client sent, where an answer to them can be told from it.
    asked_bytes: Option<u64>,
    /// The policy wants it told that the account is not the office's own.
    by_stranger: bool,
    /// The host sells tokens. Pages for people are paid in other ways, if at all.
    is_metered: bool,
}

/// What became of placeholders.
#[derive(Default)]
struct Placeholders {
    replaced: Vec<KindCount>,
    restored: Vec<KindCount>,
    unedited: bool,
}

impl Pending {
    pub(super) fn new(shared: &Arc<Shared>, session: &Session, ending: &Arc<Ending>, method: &http::Method) -> Self {
        let event = RequestEvent {
            connection: Some(session.id),
            client: session.client.ip(),
            host: session.host.as_str().to_owned(),
            vendor: session.vendor().to_owned(),
            // The path joins once it is known to hold nothing that must not reach disk.
            target: method_word(method).to_owned(),
            model: None,
            // Until it is judged, nothing of it is passed on.
            decision: Action::Deny,
            reason: None,
            findings: Vec::new(),
            request_bytes: 0,
            response_bytes: 0,
            status: None,
            stream: false,
            usage: None,
            cost: None,
            attachments: Vec::new(),
            more_attachments: 0,
            added_micros: 0,
            first_byte_micros: None,
            duration_micros: 0,
        };
        ending.told.store(false, Ordering::Relaxed);
        ending.open.fetch_add(1, Ordering::Relaxed);
        ending.begun.fetch_add(1, Ordering::Relaxed);
        let (shared, ending, meter) = (Arc::clone(shared), Arc::clone(ending), Arc::clone(&session.meter));
        let (event, placeholders) = (Some(Box::new(event)), Placeholders::default());
        let is_metered = session.entry.as_ref().is_some_and(|entry| entry.kind == GroupKind::Api);
        Self {
            shared,
            ending,
            meter,
            started: Instant::now(),
            event,
            placeholders,
            asked_bytes: None,
            by_stranger: false,
            is_metered,
        }
    }

    /// Notes something, unless the record is already written.
    pub(super) fn note(&mut self, change: impl FnOnce(&mut RequestEvent)) {
        if let Some(event) = &mut self.event {
            change(event);
        }
    }

    /// Notes what was decided and how long it took.
    pub(super) fn note_judged(&mut self, judged: &Judged, added_micros: u64) {
        self.note(|event| {
            if let Some(path) = &judged.path {
                event.target = format!("{} {}", event.target, route(path));
            }
            event.model = judged.model.as_deref().filter(|model| is_word(model)).map(str::to_owned);
            event.stream = judged.facts.stream;
            event.decision = judged.action;
            event.reason.clone_from(&judged.unread);
            event.findings.clone_from(&judged.counts);
            event.request_bytes = judged.decoded_bytes;
            event.added_micros = added_micros;
        });
        self.note_attached(judged);
        self.asked_bytes = judged.facts.text_bytes;
        self.placeholders.replaced.clone_from(&judged.replaced);
    }

    /// Notes what the policy makes of an account that is not the office's own.
    pub(super) fn note_account(&mut self, action: Option<Action>) {
        self.by_stranger = action == Some(Action::Alert);
    }

    /// Notes the files that a request, or one more message of it, carries.
    pub(super) fn note_attached(&mut self, judged: &Judged) {
        self.note(|event| attach(event, &judged.attachments, judged.more_attachments));
    }

    /// Notes what the answer used and cost. What no provider counts is estimated, unless nothing was answered.
    pub(super) fn note_usage(&mut self, reading: Reading) {
        let (asked, is_metered, snapshot) = (self.asked_bytes, self.is_metered, self.shared.snapshot());
        self.note(|event| {
            let answered = event.status.is_some_and(|status| (200..300).contains(&status));
            event.usage = reading.usage(asked.filter(|_| answered));
            let used = event.usage.as_ref().zip(event.model.as_deref()).filter(|_| is_metered);
            event.cost = used.and_then(|(usage, model)| snapshot.catalogue.cost(&event.vendor, model, usage));
        });
    }

    /// Notes what the answer got back.
    pub(super) fn note_restored(&mut self, restored: &[KindCount]) {
        self.placeholders.restored = restored.to_vec();
    }

    /// Notes that the answer goes on with its placeholders. It need not hold any, unless some have just been sent.
    pub(super) fn note_unedited(&mut self) {
        self.shared.counters.unedited_answers.add(1);
        self.placeholders.unedited = !self.placeholders.replaced.is_empty();
    }

    /// Notes that the answer's head is here.
    pub(super) fn note_head(&mut self, status: u16) {
        let micros = self.elapsed_micros();
        self.note(|event| {
            event.status = Some(status);
            event.first_byte_micros = Some(micros);
        });
    }

    /// The reason to note for an exchange that broke: where we cut its connection, that is why.
    pub(super) fn unless_cut(&self, reason: Reason) -> Reason {
        self.ending.cut.get().cloned().or_else(|| self.shared.cutting()).unwrap_or(reason)
    }

    /// Writes the record. Only the first call does; an error means that the client must not see the end of its answer.
    pub(super) fn finish(&mut self) -> Result<(), JournalError> {
        let Some(mut event) = self.event.take() else { return Ok(()) };
        event.duration_micros = self.elapsed_micros();
        if self.by_stranger {
            event.decision = event.decision.max(Action::Alert);
            event.reason = event.reason.take().or_else(|| Some(Reason::Policy(ACCOUNTS.to_owned())));
        }
        let Placeholders { replaced, restored, unedited } = std::mem::take(&mut self.placeholders);
        if let (Some(connection), false) = (event.connection, replaced.is_empty() && restored.is_empty()) {
            let (client, host, vendor) = (event.client, event.host.clone(), event.vendor.clone());
            let told = PlaceholdersEvent { connection, client, host, vendor, replaced, restored, unedited };
            self.shared.append(&Event::Placeholders(told))?;
        }
        self.shared.append(&Event::Request(*event)).map(|_| ())
    }

    /// Whether the request asked for a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.event.as_ref().is_some_and(|event| event.stream)
    }

    /// Notes whether the answer has said that it is over.
    pub(super) fn note_told(&self, told: bool) {
        self.ending.told.store(told, Ordering::Relaxed);
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn is_finished(&self) -> bool {
        self.event.is_none()
    }

    fn elapsed_micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// Adds to the attachments of a record, as far as it lists them.
pub(super) fn attach(event: &mut RequestEvent, files: &[Attachment], more: u32) {
    let (listed, others) = files.split_at(files.len().min(LISTED - event.attachments.len().min(LISTED)));
    event.attachments.extend_from_slice(listed);
    let others = u32::try_from(others.len()).unwrap_or(u32::MAX).saturating_add(more);
    event.more_attachments = event.more_attachments.saturating_add(others);
}

impl Drop for Pending {
    fn drop(&mut self) {
        let reason = self.unless_cut(Reason::ClientReset);
        self.note(|event| event.reason = event.reason.take().or(Some(reason)));
        // A failure is counted and logged where it happens; there is nobody left to tell.
        let _ = self.finish();
        self.ending.calm(self.meter.up());
        self.ending.open.fetch_sub(1, Ordering::Relaxed);
    }
}
