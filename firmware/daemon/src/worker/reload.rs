//! The policy file, read again when it changes. Every process does this for itself, so that a new policy needs no
//! restart and no process waits for another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gate_policy::Policy;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the file's time stamp is looked at: one `stat` a second costs nothing and misses no kind of file system.
const LOOK: Duration = Duration::from_secs(1);

/// A policy is written by a person; more than this is a mistake.
const POLICY_CAP: u64 = 1024 * 1024;

/// Reads and validates a policy file.
pub(crate) fn read_policy(file: &Path) -> Result<Policy, String> {
    let name = file.display().to_string();
    let size = fs::metadata(file).map_err(|error| format!("{name}: {error}"))?.len();
    if size > POLICY_CAP {
        return Err(format!("{name}: {size} bytes are more than a policy may have ({POLICY_CAP})"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    Policy::from_yaml(&name, &text).map_err(|error| error.to_string())
}

/// Calls `apply` with every valid new version. A broken one is logged and the last good one stays in force.
pub(crate) async fn follow_policy(file: Option<PathBuf>, stop: CancellationToken, apply: impl Fn(Policy)) {
    let Some(file) = file else { return stop.cancelled().await };
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return stop.cancelled().await };
    let mut seen = stamp(&file);
    loop {
        let forced = tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        let now = stamp(&file);
        if now == seen && !forced {
            continue;
        }
        seen = now;
        match read_policy(&file) {
            Ok(policy) => {
                tracing::info!(file = %file.display(), "policy reloaded");
                apply(policy);
            }
            Err(error) => tracing::error!(%error, "the new policy is not used; the last good one stays in force"),
        }
    }
}

/// Time, size and inode: an editor that replaces the file within one time stamp is seen too.
pub(super) fn stamp(file: &Path) -> Option<(SystemTime, u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(file).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}
