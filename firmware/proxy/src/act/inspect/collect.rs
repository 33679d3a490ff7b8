//! Request bodies: gathered whole, under a cap of their own and a budget for all together.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::budget::Charge;
use super::upstream::Unsent;

/// A client that sends nothing of a body or message that it began for so long holds budget for nobody.
const BODY_IDLE: Duration = Duration::from_secs(30);

/// After that time a body must have come at this many bytes a second on average (256 kbit/s), so that one which
/// trickles does not hold its budget for hours: the largest has 17 minutes.
const BODY_RATE: usize = 32 * 1024;

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
    #[error("the client stopped sending, or sends too slowly")]
    Stalled,
    #[error("the client broke off: {0}")]
    Client(#[from] hyper::Error),
}

/// Reads a body to its end. What is not paid for is not read, so a client above the budget is slowed by its own socket.
/// `seen` becomes the body's size, as far as it came or was announced, also where it is not gathered.
pub(super) async fn collect<B>(
    mut body: B,
    cap: usize,
    mut charge: Charge,
    wait: Duration,
    seen: &mut u64,
) -> Result<Collected, CollectError>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    let announced = body.size_hint().lower();
    if announced > u64::try_from(cap).unwrap_or(u64::MAX) {
        *seen = announced;
        return Err(CollectError::TooLarge);
    }
    let (mut parts, mut trailers) = (Gathered::default(), None);
    let mut pace = Pace::begin();
    loop {
        let Ok(next) = timeout_at(pace.deadline(), body.frame()).await else { return Err(CollectError::Stalled) };
        let Some(frame) = next.transpose()? else { break };
        match frame.into_data() {
            Ok(data) => {
                *seen += data.len() as u64;
                if parts.len() + data.len() > cap {
                    return Err(CollectError::TooLarge);
                }
                pace.came(data.len());
                let asked = Instant::now();
                if !charge.grow(data.len(), wait).await {
                    return Err(CollectError::OutOfBudget);
                }
                pace.excuse(asked);
                parts.push(data);
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    Ok(Collected { bytes: parts.freeze(), trailers, charge })
}

/// How fast something has to come that holds budget until all of it is here.
pub(super) struct Pace {
    due: Instant,
}

impl Pace {
    pub(super) fn begin() -> Self {
        Self { due: Instant::now() + BODY_IDLE }
    }

    /// When the next piece has to be here.
    pub(super) fn deadline(&self) -> Instant {
        self.due.min(Instant::now() + BODY_IDLE)
    }

    /// So many bytes came, which buy time for the rest.
    pub(super) fn came(&mut self, bytes: usize) {
        self.due += Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / BODY_RATE as u64);
    }

    /// Since then somebody else was waited for: for budget, or for the server.
    pub(super) fn excuse(&mut self, since: Instant) {
        self.due += since.elapsed();
    }
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

/// A judged body on its way to the server.
pub(super) struct Held(Content);

/// The bytes of a body and what they cost: given back once the last of them has left, however long the server takes for that.
struct Paid {
    bytes: Bytes,
    _charge: Charge,
    _unsent: Option<Unsent>,
}

impl AsRef<[u8]> for Paid {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

enum Content {
    Whole {
        bytes: Bytes,
        trailers: Option<HeaderMap>,
        /// Until the bytes take it with them.
        charge: Option<Charge>,
        unsent: Option<Unsent>,
    },
    /// Judged message by message, as they come; `None` is its end.
    Stream(mpsc::Receiver<Option<Frame<Bytes>>>),
}

/// The rest of a body does not leave.
#[derive(Clone, Copy, Debug, Error)]
#[error("the rest of the body is withheld")]
pub(super) struct Withheld;

impl Held {
    /// What judging took besides the bytes is given back.
    pub(super) fn new(bytes: Bytes, trailers: Option<HeaderMap>, mut charge: Charge) -> Self {
        charge.keep(bytes.len());
        Self(Content::Whole { bytes, trailers, charge: Some(charge), unsent: None })
    }

    /// Holds this until the last byte has left. One that comes message by message has an end of its own.
    pub(super) fn hold(&mut self, mark: Unsent) {
        if let Content::Whole { unsent, .. } = &mut self.0 {
            *unsent = Some(mark);
        }
    }

    pub(super) fn stream(frames: mpsc::Receiver<Option<Frame<Bytes>>>) -> Self {
        Self(Content::Stream(frames))
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = Withheld;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match &mut self.0 {
            Content::Whole { bytes, charge, unsent, .. } if !bytes.is_empty() => {
                let bytes = std::mem::take(bytes);
                let data = match charge.take() {
                    Some(_charge) => Bytes::from_owner(Paid { bytes, _charge, _unsent: unsent.take() }),
                    None => bytes,
                };
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Content::Whole { trailers, .. } => {
                Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Content::Stream(frames) => match ready!(frames.poll_recv(cx)) {
                Some(frame) => Poll::Ready(frame.map(Ok)),
                // Without its end the server must not take what it has for all that there is.
                None => Poll::Ready(Some(Err(Withheld))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Content::Whole { bytes, trailers: None, .. } if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Content::Whole { bytes, trailers: None, .. } => SizeHint::with_exact(bytes.len() as u64),
            // HTTP/1.1 carries trailers only after chunks, so the length must not be known.
            Content::Whole { .. } | Content::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use std::time::Duration;

    use bytes::Bytes;
    use http_body_util::BodyExt;
    use hyper::body::{Body, Frame};
    use tokio::time::Instant;

    use super::{BODY_IDLE, BODY_RATE, CollectError, Held, collect};
    use crate::act::inspect::budget::Budget;

    const CAP: usize = 1 << 20;

    struct Trickle(tokio::sync::mpsc::Receiver<Frame<Bytes>>);

    impl Body for Trickle {
        type Data = Bytes;
        type Error = hyper::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
            self.0.poll_recv(context).map(|frame| frame.map(Ok))
        }
    }

    /// A body that brings `piece` bytes every `pause`, `count` times; what became of it and how long that took.
    async fn trickle(piece: usize, pause: Duration, count: usize) -> (Result<usize, CollectError>, Duration) {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            for _ in 0..count {
                tokio::time::sleep(pause).await;
                if sender.send(Frame::data(vec![b' '; piece].into())).await.is_err() {
                    return;
                }
            }
        });
        let body = Trickle(receiver);
        let (budget, begun) = (Budget::new(4 * CAP), Instant::now());
        let charge = budget.charge(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let collected = collect(body, CAP, charge, Duration::ZERO, &mut 0).await;
        (collected.map(|collected| collected.bytes.len()), begun.elapsed())
    }

    #[tokio::test]
    async fn a_body_is_paid_for_until_its_last_byte_has_left() {
        let budget = Budget::new(4 * CAP);
        let mut charge = budget.charge(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(charge.grow(2 * CAP, Duration::ZERO).await);
        let mut held = Held::new(vec![b' '; CAP].into(), None, charge);
        assert_eq!(budget.pool.available_permits(), 3 * CAP, "what judging took is free");
        let left = held.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(held.is_end_stream());
        drop(held);
        let rest = left.slice(CAP - 1..);
        drop(left);
        assert_eq!((rest.len(), budget.pool.available_permits()), (1, 3 * CAP), "it waits to be sent");
        drop(rest);
        assert_eq!(budget.pool.available_permits(), 4 * CAP);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_although_it_never_stops() {
        let (result, took) = trickle(1, Duration::from_secs(1), CAP).await;
        assert!(matches!(result, Err(CollectError::Stalled)));
        assert!((BODY_IDLE..BODY_IDLE + Duration::from_secs(2)).contains(&took), "{took:?}");
        let (result, took) = trickle(BODY_RATE / 2, Duration::from_secs(1), CAP).await;
        assert!(matches!(result, Err(CollectError::Stalled)));
        assert!(
            (2 * BODY_IDLE - Duration::from_secs(2)..2 * BODY_IDLE + Duration::from_secs(2)).contains(&took),
            "{took:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_link_gets_its_time_and_a_silent_one_does_not() {
        let (result, _) = trickle(BODY_RATE / 4, Duration::from_millis(250), CAP / (BODY_RATE / 4)).await;
        assert_eq!(result.unwrap(), CAP);
        let (result, took) = trickle(CAP / 2, Duration::from_secs(60), 1).await;
        assert!(matches!(result, Err(CollectError::Stalled)));
        assert_eq!(took, BODY_IDLE);
    }
}
