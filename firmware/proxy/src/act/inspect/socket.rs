//! WebSockets (RFC 6455): each message of the client is gathered, judged like a body and sent on whole; what the server sends
//! passes frame by frame.
//!
//! Extensions are negotiated away, so that every message is readable. What a client could say without sending a message is
//! not passed on: the payloads of its pings, of pongs that nobody asked for, and the reason of its good-bye.
//!
//! **Invariant:** no byte of a message leaves before all of it was judged.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use gate_core::{Action, FileKind, Reason};
use gate_dialect::UsageReader;
use http::{Method, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::time::{Instant, timeout, timeout_at};

use self::frame::{Head, Opcode, mask};
use self::pipe::{ReadError, Sink, Source};
use super::account::Shown;
use super::collect::Pace;
use super::draft::Draft;
use super::exchange::Exchange;
use super::judge::Judged;
use super::record::Pending;
use super::refusal::Refusal;
use super::upstream::HANDSHAKE;

pub(super) mod frame;
mod handshake;
mod pipe;

pub(super) use handshake::{ask, is_agreed, is_wanted, stamp};

/// Longest message, and never more than the cap on bodies.
const MESSAGE_MAX: usize = 16 << 20;
/// How long one side is waited for once the other said good-bye.
const GOODBYE: Duration = Duration::from_secs(5);

/// Codes of good-byes (RFC 6455 section 7.4.1).
mod code {
    pub(super) const GOING_AWAY: u16 = 1001;
    pub(super) const PROTOCOL: u16 = 1002;
    pub(super) const UNREADABLE: u16 = 1007;
    pub(super) const POLICY: u16 = 1008;
    pub(super) const TOO_LARGE: u16 = 1009;
    pub(super) const INTERNAL: u16 = 1011;
}

type Reader = Source<ReadHalf<TokioIo<Upgraded>>>;
type Writer = Sink<WriteHalf<TokioIo<Upgraded>>>;

/// A WebSocket that both sides agreed on; dropped, it is recorded as broken off by the client.
pub(super) struct Socket {
    pub(super) client: OnUpgrade,
    pub(super) server: OnUpgrade,
    /// Path with its query.
    pub(super) target: String,
    /// Whose account it was opened by.
    pub(super) shown: Shown,
    pub(super) pending: Pending,
}

/// What both directions of one socket share.
struct Talk<'a> {
    exchange: &'a Arc<Exchange>,
    target: &'a str,
    shown: Shown,
    to_client: Writer,
    to_server: Writer,
    /// What the server asked to hear back last.
    pinged: Mutex<Option<Vec<u8>>>,
    pending: Mutex<Pending>,
    /// Kinds of files that were told of.
    told: Mutex<Vec<FileKind>>,
    /// Reads the tokens of what the server says.
    usage: Mutex<UsageReader>,
}

/// What is left to tell of a side's end once the other said good-bye: whoever was told that need not answer.
fn after(broken: Option<Reason>) -> Option<Reason> {
    broken.filter(|reason| matches!(reason, Reason::Finding(_) | Reason::Policy(_)))
}

/// How the client's direction ended.
enum End {
    /// With a good-bye.
    Closed,
    /// The server takes no more. It may have said good-bye, which the other direction brings.
    Unheard,
    /// For this reason, which its peer was told if it still listens.
    Broken(Reason),
}

impl Socket {
    /// Relays until both sides said good-bye or one broke; says why it ended early.
    pub(super) async fn run(self, exchange: &Arc<Exchange>) -> Option<Reason> {
        let Self { client, server, target, shown, pending } = self;
        let met = timeout(HANDSHAKE, async { tokio::try_join!(client, server) }).await;
        let Ok(Ok((client, server))) = met else { return Some(Reason::ClientReset) };
        let (from_client, to_client) = tokio::io::split(TokioIo::new(client));
        let (from_server, to_server) = tokio::io::split(TokioIo::new(server));
        let session = &exchange.session;
        let facts = gate_dialect::read_request(session.vendor(), &session.host, &target, b"");
        let talk = Talk {
            usage: Mutex::new(UsageReader::of_messages(facts.dialect)),
            exchange,
            target: &target,
            shown,
            to_client: Sink::new(to_client, false),
            to_server: Sink::new(to_server, true),
            pinged: Mutex::default(),
            pending: Mutex::new(pending),
            told: Mutex::default(),
        };
        let reason = talk.run(Source::new(from_client), Source::new(from_server)).await;
        let mut pending = talk.pending.into_inner();
        pending.note_usage(talk.usage.into_inner().finish());
        pending.note(|event| event.reason.clone_from(&reason));
        match pending.finish() {
            Ok(()) => reason,
            Err(_) => Some(Reason::Internal),
        }
    }
}

impl Talk<'_> {
    async fn run(&self, mut client: Reader, mut server: Reader) -> Option<Reason> {
        let reason = {
            let (mut up, mut down) = (Box::pin(self.up(&mut client)), Box::pin(self.down(&mut server)));
            let shared = &self.exchange.shared;
            let mut idle = std::pin::pin!(self.exchange.session.meter.idle_for(shared.config.idle()));
            tokio::select! {
                end = &mut up => match end {
                    End::Closed => after(timeout(GOODBYE, down).await.ok().flatten()),
                    End::Unheard => self.hear_out(timeout(GOODBYE, down).await).await,
                    End::Broken(reason) => Some(reason),
                },
                broken = &mut down => match broken {
                    None => match timeout(GOODBYE, up).await {
                        Ok(End::Broken(reason)) => after(Some(reason)),
                        _ => None,
                    },
                    broken => broken,
                },
                () = &mut idle => Some(Reason::IdleTimeout),
                () = shared.closing.cancelled() => Some(Reason::Shutdown),
            }
        };
        if matches!(reason, Some(Reason::IdleTimeout | Reason::Shutdown)) {
            self.to_client.close(code::GOING_AWAY, "").await;
            self.to_server.close(code::GOING_AWAY, "").await;
        }
        tokio::join!(self.to_client.shutdown(), self.to_server.shutdown());
        reason
    }

    /// What a server that takes no more had still to say; the client is told good-bye in any case.
    async fn hear_out(&self, broken: Result<Option<Reason>, tokio::time::error::Elapsed>) -> Option<Reason> {
        if let Ok(broken) = broken {
            return broken;
        }
        self.to_client.close(code::GOING_AWAY, "").await;
        Some(Reason::UpstreamReset)
    }

    /// From the client to the server, until it says good-bye or may say no more.
    async fn up(&self, client: &mut Reader) -> End {
        match self.take_messages(client).await {
            Ok(()) => End::Closed,
            Err(Stop::Broken) => {
                self.to_server.close(code::GOING_AWAY, "").await;
                End::Broken(Reason::ClientReset)
            }
            Err(Stop::Server) => End::Unheard,
            Err(Stop::Refused(code, refusal)) => {
                self.to_client.close(code, &gate_dialect::spoken(&refusal.text)).await;
                self.to_server.close(code::GOING_AWAY, "").await;
                End::Broken(refusal.reason)
            }
        }
    }

    async fn take_messages(&self, client: &mut Reader) -> Result<(), Stop> {
        loop {
            let Some(head) = client.head().await? else { return Err(Stop::Broken) };
            match head.opcode {
                Opcode::Continuation => return Err(order("a message goes on that never began").into()),
                Opcode::Binary => return Err(unreadable()),
                Opcode::Text => {
                    let (message, charge) = self.gather(client, head).await?;
                    let mut cleared = self.judge(message, charge).await?;
                    self.to_server.send(Opcode::Text, &mut cleared).await.map_err(|_| Stop::Server)?;
                }
                _ => {
                    if self.control(client, head).await? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// A control frame of the client; whether it is its good-bye.
    async fn control(&self, client: &mut Reader, head: Head) -> Result<bool, Stop> {
        masked(head)?;
        let mut payload = client.control(head).await?;
        let told = match head.opcode {
            Opcode::Close => {
                payload.truncate(2);
                self.to_server.send(Opcode::Close, &mut payload).await
            }
            Opcode::Ping => {
                self.to_client.send(Opcode::Pong, &mut payload).await.map_err(|_| Stop::Broken)?;
                self.to_server.send(Opcode::Ping, &mut []).await
            }
            _ => {
                let asked = self.pinged.lock().take_if(|asked| *asked == payload);
                match asked {
                    Some(_) => self.to_server.send(Opcode::Pong, &mut payload).await,
                    None => Ok(()),
                }
            }
        };
        told.map_err(|_| Stop::Server)?;
        Ok(head.opcode == Opcode::Close)
    }

    /// The rest of a message of which the first head was read, under a cap and the budget of all bodies.
    async fn gather(&self, client: &mut Reader, first: Head) -> Result<(BytesMut, super::budget::Charge), Stop> {
        let shared = &self.exchange.shared;
        let most = MESSAGE_MAX.min(shared.config.body_cap_bytes);
        let wait = Duration::from_millis(shared.config.body_budget_wait_ms);
        let mut charge = shared.bodies.charge(self.exchange.session.client.ip());
        let (mut message, mut head, mut pace) = (BytesMut::new(), first, Pace::begin());
        loop {
            let key = masked(head)?;
            if head.length > (most - message.len()) as u64 {
                return Err(Stop::Refused(
                    code::TOO_LARGE,
                    Refusal::plain(StatusCode::PAYLOAD_TOO_LARGE, Reason::BodyTooLarge),
                ));
            }
            let mut left = head.length;
            while left > 0 {
                let mut piece = timeout_at(pace.deadline(), client.piece(left)).await.map_err(|_| Stop::Broken)??;
                pace.came(piece.len());
                let asked = Instant::now();
                if !charge.grow(piece.len(), wait).await {
                    return Err(Stop::Refused(
                        code::TOO_LARGE,
                        Refusal::plain(StatusCode::SERVICE_UNAVAILABLE, Reason::OutOfBudget),
                    ));
                }
                pace.excuse(asked);
                mask(&mut piece, key, (head.length - left) as usize);
                left -= piece.len() as u64;
                message.unsplit(piece);
            }
            if head.last {
                return Ok((message, charge));
            }
            head = loop {
                let next = timeout_at(pace.deadline(), client.head()).await.map_err(|_| Stop::Broken)??;
                let Some(head) = next else { return Err(Stop::Broken) };
                match head.opcode {
                    Opcode::Continuation => break head,
                    Opcode::Text | Opcode::Binary => return Err(order("a message begins within another").into()),
                    _ => {
                        let told = Instant::now();
                        if timeout_at(pace.deadline(), self.control(client, head)).await.map_err(|_| Stop::Broken)?? {
                            return Err(Stop::Broken);
                        }
                        pace.excuse(told);
                    }
                }
            };
        }
    }

    /// The message as it may leave.
    async fn judge(&self, message: BytesMut, mut charge: super::budget::Charge) -> Result<Vec<u8>, Stop> {
        let refused = |refusal: Refusal| Stop::Refused(code_of(&refusal), refusal);
        let snapshot = self.exchange.shared.snapshot();
        self.exchange.allow(&snapshot, &self.shown).map_err(refused)?;
        // RFC 6455 section 5.6; other encodings are for bodies.
        if std::str::from_utf8(&message).is_err() {
            return Err(refused(Refusal::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding)));
        }
        let started = Instant::now();
        let draft = Draft::message(self.target, message.freeze());
        let wait = Duration::from_millis(self.exchange.shared.config.body_budget_wait_ms);
        if !charge.reserve(draft.memory(), wait).await {
            return Err(refused(Refusal::plain(StatusCode::SERVICE_UNAVAILABLE, Reason::OutOfBudget)));
        }
        let (judged, draft, _charge) = self.exchange.judge(draft, snapshot, charge).await.map_err(refused)?;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let mut pending = self.pending.lock();
        pending.note_attached(&judged);
        pending.note(|event| {
            event.request_bytes += judged.decoded_bytes;
            event.added_micros = event.added_micros.max(micros);
            if event.model.is_none() {
                event.model.clone_from(&judged.model);
            }
        });
        drop(pending);
        if judged.action > Action::Allow && !self.was_told(&judged) {
            // What was found is told at once, and not when the socket ends in hours.
            let mut pending = self.exchange.pending(&Method::GET);
            pending.note_judged(&judged, micros);
            pending.note(|event| event.status = Some(StatusCode::SWITCHING_PROTOCOLS.as_u16()));
            if let Some(refusal) = &judged.refusal {
                pending.note(|event| event.reason = Some(refusal.reason.clone()));
            }
            pending.finish().map_err(|_| refused(super::exchange::unrecorded()))?;
        }
        match judged.refusal {
            Some(refusal) => Err(refused(refusal)),
            None => Ok(judged.edited.unwrap_or_else(|| Vec::from(draft.bytes))),
        }
    }

    /// Whether a message is told of only for files, and files of all their kinds were told of before: there may be fifty a
    /// second, and the socket's own record counts them.
    fn was_told(&self, judged: &Judged) -> bool {
        if !judged.tells_files_alone() {
            return false;
        }
        let mut told = self.told.lock();
        let before = told.len();
        for file in &judged.attachments {
            if !told.contains(&file.kind) {
                told.push(file.kind);
            }
        }
        told.len() == before
    }

    /// From the server to the client, until it says good-bye; otherwise why not.
    async fn down(&self, server: &mut Reader) -> Option<Reason> {
        match self.pass_frames(server).await {
            Ok(()) => None,
            Err(Stop::Broken) => Some(Reason::ClientReset),
            Err(Stop::Server | Stop::Refused(..)) => {
                self.to_client.close(code::GOING_AWAY, "").await;
                Some(Reason::UpstreamReset)
            }
        }
    }

    async fn pass_frames(&self, server: &mut Reader) -> Result<(), Stop> {
        loop {
            let Ok(Some(head)) = server.head().await else { return Err(Stop::Server) };
            if head.mask.is_some() {
                return Err(Stop::Server);
            }
            if !head.opcode.is_control() {
                let seen = |bytes: &[u8]| {
                    self.usage.lock().push(bytes);
                    self.pending.lock().note(|event| event.response_bytes += bytes.len() as u64);
                };
                self.to_client.pass(head, server, seen).await.map_err(|_| Stop::Server)?;
                if head.last {
                    self.usage.lock().message_ends();
                }
                continue;
            }
            let mut payload = server.control(head).await.map_err(|_| Stop::Server)?;
            if head.opcode == Opcode::Ping {
                *self.pinged.lock() = Some(payload.clone());
            }
            self.to_client.send(head.opcode, &mut payload).await.map_err(|_| Stop::Broken)?;
            if head.opcode == Opcode::Close {
                return Ok(());
            }
        }
    }
}

/// Why a direction goes no further.
enum Stop {
    /// The client is gone or silent.
    Broken,
    /// The server is.
    Server,
    /// The client is told good-bye with this code.
    Refused(u16, Refusal),
}

impl From<ReadError> for Stop {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Io(_) => Self::Broken,
            ReadError::Frame(_) | ReadError::Order(_) => {
                let text = format!("The message is no WebSocket message: {error}.");
                Self::Refused(code::PROTOCOL, Refusal::new(StatusCode::BAD_REQUEST, Reason::BadRequest, text))
            }
        }
    }
}

fn order(why: &'static str) -> ReadError {
    ReadError::Order(why)
}

/// The key of a client's frame; without one it is none (RFC 6455 section 5.1).
fn masked(head: Head) -> Result<[u8; 4], Stop> {
    head.mask.ok_or_else(|| order("it is not masked").into())
}

fn unreadable() -> Stop {
    let text = "Binary messages cannot be inspected.";
    Stop::Refused(code::POLICY, Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Reason::BadEncoding, text))
}

fn code_of(refusal: &Refusal) -> u16 {
    match refusal.status {
        StatusCode::PAYLOAD_TOO_LARGE => code::TOO_LARGE,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => code::UNREADABLE,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::INTERNAL_SERVER_ERROR => code::INTERNAL,
        _ => code::POLICY,
    }
}
