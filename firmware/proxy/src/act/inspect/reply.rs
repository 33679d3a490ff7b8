//! Answers on their way to the client: frame by frame as they come, with the record written before the last one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use gate_core::{JournalError, Reason};
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;

use super::calls::Talking;
use super::record::Pending;
use super::restore::Restorer;
use super::upstream::Owed;
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
    #[error("the answer's coding is broken: {0}")]
    Coding(#[from] io::Error),
    #[error("the end of the answer is withheld: {0}")]
    Journal(#[from] JournalError),
    #[error("the client may say no more, and the answer has begun")]
    Refused,
}

/// The provider's body, watched on its way.
pub(super) struct Relayed {
    inner: Incoming,
    pending: Pending,
    side: Option<Side>,
    /// Bytes until the announced end, where one is announced.
    left: Option<u64>,
    /// Where it answers a call: what may end it early.
    talk: Option<Talking>,
    /// What puts values back into it.
    restorer: Option<Box<Restorer>>,
    /// Follows what was held back to the end.
    queued: Option<Frame<Bytes>>,
    /// It ended early, or with what was held back.
    over: bool,
    /// Told when the provider has said all.
    owed: Option<Owed>,
}

impl Relayed {
    /// Starts to relay. A body that is over before it starts is recorded here.
    pub(super) fn new(
        inner: Incoming,
        pending: Pending,
        side: Side,
        talk: Option<Talking>,
        restorer: Option<Box<Restorer>>,
        owed: Option<Owed>,
    ) -> Result<Self, JournalError> {
        let left = inner.size_hint().exact();
        let is_empty = inner.is_end_stream();
        let side = Some(side);
        let mut relayed = Self { inner, pending, side, left, talk, restorer, queued: None, over: false, owed };
        if is_empty {
            relayed.pay();
            relayed.finish(None)?;
        }
        Ok(relayed)
    }

    /// What the client gets of a frame; `None`: nothing yet.
    fn frame(&mut self, frame: Frame<Bytes>) -> Result<Option<Frame<Bytes>>, ReplyError> {
        match frame.into_data() {
            Ok(data) => self.data(data),
            Err(trailers) => {
                self.pay();
                let rest = self.rest()?;
                self.finish(None)?;
                let Some(rest) = rest else { return Ok(Some(trailers)) };
                self.queued = Some(trailers);
                Ok(Some(Frame::data(rest)))
            }
        }
    }

    fn data(&mut self, data: Bytes) -> Result<Option<Frame<Bytes>>, ReplyError> {
        if let Some(side) = &mut self.side {
            side.push(&data);
            self.pending.note_told(side.has_ended());
        }
        if let Some(talk) = &mut self.talk {
            talk.push(&data);
        }
        let len = data.len() as u64;
        self.pending.note(|event| event.response_bytes += len);
        self.left = self.left.map(|left| left.saturating_sub(len));
        let is_last = self.left == Some(0) || self.inner.is_end_stream();
        if is_last {
            self.pay();
        }
        let data = match &mut self.restorer {
            Some(restorer) => restorer.push(&data, is_last)?,
            None => data,
        };
        // A client that knows the length has the whole answer with this frame.
        if is_last {
            self.finish(None)?;
        }
        let nothing = self.restorer.is_some() && data.is_empty();
        Ok((!nothing).then(|| Frame::data(data)))
    }

    /// What was held back, where nothing follows.
    fn rest(&mut self) -> io::Result<Option<Bytes>> {
        let Some(restorer) = &mut self.restorer else { return Ok(None) };
        let rest = restorer.push(&[], true)?;
        Ok((!rest.is_empty()).then_some(rest))
    }

    /// The end of the body.
    fn end(&mut self) -> Result<Option<Frame<Bytes>>, ReplyError> {
        self.pay();
        let rest = self.rest()?;
        self.over = rest.is_some();
        self.finish(None)?;
        Ok(rest.map(Frame::data))
    }

    /// The provider has said all.
    fn pay(&mut self) {
        if let Some(owed) = self.owed.take() {
            owed.pay();
        }
    }

    fn finish(&mut self, reason: Option<Reason>) -> Result<(), JournalError> {
        self.note_usage();
        self.note_restored();
        if let Some(talk) = &self.talk {
            talk.settle(&mut self.pending);
        }
        self.pending.note(|event| event.reason = event.reason.take().or(reason));
        self.pending.finish()
    }

    /// Ends the answer to a call whose client may say no more, once it is recorded.
    fn refuse(&mut self, last: Option<Frame<Bytes>>) -> Result<Frame<Bytes>, ReplyError> {
        self.over = true;
        self.finish(None)?;
        last.ok_or(ReplyError::Refused)
    }

    fn note_restored(&mut self) {
        let Some(restorer) = &mut self.restorer else { return };
        self.pending.note_restored(restorer.restored());
        if restorer.take_spent() {
            self.pending.note_unedited();
        }
    }

    fn note_usage(&mut self) {
        let Some(side) = self.side.take() else { return };
        if side.is_off() {
            self.pending.shared().counters.unread_answers.add(1);
        }
        self.pending.note_usage(side.finish());
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ReplyError>>> {
        if let Some(frame) = self.queued.take() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if self.over {
            return Poll::Ready(None);
        }
        if !self.pending.is_finished()
            && let Some(talk) = &mut self.talk
            && let Poll::Ready(last) = talk.poll_refused(cx)
        {
            return Poll::Ready(Some(self.refuse(last)));
        }
        loop {
            let passed = match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Ok(frame)) => match self.frame(frame) {
                    Ok(None) => continue,
                    passed => passed,
                },
                Some(Err(error)) => {
                    let recorded = self.finish(Some(self.pending.unless_cut(Reason::UpstreamReset)));
                    let error = recorded.map_or_else(ReplyError::from, |()| error.into());
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.end(),
            };
            if let Err(ReplyError::Coding(_)) = passed {
                // Whatever becomes of the record, the answer ends here.
                let _ = self.finish(Some(Reason::BadEncoding));
            }
            return Poll::Ready(passed.transpose());
        }
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        // SDKs leave at the mark that says that nothing follows, and do not wait for the end of the body.
        if self.side.as_ref().is_some_and(Side::has_ended) {
            // A failure is counted and logged where it happens; there is nobody left to tell.
            let _ = self.finish(None);
            return;
        }
        // Dropped before its end: what was seen so far belongs into the record that `pending` writes now.
        self.note_usage();
        self.note_restored();
        if let Some(talk) = &self.talk {
            talk.settle(&mut self.pending);
        }
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
            Self::Relayed(relayed) => {
                relayed.queued.is_none()
                    && (relayed.over || (relayed.pending.is_finished() && relayed.inner.is_end_stream()))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Own(body) => body.size_hint(),
            Self::Relayed(relayed) if relayed.talk.is_some() || relayed.restorer.is_some() => SizeHint::default(),
            Self::Relayed(relayed) => relayed.inner.size_hint(),
        }
    }
}
