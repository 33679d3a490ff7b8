//! Relays bytes untouched. They move from socket to socket inside the kernel, through a pipe, and never enter this
//! process (splice(2)).
//!
//! ```text
//!  client ──fill──▶ pipe ──drain──▶ server        one pump per direction, both in the connection's one task;
//!  client ◀─drain── pipe ◀──fill─── server        a pipe is held only while bytes are on their way
//! ```

mod pipe;

#[cfg(test)]
mod tests;

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::time::Duration;

use gate_core::Reason;
use rustix::pipe::{SpliceFlags, splice};
use socket2::SockRef;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;
use tokio::task::coop::consume_budget;

use crate::meter::Meter;
use crate::shared::Shared;

use pipe::Pipe;
pub(crate) use pipe::Pipes;

/// Writes what was already read from the client, then relays until both sides have closed. `None`: they parted in
/// peace.
pub(crate) async fn relay(
    shared: &Shared,
    client: TcpStream,
    mut server: TcpStream,
    already: &[u8],
    meter: &Meter,
) -> Option<Reason> {
    // Small records wait for nobody; a socket that cannot set it still works.
    let _ = client.set_nodelay(true);
    let end = tokio::select! {
        end = both_ways(&client, &mut server, already, meter, &shared.pipes) => end,
        () = meter.idle_for(shared.config.idle()) => Some(Reason::IdleTimeout),
    };
    if end.is_some() {
        // The other side must not take a broken exchange for a finished one.
        reset(&client);
        reset(&server);
    }
    end
}

async fn both_ways(
    client: &TcpStream,
    server: &mut TcpStream,
    already: &[u8],
    meter: &Meter,
    pipes: &Pipes,
) -> Option<Reason> {
    if server.write_all(already).await.is_err() {
        return Some(Reason::UpstreamReset);
    }
    let server = &*server;
    let up = async {
        let pumped = pump(client, server, pipes, |filled, _| meter.add_up(filled)).await;
        pumped.map_err(|broken| broken.blame(Reason::ClientReset, Reason::UpstreamReset))
    };
    let down = async {
        let pumped = pump(server, client, pipes, |_, drained| meter.add_down(drained)).await;
        pumped.map_err(|broken| broken.blame(Reason::UpstreamReset, Reason::ClientReset))
    };
    tokio::try_join!(up, down).err()
}

/// Which end of a pump failed.
#[derive(Debug)]
enum Broken {
    Source(io::Error),
    Sink(io::Error),
    Pipe(io::Error),
}

impl Broken {
    fn blame(self, source: Reason, sink: Reason) -> Reason {
        let (reason, error) = match self {
            Self::Source(error) => (source, error),
            Self::Sink(error) => (sink, error),
            Self::Pipe(error) => (Reason::Internal, error),
        };
        tracing::debug!(%error, ?reason, "the relay broke");
        reason
    }
}

/// Moves bytes until the source closes, then closes the sink's direction. `count` hears how many bytes entered the
/// pipe and how many left it.
async fn pump(from: &TcpStream, to: &TcpStream, pipes: &Pipes, count: impl Fn(usize, usize)) -> Result<(), Broken> {
    loop {
        wait(from, to).await?;
        let pipe = pipes.take().map_err(Broken::Pipe)?;
        loop {
            match fill(from, &pipe) {
                Ok(0) => {
                    pipes.give_back(pipe);
                    return finish(to);
                }
                Ok(filled) => {
                    count(filled, 0);
                    drain(&pipe, to, filled, &count).await?;
                }
                // The pipe is empty here, so it is the socket that has nothing more.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(Broken::Source(error)),
            }
            // A fast pair of peers never blocks; other connections want their turn.
            consume_budget().await;
        }
        pipes.give_back(pipe);
    }
}

/// Waits for bytes or the end of the source. A sink that was reset meanwhile says so only here: nothing is being
/// written to it, and it may have closed its own direction long ago.
async fn wait(from: &TcpStream, to: &TcpStream) -> Result<(), Broken> {
    tokio::select! {
        biased;
        readable = from.readable() => readable.map_err(Broken::Source),
        _ = to.ready(Interest::ERROR) => {
            let error = to.take_error().ok().flatten();
            Err(Broken::Sink(error.unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())))
        }
    }
}

fn fill(from: &TcpStream, pipe: &Pipe) -> io::Result<usize> {
    from.try_io(Interest::READABLE, || move_bytes(from, &pipe.write, Pipe::SIZE))
}

async fn drain(pipe: &Pipe, to: &TcpStream, mut left: usize, count: impl Fn(usize, usize)) -> Result<(), Broken> {
    while left > 0 {
        match to.try_io(Interest::WRITABLE, || move_bytes(&pipe.read, to, left)) {
            Ok(0) => return Err(Broken::Sink(io::ErrorKind::WriteZero.into())),
            Ok(drained) => {
                count(0, drained);
                left -= drained;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await.map_err(Broken::Sink)?,
            Err(error) => return Err(Broken::Sink(error)),
        }
    }
    Ok(())
}

fn move_bytes(from: impl AsFd, to: impl AsFd, len: usize) -> io::Result<usize> {
    loop {
        match splice(&from, None, &to, None, len, SpliceFlags::NONBLOCK) {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}

/// Passes the end of one direction on; the other may go on for long (a half-close).
fn finish(to: &TcpStream) -> Result<(), Broken> {
    match SockRef::from(to).shutdown(Shutdown::Write) {
        // The peer was faster and has closed the whole connection.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        result => result.map_err(Broken::Sink),
    }
}

/// Makes the coming close a reset.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
