//! Clients that are watched because they do not take the office's certificate: kept over a restart, and revoked by the page
//! or at the console. One line of JSON each way on a socket for this process's user, the page's group and root.
//!
//! ```text
//!   {"revoke":"0b1c2d3e4f506172"}      {"Ok":true}, {"Ok":false} for one that is not there
//! ```

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use gate_core::{Clock, SystemClock};
use gate_proxy::{Fallback, Proxy};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::run_state::replace;
use crate::{provision, run_state};

/// Longest line either way.
const LINE_MAX: u64 = 4 << 10;
/// Longest file; every client at its cap has less.
const FILE_MAX: u64 = 16 << 20;
/// Who has connected says what they want, and hears the answer, within this time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Refusals come in bursts; the file is written at most this often.
const PAUSE: Duration = Duration::from_millis(200);

/// What may be asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Order {
    Revoke(String),
}

/// Whether there was such a fall-back, or why that cannot be said.
type Told = Result<bool, String>;

/// What stood when the file was written last; nothing where it cannot be read. What has run out since is left out by whoever
/// reads it.
pub(super) fn read(data: &Path) -> Vec<Fallback> {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(provision::fallbacks_file(data)).ok()?.take(FILE_MAX).read_to_end(&mut bytes).ok()?;
        serde_json::from_slice(&bytes).ok()
    };
    read().unwrap_or_default()
}

/// Those in the file that have not run out.
pub(crate) fn standing(data: &Path) -> Vec<Fallback> {
    let now = SystemClock.now();
    let mut list = read(data);
    list.retain(|one| one.since <= now && now < one.until);
    list
}

/// Keeps the file and answers at the socket until `stop`.
pub(super) async fn follow(proxy: &Proxy, data: &Path, stop: &CancellationToken) {
    let socket = provision::proxy_socket(data);
    tokio::join!(keep(proxy, provision::fallbacks_file(data), stop), serve(proxy, &socket, stop));
}

async fn keep(proxy: &Proxy, file: PathBuf, stop: &CancellationToken) {
    let mut changes = proxy.fallback_changes();
    while let Some(Ok(())) = stop.run_until_cancelled(changes.changed()).await {
        changes.mark_unchanged();
        let (file, list) = (file.clone(), proxy.fallbacks());
        let written = tokio::task::spawn_blocking(move || {
            let bytes = serde_json::to_vec(&list)?;
            replace(&file, &bytes, 0o640)
        });
        match written.await.map_err(io::Error::other).flatten() {
            Ok(()) => {}
            Err(error) => tracing::error!(%error, "the fall-backs could not be kept; a restart will not know them"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn serve(proxy: &Proxy, file: &Path, stop: &CancellationToken) {
    // The folder's group is the page's.
    let listener = match run_state::listen(file, 0o660) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, file = %file.display(), "nobody can revoke a fall-back");
            return stop.cancelled().await;
        }
    };
    // One after the other: an answer takes microseconds, and whoever says nothing is not waited for long.
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => drop(timeout(PATIENCE, answer(proxy, stream)).await),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    let _ = fs::remove_file(file);
}

async fn answer(proxy: &Proxy, mut stream: UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    tokio::io::BufReader::new(reader.take(LINE_MAX)).read_line(&mut line).await?;
    let told: Told = match serde_json::from_str(&line) {
        Ok(Order::Revoke(id)) => Ok(proxy.revoke_fallback(&id)),
        Err(error) => Err(error.to_string()),
    };
    let mut line = serde_json::to_vec(&told)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Has the running proxy revoke a fall-back; whether there was one. Waits for it.
pub(crate) fn revoke(data: &Path, id: &str) -> Result<bool, String> {
    let ask = || -> io::Result<Told> {
        let mut stream = StdStream::connect(provision::proxy_socket(data))?;
        stream.set_read_timeout(Some(PATIENCE * 2))?;
        let mut line = serde_json::to_vec(&Order::Revoke(id.to_owned()))?;
        line.push(b'\n');
        stream.write_all(&line)?;
        let mut told = String::new();
        BufReader::new(stream.take(LINE_MAX)).read_line(&mut told)?;
        Ok(serde_json::from_str(&told)?)
    };
    ask().map_err(|error| error.to_string()).flatten()
}
