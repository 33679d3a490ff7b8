//! Either end of a WebSocket, frame by frame, so that a test can send what no library would.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::super::super::socket::frame::{Head, Opcode, mask};

const PATIENCE: Duration = Duration::from_secs(5);
/// A key for every frame: nothing here depends on it.
const KEY: [u8; 4] = [1, 2, 3, 4];

pub(in super::super) struct Peer<S> {
    pub(in super::super) io: S,
    read: Vec<u8>,
    is_client: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    /// A client's end, after it asked for a socket and was told yes.
    pub(in super::super) async fn client(mut io: S, host: &str) -> Self {
        let ask = format!(
            "GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: {host}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Protocol: realtime\r\n\r\n"
        );
        io.write_all(ask.as_bytes()).await.unwrap();
        let mut peer = Self { io, read: Vec::new(), is_client: true };
        let head = peer.http_head().await;
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        let has = |line: &str| head.to_ascii_lowercase().contains(line);
        assert!(
            has("upgrade: websocket\r\n") && has("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"),
            "{head}"
        );
        assert!(!has("extensions"), "{head}");
        peer
    }

    /// A server's end, after it agreed; and what it was asked.
    pub(in super::super) async fn server(io: S) -> (Self, String) {
        let mut peer = Self { io, read: Vec::new(), is_client: false };
        let head = peer.http_head().await;
        let yes = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: realtime\r\n\r\n";
        peer.io.write_all(yes.as_bytes()).await.unwrap();
        (peer, head)
    }

    async fn http_head(&mut self) -> String {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let rest = self.read.split_off(end + 4);
                return String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap();
            }
            assert!(self.fill().await, "closed in the head");
        }
    }

    async fn fill(&mut self) -> bool {
        let reading = self.io.read_buf(&mut self.read);
        let read = tokio::time::timeout(PATIENCE, reading).await.expect("something comes");
        // A connection that was cut is over, with or without TLS's good-bye.
        read.is_ok_and(|length| length > 0)
    }

    /// Sends a frame; `last` ends its message.
    pub(in super::super) async fn send(&mut self, opcode: Opcode, last: bool, payload: impl AsRef<[u8]>) {
        let key = self.is_client.then_some(KEY);
        let mut payload = payload.as_ref().to_vec();
        let head = Head { last, opcode, mask: key, length: payload.len() as u64 };
        mask(&mut payload, key.unwrap_or_default(), 0);
        self.raw(&[head.to_bytes(), payload].concat()).await;
    }

    pub(in super::super) async fn text(&mut self, text: &str) {
        self.send(Opcode::Text, true, text).await;
    }

    /// Sends bytes, whatever they are; the other side may be gone.
    pub(in super::super) async fn raw(&mut self, bytes: &[u8]) {
        let _ = self.io.write_all(bytes).await;
        let _ = self.io.flush().await;
    }

    /// The next frame, unmasked; `None` at the end of the connection.
    pub(in super::super) async fn next(&mut self) -> Option<(Opcode, Vec<u8>)> {
        loop {
            if let Some((head, start)) = Head::parse(&self.read).unwrap() {
                let end = start + head.length as usize;
                if self.read.len() >= end {
                    assert_eq!(head.mask.is_none(), self.is_client, "clients mask, servers do not");
                    let rest = self.read.split_off(end);
                    let mut payload = std::mem::replace(&mut self.read, rest).split_off(start);
                    mask(&mut payload, head.mask.unwrap_or_default(), 0);
                    return Some((head.opcode, payload));
                }
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    pub(in super::super) async fn next_text(&mut self) -> String {
        let (opcode, payload) = self.next().await.expect("a message");
        assert_eq!(opcode, Opcode::Text);
        String::from_utf8(payload).unwrap()
    }

    /// The code and reason of the good-bye that comes next.
    pub(in super::super) async fn goodbye(&mut self) -> (u16, String) {
        let (opcode, payload) = self.next().await.expect("a good-bye");
        assert_eq!(opcode, Opcode::Close);
        let (code, reason) = payload.split_first_chunk().expect("a code");
        (u16::from_be_bytes(*code), String::from_utf8(reason.to_vec()).unwrap())
    }
}
