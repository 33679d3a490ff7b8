//! What a vendor says, and how it is played: all at once, or one paced event per flush.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Response};
use hyper::body::{Body, Frame};
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};

use crate::coding::{Coding, Encoder};
use crate::fault::{Breakage, Fault};

/// One answer, before any misbehaviour.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload,
    pub(crate) trailers: Option<HeaderMap>,
}

pub(crate) enum Payload {
    Whole(Bytes),
    Events(Vec<Bytes>),
}

impl Answer {
    pub(crate) fn json(status: u16, value: &Value) -> Self {
        Self::whole(status, "application/json", value.to_string().into())
    }

    pub(crate) fn whole(status: u16, content_type: &'static str, body: Bytes) -> Self {
        Self { status, content_type, headers: Vec::new(), payload: Payload::Whole(body), trailers: None }
    }

    pub(crate) fn events(events: Vec<Bytes>) -> Self {
        let headers = vec![("cache-control", "no-cache".to_owned())];
        let content_type = "text/event-stream; charset=utf-8";
        Self { status: 200, content_type, headers, payload: Payload::Events(events), trailers: None }
    }

    /// Pieces of another form, one at a time.
    pub(crate) fn stream(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        Self { content_type, ..Self::events(pieces) }
    }

    /// One JSON array, an element at a time.
    pub(crate) fn array(elements: Vec<Value>) -> Self {
        let mut pieces: Vec<Bytes> = Vec::with_capacity(elements.len() + 1);
        for element in elements {
            let before = if pieces.is_empty() { "[" } else { ",\r\n" };
            pieces.push(format!("{before}{element:#}").into());
        }
        pieces.push("]".into());
        Self::stream("application/json; charset=UTF-8", pieces)
    }

    /// Starts to play it; `reset` is pulled when the whole connection has to break.
    pub(crate) fn play(self, fault: &Fault, pace: Duration, reset: Arc<AtomicBool>) -> io::Result<Response<Frames>> {
        let mut response = Response::builder().status(self.status);
        let content_type = fault.content_type.as_deref().unwrap_or(self.content_type);
        if !content_type.is_empty() {
            response = response.header(CONTENT_TYPE, content_type);
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        if let Some(coding) = fault.coding.name() {
            response = response.header(CONTENT_ENCODING, coding);
        }
        let (pieces, pace) = match self.payload {
            Payload::Events(events) => (events, fault.pace.unwrap_or(pace)),
            Payload::Whole(body) => {
                if fault.coding == Coding::Identity && self.trailers.is_none() {
                    response = response.header(CONTENT_LENGTH, body.len());
                }
                // A whole answer that has to break is played in quarters, so that it breaks in the middle.
                let quarter = if fault.breakage.is_some() { body.len() / 4 + 1 } else { body.len().max(1) };
                (body.chunks(quarter).map(Bytes::copy_from_slice).collect(), Duration::ZERO)
            }
        };
        let (sender, frames) = Frames::fed();
        let (encoder, stepped) = (fault.coding.encoder()?, fault.stepped);
        if stepped {
            // What an answer before this one left over is none of its own.
            STEPS.forget_permits(usize::MAX);
        }
        let player = Player { encoder, pace, stepped, breakage: fault.breakage, reset, sender };
        tokio::spawn(player.run(pieces, self.trailers));
        response.body(frames).map_err(io::Error::other)
    }
}

/// Events that answers in steps may send. A test that makes steps runs alone.
static STEPS: Semaphore = Semaphore::const_new(0);

/// Lets one more event go.
pub(crate) fn step() {
    STEPS.add_permits(1);
}

struct Player {
    encoder: Encoder,
    pace: Duration,
    stepped: bool,
    breakage: Option<Breakage>,
    reset: Arc<AtomicBool>,
    sender: mpsc::Sender<io::Result<Frame<Bytes>>>,
}

impl Player {
    /// Sends the pieces, ends early when the listener is gone.
    async fn run(mut self, pieces: Vec<Bytes>, trailers: Option<HeaderMap>) {
        for (index, piece) in pieces.into_iter().enumerate() {
            if index > 0 {
                self.pause().await;
            }
            if self.breaks_at(index).await {
                return;
            }
            let coded = self.encoder.push(&piece).map(|coded| Frame::data(coded.into()));
            if self.sender.send(coded).await.is_err() {
                return;
            }
        }
        let rest = self.encoder.finish();
        if !rest.as_ref().is_ok_and(Vec::is_empty) {
            let _ = self.sender.send(rest.map(|rest| Frame::data(rest.into()))).await;
        }
        if let Some(trailers) = trailers {
            let _ = self.sender.send(Ok(Frame::trailers(trailers))).await;
        }
    }

    async fn pause(&self) {
        if self.stepped {
            STEPS.acquire().await.expect("nobody closes it").forget();
        } else if !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
    }

    async fn breaks_at(&self, index: usize) -> bool {
        match self.breakage {
            Some(Breakage::Stall) if index == 1 => {
                self.sender.closed().await;
                true
            }
            Some(Breakage::ResetStream | Breakage::DropConnection) if index == 3 => {
                self.reset.store(self.breakage == Some(Breakage::DropConnection), Ordering::Relaxed);
                let _ = self.sender.send(Err(io::ErrorKind::ConnectionReset.into())).await;
                true
            }
            _ => false,
        }
    }
}

/// A body fed by a [`Player`].
pub(crate) struct Frames(mpsc::Receiver<io::Result<Frame<Bytes>>>);

impl Frames {
    /// A body for whoever says what is in it; room for one frame, so that a slow reader is felt at once.
    pub(crate) fn fed() -> (mpsc::Sender<io::Result<Frame<Bytes>>>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(receiver))
    }
}

impl Body for Frames {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(cx)
    }
}
