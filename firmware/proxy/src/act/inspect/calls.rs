//! Calls (gRPC, gRPC-Web, streams of Connect): the head of a request leaves at once, each message when it was judged, so
//! that two sides which talk at the same time do not wait for each other.
//!
//! A message that must not leave cuts the request off from the server, and the client is told in the call's own status.
//!
//! **Invariant:** no byte of a message leaves before all of it was judged, and none of them is edited.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use gate_core::{Action, FindingCount, Reason};
use gate_dialect::{Call, CallEnd, ENVELOPE_HEAD, Envelope, Follower};
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::timeout_at;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::account::Shown;
use super::attached::Attachments;
use super::budget::Charge;
use super::collect::{CollectError, Held, Pace};
use super::draft::Draft;
use super::exchange::{Editing, Exchange, uncollected};
use super::head;
use super::judge::{COUNTS_CAP, Judged};
use super::leaf::Alpn;
use super::record::{Pending, attach};
use super::refusal::{self, Refusal, Voice};
use super::reply::Reply;

/// The call that a request begins, if it is one.
pub(super) fn read(parts: &Parts) -> Option<Call> {
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let asked = || parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair == "connect=v1"));
    Call::of(content_type, parts.headers.contains_key("connect-protocol-version") || asked())
}

/// What both directions of one call share.
#[derive(Default)]
pub(super) struct Talk {
    tally: Mutex<Tally>,
    /// Why the client may say no more.
    refusal: OnceLock<Refusal>,
    /// Cancelled once that is known.
    refused: CancellationToken,
    /// Cancelled once nobody listens to the client any more.
    over: CancellationToken,
}

/// What was judged so far.
#[derive(Default)]
struct Tally {
    action: Option<Action>,
    unread: Option<Reason>,
    findings: Vec<FindingCount>,
    bytes: u64,
    micros: u64,
    model: Option<String>,
    attachments: Attachments,
}

impl Talk {
    fn refusal(&self) -> Option<&Refusal> {
        self.refusal.get()
    }

    fn refuse(&self, refusal: Refusal) {
        self.refusal.get_or_init(|| refusal);
        self.refused.cancel();
    }

    /// Moves what was judged into the record.
    fn settle(&self, pending: &mut Pending) {
        let tally = std::mem::take(&mut *self.tally.lock());
        pending.note(|event| {
            event.stream = true;
            event.request_bytes += tally.bytes;
            event.added_micros = event.added_micros.max(tally.micros);
            event.decision = event.decision.max(tally.action.unwrap_or(Action::Allow));
            event.model = event.model.take().or(tally.model);
            event.reason = event.reason.take().or(tally.unread);
            event.findings.extend(tally.findings);
            attach(event, &tally.attachments.listed, tally.attachments.more);
            if let Some(refusal) = self.refusal() {
                event.decision = Action::Deny;
                event.reason = Some(refusal.reason.clone());
            }
        });
    }

    fn add(&self, judged: &Judged, micros: u64) {
        let mut tally = self.tally.lock();
        let Tally { action, unread, findings, bytes, micros: most, model, attachments } = &mut *tally;
        judged.attachments.iter().for_each(|one| attachments.add(one.clone()));
        attachments.more = attachments.more.saturating_add(judged.more_attachments);
        *action = (*action).max(Some(judged.action));
        *unread = unread.take().or_else(|| judged.unread.clone());
        *bytes += judged.decoded_bytes;
        *most = micros.max(*most);
        *model = model.take().or_else(|| judged.model.clone());
        for count in &judged.counts {
            let same = |known: &&mut FindingCount| known.rule == count.rule && known.action == count.action;
            if let Some(known) = findings.iter_mut().find(same) {
                known.count = known.count.saturating_add(count.count);
            } else if findings.len() < COUNTS_CAP {
                findings.push(count.clone());
            }
        }
    }
}

/// The answer to a call, which ends where the client may say no more.
pub(super) struct Talking {
    talk: Arc<Talk>,
    call: Call,
    refused: Pin<Box<WaitForCancellationFutureOwned>>,
    answered: Follower,
}

impl Talking {
    fn new(talk: Arc<Talk>, call: Call) -> Self {
        let refused = Box::pin(talk.refused.clone().cancelled_owned());
        Self { talk, call, refused, answered: Follower::default() }
    }

    /// Follows what goes to the client.
    pub(super) fn push(&mut self, data: &[u8]) {
        self.answered.push(data);
    }

    /// The refusal, once there is one, as the end of the answer; `None` where nothing but breaking off is left.
    pub(super) fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        ready!(self.refused.as_mut().poll(cx));
        let end = self.talk.refusal().and_then(|refusal| self.call.end(refusal.status.as_u16(), &refusal.text));
        Poll::Ready(match end {
            Some(CallEnd::Trailers(fields)) => {
                let mut trailers = HeaderMap::new();
                refusal::insert(&mut trailers, fields);
                Some(Frame::trailers(trailers))
            }
            Some(CallEnd::Data(last)) if self.answered.is_between() => Some(Frame::data(last.into())),
            Some(CallEnd::Data(_)) | None => None,
        })
    }

    /// Moves what was judged into the record.
    pub(super) fn settle(&self, pending: &mut Pending) {
        self.talk.settle(pending);
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        self.talk.over.cancel();
    }
}

impl Exchange {
    /// Answers a call, of which nothing but the head has been read.
    pub(super) async fn call(
        self: Arc<Self>,
        parts: Parts,
        body: Incoming,
        voice: Voice,
        mut pending: Pending,
    ) -> Response<Reply> {
        let Some(call) = voice.call else { return self.fail(Reason::Internal, voice, pending) };
        if let Err(refusal) = self.clear_head(&parts, &mut pending).await {
            return self.refuse(&refusal, voice, pending);
        }
        let (sender, frames) = mpsc::channel(1);
        let talk = Arc::new(Talk::default());
        let pump = Pump::new(&self, &parts, call, Arc::clone(&talk), sender);
        tokio::spawn(pump.run(body));
        let request = self.forward(parts, frames);
        let sent = tokio::select! {
            biased;
            () = talk.refused.cancelled() => None,
            sent = self.upstream.send(request) => Some(sent),
        };
        if let Some(refusal) = talk.refusal() {
            talk.settle(&mut pending);
            return self.refuse(refusal, voice, pending);
        }
        let Some(sent) = sent else { return self.fail(Reason::Internal, voice, pending) };
        match sent {
            Ok((response, owed)) if !response.status().is_informational() => {
                self.pass_on((response, owed), voice, pending, Editing::Talk(Talking::new(talk, call)))
            }
            unanswered => {
                talk.over.cancel();
                talk.settle(&mut pending);
                let reason = unanswered.map_or_else(|error| self.unsent(&error), |_| Reason::UpstreamReset);
                self.fail(reason, voice, pending)
            }
        }
    }

    /// Judges all that leaves before the first message.
    async fn clear_head(self: &Arc<Self>, parts: &Parts, pending: &mut Pending) -> Result<(), Refusal> {
        let snapshot = self.shared.snapshot();
        self.admit(parts, &snapshot, pending)?;
        // The envelopes say what is packed; a coding of the whole would hide them.
        let coded = parts.headers.get(header::CONTENT_ENCODING);
        if coded.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding));
        }
        let started = Instant::now();
        let charge = self.shared.bodies.charge(self.session.client.ip());
        let (judged, ..) = self.judge(Draft::new(parts, Bytes::new(), None), snapshot, charge).await?;
        pending.note_judged(&judged, micros_since(started));
        judged.refusal.map_or(Ok(()), Err)
    }

    fn forward(&self, mut parts: Parts, frames: mpsc::Receiver<Option<Frame<Bytes>>>) -> Request<Held> {
        let h2 = self.upstream.alpn() == Alpn::Http2;
        head::strip_request(&mut parts.headers);
        head::readdress(&mut parts, &self.session.host, h2);
        // It may end before it has this length.
        parts.headers.remove(header::CONTENT_LENGTH);
        Request::from_parts(parts, Held::stream(frames))
    }
}

/// Takes the client's messages, and hands those on that may leave.
struct Pump {
    exchange: Arc<Exchange>,
    call: Call,
    target: String,
    /// Whose account it was begun by.
    shown: Shown,
    /// What packed messages are packed with.
    coding: Option<Vec<u8>>,
    talk: Arc<Talk>,
    sender: mpsc::Sender<Option<Frame<Bytes>>>,
    buffer: BytesMut,
    /// Of the message that is on its way, if one is.
    pace: Option<Pace>,
    charge: Charge,
}

/// Why no more messages are taken.
enum Stop {
    Refused(Refusal),
    /// The client broke off, or the server listens no more.
    Gone,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Pump {
    fn new(
        exchange: &Arc<Exchange>,
        parts: &Parts,
        call: Call,
        talk: Arc<Talk>,
        sender: mpsc::Sender<Option<Frame<Bytes>>>,
    ) -> Self {
        let coding = parts.headers.get(call.coding_field()).map(|value| value.as_bytes().to_vec());
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let charge = exchange.shared.bodies.charge(exchange.session.client.ip());
        let shown = exchange.shown(parts);
        let (exchange, buffer) = (Arc::clone(exchange), BytesMut::new());
        Self { exchange, call, target, shown, coding, talk, sender, buffer, pace: None, charge }
    }

    async fn run(mut self, body: Incoming) {
        let over = self.talk.over.clone();
        let stopped = over.run_until_cancelled(self.take(body)).await.unwrap_or(Err(Stop::Gone));
        match stopped {
            // A server that listens no more needs no end either.
            Ok(()) => drop(self.sender.send(None).await),
            Err(Stop::Refused(refusal)) => self.talk.refuse(refusal),
            Err(Stop::Gone) => {}
        }
    }

    async fn take(&mut self, mut body: Incoming) -> Result<(), Stop> {
        let wait = Duration::from_millis(self.exchange.shared.config.body_budget_wait_ms);
        loop {
            while let Some((envelope, message)) = self.next()? {
                self.judge(envelope, message.slice(ENVELOPE_HEAD..), wait).await?;
                self.send(Frame::data(message)).await?;
            }
            let Some(frame) = self.frame(&mut body).await? else { break };
            match frame.into_data() {
                Ok(data) => {
                    let asked = tokio::time::Instant::now();
                    if !self.charge.grow(data.len(), wait).await {
                        return Err(uncollected(&CollectError::OutOfBudget).into());
                    }
                    if let Some(pace) = &mut self.pace {
                        pace.came(data.len());
                        pace.excuse(asked);
                    }
                    self.buffer.extend_from_slice(&data);
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    self.trail(trailers).await?;
                }
            }
        }
        if self.buffer.is_empty() { Ok(()) } else { Err(broken("The last message of the call is cut short.").into()) }
    }

    /// The next piece of the client's body, which may be long in coming between two messages and not within one.
    async fn frame(&mut self, body: &mut Incoming) -> Result<Option<Frame<Bytes>>, Stop> {
        let begun = (!self.buffer.is_empty()).then(|| self.pace.get_or_insert_with(Pace::begin).deadline());
        let next = async {
            tokio::select! {
                frame = body.frame() => frame.transpose().map_err(|_| Stop::Gone),
                () = self.sender.closed() => Err(Stop::Gone),
            }
        };
        let Some(deadline) = begun else { return next.await };
        timeout_at(deadline, next).await.unwrap_or_else(|_| Err(uncollected(&CollectError::Stalled).into()))
    }

    /// The next message in its envelope, if all of it is here.
    fn next(&mut self) -> Result<Option<(Envelope, Bytes)>, Refusal> {
        let Some(head) = self.buffer.first_chunk() else { return Ok(None) };
        let envelope = Envelope::parse(*head).ok_or_else(|| broken("The envelope of a message is none."))?;
        if envelope.length > self.exchange.shared.config.body_cap_bytes {
            return Err(uncollected(&CollectError::TooLarge));
        }
        let length = ENVELOPE_HEAD + envelope.length;
        if self.buffer.len() < length {
            return Ok(None);
        }
        self.pace = None;
        Ok(Some((envelope, self.buffer.split_to(length).freeze())))
    }

    async fn judge(&mut self, envelope: Envelope, message: Bytes, wait: Duration) -> Result<(), Refusal> {
        let coding = match (&self.coding, envelope.packed) {
            (_, false) => None,
            (Some(coding), true) => Some(coding.clone()),
            (None, true) => return Err(broken("A message is packed, and the call does not say how.")),
        };
        let draft = Draft::called(&self.target, self.call.codec(), coding, message);
        if !self.charge.can_hold(draft.memory()) {
            return Err(uncollected(&CollectError::TooLarge));
        }
        if !self.charge.reserve(draft.memory(), wait).await {
            return Err(uncollected(&CollectError::OutOfBudget));
        }
        self.ask(draft).await
    }

    async fn trail(&mut self, trailers: HeaderMap) -> Result<(), Stop> {
        self.ask(Draft::trailing(&self.target, trailers.clone())).await?;
        self.send(Frame::trailers(trailers)).await
    }

    async fn ask(&mut self, draft: Draft) -> Result<(), Refusal> {
        let snapshot = self.exchange.shared.snapshot();
        // The policy may have changed since the call began.
        self.exchange.allow(&snapshot, &self.shown)?;
        let started = Instant::now();
        // What has come behind the message is less than a window of HTTP/2, which is booked elsewhere.
        let fresh = self.exchange.shared.bodies.charge(self.exchange.session.client.ip());
        let charge = std::mem::replace(&mut self.charge, fresh);
        let (judged, ..) = self.exchange.judge(draft, snapshot, charge).await?;
        self.talk.add(&judged, micros_since(started));
        judged.refusal.map_or(Ok(()), Err)
    }

    async fn send(&self, frame: Frame<Bytes>) -> Result<(), Stop> {
        self.sender.send(Some(frame)).await.map_err(|_| Stop::Gone)
    }
}

fn broken(text: &str) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, Reason::BadRequest, text)
}

fn micros_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)
}

impl Drop for Pump {
    fn drop(&mut self) {
        // A panic within is a refusal too: the client must not wait for what never comes.
        if std::thread::panicking() {
            self.talk.refuse(Refusal::plain(StatusCode::INTERNAL_SERVER_ERROR, Reason::Internal));
        }
    }
}
