//! Work on many items at once whose results come out in the order of the items.
//!
//! ```text
//!   source ──► worker 1 ──► channel 1 ─┐
//!          ──► worker 2 ──► channel 2 ─┼─► one reader, channel by channel
//!          ──► worker 1 ──► channel 3 ─┘
//! ```
//!
//! Whoever takes an item from the source puts that item's channel into the reader's queue before anybody else may take
//! one: the queue has the order of the source. Queue and channels are bounded, so that memory is too, however far one
//! worker is ahead of the others.

use std::sync::mpsc::{Receiver, RecvError, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Messages of one item that wait for the reader.
const MESSAGES: usize = 4;

/// Items in work or done, for each worker, that wait for the reader.
const ITEMS_PER_WORKER: usize = 16;

/// What a worker says about one item.
enum Signal<M> {
    Message(M),
    /// Without it the worker did not come to the end of the item.
    Done,
}

/// Where a worker puts what it has to say about the item in hand.
pub(super) struct Outlet<M>(SyncSender<Signal<M>>);

/// The reader has gone; there is no point in going on.
#[derive(Debug)]
pub(super) struct Gone;

/// What the reader is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event<M> {
    Message(M),
    /// Nothing is there to read right now.
    Idle,
}

/// Why the reader did not get to the end.
#[derive(Debug)]
pub(super) enum Stopped<E> {
    /// The reader itself said so.
    Reader(E),
    /// A worker died in the middle of an item.
    Worker,
}

impl<M> Outlet<M> {
    /// Waits until the reader has room.
    pub(super) fn put(&self, message: M) -> Result<(), Gone> {
        self.0.send(Signal::Message(message)).map_err(|_| Gone)
    }
}

/// Works on the items of `source` on so many threads and reads what comes out in the order of the items. The threads are
/// left alone when the reader stops early: one of them may be waiting for input that never comes.
pub(super) fn ordered<I, M, W, E>(
    threads: usize,
    source: impl Iterator<Item = I> + Send + 'static,
    worker: impl Fn() -> W,
    mut read: impl FnMut(Event<M>) -> Result<(), E>,
) -> Result<(), Stopped<E>>
where
    M: Send + 'static,
    W: FnMut(I, &Outlet<M>) -> Result<(), Gone> + Send + 'static,
{
    let (queue, items) = sync_channel(threads * ITEMS_PER_WORKER);
    let source = Arc::new(Mutex::new((source, queue)));
    for _ in 0..threads {
        let (source, work) = (source.clone(), worker());
        thread::spawn(move || run(&source, work));
    }
    // The queue closes when the last worker has gone.
    drop(source);
    loop {
        match next(&items, &mut read).map_err(Stopped::Reader)? {
            Ok(item) => read_item(&item, &mut read)?,
            Err(RecvError) => return Ok(()),
        }
    }
}

type Queue<M> = SyncSender<Receiver<Signal<M>>>;

/// One worker's life.
fn run<I, M>(
    source: &Mutex<(impl Iterator<Item = I>, Queue<M>)>,
    mut work: impl FnMut(I, &Outlet<M>) -> Result<(), Gone>,
) {
    loop {
        let (outlet, messages) = sync_channel(MESSAGES);
        let item = {
            let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(item) = source.0.next() else { return };
            if source.1.send(messages).is_err() {
                return;
            }
            item
        };
        let outlet = Outlet(outlet);
        if work(item, &outlet).is_err() || outlet.0.send(Signal::Done).is_err() {
            return;
        }
    }
}

fn read_item<M, E>(
    item: &Receiver<Signal<M>>,
    read: &mut impl FnMut(Event<M>) -> Result<(), E>,
) -> Result<(), Stopped<E>> {
    loop {
        match next(item, read).map_err(Stopped::Reader)? {
            Ok(Signal::Message(message)) => read(Event::Message(message)).map_err(Stopped::Reader)?,
            Ok(Signal::Done) => return Ok(()),
            Err(RecvError) => return Err(Stopped::Worker),
        }
    }
}

/// Waits for what comes next; says so when that takes a while.
fn next<T, M, E>(
    channel: &Receiver<T>,
    read: &mut impl FnMut(Event<M>) -> Result<(), E>,
) -> Result<Result<T, RecvError>, E> {
    match channel.try_recv() {
        Ok(next) => Ok(Ok(next)),
        Err(TryRecvError::Disconnected) => Ok(Err(RecvError)),
        Err(TryRecvError::Empty) => {
            read(Event::Idle)?;
            Ok(channel.recv())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::{Event, ITEMS_PER_WORKER, Outlet, Stopped, ordered};

    fn collect(threads: usize, items: usize, each: usize) -> Vec<(usize, usize)> {
        let mut seen = Vec::new();
        let worker = || {
            move |item: usize, outlet: &Outlet<(usize, usize)>| {
                // Early items take longest, so that order does not come by itself.
                std::thread::park_timeout(Duration::from_micros(((items - item) * 3) as u64));
                (0..each).try_for_each(|part| outlet.put((item, part)))
            }
        };
        let read = |event| {
            if let Event::Message(message) = event {
                seen.push(message);
            }
            Ok::<(), ()>(())
        };
        ordered(threads, 0..items, worker, read).unwrap();
        seen
    }

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let expected: Vec<(usize, usize)> = (0..300).flat_map(|item| (0..7).map(move |part| (item, part))).collect();
        for threads in [1, 2, 7] {
            assert_eq!(collect(threads, 300, 7), expected, "{threads} threads");
        }
        assert!(collect(3, 0, 1).is_empty());
    }

    #[test]
    fn a_slow_reader_holds_the_workers_back() {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = taken.clone();
        let source = (0..100_000).inspect(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let mut most = 0;
        let mut read = 0;
        ordered(
            4,
            source,
            || |item: usize, outlet: &Outlet<usize>| outlet.put(item),
            |event| {
                if let Event::Message(item) = event {
                    read = item;
                    most = most.max(taken.load(Ordering::Relaxed) - item);
                    if item % 5000 == 0 {
                        std::thread::park_timeout(Duration::from_millis(5));
                    }
                }
                Ok::<(), ()>(())
            },
        )
        .unwrap();
        assert_eq!(read, 99_999);
        // Those that wait, and one in the hands of each worker and of the reader.
        assert!(most <= 4 * ITEMS_PER_WORKER + 6, "{most}");
    }

    #[test]
    fn a_worker_that_dies_is_no_clean_end() {
        let worker = || |item: usize, _: &Outlet<()>| if item == 3 { panic!("on purpose") } else { Ok(()) };
        let stopped = ordered(2, 0..9, worker, |_| Ok::<(), ()>(())).unwrap_err();
        assert!(matches!(stopped, Stopped::Worker));
    }

    #[test]
    fn a_reader_may_stop_early() {
        let worker = || |item: usize, outlet: &Outlet<usize>| outlet.put(item);
        let read = |event| if event == Event::Message(5) { Err("enough") } else { Ok(()) };
        assert!(matches!(ordered(2, 0.., worker, read), Err(Stopped::Reader("enough"))));
    }
}
