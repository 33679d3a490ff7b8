use std::io;
use std::os::fd::OwnedFd;

use parking_lot::Mutex;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// An empty kernel pipe.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) read: OwnedFd,
    pub(super) write: OwnedFd,
}

/// Empty pipes kept for the next burst of bytes. **Invariant:** a pipe in here is empty: one that may still hold
/// somebody's bytes is dropped, never given back.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    idle: Mutex<Vec<Pipe>>,
}

/// Idle pipes cost two descriptors and no pages; more than this many bursts at one moment are rare.
const MAX_IDLE: usize = 64;

impl Pipe {
    /// Twice the kernel's default, so that a burst of small segments, each of which takes a whole slot, needs fewer
    /// turns. Also the most bytes in flight in one direction inside the kernel between two sockets.
    pub(super) const SIZE: usize = 128 * 1024;

    fn open() -> io::Result<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Past the user's page quota the kernel says no, and the default size does as well.
        let _ = fcntl_setpipe_size(&write, Self::SIZE);
        Ok(Self { read, write })
    }
}

impl Pipes {
    pub(super) fn take(&self) -> io::Result<Pipe> {
        let idle = self.idle.lock().pop();
        idle.map_or_else(Pipe::open, Ok)
    }

    pub(super) fn give_back(&self, pipe: Pipe) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(pipe);
        }
    }
}

#[cfg(test)]
impl Pipes {
    pub(crate) fn idle(&self) -> usize {
        self.idle.lock().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_pipes_are_capped_and_used_again() {
        let pipes = Pipes::default();
        let taken: Vec<Pipe> = (0..MAX_IDLE + 3).map(|_| pipes.take().unwrap()).collect();
        taken.into_iter().for_each(|pipe| pipes.give_back(pipe));
        assert_eq!(pipes.idle(), MAX_IDLE);
        pipes.take().unwrap();
        assert_eq!(pipes.idle(), MAX_IDLE - 1);
    }

    #[test]
    fn a_pipe_holds_no_more_than_its_size() {
        let pipe = Pipe::open().unwrap();
        let mut held = 0;
        while let Ok(written) = rustix::io::write(&pipe.write, &[0; 4096]) {
            held += written;
        }
        assert!(held <= Pipe::SIZE, "{held}");
    }
}
