//! One request and its answer: checked, gathered, judged, sent on, and recorded before the client sees its end.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use gate_core::{Account, AccountFacts, AccountsEvent, Action, Event, HostName, Reason, Verdict};
use gate_dialect::Call;
use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::upgrade::OnUpgrade;
use parking_lot::Mutex;

use super::account::Shown;
use super::budget::Charge;
use super::calls::{self, Talking};
use super::collect::{self, CollectError, Collected, Held};
use super::distrust;
use super::draft::Draft;
use super::head;
use super::judge::Judged;
use super::leaf::Alpn;
use super::record::{Ending, Pending};
use super::refusal::{Refusal, Voice};
use super::reply::{Relayed, Reply};
use super::restore::{self, Restorer};
use super::socket::{self, Socket};
use super::upstream::{Owed, SendError, Upstream};
use super::usage::Side;
use super::vault::Live;
use crate::ports::Snapshot;
use crate::session::Session;
use crate::shared::Shared;

/// Bodies up to this size are judged where they are read; larger ones would hold up the streams of others.
const INLINE: usize = 64 * 1024;

/// What denies or tells of accounts, as reasons name it.
pub(super) const ACCOUNTS: &str = "accounts";

/// An unread body up to this size is read away, so that the connection lives on after a refusal.
const DRAIN: u64 = 64 * 1024;
const DRAIN_PATIENCE: Duration = Duration::from_secs(1);

/// What all requests of one connection share.
pub(super) struct Exchange {
    pub(super) shared: Arc<Shared>,
    pub(super) session: Session,
    pub(super) upstream: Upstream,
    pub(super) ending: Arc<Ending>,
    /// What the connection becomes when its last answer has left.
    pub(super) socket: Mutex<Option<Socket>>,
    /// A request came in.
    asked: AtomicBool,
    /// The accounts that were told of last, and whether they are known.
    told: Mutex<Option<(Vec<Account>, bool)>>,
    /// The organisation that an answer named last.
    answered: Mutex<Option<Account>>,
}

/// What may become of an answer on its way.
pub(super) enum Editing {
    None,
    /// It is one to a call, and may end early.
    Talk(Talking),
    /// It gets back what its client's placeholders stand for.
    Restore(Live),
}

/// A request that may go on.
struct Cleared {
    parts: Parts,
    bytes: Bytes,
    edited: bool,
    trailers: Option<HeaderMap>,
    charge: Charge,
}

impl Exchange {
    pub(super) fn new(shared: Arc<Shared>, session: Session, upstream: Upstream) -> Self {
        Self {
            shared,
            session,
            upstream,
            ending: Arc::default(),
            socket: Mutex::default(),
            asked: AtomicBool::new(false),
            told: Mutex::default(),
            answered: Mutex::default(),
        }
    }

    pub(super) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The beginning of a record.
    pub(super) fn pending(&self, method: &http::Method) -> Pending {
        Pending::new(&self.shared, &self.session, &self.ending, method)
    }

    /// Answers one request; whatever happens there is an answer.
    pub(super) async fn answer(self: Arc<Self>, mut request: Request<Incoming>) -> Response<Reply> {
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, body) = request.into_parts();
        if !self.asked.swap(true, Ordering::Relaxed) {
            distrust::over(&self.shared, &self.session, &parts.headers);
        }
        let mut pending = self.pending(&parts.method);
        let voice = self.voice(&parts);
        if voice.call.is_some_and(Call::is_enveloped) {
            return self.call(parts, body, voice, pending).await;
        }
        let socket = socket::is_wanted(&parts).then_some(upgrade);
        match Arc::clone(&self).clear(parts, body, &mut pending).await {
            Ok(cleared) => match socket {
                Some(client) => self.open(cleared, client, voice, pending).await,
                None => self.relay(cleared, voice, pending).await,
            },
            Err(refusal) => self.refuse(&refusal, voice, pending),
        }
    }

    fn voice(&self, parts: &Parts) -> Voice {
        let facts = gate_dialect::read_request(self.session.vendor(), &self.session.host, parts.uri.path(), b"");
        Voice { dialect: facts.dialect, call: calls::read(parts) }
    }

    async fn clear(self: Arc<Self>, parts: Parts, body: Incoming, pending: &mut Pending) -> Result<Cleared, Refusal> {
        let snapshot = self.shared.snapshot();
        if let Err(refusal) = self.admit(&parts, &snapshot, pending) {
            pending.note(|event| event.request_bytes = body.size_hint().lower());
            drain(body).await;
            return Err(refusal);
        }
        let config = &self.shared.config;
        let wait = Duration::from_millis(config.body_budget_wait_ms);
        let charge = self.shared.bodies.charge(self.session.client.ip());
        let mut seen = 0;
        let collected = collect::collect(body, config.body_cap_bytes, charge, wait, &mut seen).await;
        pending.note(|event| event.request_bytes = seen);
        let Collected { bytes, trailers, mut charge } = collected.map_err(|error| uncollected(&error))?;
        let started = Instant::now();
        let draft = Draft::new(&parts, bytes.clone(), trailers);
        // Nobody should wait, and try again, for what will never be free.
        if !charge.can_hold(draft.memory()) {
            return Err(uncollected(&CollectError::TooLarge));
        }
        if !charge.reserve(draft.memory(), wait).await {
            return Err(uncollected(&CollectError::OutOfBudget));
        }
        let (judged, draft, charge) = self.judge(draft, snapshot, charge).await?;
        pending.note_judged(&judged, u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        match judged {
            Judged { refusal: Some(refusal), .. } => Err(refusal),
            Judged { edited: Some(edited), .. } => {
                Ok(Cleared { parts, bytes: edited.into(), edited: true, trailers: draft.trailers, charge })
            }
            Judged { .. } => Ok(Cleared { parts, bytes, edited: false, trailers: draft.trailers, charge }),
        }
    }

    /// Everything that can be said before the body is read.
    pub(super) fn admit(&self, parts: &Parts, snapshot: &Snapshot, pending: &mut Pending) -> Result<(), Refusal> {
        if self.shared.journal_broken() {
            return Err(unrecorded());
        }
        head::check(parts, &self.session.host)?;
        self.permit(snapshot)?;
        let shown = self.shown(parts);
        self.tell(&shown, self.action(snapshot, &shown))?;
        pending.note_account(self.vouch(snapshot, &shown)?);
        Ok(())
    }

    /// Whose accounts a request shows.
    pub(super) fn shown(&self, parts: &Parts) -> Shown {
        Shown::of(parts, &self.session.host, self.session.entry.as_ref(), &self.shared.inspect.account_key)
    }

    /// Whether what a client goes on to say in something long may leave: the policy may have changed since it began.
    pub(super) fn allow(&self, snapshot: &Snapshot, shown: &Shown) -> Result<(), Refusal> {
        self.permit(snapshot)?;
        self.vouch(snapshot, shown).map(|_| ())
    }

    /// What the policy makes of accounts that are not the office's own.
    fn action(&self, snapshot: &Snapshot, shown: &Shown) -> Option<Action> {
        let Shown { accounts, organization_tells, is_silent } = shown;
        let facts = AccountFacts { accounts, organization_tells: *organization_tells };
        if *is_silent { None } else { snapshot.judge.account(&facts) }
    }

    /// The same, refused where the policy says so.
    fn vouch(&self, snapshot: &Snapshot, shown: &Shown) -> Result<Option<Action>, Refusal> {
        let action = self.action(snapshot, shown);
        if action != Some(Action::Deny) {
            return Ok(action);
        }
        let text = "This account at the provider is not one of this office's.";
        Err(Refusal::new(StatusCode::FORBIDDEN, Reason::Policy(ACCOUNTS.to_owned()), text))
    }

    /// Records whose accounts the client uses, unless that was told of this connection last.
    fn tell(&self, shown: &Shown, action: Option<Action>) -> Result<(), Refusal> {
        let known = action.is_none();
        if shown.is_silent || shown.accounts.is_empty() && action == Some(Action::Allow) {
            return Ok(());
        }
        let mut told = self.told.lock();
        let is_told = told.as_ref().is_some_and(|(accounts, was)| *accounts == shown.accounts && *was == known);
        if is_told {
            return Ok(());
        }
        self.append_accounts(shown.accounts.clone(), known)?;
        *told = Some((shown.accounts.clone(), known));
        Ok(())
    }

    /// Records whose account it was by what the provider says, unless it said so last.
    fn tell_answered(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let inspect = &self.shared.inspect;
        let Some(account) = Shown::answered(headers, self.session.vendor(), &inspect.account_key) else {
            return Ok(());
        };
        if self.answered.lock().replace(account) == Some(account) {
            return Ok(());
        }
        let facts = AccountFacts { accounts: &[account], organization_tells: false };
        // The provider names the organisation of a key that is known to be the office's.
        let was_known = self.told.lock().as_ref().is_some_and(|(_, known)| *known);
        let known = was_known || self.shared.snapshot().judge.account(&facts).is_none();
        self.append_accounts(vec![account], known)
    }

    fn append_accounts(&self, accounts: Vec<Account>, known: bool) -> Result<(), Refusal> {
        let Session { id: connection, client, host, .. } = &self.session;
        let (connection, client, host) = (*connection, client.ip(), host.as_str().to_owned());
        let vendor = self.session.vendor().to_owned();
        let event = AccountsEvent { connection, client, host, vendor, accounts, known };
        self.shared.append(&Event::Accounts(event)).map(|_| ()).map_err(|_| unrecorded())
    }

    /// Whether the policy lets the client speak to the host now, and what it says can be recorded.
    fn permit(&self, snapshot: &Snapshot) -> Result<(), Refusal> {
        if self.shared.journal_broken() {
            return Err(unrecorded());
        }
        if self.session.pass.as_ref().is_some_and(|pass| !snapshot.passes.holds(pass)) {
            return Err(Refusal::plain(StatusCode::FORBIDDEN, Reason::Unauthenticated));
        }
        let host = &self.session.host;
        // The catalogue and the policy may have changed since the connection was judged.
        let entry = snapshot.catalogue.lookup(host);
        if entry.is_none_or(|entry| entry.vendor != self.session.vendor()) {
            return Err(Refusal::plain(StatusCode::MISDIRECTED_REQUEST, Reason::NotInCatalogue));
        }
        let facts = self.session.facts(host, entry, self.shared.now());
        match snapshot.judge.connection(&facts) {
            Verdict::Refuse(reason) => Err(Refusal::forbidden(reason)),
            Verdict::Splice | Verdict::Terminate => Ok(()),
        }
    }

    /// Judges in place what is small, and elsewhere what is large or may become it.
    pub(super) async fn judge(
        self: &Arc<Self>,
        draft: Draft,
        snapshot: Arc<Snapshot>,
        mut charge: Charge,
    ) -> Result<(Judged, Draft, Charge), Refusal> {
        let internal = || Refusal::plain(StatusCode::INTERNAL_SERVER_ERROR, Reason::Internal);
        if draft.bytes.len() <= INLINE && draft.content_encoding.is_none() {
            // Unwinding further would leave the client without an answer and its record without the reason. What it
            // leaves half done is gone with the request, but for what was denied and what placeholders stand for: of those
            // something may then be missing, and no lock stays closed.
            let work = AssertUnwindSafe(|| self.judge_now(&draft, &snapshot, &mut charge));
            let judged = catch_unwind(work).map_err(|_| internal())?;
            return Ok((judged, draft, charge));
        }
        let _slot = self.shared.inspect.large.acquire().await.map_err(|_| internal())?;
        let this = Arc::clone(self);
        let work = move || {
            let judged = this.judge_now(&draft, &snapshot, &mut charge);
            (judged, draft, charge)
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| internal())
    }

    fn judge_now(&self, draft: &Draft, snapshot: &Snapshot, charge: &mut Charge) -> Judged {
        let prompt = draft.prompt(&self.session, self.shared.now());
        let mut take = |bytes| charge.try_grow(bytes);
        self.shared.inspect.inspector.judge(&*snapshot.judge, &snapshot.scanner, &prompt, &mut take)
    }

    /// Asks the server for a WebSocket, and answers with it if it agrees.
    async fn open(&self, cleared: Cleared, client: OnUpgrade, voice: Voice, mut pending: Pending) -> Response<Reply> {
        let target = cleared.parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let shown = self.shown(&cleared.parts);
        let mut request = cleared.into_request(&self.session.host, self.upstream.alpn());
        socket::ask(request.headers_mut());
        let (mut response, owed) = match self.upstream.send(request).await {
            Ok(answered) => answered,
            Err(error) => return self.fail(error.reason(), voice, pending),
        };
        if !response.status().is_informational() {
            return self.pass_on((response, owed), voice, pending, Editing::None);
        }
        if !socket::is_agreed(response.status(), response.headers()) {
            return self.fail(Reason::UpstreamReset, voice, pending);
        }
        let server = hyper::upgrade::on(&mut response);
        let (mut head, _) = response.into_parts();
        pending.note_head(head.status.as_u16());
        head::strip_response(&mut head.headers);
        socket::stamp(&mut head.headers);
        *self.socket.lock() = Some(Socket { client, server, target, shown, pending });
        Response::from_parts(head, Reply::Own(Full::default()))
    }

    async fn relay(&self, cleared: Cleared, voice: Voice, pending: Pending) -> Response<Reply> {
        let live = self.shared.inspect.inspector.live(self.session.person(), self.session.vendor(), Instant::now());
        let signed = head::is_signed(&cleared.parts);
        let mut request = cleared.into_request(&self.session.host, self.upstream.alpn());
        if live.is_some() && !signed {
            // An answer that has to be edited is best not packed.
            request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let (response, owed) = match self.upstream.send(request).await {
            Ok(answered) => answered,
            Err(error) => {
                let reason = self.unsent(&error);
                return self.fail(reason, voice, pending);
            }
        };
        if response.status().is_informational() {
            return self.fail(Reason::UpstreamReset, voice, pending);
        }
        self.pass_on((response, owed), voice, pending, live.map_or(Editing::None, Editing::Restore))
    }

    /// Why a request got no answer.
    pub(super) fn unsent(&self, error: &SendError) -> Reason {
        tracing::debug!(%error, "no answer from the provider");
        if matches!(error, SendError::Dial(_)) {
            // A client that connects anew is led to an address that answers.
            self.ending.retire.cancel();
        }
        error.reason()
    }

    /// Starts to give the client the server's answer, which may end early where it is one to a call.
    pub(super) fn pass_on(
        &self,
        (response, owed): (Response<Incoming>, Owed),
        voice: Voice,
        mut pending: Pending,
        editing: Editing,
    ) -> Response<Reply> {
        let (mut head, body) = response.into_parts();
        pending.note_head(head.status.as_u16());
        if let Err(refusal) = self.tell_answered(&head.headers) {
            return self.own(&refusal, voice);
        }
        head::strip_response(&mut head.headers);
        let side = Side::new(voice.dialect, &head.headers, &self.shared.inspect.decoders);
        let (mut talk, mut restorer) = (None, None);
        match editing {
            Editing::None => {}
            Editing::Talk(talking) => {
                head.headers.remove(header::CONTENT_LENGTH);
                talk = Some(talking);
            }
            Editing::Restore(live) if !body.is_end_stream() => {
                let decoders = &self.shared.inspect.decoders;
                let charge = self.shared.bodies.charge(self.session.client.ip());
                restorer = Restorer::new(live, charge, &head, pending.is_stream(), decoders).map(Box::new);
                match restorer {
                    Some(_) => restore::unsay(&mut head.headers),
                    None => pending.note_unedited(),
                }
            }
            Editing::Restore(_) => {}
        }
        head.version = if self.upstream.alpn() == Alpn::Http2 { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
        // What a client says in a call may go on behind the end of its answer.
        let owed = talk.is_none().then_some(owed);
        match Relayed::new(body, pending, side, talk, restorer, owed) {
            Ok(relayed) => Response::from_parts(head, Reply::Relayed(Box::new(relayed))),
            Err(_) => self.own(&unrecorded(), voice),
        }
    }

    /// The provider gave no answer; the decision over the request stands.
    pub(super) fn fail(&self, reason: Reason, voice: Voice, mut pending: Pending) -> Response<Reply> {
        let reason = pending.unless_cut(reason);
        let refusal = Refusal::plain(StatusCode::BAD_GATEWAY, reason.clone());
        pending.note(|event| {
            event.reason = Some(reason);
            event.status = Some(refusal.status.as_u16());
        });
        self.close(&refusal, voice, pending)
    }

    pub(super) fn refuse(&self, refusal: &Refusal, voice: Voice, mut pending: Pending) -> Response<Reply> {
        pending.note(|event| {
            event.decision = Action::Deny;
            event.reason = Some(refusal.reason.clone());
            event.status = Some(refusal.status.as_u16());
        });
        self.close(refusal, voice, pending)
    }

    /// Records, then answers: what a client was told is in the journal.
    fn close(&self, refusal: &Refusal, voice: Voice, mut pending: Pending) -> Response<Reply> {
        match pending.finish() {
            Ok(()) => self.own(refusal, voice),
            Err(_) => self.own(&unrecorded(), voice),
        }
    }

    fn own(&self, refusal: &Refusal, voice: Voice) -> Response<Reply> {
        refusal.response(voice, self.session.vendor()).map(Reply::Own)
    }
}

impl Cleared {
    /// The request as the server gets it.
    fn into_request(self, host: &HostName, alpn: Alpn) -> Request<Held> {
        let Self { mut parts, bytes, edited, trailers, charge } = self;
        let h2 = alpn == Alpn::Http2;
        head::strip_request(&mut parts.headers);
        head::readdress(&mut parts, host, h2);
        if edited {
            parts.headers.remove(header::CONTENT_ENCODING);
        }
        let announced = parts.headers.remove(header::CONTENT_LENGTH).is_some();
        // HTTP/1.1 carries trailers behind chunks only, which exclude a length.
        if (announced || !bytes.is_empty()) && (h2 || trailers.is_none()) {
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        }
        Request::from_parts(parts, Held::new(bytes, trailers, charge))
    }
}

/// Reads away a small body that nobody wants.
async fn drain(mut body: Incoming) {
    if body.size_hint().lower() > DRAIN {
        return;
    }
    let reading = async {
        let mut left = DRAIN;
        while let Some(Ok(frame)) = body.frame().await {
            let read = frame.data_ref().map_or(0, |data| data.len() as u64);
            let Some(rest) = left.checked_sub(read) else { return };
            left = rest;
        }
    };
    // A client that is slower loses its connection, not its answer.
    let _ = tokio::time::timeout(DRAIN_PATIENCE, reading).await;
}

pub(super) fn uncollected(error: &CollectError) -> Refusal {
    match error {
        CollectError::TooLarge => Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, Reason::BodyTooLarge),
        CollectError::OutOfBudget => Refusal::plain(StatusCode::SERVICE_UNAVAILABLE, Reason::OutOfBudget),
        CollectError::Stalled => Refusal::plain(StatusCode::REQUEST_TIMEOUT, Reason::ClientReset),
        CollectError::Client(_) => Refusal::plain(StatusCode::BAD_REQUEST, Reason::ClientReset),
    }
}

pub(super) fn unrecorded() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Reason::Internal, "The request cannot be recorded at the moment.")
}
