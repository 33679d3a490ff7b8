use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::recent::{Kinds, Line};
use crate::accept::InFlight;
use crate::decide::sessions::SessionKey;

/// How long a browser waits before it comes back.
const GREETING: &[u8] = b"retry: 2000\n\n";

/// All live streams.
#[derive(Debug)]
pub(crate) struct Subscribers {
    rows: Vec<Subscriber>,
    most: usize,
    queue: usize,
    /// Streams ended because their reader was too slow.
    pub(crate) dropped: u64,
}

#[derive(Debug)]
struct Subscriber {
    session: SessionKey,
    kinds: Kinds,
    queue: mpsc::Sender<Bytes>,
}

/// The body of one live stream. It ends when its reader is too slow, its session ends or the daemon stops; the browser
/// then comes back with the place it was at.
#[derive(Debug)]
pub(crate) struct Stream {
    first: VecDeque<Bytes>,
    queue: mpsc::Receiver<Bytes>,
    /// Keeps the connection from being closed as idle.
    in_flight: Option<InFlight>,
}

impl Subscribers {
    pub(crate) fn new(most: usize, queue: usize) -> Self {
        Self { rows: Vec::new(), most, queue, dropped: 0 }
    }

    pub(crate) fn add(&mut self, session: SessionKey, kinds: Kinds, missed: Vec<Bytes>) -> Option<Stream> {
        self.rows.retain(|row| !row.queue.is_closed());
        if self.rows.len() >= self.most {
            return None;
        }
        let (queue, receiver) = mpsc::channel(self.queue);
        self.rows.push(Subscriber { session, kinds, queue });
        let first = std::iter::once(Bytes::from_static(GREETING)).chain(missed).collect();
        Some(Stream { first, queue: receiver, in_flight: None })
    }

    pub(crate) fn send(&mut self, line: &Line) {
        if self.rows.is_empty() {
            return;
        }
        let frame = line.frame();
        self.offer(|row| row.kinds.contains(line.kind).then(|| frame.clone()));
    }

    /// Shows every reader that the stream lives, and ends those whose session is over.
    pub(crate) fn beat(&mut self, alive: &impl Fn(SessionKey) -> bool) {
        self.rows.retain(|row| alive(row.session));
        self.offer(|_| Some(Bytes::from_static(b": beat\n\n")));
    }

    pub(crate) fn close(&mut self) {
        self.rows.clear();
    }

    pub(crate) fn count(&self) -> usize {
        self.rows.iter().filter(|row| !row.queue.is_closed()).count()
    }

    fn offer(&mut self, frame: impl Fn(&Subscriber) -> Option<Bytes>) {
        let dropped = &mut self.dropped;
        self.rows.retain(|row| match frame(row).map(|frame| row.queue.try_send(frame)) {
            None | Some(Ok(())) => true,
            Some(Err(TrySendError::Closed(_))) => false,
            Some(Err(TrySendError::Full(_))) => {
                *dropped += 1;
                false
            }
        });
    }
}

impl Stream {
    pub(crate) fn during(mut self, in_flight: Option<InFlight>) -> Self {
        self.in_flight = in_flight;
        self
    }
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.first.pop_front() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => self.queue.poll_recv(cx).map(|frame| frame.map(|frame| Ok(Frame::data(frame)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use gate_core::{AdminEvent, Event, Position, Record, UnixMicros};

    use super::Subscribers;
    use crate::decide::sessions::{SessionKey, Sessions};
    use crate::live::recent::{Kinds, Recent};
    use crate::ports::FeedEntry;

    fn key() -> SessionKey {
        let mut sessions = Sessions::new(60, 1);
        let cookie = sessions.start(UnixMicros(0)).unwrap();
        sessions.touch(&cookie, UnixMicros(0)).unwrap()
    }

    fn line() -> std::sync::Arc<crate::live::recent::Line> {
        let event = AdminEvent { client: None, actor: None, command: "claim".to_owned(), ok: true, detail: None };
        let record = Record { at: UnixMicros(1), event: Event::Admin(event) };
        Recent::new(1).push(&FeedEntry { process: "admin".into(), position: Position(1), record })
    }

    #[test]
    fn a_slow_reader_is_dropped_and_the_others_go_on() {
        let mut subscribers = Subscribers::new(4, 2);
        let slow = subscribers.add(key(), Kinds::ALL, Vec::new()).unwrap();
        let mut quick = subscribers.add(key(), Kinds::ALL, Vec::new()).unwrap();
        let other = subscribers.add(key(), Kinds::parse("dns").unwrap(), Vec::new()).unwrap();
        for _ in 0..10 {
            subscribers.send(&line());
            quick.queue.try_recv().unwrap();
        }
        assert_eq!((subscribers.count(), subscribers.dropped), (2, 1));
        assert_eq!((slow.queue.len(), other.queue.len()), (2, 0), "what was queued is still delivered");
    }

    #[test]
    fn streams_are_bounded_and_a_closed_one_makes_room() {
        let mut subscribers = Subscribers::new(1, 2);
        let one = subscribers.add(key(), Kinds::ALL, Vec::new());
        assert!(one.is_some() && subscribers.add(key(), Kinds::ALL, Vec::new()).is_none());
        drop(one);
        assert!(subscribers.add(key(), Kinds::ALL, Vec::new()).is_some());
    }

    #[test]
    fn a_stream_ends_with_its_session() {
        let mut subscribers = Subscribers::new(2, 2);
        let (mine, theirs) = (key(), key());
        let _mine = subscribers.add(mine, Kinds::ALL, Vec::new()).unwrap();
        let mut stream = subscribers.add(theirs, Kinds::ALL, Vec::new()).unwrap();
        subscribers.beat(&|key| key == mine);
        assert_eq!(subscribers.count(), 1);
        assert!(stream.queue.try_recv().is_err());
    }
}
