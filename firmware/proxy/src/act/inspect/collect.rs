//! Request bodies: gathered whole, under a cap of their own and a budget for all together.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use thiserror::Error;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::budget::Charge;

/// A client that sends nothing of an announced body for so long holds budget for nobody.
const BODY_IDLE: Duration = Duration::from_secs(30);

/// A whole body, with what it costs.
pub(super) struct Collected {
    pub(super) bytes: Bytes,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) charge: Charge,
}

/// Why a body was not gathered.
#[derive(Debug, Error)]
pub(super) enum CollectError {
    #[error("the body passes its cap")]
    TooLarge,
    #[error("the budget for buffered bodies stayed used up")]
    OutOfBudget,
    #[error("the client stopped sending")]
    Stalled,
    #[error("the client broke off: {0}")]
    Client(#[from] hyper::Error),
}

/// Reads a body to its end. What is not paid for is not read, so a client above the budget is slowed by its own socket.
pub(super) async fn collect(
    mut body: Incoming,
    cap: usize,
    pool: &Arc<Semaphore>,
    wait: Duration,
) -> Result<Collected, CollectError> {
    if body.size_hint().lower() > u64::try_from(cap).unwrap_or(u64::MAX) {
        return Err(CollectError::TooLarge);
    }
    let mut charge = Charge::new(Arc::clone(pool));
    let (mut parts, mut trailers) = (Gathered::default(), None);
    loop {
        let Ok(next) = timeout(BODY_IDLE, body.frame()).await else { return Err(CollectError::Stalled) };
        let Some(frame) = next.transpose()? else { break };
        match frame.into_data() {
            Ok(data) => {
                if parts.len() + data.len() > cap {
                    return Err(CollectError::TooLarge);
                }
                if !charge.grow(data.len(), wait).await {
                    return Err(CollectError::OutOfBudget);
                }
                parts.push(data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Collected { bytes: parts.freeze(), trailers, charge })
}

/// Most bodies come in one frame and are then not copied.
#[derive(Default)]
struct Gathered {
    one: Bytes,
    many: BytesMut,
}

impl Gathered {
    fn len(&self) -> usize {
        self.one.len() + self.many.len()
    }

    fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.one = data;
        } else {
            self.many.extend_from_slice(&std::mem::take(&mut self.one));
            self.many.extend_from_slice(&data);
        }
    }

    fn freeze(self) -> Bytes {
        if self.many.is_empty() { self.one } else { self.many.freeze() }
    }
}

/// A judged body on its way to the server; the budget is given back once it is sent.
pub(super) struct Held {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
    _charge: Option<Charge>,
}

impl Held {
    pub(super) fn new(bytes: Bytes, trailers: Option<HeaderMap>, charge: Charge) -> Self {
        Self { bytes, trailers, _charge: Some(charge) }
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.trailers {
            // HTTP/1.1 carries trailers only after chunks, so the length must not be known.
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.bytes.len() as u64),
        }
    }
}
