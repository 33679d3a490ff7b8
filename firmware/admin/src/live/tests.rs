use std::time::Duration;

use gate_core::{AdminEvent, Event, Position, Record, UnixMicros};

use crate::config::Config;
use crate::live::Live;
use crate::live::recent::Kinds;
use crate::ports::{FeedEntry, FeedError, Polled};

/// One poll in which the chain of `steer` is damaged and that of `admin` has `records` new records.
fn polled(followed: bool, records: u64) -> Polled {
    let event = AdminEvent { client: None, actor: None, command: "claim".to_owned(), ok: true, detail: None };
    let entry = |position| FeedEntry {
        process: "admin".into(),
        position: Position(position),
        record: Record { at: UnixMicros(1), event: Event::Admin(event.clone()) },
    };
    let failed = FeedError { process: "steer".to_owned(), source: "byte 7 is wrong".into() };
    Polled { entries: (0..records).map(entry).collect(), followed, failed: vec![failed] }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_chain_does_not_stop_the_others() {
    let live = Live::new(&Config::default());
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(live.take(polled(true, 0), UnixMicros(1)), 0);
        assert!(live.fresh(), "the others were read, though nothing was new in them");
    }
    assert_eq!(live.take(polled(true, 3), UnixMicros(1)), 3);
    let (lines, _) = live.newest(Kinds::ALL, None, 10).unwrap();
    assert_eq!(lines.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn with_every_chain_damaged_the_feed_is_stuck() {
    let live = Live::new(&Config::default());
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        live.take(polled(false, 0), UnixMicros(1));
    }
    assert!(!live.fresh());
}
