use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tracing::debug;

use super::Door;
use crate::act::{Done, Step, Transport};
use crate::record::Line;

/// Queries are far shorter; what is longer arrives cut and is malformed.
const RECEIVE: usize = 4096;
/// How long the kernel may take to accept an answer; it does at once unless the interface is congested.
const SEND: Duration = Duration::from_millis(500);
/// Pause after an error of the socket itself, so that a broken interface does not become a busy loop.
const PAUSE: Duration = Duration::from_millis(10);

/// Answers everything that comes in on one socket.
pub(super) async fn run(door: Arc<Door>, socket: Arc<UdpSocket>) {
    let mut buffer = vec![0; RECEIVE];
    while let Some(received) = door.stop.run_until_cancelled(socket.recv_from(&mut buffer)).await {
        match received {
            Ok((length, peer)) => take(&door, &socket, &buffer[..length], peer).await,
            Err(error) => {
                debug!(%error, "a UDP socket failed to receive");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn take(door: &Arc<Door>, socket: &Arc<UdpSocket>, message: &[u8], peer: SocketAddr) {
    match door.take(peer.ip().to_canonical(), message, Transport::Udp) {
        (line, Step::Done(done)) => send(door, socket, peer, line, &done).await,
        (line, Step::Waiting(waiting)) => {
            let (door, socket) = (Arc::clone(door), Arc::clone(socket));
            let tasks = door.tasks.clone();
            tasks.spawn(async move {
                let done = door.resolve(waiting).await;
                send(&door, &socket, peer, line, &done).await;
            });
        }
    }
}

async fn send(door: &Door, socket: &UdpSocket, peer: SocketAddr, line: Line, done: &Done) {
    if let Some(reply) = &done.reply {
        let message = door.act.render(reply, Transport::Udp);
        let sent = door.send(SEND, socket.send_to(&message, peer)).await;
        if let Err(error) = sent.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into())) {
            debug!(%error, %peer, "an answer could not be sent");
        }
    }
    door.recorder.record(line, done);
}
