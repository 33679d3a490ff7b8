//! The two ends of a WebSocket connection as frames go through them.

use std::io;

use bytes::{Buf, BytesMut};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

use super::frame::{CONTROL_MAX, FrameError, Head, Opcode, mask};

/// What is read of a peer at once.
pub(super) const PIECE: usize = 16 * 1024;

/// Why a peer is not read any further.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    #[error("the connection broke: {0}")]
    Io(#[from] io::Error),
    #[error("it sends what is no frame: {0}")]
    Frame(#[from] FrameError),
    #[error("its frames do not fit together: {0}")]
    Order(&'static str),
}

/// The frames that a peer sends.
pub(super) struct Source<R> {
    io: R,
    read: BytesMut,
}

impl<R: AsyncRead + Unpin> Source<R> {
    pub(super) fn new(io: R) -> Self {
        Self { io, read: BytesMut::new() }
    }

    /// The head of the next frame; `None` when the peer closed the connection before it.
    pub(super) async fn head(&mut self) -> Result<Option<Head>, ReadError> {
        loop {
            if let Some((head, length)) = Head::parse(&self.read)? {
                self.read.advance(length);
                return Ok(Some(head));
            }
            if !self.fill().await? {
                return if self.read.is_empty() {
                    Ok(None)
                } else {
                    Err(io::Error::from(io::ErrorKind::UnexpectedEof).into())
                };
            }
        }
    }

    /// Some bytes of a payload of which `left` are to come; never none.
    pub(super) async fn piece(&mut self, left: u64) -> Result<BytesMut, ReadError> {
        if self.read.is_empty() && !self.fill().await? {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(self.read.len());
        Ok(self.read.split_to(length))
    }

    /// The whole payload of a control frame, unmasked.
    pub(super) async fn control(&mut self, head: Head) -> Result<Vec<u8>, ReadError> {
        debug_assert!(head.opcode.is_control() && head.length <= CONTROL_MAX);
        let mut payload = Vec::new();
        while (payload.len() as u64) < head.length {
            let piece = self.piece(head.length - payload.len() as u64).await?;
            payload.extend_from_slice(&piece);
        }
        mask(&mut payload, head.mask.unwrap_or_default(), 0);
        Ok(payload)
    }

    async fn fill(&mut self) -> io::Result<bool> {
        self.read.reserve(PIECE);
        Ok(self.io.read_buf(&mut self.read).await? > 0)
    }
}

/// Where frames go; both directions send here, each a whole frame at a time.
pub(super) struct Sink<W> {
    io: Mutex<W>,
    /// Towards a server frames are masked.
    masks: bool,
}

impl<W: AsyncWrite + Unpin> Sink<W> {
    pub(super) fn new(io: W, masks: bool) -> Self {
        Self { io: Mutex::new(io), masks }
    }

    /// Sends a frame that ends its message.
    pub(super) async fn send(&self, opcode: Opcode, payload: &mut [u8]) -> io::Result<()> {
        let key = if self.masks { Some(random()?) } else { None };
        let head = Head { last: true, opcode, mask: key, length: payload.len() as u64 };
        mask(payload, key.unwrap_or_default(), 0);
        let mut io = self.io.lock().await;
        io.write_all(&head.to_bytes()).await?;
        io.write_all(payload).await?;
        io.flush().await
    }

    /// Says good-bye (RFC 6455 section 7.4), which may fail: the peer may be gone.
    pub(super) async fn close(&self, code: u16, reason: &str) {
        let end = reason.floor_char_boundary(CONTROL_MAX as usize - 2);
        let mut payload = [&code.to_be_bytes(), &reason.as_bytes()[..end]].concat();
        let _ = self.send(Opcode::Close, &mut payload).await;
    }

    /// Passes a frame on while it comes, unmasked as servers send it. `seen` is told of each piece.
    pub(super) async fn pass<R: AsyncRead + Unpin>(
        &self,
        head: Head,
        from: &mut Source<R>,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        let mut io = self.io.lock().await;
        io.write_all(&head.to_bytes()).await?;
        let mut left = head.length;
        while left > 0 {
            let piece = from.piece(left).await?;
            left -= piece.len() as u64;
            seen(&piece);
            io.write_all(&piece).await?;
            io.flush().await?;
        }
        io.flush().await?;
        Ok(())
    }

    pub(super) async fn shutdown(&self) {
        let _ = self.io.lock().await.shutdown().await;
    }
}

/// A key that nobody can foresee (RFC 6455 section 10.3).
fn random() -> io::Result<[u8; 4]> {
    let mut key = [0; 4];
    getrandom::fill(&mut key).map_err(io::Error::other)?;
    Ok(key)
}
