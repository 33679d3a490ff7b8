//! The resolver's cache between two lives of the `dns` worker: an office that has lost its power starts with the answers of
//! before, and serves them stale should its line come back later than the puck.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gate_dns::{CacheFileError, Dns};
use tokio_util::sync::CancellationToken;

use crate::run_state;

/// How often it is written while the process runs: what a power cut may cost. Seldom, for the sake of flash memory.
const EVERY: Duration = Duration::from_secs(1800);
/// Most that is read of a file; a whole cache of the default size takes an eighth of it.
const FILE_CAP: u64 = 64 << 20;

/// Takes over what the process before had written. Answers can be asked for again, so nothing here is an error.
pub(super) fn load(dns: &Dns, file: &Path) {
    match File::open(file)
        .map_err(CacheFileError::from)
        .and_then(|from| dns.load(&mut BufReader::new(from.take(FILE_CAP))))
    {
        Ok(count) => tracing::info!(count, "took over the answers of before"),
        Err(CacheFileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!(%error, file = %file.display(), "the answers of before cannot be read"),
    }
}

/// Writes the cache from time to time, until `stop`.
pub(super) async fn keep(dns: &Arc<Dns>, file: &Path, stop: &CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
        let (dns, file) = (Arc::clone(dns), file.to_owned());
        // Disks are slow, and this thread waits for upstreams.
        let _ = tokio::task::spawn_blocking(move || save(&dns, &file)).await;
    }
}

/// Replaces the whole file.
pub(super) fn save(dns: &Dns, file: &Path) {
    let write = |out: &mut File| dns.save(&mut BufWriter::new(out)).map(drop);
    // It says what the office asked for.
    if let Err(error) = run_state::replace_with(file, 0o600, write) {
        tracing::warn!(%error, file = %file.display(), "the answers could not be kept for the next start");
    }
}
