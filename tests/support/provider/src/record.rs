//! What arrived, as files that tests read: `requests.jsonl`, `connections.jsonl`, and the decrypted bytes in `wire/`.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde::Serialize;

/// Headers whose value is a credential: recorded as present, never kept.
const CREDENTIALS: [&str; 5] = ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"];

pub(crate) struct Recorder {
    requests: Mutex<File>,
    connections: Mutex<File>,
    wire: PathBuf,
    keep: bool,
    next: AtomicU64,
}

/// One accepted connection, written once its handshake is over.
#[derive(Serialize)]
pub(crate) struct ConnectionLine {
    pub(crate) at_micros: u64,
    pub(crate) connection: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) server_name: Option<String>,
    pub(crate) alpn: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) error: Option<String>,
}

/// One request as it arrived.
#[derive(Clone, Serialize)]
pub(crate) struct RequestLine {
    pub(crate) at_micros: u64,
    pub(crate) connection: u64,
    pub(crate) peer: SocketAddr,
    pub(crate) scheme: &'static str,
    pub(crate) server_name: Option<String>,
    pub(crate) host: String,
    pub(crate) version: String,
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    /// False when the sender broke off before the end of the body.
    pub(crate) complete: bool,
    /// The raw body as text, when it is UTF-8.
    pub(crate) body: Option<String>,
    /// The raw body otherwise.
    pub(crate) body_base64: Option<String>,
}

/// A request on its way in. Dropping it writes it down, whole or not.
pub(crate) struct Arrival<'a> {
    recorder: &'a Recorder,
    pub(crate) line: RequestLine,
    pub(crate) body: Vec<u8>,
}

impl Recorder {
    pub(crate) fn create(folder: &Path, keep: bool) -> io::Result<Self> {
        let wire = folder.join("wire");
        std::fs::create_dir_all(&wire)?;
        let file = |name: &str| OpenOptions::new().create(true).append(true).open(folder.join(name)).map(Mutex::new);
        let (requests, connections) = (file("requests.jsonl")?, file("connections.jsonl")?);
        Ok(Self { requests, connections, wire, keep, next: AtomicU64::new(0) })
    }

    pub(crate) fn next_connection(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Where the decrypted bytes of a connection go, unless nothing is recorded.
    pub(crate) fn wire(&self, connection: u64) -> Option<File> {
        let path = self.wire.join(format!("{connection:06}.bin"));
        self.keep.then(|| File::create(path).ok()).flatten()
    }

    pub(crate) fn connection(&self, line: &ConnectionLine) {
        append(&self.connections, line);
    }

    pub(crate) fn arrival(&self, line: RequestLine) -> Arrival<'_> {
        Arrival { recorder: self, line, body: Vec::new() }
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        if !self.recorder.keep {
            return;
        }
        match std::str::from_utf8(&self.body) {
            Ok(text) => self.line.body = Some(text.to_owned()),
            Err(_) => self.line.body_base64 = Some(STANDARD.encode(&self.body)),
        }
        append(&self.recorder.requests, &self.line);
    }
}

/// Microseconds since 1970.
pub(crate) fn now_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Headers as pairs, credentials masked.
pub(crate) fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let shown = if CREDENTIALS.contains(&name.as_str()) { "(present)".to_owned() } else { text };
        (name.as_str().to_owned(), shown)
    };
    headers.iter().map(pair).collect()
}

/// One line, one write: readers never see half of it. A full disk must fail the test and not pass for silence.
fn append(file: &Mutex<File>, line: &impl Serialize) {
    let mut text = serde_json::to_vec(line).expect("strings and numbers serialise");
    text.push(b'\n');
    file.lock().expect("no holder of this lock panics").write_all(&text).expect("the record is writable");
}
