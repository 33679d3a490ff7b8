use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use http::header;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

/// How long the rest of a body is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a handler leaves unread of a body. An answer given before the whole body has come is followed by a reset of its
/// stream (before HTTP/2: of the connection), and there are clients that then throw the answer away. So the rest is
/// taken in and dropped first.
pub(crate) struct Unread(oneshot::Receiver<Body>);

impl Unread {
    /// Watches over the body of a request.
    pub(crate) fn of(request: Request) -> (Self, Request) {
        let (give_back, rest) = oneshot::channel();
        // Who waits to be asked for the body has not sent it, and reading would ask.
        let waits = request.headers().contains_key(header::EXPECT);
        let watched = |body| Body::new(Watched { body: Some(body), give_back: Some(give_back), waits });
        (Self(rest), request.map(watched))
    }

    /// Reads and drops at most `most` bytes, until `latest` at the latest. To be called when the handler is over.
    pub(crate) async fn drain(mut self, most: u64, latest: Instant) {
        // None when the body was read to its end or there was none.
        let Ok(rest) = self.0.try_recv() else { return };
        let latest = latest.min(Instant::now() + PATIENCE);
        // Late is no error here: the answer goes out all the same.
        let _late = timeout_at(latest, drop_all(rest, most)).await;
    }
}

async fn drop_all(mut body: Body, most: u64) {
    let mut left = most;
    // What says beforehand that it is too long is not begun with.
    while body.size_hint().lower() <= left {
        let Some(Ok(frame)) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await else { return };
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}

/// A body that goes back to [`Unread`] when it is dropped before its end.
struct Watched {
    body: Option<Body>,
    give_back: Option<oneshot::Sender<Body>>,
    waits: bool,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|body| !self.waits && !body.is_end_stream());
        if let (Some(rest), Some(give_back)) = (rest, self.give_back.take()) {
            let _ = give_back.send(rest);
        }
    }
}

#[cfg(test)]
mod tests;
