//! The two ends of the link between `dns` and `steer`.

use std::io;
use std::os::unix::net::UnixDatagram as StdDatagram;

use tokio::net::UnixDatagram;

/// A life and a number.
const NUMBER: usize = 16;

/// The end of `dns`.
pub(crate) struct DnsEnd(Ends);

/// The end of `steer`.
pub(crate) struct SteerEnd(Ends);

/// One socket: a runtime knows when there is something to hear, and nothing of whether there is room before it has looked.
struct Ends {
    hear: UnixDatagram,
    say: StdDatagram,
}

impl DnsEnd {
    /// Called inside a runtime, as its other half.
    pub(crate) fn new(socket: StdDatagram) -> io::Result<Self> {
        open(socket).map(Self)
    }

    /// Says that the file has something new. Where nobody reads, whoever starts there looks at the file by itself.
    pub(crate) fn ring(&self) {
        let _ = self.0.say.send(&[0]);
    }

    /// The next number that is in force. It comes from a process that redirects everything, so it is believed.
    pub(crate) async fn in_force(&self) -> io::Result<(u64, u64)> {
        let mut message = [0; NUMBER];
        loop {
            if self.0.hear.recv(&mut message).await? == NUMBER {
                let number = u128::from_be_bytes(message);
                return Ok(((number >> 64) as u64, number as u64));
            }
        }
    }
}

impl SteerEnd {
    pub(crate) fn new(socket: StdDatagram) -> io::Result<Self> {
        open(socket).map(Self)
    }

    /// Waits until there may be something new; however often that was said, it is heard once.
    pub(crate) async fn rung(&self) -> io::Result<()> {
        let mut message = [0; 1];
        self.0.hear.recv(&mut message).await?;
        while self.0.hear.try_recv(&mut message).is_ok() {}
        Ok(())
    }

    /// Says that a set is in force. Where nobody reads, `dns` rings again.
    pub(crate) fn tell(&self, (life, sequence): (u64, u64)) {
        let number = u128::from(life) << 64 | u128::from(sequence);
        let _ = self.0.say.send(&number.to_be_bytes());
    }
}

fn open(say: StdDatagram) -> io::Result<Ends> {
    say.set_nonblocking(true)?;
    Ok(Ends { hear: UnixDatagram::from_std(say.try_clone()?)?, say })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::{DnsEnd, SteerEnd};

    #[tokio::test]
    async fn numbers_cross_and_a_crowd_of_bells_is_heard_once() {
        let (one, other) = UnixDatagram::pair().unwrap();
        let (dns, steer) = (DnsEnd::new(one).unwrap(), SteerEnd::new(other).unwrap());
        // Also before the runtime has looked at any of the two.
        // More than the socket holds: nobody waits for a reader.
        (0..1000).for_each(|_| dns.ring());
        steer.rung().await.unwrap();
        let again = tokio::time::timeout(std::time::Duration::from_millis(50), steer.rung()).await;
        assert!(again.is_err());
        steer.tell((u64::MAX - 1, 7));
        assert_eq!(dns.in_force().await.unwrap(), (u64::MAX - 1, 7));
        (0..1000).for_each(|_| steer.tell((1, 2)));
    }
}
