use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::tests::support::office;

/// Two ends, with the relay between them.
struct Line {
    client: TcpStream,
    server: TcpStream,
    relay: JoinHandle<Option<Reason>>,
    meter: Arc<Meter>,
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(near, listener.accept());
    (near.unwrap(), far.unwrap().0)
}

async fn line(idle_seconds: u64, already: &'static [u8]) -> Line {
    let shared = office().config(|config| config.idle_seconds = idle_seconds).shared();
    let ((client, inner_client), (inner_server, server)) = (pair().await, pair().await);
    let meter = Arc::new(Meter::new(Instant::now()));
    let counting = Arc::clone(&meter);
    let relay = tokio::spawn(async move { relay(&shared, inner_client, inner_server, already, &counting).await });
    Line { client, server, relay, meter }
}

fn pattern(len: usize, seed: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((n * 31 + n / 251 + seed) % 256).unwrap()).collect()
}

#[tokio::test]
async fn megabytes_arrive_whole_in_both_directions_at_once() {
    const SIZE: usize = 24 * 1024 * 1024;
    let Line { client, server, relay, meter } = line(60, b"").await;
    let both = async |mut stream: TcpStream, seed: usize, other: usize| {
        let (mut read, mut write) = stream.split();
        let sent = pattern(SIZE, seed);
        let mut got = Vec::new();
        let sending = async {
            write.write_all(&sent).await.unwrap();
            write.shutdown().await.unwrap();
        };
        let (_, got_len) = tokio::join!(sending, read.read_to_end(&mut got));
        assert_eq!(got_len.unwrap(), SIZE);
        assert!(got == pattern(SIZE, other), "the bytes differ");
    };
    tokio::join!(both(client, 1, 2), both(server, 2, 1));
    assert_eq!(relay.await.unwrap(), None);
    assert_eq!((meter.up(), meter.down()), (SIZE as u64, SIZE as u64));
}

#[tokio::test]
async fn what_was_read_before_goes_first_and_is_not_counted_twice() {
    let Line { mut client, mut server, relay, meter } = line(60, b"hello ").await;
    client.write_all(b"world").await.unwrap();
    client.shutdown().await.unwrap();
    let mut got = String::new();
    server.read_to_string(&mut got).await.unwrap();
    assert_eq!(got, "hello world");
    drop(server);
    assert_eq!(relay.await.unwrap(), None);
    assert_eq!((meter.up(), meter.down()), (5, 0));
}

#[tokio::test]
async fn one_direction_may_end_long_before_the_other() {
    let Line { mut client, mut server, relay, meter } = line(60, b"").await;
    client.write_all(b"question").await.unwrap();
    client.shutdown().await.unwrap();
    let mut question = String::new();
    server.read_to_string(&mut question).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.write_all(b"answer").await.unwrap();
    drop(server);
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert_eq!((&*question, &*answer), ("question", "answer"));
    assert_eq!(relay.await.unwrap(), None);
    assert_eq!((meter.up(), meter.down()), (8, 6));
}

#[tokio::test]
async fn a_reset_is_passed_on_and_blamed_on_its_sender() {
    let Line { mut client, server, relay, .. } = line(60, b"").await;
    reset(&server);
    drop(server);
    let error = client.read(&mut [0; 9]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(relay.await.unwrap(), Some(Reason::UpstreamReset));

    let Line { client, mut server, relay, .. } = line(60, b"").await;
    reset(&client);
    drop(client);
    let error = server.read(&mut [0; 9]).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(relay.await.unwrap(), Some(Reason::ClientReset));
}

#[tokio::test]
async fn a_reset_after_the_good_bye_is_noticed_while_the_other_side_is_silent() {
    let Line { mut client, mut server, relay, .. } = line(60, b"").await;
    server.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 0);
    reset(&server);
    drop(server);
    assert_eq!(relay.await.unwrap(), Some(Reason::UpstreamReset));
}

#[tokio::test]
async fn a_slow_reader_holds_the_writer_back() {
    let Line { client: _stalled, server, relay, meter } = line(60, b"").await;
    let chunk = [7; 64 * 1024];
    let mut written = 0;
    // Until nothing has gone through for a while: socket buffers and one pipe are full, and no more is taken.
    while let Ok(ready) = tokio::time::timeout(Duration::from_millis(300), server.writable()).await {
        ready.unwrap();
        written += server.try_write(&chunk).unwrap_or(0);
        assert!(written < 256 * 1024 * 1024, "somebody buffers without end");
    }
    assert!(meter.down() <= written as u64 && written > 0);
    relay.abort();
}

#[tokio::test]
async fn silence_in_both_directions_ends_it_and_bytes_in_one_do_not() {
    let Line { mut client, mut server, relay, .. } = line(1, b"").await;
    let started = Instant::now();
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        server.write_all(b"event").await.unwrap();
        client.read_exact(&mut [0; 5]).await.unwrap();
    }
    assert_eq!(relay.await.unwrap(), Some(Reason::IdleTimeout));
    assert!(started.elapsed() >= Duration::from_millis(2400), "{:?}", started.elapsed());
    assert!(client.read(&mut [0; 1]).await.is_err(), "a cut line is not a finished one");
}

#[tokio::test]
async fn pipes_are_held_only_while_bytes_move() {
    let shared = office().shared();
    let ((mut client, inner_client), (inner_server, mut server)) = (pair().await, pair().await);
    let meter = Meter::new(Instant::now());
    let relaying = relay(&shared, inner_client, inner_server, b"", &meter);
    let talking = async {
        for _ in 0..20 {
            client.write_all(b"ping").await.unwrap();
            server.read_exact(&mut [0; 4]).await.unwrap();
            server.write_all(b"pong").await.unwrap();
            client.read_exact(&mut [0; 4]).await.unwrap();
        }
        drop((client, server));
    };
    let (_, ()) = tokio::join!(relaying, talking);
    assert!((1..=2).contains(&shared.pipes.idle()), "{}", shared.pipes.idle());
}
