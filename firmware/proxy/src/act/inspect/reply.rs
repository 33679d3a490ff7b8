//! Answers on their way to the client: frame by frame as they come, with the record written before the last one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gate_core::{JournalError, Reason};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;

use super::record::Pending;
use super::usage::Side;

/// The body of an answer.
pub(super) enum Reply {
    /// Our own, already recorded.
    Own(Full<Bytes>),
    Relayed(Box<Relayed>),
}

/// Why an answer breaks off.
#[derive(Debug, Error)]
pub(super) enum ReplyError {
    #[error("the provider broke the exchange: {0}")]
    Upstream(#[from] hyper::Error),
    #[error("the end of the answer is withheld: {0}")]
    Journal(#[from] JournalError),
}

/// The provider's body, watched on its way.
pub(super) struct Relayed {
    inner: Incoming,
    pending: Pending,
    side: Option<Side>,
    /// Bytes until the announced end, where one is announced.
    left: Option<u64>,
}

impl Relayed {
    /// Starts to relay. A body that is over before it starts is recorded here.
    pub(super) fn new(inner: Incoming, pending: Pending, side: Side) -> Result<Self, JournalError> {
        let left = inner.size_hint().exact();
        let over = inner.is_end_stream();
        let mut relayed = Self { inner, pending, side: Some(side), left };
        if over {
            relayed.finish(None)?;
        }
        Ok(relayed)
    }

    fn data(&mut self, data: &Bytes) -> Result<(), JournalError> {
        if let Some(side) = &mut self.side {
            side.push(data);
        }
        let len = data.len() as u64;
        self.pending.note(|event| event.response_bytes += len);
        self.left = self.left.map(|left| left.saturating_sub(len));
        // A client that knows the length has the whole answer with this frame.
        if self.left == Some(0) || self.inner.is_end_stream() { self.finish(None) } else { Ok(()) }
    }

    fn finish(&mut self, reason: Option<Reason>) -> Result<(), JournalError> {
        self.note_usage();
        self.pending.note(|event| event.reason = event.reason.take().or(reason));
        self.pending.finish()
    }

    fn note_usage(&mut self) {
        let Some(side) = self.side.take() else { return };
        if side.is_off() {
            self.pending.shared().counters.unread_answers.add(1);
        }
        let usage = side.finish();
        self.pending.note(|event| event.usage = usage);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyError>>> {
        let next = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let recorded = match &next {
            Some(Ok(frame)) => match frame.data_ref() {
                Some(data) => self.data(data),
                None => self.finish(None),
            },
            Some(Err(_)) => self.finish(Some(self.pending.unless_cut(Reason::UpstreamReset))),
            None => self.finish(None),
        };
        Poll::Ready(match recorded {
            Ok(()) => next.map(|frame| frame.map_err(ReplyError::from)),
            Err(error) => Some(Err(error.into())),
        })
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // Dropped before its end: the tokens seen so far belong into the record that `pending` writes now.
        self.note_usage();
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = ReplyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyError>>> {
        match self.get_mut() {
            Self::Own(body) => Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Relayed(relayed) => relayed.poll(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Own(body) => body.is_end_stream(),
            // Before its record is written an answer has no end.
            Self::Relayed(relayed) => relayed.pending.is_finished() && relayed.inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Relayed(relayed) => relayed.inner.size_hint(),
        }
    }
}
