//! Questions of a person at the console to the resolver that runs: `nanogate dns query`. One line of JSON each way on a
//! socket that only this process's user and root may open.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gate_dns::{Dns, Explained};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::run_state;

/// Longest line of a question.
const ASK_MAX: u64 = 4 << 10;
/// Longest line of an answer.
const TELL_MAX: u64 = 1 << 20;
/// Persons at once.
const PLACES: usize = 4;
/// How long everything may take: an upstream is waited for.
const PATIENCE: Duration = Duration::from_secs(15);

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) client: IpAddr,
    /// Past the cache.
    pub(crate) fresh: bool,
}

/// What is told: how the question is answered, or why that cannot be said.
type Told = Result<Explained, String>;

/// Answers until `stop`.
pub(super) async fn serve(dns: &Arc<Dns>, file: &Path, stop: &CancellationToken) {
    let listener = match run_state::listen(file, 0o600) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%error, file = %file.display(), "nobody can ask about the running resolver");
            return stop.cancelled().await;
        }
    };
    let places = Arc::new(Semaphore::new(PLACES));
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let place = Arc::clone(&places).try_acquire_owned();
        let (Ok((stream, _)), Ok(place)) = (accepted, place) else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let dns = Arc::clone(dns);
        tokio::spawn(async move {
            // Whoever goes away or says nothing gets nothing.
            let _ = timeout(PATIENCE, answer(&dns, stream)).await;
            drop(place);
        });
    }
    let _ = fs::remove_file(file);
}

async fn answer(dns: &Dns, mut stream: UnixStream) -> io::Result<()> {
    let (reader, mut writer) = stream.split();
    let mut line = String::new();
    BufReader::new(reader.take(ASK_MAX)).read_line(&mut line).await?;
    let told: Told = match serde_json::from_str::<Ask>(&line) {
        Ok(ask) => {
            let explained = dns.explain((&ask.name, &ask.kind), ask.client, ask.fresh).await;
            explained.map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    let mut line = serde_json::to_vec(&told)?;
    line.push(b'\n');
    writer.write_all(&line).await
}

/// Asks the resolver that runs; `None` when none does.
pub(crate) async fn ask(file: &Path, ask: &Ask) -> Option<io::Result<Told>> {
    let stream = UnixStream::connect(file).await.ok()?;
    Some(timeout(PATIENCE, exchange(stream, ask)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())))
}

async fn exchange(mut stream: UnixStream, ask: &Ask) -> io::Result<Told> {
    let (reader, mut writer) = stream.split();
    let mut line = serde_json::to_vec(ask)?;
    line.push(b'\n');
    writer.write_all(&line).await?;
    let mut told = String::new();
    BufReader::new(reader.take(TELL_MAX)).read_line(&mut told).await?;
    Ok(serde_json::from_str(&told)?)
}
