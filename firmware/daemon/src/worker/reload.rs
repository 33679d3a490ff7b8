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

/// How soon a file that could not be read is read again, and complained of again.
const AGAIN: Duration = Duration::from_secs(5);

/// A policy is written by a person; more than this is a mistake.
const POLICY_CAP: u64 = 1024 * 1024;

/// Reads and validates a policy file; the policy and its text.
pub(crate) fn read_policy(file: &Path) -> Result<(Policy, String), String> {
    let name = file.display().to_string();
    let meta = fs::metadata(file).map_err(|error| format!("{name}: {error}"))?;
    // A device or a pipe has neither a size nor an end; the page's process may have put anything in its own folder.
    if !meta.is_file() {
        return Err(format!("{name}: is no plain file"));
    }
    let size = meta.len();
    if size > POLICY_CAP {
        return Err(format!("{name}: {size} bytes are more than a policy may have ({POLICY_CAP})"));
    }
    let text = fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let policy = Policy::from_yaml(&name, &text).map_err(|error| error.to_string())?;
    Ok((policy, text))
}

/// Calls `apply` with every valid new version and its text, once at the start and then whenever the file changes or
/// SIGHUP asks. A broken one is logged and the last good one stays in force. There may be none yet.
pub(crate) async fn follow_policy(file: PathBuf, stop: CancellationToken, apply: impl Fn(Policy, &str)) {
    let mut was_there = false;
    follow_file(Some(&file), stop, async || {
        was_there |= file.exists();
        match read_policy(&file) {
            Ok((policy, text)) => apply(policy, &text),
            Err(error) if was_there => {
                tracing::error!(%error, "the new policy is not used; the last good one stays in force");
            }
            Err(_) => {}
        }
    })
    .await;
}

/// Calls `look` once at the start and then whenever the file changes, comes or goes, or SIGHUP asks.
pub(crate) async fn follow_file(file: Option<&Path>, stop: CancellationToken, mut look: impl AsyncFnMut()) {
    follow_until_read(file, stop, async || {
        look().await;
        true
    })
    .await;
}

/// The same for a file that must not be missed: where `look` says that it could not be read, it is looked at again although
/// it did not change.
pub(crate) async fn follow_until_read(
    file: Option<&Path>,
    stop: CancellationToken,
    mut look: impl AsyncFnMut() -> bool,
) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return stop.cancelled().await };
    let mut seen = None;
    loop {
        let now = file.map(stamp);
        let mut pause = LOOK;
        if now.is_some() && now != seen {
            seen = now;
            if !look().await {
                (seen, pause) = (None, AGAIN);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = hangup.recv() => seen = None,
            () = tokio::time::sleep(pause) => {}
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    use super::{follow_file, follow_until_read};

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_read_is_read_again_although_it_did_not_change() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (looked, stop) = (Cell::new(0), CancellationToken::new());
        let fourth = async || {
            looked.set(looked.get() + 1);
            looked.get() == 4
        };
        assert!(timeout(MINUTE, follow_until_read(Some(file.path()), stop.clone(), fourth)).await.is_err());
        assert_eq!(looked.get(), 4);
        let always = async || looked.set(looked.get() + 1);
        assert!(timeout(MINUTE, follow_file(Some(file.path()), stop, always)).await.is_err());
        assert_eq!(looked.get(), 5);
    }
}
