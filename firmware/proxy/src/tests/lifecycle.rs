use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gate_core::{Mode, Reason, Verdict};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::support::*;

const API: &str = "api.openai.com";

#[tokio::test]
async fn draining_lets_connections_finish() {
    let (provider, port) = server().await;
    let office = office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = port).open().await;
    let mut client = office.knock().await;
    let hello = hello_for(API);
    client.write_all(&hello).await.unwrap();
    let mut far = next(&provider).await;
    read_some(&mut far, hello.len()).await;
    office.stop.cancel();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(TcpStream::connect(office.steered).await.is_err(), "the door is still open");
    far.write_all(b"last words").await.unwrap();
    drop(far);
    assert_eq!(read_all(&mut client).await, b"last words");
    drop(client);
    let record = office.record().await;
    assert_eq!((record.mode, record.reason), (Mode::Watched, None));
    office.task.await.unwrap();
}

#[tokio::test]
async fn what_does_not_finish_is_cut_in_time_and_recorded_exactly() {
    let (provider, port) = server().await;
    let office = office()
        .name(API, &["127.0.0.1"])
        .config(|config| (config.upstream_port, config.drain_seconds) = (port, 1))
        .open()
        .await;
    let mut client = office.knock().await;
    let hello = hello_for(API);
    client.write_all(&hello).await.unwrap();
    let mut far = next(&provider).await;
    far.write_all(b"event").await.unwrap();
    read_some(&mut client, 5).await;
    let stopping = Instant::now();
    office.stop.cancel();
    let Open { task, journal, .. } = office;
    task.await.unwrap();
    assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&stopping.elapsed()), "{:?}", stopping.elapsed());
    let records = journal.connections();
    assert_eq!(records.len(), 1);
    assert_eq!((records[0].mode, records[0].reason.as_ref()), (Mode::Watched, Some(&Reason::Shutdown)));
    assert_eq!((records[0].bytes_up, records[0].bytes_down), (hello.len() as u64, 5));
}

#[tokio::test]
async fn a_panic_still_leaves_one_record() {
    let office = office().judge(|_| panic!("the judge fell off the bench")).open().await;
    let mut client = office.knock().await;
    client.write_all(&hello_for(API)).await.unwrap();
    let record = office.record().await;
    assert_eq!((record.mode, record.reason), (Mode::Refused, Some(Reason::Internal)));
    assert_eq!(office.proxy.counters().open, 0);
    let mut next = office.knock().await;
    next.write_all(b"still here?").await.unwrap();
    assert_eq!(office.records(2).await[1].reason, Some(Reason::NotTls));
}

#[tokio::test]
async fn one_client_cannot_take_every_place() {
    let office = office().config(|config| config.max_connections_per_client = 2).open().await;
    let (first, second) = (office.knock_and_begin().await, office.knock_and_begin().await);
    let mut third = office.knock().await;
    assert_eq!(read_all(&mut third).await, b"");
    assert_eq!(office.record().await.reason, Some(Reason::RateLimited));
    drop((first, second));
    office.records(3).await;
    let mut fourth = office.knock().await;
    fourth.write_all(b"again").await.unwrap();
    assert_eq!(office.records(4).await[3].reason, Some(Reason::NotTls));
}

#[tokio::test]
async fn past_the_global_cap_connections_wait_for_a_place() {
    let office = office().config(|config| config.max_connections = 1).open().await;
    let first = office.knock_and_begin().await;
    let mut second = office.knock().await;
    second.write_all(b"me too").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(office.proxy.counters().open, 1);
    drop(first);
    let reasons: Vec<_> = office.records(2).await.into_iter().map(|record| record.reason.unwrap()).collect();
    assert_eq!(reasons, [Reason::ClientGone, Reason::NotTls]);
}

#[tokio::test]
async fn strangers_are_not_served() {
    let office = office().serves_nobody().open().await;
    for door in [office.steered, office.explicit, office.plain] {
        let mut client = TcpStream::connect(door).await.unwrap();
        assert_eq!(read_all(&mut client).await, b"");
    }
    for record in office.records(3).await {
        assert_eq!(record.reason, Some(Reason::NotLocal));
    }
}

#[tokio::test]
async fn without_a_journal_no_ai_connection_starts_until_it_takes_records_again() {
    let (provider, port) = server().await;
    let office = office().name(API, &["127.0.0.1"]).config(|config| config.upstream_port = port).open().await;
    office.journal.broken.store(true, Ordering::Relaxed);
    drop(office.knock_and_begin().await);
    let failed = async {
        while office.proxy.counters().journal_failures == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), failed).await.unwrap();
    office.journal.broken.store(false, Ordering::Relaxed);

    let mut client = office.knock().await;
    client.write_all(&hello_for(API)).await.unwrap();
    assert_eq!(read_all(&mut client).await, alert(80));
    drop(client);
    assert_eq!(office.record().await.reason, Some(Reason::Internal));

    let mut client = office.knock().await;
    client.write_all(&hello_for(API)).await.unwrap();
    drop(next(&provider).await);
    assert_eq!(office.records(2).await[1].mode, Mode::Watched);
}

#[tokio::test]
async fn a_new_snapshot_counts_from_the_next_connection_on() {
    let office = office().judge(|_| Verdict::Refuse(Reason::Policy("old".to_owned()))).open().await;
    let reason = async |count: usize| {
        let mut client = office.knock().await;
        client.write_all(&hello_for(API)).await.unwrap();
        read_all(&mut client).await;
        drop(client);
        office.records(count).await[count - 1].reason.clone().unwrap()
    };
    assert_eq!(reason(1).await, Reason::Policy("old".to_owned()));
    let new = super::support::office().judge(|_| Verdict::Refuse(Reason::Policy("new".to_owned())));
    office.snapshot.store(std::sync::Arc::new(new.snapshot()));
    assert_eq!(reason(2).await, Reason::Policy("new".to_owned()));
}
