//! Reads just enough of a connection to know what it wants; every byte read is kept and handed on.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use gate_core::Reason;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{error::Elapsed, timeout};

use super::hello::{self, Hello, HelloError, Limits};
use crate::meter::Meter;

/// Room offered to one read: a ClientHello with a post-quantum key share fits, and an idle connection holds no more.
const READ_SIZE: usize = 2048;

/// A value read from the front of a stream, and all bytes read so far, which may reach beyond it.
#[derive(Debug)]
pub(crate) struct Peeked<T> {
    pub(crate) value: T,
    pub(crate) raw: Bytes,
}

/// Why nothing could be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PeekError<E> {
    #[error("it did not arrive in time")]
    Timeout,
    #[error("the client went away")]
    Gone,
    #[error(transparent)]
    Parse(E),
}

impl PeekError<HelloError> {
    pub(crate) fn reason(&self) -> Reason {
        match self {
            Self::Timeout => Reason::HelloTimeout,
            Self::Gone => Reason::ClientGone,
            Self::Parse(HelloError::NotTls) => Reason::NotTls,
            Self::Parse(HelloError::TooLarge) => Reason::HelloTooLarge,
            Self::Parse(HelloError::Malformed(_)) => Reason::BadHello,
        }
    }
}

/// Reads the ClientHello. `already` holds what came before on the same stream, such as behind a CONNECT head.
pub(crate) async fn hello<S: AsyncRead + Unpin>(
    stream: &mut S,
    already: BytesMut,
    limits: Limits,
    patience: Duration,
    meter: &Meter,
) -> Result<Peeked<Hello>, PeekError<HelloError>> {
    until(stream, already, patience, meter, |raw| hello::parse(raw, limits)).await
}

/// Reads until `parse` finds its value. **Invariant:** `parse` refuses at its own cap, so the buffer is bounded by
/// that cap and one read.
pub(crate) async fn until<S, T, E>(
    stream: &mut S,
    mut raw: BytesMut,
    patience: Duration,
    meter: &Meter,
    parse: impl Fn(&[u8]) -> Result<Option<T>, E>,
) -> Result<Peeked<T>, PeekError<E>>
where
    S: AsyncRead + Unpin,
{
    let reading = async {
        loop {
            if let Some(value) = parse(&raw).map_err(PeekError::Parse)? {
                return Ok(value);
            }
            raw.reserve(READ_SIZE);
            match stream.read_buf(&mut raw).await {
                Ok(0) | Err(_) => return Err(PeekError::Gone),
                Ok(read) => meter.add_up(read),
            }
        }
    };
    let value = timeout(patience, reading).await.unwrap_or_else(|_: Elapsed| Err(PeekError::Timeout))?;
    Ok(Peeked { value, raw: raw.freeze() })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    const HELLO: &[u8] = include_bytes!("../../testdata/chromium.bin");
    const PATIENCE: Duration = Duration::from_secs(3);

    async fn peek(bytes: Vec<Vec<u8>>, pause: Duration, stay: bool) -> (Result<Hello, Reason>, usize, u64) {
        let (mut near, mut far) = duplex(64);
        let meter = Arc::new(Meter::new(Instant::now()));
        let sending = tokio::spawn(async move {
            for part in bytes {
                if far.write_all(&part).await.is_err() {
                    break;
                }
                tokio::time::sleep(pause).await;
            }
            if stay {
                std::future::pending::<()>().await;
            }
        });
        let result = hello(&mut near, BytesMut::new(), Limits::default(), PATIENCE, &meter).await;
        sending.abort();
        let held = result.as_ref().map_or(0, |peeked| peeked.raw.len());
        (result.map(|peeked| peeked.value).map_err(|error| error.reason()), held, meter.up())
    }

    #[tokio::test(start_paused = true)]
    async fn reads_a_hello_that_comes_in_single_bytes_and_keeps_them_all() {
        let (hello, held, up) =
            peek(HELLO.iter().map(|byte| vec![*byte]).collect(), Duration::from_millis(1), true).await;
        assert_eq!(hello.unwrap().sni.unwrap().unwrap().as_str(), "api.openai.com");
        assert_eq!((held, up), (HELLO.len(), HELLO.len() as u64));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_limit_is_for_the_whole_hello() {
        let slowly = HELLO.iter().map(|byte| vec![*byte]).collect();
        let started = Instant::now();
        assert_eq!(peek(slowly, Duration::from_millis(10), true).await.0, Err(Reason::HelloTimeout));
        assert_eq!(started.elapsed(), PATIENCE);
        assert_eq!(peek(vec![], Duration::ZERO, true).await.0, Err(Reason::HelloTimeout));
    }

    #[tokio::test(start_paused = true)]
    async fn says_who_went_away_and_who_spoke_something_else() {
        assert_eq!(peek(vec![], Duration::ZERO, false).await.0, Err(Reason::ClientGone));
        assert_eq!(peek(vec![HELLO[..99].to_vec()], Duration::ZERO, false).await.0, Err(Reason::ClientGone));
        assert_eq!(peek(vec![b"G".to_vec()], Duration::ZERO, true).await.0, Err(Reason::NotTls));
        let endless = vec![vec![22, 3, 1, 0x40, 0, 1, 1, 0, 0]];
        assert_eq!(peek(endless, Duration::ZERO, true).await.0, Err(Reason::HelloTooLarge));
    }
}
