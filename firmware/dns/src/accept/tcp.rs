use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Door;
use super::limit::Pace;
use super::places::Place;
use crate::act::{Done, Step, Transport};
use crate::record::Line;

/// Queries are far shorter; a client that announces more is not one.
const QUERY_MAX: usize = 4096;
/// How long a client may take to accept one answer, so that a client which does not read cannot stay.
const WRITE: Duration = Duration::from_secs(2);
/// Pause after a failed accept, which usually means that file descriptors ran out.
const PAUSE: Duration = Duration::from_millis(50);

/// An answer for the writer, with its place in the pipeline.
type Outgoing = (Line, Done, OwnedSemaphorePermit);

/// Takes connections on one listener.
pub(super) async fn run(door: Arc<Door>, listener: TcpListener) {
    while let Some(accepted) = door.stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => take(&door, stream, peer.ip().to_canonical()),
            Err(error) => {
                debug!(%error, "a TCP connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

fn take(door: &Arc<Door>, stream: TcpStream, client: IpAddr) {
    let local = door.is_local(client);
    let places = if local { &door.places } else { &door.strangers };
    let pipeline = Arc::new(Semaphore::new(door.act.config.tcp_pipeline.min(Semaphore::MAX_PERMITS)));
    // Ends the reader when the daemon stops, the writer fails or another connection needs the place.
    let closed = door.stop.child_token();
    let Some((mut place, freed)) = places.take(client, &pipeline, &closed) else {
        door.counting.turned_away();
        return;
    };
    let door = Arc::clone(door);
    let tasks = door.tasks.clone();
    tasks.spawn(async move {
        if let Some(freed) = freed
            && closed.run_until_cancelled(timeout(WRITE, place.wait(freed))).await.is_none_or(|waited| waited.is_err())
        {
            return;
        }
        Connection { door, client, local, place, pipeline, closed }.run(stream).await;
    });
}

struct Connection {
    door: Arc<Door>,
    client: IpAddr,
    local: bool,
    place: Place,
    /// Places of questions that are being answered.
    pipeline: Arc<Semaphore>,
    closed: CancellationToken,
}

impl Connection {
    async fn run(self, stream: TcpStream) {
        let (reader, writer) = stream.into_split();
        let (answers, outgoing) = mpsc::channel(1);
        let reading = self.read(reader, answers);
        let writing = write(&self.door, writer, outgoing, &self.closed);
        tokio::join!(reading, writing);
    }

    /// Reads questions until the client has no more. Dropping `answers` lets the writer end after the last answer.
    async fn read(&self, mut reader: OwnedReadHalf, answers: mpsc::Sender<Outgoing>) {
        let idle = Duration::from_secs(self.door.act.config.tcp_idle_seconds);
        loop {
            let next = async {
                let message = timeout(idle, read_message(&mut reader)).await.ok()?.ok()?;
                self.place.touch();
                let slot = Arc::clone(&self.pipeline).acquire_owned().await.ok()?;
                Some((slot, message))
            };
            let Some(Some((slot, message))) = self.closed.run_until_cancelled(next).await else { return };
            self.answer(&message, slot, &answers).await;
            if !self.local {
                return;
            }
        }
    }

    async fn answer(&self, message: &[u8], slot: OwnedSemaphorePermit, answers: &mpsc::Sender<Outgoing>) {
        let pace = if self.local { self.door.pace(self.client) } else { Pace::Welcome };
        if pace != Pace::Welcome {
            let (line, done) = self.door.over(self.client, message, pace);
            return deliver(&self.door, answers, (line, done, slot)).await;
        }
        match self.door.take(self.client, message, Transport::Tcp) {
            (line, Step::Done(done) | Step::Due(done, _)) => deliver(&self.door, answers, (line, done, slot)).await,
            (line, Step::Waiting(waiting)) => {
                let (door, answers) = (Arc::clone(&self.door), answers.clone());
                let tasks = door.tasks.clone();
                tasks.spawn(async move {
                    let done = door.resolve(waiting).await;
                    deliver(&door, &answers, (line, done, slot)).await;
                });
            }
        }
    }
}

/// Hands an answer to the writer; when that is gone the question still gets its record.
async fn deliver(door: &Door, answers: &mpsc::Sender<Outgoing>, outgoing: Outgoing) {
    if let Err(mpsc::error::SendError((line, done, _))) = answers.send(outgoing).await {
        door.recorder.record(line, &done);
    }
}

async fn read_message(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    if length > QUERY_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    reader.read_exact(&mut message).await?;
    Ok(message)
}

/// Writes answers in the order they become ready (RFC 7766 section 7). After a failure it only keeps the records.
async fn write(
    door: &Door,
    mut writer: OwnedWriteHalf,
    mut outgoing: mpsc::Receiver<Outgoing>,
    closed: &CancellationToken,
) {
    let mut broken = false;
    while let Some((line, done, _slot)) = outgoing.recv().await {
        if let Some(reply) = done.reply.as_ref().filter(|_| !broken) {
            let message = door.act.render(reply, Transport::Tcp);
            let written = door.send(WRITE, write_message(&mut writer, &message)).await;
            if !matches!(written, Some(Ok(()))) {
                broken = true;
                closed.cancel();
            }
        }
        door.recorder.record(line, &done);
    }
}

async fn write_message(writer: &mut OwnedWriteHalf, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    // One write, so that length and message leave in one segment.
    let mut frame = Vec::with_capacity(message.len() + 2);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    writer.write_all(&frame).await
}
