//! The policy file, read again when it changes: the owner's by the supervisor, the validated copy by the workers, so that
//! a new policy needs no restart and no process waits for another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gate_policy::Policy;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How often the file's time stamp is looked at: a `stat` costs a microsecond and misses no kind of file system.
const LOOK: Duration = Duration::from_millis(250);

/// A policy is written by a person; more than this is a mistake.
const POLICY_CAP: u64 = 1024 * 1024;

/// Reads and validates a policy file; the policy and its text.
pub(crate) fn read_policy(file: &Path) -> Result<(Policy, String), String> {
    let name = file.display().to_string();
    let size = fs::metadata(file).map_err(|error| format!("{name}: {error}"))?.len();
    if size > POLICY_CAP {
        return Err(format!("{name}: {size} bytes are more than a policy may have ({POLICY_CAP})"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let policy = Policy::from_yaml(&name, &text).map_err(|error| error.to_string())?;
    Ok((policy, text))
}

/// Calls `apply` with every valid new version and its text, once at the start and then whenever the file changes or
/// SIGHUP asks. A broken one is logged and the last good one stays in force.
pub(crate) async fn follow_policy(file: Option<PathBuf>, stop: CancellationToken, apply: impl Fn(Policy, &str)) {
    follow_file(file.as_deref(), stop, async || {
        let Some(file) = &file else { return };
        match read_policy(file) {
            Ok((policy, text)) => apply(policy, &text),
            Err(error) => tracing::error!(%error, "the new policy is not used; the last good one stays in force"),
        }
    })
    .await;
}

/// Calls `look` once at the start and then whenever the file changes, comes or goes, or SIGHUP asks.
pub(crate) async fn follow_file(file: Option<&Path>, stop: CancellationToken, mut look: impl AsyncFnMut()) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return stop.cancelled().await };
    let mut seen = None;
    loop {
        let now = file.map(stamp);
        if now.is_some() && now != seen {
            seen = now;
            look().await;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => seen = None,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// What changes with a file.
pub(crate) type Stamp = (SystemTime, u64, u64);

/// Time, size and inode: an editor that replaces the file within one time stamp is seen too.
pub(crate) fn stamp(file: &Path) -> Option<Stamp> {
    use std::os::unix::fs::MetadataExt;
    let meta = fs::metadata(file).ok()?;
    Some((meta.modified().ok()?, meta.len(), meta.ino()))
}
