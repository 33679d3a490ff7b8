//! The policy file, read again when it changes: the owner's by the supervisor, the validated copy by the workers, so that
//! a new policy needs no restart and no process waits for another.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gate_policy::Policy;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::bounded;

/// How often the file's time stamp is looked at: a `stat` costs a microsecond and misses no kind of file system.
const LOOK: Duration = Duration::from_millis(250);

/// How soon a file that could not be read is read again, and complained of again.
const AGAIN: Duration = Duration::from_secs(5);

/// A policy is written by a person; more than this is a mistake.
const POLICY_CAP: u64 = 1024 * 1024;

/// A policy's file, and who may have put it there.
#[derive(Clone, Debug)]
pub(crate) struct PolicyFile {
    pub(crate) path: PathBuf,
    /// A less trusted process writes it: no link leads to what that process may not read itself.
    pub(crate) plain: bool,
}

impl PolicyFile {
    /// Its text.
    pub(crate) fn text(&self) -> Result<String, String> {
        let read = if self.plain { bounded::read_plain } else { bounded::read };
        read(&self.path, POLICY_CAP)
            .and_then(bounded::text)
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// Its text, and what that says.
    pub(crate) fn read(&self) -> Result<(Policy, String), String> {
        let text = self.text()?;
        let policy = Policy::from_yaml(&self.path.display().to_string(), &text).map_err(|error| error.to_string())?;
        Ok((policy, text))
    }
}

/// Calls `apply` with every valid new version and its text, once at the start and then whenever the file changes or
/// SIGHUP asks. A broken one is logged and the last good one stays in force; what could not be read or applied is tried
/// again. There may be none yet.
pub(crate) async fn follow_policy(file: PolicyFile, stop: CancellationToken, apply: impl Fn(Policy, &str) -> bool) {
    let mut was_there = false;
    follow_until_read(Some(&file.path), stop, async || {
        let is_there = file.path.exists();
        was_there |= is_there;
        match file.read() {
            Ok((policy, text)) => apply(policy, &text),
            Err(error) => {
                if was_there {
                    tracing::error!(%error, "the new policy is not used; the last good one stays in force");
                }
                // What somebody wrote does not mend itself, what cannot be read may.
                !is_there || file.text().is_ok()
            }
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
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use nix::sys::stat::Mode;
    use tokio::time::timeout;
    use tokio_util::sync::CancellationToken;

    use super::{POLICY_CAP, PolicyFile, follow_file, follow_policy, follow_until_read};

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

    const GOOD: &str = "version: 1\ndefault_mode: inspect\n";

    #[test]
    fn nothing_in_a_policys_place_is_waited_for_or_read_without_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| PolicyFile { path: folder.path().join(name), plain: true };
        fs::write(&file("good").path, GOOD).unwrap();
        assert_eq!(file("good").read().unwrap().1, GOOD);
        nix::unistd::mkfifo(&file("pipe").path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        fs::File::create(&file("huge").path).unwrap().set_len(POLICY_CAP + 1).unwrap();
        symlink(&file("good").path, &file("link").path).unwrap();
        symlink("/dev/zero", &file("zero").path).unwrap();
        fs::create_dir(&file("folder").path).unwrap();
        for name in ["pipe", "huge", "link", "zero", "folder", "absent"] {
            assert!(file(name).text().is_err(), "{name}");
        }
        let linked = PolicyFile { plain: false, ..file("link") };
        assert_eq!(linked.text().unwrap(), GOOD, "an owner's own may be a link");
        assert!(PolicyFile { plain: false, ..file("zero") }.text().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_that_could_not_be_handed_on_is_tried_again_and_a_wrong_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = PolicyFile { path: folder.path().join("policy.yaml"), plain: false };
        let tries = Cell::new(0);
        let third = |_, _: &str| {
            tries.set(tries.get() + 1);
            tries.get() == 3
        };
        for (text, expected) in [(GOOD, 3), ("version: 0", 0)] {
            fs::write(&file.path, text).unwrap();
            tries.set(0);
            assert!(timeout(MINUTE, follow_policy(file.clone(), CancellationToken::new(), third)).await.is_err());
            assert_eq!(tries.get(), expected, "{text}");
        }
    }
}
