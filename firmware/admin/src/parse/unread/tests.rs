use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use http::header;
use hyper::body::Frame;
use tokio::time::Instant;

use super::Unread;

/// A body of `left` pieces of a kilobyte, after which it ends or never does; counts what was taken of it.
struct Pieces {
    left: u64,
    ends: bool,
    taken: Arc<AtomicU64>,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.left == 0 {
            return if self.ends { Poll::Ready(None) } else { Poll::Pending };
        }
        self.left -= 1;
        self.taken.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; 1024])))))
    }
}

fn request(left: u64, ends: bool) -> (Request, Arc<AtomicU64>) {
    let taken = Arc::new(AtomicU64::new(0));
    (Request::new(Body::new(Pieces { left, ends, taken: Arc::clone(&taken) })), taken)
}

/// Kilobytes taken of a body that its handler dropped, and how long that was waited for.
async fn drained((request, taken): (Request, Arc<AtomicU64>), patience: u64) -> (u64, Duration) {
    let start = Instant::now();
    let (unread, request) = Unread::of(request);
    drop(request);
    unread.drain(8 << 10, start + Duration::from_secs(patience)).await;
    (taken.load(Ordering::Relaxed), start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn the_rest_is_read_up_to_a_size_and_a_time() {
    let at_once = Duration::ZERO;
    assert_eq!(drained(request(8, true), 10).await, (8, at_once));
    assert_eq!(drained(request(100, true), 10).await, (9, at_once), "one piece too many shows that it is too long");
    let (taken, waited) = drained(request(3, false), 10).await;
    assert_eq!((taken, waited.as_secs()), (3, 2), "as long as it has patience");
    let (taken, waited) = drained(request(3, false), 1).await;
    assert_eq!((taken, waited.as_secs()), (3, 1), "but not past the time of the whole request");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_or_need_not_be_read_is_left() {
    let told = Request::new(Body::from(vec![0; (8 << 10) + 1]));
    let (unread, told) = Unread::of(told);
    drop(told);
    unread.drain(8 << 10, Instant::now()).await;

    let (mut waits, taken) = request(3, true);
    waits.headers_mut().insert(header::EXPECT, header::HeaderValue::from_static("100-continue"));
    assert_eq!(drained((waits, taken), 10).await, (0, Duration::ZERO), "it was not asked for, so it does not come");
}

#[tokio::test(start_paused = true)]
async fn a_body_read_in_part_is_read_to_its_end() {
    let (request, taken) = request(6, true);
    let (unread, request) = Unread::of(request);
    assert!(to_bytes(request.into_body(), 2048).await.is_err(), "too large for its handler");
    unread.drain(8 << 10, Instant::now() + Duration::from_secs(10)).await;
    assert_eq!(taken.load(Ordering::Relaxed), 6);
}
